//! Mini-batch stochastic gradient descent, for large tables.
//!
//! Per batch of B rows, with X extended by a column of ones,
//!
//! (1)  w <- (1 - eta l2) w - (eta / B) X' (s(X w) - y)
//!
//! where s is the three-piece sigmoid ([`spline::sigmoid_fast`]). eta / B is
//! m 2^-k with a small integer m, so that it costs nothing: the residual is
//! multiplied by m locally, and the gradient's truncation cuts k bits more.
//! The intercept is not penalised.
//!
//! The result is the mean of w over the steps of the last epoch (Polyak and
//! Juditsky, 1992), which takes out most of the noise of single batches and is
//! local. One epoch of a single batch is plain gradient descent.
//!
//! **Order.** The rows are shuffled once by a public permutation that `seed`
//! gives; every epoch takes the same batches, which are laid out once.
//!
//! **Ranges.** |x w| < 2^21 and, over each batch, the mean of |x| at most
//! [`MAX_BATCH_MEAN`] per column, which owners check by [`SgdOptions::batches`];
//! B <= 2^14. A fit that diverges can leave the first range; it is not settled
//! then.
//!
//! **Accuracy.** That of the method and of s: it finds the minimum of a loss
//! that differs a little from the logistic one. Class decisions agree with the
//! maximum-likelihood fit's but for rows near the threshold; probabilities do
//! not.
//!
//! **Rounds** per batch in `rep3`: 11 (12 with a penalty). Alone the predictor takes
//! 2, the sigmoid 9 and the gradient 2 (3), but they overlap.

use super::{FRAC, check_shape};
use privity_core::{Error, Fixed, Result};
use privity_mpc::{
    engine::{Dims, Engine, RingShares},
    numeric::{compare, spline},
};

/// Options of [`fit_sgd`], all public.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdOptions {
    /// Passes over the table.
    pub epochs: u32,
    /// Rows per step, 1 to 2^14; the last batch of an epoch may be smaller.
    pub batch: usize,
    /// eta; rounded so that eta / batch has a few significant bits (5 at a
    /// batch of 1024). Above 2^-10, at most 16.
    pub learning_rate: f64,
    /// Penalty (l2 / 2) ||w||^2 on the mean loss; eta l2 < 1.
    pub l2: f64,
    /// Seed of the public shuffle of the rows; `None` keeps their order.
    pub seed: Option<u64>,
}

impl Default for SgdOptions {
    fn default() -> Self {
        Self { epochs: 5, batch: 1024, learning_rate: 0.5, l2: 0.0, seed: Some(0) }
    }
}

/// The largest mean magnitude of a column within a batch: keeps the gradient's
/// sum below 2^62.
pub const MAX_BATCH_MEAN: f64 = 15.0;

/// A fit by [`fit_sgd`].
pub struct SgdFit<E: Engine> {
    /// Intercept first, 20 fractional bits.
    pub coefficients: E::Ring,
    /// One bit: at the end no coefficient was further than 1/4 from its mean
    /// over the last epoch. A step size that is too large fails it.
    pub settled: E::Bits,
}

/// Fits `x` (`rows` x `cols`, 20 fractional bits) to `y` (0 or 1).
pub fn fit_sgd<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    y: &E::Ring,
    rows: usize,
    cols: usize,
    options: &SgdOptions,
) -> Result<SgdFit<E>> {
    check_shape(x.len(), y.len(), rows, cols)?;
    options.check()?;
    let dim = cols + 1;
    let batches: Vec<(E::Ring, E::Ring)> = options
        .batches(rows)
        .iter()
        .map(|rows| {
            // Transposed, so that the column of ones is one more row.
            let at: Vec<usize> =
                (0..cols).flat_map(|c| rows.iter().map(move |r| r * cols + c)).collect();
            let ones = e.public(&vec![1 << FRAC; rows.len()]);
            let table = E::Ring::concat(&[&ones, &x.gather(&at)]);
            // in the scale of the sigmoid
            (table, y.gather(rows).scale(1 << (FRAC + 2)))
        })
        .collect();

    let mut w = E::Ring::zeros(dim);
    let mut sum = E::Ring::zeros(dim);
    for epoch in 1..=options.epochs {
        for (table, y) in &batches {
            let n = y.len();
            let (m, k) = options.rate(n);
            let eta = e.matmul(&w, table, Dims { m: 1, k: dim, n }, FRAC)?;
            let p = spline::sigmoid_fast(e, &eta, FRAC)?;
            let r = p.sub(y).scale(m);
            let dims = Dims { m: dim, k: n, n: 1 };
            let trunc = FRAC + 2 + k;
            let step = if options.l2 == 0.0 {
                e.matmul(table, &r, dims, trunc)?
            } else {
                let decay = Fixed::new(30)?.constant(options.learning_rate * options.l2);
                let mut decay = vec![decay; dim];
                decay[0] = 0;
                let shrink = w.mul_public(&decay);
                let shrink = if trunc >= 30 {
                    shrink.scale(1 << (trunc - 30))
                } else {
                    e.truncate(&shrink, 30 - trunc)?
                };
                let sum = e.matmul(table, &r, dims, 0)?.add(&shrink);
                e.truncate(&sum, trunc)?
            };
            w = w.sub(&step);
            if epoch == options.epochs {
                sum = sum.add(&w);
            }
        }
    }
    // the mean, as sum (2^20 / batches) / 2^20
    let weight = Fixed::new(FRAC)?.constant(1.0 / batches.len() as f64);
    let coefficients = e.truncate(&sum.scale(weight), FRAC)?;
    let quarter = e.public(&vec![1 << (FRAC - 2); dim]);
    let swing = w.sub(&coefficients);
    let beyond = e.is_negative(&E::Ring::concat(&[&quarter.sub(&swing), &quarter.add(&swing)]))?;
    let within = e.not(&beyond);
    let settled = compare::all(e, &within)?;
    Ok(SgdFit { coefficients, settled })
}

impl SgdOptions {
    fn check(&self) -> Result<()> {
        let wrong = if !(1..=10_000).contains(&self.epochs) {
            "epochs must be from 1 to 10000"
        } else if !(1..=1 << 14).contains(&self.batch) {
            "batch must be from 1 to 16384"
        } else if !(self.learning_rate > 1.0 / 1024.0 && self.learning_rate <= 16.0) {
            "learning_rate must be above 1/1024 and at most 16"
        } else if !(self.l2 >= 0.0 && self.learning_rate * self.l2 < 1.0) {
            "l2 must not be negative, and learning_rate * l2 must be below 1"
        } else {
            return Ok(());
        };
        Err(Error::Argument(wrong.into()))
    }

    /// eta / n = m 2^-k, with as many bits in m as the gradient's sum allows.
    fn rate(&self, n: usize) -> (u64, u32) {
        let log = n.next_power_of_two().trailing_zeros();
        // sum |x r| < 16 n with 42 fractional bits, times m, below 2^62
        let bits = (62 - 42 - 4 - log).min(8);
        let rate = self.learning_rate / n as f64;
        let mut k = 0;
        // 2^(bits-1) <= m < 2^bits, unless an integer m is there before
        let mut m = rate;
        while (m.fract() != 0.0 || m < 1.0) && m * 2.0 < f64::from(1 << bits) - 0.5 {
            m *= 2.0;
            k += 1;
        }
        (m.round().max(1.0) as u64, k)
    }

    /// The rows of each batch, the same for every epoch.
    pub fn batches(&self, rows: usize) -> Vec<Vec<usize>> {
        self.order(rows).chunks(self.batch.max(1)).map(<[usize]>::to_vec).collect()
    }

    /// A public permutation of the rows (Fisher-Yates on splitmix64; it hides
    /// nothing and needs no cryptographic strength).
    fn order(&self, rows: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..rows).collect();
        if let Some(seed) = self.seed {
            let mut state = seed;
            for i in (1..rows).rev() {
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                order.swap(i, ((z ^ (z >> 31)) % (i as u64 + 1)) as usize);
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_close_and_small() {
        for learning_rate in [0.01, 0.1, 0.5, 1.0, 3.0, 16.0] {
            for batch in [1, 7, 64, 1000, 1024, 16384] {
                let options = SgdOptions { learning_rate, batch, ..SgdOptions::default() };
                let (m, k) = options.rate(batch);
                let got = m as f64 / f64::from(k).exp2() * batch as f64;
                assert!((got / learning_rate - 1.0).abs() < 0.26, "{learning_rate} {batch}: {got}");
                assert!(m as f64 * batch as f64 <= f64::from(1 << 16), "{m} {k}");
                assert!(FRAC + 2 + k < 62);
            }
        }
        let options = SgdOptions { batch: 1024, ..SgdOptions::default() };
        assert_eq!(options.rate(1024), (1, 11));
    }
}
