//! The system of one bin.

use super::{Element, Failure, Params, params::WEIGHT, rows::Bin};

/// Rows that may be left to elimination: far more than the parameters let
/// happen, few enough that it takes no time.
const MOST: usize = 256;

/// Fills `store` so that (1) holds for all rows of the bin.
pub(super) fn solve<E: Element>(
    bin: Bin<'_>,
    value: &(impl Fn(usize) -> E + Sync),
    store: &mut [E],
    params: &Params,
    fill: impl Fn(&mut [E]),
) -> Result<(), Failure> {
    if bin.len() > params.capacity() {
        return Err(duplicate(bin).unwrap_or(Failure::Seed));
    }
    let places = bin.places();
    let (aside, left) = peel(&places, params.sparse());
    if left.len() > MOST {
        return Err(duplicate(bin).unwrap_or(Failure::Seed));
    }
    let mut values: Vec<E> = bin.order.iter().map(|&i| value(i as usize)).collect();
    // What nothing depends on stays random.
    fill(store);
    if !left.is_empty() {
        eliminate(bin, &places, &left, &values, store, params)
            .ok_or_else(|| duplicate(bin).unwrap_or(Failure::Seed))?;
    }
    let (sparse, dense) = store.split_at_mut(params.sparse());
    bin.add_dense(dense, &mut values);
    for &(row, place) in aside.iter().rev() {
        let [a, b, c] = places[row as usize].map(|p| p as usize);
        let place = place as usize;
        let sum = sparse[a] + sparse[b] + sparse[c] + sparse[place];
        sparse[place] = values[row as usize] + sum;
    }
    Ok(())
}

/// Rows set aside in order, each with the place that was its own, and the rows
/// that are left.
fn peel(places: &[[u32; WEIGHT]], m: usize) -> (Vec<(u32, u32)>, Vec<u32>) {
    // For each place, how many rows have it and the exclusive or of their numbers.
    let mut columns = vec![(0u32, 0u32); m];
    for (row, places) in (0u32..).zip(places) {
        for &p in places {
            let column = &mut columns[p as usize];
            *column = (column.0 + 1, column.1 ^ row);
        }
    }
    let mut lonely: Vec<u32> =
        (0u32..).zip(&columns).filter(|(_, c)| c.0 == 1).map(|(p, _)| p).collect();
    let mut aside = Vec::with_capacity(places.len());
    while let Some(place) = lonely.pop() {
        let (count, row) = columns[place as usize];
        if count != 1 {
            continue;
        }
        aside.push((row, place));
        for &p in &places[row as usize] {
            let column = &mut columns[p as usize];
            *column = (column.0 - 1, column.1 ^ row);
            if column.0 == 1 {
                lonely.push(p);
            }
        }
    }
    if aside.len() == places.len() {
        return (aside, vec![]);
    }
    let mut seen = vec![false; places.len()];
    aside.iter().for_each(|&(row, _)| seen[row as usize] = true);
    let left = (0u32..).zip(seen).filter(|(_, seen)| !seen).map(|(row, _)| row).collect();
    (aside, left)
}

/// Gauss and Jordan over the places of the rows that are left, then the dense
/// columns; the unknowns that stay free keep what is in `store`.
fn eliminate<E: Element>(
    bin: Bin<'_>,
    places: &[[u32; WEIGHT]],
    left: &[u32],
    values: &[E],
    store: &mut [E],
    params: &Params,
) -> Option<()> {
    let mut unknowns: Vec<usize> =
        left.iter().flat_map(|&r| places[r as usize].map(|p| p as usize)).collect();
    unknowns.sort_unstable();
    unknowns.dedup();
    unknowns.extend(params.sparse()..params.bin_len());
    let width = unknowns.len();
    // Each row: its coefficients, and its value.
    let mut rows: Vec<Vec<E>> = left
        .iter()
        .map(|&r| {
            let mut row = vec![E::default(); width + 1];
            for p in places[r as usize] {
                if let Ok(at) = unknowns.binary_search(&(p as usize)) {
                    row[at] = E::ONE;
                }
            }
            let dense = width - params.dense();
            row[dense..width].copy_from_slice(&bin.coefficients(r as usize));
            row[width] = values[r as usize];
            row
        })
        .collect();
    let mut pivots: Vec<usize> = Vec::with_capacity(rows.len());
    for at in 0..rows.len() {
        // Rows before `at` have their pivots; a row without any says 0 = v.
        let pivot = (0..width).find(|&c| rows[at][c] != E::default())?;
        let inverse = rows[at][pivot].inverse();
        rows[at].iter_mut().for_each(|x| *x = *x * inverse);
        let own = rows[at].clone();
        for (r, row) in rows.iter_mut().enumerate() {
            let factor = row[pivot];
            if r != at && factor != E::default() {
                factor.add_multiple(row, &own);
            }
        }
        pivots.push(pivot);
    }
    let is_pivot: Vec<bool> = (0..width).map(|c| pivots.contains(&c)).collect();
    for (row, &pivot) in rows.iter().zip(&pivots) {
        let free = (0..width)
            .filter(|&c| !is_pivot[c])
            .fold(row[width], |sum, c| sum + row[c] * store[unknowns[c]]);
        store[unknowns[pivot]] = free;
    }
    Some(())
}

/// Whether two keys of the bin are the same.
fn duplicate(bin: Bin<'_>) -> Option<Failure> {
    let mut keys = bin.keys.to_vec();
    keys.sort_unstable();
    keys.windows(2).any(|k| k[0] == k[1]).then_some(Failure::Duplicate)
}

/// How many rows of the first bin peeling leaves.
#[cfg(test)]
pub(super) fn left(rows: &super::Rows) -> usize {
    peel(&rows.bin(0).places(), rows.params().sparse()).1.len()
}
