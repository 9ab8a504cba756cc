//! The field of p = 2^61 - 1 elements.

use super::Field;
use crate::codec::{Decode, DecodeError, Encode, Reader};
use rand::Rng;
use std::ops::{Add, Mul, Neg, Sub};

/// p = 2^61 - 1, the ninth Mersenne prime.
const P: u64 = (1 << 61) - 1;

/// An element, always in canonical form 0..p. Sums and products take constant time.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, Hash, zeroize::Zeroize)]
pub struct Fp61(u64);

impl Fp61 {
    /// 0
    pub const ZERO: Self = Self(0);
    /// 1
    pub const ONE: Self = Self(1);

    /// The class of any integer.
    pub fn new(value: u64) -> Self {
        // 2^61 = 1 (mod p): fold the top three bits onto the rest.
        Self(reduce_once((value & P) + (value >> 61)))
    }

    /// The canonical representative.
    pub fn value(self) -> u64 {
        self.0
    }

    /// A uniform element, by rejection: the candidate p is drawn again.
    pub fn random(rng: &mut impl Rng) -> Self {
        loop {
            let candidate = rng.next_u64() >> 3;
            if candidate != P {
                return Self(candidate);
            }
        }
    }

    /// a^e; the exponent is public.
    pub fn pow_vartime(self, mut exponent: u64) -> Self {
        let (mut base, mut result) = (self, Self::ONE);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = result * base;
            }
            base = base * base;
            exponent >>= 1;
        }
        result
    }

    /// 1/a, or `None` for zero. By Fermat: a^(p-2).
    pub fn inverse(self) -> Option<Self> {
        let inverse = self.pow_vartime(P - 2);
        (self != Self::ZERO).then_some(inverse)
    }
}

/// `a < 2p` to canonical form, without a branch.
#[inline(always)]
fn reduce_once(a: u64) -> u64 {
    let b = a.wrapping_sub(P);
    let borrow = ((b as i64) >> 63) as u64;
    b.wrapping_add(P & borrow)
}

impl Add for Fp61 {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(reduce_once(self.0 + other.0))
    }
}

impl Sub for Fp61 {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(reduce_once(self.0 + P - other.0))
    }
}

impl Neg for Fp61 {
    type Output = Self;
    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl Mul for Fp61 {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let product = u128::from(self.0) * u128::from(other.0);
        Self(reduce_once((product as u64 & P) + (product >> 61) as u64))
    }
}

impl Field for Fp61 {
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);

    fn point(index: usize) -> Self {
        Self::new(index as u64 + 1)
    }

    fn inverse(self) -> Self {
        self.pow_vartime(P - 2)
    }
}

impl Encode for Fp61 {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

impl Decode for Fp61 {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let value = u64::decode(input)?;
        if value >= P { Err(DecodeError::NotCanonical("a field element")) } else { Ok(Self(value)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn element() -> impl Strategy<Value = Fp61> {
        prop_oneof![
            any::<u64>().prop_map(Fp61::new),
            prop::sample::select(vec![0, 1, 2, P - 1, P - 2]).prop_map(Fp61::new)
        ]
    }

    proptest! {
        #[test]
        fn field_axioms(a in element(), b in element(), c in element()) {
            prop_assert_eq!(a + b, b + a);
            prop_assert_eq!((a + b) + c, a + (b + c));
            prop_assert_eq!(a * b, b * a);
            prop_assert_eq!((a * b) * c, a * (b * c));
            prop_assert_eq!(a * (b + c), a * b + a * c);
            prop_assert_eq!(a - a, Fp61::ZERO);
            prop_assert_eq!(a + -a, Fp61::ZERO);
            match a.inverse() {
                Some(i) => prop_assert_eq!(a * i, Fp61::ONE),
                None => prop_assert_eq!(a, Fp61::ZERO),
            }
            prop_assert_eq!(Fp61::from_bytes(&a.to_bytes()), Ok(a));
        }

        #[test]
        fn agrees_with_wide_arithmetic(a: u64, b: u64) {
            let p = u128::from(P);
            let (x, y) = (Fp61::new(a), Fp61::new(b));
            prop_assert_eq!(u128::from(x.value()), u128::from(a) % p);
            prop_assert_eq!(u128::from((x * y).value()), u128::from(x.value()) * u128::from(y.value()) % p);
        }
    }

    #[test]
    fn p_is_not_an_encoding() {
        assert!(Fp61::from_bytes(&P.to_be_bytes()).is_err());
        assert_eq!(Fp61::new(P), Fp61::ZERO);
        assert_eq!(Fp61::new(u64::MAX).value(), 7);
    }
}
