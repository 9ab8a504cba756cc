//! Products of bits by OT: for triples over GF(2), and for the two bits that
//! decide a carry.
//!
//! **Papers.** Asharov, Lindell, Schneider, Zohner, CCS 2013, section 5.1
//! (triples over GF(2) from random OT); Rathee et al., "CrypTFlow2", CCS 2020,
//! section 3.3.2 (two triples with a common factor from one OT).
//!
//! The receiver has a bit x, the sender a string y of w bits. From the pads of
//! a random OT, cut to w bits,
//!
//! \\[ s = p_0,\quad \tau = p_0 \oplus p_1 \oplus y, \qquad
//!    r = p_x \oplus x \tau,\qquad r \oplus s = x y. \qquad (1) \\]
//!
//! If the sender may take \\(y = p_0 \oplus p_1\\), as between two parties,
//! \\(\tau\\) is zero and nothing is sent.
//!
//! Over \\(\mathbb Z_{2^{8w}}\\) the same with sums, for a bit y:
//!
//! \\[ s = -p_0,\quad \tau = p_0 - p_1 + y,\qquad r = p_x + x\tau. \qquad (2) \\]

use super::{
    link::{CotReceive, CotSend, Purpose, tweak},
    store::Wiped,
};
use privity_core::{
    Mesh, Result,
    crhash::CrHash,
    ot::{Receiver, Sender, random},
};
use zeroize::Zeroizing;

/// Words of 64 products per message.
pub(super) const WORDS: usize = 1 << 15;
/// Products over Z_2^8w per message.
pub(super) const CARRIES: usize = 1 << 19;

/// p_0 and p_1 of 64 rows as words: for either pad two planes.
pub(super) type Planes = [[u64; 2]; 2];

/// The two lowest bits of 64 pads.
fn planes(pads: &[u128]) -> [u64; 2] {
    pads.iter().enumerate().fold([0; 2], |[low, high], (i, &p)| {
        [low | (p as u64 & 1) << i, high | (p as u64 >> 1 & 1) << i]
    })
}

/// The pads of (1) for `words` times 64 rows.
pub(super) fn send(
    ot: &mut CotSend,
    mesh: &mut Mesh,
    chosen: bool,
    words: usize,
) -> Result<Wiped<Planes>> {
    let (hash, delta, session) = (CrHash::new(), *ot.delta().expose(), ot.session());
    let mut out = Zeroizing::new(vec![Planes::default(); words]);
    ot.extend_with(mesh, chosen, 64, &mut out, |first, rows, out| {
        for (i, (rows, out)) in rows.chunks_exact(64).zip(out).enumerate() {
            let index = tweak(session, Purpose::Bits, first + 64 * i as u64, 0);
            let (mut zero, mut one) = ([0u128; 64], [0u128; 64]);
            zero.copy_from_slice(rows);
            one.iter_mut().zip(rows).for_each(|(x, q)| *x = q ^ delta);
            hash.hash_all(index, &mut zero);
            hash.hash_all(index, &mut one);
            *out = [planes(&zero), planes(&one)];
        }
    })?;
    Ok(out)
}

/// The bits x in use and the planes of p_x.
pub(super) fn receive(
    ot: &mut CotReceive,
    mesh: &mut Mesh,
    choices: Option<&[u64]>,
    words: usize,
) -> Result<(Wiped<u64>, Wiped<[u64; 2]>)> {
    let (hash, session) = (CrHash::new(), ot.session());
    let mut out = Zeroizing::new(vec![[0u64; 2]; words]);
    let x = ot.extend_with(mesh, choices, 64, &mut out, |first, rows, out| {
        for (i, (rows, out)) in rows.chunks_exact(64).zip(out).enumerate() {
            let mut pads = [0u128; 64];
            pads.copy_from_slice(rows);
            hash.hash_all(tweak(session, Purpose::Bits, first + 64 * i as u64, 0), &mut pads);
            *out = planes(&pads);
        }
    })?;
    Ok((Zeroizing::new(x), out))
}

/// (2) at the sender: its shares of the products of its bits `y` with the
/// receiver's random ones.
pub(super) fn send_carries(
    ot: &mut CotSend,
    mesh: &mut Mesh,
    y: &[u64],
    bytes: usize,
) -> Result<Wiped<u128>> {
    let pads = random::send(ot, mesh, y.len())?;
    let mut message = Zeroizing::new(vec![0u8; y.len() * bytes]);
    let mut shares = Zeroizing::new(vec![0u128; y.len()]);
    for (((pads, &y), share), out) in
        pads.iter().zip(y).zip(shares.iter_mut()).zip(message.chunks_exact_mut(bytes))
    {
        let tau = pads[0].wrapping_sub(pads[1]).wrapping_add(u128::from(y));
        out.copy_from_slice(&tau.to_le_bytes()[..bytes]);
        *share = 0u128.wrapping_sub(pads[0]);
    }
    mesh.send_bulk(ot.peer(), &message)?;
    Ok(shares)
}

/// (2) at the receiver: its bits and its shares.
pub(super) fn receive_carries(
    ot: &mut CotReceive,
    mesh: &mut Mesh,
    n: usize,
    bytes: usize,
) -> Result<(Wiped<u64>, Wiped<u128>)> {
    let (packed, mut shares) = random::receive(ot, mesh, n)?;
    let mut message = Zeroizing::new(vec![0u8; n * bytes]);
    mesh.recv_bulk(ot.peer(), &mut message)?;
    let x: Vec<u64> = (0..n).map(|i| packed[i / 64] >> (i % 64) & 1).collect();
    for ((share, &x), tau) in shares.iter_mut().zip(&x).zip(message.chunks_exact(bytes)) {
        let mut word = [0; 16];
        word[..bytes].copy_from_slice(tau);
        let mask = 0u128.wrapping_sub(u128::from(x));
        *share = share.wrapping_add(u128::from_le_bytes(word) & mask);
    }
    Ok((Zeroizing::new(x), shares))
}
