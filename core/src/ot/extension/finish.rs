//! From columns to what is made of the rows, tile by tile.

use super::{KAPPA, TILE};
use crate::arch;
use rayon::prelude::*;
use zeroize::Zeroizing;

/// Rows of a tile.
pub(crate) const TILE_ROWS: usize = KAPPA * TILE;

/// Memory for one tile on one thread, wiped at the end.
pub(crate) struct Scratch {
    pub(crate) columns: Zeroizing<Vec<u128>>,
    pub(crate) sums: Zeroizing<Vec<u128>>,
    rows: Zeroizing<Vec<u128>>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let tile = || Zeroizing::new(vec![0u128; TILE_ROWS]);
        Self { columns: tile(), sums: tile(), rows: tile() }
    }

    /// Transposes `columns` and calls `finish` on the rows that `out` wants.
    fn finish<T>(
        rows: &mut [u128],
        columns: &[u128],
        (first, per): (u64, usize),
        out: &mut [T],
        finish: &impl Fn(u64, &[u128], &mut [T]),
    ) {
        let rows = &mut rows[..columns.len()];
        arch::transpose_columns(arch::backend(), columns, rows);
        finish(first, &rows[..per * out.len()], out);
    }

    /// [`Scratch::finish`] for the first `width` blocks of its own columns.
    pub(crate) fn finish_own<T>(
        &mut self,
        width: usize,
        at: (u64, usize),
        out: &mut [T],
        finish: &impl Fn(u64, &[u128], &mut [T]),
    ) {
        Self::finish(&mut self.rows, &self.columns[..KAPPA * width], at, out, finish);
    }
}

/// Finishes tiles that were kept as columns.
pub(crate) fn finish_kept<T: Send>(
    columns: &[u128],
    (first, per): (u64, usize),
    out: &mut [T],
    finish: &(impl Fn(u64, &[u128], &mut [T]) + Sync),
) {
    let entries = TILE_ROWS / per;
    out.par_chunks_mut(entries).zip(columns.par_chunks(TILE_ROWS)).enumerate().for_each_init(
        Scratch::new,
        |scratch, (t, (out, columns))| {
            let at = (first + (t * TILE_ROWS) as u64, per);
            Scratch::finish(&mut scratch.rows, columns, at, out, finish);
        },
    );
}
