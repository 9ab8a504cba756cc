//! Residues as bytes: 5 or 6 each, by the length of the prime.

use super::{KEPT, N, PRIMES};

/// A residue that is not below its prime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a residue that is not below its prime")]
pub struct OutOfRange;

/// Bytes of the seed.
pub(super) const SEED: usize = 16;

/// Bytes of an encrypted polynomial: its second component follows from the seed.
pub const UPLOAD_BYTES: usize = N * row(PRIMES.len());

/// Bytes of a public key.
pub const PUBLIC_KEY_BYTES: usize = SEED + UPLOAD_BYTES;

/// Bytes of a reply with this many results.
pub const fn reply_bytes(results: usize) -> usize {
    (N + results) * row(KEPT)
}

/// Bytes of a residue.
const fn width(prime: u64) -> usize {
    (64 - prime.leading_zeros() as usize).div_ceil(8)
}

/// Bytes of one coefficient modulo the first primes.
const fn row(primes: usize) -> usize {
    let (mut bytes, mut i) = (0, 0);
    while i < primes {
        bytes += width(PRIMES[i]);
        i += 1;
    }
    bytes
}

/// Appends the residues, prime by prime.
pub(super) fn write(residues: &[impl AsRef<[u64]>], out: &mut Vec<u8>) {
    for (values, p) in residues.iter().zip(PRIMES) {
        for x in values.as_ref() {
            out.extend_from_slice(&x.to_le_bytes()[..width(p)]);
        }
    }
}

/// The inverse, for `count` coefficients modulo the first `primes`; `bytes` must
/// have the right length.
pub(super) fn read(bytes: &[u8], primes: usize, count: usize) -> Result<Vec<Vec<u64>>, OutOfRange> {
    assert_eq!(bytes.len(), count * row(primes), "bytes of residues");
    let mut rest = bytes;
    let mut residues = Vec::with_capacity(primes);
    for p in &PRIMES[..primes] {
        let (part, tail) = rest.split_at(count * width(*p));
        rest = tail;
        let value = |bytes: &[u8]| bytes.iter().rev().fold(0, |x, &b| x << 8 | u64::from(b));
        let values: Vec<u64> = part.chunks_exact(width(*p)).map(value).collect();
        // All are looked at: what is refused is public, when it is not.
        if values.iter().fold(false, |wrong, x| wrong | (x >= p)) {
            return Err(OutOfRange);
        }
        residues.push(values);
    }
    Ok(residues)
}
