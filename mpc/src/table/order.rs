//! Orders of rows: permutations that no party knows.
//!
//! An [`Order`] is a permutation sigma = rho . pi of the rows, pi hidden
//! (a fresh [`Engine::random_permutation`]) and rho public. Since pi is uniform
//! and used for nothing else, rho = sigma . pi^-1 is uniform whatever sigma is:
//! it may be opened. Columns are moved by shuffling them by pi and then
//! placing rows by rho, which costs one shuffle for each column and may be
//! repeated for more columns, and undone.
//!
//! A [`Permutation`] holds sigma as a shared vector, so that it can be composed
//! and inverted. It becomes an order by shuffling the vector itself by a fresh
//! pi and opening the result (Asharov et al. 2022, section 3: `ApplyPerm`).
//!
//! **Leakage.** The number of rows; more if a vector of positions is no
//! permutation, see [`Permutation::from_positions`]. **Errors.** Columns of another length give
//! [`Error::Argument`]. **Cost** in `rep3`, bytes of all parties per row:
//!
//! | operation | bytes | rounds |
//! |---|---|---|
//! | [`Order::apply`], [`Order::undo`] per column | 32 | 2 |
//! | [`Order::permutation`] | 32 | 2 |
//! | [`Permutation::order`] | 32 + 24 | 3 |
//! | [`Permutation::apply`] per column, and once | 32, and 32 + 24 | 3 |
//! | [`Permutation::apply_inverse`] per column, and once | 32, and 32 + 24 | 5 |
//! | [`Permutation::compose`] | 88 | 5 |
//! | [`Permutation::invert`] | 88 | 3 |

use super::check_lengths;
use crate::engine::{Engine, Recipients, RingShares};
use privity_core::{Error, Result};

/// A permutation of rows that is ready to be applied, any number of times.
pub struct Order<E: Engine> {
    /// pi; fewer than two rows need none.
    hidden: Option<E::Permutation>,
    /// rho^-1: the shuffled row that comes to each position.
    from: Vec<usize>,
}

impl<E: Engine> Order<E> {
    /// Rows that stay where they are.
    pub(super) fn trivial(rows: usize) -> Self {
        Self { hidden: None, from: (0..rows).collect() }
    }

    /// rho . pi, with rho^-1 = `from`.
    pub(super) fn new(hidden: E::Permutation, from: Vec<usize>) -> Self {
        Self { hidden: Some(hidden), from }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.from.len()
    }

    /// rho^-1
    #[cfg(test)]
    pub(super) fn opened(&self) -> &[usize] {
        &self.from
    }

    /// The columns in this order.
    pub fn apply(&self, e: &mut E, columns: &[&E::Ring]) -> Result<Vec<E::Ring>> {
        check_lengths::<E>(self.rows(), columns)?;
        let shuffled = match &self.hidden {
            Some(pi) if !columns.is_empty() => e.shuffle(pi, columns)?,
            _ => columns.iter().map(|&c| c.clone()).collect(),
        };
        Ok(self.place(&shuffled))
    }

    /// Columns that pi has moved already.
    pub(super) fn place(&self, shuffled: &[E::Ring]) -> Vec<E::Ring> {
        shuffled.iter().map(|c| c.gather(&self.from)).collect()
    }

    /// Columns in this order, brought back to the order before.
    pub fn undo(&self, e: &mut E, columns: &[&E::Ring]) -> Result<Vec<E::Ring>> {
        check_lengths::<E>(self.rows(), columns)?;
        let to = inverse(&self.from)?;
        let shuffled: Vec<E::Ring> = columns.iter().map(|c| c.gather(&to)).collect();
        match &self.hidden {
            Some(pi) if !columns.is_empty() => {
                e.unshuffle(pi, &shuffled.iter().collect::<Vec<_>>())
            }
            _ => Ok(shuffled),
        }
    }

    /// The same as a shared vector.
    pub fn permutation(&self, e: &mut E) -> Result<Permutation<E>> {
        let positions = e.public(&count(self.rows()));
        let mut image = self.undo(e, &[&positions])?;
        image.pop().map(|image| Permutation { image }).ok_or(Error::Internal("one column in"))
    }
}

/// A shared permutation: element i is the position that row i goes to.
#[derive(Clone)]
pub struct Permutation<E: Engine> {
    image: E::Ring,
}

impl<E: Engine> Permutation<E> {
    /// From a shared vector that holds each of 0, ..., n - 1 once. That it does is
    /// the caller's promise, and is not checked here.
    ///
    /// **If it does not**, every computing party learns all n words of it, as a
    /// multiset: which values occur, how often, whole words of 64 bits, but not
    /// in which rows. The first use shuffles the vector by a fresh pi and
    /// opens it to all; pi is uniform and used for nothing else, so that the
    /// order of what is opened says nothing. The use ends with
    /// [`Error::Argument`]; every further use tells the same multiset again, under
    /// another pi. Of a permutation the multiset is known beforehand: then nothing
    /// leaks. With fewer than two rows nothing is opened, and no error comes.
    ///
    /// Hence never pass values of an input here that its owner chose freely. To
    /// refuse them without opening takes a test of all n values, n comparisons or
    /// a sort, more than the use itself costs: words are no field in which one
    /// product of differences would tell.
    pub fn from_positions(image: E::Ring) -> Self {
        Self { image }
    }

    /// The positions, as a shared vector.
    pub fn positions(&self) -> &E::Ring {
        &self.image
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.image.len()
    }

    /// Makes it ready to move columns.
    pub fn order(&self, e: &mut E) -> Result<Order<E>> {
        Ok(self.order_with(e, &[])?.0)
    }

    /// [`Permutation::order`], and the columns in that order: they are shuffled
    /// in the same round as the permutation.
    pub(super) fn order_with(
        &self,
        e: &mut E,
        columns: &[&E::Ring],
    ) -> Result<(Order<E>, Vec<E::Ring>)> {
        let n = self.rows();
        check_lengths::<E>(n, columns)?;
        if n < 2 {
            return Ok((Order::trivial(n), columns.iter().map(|&c| c.clone()).collect()));
        }
        let pi = e.random_permutation(n)?;
        let mut shuffled = e.shuffle(&pi, &[&[&self.image], columns].concat())?;
        let rest = shuffled.split_off(1);
        let to = open_positions(e, &shuffled[0])?;
        let order = Order::new(pi, inverse(&to)?);
        let placed = order.place(&rest);
        Ok((order, placed))
    }

    /// Moves row i of each column to its position.
    pub fn apply(&self, e: &mut E, columns: &[&E::Ring]) -> Result<Vec<E::Ring>> {
        Ok(self.order_with(e, columns)?.1)
    }

    /// Row i of the result is the row of the column at i's position.
    pub fn apply_inverse(&self, e: &mut E, columns: &[&E::Ring]) -> Result<Vec<E::Ring>> {
        check_lengths::<E>(self.rows(), columns)?;
        self.order(e)?.undo(e, columns)
    }

    /// This permutation first, then the other: i goes to other(self(i)).
    pub fn compose(&self, e: &mut E, then: &Self) -> Result<Self> {
        let mut image = self.apply_inverse(e, &[&then.image])?;
        image.pop().map(|image| Self { image }).ok_or(Error::Internal("one column in"))
    }

    /// The permutation that undoes this one.
    pub fn invert(&self, e: &mut E) -> Result<Self> {
        let rows = e.public(&count(self.rows()));
        let mut image = self.apply(e, &[&rows])?;
        image.pop().map(|image| Self { image }).ok_or(Error::Internal("one column in"))
    }
}

impl<E: Engine> std::fmt::Debug for Permutation<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permutation").field("rows", &self.rows()).finish_non_exhaustive()
    }
}

impl<E: Engine> std::fmt::Debug for Order<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Order").field("rows", &self.rows()).finish_non_exhaustive()
    }
}

/// 0, 1, ..., n - 1
pub(super) fn count(n: usize) -> Vec<u64> {
    (0..n as u64).collect()
}

/// Opens shuffled positions. In a dry run nothing is opened and every row stays.
pub(super) fn open_positions<E: Engine>(e: &mut E, x: &E::Ring) -> Result<Vec<usize>> {
    Ok(match e.open(x, Recipients::All)? {
        // A position that does not fit is refused by `inverse`.
        Some(to) => to.into_iter().map(|t| usize::try_from(t).unwrap_or(usize::MAX)).collect(),
        None => (0..x.len()).collect(),
    })
}

/// The inverse of a public permutation; an error if it is none.
pub(super) fn inverse(to: &[usize]) -> Result<Vec<usize>> {
    let mut from = vec![usize::MAX; to.len()];
    for (i, &t) in to.iter().enumerate() {
        match from.get_mut(t) {
            Some(slot) if *slot == usize::MAX => *slot = i,
            _ => {
                return Err(Error::Argument(
                    "opened positions are not a permutation: the shared vector was none, or a \
                     party deviated"
                        .into(),
                ));
            }
        }
    }
    Ok(from)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    fn permutation(n: usize) -> impl Strategy<Value = Vec<u64>> {
        Just(count(n)).prop_shuffle()
    }

    proptest! {
        #[test]
        fn permutations_form_a_group(
            (p, q, x) in (0usize..70).prop_flat_map(|n| {
                (permutation(n), permutation(n), prop::collection::vec(any::<u64>(), n))
            }),
        ) {
            let e = &mut Plain::new(1);
            let (sp, sq) = (
                Permutation::<Plain>::from_positions(Words(p.clone())),
                Permutation::<Plain>::from_positions(Words(q.clone())),
            );
            let mut moved = vec![0; x.len()];
            for (i, &t) in p.iter().enumerate() {
                moved[t as usize] = x[i];
            }
            let forth = sp.apply(e, &[&Words(x.clone())]).unwrap().remove(0);
            prop_assert_eq!(&forth.0, &moved);
            prop_assert_eq!(&sp.apply_inverse(e, &[&forth]).unwrap()[0].0, &x);
            let both = sp.compose(e, &sq).unwrap();
            let composed: Vec<u64> = p.iter().map(|&t| q[t as usize]).collect();
            prop_assert_eq!(&both.positions().0, &composed);
            let back = sp.invert(e).unwrap();
            prop_assert_eq!(sp.compose(e, &back).unwrap().positions().0.clone(), count(x.len()));
            let order = sp.order(e).unwrap();
            prop_assert_eq!(order.permutation(e).unwrap().positions().0.clone(), p);
            prop_assert_eq!(&order.apply(e, &[&Words(x)]).unwrap()[0].0, &moved);
        }
    }

    #[test]
    fn what_is_no_permutation_is_refused() {
        let e = &mut Plain::new(1);
        for bad in [vec![0, 0, 1], vec![0, 1, 3], vec![0, 1, u64::MAX]] {
            let p = Permutation::<Plain>::from_positions(Words(bad));
            assert!(matches!(p.order(e), Err(Error::Argument(_))));
        }
        let p = Permutation::<Plain>::from_positions(Words(vec![1, 0]));
        assert!(matches!(p.apply(e, &[&Words(vec![1])]), Err(Error::Argument(_))));
    }
}
