//! Random 1-of-16 OT of two bits, sixteen to a number: the leaves of comparisons.
//!
//! **Paper.** Rathee et al., "CrypTFlow2", CCS 2020, section 3.1 (leaves of 4
//! bits by 1-of-16 OT); the OT is that of [`privity_core::ot::one_of_n`],
//! equations (1) and (2) there, with pads cut to two bits.
//!
//! A digit takes a row \\(Q\\) over GF(2^128) with \\(T = Q + c\,\Delta\\), c
//! of 4 bits, and the sender's 16 pads are the low bits of \\(H(Q + v \Delta)\\),
//! v = 0..15, the receiver's is that with v its digit. The sender keeps the 32
//! bits of a digit in one word, pad v at bits 2v and 2v + 1.

use super::{
    link::{CotReceive, CotSend, Purpose, tweak},
    store::Wiped,
};
use privity_core::{
    Mesh, Result,
    crhash::CrHash,
    field::Gf128,
    ot::{Receiver, Sender},
};
use zeroize::Zeroizing;

/// Numbers made at once: 2^20 rows over GF(2^128).
pub(super) const NUMBERS: usize = 1 << 16;
/// Digits of a number.
pub(super) const DIGITS: usize = 16;

/// Rows hashed at once.
const ROWS: usize = 64;

/// The pads of `n` numbers, a word for each digit.
pub(super) fn send(ot: &mut CotSend, mesh: &mut Mesh, n: usize) -> Result<Wiped<u32>> {
    let (hash, delta, session) = (CrHash::new(), *ot.delta().expose(), ot.session());
    let mut multiples = Zeroizing::new([0u128; 16]);
    for (v, multiple) in multiples.iter_mut().enumerate() {
        *multiple = (Gf128(v as u128) * Gf128(delta)).0;
    }
    let mut out = Zeroizing::new(vec![0u32; DIGITS * n]);
    ot.extend_wide_with(mesh, false, 4, &mut out, |first, rows, out| {
        for (i, (q, out)) in rows.chunks(ROWS).zip(out.chunks_mut(ROWS)).enumerate() {
            let index = tweak(session, Purpose::Leaf, first + (ROWS * i) as u64, 0);
            let mut inputs = [0u128; ROWS];
            let inputs = &mut inputs[..q.len()];
            for (v, multiple) in multiples.iter().enumerate() {
                inputs.iter_mut().zip(q).for_each(|(x, q)| *x = q ^ multiple);
                hash.hash_all(index, inputs);
                for (out, &pad) in out.iter_mut().zip(inputs.iter()) {
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
    let (hash, session) = (CrHash::new(), ot.session());
    let mut pads = Zeroizing::new(vec![0u8; DIGITS * n]);
    let digits = ot.extend_wide_with(mesh, None, 4, &mut pads, |first, rows, out| {
        for (i, (t, out)) in rows.chunks(ROWS).zip(out.chunks_mut(ROWS)).enumerate() {
            let mut inputs = [0u128; ROWS];
            let inputs = &mut inputs[..t.len()];
            inputs.copy_from_slice(t);
            hash.hash_all(tweak(session, Purpose::Leaf, first + (ROWS * i) as u64, 0), inputs);
            out.iter_mut().zip(inputs.iter()).for_each(|(out, &pad)| *out = pad as u8 & 3);
        }
    })?;
    let word = |pads: &[u8]| pads.iter().rev().fold(0, |word, &p| word << 2 | u64::from(p));
    let pads = pads.chunks_exact(DIGITS).map(word).collect();
    Ok((Zeroizing::new(digits), Zeroizing::new(pads)))
}
