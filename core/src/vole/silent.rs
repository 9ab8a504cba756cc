//! Correlated OT out of VOLE: the interface of [`crate::ot`] for slow networks.
//!
//! Rows are made in batches and kept until they are asked for; both sides use
//! the same batch size, and make the next batch at the same call. Rows whose
//! choice has m = 2, 4 or 8 bits, for 1-of-2^m OT, come from VOLE with values
//! of m bits, in batches of their own, one m-th as long. Choices of the
//! caller's are turned into by m bits each:
//!
//! \\[ \text{receiver sends } d = c + a, \qquad q_i = b_i + d_i \Delta,
//!    \quad t_i = q_i + c_i \Delta \qquad (1) \\]

use super::{
    Code, VoleReceiver, VoleSender, cost as batch_cost,
    plan::{MAX_OUTPUTS, Plan},
};
use crate::{
    Error, Mesh, Result, Secret, bits,
    field::Gf128,
    ot::{Receiver, Security, Sender, cost::Cost, extension::begin},
};
use rand::CryptoRng;
use rayon::prelude::*;
use std::ops::Range;
use zeroize::Zeroizing;

/// Rows per batch unless told otherwise.
pub const DEFAULT_BATCH: usize = 1 << 20;

/// Rows given to a caller's function at once.
const CHUNK: usize = 4096;

/// Rows that wait to be used.
#[derive(Default)]
struct Stock {
    rows: Zeroizing<Vec<u128>>,
    /// Their values at the receiver, if they have more than one bit.
    values: Zeroizing<Vec<u8>>,
    /// How many of them are used up.
    at: usize,
    /// The index of the first.
    first: u64,
}

/// The stocks for choices of 1, 2, 4 and 8 bits.
type Stocks = [Stock; 4];

/// The stock for choices of m bits, and rows per batch.
fn stock(stocks: &mut Stocks, m: usize, batch: usize) -> Result<(&mut Stock, usize)> {
    let stock = match m {
        1 => &mut stocks[0],
        2 => &mut stocks[1],
        4 => &mut stocks[2],
        8 => &mut stocks[3],
        _ => return Err(Error::Argument(format!("choices of {m} bits: 1, 2, 4 or 8"))),
    };
    Ok((stock, batch.div_ceil(m)))
}

impl Stock {
    fn next_row(&self) -> u64 {
        self.first + self.at as u64
    }

    fn held(&self) -> usize {
        self.rows.len() - self.at
    }

    fn put(&mut self, rows: Zeroizing<Vec<u128>>, values: Zeroizing<Vec<u8>>) {
        self.first = self.next_row();
        // What is replaced is wiped as it goes.
        let old = &self.rows[self.at..];
        self.rows = if old.is_empty() { rows } else { [old, &rows].concat().into() };
        let old = self.values.get(self.at..).unwrap_or(&[]);
        self.values = if old.is_empty() { values } else { [old, &values].concat().into() };
        self.at = 0;
    }

    /// The next n rows; there must be enough. They count as used from here on,
    /// whatever becomes of the messages about them.
    fn reserve(&mut self, n: usize) -> Range<usize> {
        let range = self.at..self.at + n;
        self.at = range.end;
        range
    }

    /// Gives `per` of the reserved rows to each of `out`.
    fn hand_over<T: Send>(
        &self,
        range: Range<usize>,
        per: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) {
        let first = self.first + range.start as u64;
        let rows = &self.rows[range];
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
    stocks: Stocks,
    /// A call is under way, or has failed.
    busy: bool,
}

/// The side of correlated OT that has choice bits.
pub struct SilentReceiver {
    vole: VoleReceiver,
    code: Code,
    batch: usize,
    stocks: Stocks,
    /// A call is under way, or has failed.
    busy: bool,
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
        let terms = terms(batch);
        let vole = VoleSender::with_terms(mesh, peer, (code, security), &terms, rng)?;
        Ok(Self { vole, code, batch, stocks: Stocks::default(), busy: false })
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
        let terms = terms(batch);
        let vole = VoleReceiver::with_terms(mesh, peer, (code, security), &terms, rng)?;
        Ok(Self { vole, code, batch, stocks: Stocks::default(), busy: false })
    }
}

impl SilentSender {
    /// `per` rows for each of `out`, with choices of m bits.
    fn rows<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        chosen: bool,
        (m, per): (usize, usize),
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<()> {
        let n = count(per, out.len())?;
        let (stock, batch) = stock(&mut self.stocks, m, self.batch)?;
        begin(&mut self.busy)?;
        for make in batches(stock.held(), n, batch, MAX_OUTPUTS) {
            let rows = self.vole.run(mesh, Plan::new(self.code, make, m)?)?;
            stock.put(rows, Zeroizing::default());
        }
        let range = stock.reserve(n);
        if chosen {
            let mut d = vec![0u64; bits::words(n * m)];
            mesh.recv_bulk(self.vole.peer(), &mut d)?;
            // d is no secret: it may choose from a table.
            let points: Vec<Gf128> = (0..1 << m).map(Gf128).collect();
            let mut multiples = Zeroizing::new(vec![Gf128::ZERO; 1 << m]);
            Gf128(*self.vole.delta().expose()).add_multiple(&mut multiples, &points);
            let rows = &mut stock.rows[range.clone()];
            for (rows, d) in rows.chunks_mut(64 / m).zip(&d) {
                for (i, q) in rows.iter_mut().enumerate() {
                    *q ^= multiples[(d >> (i * m)) as usize & ((1 << m) - 1)].0; // (1)
                }
            }
        }
        stock.hand_over(range, per, out, finish);
        self.busy = false;
        Ok(())
    }
}

impl SilentReceiver {
    /// `per` rows for each of `out`, with choices of m bits.
    fn rows<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        choices: Option<&[u64]>,
        (m, per): (usize, usize),
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<Vec<u64>> {
        let n = count(per, out.len())?;
        let words = bits::words(n * m);
        if choices.is_some_and(|c| c.len() < words) {
            return Err(Error::Argument(format!("fewer than {n} choices")));
        }
        let (stock, batch) = stock(&mut self.stocks, m, self.batch)?;
        begin(&mut self.busy)?;
        for make in batches(stock.held(), n, batch, MAX_OUTPUTS) {
            let plan = Plan::new(self.code, make, m)?;
            if m == 1 {
                stock.put(self.vole.run_bits(mesh, plan)?, Zeroizing::default());
            } else {
                let (values, rows) = self.vole.run::<u8>(mesh, plan)?;
                stock.put(rows, values);
            }
        }
        let range = stock.reserve(n);
        let mut a: Vec<u64> = if m == 1 {
            let bit = |row: &u128| *row as u64 & 1;
            let pack = |w: u64, row| w << 1 | bit(row);
            stock.rows[range.clone()].chunks(64).map(|r| r.iter().rev().fold(0, pack)).collect()
        } else {
            let pack = |w: u64, &a: &u8| w << m | u64::from(a);
            stock.values[range.clone()]
                .chunks(64 / m)
                .map(|a| a.iter().rev().fold(0, pack))
                .collect()
        };
        if let Some(choices) = choices {
            let mut choices = choices[..words].to_vec();
            bits::clear_padding(&mut choices, n * m);
            let d: Vec<u64> = a.iter().zip(&choices).map(|(a, c)| a ^ c).collect(); // (1)
            mesh.send_bulk(self.vole.peer(), &d)?;
            a = choices;
        }
        stock.hand_over(range, per, out, finish);
        self.busy = false;
        Ok(a)
    }
}

/// What both sides must have the same, beside the terms of VOLE.
fn terms(batch: usize) -> String {
    format!("silent OT, {batch} rows per batch")
}

/// The batches to be made for `n` rows when `held` are in stock, none of more
/// than `most` rows.
fn batches(held: usize, n: usize, batch: usize, most: usize) -> impl Iterator<Item = usize> {
    let mut missing = n.saturating_sub(held);
    std::iter::from_fn(move || {
        let make = missing.max(batch).min(most);
        let needed = missing > 0;
        missing = missing.saturating_sub(make);
        needed.then_some(make)
    })
}

/// Rows for `len` entries of `per` each.
fn count(per: usize, len: usize) -> Result<usize> {
    per.checked_mul(len)
        .filter(|_| per > 0)
        .ok_or_else(|| Error::Argument(format!("{len} times {per} rows of correlated OT")))
}

impl Sender for SilentSender {
    fn delta(&self) -> &Secret<u128> {
        self.vole.delta()
    }

    fn peer(&self) -> usize {
        self.vole.peer()
    }

    fn session(&self) -> u128 {
        self.vole.session()
    }

    fn next_row(&self) -> u64 {
        self.stocks[0].next_row()
    }

    fn extend_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        chosen: bool,
        per: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<()> {
        self.rows(mesh, chosen, (1, per), out, finish)
    }

    fn extend_wide_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        chosen: bool,
        m: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<()> {
        self.rows(mesh, chosen, (m, 1), out, finish)
    }
}

impl Receiver for SilentReceiver {
    fn peer(&self) -> usize {
        self.vole.peer()
    }

    fn session(&self) -> u128 {
        self.vole.session()
    }

    fn next_row(&self) -> u64 {
        self.stocks[0].next_row()
    }

    fn extend_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        choices: Option<&[u64]>,
        per: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<Vec<u64>> {
        self.rows(mesh, choices, (1, per), out, finish)
    }

    fn extend_wide_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        choices: Option<&[u64]>,
        m: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<Vec<u64>> {
        self.rows(mesh, choices, (m, 1), out, finish)
    }
}

/// Exact payload bytes and rounds of a call for `n` rows with choices of `m`
/// bits when `held` such rows are in stock, and how many are held afterwards.
/// The rounds of a call that makes a batch and has chosen bits count the
/// message of bits, which overlaps with nothing.
pub fn cost(
    (code, batch): (Code, usize),
    security: Security,
    m: usize,
    (held, n): (usize, usize),
    chosen: bool,
) -> Result<(Cost, usize)> {
    let (mut total, mut stock) = (Cost::default(), held);
    for make in batches(held, n, batch.div_ceil(m), MAX_OUTPUTS) {
        let plan = Plan::new(code, make, m)?;
        let cost = batch_cost(code, plan.n, m, security)?;
        total.sender += cost.sender;
        total.receiver += cost.receiver;
        total.rounds += cost.rounds;
        stock += plan.n;
    }
    if chosen {
        total.receiver += 8 * bits::words(n * m);
        total.rounds += u32::from(n > 0);
    }
    Ok((total, stock - n))
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

#[cfg(test)]
mod tests {
    use super::batches;

    #[test]
    fn batches_suffice_and_none_is_too_long() {
        let of = |held, n, batch, most| batches(held, n, batch, most).collect::<Vec<_>>();
        assert_eq!(of(0, 100, 10, 32), [32, 32, 32, 10]);
        assert_eq!(of(95, 100, 10, 32), [10]);
        assert_eq!(of(100, 100, 10, 32), []);
        assert_eq!(of(0, 64, 10, 32), [32, 32]);
        assert_eq!(of(0, 0, 10, 32), []);
    }
}
