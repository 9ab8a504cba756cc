//! Hints: a map from items to field elements that looks random to whoever does
//! not know where it was programmed.
//!
//! Items are hashed into bins; each bin is a polynomial of fixed degree over
//! \\(\mathbb F_p\\), \\(p = 2^{127}-1\\), that goes through the programmed points
//! and, for the rest of its degrees of freedom, through random ones. This is the
//! polynomial OPPRF of Kolesnikov, Matania, Pinkas, Rosulek and Trieu (CCS 2017),
//! section 5, with hashing into bins instead of one polynomial of degree n.

use crate::item::{Item, digest};
use privity_core::field::{Field, Fp127};
use rand::CryptoRng;

/// Bins and points per bin, a function of the public number of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) bins: usize,
    pub(crate) load: usize,
}

/// Items per bin, on average. Larger bins waste fewer bytes and cost more
/// multiplications: 46 bytes and about 530 multiplications per item here.
pub(crate) const MEAN: usize = 32;

/// `LOAD[j]`: points per bin when there are at most 2^j bins of mean 32. More
/// items than that fall into some bin with probability at most 2^-40, by
/// Chernoff's bound and the union over bins (checked by a test).
const LOAD: [usize; 28] = [
    32, 83, 84, 84, 85, 86, 86, 87, 88, 88, 89, 90, 90, 91, 92, 92, 93, 94, 94, 95, 96, 96, 97, 97,
    98, 99, 99, 100,
];

impl Shape {
    /// The shape for `n` items, at most 2^32.
    pub(crate) fn new(n: usize) -> Self {
        let bins = n.div_ceil(MEAN).max(1);
        let j = bins.next_power_of_two().trailing_zeros() as usize;
        let load = LOAD.get(j).copied().unwrap_or(n);
        Self { bins, load: load.min(n) }
    }

    /// Bytes of a whole hint.
    pub(crate) fn bytes(&self) -> usize {
        self.bins * self.load * Fp127::BYTES
    }

    /// The bin of an item.
    pub(crate) fn bin(&self, place: &Place) -> usize {
        // Less than `bins`; the bias is below bins / 2^64.
        ((u128::from(place.bin) * self.bins as u128) >> 64) as usize
    }
}

/// Where an item stands in a hint of any shape.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    bin: u64,
    /// The abscissa ξ(x).
    pub(crate) xi: Fp127,
}

impl Place {
    pub(crate) fn new(session: &[u8; 32], item: &Item) -> Self {
        let digest = digest("place", &[session, item.as_bytes()]);
        let (xi, rest) = split(&digest);
        let mut bin = [0; 8];
        bin.copy_from_slice(&rest[..8]);
        Self { bin: u64::from_le_bytes(bin), xi }
    }
}

/// A field element from a hash.
pub(crate) fn from_digest(digest: &[u8; 32]) -> Fp127 {
    split(digest).0
}

fn split(digest: &[u8; 32]) -> (Fp127, [u8; 16]) {
    let (mut head, mut tail) = ([0; 16], [0; 16]);
    head.copy_from_slice(&digest[..16]);
    tail.copy_from_slice(&digest[16..]);
    (Fp127::from_uniform(&head), tail)
}

/// Fills up the points of one bin with random ones to `load`. Abscissas are 127
/// random bits: two of them are equal with probability below load^2 / 2^128.
pub(crate) fn pad(points: &mut Vec<(Fp127, Fp127)>, load: usize, rng: &mut impl CryptoRng) {
    let mut random = || {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Fp127::from_uniform(&bytes)
    };
    while points.len() < load {
        points.push((random(), random()));
    }
}

/// The coefficients, constant first, of the polynomial of degree less than the
/// number of points that goes through all of them (Newton's interpolation).
/// Abscissas must differ.
pub(crate) fn interpolate(points: &[(Fp127, Fp127)]) -> Vec<Fp127> {
    // Z_k(X) = prod_{j<k} (X - x_j), and its inverse at x_k.
    let mut inverses: Vec<Fp127> = (0..points.len())
        .map(|k| points[..k].iter().fold(Fp127::ONE, |z, &(x, _)| z * (points[k].0 - x)))
        .collect();
    Fp127::invert_batch(&mut inverses);

    let mut polynomial = vec![Fp127::default(); points.len()];
    let mut z = Vec::with_capacity(points.len() + 1);
    z.push(Fp127::ONE);
    for (k, (&(x, y), inverse)) in points.iter().zip(inverses).enumerate() {
        // P_{k+1} = P_k + c Z_k with c = (y_k - P_k(x_k)) / Z_k(x_k)
        let c = (y - evaluate(&polynomial[..k], x)) * inverse;
        for (p, &z) in polynomial.iter_mut().zip(&z) {
            *p = *p + c * z;
        }
        // Z_{k+1} = (X - x_k) Z_k
        z.push(Fp127::default());
        for i in (0..z.len()).rev() {
            let shifted = if i > 0 { z[i - 1] } else { Fp127::default() };
            z[i] = shifted - x * z[i];
        }
    }
    polynomial
}

/// P(x), by Horner's rule.
pub(crate) fn evaluate(polynomial: &[Fp127], x: Fp127) -> Fp127 {
    polynomial.iter().rev().fold(Fp127::default(), |y, &c| y * x + c)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn bins_overflow_at_most_once_in_2_to_the_40_runs() {
        for (j, &load) in LOAD.iter().enumerate().skip(1) {
            // P[load > k - 1] <= exp(k - mean - k ln(k / mean)) per bin (Chernoff).
            let (k, mean) = ((load + 1) as f64, MEAN as f64);
            let log2 = (k - mean - k * (k / mean).ln()) / std::f64::consts::LN_2;
            assert!(j as f64 + log2 <= -40.0, "2^{j} bins of {load}");
        }
        assert_eq!(LOAD[0], MEAN); // a single bin takes all
        assert_eq!(Shape::new(0), Shape { bins: 1, load: 0 });
        assert_eq!(Shape::new(32), Shape { bins: 1, load: 32 });
        assert_eq!(Shape::new(33), Shape { bins: 2, load: 33 });
        assert_eq!(Shape::new(1 << 20), Shape { bins: 1 << 15, load: 92 });
        assert_eq!(Shape::new(1 << 32).load, 100);
    }

    #[test]
    fn interpolation_goes_through_all_points() {
        let rng = &mut StdRng::seed_from_u64(2);
        for n in [0, 1, 2, 7, 92] {
            let mut points = Vec::new();
            pad(&mut points, n, rng);
            let polynomial = interpolate(&points);
            assert_eq!(polynomial.len(), n);
            for (x, y) in points {
                assert_eq!(evaluate(&polynomial, x), y);
            }
        }
    }

    #[test]
    fn every_bin_is_used() {
        let shape = Shape::new(3200);
        let mut count = vec![0; shape.bins];
        for i in 0..3200u32 {
            let item = Item::new(&[0; 32], &i.to_be_bytes());
            count[shape.bin(&Place::new(&[0; 32], &item))] += 1;
        }
        assert!(count.iter().all(|&c| c > 0 && c <= shape.load));
    }
}
