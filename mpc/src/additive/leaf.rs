//! Random 1-of-16 OT of two bits, sixteen to a number: the leaves of comparisons.
//!
//! **Paper.** Rathee et al., "CrypTFlow2", CCS 2020, section 3.1 (leaves of 4
//! bits by 1-of-16 OT); the OT is that of [`privity_core::ot::one_of_n`],
//! equations (1) and (2) there, with pads cut to two bits.
//!
//! For each digit four rows become one, \\(Q = \sum_b X^b q_b\\) over
//! GF(2^128), and the sender's 16 pads are the low bits of \\(H(Q + v
//! \Delta)\\), v = 0..15, the receiver's the one with v its digit. The sender
//! keeps the 32 bits of a digit in one word, pad v at bits 2v and 2v + 1.

use super::{
    link::{CotReceive, CotSend, Purpose, tweak},
    store::Wiped,
};
use privity_core::{
    Mesh, Result,
    crhash::CrHash,
    ot::{Receiver, Sender},
};
use zeroize::Zeroizing;

/// Numbers per message of the extension.
pub(super) const NUMBERS: usize = 1 << 14;
/// Digits of a number.
pub(super) const DIGITS: usize = 16;

/// Q or T of the 16 digits of one number.
fn combine(rows: &[u128]) -> [u128; DIGITS] {
    let times_x = |a: u128| a << 1 ^ (0x87 & 0u128.wrapping_sub(a >> 127));
    std::array::from_fn(|j| {
        rows[4 * j..4 * j + 4].iter().rev().fold(0, |sum, &row| times_x(sum) ^ row)
    })
}

/// The pads of `n` numbers.
pub(super) fn send(ot: &mut CotSend, mesh: &mut Mesh, n: usize) -> Result<Wiped<[u32; DIGITS]>> {
    let (hash, delta) = (CrHash::new(), *ot.delta().expose());
    let mut multiples = Zeroizing::new([0u128; 16]);
    for v in 0..16u32 {
        let rows: [u128; 4] = std::array::from_fn(|b| if v >> b & 1 == 1 { delta } else { 0 });
        let mut padded = [0; 64];
        padded[..4].copy_from_slice(&rows);
        multiples[v as usize] = combine(&padded)[0];
    }
    let mut out = Zeroizing::new(vec![[0u32; DIGITS]; n]);
    ot.extend_with(mesh, false, 64, &mut out, |first, rows, out| {
        for (i, (rows, out)) in rows.chunks_exact(64).zip(out).enumerate() {
            let q = combine(rows);
            let index = tweak(Purpose::Leaf, first + 64 * i as u64, 0);
            for (v, multiple) in multiples.iter().enumerate() {
                let mut inputs = q;
                inputs.iter_mut().for_each(|x| *x ^= multiple);
                hash.hash_all(index, &mut inputs);
                for (out, &pad) in out.iter_mut().zip(&inputs) {
                    *out |= (pad as u32 & 3) << (2 * v);
                }
            }
        }
    })?;
    Ok(out)
}

/// Random digits, 16 to a word, and their pads, two bits each.
pub(super) fn receive(
    ot: &mut CotReceive,
    mesh: &mut Mesh,
    n: usize,
) -> Result<(Wiped<u64>, Wiped<u64>)> {
    let hash = CrHash::new();
    let mut pads = Zeroizing::new(vec![0u64; n]);
    let digits = ot.extend_with(mesh, None, 64, &mut pads, |first, rows, out| {
        for (i, (rows, out)) in rows.chunks_exact(64).zip(out).enumerate() {
            let mut t = combine(rows);
            hash.hash_all(tweak(Purpose::Leaf, first + 64 * i as u64, 0), &mut t);
            *out = t.iter().rev().fold(0, |word, &pad| word << 2 | (pad as u64 & 3));
        }
    })?;
    Ok((Zeroizing::new(digits), pads))
}
