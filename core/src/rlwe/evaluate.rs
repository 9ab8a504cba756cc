//! The evaluator: sums of products with its own polynomials, masked.

use super::{
    KEPT, LOG_N, N, PRIMES, Rns,
    cipher::{KEY, Residues, Uniform, values},
    noise::Sampler,
    rns, switch,
    wire::{self, OutOfRange, SEED},
};
use rand::CryptoRng;
use rayon::prelude::*;
use std::ops::Range;
use zeroize::Zeroizing;

/// The holder of the plain factors, for one product.
pub struct Evaluator {
    uniform: Uniform,
    sampler: Sampler,
    /// p_0 and p_1 by their values.
    key: [Vec<Vec<u64>>; 2],
}

/// An encrypted polynomial: both components by their values.
pub struct Ciphertext([Vec<Vec<u64>>; 2]);

/// Factors b_{t,l} for several replies: for each l one polynomial of 2^`log`
/// coefficients for each t, one after the other.
pub struct Factors {
    /// Coefficients as signed words, reply by reply.
    pub words: Zeroizing<Vec<u64>>,
    /// log2 of how many coefficients each polynomial has.
    pub log: u32,
}

/// A reply and the evaluator's words r.
pub struct Reply {
    /// What the decryptor gets.
    pub message: Vec<u8>,
    /// r at each place.
    pub masks: Zeroizing<Vec<u64>>,
}

/// Domains of the sampler for each reply.
const U: u64 = 0;
const ERROR: u64 = 1;
const FLOOD: u64 = 2;
const MASK: u64 = 3;
const DOMAINS: u64 = 4;

impl Evaluator {
    /// From the decryptor's [`public_key`](super::Decryptor::public_key). All that is secret
    /// follows from `rng`.
    pub fn new(public_key: &[u8], rng: &mut impl CryptoRng) -> Result<Self, OutOfRange> {
        let (seed, key) = public_key.split_at(SEED);
        let mut fixed = [0; SEED];
        fixed.copy_from_slice(seed);
        let uniform = Uniform::new(&fixed);
        let p0 = wire::read(key, PRIMES.len(), N)?;
        let p1 = (0..PRIMES.len()).map(|i| uniform.residues(KEY, i)).collect();
        Ok(Self { uniform, sampler: Sampler::new(rng), key: [p0, p1] })
    }

    /// What [`encrypt`](super::Decryptor::encrypt) sent with this index.
    pub fn read(&self, index: u64, c0: &[u8]) -> Result<Ciphertext, OutOfRange> {
        let c0 = wire::read(c0, PRIMES.len(), N)?;
        let c1 = (0..PRIMES.len()).map(|i| self.uniform.residues(KEY + 1 + index, i)).collect();
        Ok(Ciphertext([c0, c1]))
    }

    /// (2) to (4) for replies `first`, `first` + 1, ...; each number once. The
    /// results of each stand at its `places`.
    pub fn reply(
        &self,
        inputs: &[Ciphertext],
        factors: &Factors,
        first: u64,
        places: &[Vec<usize>],
    ) -> Vec<Reply> {
        let sums = sums(inputs, factors, places.len());
        let finish = |((l, sum), places): ((usize, [Residues; 2]), &Vec<usize>)| {
            self.finish(sum, first + l as u64, places)
        };
        sums.into_par_iter().enumerate().zip(places).map(finish).collect()
    }

    fn finish(&self, sum: [Residues; 2], reply: u64, places: &[usize]) -> Reply {
        let masks = self.sampler.words(reply * DOMAINS + MASK, places.len());
        let [mut d0, mut d1] = self.blind(sum, reply, places, &masks);
        switch(&mut d1);
        switch(&mut d0);
        let mut message = Vec::with_capacity(wire::reply_bytes(places.len()));
        wire::write(&d1[..KEPT], &mut message);
        wire::write(&d0[..KEPT], &mut message);
        Reply { message, masks }
    }

    /// (2) and (3): the coefficients of d_0 at the places, and of d_1.
    pub(super) fn blind(
        &self,
        [mut d0, mut d1]: [Residues; 2],
        reply: u64,
        places: &[usize],
        masks: &[u64],
    ) -> [Residues; 2] {
        let domain = reply * DOMAINS;
        let u = values(&self.sampler.ternary(domain + U));
        let error = self.sampler.errors(domain + ERROR);
        let flood = self.sampler.flood(domain + FLOOD, places.len());
        for (i, rns) in rns().iter().enumerate() {
            let ntt = &rns.ntt;
            for (d, key) in [&mut d0, &mut d1].into_iter().zip(&self.key) {
                for ((d, u), p) in d[i].iter_mut().zip(u[i].iter()).zip(&key[i]) {
                    *d = ntt.add(*d, ntt.mul(*u, *p));
                }
                ntt.inverse(&mut d[i]);
            }
            d1[i].iter_mut().zip(error.iter()).for_each(|(d, &e)| *d = ntt.add(*d, ntt.signed(e)));
            let one = |((&place, &r), &f): ((&usize, &u64), &u64)| {
                ntt.add(ntt.sub(d0[i][place], rns.scaled(r)), f)
            };
            let chosen = places.iter().zip(masks).zip(flood[i].iter()).map(one).collect();
            d0[i] = Zeroizing::new(chosen);
        }
        [d0, d1]
    }
}

/// Values that are worked on together: what is read of all inputs should stay
/// in the second-level cache.
const SLICE: usize = 64;

/// The sums of (2), by their values, for each of `replies`.
pub(super) fn sums(inputs: &[Ciphertext], factors: &Factors, replies: usize) -> Vec<[Residues; 2]> {
    let size = 1usize << factors.log;
    let per_reply = inputs.len() * size;
    assert_eq!(factors.words.len(), replies * per_reply, "factors of the replies");
    let width = SLICE.max(size);
    let mut out: Vec<[Residues; 2]> = (0..replies)
        .map(|_| [(); 2].map(|()| (0..PRIMES.len()).map(|_| Zeroizing::new(vec![0; N])).collect()))
        .collect();
    let residues = |rns: &Rns| {
        let residue = |&b: &u64| rns.ntt.signed(b.cast_signed());
        Zeroizing::new(factors.words.par_iter().with_min_len(4096).map(residue).collect())
    };
    let residues: Vec<Zeroizing<Vec<u64>>> = rns().iter().map(residues).collect();
    let slices = N / width;
    let work = |task: usize| {
        let (i, slice) = (task / slices, task % slices);
        slice_sums(i, inputs, &residues[i], factors.log, slice * width..(slice + 1) * width)
    };
    let parts: Vec<Zeroizing<Vec<u64>>> =
        (0..PRIMES.len() * slices).into_par_iter().map(work).collect();
    for (task, part) in parts.iter().enumerate() {
        let (i, slice) = (task / slices, task % slices);
        for (out, values) in out.iter_mut().zip(part.chunks_exact(2 * width)) {
            let at = slice * width..(slice + 1) * width;
            out[0][i][at.clone()].copy_from_slice(&values[..width]);
            out[1][i][at].copy_from_slice(&values[width..]);
        }
    }
    out
}

/// Modulo prime `i`, of each sum the values at these places: of the first
/// component, of the second.
fn slice_sums(
    i: usize,
    inputs: &[Ciphertext],
    residues: &[u64],
    log: u32,
    at: Range<usize>,
) -> Zeroizing<Vec<u64>> {
    let (ntt, size, width) = (&rns()[i].ntt, 1usize << log, at.len());
    let mut out = Zeroizing::new(Vec::with_capacity(residues.len() / size * 2 * width));
    let mut factor = Zeroizing::new(vec![0u64; width]);
    let mut sums = Zeroizing::new([vec![0u128; width], vec![0u128; width]]);
    for reply in residues.chunks_exact(inputs.len() * size) {
        sums.iter_mut().for_each(|s| s.fill(0));
        for (input, short) in inputs.iter().zip(reply.chunks_exact(size)) {
            factor.chunks_exact_mut(size).for_each(|part| part.copy_from_slice(short));
            ntt.finish(&mut factor, LOG_N - log, at.start >> log);
            for (sum, c) in sums.iter_mut().zip(&input.0) {
                let c = &c[i][at.clone()];
                // Below 2^98 each: 2^30 of them fit.
                for ((sum, &c), &b) in sum.iter_mut().zip(c).zip(factor.iter()) {
                    *sum += u128::from(c) * u128::from(b);
                }
            }
        }
        for sum in sums.iter() {
            out.extend(sum.iter().map(|&s| ntt.reduce_wide(s)));
        }
    }
    out
}

macro_rules! no_values {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
no_values!(Evaluator, Ciphertext, Factors, Reply);
