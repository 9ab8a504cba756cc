//! The sender of OTs: the holder of delta.

use super::{
    ANSWER, BATCH, Groups, KAPPA, TILE, begin, blocks, check, check_len,
    columns::Columns,
    finish::{Scratch, TILE_ROWS, finish_kept},
    other_party,
};
use crate::{
    Mesh, Result, Secret,
    field::Gf128,
    ot::{Security, Sender, base, punctured},
};
use rand::CryptoRng;
use rayon::prelude::*;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Correlated OT by SoftSpokenOT, at the side of delta.
#[derive(Debug)]
pub struct CotSender {
    peer: usize,
    groups: Groups,
    security: Security,
    session: u128,
    delta: Secret<u128>,
    columns: Columns,
    next: usize,
    /// Draws challenges: they must not be known before the columns are.
    challenges: Secret<[u8; 16]>,
    challenge_count: usize,
    /// A call is under way, or has failed: see [`super::BROKEN`].
    busy: bool,
    /// To see that the tests of the check notice when it is gone.
    #[cfg(test)]
    pub(crate) ignore_check: bool,
}

impl CotSender {
    /// Sets up with `peer`, who calls
    /// [`CotReceiver::new`](super::CotReceiver::new) with the same k and
    /// security. Delta is drawn from `rng`.
    pub fn new(
        mesh: &mut Mesh,
        peer: usize,
        k: usize,
        security: Security,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        let mut delta = Secret::new([0u8; 16]);
        rng.fill_bytes(delta.expose_mut());
        let delta = Secret::new(u128::from_le_bytes(*delta.expose()));
        Self::with_terms(mesh, peer, (k, security), delta, "", rng)
    }

    /// [`CotSender::new`] with a delta of the caller's, which must be uniform but
    /// for its lowest bit, as a part of a protocol with these terms.
    pub(crate) fn with_terms(
        mesh: &mut Mesh,
        peer: usize,
        (k, security): (usize, Security),
        delta: Secret<u128>,
        terms: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        other_party(mesh, peer)?;
        Groups::new(k)?;
        // The base OTs give the keys of the sides that delta does not take.
        let choices = (0..KAPPA).map(|b| delta.expose() >> b & 1 == 0).collect();
        let choices: Zeroizing<Vec<bool>> = Zeroizing::new(choices);
        let (keys, session) =
            base::receive(mesh, peer, &super::terms(k, security, terms), &choices, rng)?;
        let challenges = crate::prg::random_key(rng);
        let sender = Self::with_keys(mesh, peer, k, security, (delta, &keys), challenges)?;
        Ok(Self { session, ..sender })
    }

    /// The part of the setup after the base OTs.
    pub(crate) fn with_keys(
        mesh: &mut Mesh,
        peer: usize,
        k: usize,
        security: Security,
        (delta, keys): (Secret<u128>, &[base::ChosenKey]),
        challenges: Secret<[u8; 16]>,
    ) -> Result<Self> {
        let groups = Groups::new(k)?;
        let sizes = (0..groups.count()).map(|g| punctured::bytes(groups.bits(g).len(), security));
        let mut message = vec![0u8; sizes.clone().sum()];
        mesh.recv_bulk(peer, &mut message)?;
        let mut rest = &message[..];
        let mut seeds = Vec::with_capacity(groups.count());
        for (g, size) in sizes.enumerate() {
            let (part, tail) = rest.split_at(size);
            rest = tail;
            let bits = groups.bits(g);
            let part_of_delta = (delta.expose() >> bits.start) as u8 & (255 >> (8 - bits.len()));
            let keys: Vec<_> = bits.rev().map(|b| keys[b].clone()).collect();
            let group = punctured::hold(&keys, part_of_delta, part, security)
                .ok_or_else(|| crate::ot::stop(mesh, peer, INCONSISTENT))?;
            seeds.push(group);
        }
        let columns = Columns::new(groups, &seeds, 1);
        let sender = Self {
            peer,
            groups,
            security,
            session: 0,
            delta,
            columns,
            next: 0,
            challenges,
            challenge_count: 0,
            busy: false,
            #[cfg(test)]
            ignore_check: false,
        };
        Ok(sender)
    }

    /// Equations (2) and (4) for one tile: columns of q.
    fn tile(&self, first: usize, scratch: &mut [u128], q: &mut [u128], d: &[u128]) {
        let width = q.len() / KAPPA;
        let groups = self.groups.count();
        self.columns.fill(first, width, &mut scratch[..groups * width], q);
        let skip = groups - d.len() / width;
        for (g, d) in (skip..groups).zip(d.chunks_exact(width)) {
            for b in self.groups.bits(g) {
                let mask = 0u128.wrapping_sub(self.delta.expose() >> b & 1);
                for (q, d) in q[b * width..][..width].iter_mut().zip(d) {
                    *q ^= d & mask;
                }
            }
        }
    }

    /// Challenge, answer, (6).
    fn check(&mut self, mesh: &mut Mesh, columns: &[u128]) -> Result<()> {
        let mut r = [0u128];
        crate::prg::Prg::new(&self.challenges).fill(0, self.challenge_count, &mut r);
        self.challenge_count += 1;
        mesh.send_bulk(self.peer, &r)?;
        let own = check::hash_columns(Gf128(r[0]), columns, KAPPA);
        let mut answer = [0u128; ANSWER / 16];
        mesh.recv_bulk(self.peer, &mut answer)?;
        let wrong = (0..KAPPA).fold(0, |wrong, j| {
            let mask = 0u128.wrapping_sub(self.delta.expose() >> j & 1);
            wrong | (own[j].0 ^ answer[1 + j] ^ (answer[0] & mask))
        });
        let failed = !bool::from(wrong.ct_eq(&0));
        #[cfg(test)]
        let failed = failed && !self.ignore_check;
        if failed {
            return Err(crate::ot::stop(mesh, self.peer, INCONSISTENT));
        }
        Ok(())
    }
}

/// One text for all checks that depend on delta.
const INCONSISTENT: &str = "its part of the OT extension is not consistent";

impl Sender for CotSender {
    fn delta(&self) -> &Secret<u128> {
        &self.delta
    }

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
        chosen: bool,
        per: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<()> {
        let n = check_len(per, out.len())?;
        if n == 0 {
            return Ok(());
        }
        begin(&mut self.busy)?;
        let total = blocks(n, self.security);
        let sent = self.groups.count() - usize::from(!chosen);
        let malicious = self.security == Security::Malicious;
        // With the check, columns wait for its result; else nothing is kept.
        let mut kept = Zeroizing::new(vec![0u128; if malicious { KAPPA * total } else { 0 }]);
        let mut corrections = vec![0u128; sent * (BATCH * TILE).min(total)];
        let (start, first) = (self.next, self.next_row());
        self.next += total;
        let entries = TILE_ROWS / per;
        for (b, at) in (0..total).step_by(BATCH * TILE).enumerate() {
            let width = (BATCH * TILE).min(total - at);
            let corrections = &mut corrections[..sent * width];
            mesh.recv_bulk(self.peer, corrections)?;
            let work = corrections.par_chunks(sent * TILE);
            if malicious {
                let kept = &mut kept[KAPPA * at..][..KAPPA * width];
                let work = work.zip(kept.par_chunks_mut(TILE_ROWS)).enumerate();
                work.for_each_init(Scratch::new, |s, (t, (d, q))| {
                    self.tile(start + at + t * TILE, &mut s.sums, q, d);
                });
            } else {
                let out = &mut out[b * BATCH * entries..];
                let work = work.zip(out.par_chunks_mut(entries)).enumerate();
                work.for_each_init(Scratch::new, |s, (t, (d, out))| {
                    let (at, width) = (at + t * TILE, d.len() / sent);
                    self.tile(start + at, &mut s.sums, &mut s.columns[..KAPPA * width], d);
                    s.finish_own(width, (first + (KAPPA * at) as u64, per), out, &finish);
                });
            }
        }
        if malicious {
            self.check(mesh, &kept)?;
            finish_kept(&kept, (first, per), out, &finish);
        }
        self.busy = false;
        Ok(())
    }
}
