//! Sums, means, variances and covariances, exact at any size.
//!
//! Everything is computed on integers: S_j = sum x_j and Q_jk = sum x_j x_k
//! of words, in 128 bits where 64 do not surely hold them. With n values,
//!
//! (1)  S_j = n m_j + r_j,  0 <= r_j < n
//! (2)  sum (x_j - mean_j) (x_k - mean_k)
//!        = Q_jk - m_j S_k - m_k r_j - r_j r_k / n
//!
//! where m_j = floor(S_j / n) by exact division ([`super::exact`]) and the last
//! term, which is below n, is kept with additional bits. So nothing is
//! subtracted that has been rounded, and the only error is that of the last
//! digit: a mean is the nearest fixed-point number to S / n, a variance is
//! within a unit.
//!
//! **Streaming.** [`Moments`] takes batches of any size and keeps two wide
//! vectors whose length is the number of columns and of pairs: memory is that
//! of one batch, whatever the number of rows.
//!
//! **Cost** of a batch: inner products, whose messages are one word for as many
//! terms as surely fit into 62 bits (a column with |x| <= 100 and 20 fractional
//! bits: 425 terms), and the widening of these. If not even two squares fit
//! (|x| >= 1024), every element is widened. At the end: an exact division
//! for the means, a wide product, one more exact division.

use super::{
    exact::{DIVISOR_BITS, bits, divide_floor_wide, divide_round_wide},
    range::{Bounded, dot_in_parts, product, sum, sum_in_parts},
};
use crate::engine::{Engine, RingShares};
use privity_core::{Error, Result};

/// Which products of columns are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Products {
    /// None: sums and means only.
    None,
    /// Squares: variances.
    Squares,
    /// Of every pair of columns: covariances.
    Pairs,
}

/// What all columns of a table have in common, publicly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// How many there are, at least 1.
    pub count: usize,
    /// Fractional bits of the words.
    pub frac: u32,
    /// |word| <= `bound`, by import or by what the caller knows.
    pub bound: u64,
}

/// Sums over the rows seen so far.
pub struct Moments<E: Engine> {
    columns: Columns,
    pairs: Vec<(usize, usize)>,
    products: Products,
    rows: u64,
    /// S
    sums: E::Wide,
    /// Q, one for each of `pairs`.
    squares: E::Wide,
}

impl<E: Engine> Moments<E> {
    /// No rows yet.
    pub fn new(columns: Columns, products: Products) -> Result<Self> {
        if columns.count == 0 {
            return Err(Error::Argument("moments of no columns".into()));
        }
        let d = columns.count;
        let pairs: Vec<(usize, usize)> = match products {
            Products::None => vec![],
            Products::Squares => (0..d).map(|j| (j, j)).collect(),
            Products::Pairs => (0..d).flat_map(|j| (j..d).map(move |k| (j, k))).collect(),
        };
        Ok(Self {
            columns,
            products,
            rows: 0,
            sums: E::Wide::zeros(d),
            squares: E::Wide::zeros(pairs.len()),
            pairs,
        })
    }

    /// How many rows were added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds rows, given column after column (of a single column: its values).
    /// Refused if the sums over all rows so far could outgrow 2^124.
    pub fn add(&mut self, e: &mut E, x: &E::Ring) -> Result<()> {
        let d = self.columns.count;
        if !x.len().is_multiple_of(d) {
            return Err(Error::Argument(format!("{} values do not fill {d} columns", x.len())));
        }
        let n = x.len() / d;
        if n == 0 {
            return Ok(());
        }
        let rows = self.rows + n as u64;
        let bound = u128::from(self.columns.bound);
        let term = match self.products {
            Products::None => bound,
            _ => product("a square", bound, bound)?,
        };
        product("a sum of squares", term, rows.into())?;

        let column = |j: usize| if d == 1 { x.clone() } else { x.slice(j * n..(j + 1) * n) };
        self.sums = self.sums.add(&sum_in_parts(e, x, n, bound)?);
        let mut start = 0;
        let together = (PAIRED / n).max(1);
        while start < self.pairs.len() {
            let pairs = &self.pairs[start..self.pairs.len().min(start + together)];
            let dots = if self.products == Products::Squares && pairs.len() == d {
                dot_in_parts(e, x, x, n, term)?
            } else {
                let gather = |side: fn(&(usize, usize)) -> usize| {
                    let columns: Vec<E::Ring> = pairs.iter().map(|p| column(side(p))).collect();
                    E::Ring::concat(&columns.iter().collect::<Vec<_>>())
                };
                dot_in_parts(e, &gather(|p| p.0), &gather(|p| p.1), n, term)?
            };
            let end = start + pairs.len();
            let added = self.squares.slice(start..end).add(&dots);
            self.squares = E::Wide::concat(&[
                &self.squares.slice(0..start),
                &added,
                &self.squares.slice(end..self.pairs.len()),
            ]);
            start = end;
        }
        self.rows = rows;
        Ok(())
    }

    /// S, exactly.
    pub fn sums(&self) -> Result<Bounded<E>> {
        Bounded::new_wide(self.sums.clone(), self.columns.frac, self.sum_bound()?)
    }

    /// The means, each the nearest number with `frac` fractional bits.
    pub fn means(&self, e: &mut E, frac: u32) -> Result<Bounded<E>> {
        let n = self.divisor(0)?;
        let bound = self.sum_bound()?;
        let up = frac.saturating_sub(self.columns.frac);
        let down = self.columns.frac.saturating_sub(frac);
        let scaled = shifted("a mean", bound, up)?;
        let divisor = shifted("a divisor", n.into(), down)?;
        let divisor = u64::try_from(divisor).unwrap_or(u64::MAX);
        let q = divide_round_wide(e, &self.sums.scale(1 << up), divisor, scaled)?;
        let result = Bounded::new_wide(q, frac, scaled / u128::from(divisor) + 1)?;
        result.rescale(e, frac)
    }

    /// The variances with `n - ddof` as divisor, within one unit of `frac`
    /// fractional bits.
    pub fn variances(&self, e: &mut E, ddof: u64, frac: u32) -> Result<Bounded<E>> {
        let pairs: Vec<usize> =
            (0..self.pairs.len()).filter(|&p| self.pairs[p].0 == self.pairs[p].1).collect();
        self.central(e, &pairs, ddof, frac)
    }

    /// The covariance matrix, row-major, with `n - ddof` as divisor, within one
    /// unit of `frac` fractional bits.
    pub fn covariances(&self, e: &mut E, ddof: u64, frac: u32) -> Result<Bounded<E>> {
        if self.products != Products::Pairs {
            return Err(Error::Argument("covariances need the products of all pairs".into()));
        }
        let all: Vec<usize> = (0..self.pairs.len()).collect();
        let half = self.central(e, &all, ddof, frac)?;
        let d = self.columns.count;
        let at = |j: usize, k: usize| {
            let (j, k) = (j.min(k), j.max(k));
            j * d - j * (j + 1) / 2 + k
        };
        let order: Vec<usize> = (0..d * d).map(|i| at(i / d, i % d)).collect();
        Ok(half.gather(&order))
    }

    /// (2) for the pairs at these indices, divided by n - ddof.
    fn central(&self, e: &mut E, pairs: &[usize], ddof: u64, frac: u32) -> Result<Bounded<E>> {
        if self.products == Products::None {
            return Err(Error::Argument("variances need the sums of squares".into()));
        }
        let (n, divisor) = (self.divisor(0)?, self.divisor(ddof)?);
        let (bound, exact) = (u128::from(self.columns.bound), 2 * self.columns.frac);
        // Additional bits, so that the remainders count.
        let extra = (frac + 1).saturating_sub(exact);
        let down = exact + extra - frac;
        let squares = product("a sum of squares", product("a square", bound, bound)?, n.into())?;
        // Q, m S and m r, each below `squares` and n (bound + n), and r r / n < n
        let slack = product("a sum of squares", n.into(), bound + u128::from(n))?;
        let total = sum("a variance", 4 * squares.min(u128::MAX >> 2), 4 * slack)?;
        let total = shifted("a variance", total, extra)?;
        let divisor = shifted("a divisor", divisor.into(), down)?;
        let divisor = u64::try_from(divisor).unwrap_or(u64::MAX);
        if bits(divisor.into()) > DIVISOR_BITS {
            return Err(Error::Overflow {
                operation: "a variance's divisor",
                bits: bits(divisor.into()),
                limit: DIVISOR_BITS,
            });
        }
        shifted("a remainder", product("a remainder", n.into(), n.into())?, extra)?;

        // (1)
        let m = divide_floor_wide(e, &self.sums, n, self.sum_bound()?)?;
        let r = self.sums.sub(&m.scale(n.into()));
        // (2)
        let left: Vec<usize> = pairs.iter().map(|&p| self.pairs[p].0).collect();
        let right: Vec<usize> = pairs.iter().map(|&p| self.pairs[p].1).collect();
        let (r_left, r_right) = (r.gather(&left), r.gather(&right));
        let products = e.dot_wide(
            &E::Wide::concat(&[&m.gather(&left), &m.gather(&right), &r_left]),
            &E::Wide::concat(&[&self.sums.gather(&right), &r_left, &r_right]),
            1,
        )?;
        let k = pairs.len();
        let rest = products.slice(2 * k..3 * k).scale(1 << extra);
        let rest_bound = (u128::from(n) * u128::from(n)) << extra;
        let rest = divide_floor_wide(e, &rest, n, rest_bound)?;
        let central = self
            .squares
            .gather(pairs)
            .sub(&products.slice(0..k))
            .sub(&products.slice(k..2 * k))
            .scale(1 << extra)
            .sub(&rest);
        let q = divide_round_wide(e, &central, divisor, total)?;
        // |(2)| <= n (2 bound)^2 / 4, by the inequality of Popoviciu
        let most = shifted("a variance", squares + u128::from(n), extra)?;
        Bounded::new_wide(q, frac, most / u128::from(divisor) + 1)?.rescale(e, frac)
    }

    fn divisor(&self, ddof: u64) -> Result<u64> {
        match self.rows.checked_sub(ddof) {
            Some(n) if n > 0 => Ok(n),
            _ => Err(Error::Argument(format!(
                "{} rows leave nothing to divide by with ddof = {ddof}",
                self.rows
            ))),
        }
    }

    fn sum_bound(&self) -> Result<u128> {
        product("a sum", self.columns.bound.into(), self.rows.into())
    }
}

/// Elements per call when columns are paired, to bound memory.
const PAIRED: usize = 1 << 22;

fn shifted(operation: &'static str, bound: u128, up: u32) -> Result<u128> {
    product(operation, bound, 1u128.checked_shl(up).unwrap_or(u128::MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        engine::Recipients,
        laws::numbers,
        plain::{Plain, Words},
    };
    use proptest::prelude::*;

    fn opened(e: &mut Plain, x: &Bounded<Plain>) -> Vec<f64> {
        x.open(e, Recipients::All).unwrap().unwrap()
    }

    /// x / 2^frac, as near as f64 can say.
    fn real(x: i128, frac: u32) -> f64 {
        x as f64 / f64::from(frac).exp2()
    }

    proptest! {
        #[test]
        fn moments_are_exact(
            seed: u64, rows in 1usize..60, d in 1usize..5, width in 1u32..42, frac in 0u32..22,
            ddof in 0u64..2, out in 0u32..22, batch in 1usize..20,
        ) {
            let e = &mut Plain::new(seed);
            let bound = (1u64 << width) - 1;
            let columns: Vec<Vec<u64>> =
                (0..d).map(|j| numbers(seed ^ j as u64, rows, width)).collect();
            let mut moments =
                Moments::new(Columns { count: d, frac, bound }, Products::Pairs).unwrap();
            for start in (0..rows).step_by(batch) {
                let part: Vec<u64> = columns.iter()
                    .flat_map(|c| c[start..rows.min(start + batch)].to_vec()).collect();
                moments.add(e, &Words(part)).unwrap();
            }
            prop_assert_eq!(moments.rows(), rows as u64);
            let n = rows as i128;
            let x = |j: usize, i: usize| i128::from(columns[j][i] as i64);
            let s: Vec<i128> = (0..d).map(|j| (0..rows).map(|i| x(j, i)).sum()).collect();
            let sums = moments.sums().unwrap();
            prop_assert_eq!(opened(e, &sums), s.iter().map(|&s| real(s, frac)).collect::<Vec<_>>());
            let means = moments.means(e, out).unwrap();
            for (got, s) in opened(e, &means).iter().zip(&s) {
                let (up, down) = (out.saturating_sub(frac), frac.saturating_sub(out));
                let divisor = n << down;
                let nearest = ((s << up) + divisor / 2).div_euclid(divisor);
                prop_assert_eq!(*got, real(nearest, out));
            }
            if rows as u64 <= ddof {
                prop_assert!(moments.covariances(e, ddof, out).is_err());
                return Ok(());
            }
            let got = moments.covariances(e, ddof, out).unwrap();
            let got = opened(e, &got);
            let diagonal = moments.variances(e, ddof, out).unwrap();
            let diagonal = opened(e, &diagonal);
            for j in 0..d {
                for k in 0..d {
                    // n Q - S S = n (2), exactly
                    let q: i128 = (0..rows).map(|i| x(j, i) * x(k, i)).sum();
                    let exact = real(n * q - s[j] * s[k], 2 * frac) / (n * (n - i128::from(ddof))) as f64;
                    let error = (got[j * d + k] - exact).abs();
                    // one unit, and what f64 itself can say
                    let bound = real(1, out) * 1.000_001 + exact.abs() * 1e-14;
                    prop_assert!(error <= bound, "{} {exact}", got[j * d + k]);
                    if j == k {
                        prop_assert!((diagonal[j] - exact).abs() <= bound);
                    }
                }
            }
        }
    }

    #[test]
    fn what_could_overflow_is_refused() {
        let e = &mut Plain::new(1);
        let columns = Columns { count: 1, frac: 0, bound: (1 << 61) - 1 };
        let mut moments = Moments::new(columns, Products::Squares).unwrap();
        moments.add(e, &Words(vec![5; 4])).unwrap();
        // squares of 2^122: a fifth row could reach 2^124
        assert!(matches!(moments.add(e, &Words(vec![5])), Err(Error::Overflow { .. })));
        assert!(Moments::<Plain>::new(Columns { count: 0, ..columns }, Products::None).is_err());
        let mut sums = Moments::new(columns, Products::None).unwrap();
        assert!(sums.means(e, 0).is_err());
        sums.add(e, &Words(vec![7; 1000])).unwrap();
        assert!(sums.variances(e, 0, 0).is_err() && sums.covariances(e, 0, 0).is_err());
        let means = sums.means(e, 0).unwrap();
        assert_eq!(opened(e, &means), [7.0]);
    }
}
