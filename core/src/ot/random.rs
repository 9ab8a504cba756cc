//! Random OT: the sender gets two pads for each i, the receiver one of them.
//!
//! \\[ r_{i,0} = H(q_i, i),\quad r_{i,1} = H(q_i \oplus \Delta, i),\quad
//!    r_{i,c_i} = H(t_i, i) \qquad (1) \\]
//!
//! H is the tweakable circular-correlation-robust hash of [`crate::crhash`]
//! (Guo, Katz, Wang, Yu, IEEE S&P 2020), i the index of the row, so that a
//! malicious receiver gains nothing by making rows alike. Pads are 128 bits.
//! No message beyond those of the rows.

use super::{Purpose, Receiver, Sender, tweak};
use crate::{Mesh, Result, crhash::CrHash};
use zeroize::Zeroizing;

/// Pads, wiped after use.
pub type Pads<T> = Zeroizing<Vec<T>>;

/// Rows hashed at once: they and their pads stay in the first-level cache.
const CHUNK: usize = 256;

/// `n` pairs of pads; the receiver's bits are random ([`receive`]).
pub fn send(sender: &mut impl Sender, mesh: &mut Mesh, n: usize) -> Result<Pads<[u128; 2]>> {
    pads(sender, mesh, false, n)
}

/// `n` random bits, packed, and the pads that they choose.
pub fn receive(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    n: usize,
) -> Result<(Pads<u64>, Pads<u128>)> {
    let mut pads = Zeroizing::new(vec![0; n]);
    let finish = chosen_pads(receiver.session());
    let choices = receiver.extend_with(mesh, None, 1, &mut pads, finish)?;
    Ok((choices.into(), pads))
}

/// `n` pairs of pads; the receiver brings its bits ([`receive_chosen`]).
pub fn send_chosen(sender: &mut impl Sender, mesh: &mut Mesh, n: usize) -> Result<Pads<[u128; 2]>> {
    pads(sender, mesh, true, n)
}

/// The pads that these packed bits choose.
pub fn receive_chosen(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    choices: &[u64],
    n: usize,
) -> Result<Pads<u128>> {
    let mut pads = Zeroizing::new(vec![0; n]);
    let finish = chosen_pads(receiver.session());
    receiver.extend_with(mesh, Some(choices), 1, &mut pads, finish)?;
    Ok(pads)
}

/// (1) at the sender.
fn pads(
    sender: &mut impl Sender,
    mesh: &mut Mesh,
    chosen: bool,
    n: usize,
) -> Result<Pads<[u128; 2]>> {
    let mut pads = Zeroizing::new(vec![[0u128; 2]; n]);
    let hash = CrHash::new();
    let (delta, session) = (*sender.delta().expose(), sender.session());
    sender.extend_with(mesh, chosen, 1, &mut pads, |first, q, pads| {
        let mut index = tweak(session, Purpose::Random, first);
        for (q, pads) in q.chunks(CHUNK).zip(pads.chunks_mut(CHUNK)) {
            let (mut zero, mut one) = ([0u128; CHUNK], [0u128; CHUNK]);
            let (zero, one) = (&mut zero[..q.len()], &mut one[..q.len()]);
            zero.copy_from_slice(q);
            one.iter_mut().zip(q).for_each(|(x, q)| *x = q ^ delta);
            hash.hash_all(index, zero);
            hash.hash_all(index, one);
            for ((pad, &a), &b) in pads.iter_mut().zip(zero.iter()).zip(one.iter()) {
                *pad = [a, b];
            }
            index = index.wrapping_add(CHUNK as u128);
        }
    })?;
    Ok(pads)
}

/// (1) at the receiver.
fn chosen_pads(session: u128) -> impl Fn(u64, &[u128], &mut [u128]) + Sync {
    let hash = CrHash::new();
    move |first, t, pads| {
        pads.copy_from_slice(t);
        hash.hash_all(tweak(session, Purpose::Random, first), pads);
    }
}
