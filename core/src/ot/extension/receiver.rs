//! The receiver of OTs: the dealer of seeds.

use super::{
    ANSWER, BATCH, Groups, KAPPA, TILE, begin, blocks, check, check_len,
    columns::Columns,
    finish::{Scratch, TILE_ROWS, finish_kept},
    other_party,
};
use crate::{
    Error, Mesh, Result, bits,
    field::Gf128,
    ot::{Receiver, Security, base, punctured},
};
use rand::CryptoRng;
use rayon::prelude::*;
use zeroize::Zeroizing;

/// Correlated OT by SoftSpokenOT, at the side of the choice bits.
#[derive(Debug)]
pub struct CotReceiver {
    peer: usize,
    groups: Groups,
    security: Security,
    session: u128,
    columns: Columns,
    /// Blocks made so far: the PRG counters and row indices never go back.
    next: usize,
    /// A call is under way, or has failed: see [`super::BROKEN`].
    busy: bool,
}

impl CotReceiver {
    /// Sets up with `peer`, who calls [`CotSender::new`](super::CotSender::new)
    /// with the same k and security.
    pub fn new(
        mesh: &mut Mesh,
        peer: usize,
        k: usize,
        security: Security,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        Self::with_terms(mesh, peer, (k, security), "", rng)
    }

    /// [`CotReceiver::new`] as a part of a protocol with these terms.
    pub(crate) fn with_terms(
        mesh: &mut Mesh,
        peer: usize,
        (k, security): (usize, Security),
        terms: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        other_party(mesh, peer)?;
        Groups::new(k)?;
        let terms = super::terms(k, security, terms);
        let (keys, session) = base::send(mesh, peer, &terms, KAPPA, rng)?;
        Ok(Self { session, ..Self::with_keys(mesh, peer, k, security, &keys)? })
    }

    /// The part of the setup after the base OTs.
    pub(crate) fn with_keys(
        mesh: &mut Mesh,
        peer: usize,
        k: usize,
        security: Security,
        keys: &[base::KeyPair],
    ) -> Result<Self> {
        let groups = Groups::new(k)?;
        let mut seeds = Vec::with_capacity(groups.count());
        let mut message = Vec::new();
        for g in 0..groups.count() {
            // Level i of the tree stands for bit k - 1 - i.
            let keys: Vec<_> = groups.bits(g).rev().map(|b| keys[b].clone()).collect();
            let (group, part) = punctured::deal(&keys, security);
            seeds.push(group);
            message.extend_from_slice(&part);
        }
        mesh.send_bulk(peer, &message)?;
        let columns = Columns::new(groups, &seeds, 0);
        Ok(Self { peer, groups, security, session: 0, columns, next: 0, busy: false })
    }

    /// Equations (1) and (3) for one tile, of which the first `given` blocks
    /// have chosen bits; columns of t into `v`.
    fn tile(
        &self,
        first: usize,
        given: usize,
        (u, v): (&mut [u128], &mut [u128]),
        c: &mut [u128],
        d: &mut [u128],
    ) {
        let width = c.len();
        let groups = self.groups.count();
        let u = &mut u[..groups * width];
        self.columns.fill(first, width, u, &mut v[..KAPPA * width]);
        c.iter_mut().zip(&u[..width]).skip(given).for_each(|(c, u)| *c = *u);
        let skip = groups - d.len() / width;
        for (d, u) in d.chunks_exact_mut(width).zip(u.chunks_exact(width).skip(skip)) {
            for ((d, u), c) in d.iter_mut().zip(u).zip(c.iter()) {
                *d = u ^ c;
            }
        }
    }

    /// The answer to the sender's challenge, for (6).
    fn answer(&self, mesh: &mut Mesh, c: &[u128], columns: &[u128]) -> Result<()> {
        let mut r = [0u128];
        mesh.recv_bulk(self.peer, &mut r)?;
        let r = Gf128(r[0]);
        let mut answer = check::hash_columns(r, c, 1);
        answer.extend(check::hash_columns(r, columns, KAPPA));
        debug_assert_eq!(16 * answer.len(), ANSWER);
        mesh.send_bulk(self.peer, &answer)
    }
}

impl Receiver for CotReceiver {
    fn peer(&self) -> usize {
        self.peer
    }

    fn session(&self) -> u128 {
        self.session
    }

    fn next_row(&self) -> u64 {
        (KAPPA * self.next) as u64
    }

    fn extend_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        choices: Option<&[u64]>,
        per: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<Vec<u64>> {
        let n = check_len(per, out.len())?;
        if choices.is_some_and(|c| c.len() < bits::words(n)) {
            return Err(Error::Argument(format!("fewer than {n} choice bits")));
        }
        if n == 0 {
            return Ok(vec![]);
        }
        begin(&mut self.busy)?;
        let total = blocks(n, self.security);
        let mut c = Zeroizing::new(vec![0u128; total]);
        // The blocks whose choice bits are given; those of the check are random.
        let given = choices.map_or(0, |choices| {
            let mut choices = choices[..bits::words(n)].to_vec();
            bits::clear_padding(&mut choices, n);
            bytemuck::cast_slice_mut(&mut c)[..choices.len()].copy_from_slice(&choices);
            n.div_ceil(KAPPA)
        });
        let sent = self.groups.count() - usize::from(choices.is_none());
        let malicious = self.security == Security::Malicious;
        // With the check, columns wait for the challenge; else nothing is kept.
        let mut kept = Zeroizing::new(vec![0u128; if malicious { KAPPA * total } else { 0 }]);
        let mut corrections = vec![0u128; sent * (BATCH * TILE).min(total)];
        let (start, first) = (self.next, self.next_row());
        self.next += total;
        let entries = TILE_ROWS / per;
        for (b, c) in c.chunks_mut(TILE * BATCH).enumerate() {
            let at = b * BATCH * TILE;
            let width = c.len();
            let corrections = &mut corrections[..sent * width];
            let work = c.par_chunks_mut(TILE).zip(corrections.par_chunks_mut(sent * TILE));
            if malicious {
                let kept = &mut kept[KAPPA * at..][..KAPPA * width];
                let work = work.zip(kept.par_chunks_mut(TILE_ROWS)).enumerate();
                work.for_each_init(Scratch::new, |s, (t, ((c, d), v))| {
                    let at = at + t * TILE;
                    self.tile(start + at, given.saturating_sub(at), (&mut s.sums, v), c, d);
                });
            } else {
                let out = &mut out[b * BATCH * entries..];
                let work = work.zip(out.par_chunks_mut(entries)).enumerate();
                work.for_each_init(Scratch::new, |s, (t, ((c, d), out))| {
                    let at = at + t * TILE;
                    let (u, v) = (&mut s.sums[..], &mut s.columns[..]);
                    self.tile(start + at, given.saturating_sub(at), (u, v), c, d);
                    let at = (first + (KAPPA * at) as u64, per);
                    s.finish_own(c.len(), at, out, &finish);
                });
            }
            mesh.send_bulk(self.peer, corrections)?;
        }
        if malicious {
            self.answer(mesh, &c, &kept)?;
            finish_kept(&kept, (first, per), out, &finish);
        }
        let mut choices = bytemuck::cast_slice::<u128, u64>(&c)[..bits::words(n)].to_vec();
        bits::clear_padding(&mut choices, n);
        self.busy = false;
        Ok(choices)
    }
}
