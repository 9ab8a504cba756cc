//! The field of p = 2^127 - 1 elements. Branch-free: the values are secret.

use super::Field;
use std::ops::{Add, Mul, Neg, Sub};

/// p = 2^127 - 1, the twelfth Mersenne prime.
const P: u128 = (1 << 127) - 1;

/// An element, always in canonical form 0..p.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, Hash, zeroize::Zeroize)]
pub struct Fp127(u128);

impl Fp127 {
    /// 0
    pub const ZERO: Self = Self(0);
    /// 1
    pub const ONE: Self = Self(1);

    /// The class of any integer.
    pub fn new(value: u128) -> Self {
        Self(canonical(fold(value)))
    }

    /// The class of a signed integer: the field element for a word in two's
    /// complement.
    pub fn from_signed(value: i128) -> Self {
        // -2^127 = -1 here as well: fold the magnitude, then negate by selection.
        let sign = (value >> 127).cast_unsigned();
        let magnitude = Self::new((value.cast_unsigned() ^ sign).wrapping_sub(sign));
        let negated = -magnitude;
        Self(magnitude.0 ^ (magnitude.0 ^ negated.0) & sign)
    }

    /// The representative between -(p-1)/2 and (p-1)/2.
    pub fn to_signed(self) -> i128 {
        // All ones where the value is above (p-1)/2 = 2^126 - 1.
        let upper = ((self.0 << 1).cast_signed() >> 127).cast_unsigned();
        self.0.wrapping_sub(P & upper).cast_signed()
    }

    /// The canonical representative.
    pub fn value(self) -> u128 {
        self.0
    }

    /// An element from its canonical representative, if it is one.
    pub fn from_canonical(value: u128) -> Option<Self> {
        (value < P).then_some(Self(value))
    }

    /// Bytes of an encoded element.
    pub const BYTES: usize = 16;

    /// An element from its encoding, if it is canonical.
    pub fn decode(bytes: &[u8; 16]) -> Option<Self> {
        Self::from_canonical(u128::from_le_bytes(*bytes))
    }

    /// The canonical representative, little-endian.
    pub fn encode(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// 127 of 128 uniform bits: uniform but for a bias of 2^-127, at zero.
    pub fn from_uniform(bytes: &[u8; 16]) -> Self {
        Self::new(u128::from_le_bytes(*bytes) & P)
    }

    /// sum a_i b_i, with one reduction at the end of every few products.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn dot(a: &[Self], b: &[Self]) -> Self {
        assert_eq!(a.len(), b.len(), "vectors of different lengths");
        const LOW: u128 = u64::MAX as u128;
        let mut total = Self::ZERO;
        for (a, b) in a.chunks(1 << 20).zip(b.chunks(1 << 20)) {
            // Four columns of 64-bit halves; a million products leave room.
            let (mut s0, mut s1, mut s2, mut s3) = (0u128, 0u128, 0u128, 0u128);
            for (x, y) in a.iter().zip(b) {
                let (x0, x1, y0, y1) = (x.0 & LOW, x.0 >> 64, y.0 & LOW, y.0 >> 64);
                let (low, high) = (x0 * y0, x1 * y1);
                // Each below 2^127, so that the sum does not overflow.
                let middle = x0 * y1 + x1 * y0;
                s0 += low & LOW;
                s1 += (low >> 64) + (middle & LOW);
                s2 += (middle >> 64) + (high & LOW);
                s3 += high >> 64;
            }
            // 2^128 = 2: columns 2 and 3 weigh 2 and 2 * 2^64.
            total = total
                + Self::new(s0)
                + shift64(Self::new(s1))
                + Self::new(2 * s2)
                + shift64(Self::new(2 * s3));
        }
        total
    }
}

/// 2^64 a: a rotation of 127 bits.
fn shift64(a: Fp127) -> Fp127 {
    Fp127(canonical(((a.0 << 64) & P) | (a.0 >> 63)))
}

/// At most p to less than p.
#[inline(always)]
fn canonical(x: u128) -> u128 {
    (x + ((x + 1) >> 127)) & P
}

/// At most 2p + 1 to at most p: 2^127 = 1 here.
#[inline(always)]
fn fold(x: u128) -> u128 {
    (x & P) + (x >> 127)
}

impl Add for Fp127 {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(canonical(fold(self.0 + other.0)))
    }
}

impl Sub for Fp127 {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(canonical(fold(self.0 + (P - other.0))))
    }
}

impl Neg for Fp127 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(canonical(P - self.0))
    }
}

impl Mul for Fp127 {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        const LOW: u128 = u64::MAX as u128;
        const LOW_63: u128 = (1 << 63) - 1;
        let (a0, a1, b0, b1) = (self.0 & LOW, self.0 >> 64, other.0 & LOW, other.0 >> 64);
        // a b = 2^128 high + 2^64 middle + low; a1 and b1 have 63 bits, so that
        // neither sum overflows.
        let (high, middle, low) = (a1 * b1, a0 * b1 + a1 * b0, a0 * b0);
        // 2^128 = 2 and 2^127 = 1; each summand is below 2^127.
        let upper = fold(2 * high + ((middle & LOW_63) << 64));
        Self(canonical(fold(upper + fold((middle >> 63) + (low & P) + (low >> 127)))))
    }
}

impl Field for Fp127 {
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);

    fn point(index: usize) -> Self {
        Self(index as u128 + 1)
    }

    /// a^(p-2), where p - 2 = 2^127 - 3 is 125 ones, a zero and a one.
    fn inverse(self) -> Self {
        let mut y = self;
        for _ in 1..125 {
            y = y * y * self;
        }
        y = y * y;
        y * y * self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Double and add: no wide product in it.
    fn slow_mul(a: Fp127, b: Fp127) -> Fp127 {
        (0..127).rev().fold(Fp127(0), |acc, bit| {
            let acc = acc + acc;
            if b.0 >> bit & 1 == 1 { acc + a } else { acc }
        })
    }

    fn element() -> impl Strategy<Value = Fp127> {
        prop_oneof![
            any::<u128>().prop_map(Fp127::new),
            (0u32..127, any::<bool>())
                .prop_map(|(bit, minus)| Fp127::new((1u128 << bit) - u128::from(minus))),
            (1u128..4).prop_map(|d| Fp127(P - d)),
        ]
    }

    proptest! {
        #[test]
        fn field_axioms(a in element(), b in element(), c in element()) {
            prop_assert_eq!(a * b, slow_mul(a, b));
            prop_assert_eq!((a + b) + c, a + (b + c));
            prop_assert_eq!((a * b) * c, a * (b * c));
            prop_assert_eq!((a + b) * c, a * c + b * c);
            prop_assert_eq!(a + b - b, a);
            prop_assert_eq!(a + -a, Fp127::ZERO);
            prop_assert!((a * b).0 < P && (a + b).0 < P && (a - b).0 < P && (-a).0 < P);
            if a != Fp127::ZERO {
                prop_assert_eq!(a * a.inverse(), Fp127::ONE);
            }
            prop_assert_eq!(Fp127::from_canonical(a.value()), Some(a));
            prop_assert_eq!(Fp127::decode(&a.encode()), Some(a));
            let mut inverses = [a, b, c];
            if inverses.iter().all(|&x| x != Fp127::ZERO) {
                Fp127::invert_batch(&mut inverses);
                prop_assert_eq!(inverses[0] * a, Fp127::ONE);
                prop_assert_eq!(inverses[1] * b, Fp127::ONE);
                prop_assert_eq!(inverses[2] * c, Fp127::ONE);
            }
        }

        #[test]
        fn signed_integers(x: i128, y in any::<i64>()) {
            let x = x >> 2;
            prop_assert_eq!(Fp127::from_signed(x).to_signed(), x);
            let product = Fp127::from_signed(y.into()) * Fp127::from_signed((x as i64 >> 1).into());
            prop_assert_eq!(product.to_signed(), i128::from(y) * i128::from(x as i64 >> 1));
        }

        #[test]
        fn inner_products(pairs in prop::collection::vec((element(), element()), 0..40)) {
            let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let sum = a.iter().zip(&b).fold(Fp127::ZERO, |s, (&x, &y)| s + x * y);
            prop_assert_eq!(Fp127::dot(&a, &b), sum);
        }
    }

    #[test]
    fn edges() {
        assert_eq!(Fp127::from_canonical(P), None);
        assert_eq!(Fp127::from_canonical(u128::MAX), None);
        assert_eq!(Fp127::decode(&P.to_le_bytes()), None);
        assert_eq!(Fp127::decode(&[0xff; 16]), None);
        assert_eq!(Fp127::from_uniform(&P.to_le_bytes()), Fp127::ZERO);
        assert_eq!(Fp127::new(P), Fp127::ZERO);
        assert_eq!(Fp127::new(u128::MAX), Fp127::ONE);
        assert_eq!(Fp127::from_signed(i128::MIN), Fp127(P - 1));
        assert_eq!(Fp127::from_signed(-1).to_signed(), -1);
        // (p - 1)^2 = 1; 2^126 * 2 = 1.
        assert_eq!(Fp127(P - 1) * Fp127(P - 1), Fp127::ONE);
        assert_eq!(Fp127(1 << 126) * Fp127(2), Fp127::ONE);
    }
}
