//! A wrapper for values that must not be printed and must be wiped.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret: wiped on drop, never printed, never compared, only reachable
/// through [`Secret::expose`].
///
/// ```
/// use privity_core::Secret;
/// let key = Secret::new([7u8; 16]);
/// assert_eq!(format!("{key:?}"), "Secret(..)");
/// assert_eq!(key.expose()[0], 7);
/// ```
#[derive(Zeroize, ZeroizeOnDrop, Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes a value in.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The value, to be changed in place.
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize> std::fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}
