//! Correlated OT over a ring: the sender gets r, the receiver r + c x.
//!
//! **Paper.** Asharov, Lindell, Schneider, Zohner, CCS 2013, with
//! the corrections cut to the bits that are needed.
//!
//! The sender has a value \\(x_i\\) in \\(\mathbb Z_{2^w}\\) for each i, the
//! receiver a bit \\(c_i\\). From the pads of a random OT:
//!
//! \\[ \text{sender: } r_i = r_{i,0},\qquad y_i = r_{i,0} + x_i - r_{i,1};\qquad
//!    \text{receiver: } r_{i,c_i} + c_i y_i = r_i + c_i x_i \pmod{2^{w_i}} \qquad (1) \\]
//!
//! The widths \\(w_i\\) repeat in a cycle. A product of a shared number, where
//! bit j is worth \\(2^j\\), needs 64 - j bits of the value: widths 64, 63, ...,
//! 1 and values that are shifted by j afterwards. Results are reduced to their
//! width.
//!
//! **Malicious parties.** A sender may use any \\(x_i\\), as it may in the
//! functionality. Nothing forces it to use the same one twice; a protocol that
//! needs that must check it.
//!
//! **Rounds.** One more message after those of the rows, of the widths' sum.

use super::{
    Receiver, Sender,
    pack::{Bits, Widths},
    random,
};
use crate::{Error, Mesh, Result, ring::Ring};

/// Bytes that the sender of `n` correlated OTs of these widths sends on top of
/// the rows.
///
/// # Panics
/// If `widths` is empty.
pub fn bytes(n: usize, widths: &[u32]) -> usize {
    8 * Widths(widths).words(n)
}

/// r for each x, against a receiver in [`receive`] with the same widths.
pub fn send<R: Ring + Bits>(
    sender: &mut impl Sender,
    mesh: &mut Mesh,
    x: &[R],
    widths: &[u32],
) -> Result<Vec<R>> {
    let widths = valid::<R>(widths)?;
    let pads = random::send_chosen(sender, mesh, x.len())?;
    // (1)
    let pad = |i: usize, b: usize| from_pad::<R>(pads[i][b]);
    let y = widths.pack(x.len(), |i| pad(i, 0).plus(x[i]).minus(pad(i, 1)));
    mesh.send_bulk(sender.peer(), &y)?;
    let cut = |i: usize| {
        let (low, high) = pad(i, 0).low_bits(widths.0[i % widths.0.len()]);
        R::from_halves(low, high)
    };
    Ok((0..x.len()).map(cut).collect())
}

/// r + c x for each packed choice bit c.
pub fn receive<R: Ring + Bits>(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    choices: &[u64],
    n: usize,
    widths: &[u32],
) -> Result<Vec<R>> {
    let widths = valid::<R>(widths)?;
    let pads = random::receive_chosen(receiver, mesh, choices, n)?;
    let mut y = vec![0u64; widths.words(n)];
    mesh.recv_bulk(receiver.peer(), &mut y)?;
    let mut out = vec![R::default(); n];
    // (1)
    widths.unpack(&y, &mut out, |i, y: R| {
        let (low, high) = y.low_bits(R::BITS);
        let mask = 0u64.wrapping_sub(choices[i / 64] >> (i % 64) & 1);
        let sum = from_pad::<R>(pads[i]).plus(R::from_halves(low & mask, high & mask));
        let (low, high) = sum.low_bits(widths.0[i % widths.0.len()]);
        R::from_halves(low, high)
    });
    Ok(out)
}

fn from_pad<R: Bits>(pad: u128) -> R {
    R::from_halves(pad as u64, (pad >> 64) as u64)
}

fn valid<R: Ring>(widths: &[u32]) -> Result<Widths<'_>> {
    if widths.is_empty() || widths.iter().any(|&w| w == 0 || w > R::BITS) {
        return Err(Error::Argument(format!("widths of correlated OT must be 1 to {}", R::BITS)));
    }
    Ok(Widths(widths))
}
