//! Correlated OT out of VOLE with bits: the interface of [`crate::ot`] for slow
//! networks.
//!
//! Rows are made in batches and kept until they are asked for; both sides use
//! the same batch size, and make the next batch at the same call. Choice bits
//! of the caller's are turned into by one bit each:
//!
//! \\[ \text{receiver sends } d = c + a, \qquad q_i = b_i + d_i \Delta,
//!    \quad t_i = q_i + c_i \Delta \qquad (1) \\]

use super::{Code, VoleReceiver, VoleSender, cost as batch_cost, plan::Plan};
use crate::{
    Error, Mesh, Result, Secret, bits,
    ot::{Receiver, Security, Sender, cost::Cost},
};
use rand::CryptoRng;
use rayon::prelude::*;
use zeroize::Zeroizing;

/// Rows per batch unless told otherwise.
pub const DEFAULT_BATCH: usize = 1 << 20;

/// Rows given to a caller's function at once.
const CHUNK: usize = 4096;

/// Rows that wait to be used.
#[derive(Default)]
struct Stock {
    rows: Zeroizing<Vec<u128>>,
    /// How many of them are used up.
    at: usize,
    /// The index of the first.
    first: u64,
}

impl Stock {
    fn next_row(&self) -> u64 {
        self.first + self.at as u64
    }

    /// How many rows must be made before `n` can be taken.
    fn short(&self, n: usize, batch: usize) -> Option<usize> {
        let held = self.rows.len() - self.at;
        (held < n).then(|| (n - held).max(batch))
    }

    fn put(&mut self, rows: Vec<u128>) {
        self.first = self.next_row();
        if self.at == self.rows.len() {
            self.rows = Zeroizing::new(rows);
        } else {
            let mut all = self.rows[self.at..].to_vec();
            all.extend_from_slice(&rows);
            self.rows = Zeroizing::new(all);
        }
        self.at = 0;
    }

    /// The next `per` rows for each of `out`; there must be enough.
    fn take<T: Send>(
        &mut self,
        per: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) {
        let first = self.next_row();
        let rows = &self.rows[self.at..][..per * out.len()];
        self.at += rows.len();
        let entries = CHUNK.div_ceil(per);
        out.par_chunks_mut(entries)
            .zip(rows.par_chunks(entries * per))
            .enumerate()
            .for_each(|(c, (out, rows))| finish(first + (c * entries * per) as u64, rows, out));
    }
}

/// The side of correlated OT that holds delta.
pub struct SilentSender {
    vole: VoleSender,
    code: Code,
    batch: usize,
    stock: Stock,
}

/// The side of correlated OT that has choice bits.
pub struct SilentReceiver {
    vole: VoleReceiver,
    code: Code,
    batch: usize,
    stock: Stock,
}

impl SilentSender {
    /// Sets up with `peer`, who calls [`SilentReceiver::new`] with the same
    /// code, security and batch.
    pub fn new(
        mesh: &mut Mesh,
        peer: usize,
        (code, batch): (Code, usize),
        security: Security,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        Plan::new(code, batch, 1)?;
        let vole = VoleSender::new(mesh, peer, code, security, rng)?;
        Ok(Self { vole, code, batch, stock: Stock::default() })
    }
}

impl SilentReceiver {
    /// Sets up with `peer`, who calls [`SilentSender::new`] with the same code,
    /// security and batch.
    pub fn new(
        mesh: &mut Mesh,
        peer: usize,
        (code, batch): (Code, usize),
        security: Security,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        Plan::new(code, batch, 1)?;
        let vole = VoleReceiver::new(mesh, peer, code, security, rng)?;
        Ok(Self { vole, code, batch, stock: Stock::default() })
    }
}

impl Sender for SilentSender {
    fn delta(&self) -> &Secret<u128> {
        self.vole.delta()
    }

    fn peer(&self) -> usize {
        self.vole.peer()
    }

    fn next_row(&self) -> u64 {
        self.stock.next_row()
    }

    fn extend_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        chosen: bool,
        per: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<()> {
        let n = per * out.len();
        if let Some(make) = self.stock.short(n, self.batch) {
            let rows = self.vole.run(mesh, Plan::new(self.code, make, 1)?)?;
            self.stock.put(rows);
        }
        if chosen {
            let mut d = vec![0u64; bits::words(n)];
            mesh.recv_bulk(self.vole.peer(), &mut d)?;
            let delta = *self.vole.delta().expose();
            let rows = &mut self.stock.rows[self.stock.at..][..n];
            for (rows, d) in rows.chunks_mut(64).zip(&d) {
                for (i, q) in rows.iter_mut().enumerate() {
                    *q ^= delta & 0u128.wrapping_sub(u128::from(d >> i & 1)); // (1)
                }
            }
        }
        self.stock.take(per, out, finish);
        Ok(())
    }
}

impl Receiver for SilentReceiver {
    fn peer(&self) -> usize {
        self.vole.peer()
    }

    fn next_row(&self) -> u64 {
        self.stock.next_row()
    }

    fn extend_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        choices: Option<&[u64]>,
        per: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<Vec<u64>> {
        let n = per * out.len();
        if choices.is_some_and(|c| c.len() < bits::words(n)) {
            return Err(Error::Argument(format!("fewer than {n} choice bits")));
        }
        if let Some(make) = self.stock.short(n, self.batch) {
            let rows = self.vole.run_bits(mesh, Plan::new(self.code, make, 1)?)?;
            self.stock.put(rows);
        }
        let rows = &self.stock.rows[self.stock.at..][..n];
        let mut a: Vec<u64> = rows
            .chunks(64)
            .map(|rows| rows.iter().rev().fold(0, |word, row| word << 1 | (*row as u64 & 1)))
            .collect();
        if let Some(choices) = choices {
            let mut choices = choices[..bits::words(n)].to_vec();
            bits::clear_padding(&mut choices, n);
            let d: Vec<u64> = a.iter().zip(&choices).map(|(a, c)| a ^ c).collect(); // (1)
            mesh.send_bulk(self.vole.peer(), &d)?;
            a = choices;
        }
        self.stock.take(per, out, finish);
        Ok(a)
    }
}

/// Exact payload bytes and rounds of a call for `n` rows when `held` are in
/// stock. The rounds of one that makes a batch and has chosen bits count the
/// message of bits, which overlaps with nothing.
pub fn cost(
    (code, batch): (Code, usize),
    security: Security,
    (held, n): (usize, usize),
    chosen: bool,
) -> Result<Cost> {
    let mut total = Cost::default();
    if held < n {
        total = batch_cost(code, (n - held).max(batch), 1, security)?;
    }
    if chosen {
        total.receiver += 8 * bits::words(n);
        total.rounds += u32::from(n > 0);
    }
    Ok(total)
}

impl std::fmt::Debug for SilentSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SilentSender").field("batch", &self.batch).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SilentReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SilentReceiver").field("batch", &self.batch).finish_non_exhaustive()
    }
}
