//! The receiver of OTs: the dealer of seeds.

use super::{
    ANSWER, BATCH, Groups, KAPPA, TILE, blocks, check, check_len, columns::Columns, other_party,
};
use crate::{
    Error, Mesh, Result, bits,
    field::Gf128,
    ot::{ChosenRows, Receiver, Rows, Security, base, punctured},
};
use rand::CryptoRng;
use rayon::prelude::*;

/// Correlated OT by SoftSpokenOT, at the side of the choice bits.
#[derive(Debug)]
pub struct CotReceiver {
    peer: usize,
    groups: Groups,
    security: Security,
    columns: Columns,
    /// Blocks made so far: the PRG counters and row indices never go back.
    next: usize,
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
        other_party(mesh, peer)?;
        let groups = Groups::new(k)?;
        let keys = base::send(mesh, peer, KAPPA, rng)?;
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
        Ok(Self { peer, groups, security, columns: Columns::new(groups, &seeds, 0), next: 0 })
    }

    /// Rows for chosen or, without `choices`, random bits.
    fn rows(&mut self, mesh: &mut Mesh, choices: Option<&[u64]>, n: usize) -> Result<ChosenRows> {
        check_len(n)?;
        if choices.is_some_and(|c| c.len() < bits::words(n)) {
            return Err(Error::Argument(format!("fewer than {n} choice bits")));
        }
        let first = (KAPPA * self.next) as u64;
        if n == 0 {
            return Ok(ChosenRows { choices: vec![], rows: Rows { first, rows: vec![] } });
        }
        let total = blocks(n, self.security);
        let mut c = vec![0u128; total];
        // The blocks whose choice bits are given; those of the check are random.
        let given = choices.map_or(0, |choices| {
            let mut choices = choices[..bits::words(n)].to_vec();
            bits::clear_padding(&mut choices, n);
            bytemuck::cast_slice_mut(&mut c)[..choices.len()].copy_from_slice(&choices);
            n.div_ceil(KAPPA)
        });
        let sent = self.groups.count() - usize::from(choices.is_none());
        let mut rows = vec![0u128; KAPPA * total];
        let mut corrections = vec![0u128; sent * BATCH * TILE];
        let start = self.next;
        self.next += total;
        for (b, (rows, c)) in
            rows.chunks_mut(KAPPA * TILE * BATCH).zip(c.chunks_mut(TILE * BATCH)).enumerate()
        {
            let corrections = &mut corrections[..sent * c.len()];
            (
                rows.par_chunks_mut(KAPPA * TILE),
                c.par_chunks_mut(TILE),
                corrections.par_chunks_mut(sent * TILE),
            )
                .into_par_iter()
                .enumerate()
                .for_each(|(t, (rows, c, d))| {
                    let at = (b * BATCH + t) * TILE;
                    self.tile(start + at, given.saturating_sub(at), rows, c, d);
                });
            mesh.send_bulk(self.peer, corrections)?;
        }
        if self.security == Security::Malicious {
            self.answer(mesh, &c, &rows)?;
            check::transpose_tiles(&mut rows);
        }
        rows.truncate(n);
        let mut choices = bytemuck::cast_slice::<u128, u64>(&c)[..bits::words(n)].to_vec();
        bits::clear_padding(&mut choices, n);
        Ok(ChosenRows { choices, rows: Rows { first, rows } })
    }

    /// Equations (1) and (3) for one tile, of which the first `given` blocks
    /// have chosen bits.
    fn tile(&self, first: usize, given: usize, rows: &mut [u128], c: &mut [u128], d: &mut [u128]) {
        let width = c.len();
        let groups = self.groups.count();
        let mut u = [0u128; KAPPA * TILE];
        let u = &mut u[..groups * width];
        let mut v = [0u128; KAPPA * TILE];
        let v = &mut v[..KAPPA * width];
        let malicious = self.security == Security::Malicious;
        // With the check, columns wait in the place of rows.
        self.columns.fill(first, width, u, if malicious { rows } else { v });
        c.iter_mut().zip(&u[..width]).skip(given).for_each(|(c, u)| *c = *u);
        let skip = groups - d.len() / width;
        for (d, u) in d.chunks_exact_mut(width).zip(u.chunks_exact(width).skip(skip)) {
            for ((d, u), c) in d.iter_mut().zip(u).zip(c.iter()) {
                *d = u ^ c;
            }
        }
        if !malicious {
            crate::arch::transpose_columns(crate::arch::backend(), v, rows);
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

    fn extend(&mut self, mesh: &mut Mesh, choices: &[u64], n: usize) -> Result<Rows> {
        Ok(self.rows(mesh, Some(choices), n)?.rows)
    }

    fn extend_random(&mut self, mesh: &mut Mesh, n: usize) -> Result<ChosenRows> {
        self.rows(mesh, None, n)
    }
}
