//! Maximum likelihood by Newton's method.
//!
//! **Definition.** The coefficients (intercept first) that minimise
//!
//! (1)  sum_i softplus(x_i w + b) - y_i (x_i w + b)  +  (l2 / 2) ||w||^2,
//!
//! with `l2` = 0 the maximum-likelihood fit of statsmodels' `Logit`, else that
//! of scikit-learn with C = 1 / `l2`. The intercept is not penalised.
//!
//! **Scaling.** With n rows, let N = 2^L be the next power of two. Columns are
//! centred by their (rounded) means m_j and multiplied by s_j so that
//!
//! (2)  z_ij = s_j (x_ij - m_j),   (1/N) sum_i z_ij^2 + (4/N) l2 s_j^2 = 1.
//!
//! This only changes coordinates, so that rounding in m and s does not matter;
//! and it makes every bound below independent of the data. In the coordinates
//! (2), with r = y - p,
//!
//! (3)  g = (4/N) (Z' r - l2 S^2 w),   A(w) = (4/N) (Z' P(1-P) Z + l2 S^2).
//!
//! All of g is a sum that is truncated once. The Newton step A^-1 g uses an
//! approximate inverse, which decides how fast the iteration converges and not
//! where to: the fixed point is g = 0.
//!
//! **Inverse.** A_0 = A(0) has the diagonal 1 and, since 4 p (1 - p) <= 1, it
//! dominates every A(w) (Böhning, 1992). So (A_0 + tau I)^-1, computed once by
//! [`inverse_spd`], is a start from which Newton-Schulz converges for *every*
//! w. tau = 2^-12 bounds all inverses by 2^12, whatever the data are; it slows
//! the convergence along directions whose eigenvalue is near tau, and moves no
//! fixed point.
//!
//! **Step.** A step longer than `step_limit` in norm is halved until it is
//! not: 18 public thresholds, one batch of comparisons. Hence
//! ||w|| <= iterations * step_limit at any time, separated data included.
//!
//! **Ranges.** n <= 2^21; |x - m| < 2^21; standard deviations from 2^-9
//! (below, a column counts as constant) to 2^7, and n sd^2 < 2^34; all are met
//! by standardised and by WoE columns. |z| <= sqrt(N), so with d columns
//! |z w| <= sqrt(N (d + 1)) 2^6 < 2^21 for d <= 511 at a million rows. In units
//! of the words: sum z r < 2^(L + 20 + (41 - L)) = 2^61; A X below 2^50; g X
//! below 2^(12 + 2 + log2(d) / 2 + 42) <= 2^61.
//! For the intercept's standard error (m_j s_j)^2 times the variance inflation
//! must be below 2^22.
//!
//! **Accuracy.** Against (1) in exact arithmetic, when converged: 3e-7 / lambda
//! in the coordinates (2) from the sigmoid, lambda the smallest eigenvalue of
//! A, and one unit of 2^-20 from the last step. Measured on the reference data:
//! below 1e-5.
//!
//! **Rounds** in `rep3`: 45 to scale, 3 log2(cols) + 84 for the first inverse,
//! 42 + 4 `inverse_steps` per iteration, about 100 more at the end; 1338 for 15
//! iterations on 700 x 13. **Bytes**, all parties: per iteration about
//! rows (38 cols + 900).

use super::{FRAC, check_shape};
use privity_core::{Error, Fixed, Result};
use privity_mpc::{
    engine::{BitShares, Dims, Engine, RingShares},
    numeric::{
        compare,
        linalg::{INVERSE_FRAC, MATRIX_FRAC, Start, diagonal, diagonal_of, improve, inverse_spd},
        normal::{self, Range},
        spline,
    },
};

/// Regularisation of the inverse, never of the result.
const TAU: f64 = 1.0 / 4096.0;
/// Fractional bits of g.
const GRADIENT_FRAC: u32 = 22;
/// Variances, with 28 fractional bits, below 2^10 (sd 2^-9) count as zero.
const VARIANCE: Range = Range { frac: 28, low: 10, high: 42 };
/// Halvings of a step.
const HALVINGS: u32 = 18;
/// A column whose variance inflation factor is above this is reported.
const INFLATION: u64 = 256;

/// Options of [`fit_newton`], all public.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewtonOptions {
    /// Number of Newton steps; a fixed number, since convergence is secret. 1 to 30.
    pub iterations: u32,
    /// Newton-Schulz steps for each inverse, 1 to 16; the last has four more.
    /// After k steps weights 4 p (1 - p) down to 2^-(k-2) are matched.
    pub inverse_steps: u32,
    /// Longest step, in the norm of standardised coefficients. (0, 2].
    pub step_limit: f64,
    /// The fit counts as converged if no standardised coefficient moved by
    /// this much in the last step.
    pub tolerance: f64,
    /// The penalty of (1); 1 / C of scikit-learn.
    pub l2: f64,
}

impl Default for NewtonOptions {
    fn default() -> Self {
        Self { iterations: 15, inverse_steps: 8, step_limit: 2.0, tolerance: 1e-4, l2: 0.0 }
    }
}

/// A fit, shared. Fixed-point values have 20 fractional bits.
///
/// The caller opens the flags or keeps them shared: `converged`, `separated`
/// and `singular` are one bit each, `constant` and `collinear` one per column.
/// They describe the data and the fit in the way an error message would.
pub struct Fit<E: Engine> {
    /// b, w_1, ..., w_cols. A constant column's coefficient is 0.
    pub coefficients: E::Ring,
    /// Of each coefficient, from the inverse Hessian before the last step.
    pub standard_errors: E::Ring,
    /// The log-likelihood before the last step, without penalty.
    pub log_likelihood: E::Ring,
    /// The last step was shorter than the tolerance.
    pub converged: E::Bits,
    /// No row was on the wrong side before the last step: perfect separation,
    /// or one class only; the likelihood has no maximum. (With a narrow gap the
    /// steps may not suffice to find it: then the fit has not converged.)
    pub separated: E::Bits,
    /// The columns are linearly dependent (or more columns than rows).
    pub singular: E::Bits,
    /// Per column: its standard deviation is below 2^-9.
    pub constant: E::Bits,
    /// Per column: its variance inflation factor is above 256.
    pub collinear: E::Bits,
}

/// Fits (1) to `x` (`rows` x `cols`, 20 fractional bits) and `y` (0 or 1).
pub fn fit_newton<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    y: &E::Ring,
    rows: usize,
    cols: usize,
    options: &NewtonOptions,
) -> Result<Fit<E>> {
    check_shape(x.len(), y.len(), rows, cols)?;
    options.check()?;
    let scaled = e.scope("logistic/scale", |e| Scaled::of(e, x, rows, cols, options.l2))?;
    let start = e.scope("logistic/inverse", |e| scaled.first_inverse(e))?;
    let (collinear, singular) = e.scope("logistic/inverse", |e| scaled.dependence(e, &start))?;

    let mut w = E::Ring::zeros(scaled.dim);
    for _ in 1..options.iterations {
        let (step, ..) = e.scope("logistic/step", |e| {
            let point = scaled.point(e, &w, y, false)?;
            let a = scaled.hessian(e, &point.p)?;
            let inverse = scaled.inverse(e, &a, &start, options.inverse_steps)?;
            scaled.step(e, &point, &w, &inverse, options)
        })?;
        w = w.add(&step);
    }
    e.scope("logistic/finish", |e| {
        let point = scaled.point(e, &w, y, true)?;
        let a = scaled.hessian(e, &point.p)?;
        let inverse = scaled.inverse(e, &a, &start, options.inverse_steps + 4)?;
        let (step, full_step) = scaled.step(e, &point, &w, &inverse, options)?;
        let (coefficients, standard_errors) = {
            // Without tau: one more step of Newton-Schulz on A alone squares
            // what is left of it.
            let tau = Fixed::new(MATRIX_FRAC)?.constant(TAU);
            let a = a.sub(&e.public(&diagonal(scaled.dim, tau)));
            let inverse = improve(e, &a, &inverse, scaled.dim)?;
            scaled.original(e, &w.add(&step), &inverse)?
        };
        Ok(Fit {
            coefficients,
            standard_errors,
            log_likelihood: point.log_likelihood(e, y)?,
            converged: converged(e, &full_step, options.tolerance)?,
            separated: point.separated(e, y)?,
            singular,
            collinear,
            constant: scaled.constant,
        })
    })
}

impl NewtonOptions {
    fn check(&self) -> Result<()> {
        let wrong = if !(1..=30).contains(&self.iterations) {
            "iterations must be from 1 to 30"
        } else if !(1..=16).contains(&self.inverse_steps) {
            "inverse_steps must be from 1 to 16"
        } else if !(self.step_limit > 0.0 && self.step_limit <= 2.0) {
            "step_limit must be above 0 and at most 2"
        } else if !(self.tolerance >= 1e-5 && self.tolerance <= 1.0) {
            "tolerance must be from 1e-5 to 1"
        } else if !(self.l2 >= 0.0 && self.l2 <= 1e6) {
            "l2 must be from 0 to a million"
        } else {
            return Ok(());
        };
        Err(Error::Argument(wrong.into()))
    }
}

/// The table in the coordinates (2), with the column of ones first.
struct Scaled<E: Engine> {
    rows: usize,
    dim: usize,
    /// L
    log_rows: u32,
    /// Fractional bits of p and r: as many as the sum over all rows allows.
    residual_frac: u32,
    /// dim x rows
    transposed: E::Ring,
    /// rows x dim
    table: E::Ring,
    mean: E::Ring,
    /// s_j, 0 for a constant column.
    scale: E::Ring,
    constant: E::Bits,
    /// Diagonal of (4/N) l2 S^2 with the intercept's 0, `MATRIX_FRAC` bits.
    penalty: Option<E::Ring>,
    /// What is added to A beside tau: the penalty, and 1 for constant columns,
    /// as a matrix.
    added: E::Ring,
}

/// Where the iteration stands.
struct Point<E: Engine> {
    eta: E::Ring,
    /// With `residual_frac` bits, as r.
    p: E::Ring,
    r: E::Ring,
    softplus: Option<E::Ring>,
    /// Fractional bits of all but eta.
    frac: u32,
}

impl<E: Engine> Scaled<E> {
    fn of(e: &mut E, x: &E::Ring, rows: usize, cols: usize, l2: f64) -> Result<Self> {
        let (fixed, matrix) = (Fixed::new(FRAC)?, Fixed::new(MATRIX_FRAC)?);
        let dim = cols + 1;
        let log_rows = rows.next_power_of_two().trailing_zeros();
        let n_over_rows = f64::from(log_rows).exp2() / rows as f64;

        let sum = e.truncate(&x.sum_columns(cols), log_rows)?;
        let mean = e.truncate(&sum.scale(fixed.constant(n_over_rows)), FRAC)?;
        let centred = x.transpose(cols).sub(&mean.repeat_each(rows));

        // Six bits fewer keep the squares' sum in range.
        let coarse = e.truncate(&centred, 6)?;
        let variance = e.dot(&coarse, &coarse, rows, log_rows)?;
        drop(coarse);
        let least = vec![(1u64 << VARIANCE.low).wrapping_neg(); cols];
        let constant = e.is_negative(&e.add_public(&variance, &least))?;
        let is_constant = e.bit_to_ring(&constant)?;
        let penalty = 4.0 * l2 / f64::from(log_rows).exp2();
        let total = e.add_public(&variance, &vec![matrix.constant(penalty); cols]);
        let scale = normal::inv_sqrt(e, &total, VARIANCE, FRAC)?;
        let scale = scale.sub(&e.mul(&scale, &is_constant, 0)?);
        let z = e.mul(&centred, &scale.repeat_each(rows), FRAC)?;
        drop(centred);

        // (4/N) l2 s_j^2 as a square, at most 1 by (2)
        let penalty = if l2 > 0.0 {
            let root = scale.scale(matrix.constant(penalty.sqrt()));
            let root = e.truncate(&root, FRAC)?;
            let square = e.mul(&root, &root, MATRIX_FRAC)?;
            Some(E::Ring::concat(&[&E::Ring::zeros(1), &square]))
        } else {
            None
        };
        let ones = is_constant.scale(1 << MATRIX_FRAC);
        let mut added = E::Ring::concat(&[&E::Ring::zeros(1), &ones]);
        if let Some(penalty) = &penalty {
            added = added.add(penalty);
        }
        let transposed = E::Ring::concat(&[&e.public(&vec![1 << FRAC; rows]), &z]);
        Ok(Self {
            rows,
            dim,
            log_rows,
            residual_frac: 28.min(41 - log_rows),
            table: transposed.transpose(rows),
            transposed,
            mean,
            scale,
            constant,
            penalty,
            added: as_diagonal(&added, dim),
        })
    }

    /// A + tau I from W Z with weights W = 4 p (1 - p), `FRAC` bits.
    fn gram(&self, e: &mut E, weighted: &E::Ring) -> Result<E::Ring> {
        let dims = Dims { m: self.dim, k: self.rows, n: self.dim };
        let trunc = 2 * FRAC + self.log_rows - MATRIX_FRAC;
        let a = e.matmul(weighted, &self.table, dims, trunc)?;
        let tau = Fixed::new(MATRIX_FRAC)?.constant(TAU);
        Ok(e.add_public(&a.add(&self.added), &diagonal(self.dim, tau)))
    }

    /// (A_0 + tau I)^-1
    fn first_inverse(&self, e: &mut E) -> Result<E::Ring> {
        let a = self.gram(e, &self.transposed)?;
        let bound = 1.01 * self.dim as f64;
        let iterations = (bound / TAU).log2().ceil() as u32 + 5;
        inverse_spd(e, &a, self.dim, TAU, Start::Bound(bound), iterations)
    }

    /// Variance inflation stands on the diagonal of A_0^-1.
    fn dependence(&self, e: &mut E, inverse: &E::Ring) -> Result<(E::Bits, E::Bits)> {
        let cols = self.dim - 1;
        let inflation = diagonal_of(inverse, self.dim).slice(1..self.dim);
        // A direction of eigenvalue 0 adds 1 / tau = 4096 to the trace.
        let trace = inflation.sum_columns(1);
        let most = vec![INFLATION << INVERSE_FRAC; cols];
        let most_trace = vec![(2048 + 8 * cols as u64) << INVERSE_FRAC];
        let over = E::Ring::concat(&[
            &e.public(&most).sub(&inflation),
            &e.public(&most_trace).sub(&trace),
        ]);
        let over = e.is_negative(&over)?;
        Ok((over.slice(0..cols), over.slice(cols..cols + 1)))
    }

    fn point(&self, e: &mut E, w: &E::Ring, y: &E::Ring, softplus: bool) -> Result<Point<E>> {
        let dims = Dims { m: 1, k: self.dim, n: self.rows };
        let eta = e.matmul(w, &self.transposed, dims, FRAC)?;
        let (p, softplus) = if softplus {
            let (p, s) = spline::sigmoid_and_softplus(e, &eta, self.residual_frac)?;
            (p, Some(s))
        } else {
            (spline::sigmoid_at(e, &eta, self.residual_frac)?, None)
        };
        let r = y.scale(1 << self.residual_frac).sub(&p);
        Ok(Point { eta, p, r, softplus, frac: self.residual_frac })
    }

    fn hessian(&self, e: &mut E, p: &E::Ring) -> Result<E::Ring> {
        let f = self.residual_frac;
        let q = e.public(&vec![1 << f; self.rows]).sub(p);
        // 4 p (1 - p) with FRAC bits is p (1 - p) with two more.
        let weights = e.mul(p, &q, 2 * f - FRAC - 2)?;
        let weighted = e.mul(&self.transposed, &weights.tile(self.dim), FRAC)?;
        self.gram(e, &weighted)
    }

    fn inverse(&self, e: &mut E, a: &E::Ring, start: &E::Ring, steps: u32) -> Result<E::Ring> {
        inverse_spd(e, a, self.dim, TAU, Start::Warm(start), steps)
    }

    /// The limited Newton step and the full one.
    fn step(
        &self,
        e: &mut E,
        point: &Point<E>,
        w: &E::Ring,
        inverse: &E::Ring,
        options: &NewtonOptions,
    ) -> Result<(E::Ring, E::Ring)> {
        // (3)
        let dims = Dims { m: self.dim, k: self.rows, n: 1 };
        let trunc = FRAC + self.residual_frac + self.log_rows - 2 - GRADIENT_FRAC;
        let mut g = e.matmul(&self.transposed, &point.r, dims, trunc)?;
        if let Some(penalty) = &self.penalty {
            g = g.sub(&e.mul(penalty, w, MATRIX_FRAC + FRAC - GRADIENT_FRAC)?);
        }
        let dims = Dims { m: self.dim, k: self.dim, n: 1 };
        let step = e.matmul(inverse, &g, dims, INVERSE_FRAC + GRADIENT_FRAC - FRAC)?;
        let limited = limit(e, &step, options.step_limit)?;
        Ok((limited, step))
    }

    /// Coefficients and standard errors in the caller's coordinates.
    fn original(&self, e: &mut E, w: &E::Ring, inverse: &E::Ring) -> Result<(E::Ring, E::Ring)> {
        let cols = self.dim - 1;
        // w_j = s_j w~_j and b = b~ - sum_j m_j w_j; the intercept is t' w~
        // with t = (1, -s_1 m_1, ...)
        let two = E::Ring::concat(&[&w.slice(1..self.dim), &self.mean]);
        let two = e.mul(&two, &self.scale.tile(2), FRAC)?;
        let (slopes, shift) = (two.slice(0..cols), two.slice(cols..2 * cols));
        let moved = e.dot(&self.mean, &slopes, cols, FRAC)?;
        let coefficients = E::Ring::concat(&[&w.slice(0..1).sub(&moved), &slopes]);

        // The covariance is (4/N) T A^-1 T'.
        let t = E::Ring::concat(&[&e.public(&[1 << FRAC]), &shift.neg()]);
        let dims = Dims { m: self.dim, k: self.dim, n: 1 };
        let xt = e.matmul(inverse, &t, dims, INVERSE_FRAC)?;
        let variance = e.dot(&t, &xt, self.dim, FRAC)?;
        let slopes = diagonal_of(inverse, self.dim).slice(1..self.dim);
        let variances = E::Ring::concat(&[&variance, &slopes]);
        let range = Range { frac: FRAC, low: 17, high: 42 };
        let roots = normal::sqrt(e, &variances, range, 24)?;
        let scales = E::Ring::concat(&[&e.public(&[1 << FRAC]), &self.scale]);
        let errors = e.mul(&roots, &scales, 18)?;
        let unit = Fixed::new(19)?.constant(2.0 / (f64::from(self.log_rows) / 2.0).exp2());
        let errors = e.truncate(&errors.scale(unit), 25)?;
        Ok((coefficients, errors))
    }
}

impl<E: Engine> Point<E> {
    /// sum y eta - softplus(eta), FRAC bits
    fn log_likelihood(&self, e: &mut E, y: &E::Ring) -> Result<E::Ring> {
        let Some(softplus) = &self.softplus else {
            return Err(Error::Internal("the last point has no softplus"));
        };
        let agreed = e.dot(y, &self.eta, y.len(), 0)?;
        let mut total = softplus.sum_columns(1);
        if self.frac > FRAC {
            total = e.truncate(&total, self.frac - FRAC)?;
        }
        Ok(agreed.sub(&total))
    }

    /// Whether (2 y - 1) eta > 0 in every row.
    fn separated(&self, e: &mut E, y: &E::Ring) -> Result<E::Bits> {
        let n = y.len();
        let sign = e.add_public(&y.scale(2), &vec![1u64.wrapping_neg(); n]);
        let margin = e.mul(&sign, &self.eta, 0)?;
        let wrong = e.is_negative(&e.add_public(&margin, &vec![1u64.wrapping_neg(); n]))?;
        let count = e.bit_to_ring(&wrong)?.sum_columns(1);
        e.is_zero(&count)
    }
}

/// The step, halved until its norm is at most `limit`.
fn limit<E: Engine>(e: &mut E, step: &E::Ring, limit: f64) -> Result<E::Ring> {
    let coarse = e.truncate(step, 10)?;
    let square = e.dot(&coarse, &coarse, coarse.len(), 0)?;
    let thresholds: Vec<u64> = (0..HALVINGS)
        .map(|k| ((limit * f64::from(k).exp2()).powi(2) * f64::from(1 << 20)) as u64)
        .collect();
    let below = square.repeat_each(thresholds.len()).sub(&e.public(&thresholds));
    let below = e.is_negative(&below)?;
    let below = e.bit_to_ring(&below)?;
    // 2^-HALVINGS + sum_k below_k (2^-k - 2^-(k+1)): exact with 20 bits
    let weights: Vec<u64> = (0..HALVINGS).map(|k| 1 << (FRAC - 1 - k)).collect();
    let factor = below.mul_public(&weights).sum_columns(1);
    let factor = e.add_public(&factor, &[1 << (FRAC - HALVINGS)]);
    e.mul(step, &factor.repeat_each(step.len()), FRAC)
}

/// Whether every |step_j| < `tolerance`.
fn converged<E: Engine>(e: &mut E, step: &E::Ring, tolerance: f64) -> Result<E::Bits> {
    let tolerance = e.public(&vec![Fixed::new(FRAC)?.constant(tolerance); step.len()]);
    let both = E::Ring::concat(&[&step.sub(&tolerance), &step.neg().sub(&tolerance)]);
    let inside = e.is_negative(&both)?;
    compare::all(e, &inside)
}

/// A vector as the diagonal of a matrix.
fn as_diagonal<R: RingShares>(x: &R, dim: usize) -> R {
    let extended = R::concat(&[x, &R::zeros(1)]);
    let at = |k: usize| if k / dim == k % dim { k / dim } else { dim };
    extended.gather(&(0..dim * dim).map(at).collect::<Vec<_>>())
}
