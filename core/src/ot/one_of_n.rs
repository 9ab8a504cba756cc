//! 1-of-2^m OT: the sender gets 2^m pads, the receiver the one it chooses.
//!
//! For m = 1, 2, 4 or 8. m rows of correlated OT, whose bits are those of the
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
//! From VOLE ([`crate::vole::silent`]) a row with a choice of m bits comes
//! directly, in the place of (1).
//!
//! **Bytes.** Those of m n rows. Messages on top of pads: [`send_bits`],
//! [`receive_bits`], \\(2^m w\\) bits for messages of w bits.

use super::{Purpose, Receiver, Sender, pack::Widths, tweak};
use crate::{Error, Mesh, Result, arch, bits, crhash::CrHash};
use zeroize::Zeroizing;

/// Transfers per piece of work.
const CHUNK: usize = 128;

/// Words that pads are cut to. Short ones take less memory, which is most of
/// the time.
pub trait Pad: Copy + Default + Send + Sync + Into<u64> {
    /// The low bits of a hash.
    fn cut(hash: u128) -> Self;
}

macro_rules! pads {
    ($($t:ty),*) => {$(
        impl Pad for $t {
            fn cut(hash: u128) -> Self {
                hash as $t
            }
        }
    )*};
}
pads!(u8, u16, u32, u64);

/// The pads of `n` 1-of-2^m OTs with random choices: entry 2^m i + x is pad x
/// of transfer i.
pub fn send<P: Pad>(
    sender: &mut impl Sender,
    mesh: &mut Mesh,
    m: usize,
    n: usize,
) -> Result<Vec<P>> {
    pads(sender, mesh, false, m, n)
}

/// Random choices (each below 2^m) and their pads.
pub fn receive<P: Pad>(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    m: usize,
    n: usize,
) -> Result<(Vec<u8>, Vec<P>)> {
    let (choices, pads) = chosen_pads(receiver, mesh, None, m, n)?;
    Ok((unpack(&choices, m, n), pads))
}

/// [`send`], the receiver bringing its choices ([`receive_chosen`]).
pub fn send_chosen<P: Pad>(
    sender: &mut impl Sender,
    mesh: &mut Mesh,
    m: usize,
    n: usize,
) -> Result<Vec<P>> {
    pads(sender, mesh, true, m, n)
}

/// The pads of these choices, each below 2^m.
pub fn receive_chosen<P: Pad>(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    m: usize,
    choices: &[u8],
) -> Result<Vec<P>> {
    let packed = pack(choices, m)?;
    Ok(chosen_pads(receiver, mesh, Some(&packed), m, choices.len())?.1)
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
    valid(m, width)?;
    if !messages.len().is_multiple_of(1 << m) {
        return Err(Error::Argument("messages of a 1-of-N OT must come in groups of N".into()));
    }
    let n = messages.len() >> m;
    let y = if width <= 8 {
        masked::<u8>(&send_chosen(sender, mesh, m, n)?, messages, width)
    } else {
        masked::<u64>(&send_chosen(sender, mesh, m, n)?, messages, width)
    };
    mesh.send_bulk(sender.peer(), &y)
}

fn masked<P: Pad>(pads: &[P], messages: &[u64], width: u32) -> Vec<u64> {
    Widths(&[width]).pack(pads.len(), |i| messages[i] ^ pads[i].into())
}

/// The messages of these choices.
pub fn receive_bits(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    m: usize,
    choices: &[u8],
    width: u32,
) -> Result<Vec<u64>> {
    valid(m, width)?;
    let mut out: Vec<u64> = receive_chosen(receiver, mesh, m, choices)?;
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
    (u64::from(x ^ y).wrapping_sub(1) as i64 >> 63) as u64
}

fn valid(m: usize, width: u32) -> Result<()> {
    if ![1, 2, 4, 8].contains(&m) {
        return Err(Error::Argument(format!("1-of-2^{m} OT: the exponent must be 1, 2, 4 or 8")));
    }
    if width == 0 || width > 64 {
        return Err(Error::Argument(format!("messages of {width} bits: they must have 1 to 64")));
    }
    Ok(())
}

/// Rows i m to i m + m - 1 belong to transfer i: its choice takes m bits.
fn pack(choices: &[u8], m: usize) -> Result<Vec<u64>> {
    valid(m, 1)?;
    let mut packed = vec![0u64; bits::words(choices.len() * m)];
    let mask = u64::from(u8::MAX >> (8 - m));
    let per = 64 / m;
    for (word, choices) in packed.iter_mut().zip(choices.chunks(per)) {
        *word = choices.iter().rev().fold(0, |w, &c| w << m | u64::from(c) & mask);
    }
    Ok(packed)
}

fn unpack(packed: &[u64], m: usize, n: usize) -> Vec<u8> {
    let (mask, per) = (u8::MAX >> (8 - m), 64 / m);
    (0..n).map(|i| (packed[i / per] >> (i % per * m)) as u8 & mask).collect()
}

/// (1), by Horner's rule.
pub(crate) fn combine(rows: &[u128]) -> u128 {
    rows.iter().rev().fold(0, |sum, &row| times_x(sum) ^ row)
}

/// X a in GF(2^128).
fn times_x(a: u128) -> u128 {
    a << 1 ^ (0x87 & 0u128.wrapping_sub(a >> 127))
}

/// Turns a function of combined rows into one of m times as many rows; the
/// index of m rows is that of the first over m, so that neighbours follow one
/// another.
pub(super) fn combined<T>(
    m: usize,
    finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
) -> impl Fn(u64, &[u128], &mut [T]) + Sync {
    move |first, rows, out| {
        let mut index = first / m as u64;
        for (rows, out) in rows.chunks(m * CHUNK).zip(out.chunks_mut(CHUNK)) {
            let mut q = [0u128; CHUNK];
            let q = &mut q[..out.len()];
            q.iter_mut().zip(rows.chunks_exact(m)).for_each(|(q, rows)| *q = combine(rows));
            finish(index, q, out);
            index += CHUNK as u64;
        }
    }
}

/// The tweak of transfer `index` of those with this m.
fn first_tweak(session: u128, m: usize, index: u64) -> u128 {
    tweak(session, Purpose::OneOfN, index).wrapping_add((m as u128) << 72)
}

/// (2) at the sender.
fn pads<P: Pad>(
    sender: &mut impl Sender,
    mesh: &mut Mesh,
    chosen: bool,
    m: usize,
    n: usize,
) -> Result<Vec<P>> {
    valid(m, 1)?;
    match m {
        1 => groups_of_pads::<P, 2>(sender, mesh, chosen, m, n),
        2 => groups_of_pads::<P, 4>(sender, mesh, chosen, m, n),
        4 => groups_of_pads::<P, 16>(sender, mesh, chosen, m, n),
        _ => groups_of_pads::<P, 256>(sender, mesh, chosen, m, n),
    }
}

/// N = 2^m.
fn groups_of_pads<P: Pad, const N: usize>(
    sender: &mut impl Sender,
    mesh: &mut Mesh,
    chosen: bool,
    m: usize,
    n: usize,
) -> Result<Vec<P>> {
    let mut offsets = Zeroizing::new([0u128; N]);
    let points: [u128; N] = std::array::from_fn(|x| x as u128);
    arch::add_multiple(arch::clmul(), &mut offsets[..], *sender.delta().expose(), &points);
    let hash = CrHash::new();
    let session = sender.session();
    let mut pads = vec![[P::default(); N]; n];
    sender.extend_wide_with(mesh, chosen, m, &mut pads, |first, q, pads| {
        let mut index = first_tweak(session, m, first);
        for (q, pads) in q.chunks(CHUNK).zip(pads.chunks_mut(CHUNK)) {
            let mut inputs = [0u128; CHUNK];
            let inputs = &mut inputs[..q.len()];
            for (x, offset) in offsets.iter().enumerate() {
                inputs.iter_mut().zip(q).for_each(|(input, q)| *input = q ^ offset);
                hash.hash_all(index, inputs);
                for (pads, &h) in pads.iter_mut().zip(inputs.iter()) {
                    pads[x] = P::cut(h);
                }
            }
            index = index.wrapping_add(CHUNK as u128);
        }
    })?;
    Ok(pads.into_flattened())
}

/// (2) at the receiver, with the choice bits.
fn chosen_pads<P: Pad>(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    choices: Option<&[u64]>,
    m: usize,
    n: usize,
) -> Result<(Vec<u64>, Vec<P>)> {
    valid(m, 1)?;
    let hash = CrHash::new();
    let session = receiver.session();
    let mut pads = vec![P::default(); n];
    let choices = receiver.extend_wide_with(mesh, choices, m, &mut pads, |first, t, pads| {
        let mut index = first_tweak(session, m, first);
        for (t, pads) in t.chunks(CHUNK).zip(pads.chunks_mut(CHUNK)) {
            let mut hashed = [0u128; CHUNK];
            let hashed = &mut hashed[..t.len()];
            hashed.copy_from_slice(t);
            hash.hash_all(index, hashed);
            pads.iter_mut().zip(hashed.iter()).for_each(|(pad, &h)| *pad = P::cut(h));
            index = index.wrapping_add(CHUNK as u128);
        }
    })?;
    Ok((choices, pads))
}
