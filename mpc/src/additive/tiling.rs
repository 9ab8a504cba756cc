//! How a matrix product is made, by its shape: by transfers or by lattices, and
//! how matrices are laid out in polynomials. The engine and its cost model ask
//! the same functions.
//!
//! **Papers.** Huang et al., "Cheetah", USENIX Security 2022, section 3.1.1 (products
//! as coefficients of polynomials); Hao et al., "Iron", NeurIPS 2022, section 3 (tiles of
//! matrices).
//!
//! A tile of m' x k' of the encrypted matrix A and one of k' x n' of the plain
//! matrix B become, with m' k' n' at most N,
//!
//! \\[ \hat a = \sum_{i,j} A_{ij} X^{i k' n' + k' - 1 - j}, \qquad
//!    \hat b = \sum_{j,l} B_{jl} X^{l k' + j} \qquad (1) \\]
//!
//! and \\((AB)_{il}\\) is the coefficient of \\(\hat a \hat b\\) at
//! \\(i k' n' + l k' + k' - 1\\): the exponents of other products differ from
//! k' - 1 modulo k', or belong to another i, l. Degrees from N on wrap around to places below
//! k' - 1, where no result stands. The plain polynomials are short, of degree
//! below k' n'.
//!
//! A row of tiles takes ceil(k / k') ciphertexts one way and ceil(n / n')
//! replies the other way. The search takes the tiles of fewest bytes, for A B and for
//! (B' A')', so that the matrix that is cheaper to send is the encrypted one.

use super::{Profile, gilboa};
use crate::engine::Dims;
use privity_core::{
    ot::{Security, cost as ot},
    rlwe::{N, PUBLIC_KEY_BYTES, UPLOAD_BYTES, noise, reply_bytes},
};
use std::ops::Range;

/// A product by lattices: A (m x k, encrypted) times B (k x n), in tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tiling {
    /// It is (B' A')' that is computed.
    pub(super) flip: bool,
    /// Shape of the product, after the flip.
    pub(super) dims: Dims,
    /// m', k', n'.
    pub(super) tile: Dims,
}

/// The tiling by which a product is made, or `None` if it is made by transfers:
/// what sends fewer bytes, where those of [`Profile::Lan`] count for less.
pub(super) fn lattice(profile: Profile, dims: Dims) -> Option<Tiling> {
    let tiling = cheapest(dims)?;
    let worth = match profile {
        Profile::Lan { .. } => tiling.bytes() * LAN_WORK,
        Profile::Wan { .. } => tiling.bytes(),
    };
    (worth <= transfers(profile, dims)).then_some(tiling)
}

/// On a fast network a byte of lattices takes so much longer than one of
/// transfers, as measured (`docs/additive.md`).
const LAN_WORK: u128 = 8;

/// Bytes of a product by transfers, one way. Rows of silent OT count for nothing.
fn transfers(profile: Profile, dims: Dims) -> u128 {
    let [m, k, n] = [dims.m, dims.k, dims.n].map(|x| x as u128);
    let corrections = m * k * n * 8 * gilboa::corrections::<u64>() as u128;
    let rows = 64 * k * m.min(n);
    match profile {
        Profile::Lan { k } => {
            corrections
                + ot::extend_random(k, Security::SemiHonest, 128).receiver as u128 * rows / 128
        }
        Profile::Wan { .. } => corrections,
    }
}

/// The tiling of fewest bytes; `None` if there is nothing to multiply or the
/// noise would not fit.
fn cheapest(dims: Dims) -> Option<Tiling> {
    let Dims { m, k, n } = dims;
    if m == 0 || k == 0 || n == 0 || m.checked_mul(n).is_none() {
        return None;
    }
    let flipped = Dims { m: n, k, n: m };
    let both = tilings(false, dims).chain(tilings(true, flipped));
    both.filter(Tiling::fits).min_by_key(Tiling::bytes)
}

/// All that are worth a look: of tiles that cut a side into as many parts, the smallest.
fn tilings(flip: bool, dims: Dims) -> impl Iterator<Item = Tiling> {
    sides(dims.m, N).flat_map(move |m| {
        sides(dims.k, N / m).map(move |k| {
            let n = (N / (m * k)).min(dims.n);
            Tiling { flip, dims, tile: Dims { m, k, n } }
        })
    })
}

/// Sides of a tile up to `most`.
fn sides(length: usize, most: usize) -> impl Iterator<Item = usize> {
    let parts = move |side: usize| length.div_ceil(side);
    (1..=most.min(length)).filter(move |&s| s == 1 || parts(s) < parts(s - 1))
}

impl Tiling {
    /// Bytes one way, as if there were no other direction: key, ciphertexts and replies.
    fn bytes(&self) -> u128 {
        let [rows, inner, columns] = self.parts().map(|x| x as u128);
        let results = self.dims.m as u128 * self.dims.n as u128;
        let result = (reply_bytes(1) - reply_bytes(0)) as u128;
        let row = inner * UPLOAD_BYTES as u128 + columns * reply_bytes(0) as u128;
        PUBLIC_KEY_BYTES as u128 + rows * row + results * result
    }

    /// Whether the noise stays in its budget: k n' words meet in a coefficient, m n are
    /// released.
    fn fits(&self) -> bool {
        noise::fits(self.dims.k.saturating_mul(self.tile.n), self.dims.m * self.dims.n)
    }

    /// How many tiles the sides m, k, n are cut into.
    pub(super) fn parts(&self) -> [usize; 3] {
        let (d, t) = (self.dims, self.tile);
        [d.m.div_ceil(t.m), d.k.div_ceil(t.k), d.n.div_ceil(t.n)]
    }

    /// Rows of A in part `i`.
    pub(super) fn rows(&self, i: usize) -> Range<usize> {
        part(self.dims.m, self.tile.m, i)
    }

    /// Columns of A, rows of B in part `i`.
    pub(super) fn inner(&self, i: usize) -> Range<usize> {
        part(self.dims.k, self.tile.k, i)
    }

    /// Columns of B in part `i`.
    pub(super) fn columns(&self, i: usize) -> Range<usize> {
        part(self.dims.n, self.tile.n, i)
    }

    /// log2 of the length of plain polynomials.
    pub(super) fn log(&self) -> u32 {
        (self.tile.k * self.tile.n).next_power_of_two().trailing_zeros()
    }

    /// \hat a of (1).
    pub(super) fn encrypted(&self, a: &[u64], row: usize, inner: usize) -> Vec<u64> {
        let mut out = vec![0; N];
        let stride = self.tile.k * self.tile.n;
        for (i, r) in self.rows(row).enumerate() {
            let source = &a[r * self.dims.k..][self.inner(inner)];
            for (j, &x) in source.iter().enumerate() {
                out[i * stride + self.tile.k - 1 - j] = x;
            }
        }
        out
    }

    /// \hat b of (1), for all parts of k, appended.
    pub(super) fn plain(&self, b: &[u64], column: usize, out: &mut Vec<u64>) {
        for inner in 0..self.parts()[1] {
            let at = out.len();
            out.resize(at + (1 << self.log()), 0);
            for (j, r) in self.inner(inner).enumerate() {
                let source = &b[r * self.dims.n..][self.columns(column)];
                for (l, &x) in source.iter().enumerate() {
                    out[at + l * self.tile.k + j] = x;
                }
            }
        }
    }

    /// Where the results of a tile stand, row by row.
    pub(super) fn places(&self, row: usize, column: usize) -> Vec<usize> {
        let stride = self.tile.k * self.tile.n;
        let columns = self.columns(column).len();
        let place = |i| move |l| i * stride + l * self.tile.k + self.tile.k - 1;
        (0..self.rows(row).len()).flat_map(|i| (0..columns).map(place(i))).collect()
    }

    /// Adds the results of a tile to the product.
    pub(super) fn add(&self, results: &[u64], row: usize, column: usize, c: &mut [u64]) {
        let columns = self.columns(column);
        for (r, results) in self.rows(row).zip(results.chunks_exact(columns.len())) {
            let out = &mut c[r * self.dims.n..][columns.clone()];
            out.iter_mut().zip(results).for_each(|(c, &x)| *c = c.wrapping_add(x));
        }
    }

    /// Bytes of the messages for row `row` of tiles, one way: ciphertexts (with the
    /// key, the first time), then replies.
    pub(super) fn messages(&self, row: usize) -> [usize; 2] {
        let [_, inner, columns] = self.parts();
        let key = if row == 0 { PUBLIC_KEY_BYTES } else { 0 };
        let results = self.rows(row).len() * self.dims.n;
        let replies = columns * reply_bytes(0) + reply_bytes(results) - reply_bytes(0);
        [key + inner * UPLOAD_BYTES, replies]
    }
}

fn part(length: usize, side: usize, i: usize) -> Range<usize> {
    i * side..((i + 1) * side).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dims(m: usize, k: usize, n: usize) -> Dims {
        Dims { m, k, n }
    }

    /// Products of polynomials modulo X^N + 1, by the definition.
    fn product(a: &[u64], b: &[u64], out: &mut [u64]) {
        for (j, &b) in b.iter().enumerate().filter(|x| *x.1 != 0) {
            for (i, &a) in a.iter().enumerate().filter(|x| *x.1 != 0) {
                let (x, k) = (a.wrapping_mul(b), (i + j) % N);
                out[k] = if i + j < N { out[k].wrapping_add(x) } else { out[k].wrapping_sub(x) };
            }
        }
    }

    /// (1) for all tiles, without encryption.
    fn by_polynomials(tiling: &Tiling, a: &[u64], b: &[u64]) -> Vec<u64> {
        let [rows, inner, columns] = tiling.parts();
        let mut c = vec![0; tiling.dims.m * tiling.dims.n];
        for row in 0..rows {
            for column in 0..columns {
                let (mut sum, mut plain) = (vec![0; N], vec![]);
                tiling.plain(b, column, &mut plain);
                for (t, short) in plain.chunks(1 << tiling.log()).enumerate() {
                    assert!(t < inner);
                    product(&tiling.encrypted(a, row, t), short, &mut sum);
                }
                let places = tiling.places(row, column);
                let results: Vec<u64> = places.iter().map(|&p| sum[p]).collect();
                tiling.add(&results, row, column, &mut c);
            }
        }
        c
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_tiles_give_the_product(
            (m, k, n) in (1usize..20, 1usize..20, 1usize..20),
            tile in (1usize..24, 1usize..20, 1usize..17), seed: u64
        ) {
            let word = |i: u64| seed.wrapping_add(i).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
            let a: Vec<u64> = (0..(m * k) as u64).map(word).collect();
            let b: Vec<u64> = (0..(k * n) as u64).map(|i| word(!i)).collect();
            let tile = dims(tile.0.min(m), tile.1.min(k), tile.2.min(n));
            let tiling = Tiling { flip: false, dims: dims(m, k, n), tile };
            let mut expected = vec![0; m * n];
            privity_core::ring::matmul_add(&a, &b, &mut expected, m, k, n);
            prop_assert_eq!(by_polynomials(&tiling, &a, &b), expected);
        }

        /// The cheapest tiling holds its rules, and its parts add up to its bytes.
        #[test]
        fn the_cheapest_tiling_fits(m in 1usize..3000, k in 1usize..3000, n in 1usize..3000) {
            let Some(t) = cheapest(dims(m, k, n)) else { return Ok(()) };
            prop_assert!(t.tile.m * t.tile.k * t.tile.n <= N && t.fits());
            prop_assert_eq!(t.dims, if t.flip { dims(n, k, m) } else { dims(m, k, n) });
            let sent: usize = (0..t.parts()[0]).flat_map(|row| t.messages(row)).sum();
            prop_assert_eq!(sent as u128, t.bytes());
            let other = cheapest(dims(n, k, m)).expect("the same product");
            prop_assert_eq!(other.bytes(), t.bytes());
        }
    }

    /// A tile that fills the ring: results wrap around to places without one.
    #[test]
    fn tiles_that_fill_the_ring() {
        for (m, k, n) in
            [(1, 8192, 1), (8192, 1, 1), (1, 1, 8192), (2, 4096, 1), (1, 64, 128), (4, 2, 1024)]
        {
            let a: Vec<u64> = (0..(m * k) as u64).map(|i| !i).collect();
            let b: Vec<u64> = (0..(k * n) as u64).map(|i| i * i + 1).collect();
            let tiling = Tiling { flip: false, dims: dims(m, k, n), tile: dims(m, k, n) };
            let mut expected = vec![0; m * n];
            privity_core::ring::matmul_add(&a, &b, &mut expected, m, k, n);
            assert_eq!(by_polynomials(&tiling, &a, &b), expected, "{m} {k} {n}");
        }
    }

    /// Small products stay with transfers, large ones do not, and what no noise
    /// budget covers does again.
    #[test]
    fn the_choice_goes_by_shape() {
        for profile in [Profile::LAN, Profile::WAN] {
            for (m, k, n) in [(0, 5, 5), (5, 0, 5), (1, 1, 1), (8, 8, 8)] {
                assert_eq!(lattice(profile, dims(m, k, n)), None, "{m} {k} {n}");
            }
            for d in [dims(100, 100, 100), dims(1000, 1000, 1000), dims(100_000, 100, 100)] {
                assert!(lattice(profile, d).is_some(), "{d:?}");
            }
            assert_eq!(lattice(profile, dims(1 << 20, 1 << 20, 1 << 20)), None);
            assert_eq!(lattice(profile, dims(usize::MAX, 2, usize::MAX)), None);
        }
    }
}
