//! Laws of hidden permutations.

use super::{Case, Seen, expect, input, numbers, open};
use crate::engine::Engine;
use privity_core::Result;

/// A shuffle moves whole rows, by a permutation that another does not repeat,
/// and comes undone.
pub(super) fn shuffles<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let n = case.len;
    let index: Vec<u64> = (0..n as u64).collect();
    let value = numbers(case.seed ^ 10, n, 62);
    let (a, b) = (input(e, 0, &index)?, input(e, 1, &value)?);
    let pi = e.random_permutation(n)?;
    let moved = e.shuffle(&pi, &[&a, &b])?;
    assert_eq!(moved.len(), 2, "columns of a shuffle");
    let rows = open(e, &moved[0])?;
    let mut sorted = rows.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, index, "a shuffle loses or repeats rows");
    let expected: Vec<u64> = rows.iter().map(|&i| value[i as usize]).collect();
    let mut seen = expect(e, &moved[1], &expected, "rows of a shuffle")?;

    // The same permutation again, on a column that comes later.
    let again = e.shuffle(&pi, &[&b])?;
    seen.extend(expect(e, &again[0], &expected, "a second shuffle by the same permutation")?);
    let back = e.unshuffle(&pi, &[&moved[1], &moved[0]])?;
    seen.extend(expect(e, &back[0], &value, "unshuffle")?);
    seen.extend(expect(e, &back[1], &index, "unshuffle")?);
    // row i of the input becomes row pi(i): unshuffle is a shuffle's inverse
    // from either side
    let before = e.unshuffle(&pi, &[&a])?;
    let forth = e.shuffle(&pi, &[&before[0]])?;
    seen.extend(expect(e, &forth[0], &index, "shuffle of unshuffle")?);

    let other = e.random_permutation(n)?;
    let moved = e.shuffle(&other, &[&a])?;
    let others = open(e, &moved[0])?;
    // A false alarm for n = 20 has probability 1 / 20!.
    assert!(n < 20 || (others != rows && rows != index), "a permutation is not random");
    Ok([seen, others].concat())
}
