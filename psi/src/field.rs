//! The prime field of \\(p = 2^{127} - 1\\), for the hints of
//! [`three`](crate::ecdh::three). Branch-free: the values are secret.

use std::ops::{Add, Mul, Sub};

/// An element, always less than p.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) struct Fp(u128);

const P: u128 = (1 << 127) - 1;

impl Fp {
    pub(crate) const ONE: Self = Self(1);

    /// Bytes of an element.
    pub(crate) const BYTES: usize = 16;

    /// 127 of 128 uniform bits: uniform but for a bias of 2^-127, at zero.
    pub(crate) fn from_uniform(bytes: &[u8; 16]) -> Self {
        Self(canonical(u128::from_le_bytes(*bytes) & P))
    }

    /// An element from its encoding, if it is canonical.
    pub(crate) fn decode(bytes: &[u8; 16]) -> Option<Self> {
        let x = u128::from_le_bytes(*bytes);
        (x < P).then_some(Self(x))
    }

    pub(crate) fn encode(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// 1/x for each; the inverse of 0 spoils all. One inversion for all
    /// (Montgomery's trick).
    pub(crate) fn invert_batch(values: &mut [Self]) {
        let mut prefixes = Vec::with_capacity(values.len());
        let mut product = Self::ONE;
        for &x in values.iter() {
            prefixes.push(product);
            product = product * x;
        }
        let mut inverse = product.invert();
        for (x, prefix) in values.iter_mut().zip(prefixes).rev() {
            (*x, inverse) = (inverse * prefix, inverse * *x);
        }
    }

    /// x^(p-2), where p - 2 = 2^127 - 3 is 125 ones, a zero and a one.
    fn invert(self) -> Self {
        let mut y = self;
        for _ in 1..125 {
            y = y * y * self;
        }
        y = y * y;
        y * y * self
    }
}

/// At most p to less than p.
fn canonical(x: u128) -> u128 {
    (x + ((x + 1) >> 127)) & P
}

/// At most 2p to at most p: 2^127 = 1 here.
fn fold(x: u128) -> u128 {
    (x & P) + (x >> 127)
}

impl Add for Fp {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(canonical(fold(self.0 + other.0)))
    }
}

impl Sub for Fp {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(canonical(fold(self.0 + (P - other.0))))
    }
}

impl Mul for Fp {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        const LOW: u128 = u64::MAX as u128;
        const LOW_63: u128 = (1 << 63) - 1;
        let (a0, a1, b0, b1) = (self.0 & LOW, self.0 >> 64, other.0 & LOW, other.0 >> 64);
        // a·b = 2^128 high + 2^64 middle + low; a1 and b1 have 63 bits, so
        // neither sum overflows.
        let (high, middle, low) = (a1 * b1, a0 * b1 + a1 * b0, a0 * b0);
        // 2^128 = 2 and 2^127 = 1; each summand is below 2^127.
        let upper = fold(2 * high + ((middle & LOW_63) << 64));
        Self(canonical(fold(upper + fold((middle >> 63) + (low & P) + (low >> 127)))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Double and add: no wide product in it.
    fn slow_mul(a: Fp, b: Fp) -> Fp {
        (0..127).rev().fold(Fp(0), |acc, bit| {
            let acc = acc + acc;
            if b.0 >> bit & 1 == 1 { acc + a } else { acc }
        })
    }

    fn edges() -> impl Strategy<Value = Fp> {
        prop_oneof![
            any::<[u8; 16]>().prop_map(|b| Fp::from_uniform(&b)),
            (0u32..127, any::<bool>())
                .prop_map(|(bit, minus)| { if minus { Fp((1 << bit) - 1) } else { Fp(1 << bit) } }),
            (1u128..4).prop_map(|d| Fp(P - d)),
        ]
    }

    proptest! {
        #[test]
        fn products_agree_and_inverses_invert(a in edges(), b in edges(), c in edges()) {
            prop_assert_eq!(a * b, slow_mul(a, b));
            prop_assert_eq!(a + b - b, a);
            prop_assert_eq!((a + b) * c, a * c + b * c);
            prop_assert!((a * b).0 < P && (a + b).0 < P && (a - b).0 < P);
            let mut values = vec![a, b, c];
            if values.iter().all(|&x| x != Fp(0)) {
                Fp::invert_batch(&mut values);
                prop_assert_eq!(values[0] * a, Fp::ONE);
                prop_assert_eq!(values[1] * b, Fp::ONE);
                prop_assert_eq!(values[2] * c, Fp::ONE);
            }
            prop_assert_eq!(Fp::decode(&a.encode()), Some(a));
        }
    }

    #[test]
    fn encodings_at_or_above_p_are_refused() {
        assert_eq!(Fp::decode(&P.to_le_bytes()), None);
        assert_eq!(Fp::decode(&[0xff; 16]), None);
        assert_eq!(Fp::from_uniform(&P.to_le_bytes()), Fp(0));
    }
}
