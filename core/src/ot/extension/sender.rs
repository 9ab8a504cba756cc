//! The sender of OTs: the holder of delta.

use super::{
    ANSWER, BATCH, Groups, KAPPA, TILE, blocks, check, check_len, columns::Columns, other_party,
};
use crate::{
    Mesh, Result, Secret,
    field::Gf128,
    ot::{Rows, Security, Sender, base, punctured},
};
use rand::CryptoRng;
use rayon::prelude::*;
use subtle::ConstantTimeEq;

/// Correlated OT by SoftSpokenOT, at the side of delta.
#[derive(Debug)]
pub struct CotSender {
    peer: usize,
    groups: Groups,
    security: Security,
    delta: Secret<u128>,
    columns: Columns,
    next: usize,
    /// Draws challenges: they must not be known before the columns are.
    challenges: Secret<[u8; 16]>,
    challenge_count: usize,
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
        Self::with_delta(mesh, peer, k, security, delta, rng)
    }

    /// [`CotSender::new`] with a delta of the caller's, which must be uniform.
    pub fn with_delta(
        mesh: &mut Mesh,
        peer: usize,
        k: usize,
        security: Security,
        delta: Secret<u128>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        other_party(mesh, peer)?;
        let groups = Groups::new(k)?;
        // The base OTs give the keys of the sides that delta does not take.
        let choices: Vec<bool> = (0..KAPPA).map(|b| delta.expose() >> b & 1 == 0).collect();
        let keys = base::receive(mesh, peer, &choices, rng)?;
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
                .ok_or_else(|| mesh.deviation(peer, INCONSISTENT))?;
            seeds.push(group);
        }
        let columns = Columns::new(groups, &seeds, 1);
        let challenges = crate::prg::random_key(rng);
        let sender = Self {
            peer,
            groups,
            security,
            delta,
            columns,
            next: 0,
            challenges,
            challenge_count: 0,
        };
        Ok(sender)
    }

    fn rows(&mut self, mesh: &mut Mesh, chosen: bool, n: usize) -> Result<Rows> {
        check_len(n)?;
        let first = (KAPPA * self.next) as u64;
        if n == 0 {
            return Ok(Rows { first, rows: vec![] });
        }
        let total = blocks(n, self.security);
        let sent = self.groups.count() - usize::from(!chosen);
        let mut rows = vec![0u128; KAPPA * total];
        let mut corrections = vec![0u128; sent * BATCH * TILE];
        let start = self.next;
        self.next += total;
        for (b, rows) in rows.chunks_mut(KAPPA * TILE * BATCH).enumerate() {
            let corrections = &mut corrections[..sent * rows.len() / KAPPA];
            mesh.recv_bulk(self.peer, corrections)?;
            (rows.par_chunks_mut(KAPPA * TILE), corrections.par_chunks(sent * TILE))
                .into_par_iter()
                .enumerate()
                .for_each(|(t, (rows, d))| self.tile(start + (b * BATCH + t) * TILE, rows, d));
        }
        if self.security == Security::Malicious {
            self.check(mesh, &rows)?;
            check::transpose_tiles(&mut rows);
        }
        rows.truncate(n);
        Ok(Rows { first, rows })
    }

    /// Equations (2) and (4) for one tile.
    fn tile(&self, first: usize, rows: &mut [u128], d: &[u128]) {
        let width = rows.len() / KAPPA;
        let groups = self.groups.count();
        let mut u = [0u128; KAPPA * TILE];
        let mut w = [0u128; KAPPA * TILE];
        let w = &mut w[..KAPPA * width];
        let malicious = self.security == Security::Malicious;
        let q: &mut [u128] = if malicious { &mut *rows } else { &mut *w };
        self.columns.fill(first, width, &mut u, q);
        let skip = groups - d.len() / width;
        for (g, d) in (skip..groups).zip(d.chunks_exact(width)) {
            for b in self.groups.bits(g) {
                let mask = 0u128.wrapping_sub(self.delta.expose() >> b & 1);
                for (q, d) in q[b * width..][..width].iter_mut().zip(d) {
                    *q ^= d & mask;
                }
            }
        }
        if !malicious {
            crate::arch::transpose_columns(crate::arch::backend(), w, rows);
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
        if !bool::from(wrong.ct_eq(&0)) {
            return Err(mesh.deviation(self.peer, INCONSISTENT));
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

    fn extend(&mut self, mesh: &mut Mesh, n: usize) -> Result<Rows> {
        self.rows(mesh, true, n)
    }

    fn extend_random(&mut self, mesh: &mut Mesh, n: usize) -> Result<Rows> {
        self.rows(mesh, false, n)
    }
}
