//! The public coefficients that follow from N and t, for each kind of element.

use privity_core::{
    field::{Field, Fp127, Gf64, Small},
    share::shamir::lagrange,
};

/// Coefficients for one field. Indices of parties are modulo N; "the next t"
/// parties after i are i + 1, ..., i + t.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group<F> {
    /// alpha_i
    pub(super) points: Vec<F>,
    /// `[q][i]`: of the parties q, ..., q + 2t, value at 0 of degree 2t.
    pub(super) product: Vec<Vec<F>>,
    /// `[q][j]`: at alpha_j, the polynomial of degree t that is 1 at 0 and 0 at
    /// the next t parties after q.
    pub(super) unit: Vec<Vec<F>>,
    /// `[i][j]`: at alpha_j, from the values at 0 and at the next t after i.
    pub(super) deal: Vec<Vec<Vec<F>>>,
    /// `[j]`: value at 0 from the parties j, ..., j + t.
    pub(super) open: Vec<Vec<F>>,
    /// `[k][i]`: alpha_i^k for k < N - t.
    pub(super) extract: Vec<Vec<F>>,
    /// `[A]`: at this party, the polynomial that is 1 at 0 and 0 outside A; `None`
    /// where this party is outside.
    pub(super) sets: Vec<Option<F>>,
}

impl<F: Field> Group<F> {
    fn new(points: Vec<F>, t: usize, me: usize, sets: &[Vec<usize>]) -> Self {
        let n = points.len();
        let run = |from: usize, count: usize| -> Vec<F> {
            (from..from + count).map(|i| points[i % n]).collect()
        };
        let with_zero = |mut rest: Vec<F>| {
            rest.insert(0, F::ZERO);
            rest
        };
        let unit_at = |zeros: Vec<F>, at: F| lagrange(&with_zero(zeros), at)[0];
        let multiplies = n > 2 * t;
        Self {
            product: (0..n)
                .map(|q| if multiplies { lagrange(&run(q, 2 * t + 1), F::ZERO) } else { vec![] })
                .collect(),
            unit: (0..n)
                .map(|q| points.iter().map(|&at| unit_at(run(q + 1, t), at)).collect())
                .collect(),
            deal: (0..n)
                .map(|i| {
                    let base = with_zero(run(i + 1, t));
                    points.iter().map(|&at| lagrange(&base, at)).collect()
                })
                .collect(),
            open: (0..n).map(|j| lagrange(&run(j, t + 1), F::ZERO)).collect(),
            extract: (0..n - t)
                .map(|k| {
                    let power = |a: F| (0..k).fold(F::ONE, |p, _| p * a);
                    points.iter().map(|&a| power(a)).collect()
                })
                .collect(),
            sets: sets
                .iter()
                .map(|set| {
                    let outside = (0..n).filter(|i| !set.contains(i)).map(|i| points[i]).collect();
                    set.contains(&me).then(|| unit_at(outside, points[me]))
                })
                .collect(),
            points,
        }
    }
}

/// The coefficients of all kinds of elements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(super) fp: Group<Fp127>,
    pub(super) pairs: Group<Small<2>>,
    pub(super) nibbles: Group<Small<4>>,
    pub(super) bytes: Group<Small<8>>,
    /// The images of the small field's points in GF(2^64).
    pub(super) extension: Group<Gf64>,
}

impl Tables {
    /// For the parties with these numbers, which give their points.
    pub(super) fn new(
        numbers: &[usize],
        t: usize,
        me: usize,
        k: usize,
        sets: &[Vec<usize>],
    ) -> Self {
        fn points<F: Field>(numbers: &[usize]) -> Vec<F> {
            numbers.iter().map(|&i| F::point(i)).collect()
        }
        let mut tables = Self { fp: Group::new(points(numbers), t, me, sets), ..Self::default() };
        let images: Vec<Gf64> = match k {
            2 => {
                tables.pairs = Group::new(points(numbers), t, me, sets);
                tables.pairs.points.iter().map(|p| p.embed()).collect()
            }
            4 => {
                tables.nibbles = Group::new(points(numbers), t, me, sets);
                tables.nibbles.points.iter().map(|p| p.embed()).collect()
            }
            _ => {
                tables.bytes = Group::new(points(numbers), t, me, sets);
                tables.bytes.points.iter().map(|p| p.embed()).collect()
            }
        };
        tables.extension = Group::new(images, t, me, sets);
        tables
    }
}

/// Planes of the smallest binary field with points for all parties.
pub(super) fn planes(highest: usize) -> usize {
    match highest + 1 {
        0..=3 => 2,
        4..=15 => 4,
        _ => 8,
    }
}

/// All subsets of N - t parties, unless there are more than `limit`.
pub(super) fn subsets(n: usize, t: usize, limit: usize) -> Option<Vec<Vec<usize>>> {
    // binom(n, t), stopping before it can overflow.
    let mut count = 1usize;
    for i in 0..t {
        count = count * (n - i) / (i + 1);
        if count > limit {
            return None;
        }
    }
    let mut sets = Vec::with_capacity(count);
    let mut set: Vec<usize> = (0..n - t).collect();
    loop {
        sets.push(set.clone());
        // The next in lexicographic order.
        let Some(i) = (0..set.len()).rev().find(|&i| set[i] < t + i) else {
            return Some(sets);
        };
        set[i] += 1;
        for j in i + 1..set.len() {
            set[j] = set[j - 1] + 1;
        }
    }
}
