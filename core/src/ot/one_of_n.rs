//! 1-of-2^m OT: the sender gets 2^m pads, the receiver the one it chooses.
//!
//! For m from 1 to 8. m rows of correlated OT, whose bits are those of the
//! choice \\(c \in [0, 2^m)\\), become one row over GF(2^128) = GF(2)\[X\]/...:
//!
//! \\[ Q = \sum_{b<m} X^b q_b,\quad T = \sum_{b<m} X^b t_b
//!    = Q + \Bigl(\sum_b c_b X^b\Bigr) \Delta = Q + c\,\Delta \qquad (1) \\]
//!
//! where c is read as a polynomial of degree below m. The pads are
//!
//! \\[ p_x = H(Q + x \Delta, i) \text{ for all } x, \qquad p_c = H(T, i). \qquad (2) \\]
//!
//! For \\(x \ne c\\) the input of the hash differs from T by
//! \\((x + c)\,\Delta\\), and multiplication by a non-zero constant is a
//! bijection: each offset is as uniform as \\(\Delta\\) itself, which is what
//! the tweakable correlation robustness of H is about (see [`super::random`]).
//! This is the packing of subfield VOLE into VOLE; that pads of 1-of-N OT may
//! come from one linear correlation is due to Kolesnikov and Kumaresan
//! (CRYPTO 2013). The arrangement (1) over GF(2^128) is ours.
//!
//! One hash for each pad. Making them from m random OTs instead would take 2m
//! hashes to get keys and 2^m more to combine them.
//!
//! **Bytes.** Those of m n rows. Messages on top of pads: [`send_bits`],
//! [`receive_bits`], \\(2^m w\\) bits for messages of w bits.

use super::{ChosenRows, Purpose, Receiver, Rows, Sender, pack::Widths, tweak};
use crate::{Error, Mesh, Result, arch, bits, crhash::CrHash};
use rayon::prelude::*;

/// Transfers per piece of work.
const CHUNK: usize = 256;

/// The pads of `n` 1-of-2^m OTs with random choices, low 64 bits of each: entry
/// 2^m i + x is pad x of transfer i.
pub fn send(sender: &mut impl Sender, mesh: &mut Mesh, m: usize, n: usize) -> Result<Vec<u64>> {
    let rows = sender.extend_random(mesh, rows_for(m, n)?)?;
    Ok(pads(*sender.delta().expose(), &rows, m, n))
}

/// Random choices (each below 2^m) and their pads.
pub fn receive(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    m: usize,
    n: usize,
) -> Result<(Vec<u8>, Vec<u64>)> {
    let ChosenRows { choices, rows } = receiver.extend_random(mesh, rows_for(m, n)?)?;
    Ok((unplanes(&choices, m, n), chosen_pads(&rows, m, n)))
}

/// [`send`], the receiver bringing its choices ([`receive_chosen`]).
pub fn send_chosen(
    sender: &mut impl Sender,
    mesh: &mut Mesh,
    m: usize,
    n: usize,
) -> Result<Vec<u64>> {
    let rows = sender.extend(mesh, rows_for(m, n)?)?;
    Ok(pads(*sender.delta().expose(), &rows, m, n))
}

/// The pads of these choices, each below 2^m.
pub fn receive_chosen(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    m: usize,
    choices: &[u8],
) -> Result<Vec<u64>> {
    let n = choices.len();
    let rows = receiver.extend(mesh, &planes(choices, m), rows_for(m, n)?)?;
    Ok(chosen_pads(&rows, m, n))
}

/// Bytes of the messages of [`send_bits`].
pub const fn bytes(m: usize, n: usize, width: u32) -> usize {
    8 * ((n << m) * width as usize).div_ceil(64)
}

/// OT of messages of `width` bits (1 to 64) that the sender chooses: entry
/// 2^m i + x is message x of transfer i.
pub fn send_bits(
    sender: &mut impl Sender,
    mesh: &mut Mesh,
    m: usize,
    messages: &[u64],
    width: u32,
) -> Result<()> {
    valid(width)?;
    if !messages.len().is_multiple_of(1 << m.min(8)) {
        return Err(Error::Argument("messages of a 1-of-N OT must come in groups of N".into()));
    }
    let pads = send_chosen(sender, mesh, m, messages.len() >> m)?;
    let widths = [width];
    let y = Widths(&widths).pack(pads.len(), |i| messages[i] ^ pads[i]);
    mesh.send_bulk(sender.peer(), &y)
}

/// The messages of these choices.
pub fn receive_bits(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    m: usize,
    choices: &[u8],
    width: u32,
) -> Result<Vec<u64>> {
    valid(width)?;
    let mut out = receive_chosen(receiver, mesh, m, choices)?;
    let widths = [width];
    let all = Widths(&widths);
    let total = choices.len() << m;
    let mut packed = vec![0u64; all.words(total)];
    mesh.recv_bulk(receiver.peer(), &mut packed)?;
    let mut y = vec![0u64; total];
    all.unpack(&packed, &mut y, |_, y| y);
    let mask = u64::MAX >> (64 - width);
    for ((out, y), &c) in out.iter_mut().zip(y.chunks(1 << m)).zip(choices) {
        // All of them are read: the choice shows in no address.
        let own = y.iter().zip(0u8..=255).fold(0, |sum, (&y, x)| sum | (y & equal(x, c)));
        *out = (*out ^ own) & mask;
    }
    Ok(out)
}

/// All ones if x = y, else zero.
fn equal(x: u8, y: u8) -> u64 {
    let difference = u64::from(x ^ y);
    (difference.wrapping_sub(1) as i64 >> 63) as u64
}

fn valid(width: u32) -> Result<()> {
    if width == 0 || width > 64 {
        return Err(Error::Argument(format!("messages of {width} bits: they must have 1 to 64")));
    }
    Ok(())
}

/// Rows are taken in m planes of n, each padded to whole words.
fn rows_for(m: usize, n: usize) -> Result<usize> {
    if !(1..=8).contains(&m) {
        return Err(Error::Argument(format!("1-of-2^{m} OT: the exponent must be 1 to 8")));
    }
    Ok(m * plane(n))
}

/// Rows of one plane.
pub(crate) const fn plane(n: usize) -> usize {
    n.div_ceil(64) * 64
}

/// Bit b of each choice, packed, one b after the other.
fn planes(choices: &[u8], m: usize) -> Vec<u64> {
    let words = bits::words(choices.len());
    let mut planes = vec![0u64; m * words];
    for (i, &c) in choices.iter().enumerate() {
        for b in 0..m {
            planes[b * words + i / 64] |= u64::from(c >> b & 1) << (i % 64);
        }
    }
    planes
}

fn unplanes(planes: &[u64], m: usize, n: usize) -> Vec<u8> {
    let words = bits::words(n);
    let bit = |i: usize, b: usize| (planes[b * words + i / 64] >> (i % 64) & 1) as u8;
    (0..n).map(|i| (0..m).fold(0, |c, b| c | bit(i, b) << b)).collect()
}

/// (1) for transfers `start..start + out.len()`, by Horner's rule.
fn combine(rows: &Rows, m: usize, n: usize, start: usize, out: &mut [u128]) {
    out.fill(0);
    for b in (0..m).rev() {
        let part = &rows.rows[b * plane(n) + start..][..out.len()];
        for (sum, &row) in out.iter_mut().zip(part) {
            *sum = times_x(*sum) ^ row;
        }
    }
}

/// X a in GF(2^128).
fn times_x(a: u128) -> u128 {
    a << 1 ^ (0x87 & 0u128.wrapping_sub(a >> 127))
}

/// (2) at the sender.
fn pads(delta: u128, rows: &Rows, m: usize, n: usize) -> Vec<u64> {
    let mut offsets = vec![0u128; 1 << m];
    let points: Vec<u128> = (0..1 << m).collect();
    arch::add_multiple(arch::clmul(), &mut offsets, delta, &points);
    let hash = CrHash::new();
    let mut pads = vec![0u64; n << m];
    pads.par_chunks_mut(CHUNK << m).enumerate().for_each(|(chunk, pads)| {
        let start = chunk * CHUNK;
        let len = pads.len() >> m;
        let (mut q, mut inputs) = ([0u128; CHUNK], [0u128; CHUNK]);
        let (q, inputs) = (&mut q[..len], &mut inputs[..len]);
        combine(rows, m, n, start, q);
        for (x, offset) in offsets.iter().enumerate() {
            inputs.iter_mut().zip(q.iter()).for_each(|(input, q)| *input = q ^ offset);
            hash.hash_all(tweak(Purpose::OneOfN, rows.first + start as u64), inputs);
            for (pads, &h) in pads.chunks_mut(1 << m).zip(inputs.iter()) {
                pads[x] = h as u64;
            }
        }
    });
    pads
}

/// (2) at the receiver.
fn chosen_pads(rows: &Rows, m: usize, n: usize) -> Vec<u64> {
    let hash = CrHash::new();
    let mut pads = vec![0u64; n];
    pads.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, pads)| {
        let start = chunk * CHUNK;
        let mut t = [0u128; CHUNK];
        let t = &mut t[..pads.len()];
        combine(rows, m, n, start, t);
        hash.hash_all(tweak(Purpose::OneOfN, rows.first + start as u64), t);
        pads.iter_mut().zip(t.iter()).for_each(|(pad, &h)| *pad = h as u64);
    });
    pads
}
