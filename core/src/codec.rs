//! Control messages on the wire: explicit, big-endian, bounded, canonical.
//!
//! Bulk vectors do not pass here; they go as raw little-endian bytes through
//! [`Mesh::send_bulk`](crate::mesh::Mesh::send_bulk).

/// Why bytes were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends before the value does.
    #[error("the message is too short")]
    TooShort,
    /// Bytes follow the value.
    #[error("{0} bytes follow the end of the message")]
    Trailing(usize),
    /// A length prefix exceeds what the protocol allows.
    #[error("a length of {got} exceeds the limit of {limit}")]
    TooLong {
        /// The declared length.
        got: u64,
        /// The limit.
        limit: usize,
    },
    /// The value has an encoding, but not this one.
    #[error("{0} is not in canonical form")]
    NotCanonical(&'static str),
}

/// Writes itself.
pub trait Encode {
    /// Appends the encoding of `self`.
    fn encode(&self, out: &mut Vec<u8>);

    /// The encoding of `self`.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

/// Reads itself.
pub trait Decode: Sized {
    /// Reads a value from the front of `input`.
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads a value that must be all of `bytes`.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let value = Self::decode(&mut input)?;
        input.finish()?;
        Ok(value)
    }
}

/// A cursor over received bytes that never panics and never allocates more
/// than it was told to.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(DecodeError::TooShort)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| DecodeError::TooShort)
    }

    /// A byte string with a 32-bit length, at most `limit`.
    pub fn bytes(&mut self, limit: usize) -> Result<&'a [u8], DecodeError> {
        let got = u32::decode(self)?;
        if got as usize > limit {
            return Err(DecodeError::TooLong { got: got.into(), limit });
        }
        self.take(got as usize)
    }

    /// UTF-8 text with a 32-bit length, at most `limit` bytes.
    pub fn text(&mut self, limit: usize) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes(limit)?).map_err(|_| DecodeError::NotCanonical("text"))
    }

    /// Refuses what is left over.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(self.rest.len())) }
    }
}

/// Appends a byte string with a 32-bit length. Control messages are far below
/// 4 GiB; a longer one is cut off by the channel's limit before it is sent.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

macro_rules! integers {
    ($($t:ty),*) => {$(
        impl Encode for $t {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        }
        impl Decode for $t {
            fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(<$t>::from_be_bytes(input.array()?))
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, u128);

impl<const N: usize> Encode for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<const N: usize> Decode for [u8; N] {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_round_trip(a: u64, b: u32, c: u128) {
            let mut out = Vec::new();
            a.encode(&mut out);
            b.encode(&mut out);
            c.encode(&mut out);
            let mut input = Reader::new(&out);
            prop_assert_eq!(u64::decode(&mut input), Ok(a));
            prop_assert_eq!(u32::decode(&mut input), Ok(b));
            prop_assert_eq!(u128::decode(&mut input), Ok(c));
            prop_assert!(input.finish().is_ok());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let mut input = Reader::new(&bytes);
            let _ = input.text(16);
            let _ = input.bytes(1 << 20);
            let _ = u64::from_bytes(&bytes);
        }
    }

    #[test]
    fn trailing_and_long_are_refused() {
        assert_eq!(u8::from_bytes(&[1, 2]), Err(DecodeError::Trailing(1)));
        let mut out = Vec::new();
        put_bytes(&mut out, &[0; 9]);
        assert_eq!(Reader::new(&out).bytes(8), Err(DecodeError::TooLong { got: 9, limit: 8 }));
    }
}
