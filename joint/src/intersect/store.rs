//! A party's items by bucket, read from its source as they are needed.

use super::{Duplicates, Intersect, Nulls, Source, checkpoint::Checkpoint};
use crate::{
    canonical::{self, Cells, KeyKind, NoKey},
    error::{DataError, Error, Result},
};
use arrow::array::RecordBatch;
use privity_psi::{
    BadIdentifiers, Item,
    job::{self, Store},
};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Bytes that one row takes while its bucket waits.
const ROW: u64 = 20;

/// How identifiers become items.
pub(super) struct Reader<'a> {
    source: &'a Source,
    /// Positions of the columns, and what they are compared as.
    columns: Vec<usize>,
    kinds: Vec<KeyKind>,
    nulls: Nulls,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source, what: &Intersect) -> Result<Self> {
        if what.on.is_empty() {
            return Err(Error::argument("psi", "no column identifies rows", "name one or more"));
        }
        let columns = source.positions(what.on.iter().map(|c| c.name.as_str()))?;
        let kinds = columns
            .iter()
            .zip(&what.on)
            .map(|(&at, on)| {
                let data_type = source.schema().field(at).data_type();
                on.kind.or_else(|| KeyKind::of(data_type)).ok_or_else(|| {
                    let rule = format!("has the type {data_type}, which identifies nothing");
                    Error::from(canonical::unfit(source.name(), &on.name, &rule))
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { source, columns, kinds, nulls: what.nulls })
    }

    /// The word for the kind of each part.
    pub(super) fn kinds(&self) -> Vec<String> {
        self.kinds.iter().map(|kind| kind.word().to_owned()).collect()
    }

    /// Gives the items of all rows, batch by batch, with the number of the first
    /// row; rows without an identifier have none.
    fn scan(
        &self,
        session: &[u8; 32],
        mut take: impl FnMut(u32, Vec<Option<Item>>) -> Result<()>,
    ) -> Result<u64> {
        let mut rows = 0u64;
        for batch in self.source.read(&self.columns)? {
            let batch = batch?;
            let first = u32::try_from(rows + batch.num_rows() as u64)
                .map_err(|_| {
                    DataError::new(self.source.name(), "it has 2^32 rows or more", "split it")
                })
                .map(|_| rows as u32)?;
            take(first, self.items(session, &batch, rows)?)?;
            rows += batch.num_rows() as u64;
        }
        Ok(rows)
    }

    fn items(
        &self,
        session: &[u8; 32],
        batch: &RecordBatch,
        first: u64,
    ) -> Result<Vec<Option<Item>>> {
        let name = |i: usize| self.source.schema().field(self.columns[i]).name().clone();
        let cells: Vec<(Cells, KeyKind)> = batch
            .columns()
            .iter()
            .zip(&self.kinds)
            .enumerate()
            .map(|(i, (array, &kind))| match Cells::new(array, kind) {
                Ok(cells) => Ok((cells, kind)),
                Err(rule) => Err(canonical::unfit(self.source.name(), &name(i), &rule).into()),
            })
            .collect::<Result<_>>()?;
        let item = |bytes: &mut Vec<u8>, row: usize| {
            bytes.clear();
            for (i, (cells, kind)) in cells.iter().enumerate() {
                let wrong = |rule: &str, fix: &str| {
                    DataError::new(self.source.name(), rule, fix)
                        .column(name(i))
                        .row(first + row as u64 + 1)
                };
                match cells.append(*kind, row, bytes) {
                    Ok(()) => {}
                    Err(NoKey::Missing) if self.nulls == Nulls::Drop => return Ok(None),
                    Err(NoKey::Missing) => {
                        let fix = "fill it in, remove the row, or have such rows left out";
                        return Err(wrong("the identifier is missing", fix).into());
                    }
                    Err(NoKey::Rule(rule)) => {
                        let fix = "correct the cell, or compare the column as something else";
                        return Err(wrong(rule, fix).into());
                    }
                }
            }
            Ok(Some(Item::new(session, bytes)))
        };
        (0..batch.num_rows())
            .into_par_iter()
            .with_min_len(1 << 12)
            .map_init(|| Vec::with_capacity(64), item)
            .collect()
    }
}

/// What a scan finds before the number of buckets is agreed.
pub(super) struct Scanned {
    /// All items and their rows, if they fit.
    flat: Option<(Vec<Item>, Vec<u32>)>,
    /// Rows with an identifier.
    pub(super) items: u64,
    /// All rows.
    pub(super) rows: u64,
}

impl Scanned {
    pub(super) fn new(reader: &Reader<'_>, session: &[u8; 32], memory: u64) -> Result<Self> {
        let mut flat = Some((Vec::new(), Vec::new()));
        let mut items = 0;
        let rows = reader.scan(session, |first, batch| {
            items += batch.iter().flatten().count() as u64;
            // Dealing to buckets needs the same again for a while.
            if (2 * ROW).saturating_mul(items) > memory {
                flat = None;
            }
            if let Some((all, rows)) = &mut flat {
                for (row, item) in (first..).zip(batch) {
                    if let Some(item) = item {
                        all.push(item);
                        rows.push(row);
                    }
                }
            }
            Ok(())
        })?;
        Ok(Self { flat, items, rows })
    }
}

/// All items, for protocols that take them at once.
pub(super) struct Whole {
    pub(super) items: Vec<Item>,
    /// The row of each.
    pub(super) rows: Vec<u32>,
    pub(super) all_rows: u64,
}

impl Whole {
    pub(super) fn new(reader: &Reader<'_>, session: &[u8; 32], memory: u64) -> Result<Self> {
        let Scanned { flat, items: count, rows: all_rows } = Scanned::new(reader, session, memory)?;
        let too_many = || {
            let rule = format!("the identifiers of {count} rows do not fit {memory} bytes");
            let fix = format!("allow {} for them", (2 * ROW).saturating_mul(count));
            DataError::new(reader.source.name(), rule, fix)
        };
        let (items, rows) = flat.ok_or_else(too_many)?;
        Ok(Self { items, rows, all_rows })
    }
}

/// Items and rows of a bucket.
type Bucket = (Vec<Item>, Vec<u32>);

/// Rows by identifier.
#[derive(Default)]
pub(super) struct Groups {
    pub(super) rows: Vec<u32>,
    /// Where the rows of each identifier end; empty if each has one.
    pub(super) ends: Vec<u32>,
}

impl Groups {
    pub(super) fn len(&self) -> usize {
        if self.ends.is_empty() { self.rows.len() } else { self.ends.len() }
    }

    pub(super) fn get(&self, at: usize) -> &[u32] {
        if self.ends.is_empty() {
            return &self.rows[at..=at];
        }
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.rows[start as usize..self.ends[at] as usize]
    }

    /// Whether these are groups of one row or more each, of a table of so many rows.
    pub(super) fn are_of(&self, rows: u64) -> bool {
        let ascending = self.ends.first().is_none_or(|&end| end > 0)
            && self.ends.windows(2).all(|pair| pair[0] < pair[1])
            && self.ends.last().is_none_or(|&end| end as usize == self.rows.len());
        ascending && self.rows.iter().all(|&row| u64::from(row) < rows)
    }

    fn push(&mut self, group: &[u32]) {
        self.rows.extend_from_slice(group);
        // Rows are fewer than 2^32.
        self.ends.push(self.rows.len() as u32);
    }

    /// The groups at these places.
    fn pick(&self, places: &[u32]) -> Self {
        if self.ends.is_empty() {
            let rows = places.iter().map(|&at| self.rows[at as usize]).collect();
            return Self { rows, ends: Vec::new() };
        }
        let mut out = Self::default();
        places.iter().for_each(|&at| out.push(self.get(at as usize)));
        out
    }

    pub(super) fn append(&mut self, other: &Self) {
        if self.ends.is_empty() && other.ends.is_empty() {
            self.rows.extend_from_slice(&other.rows);
            return;
        }
        if self.ends.is_empty() {
            self.ends = (1..=self.rows.len() as u32).collect();
        }
        (0..other.len()).for_each(|at| self.push(other.get(at)));
    }
}

/// Progress: buckets done, and how many there are.
pub(super) type Report<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

pub(super) struct Rows<'a> {
    reader: Reader<'a>,
    session: [u8; 32],
    duplicates: Duplicates,
    runs: u64,
    items: u64,
    /// Buckets per part of the source that is in memory at once.
    window: u64,
    /// Buckets that are in memory and wait.
    waiting: BTreeMap<u64, Bucket>,
    loaded: u64,
    /// Buckets that are being worked: their rows, grouped if some repeat.
    working: BTreeMap<u64, Groups>,
    /// Results of this attempt and of earlier ones.
    found: BTreeMap<u64, Groups>,
    checkpoint: Option<Checkpoint>,
    part: std::ops::Range<u64>,
    report: Report<'a>,
    /// Why this party stopped the protocol.
    pub(super) failed: Option<Error>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        reader: Reader<'a>,
        scanned: Scanned,
        (what, session, job): (&Intersect, [u8; 32], &job::Job),
        checkpoint: Option<Checkpoint>,
        report: Report<'a>,
    ) -> Result<Self> {
        let runs = job.options.runs;
        let per_bucket = (ROW * scanned.items / runs).max(1) * 9 / 8;
        let window = (what.memory / per_bucket).clamp(1, runs);
        let found = checkpoint.as_ref().map(|c| c.found(&job.part, scanned.rows)).transpose()?;
        let found = found.unwrap_or_default();
        let mut rows = Self {
            reader,
            session,
            duplicates: what.duplicates,
            runs,
            items: scanned.items,
            window,
            waiting: BTreeMap::new(),
            loaded: 0,
            working: BTreeMap::new(),
            found,
            checkpoint,
            part: job.part.clone(),
            report,
            failed: None,
        };
        rows.loaded = rows.part.start;
        if let Some((items, all)) = scanned.flat {
            rows.window = runs;
            rows.loaded = rows.part.end;
            let mut waiting = empty(&rows.part, scanned.items / runs);
            for (item, row) in items.into_iter().zip(all) {
                if let Some(bucket) = waiting.get_mut(&job::place(&item, runs)) {
                    bucket.0.push(item);
                    bucket.1.push(row);
                }
            }
            rows.waiting = waiting;
        }
        Ok(rows)
    }

    /// Reads the next part of the source.
    fn load(&mut self) -> Result<()> {
        let range = self.loaded..(self.loaded + self.window).min(self.part.end);
        let mut waiting = empty(&range, self.items / self.runs);
        let runs = self.runs;
        self.reader.scan(&self.session, |first, batch| {
            for (row, item) in (first..).zip(batch) {
                let Some(item) = item else { continue };
                if let Some(bucket) = waiting.get_mut(&job::place(&item, runs)) {
                    bucket.0.push(item);
                    bucket.1.push(row);
                }
            }
            Ok(())
        })?;
        self.loaded = range.end;
        self.waiting.append(&mut waiting);
        Ok(())
    }

    /// Own rows of all common identifiers.
    pub(super) fn into_groups(self) -> Groups {
        let mut all = Groups::default();
        self.found.values().for_each(|found| all.append(found));
        all
    }

    /// The items of a bucket and the rows of each; each item once, unless repeated
    /// ones are refused: those the protocol finds.
    fn group(&self, (items, rows): Bucket) -> (Vec<Item>, Groups) {
        if self.duplicates == Duplicates::Refuse {
            return (items, Groups { rows, ends: Vec::new() });
        }
        let mut all: Vec<(Item, u32)> = items.into_iter().zip(rows).collect();
        all.par_sort_unstable();
        let mut out: (Vec<Item>, Groups) = Default::default();
        for group in all.chunk_by(|a, b| a.0 == b.0) {
            let kept = if self.duplicates == Duplicates::First { 1 } else { group.len() };
            let rows: Vec<u32> = group[..kept].iter().map(|(_, row)| *row).collect();
            out.0.push(group[0].0);
            out.1.push(&rows);
        }
        out
    }

    /// Remembers why the protocol was stopped.
    fn stop<T>(&mut self, result: Result<T>) -> privity_psi::Result<T> {
        result.map_err(|error| {
            self.failed.get_or_insert(error);
            privity_psi::Error::Store
        })
    }
}

fn empty(range: &std::ops::Range<u64>, mean: u64) -> BTreeMap<u64, Bucket> {
    let size = (mean + mean / 64) as usize;
    range.clone().map(|b| (b, (Vec::with_capacity(size), Vec::with_capacity(size)))).collect()
}

impl Store for Rows<'_> {
    fn items(&self) -> usize {
        self.items as usize
    }

    fn bucket(&mut self, bucket: u64) -> privity_psi::Result<Vec<Item>> {
        while bucket >= self.loaded {
            let loaded = self.load();
            self.stop(loaded)?;
        }
        let own = self.waiting.remove(&bucket).unwrap_or_default();
        let (items, groups) = self.group(own);
        self.working.insert(bucket, groups);
        Ok(items)
    }

    fn found(&mut self, bucket: u64, common: Vec<u32>) -> privity_psi::Result<()> {
        let groups = self.working.remove(&bucket).unwrap_or_default();
        let found = groups.pick(&common);
        let kept = self.checkpoint.as_mut().map_or(Ok(()), |c| c.finish(bucket, &found));
        self.stop(kept)?;
        self.found.insert(bucket, found);
        (self.report)(self.found.len() as u64, self.part.end - self.part.start);
        Ok(())
    }

    fn repeated(&mut self, bucket: u64, which: BadIdentifiers) -> privity_psi::Error {
        let rows = self.working.remove(&bucket).unwrap_or_default().rows;
        let name = |at: u64| rows.get(at as usize).map_or(0, |&row| u64::from(row) + 1);
        let on = self.reader.columns.iter();
        let schema = self.reader.source.schema();
        let on: Vec<&str> = on.map(|&c| schema.field(c).name().as_str()).collect();
        let mut error = DataError::new(
            self.reader.source.name(),
            "rows have the same identifier",
            "remove or merge such rows, or have all of them joined, or the first taken",
        )
        .column(on.join(", "));
        if let Some(&(first, row)) = which.duplicates.first.first() {
            error.rule = format!("the row has the identifier of row {}", name(first));
            error = error.row(name(row));
        }
        self.failed.get_or_insert(error.into());
        privity_psi::Error::Store
    }

    fn is_done(&self, bucket: u64) -> bool {
        self.found.contains_key(&bucket)
    }

    fn salt(&self) -> Option<[u8; 32]> {
        self.checkpoint.as_ref().map(|c| c.salt)
    }

    fn commitments(&mut self, bucket: u64, both: [[u8; 32]; 2]) -> privity_psi::Result<()> {
        let kept = self.checkpoint.as_mut().map_or(Ok(()), |c| c.commitments(bucket, both));
        self.stop(kept)
    }
}
