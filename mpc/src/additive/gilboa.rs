//! Products of a number of the sender's and a number of the receiver's.
//!
//! **Paper.** Gilboa, "Two Party RSA Key Generation", CRYPTO 1999, section 4,
//! over correlated OT; the use of one OT for a whole row of a matrix is that of
//! Mohassel and Zhang, "SecureML", IEEE S&P 2017, section V.
//!
//! The receiver has x with bits \\(x_b\\), the sender \\(y\\), both modulo
//! \\(2^B\\), B = 64 or 128. For bit b the pads of a random OT are \\(p_{b,0},
//! p_{b,1}\\), of which the receiver knows \\(p_{b,x_b}\\):
//!
//! \\[\begin{aligned}
//! &\text{sender sends } \tau_b = p_{b,0} - p_{b,1} + y \bmod 2^{B-b},
//!   \qquad s = -\sum_b 2^b p_{b,0} && (1)\\\\
//! &\text{receiver: } r = \sum_b 2^b (p_{b,x_b} + x_b \tau_b),
//!   \qquad r + s = \sum_b 2^b x_b y = x y && (2)
//! \end{aligned}\\]
//!
//! Bit b is worth \\(2^b\\), so that only \\(B - b\\) bits of \\(\tau_b\\)
//! count; those of b and B - b fill one word together. A product takes B rows
//! and B/2 + 1 words (264 bytes for B = 64, 1040 for B = 128).
//!
//! A row serves all columns of y: pads of more columns are further hashes of it.
//!
//! **Privacy.** The sender sees nothing beyond the extension. The receiver sees
//! \\(\tau_b\\), masked by the pad that it lacks.

use super::{
    link::{CotReceive, CotSend, Purpose, tweak},
    store::Wiped,
};
use privity_core::{
    Mesh, Result,
    crhash::CrHash,
    ot::{Receiver, Sender},
    ring::Ring,
};
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

/// Products per message: 2^15 take 8.6 MB for B = 64.
pub(super) const CHUNK: usize = 1 << 15;

/// A word whose products are made here.
pub(super) trait Word: Ring {
    /// B/2 + 1 words of corrections, and s.
    type Entry: AsMut<[Self]> + AsRef<[Self]> + Send + Sync + Copy + Zeroize;
    const EMPTY: Self::Entry;
    /// B.
    const WIDTH: usize;
    fn shr(self, by: u32) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    /// All ones if bit b is set: the bit as a factor, without a branch.
    fn mask(self, b: u32) -> Self;
    /// Part `h` of a hash.
    fn part(hash: u128, h: usize) -> Self;
    fn from_u128(x: u128) -> Self;
    fn from_words(words: &[u64]) -> Vec<Self>;
    fn to_words(values: &[Self]) -> Vec<u64>;
}

macro_rules! word {
    ($t:ty, $entry:expr, $bits:expr) => {
        impl Word for $t {
            type Entry = [$t; $entry];
            const EMPTY: Self::Entry = [0; $entry];
            const WIDTH: usize = $bits;
            #[inline(always)]
            fn shr(self, by: u32) -> Self {
                self >> by
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline(always)]
            fn mask(self, b: u32) -> Self {
                (0 as $t).wrapping_sub(self >> b & 1)
            }
            #[inline(always)]
            fn part(hash: u128, h: usize) -> Self {
                (hash >> (h * $bits)) as $t
            }
            #[inline(always)]
            fn from_u128(x: u128) -> Self {
                x as $t
            }
            fn from_words(words: &[u64]) -> Vec<Self> {
                let per = $bits / 64;
                let word = |w: &[u64]| w.iter().rev().fold(0u128, |x, &w| x << 64 | u128::from(w));
                words.chunks(per).map(|w| word(w) as $t).collect()
            }
            fn to_words(values: &[Self]) -> Vec<u64> {
                bytemuck::cast_slice(values).to_vec()
            }
        }
    };
}
word!(u64, 34, 64);
word!(u128, 66, 128);

/// Words of corrections per product.
pub(super) const fn corrections<R: Ring>() -> usize {
    R::BITS as usize / 2 + 1
}

/// Products per message when each row serves `columns` columns.
pub(super) fn blocks_per_message(columns: usize) -> usize {
    (CHUNK / columns.max(1)).max(1)
}

/// What the sender has before its corrections leave.
pub(super) struct Sent<R: Word> {
    corrections: Wiped<R>,
    /// s for each block and column.
    pub(super) shares: Wiped<R>,
}

impl<R: Word> Sent<R> {
    /// The message of (1).
    pub(super) fn send(&self, mesh: &mut Mesh, to: usize) -> Result<()> {
        mesh.send_bulk(to, &self.corrections)
    }
}

/// (1) for `blocks` numbers of the receiver's; `y` gives the `columns` words
/// that block i is multiplied by.
pub(super) fn send<'a, R: Word>(
    ot: &mut CotSend,
    mesh: &mut Mesh,
    chosen: bool,
    (blocks, columns): (usize, usize),
    y: impl Fn(usize) -> &'a [R] + Sync,
) -> Result<Sent<R>> {
    let keys = (CrHash::new(), *ot.delta().expose(), ot.session());
    let start = ot.next_row();
    let size = corrections::<R>() + 1;
    // In full length at once: vectors that grow leave copies behind.
    let with_capacity = |n: usize| Zeroizing::new(Vec::with_capacity(n));
    let mut corrections: Wiped<R> = with_capacity(blocks * columns * (size - 1));
    let mut shares: Wiped<R> = with_capacity(blocks * columns);
    if columns == 1 {
        let mut out = Zeroizing::new(vec![R::EMPTY; blocks]);
        ot.extend_with(mesh, chosen, R::WIDTH, &mut out, |first, rows, out| {
            let at = (first - start) as usize / R::WIDTH;
            for (i, (rows, out)) in rows.chunks_exact(R::WIDTH).zip(out).enumerate() {
                let row = first + (i * R::WIDTH) as u64;
                correct(&keys, row, rows, y(at + i), out.as_mut());
            }
        })?;
        gather(out.iter().map(|o| o.as_ref()), size, &mut corrections, &mut shares);
    } else {
        let mut out: Vec<Wiped<R>> =
            (0..blocks).map(|_| Zeroizing::new(vec![R::default(); columns * size])).collect();
        ot.extend_with(mesh, chosen, R::WIDTH, &mut out, |first, rows, out| {
            let at = (first - start) as usize / R::WIDTH;
            for (i, (rows, out)) in rows.chunks_exact(R::WIDTH).zip(out).enumerate() {
                let row = first + (i * R::WIDTH) as u64;
                correct(&keys, row, rows, y(at + i), out);
            }
        })?;
        gather(out.iter().map(|o| &o[..]), size, &mut corrections, &mut shares);
    }
    Ok(Sent { corrections, shares })
}

/// Parts corrections and shares.
fn gather<'a, R: Word>(
    entries: impl Iterator<Item = &'a [R]>,
    size: usize,
    corrections: &mut Vec<R>,
    shares: &mut Vec<R>,
) {
    for entry in entries {
        for column in entry.chunks_exact(size) {
            corrections.extend_from_slice(&column[..size - 1]);
            shares.push(column[size - 1]);
        }
    }
}

/// (1) for one block.
fn correct<R: Word>(
    (hash, delta, session): &(CrHash, u128, u128),
    row: u64,
    rows: &[u128],
    y: &[R],
    out: &mut [R],
) {
    let half = R::WIDTH / 2;
    let size = half + 2;
    let (mut zero, mut one) = ([0u128; 128], [0u128; 128]);
    let (zero, one) = (&mut zero[..R::WIDTH], &mut one[..R::WIDTH]);
    let parts = 128 / R::WIDTH;
    for (t, (y, out)) in y.chunks(parts).zip(out.chunks_mut(parts * size)).enumerate() {
        zero.copy_from_slice(rows);
        one.iter_mut().zip(rows).for_each(|(x, q)| *x = q ^ delta);
        let index = tweak(*session, Purpose::Product, row, t as u64);
        hash.hash_all(index, zero);
        hash.hash_all(index, one);
        for (h, (&y, out)) in y.iter().zip(out.chunks_exact_mut(size)).enumerate() {
            let mut tau = [R::default(); 128];
            let mut sum = R::default();
            for b in 0..R::WIDTH {
                let p = R::part(zero[b], h);
                tau[b] = p.minus(R::part(one[b], h)).plus(y);
                sum = sum.plus(p.shl(b as u32));
            }
            out[0] = tau[0];
            for b in 1..half {
                let (low, high) = (b as u32, (R::WIDTH - b) as u32);
                out[b] = tau[b].shl(low).shr(low).or(tau[R::WIDTH - b].shl(high));
            }
            // Only the low half counts; the rest must not travel unmasked by use.
            out[half] = tau[half].shl(half as u32).shr(half as u32);
            out[half + 1] = R::default().minus(sum);
        }
    }
}

/// The receiver's part of (2) without the corrections; returns the bits of x
/// in use as words.
pub(super) fn receive<R: Word>(
    ot: &mut CotReceive,
    mesh: &mut Mesh,
    choices: Option<&[u64]>,
    (blocks, columns): (usize, usize),
) -> Result<(Wiped<u64>, Wiped<R>)> {
    let keys = (CrHash::new(), ot.session());
    if columns == 1 {
        let mut out = Zeroizing::new(vec![R::default(); blocks]);
        let x = ot.extend_with(mesh, choices, R::WIDTH, &mut out, |first, rows, out| {
            for (i, (rows, out)) in rows.chunks_exact(R::WIDTH).zip(out).enumerate() {
                let row = first + (i * R::WIDTH) as u64;
                weigh(&keys, row, rows, std::slice::from_mut(out));
            }
        })?;
        return Ok((Zeroizing::new(x), out));
    }
    let mut out: Vec<Wiped<R>> =
        (0..blocks).map(|_| Zeroizing::new(vec![R::default(); columns])).collect();
    let x = ot.extend_with(mesh, choices, R::WIDTH, &mut out, |first, rows, out| {
        for (i, (rows, out)) in rows.chunks_exact(R::WIDTH).zip(out).enumerate() {
            let row = first + (i * R::WIDTH) as u64;
            weigh(&keys, row, rows, out);
        }
    })?;
    let mut shares = Zeroizing::new(Vec::with_capacity(blocks * columns));
    out.iter().for_each(|o| shares.extend_from_slice(o));
    Ok((Zeroizing::new(x), shares))
}

/// The sum of 2^b p_b for one block.
fn weigh<R: Word>((hash, session): &(CrHash, u128), row: u64, rows: &[u128], out: &mut [R]) {
    let mut pads = [0u128; 128];
    let pads = &mut pads[..R::WIDTH];
    for (t, out) in out.chunks_mut(128 / R::WIDTH).enumerate() {
        pads.copy_from_slice(rows);
        hash.hash_all(tweak(*session, Purpose::Product, row, t as u64), pads);
        for (h, out) in out.iter_mut().enumerate() {
            *out = (0..R::WIDTH)
                .fold(R::default(), |sum, b| sum.plus(R::part(pads[b], h).shl(b as u32)));
        }
    }
}

/// The rest of (2): receives the corrections and adds what the bits of `x` choose.
pub(super) fn add_corrections<R: Word>(
    mesh: &mut Mesh,
    from: usize,
    x: &[R],
    columns: usize,
    shares: &mut [R],
) -> Result<()> {
    let size = corrections::<R>();
    let mut message = Zeroizing::new(vec![R::default(); shares.len() * size]);
    mesh.recv_bulk(from, &mut message)?;
    let half = R::WIDTH / 2;
    shares.par_iter_mut().zip(message.par_chunks(size)).enumerate().with_min_len(256).for_each(
        |(i, (share, tau))| {
            let x = x[i / columns];
            let mut sum = tau[0].and(x.mask(0));
            for b in 1..half {
                let (low, high) = (b as u32, (R::WIDTH - b) as u32);
                sum = sum.plus(tau[b].shl(low).and(x.mask(low)));
                sum = sum.plus(tau[b].shr(high).shl(high).and(x.mask(high)));
            }
            let middle = half as u32;
            sum = sum.plus(tau[half].shl(middle).and(x.mask(middle)));
            *share = share.plus(sum);
        },
    );
    Ok(())
}
