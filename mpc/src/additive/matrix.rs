//! Matrix triples by lattice-based encryption.
//!
//! **Papers.** Huang et al., "Cheetah", USENIX Security 2022; the encryption and its
//! proof are in [`privity_core::rlwe`], the layout in `tiling.rs`.
//!
//! With \\(A = \sum A_p\\), \\(B = \sum B_p\\), uniform at each party, every
//! pair p, q needs shares of
//!
//! \\[ A_p B_q + A_q B_p. \qquad (1) \\]
//!
//! For the first product p encrypts \\(A_p\\) under a key of its own and q
//! multiplies, for the second the reverse, both at once: one message each way
//! with the ciphertexts, one with the replies, for every row of tiles. A
//! reply decrypts to the product less uniform words, which are the
//! evaluator's share.
//!
//! **Adversary** semi-honest. **Leakage** the shape. **Cost** `Tiling::messages` in `tiling.rs`.
//!
//! **Arrangement.** Keys, errors, floods and masks are fresh for each triple and
//! pair. The noise tells of a factor no more than \\(2^{-40}\\) for each triple
//! and direction. What multiplies is random and independent of all inputs, as with OT.

use super::{Additive, prepare::random, store::Wiped, tiling::Tiling};
use privity_core::{
    Mesh, Result, ring,
    rlwe::{
        Ciphertext, Decryptor, Evaluator, Factors, OutOfRange, PUBLIC_KEY_BYTES, Reply,
        UPLOAD_BYTES, reply_bytes,
    },
};
use rand::rngs::StdRng;
use rayon::prelude::*;
use zeroize::Zeroizing;

/// Polynomials that are encrypted or read at once.
const BATCH: usize = 32;

/// Words of plain polynomials that are multiplied at once.
const FACTORS: usize = 1 << 19;

impl Additive {
    /// A, B and their product, as the tiling has them.
    pub(super) fn lattice_triple(&mut self, tiling: &Tiling) -> Result<[Wiped<u64>; 3]> {
        let d = tiling.dims;
        let a: Wiped<u64> = Zeroizing::new(random(&mut self.rng, d.m * d.k));
        let b: Wiped<u64> = Zeroizing::new(random(&mut self.rng, d.k * d.n));
        let mut c = Zeroizing::new(vec![0; d.m * d.n]);
        ring::matmul_add(&a, &b, &mut c, d.m, d.k, d.n);
        let me = self.mesh.me();
        for peer in (0..self.mesh.parties()).filter(|&p| p != me) {
            cross_products(&mut self.mesh, peer, &mut self.rng, tiling, [&a, &b], &mut c)?;
        }
        Ok([a, b, c])
    }
}

/// (1) with one peer, added to `c`.
fn cross_products(
    mesh: &mut Mesh,
    peer: usize,
    rng: &mut StdRng,
    tiling: &Tiling,
    [a, b]: [&[u64]; 2],
    c: &mut [u64],
) -> Result<()> {
    let decryptor = Decryptor::new(rng);
    mesh.send_bulk(peer, &decryptor.public_key())?;
    let [rows, inner, columns] = tiling.parts();
    let mut evaluator: Option<Evaluator> = None;
    for row in 0..rows {
        for at in (0..inner).step_by(BATCH) {
            let encrypt = |t: usize| {
                let message = Zeroizing::new(tiling.encrypted(a, row, t));
                decryptor.encrypt((row * inner + t) as u64, &message)
            };
            let batch: Vec<Vec<u8>> =
                (at..inner.min(at + BATCH)).into_par_iter().map(encrypt).collect();
            batch.iter().try_for_each(|bytes| mesh.send_bulk(peer, bytes))?;
        }
        let evaluator = match &mut evaluator {
            Some(evaluator) => evaluator,
            none => {
                let mut key = vec![0; PUBLIC_KEY_BYTES];
                mesh.recv_bulk(peer, &mut key)?;
                let read = Evaluator::new(&key, rng);
                none.insert(read.map_err(|e| refuse(mesh, peer, e))?)
            }
        };
        let inputs = read_inputs(mesh, peer, evaluator, row * inner, inner)?;
        let group = (FACTORS / (inner << tiling.log())).clamp(1, BATCH);
        for at in (0..columns).step_by(group) {
            let range = at..columns.min(at + group);
            for (column, reply) in
                range.clone().zip(evaluate(tiling, evaluator, &inputs, b, row, range))
            {
                mesh.send_bulk(peer, &reply.message)?;
                tiling.add(&reply.masks, row, column, c);
            }
        }
        drop(inputs);
        add_replies(mesh, peer, tiling, &decryptor, row, c)?;
    }
    Ok(())
}

/// Receives `count` ciphertexts, of which the first has index `first`.
fn read_inputs(
    mesh: &mut Mesh,
    peer: usize,
    evaluator: &Evaluator,
    first: usize,
    count: usize,
) -> Result<Vec<Ciphertext>> {
    let mut inputs = Vec::with_capacity(count);
    for at in (0..count).step_by(BATCH) {
        let mut bytes = vec![0; UPLOAD_BYTES * BATCH.min(count - at)];
        for one in bytes.chunks_exact_mut(UPLOAD_BYTES) {
            mesh.recv_bulk(peer, one)?;
        }
        let read = bytes
            .par_chunks_exact(UPLOAD_BYTES)
            .enumerate()
            .map(|(i, bytes)| evaluator.read((first + at + i) as u64, bytes))
            .collect::<std::result::Result<Vec<_>, _>>();
        inputs.extend(read.map_err(|e| refuse(mesh, peer, e))?);
    }
    Ok(inputs)
}

/// The replies for some columns of tiles.
fn evaluate(
    tiling: &Tiling,
    evaluator: &Evaluator,
    inputs: &[Ciphertext],
    b: &[u64],
    row: usize,
    columns: std::ops::Range<usize>,
) -> Vec<Reply> {
    let mut words =
        Zeroizing::new(Vec::with_capacity((inputs.len() * columns.len()) << tiling.log()));
    columns.clone().for_each(|column| tiling.plain(b, column, &mut words));
    let places: Vec<Vec<usize>> = columns.clone().map(|c| tiling.places(row, c)).collect();
    let first = row * tiling.parts()[2] + columns.start;
    evaluator.reply(inputs, &Factors { words, log: tiling.log() }, first as u64, &places)
}

/// Receives the replies for a row of tiles and adds what they decrypt to.
fn add_replies(
    mesh: &mut Mesh,
    peer: usize,
    tiling: &Tiling,
    decryptor: &Decryptor,
    row: usize,
    c: &mut [u64],
) -> Result<()> {
    let columns = tiling.parts()[2];
    for at in (0..columns).step_by(BATCH) {
        let range = at..columns.min(at + BATCH);
        let mut replies = Vec::with_capacity(range.len());
        for column in range {
            let places = tiling.places(row, column);
            let mut bytes = vec![0; reply_bytes(places.len())];
            mesh.recv_bulk(peer, &mut bytes)?;
            replies.push((column, places, bytes));
        }
        let opened = replies
            .par_iter()
            .map(|(column, places, bytes)| Ok((*column, decryptor.decrypt(bytes, places)?)))
            .collect::<std::result::Result<Vec<_>, _>>();
        for (column, results) in opened.map_err(|e| refuse(mesh, peer, e))? {
            tiling.add(&results, row, column, c);
        }
    }
    Ok(())
}

fn refuse(mesh: &mut Mesh, peer: usize, error: OutOfRange) -> privity_core::Error {
    let error = mesh.deviation(peer, format!("its ciphertext has {error}"));
    mesh.abort(error)
}

#[cfg(test)]
#[allow(clippy::print_stdout)] // the seed of a failure
mod tests {
    use super::*;
    use crate::engine::Dims;
    use rand::{RngExt, SeedableRng};

    /// Both parties' factors and shares of the cross products.
    fn run(tiling: &Tiling, seed: u64) -> Vec<[Vec<u64>; 3]> {
        let meshes = Mesh::in_memory(&["ann", "ben"]).expect("two names");
        std::thread::scope(|scope| {
            let parties: Vec<_> = meshes
                .into_iter()
                .map(|mut mesh| {
                    scope.spawn(move || {
                        let me = mesh.me();
                        let mut rng = StdRng::seed_from_u64(seed + me as u64);
                        let d = tiling.dims;
                        let mut draw = |len| (0..len).map(|_| rng.random()).collect::<Vec<u64>>();
                        let (a, b) = (draw(d.m * d.k), draw(d.k * d.n));
                        let mut c = vec![0; d.m * d.n];
                        cross_products(&mut mesh, 1 - me, &mut rng, tiling, [&a, &b], &mut c)
                            .expect("honest parties");
                        let sent: usize =
                            (0..tiling.parts()[0]).flat_map(|r| tiling.messages(r)).sum();
                        assert_eq!(mesh.meter().sent(), sent as u64);
                        [a, b, c]
                    })
                })
                .collect();
            parties.into_iter().map(|p| p.join().expect("no panic")).collect()
        })
    }

    #[test]
    fn shares_of_the_cross_products() {
        let seed = rand::random::<u64>() >> 1;
        println!("seed {seed}");
        let of = |m, k, n| Dims { m, k, n };
        // Whole and broken tiles in every direction; one row, one column, one term.
        for (dims, tile) in [
            (of(1, 1, 1), of(1, 1, 1)),
            (of(1, 300, 1), of(1, 300, 1)),
            (of(1, 8193, 2), of(1, 4097, 1)),
            (of(70, 1, 3), of(64, 1, 2)),
            (of(13, 17, 11), of(5, 4, 3)),
            (of(7, 40, 9), of(7, 40, 9)),
        ] {
            let tiling = Tiling { flip: false, dims, tile };
            let [[a0, b0, c0], [a1, b1, c1]] = run(&tiling, seed).try_into().expect("two");
            let Dims { m, k, n } = dims;
            let mut expected = vec![0; m * n];
            ring::matmul_add(&a0, &b1, &mut expected, m, k, n);
            ring::matmul_add(&a1, &b0, &mut expected, m, k, n);
            assert_eq!(ring::zip(&c0, &c1, u64::wrapping_add), expected, "{dims:?} {tile:?}");
            // A share alone is masked.
            assert!(m * n < 2 || c0 != expected);
        }
    }
}
