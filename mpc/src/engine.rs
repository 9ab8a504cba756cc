//! What an engine must do. All algorithms above are written once, over this.
//!
//! An engine computes on shared vectors of three kinds: [`Engine::Ring`], the
//! working words of 64 bits; [`Engine::Wide`], words of 128 bits for sums that
//! outgrow them; and [`Engine::Bits`]. Every party makes the same calls in the
//! same order.
//!
//! Words are two's-complement integers. An engine may hold them in the ring
//! Z_2^64 or in a large prime field; what they have in common is the declared
//! range, within which all engines compute the same integers.
//!
//! Nothing an algorithm does may depend on a shared value, so that the engine
//! [`Shape`](crate::shape::Shape), which has no values, sees exactly the
//! messages of a real run.
//!
//! Matrices are vectors in row-major order; the shape is passed along.
//! Fixed-point numbers are ring elements that carry `f` fractional bits; the
//! engine does not know them, except that a product is divided by 2^`trunc`.
//!
//! Local operations assert that lengths agree and panic otherwise: a mismatch
//! is a bug of the calling algorithm, never an effect of a peer's message.

use privity_core::{Result, ring::Ring, share::additive};
use rand::CryptoRng;
use std::ops::Range;

/// Which computing parties learn an opened value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipients<'a> {
    /// All computing parties.
    All,
    /// These, by index in the engine.
    Only(&'a [usize]),
}

impl Recipients<'_> {
    /// Whether party `i` is among them.
    pub fn contains(&self, i: usize) -> bool {
        match self {
            Recipients::All => true,
            Recipients::Only(list) => list.contains(&i),
        }
    }
}

/// A shared vector of words, with the operations that need no message.
pub trait RingShares: Clone + Send + Sized {
    /// The public value of an element: u64 or u128, two's complement.
    type Word: Ring;
    /// Number of elements.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Public zeros.
    fn zeros(len: usize) -> Self;
    /// x + y
    fn add(&self, other: &Self) -> Self;
    /// x - y
    fn sub(&self, other: &Self) -> Self;
    /// -x
    fn neg(&self) -> Self {
        Self::zeros(self.len()).sub(self)
    }
    /// k x
    fn scale(&self, k: Self::Word) -> Self;
    /// Element by element with a public vector.
    fn mul_public(&self, k: &[Self::Word]) -> Self;
    /// The elements at `indices`, in that order; repeats are allowed.
    fn gather(&self, indices: &[usize]) -> Self;
    /// The elements of a range.
    fn slice(&self, range: Range<usize>) -> Self;
    /// One vector after the other.
    fn concat(parts: &[&Self]) -> Self;
    /// Of a matrix with `columns` columns, the sum of each row.
    fn sum_rows(&self, columns: usize) -> Self;
    /// Of a matrix with `columns` columns, the sum of each column.
    fn sum_columns(&self, columns: usize) -> Self;
    /// x_0, x_0 + x_1, x_0 + x_1 + x_2, ...
    fn prefix_sum(&self) -> Self;

    /// The transpose of a matrix with `columns` columns.
    fn transpose(&self, columns: usize) -> Self {
        let rows = self.len().checked_div(columns).unwrap_or(0);
        let indices: Vec<usize> =
            (0..columns).flat_map(|c| (0..rows).map(move |r| r * columns + c)).collect();
        self.gather(&indices)
    }

    /// Each element `times` times in a row: x_0 x_0 x_1 x_1 ...
    fn repeat_each(&self, times: usize) -> Self {
        let indices: Vec<usize> =
            (0..self.len()).flat_map(|i| std::iter::repeat_n(i, times)).collect();
        self.gather(&indices)
    }

    /// The whole vector `times` times: x_0 x_1 x_0 x_1 ...
    fn tile(&self, times: usize) -> Self {
        let indices: Vec<usize> = (0..times).flat_map(|_| 0..self.len()).collect();
        self.gather(&indices)
    }
}

/// A shared vector of bits, with the operations that need no message.
pub trait BitShares: Clone + Send + Sized {
    /// Number of bits.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// x xor y
    fn xor(&self, other: &Self) -> Self;
    /// One vector after the other.
    fn concat(parts: &[&Self]) -> Self;
    /// The bits of a range.
    fn slice(&self, range: Range<usize>) -> Self;
}

/// The shape of a matrix product: (`m` x `k`) times (`k` x `n`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    /// Rows of the left factor and of the result.
    pub m: usize,
    /// Columns of the left factor, rows of the right one.
    pub k: usize,
    /// Columns of the right factor and of the result.
    pub n: usize,
}

/// A protocol for computing on shared vectors.
///
/// **Ranges.** Values are two's-complement integers. Wherever `trunc` is not
/// zero the value to be truncated must satisfy |x| < 2^62, and comparisons need
/// |x| < 2^62 ([`MAX_BITS`]); for wide words the bound is 2^124
/// ([`WIDE_MAX_BITS`]). Beyond that the result is wrong, so importers check
/// ranges and algorithms state the growth they cause.
///
/// **Truncation** divides by 2^`trunc` and returns floor(x / 2^trunc) or that
/// plus one unit; there are no larger errors. For products the choice is random
/// and the error is zero on average, up to 2^-trunc units. A vector that was
/// input and not multiplied yet may always be rounded up.
pub trait Engine {
    /// A shared vector of 64-bit words.
    type Ring: RingShares<Word = u64>;
    /// A shared vector of 128-bit words, for sums that do not fit.
    type Wide: RingShares<Word = u128>;
    /// A shared vector of bits.
    type Bits: BitShares;
    /// A random permutation that no party knows.
    type Permutation: Send;

    /// How many words a party is given for each element by [`Engine::deal`].
    const DEALT_WORDS: usize = 1;

    /// This party's index among the computing parties.
    fn me(&self) -> usize;

    /// Number of computing parties.
    fn parties(&self) -> usize;

    /// Runs `work` as the protocol step `label`; bytes, rounds and time are
    /// counted under it.
    fn scope<T>(&mut self, label: &str, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T>;

    /// Shares a vector that computing party `owner` has. `values` is `Some`
    /// exactly at the owner; all parties know `len`.
    fn input(&mut self, owner: usize, values: Option<&[u64]>, len: usize) -> Result<Self::Ring>;

    /// What an owner that does not compute sends to each of `parties` computing
    /// parties so that they can [`Engine::import`] its values: additive shares,
    /// unless the engine says otherwise.
    fn deal(values: &[u64], parties: usize, rng: &mut impl CryptoRng) -> Vec<Vec<u64>> {
        additive::share(values, parties, rng)
    }

    /// Shares a vector from the words that its owner dealt.
    fn import(&mut self, dealt: &[u64]) -> Result<Self::Ring>;

    /// What this party sends to a recipient that does not compute: fresh shares
    /// of x, which tell together x and nothing else. Local where the randomness
    /// comes from correlated keys.
    fn export(&mut self, x: &Self::Ring) -> Result<Vec<u64>>;

    /// x from what all computing parties exported.
    fn combine(exported: &[Vec<u64>]) -> Result<Vec<u64>> {
        Ok(additive::reconstruct(exported))
    }

    /// A public vector as shares.
    fn public(&self, values: &[u64]) -> Self::Ring;

    /// x + k for a public vector k.
    fn add_public(&self, x: &Self::Ring, k: &[u64]) -> Self::Ring {
        x.add(&self.public(k))
    }

    /// Opens x. `Some` at the recipients, `None` elsewhere and in a dry run.
    fn open(&mut self, x: &Self::Ring, to: Recipients<'_>) -> Result<Option<Vec<u64>>>;

    /// Opens packed bits (see [`privity_core::bits`]).
    fn open_bits(&mut self, x: &Self::Bits, to: Recipients<'_>) -> Result<Option<Vec<u64>>>;

    /// Inner products: x and y are cut into groups of `group` consecutive
    /// elements, and each group yields sum x_i y_i / 2^trunc. One message per
    /// group, whatever its size. With `trunc` 0 nothing is truncated.
    fn dot(
        &mut self,
        x: &Self::Ring,
        y: &Self::Ring,
        group: usize,
        trunc: u32,
    ) -> Result<Self::Ring>;

    /// Element-wise product, divided by 2^trunc.
    fn mul(&mut self, x: &Self::Ring, y: &Self::Ring, trunc: u32) -> Result<Self::Ring> {
        self.dot(x, y, 1, trunc)
    }

    /// Matrix product, divided by 2^trunc. One message per element of the result.
    fn matmul(
        &mut self,
        x: &Self::Ring,
        y: &Self::Ring,
        dims: Dims,
        trunc: u32,
    ) -> Result<Self::Ring>;

    /// x / 2^bits, 1 <= bits < 62.
    fn truncate(&mut self, x: &Self::Ring, bits: u32) -> Result<Self::Ring>;

    /// x and y
    fn and(&mut self, x: &Self::Bits, y: &Self::Bits) -> Result<Self::Bits>;

    /// not x
    fn not(&self, x: &Self::Bits) -> Self::Bits;

    /// x < 0, for |x| < 2^[`MAX_BITS`], the range that all engines have in common.
    fn is_negative(&mut self, x: &Self::Ring) -> Result<Self::Bits>;

    /// x = 0
    fn is_zero(&mut self, x: &Self::Ring) -> Result<Self::Bits>;

    /// The low `width` bits of each element, 1 to 64, lowest plane first.
    fn to_bits(&mut self, x: &Self::Ring, width: usize) -> Result<Vec<Self::Bits>>;

    /// Uniform bits that no party knows.
    fn random_bits(&mut self, len: usize) -> Result<Self::Bits>;

    /// A bit as the ring element 0 or 1.
    fn bit_to_ring(&mut self, b: &Self::Bits) -> Result<Self::Ring>;

    /// The numbers whose bits are given, lowest plane first, at most 64. All
    /// planes are converted in the same rounds.
    fn compose(&mut self, planes: &[Self::Bits]) -> Result<Self::Ring> {
        let Some(first) = planes.first() else {
            return Ok(Self::Ring::zeros(0));
        };
        let len = first.len();
        let all = Self::Bits::concat(&planes.iter().collect::<Vec<_>>());
        let ring = self.bit_to_ring(&all)?;
        let mut sum = Self::Ring::zeros(len);
        for j in 0..planes.len() {
            sum = sum.add(&ring.slice(j * len..(j + 1) * len).scale(1 << j));
        }
        Ok(sum)
    }

    /// The same integers as wide words, for |x| < 2^62.
    fn widen(&mut self, x: &Self::Ring) -> Result<Self::Wide>;

    /// The same integers as 64-bit words, for |x| < 2^63. Local.
    fn narrow(&self, x: &Self::Wide) -> Self::Ring;

    /// A public wide vector as shares.
    fn public_wide(&self, values: &[u128]) -> Self::Wide;

    /// [`Engine::open`] for wide words.
    fn open_wide(&mut self, x: &Self::Wide, to: Recipients<'_>) -> Result<Option<Vec<u128>>>;

    /// [`Engine::dot`] for wide words, without truncation; the sums must stay
    /// below 2^[`WIDE_MAX_BITS`].
    fn dot_wide(&mut self, x: &Self::Wide, y: &Self::Wide, group: usize) -> Result<Self::Wide>;

    /// x / 2^bits for |x| < 2^[`WIDE_MAX_BITS`], 1 <= bits < 124; rounds as
    /// [`Engine::truncate`] does.
    fn truncate_wide(&mut self, x: &Self::Wide, bits: u32) -> Result<Self::Wide>;

    /// A uniform permutation of `n` rows that no party knows.
    fn random_permutation(&mut self, n: usize) -> Result<Self::Permutation>;

    /// Moves the rows of all columns by the same hidden permutation pi: row i of
    /// the input becomes row pi(i) of the result. The shares come out fresh, so
    /// that a column may be opened afterwards without telling pi.
    fn shuffle(
        &mut self,
        permutation: &Self::Permutation,
        columns: &[&Self::Ring],
    ) -> Result<Vec<Self::Ring>>;

    /// The inverse of [`Engine::shuffle`] by the same permutation.
    fn unshuffle(
        &mut self,
        permutation: &Self::Permutation,
        columns: &[&Self::Ring],
    ) -> Result<Vec<Self::Ring>>;
}

/// Comparisons and truncations hold for |x| < 2^`MAX_BITS`, on every engine.
pub const MAX_BITS: u32 = 62;

/// Sums of products and truncations of wide words hold for |x| below this power
/// of two, on every engine.
pub const WIDE_MAX_BITS: u32 = 124;
