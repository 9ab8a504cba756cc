//! Random OT: the sender gets two pads for each i, the receiver one of them.
//!
//! \\[ r_{i,0} = H(q_i, i),\quad r_{i,1} = H(q_i \oplus \Delta, i),\quad
//!    r_{i,c_i} = H(t_i, i) \qquad (1) \\]
//!
//! H is the tweakable circular-correlation-robust hash of [`crate::crhash`]
//! (Guo, Katz, Wang, Yu, IEEE S&P 2020), i the index of the row, so that a
//! malicious receiver gains nothing by making rows alike. Pads are 128 bits.
//! No message beyond those of the rows.

use super::{ChosenRows, Purpose, Receiver, Rows, Sender, tweak};
use crate::{Mesh, Result, crhash::CrHash};
use rayon::prelude::*;

/// Rows hashed at once: they and their pads stay in the first-level cache.
const CHUNK: usize = 256;

/// `n` pairs of pads; the receiver's bits are random ([`receive`]).
pub fn send(sender: &mut impl Sender, mesh: &mut Mesh, n: usize) -> Result<Vec<[u128; 2]>> {
    let rows = sender.extend_random(mesh, n)?;
    Ok(pads(*sender.delta().expose(), &rows))
}

/// `n` random bits, packed, and the pads that they choose.
pub fn receive(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    n: usize,
) -> Result<(Vec<u64>, Vec<u128>)> {
    let ChosenRows { choices, rows } = receiver.extend_random(mesh, n)?;
    Ok((choices, chosen_pads(rows)))
}

/// `n` pairs of pads; the receiver brings its bits ([`receive_chosen`]).
pub fn send_chosen(sender: &mut impl Sender, mesh: &mut Mesh, n: usize) -> Result<Vec<[u128; 2]>> {
    let rows = sender.extend(mesh, n)?;
    Ok(pads(*sender.delta().expose(), &rows))
}

/// The pads that these packed bits choose.
pub fn receive_chosen(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    choices: &[u64],
    n: usize,
) -> Result<Vec<u128>> {
    Ok(chosen_pads(receiver.extend(mesh, choices, n)?))
}

/// (1) at the sender.
fn pads(delta: u128, rows: &Rows) -> Vec<[u128; 2]> {
    let mut pads = vec![[0u128; 2]; rows.rows.len()];
    let hash = CrHash::new();
    rows.rows.par_chunks(CHUNK).zip(pads.par_chunks_mut(CHUNK)).enumerate().for_each(
        |(chunk, (q, pads))| {
            let index = tweak(Purpose::Random, rows.first + (chunk * CHUNK) as u64);
            let mut zero = [0u128; CHUNK];
            let mut one = [0u128; CHUNK];
            let (zero, one) = (&mut zero[..q.len()], &mut one[..q.len()]);
            zero.copy_from_slice(q);
            one.iter_mut().zip(q).for_each(|(x, q)| *x = q ^ delta);
            hash.hash_all(index, zero);
            hash.hash_all(index, one);
            for ((pad, &a), &b) in pads.iter_mut().zip(zero.iter()).zip(one.iter()) {
                *pad = [a, b];
            }
        },
    );
    pads
}

/// (1) at the receiver.
fn chosen_pads(rows: Rows) -> Vec<u128> {
    let Rows { first, rows: mut pads } = rows;
    let hash = CrHash::new();
    pads.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, t)| {
        hash.hash_all(tweak(Purpose::Random, first + (chunk * CHUNK) as u64), t);
    });
    pads
}
