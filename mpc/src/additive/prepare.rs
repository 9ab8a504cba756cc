//! Making correlated randomness: with each peer in turn, in both directions.
//!
//! With every peer, first the OTs in which the lower index is the sender, then
//! the others, then the corrections both ways. Between two parties choice bits
//! and factors may be what the extension yields; among more, every party has
//! one a and one b for all its peers, and its bits are chosen.

use super::{
    Additive, boolean, gilboa,
    gilboa::Word,
    leaf,
    link::Link,
    store::{Columns, Kind, Plan, Wiped},
    tiling,
};
use crate::engine::Dims;
use privity_core::{Error, Mesh, Result, ot::Sender, ring};
use rand::{Rng, rngs::StdRng};
use zeroize::Zeroizing;

impl Additive {
    /// Makes what is missing of `plan`, as the peers must with the same plan:
    /// the offline phase.
    pub fn prepare(&mut self, plan: &Plan) -> Result<()> {
        for (&kind, &n) in plan {
            self.check_kind(kind)?;
            let missing = n.saturating_sub(self.store.held(kind));
            self.make(kind, missing)?;
        }
        Ok(())
    }

    /// What is in stock.
    pub fn prepared(&self) -> Plan {
        self.store.plan()
    }

    /// Takes `n` items, after making what is missing.
    pub(super) fn take(&mut self, kind: Kind, n: usize) -> Result<Columns> {
        let held = self.store.held(kind);
        if held < n {
            self.make(kind, (n - held).max(kind.minimum()))?;
        }
        self.store.take(kind, n)
    }

    fn check_kind(&self, kind: Kind) -> Result<()> {
        let wrong = match kind {
            Kind::Carry { bytes } if !(1..=16).contains(&bytes) => "carries have 1 to 16 bytes",
            Kind::Carry { .. } | Kind::Leaf if self.mesh.parties() != 2 => {
                "carries and leaves are for two parties"
            }
            _ => return Ok(()),
        };
        Err(Error::Argument(wrong.into()))
    }

    /// Makes `n` items, batch by batch.
    fn make(&mut self, kind: Kind, n: usize) -> Result<()> {
        let batch = batch(kind);
        let mut left = n;
        while left > 0 {
            let now = left.min(batch);
            let columns = match kind {
                Kind::Ring => self.triples::<u64>(now)?,
                Kind::Wide => self.triples::<u128>(now)?,
                Kind::And => self.bit_triples::<1>(now)?,
                Kind::Pair => self.bit_triples::<2>(now)?,
                Kind::Carry { bytes } => self.carries(now, usize::from(bytes))?,
                Kind::Leaf => self.leaves(now)?,
                Kind::Matrix { m, k, n } => self.matrix_triple(Dims { m, k, n })?,
            };
            self.store.put(kind, columns)?;
            left -= now;
        }
        Ok(())
    }

    fn triples<R: Word>(&mut self, n: usize) -> Result<Columns> {
        let a: Wiped<R> = Zeroizing::new(random(&mut self.rng, n));
        let more = self.mesh.parties() > 2;
        let mut b: Wiped<R> = Zeroizing::new(if more { random(&mut self.rng, n) } else { vec![] });
        let mut c = Zeroizing::new(vec![R::default(); n]);
        for peer in 0..self.links.len() {
            let Some(link) = &mut self.links[peer] else { continue };
            let mesh = &mut self.mesh;
            let chosen = more.then(|| R::to_words(&b));
            let y = |i: usize| std::slice::from_ref(&a[i]);
            let (x, shares) = products(mesh, link, chosen.as_deref(), (n, 1), y)?;
            if !more {
                b = x;
            }
            c.iter_mut().zip(shares.iter()).for_each(|(c, &s)| *c = c.plus(s));
        }
        for i in 0..n {
            c[i] = c[i].plus(a[i].times(b[i]));
        }
        Ok([&a, &b, &c].map(|v| Zeroizing::new(R::to_words(v))).into())
    }

    fn matrix_triple(&mut self, dims: Dims) -> Result<Columns> {
        if let Some(tiling) = tiling::lattice(self.profile, dims) {
            let triple = self.lattice_triple(&tiling)?;
            return Ok(straight(tiling.flip, tiling.dims, triple));
        }
        // The smaller factor gives the choice bits; A B = (B' A')' for the other way.
        let flip = dims.k * dims.n < dims.m * dims.k;
        let (rows, columns) = if flip { (dims.n, dims.m) } else { (dims.m, dims.n) };
        let inner = dims.k;
        let more = self.mesh.parties() > 2;
        let fixed: Wiped<u64> = Zeroizing::new(random(&mut self.rng, inner * columns));
        let n = if more { rows * inner } else { 0 };
        let mut bits: Wiped<u64> = Zeroizing::new(random(&mut self.rng, n));
        let mut c = Zeroizing::new(vec![0u64; rows * columns]);
        // Row j of the fixed factor for entry (i, j) of the other.
        let y = |block: usize| &fixed[block % inner * columns..][..columns];
        for peer in 0..self.links.len() {
            let Some(link) = &mut self.links[peer] else { continue };
            let mesh = &mut self.mesh;
            let mut all = Zeroizing::new(Vec::with_capacity(rows * inner));
            let size = gilboa::blocks_per_message(columns);
            for at in (0..rows * inner).step_by(size) {
                let blocks = size.min(rows * inner - at);
                let chosen = more.then(|| &bits[at..at + blocks]);
                let (x, shares) = products(mesh, link, chosen, (blocks, columns), |i| y(at + i))?;
                all.extend_from_slice(&x);
                for (i, row) in shares.chunks_exact(columns.max(1)).enumerate() {
                    let out = &mut c[(at + i) / inner * columns..][..columns];
                    out.iter_mut().zip(row).for_each(|(c, &s)| *c = c.wrapping_add(s));
                }
            }
            if !more {
                bits = all;
            }
        }
        ring::matmul_add(&bits, &fixed, &mut c, rows, inner, columns);
        Ok(straight(flip, Dims { m: rows, k: inner, n: columns }, [bits, fixed, c]))
    }

    /// Triples with W products of each a, in words of 64.
    fn bit_triples<const W: usize>(&mut self, n: usize) -> Result<Columns> {
        let more = self.mesh.parties() > 2;
        let mut a: Wiped<u64> =
            Zeroizing::new(if more { random(&mut self.rng, n) } else { vec![] });
        let mut b: [Wiped<u64>; W] = std::array::from_fn(|_| {
            Zeroizing::new(if more { random(&mut self.rng, n) } else { vec![0; n] })
        });
        let mut c: [Wiped<u64>; W] = std::array::from_fn(|_| Zeroizing::new(vec![0; n]));
        for peer in 0..self.links.len() {
            let Some(link) = &mut self.links[peer] else { continue };
            let mesh = &mut self.mesh;
            let chosen = more.then(|| a.clone());
            let choices = chosen.as_ref().map(|a| &a[..]);
            let low = mesh.me() < link.sender.peer();
            let (pads, received);
            if low {
                pads = boolean::send(&mut link.sender, mesh, more, n)?;
                received = boolean::receive(&mut link.receiver, mesh, choices, n)?;
            } else {
                received = boolean::receive(&mut link.receiver, mesh, choices, n)?;
                pads = boolean::send(&mut link.sender, mesh, more, n)?;
            }
            let (x, chosen_pads) = received;
            for w in 0..W {
                for i in 0..n {
                    // (1) of `boolean`, at the sender and at the receiver
                    c[w][i] ^= pads[i][0][w] ^ chosen_pads[i][w];
                    if !more {
                        b[w][i] = pads[i][0][w] ^ pads[i][1][w];
                    }
                }
            }
            if more {
                let peer = link.sender.peer();
                let mut tau = Zeroizing::new(vec![0u64; W * n]);
                for w in 0..W {
                    for i in 0..n {
                        tau[w * n + i] = pads[i][0][w] ^ pads[i][1][w] ^ b[w][i];
                    }
                }
                mesh.send_bulk(peer, &tau)?;
                mesh.recv_bulk(peer, &mut tau)?;
                for w in 0..W {
                    for i in 0..n {
                        c[w][i] ^= tau[w * n + i] & a[i];
                    }
                }
            } else {
                a = x;
            }
        }
        for w in 0..W {
            for i in 0..n {
                c[w][i] ^= a[i] & b[w][i];
            }
        }
        Ok(std::iter::once(a).chain(b).chain(c).collect())
    }

    /// The one peer of a two-party run.
    fn only_peer(&mut self) -> Result<(&mut Mesh, &mut Link)> {
        let link = self.links.iter_mut().flatten().next();
        Ok((&mut self.mesh, link.ok_or(Error::Internal("no peer"))?))
    }

    fn carries(&mut self, n: usize, bytes: usize) -> Result<Columns> {
        let me = self.mesh.me();
        let mut y: Wiped<u64> = Zeroizing::new(vec![]);
        if me == 0 {
            y = Zeroizing::new(random(&mut self.rng, n));
            y.iter_mut().for_each(|y| *y &= 1);
        }
        let (mesh, link) = self.only_peer()?;
        let (bits, shares) = if me == 0 {
            let shares = boolean::send_carries(&mut link.sender, mesh, &y, bytes)?;
            (y, shares)
        } else {
            boolean::receive_carries(&mut link.receiver, mesh, n, bytes)?
        };
        Ok(vec![bits, Zeroizing::new(<u128 as Word>::to_words(&shares))])
    }

    fn leaves(&mut self, n: usize) -> Result<Columns> {
        let (mesh, link) = self.only_peer()?;
        if mesh.me() == 0 {
            let pads = leaf::send(&mut link.sender, mesh, n)?;
            let mut words = Zeroizing::new(vec![0u64; 8 * n]);
            bytemuck::cast_slice_mut::<u64, u32>(&mut words).copy_from_slice(&pads);
            Ok(vec![words])
        } else {
            let (digits, pads) = leaf::receive(&mut link.receiver, mesh, n)?;
            Ok(vec![digits, pads])
        }
    }
}

/// A triple of (B' A')' as one of A B, if it is flipped.
fn straight(
    flip: bool,
    Dims { m: rows, k: inner, n: columns }: Dims,
    triple: [Wiped<u64>; 3],
) -> Columns {
    if !flip {
        return triple.into();
    }
    let transposed = |x: &[u64], height: usize, width: usize| {
        let at = |i: usize| x[i % height * width + i / height];
        Zeroizing::new((0..x.len()).map(at).collect::<Vec<u64>>())
    };
    let [a, b, c] = triple;
    vec![transposed(&b, inner, columns), transposed(&a, rows, inner), transposed(&c, rows, columns)]
}

/// Items made at once: bounds memory, and is part of the protocol.
pub(super) fn batch(kind: Kind) -> usize {
    match kind {
        Kind::Ring => gilboa::CHUNK,
        Kind::Wide => gilboa::CHUNK / 4,
        Kind::And | Kind::Pair => boolean::WORDS,
        Kind::Carry { .. } => boolean::CARRIES,
        Kind::Leaf => leaf::NUMBERS,
        Kind::Matrix { .. } => 1,
    }
}

/// Products of this party's words with the peer's bits and the reverse: the
/// bits used here, as numbers, and the sum of this party's shares.
fn products<'a, R: Word>(
    mesh: &mut Mesh,
    link: &mut Link,
    chosen: Option<&[u64]>,
    (blocks, columns): (usize, usize),
    y: impl Fn(usize) -> &'a [R] + Sync,
) -> Result<(Wiped<R>, Wiped<R>)> {
    let (peer, size) = (link.sender.peer(), (blocks, columns));
    let (sent, received);
    if mesh.me() < peer {
        sent = gilboa::send(&mut link.sender, mesh, chosen.is_some(), size, y)?;
        received = gilboa::receive(&mut link.receiver, mesh, chosen, size)?;
    } else {
        received = gilboa::receive(&mut link.receiver, mesh, chosen, size)?;
        sent = gilboa::send(&mut link.sender, mesh, chosen.is_some(), size, y)?;
    }
    let (x, mut shares) = received;
    let x = Zeroizing::new(R::from_words(&x));
    sent.send(mesh, peer)?;
    gilboa::add_corrections(mesh, peer, &x, columns, &mut shares)?;
    shares.iter_mut().zip(sent.shares.iter()).for_each(|(r, &s)| *r = r.plus(s));
    Ok((x, shares))
}

/// Uniform words.
pub(super) fn random<R: Word>(rng: &mut StdRng, n: usize) -> Vec<R> {
    let mut out = vec![R::default(); n];
    rng.fill_bytes(bytemuck::cast_slice_mut(&mut out));
    out
}
