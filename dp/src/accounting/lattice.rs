//! Noise on the integers by its own mass function.
//!
//! A law f is kept as ln f up to a common constant, from ratios f(k)/f(k-1) that are known
//! to a few units in the last place, and normalised by the sum of what is kept: a lower bound
//! of the whole sum, so that all masses are bounds from above.
//!
//! - **Discrete Gaussian**: \\(\ln f(x) = -x^2/2\sigma^2\\).
//! - **Skellam**, the difference of two Poisson variables of mean μ:
//!   \\(f(x) = e^{-2\mu} I_{|x|}(2\mu)\\). With \\(r_k = I_k(z)/I_{k-1}(z)\\) the recurrence of the
//!   Bessel functions is \\(r_k = 1/(2k/z + r_{k+1})\\) (1). Downwards an error in
//!   \\(r_{k+1}\\) is multiplied by \\(r_k r_{k+1} < 1\\) in relative terms, so starting
//!   from the bounds \\(0 \le r_{K+1} \le 1\\) far out converges; the bound on the error is
//!   carried along.
//! - **Binomial** with probability 1/2: f(k)/f(k-1) = (N-k+1)/k.
//!
//! The mass beyond K is at most \\(f(K)\, r/(1-r)\\) with \\(r = f(K+1)/f(K)\\): ratios fall
//! outwards (log-concave laws).

use super::event::refuse;
use super::normal::U;
use super::pair::Atom;
use crate::Result;

/// The largest support that is summed.
const LIMIT: u64 = 1 << 21;

/// A unimodal law on the integers `first..first + ln.len()`.
pub(super) struct Lattice {
    /// ln of the masses, up to a constant.
    ln: Vec<f64>,
    /// A bound on the error of each difference of two of them.
    error: f64,
    /// ln of the sum of the masses from `kept.0` to `kept.1` (indices).
    ln_sum: f64,
    kept: (usize, usize),
    /// Mass outside of `kept` on both sides together, at most.
    cut: f64,
}

impl Lattice {
    pub(super) fn gaussian(variance: f64, sensitivity: u64, tail: f64) -> Result<Self> {
        // Sub-Gaussian (CKS20, proposition 25): the tail beyond s is at most e^(-s²/2σ²)
        // per side.
        let reach = (2.0 * variance * (4.0 / tail).ln()).sqrt().ceil() + 1.0;
        let (reach, width) = window(reach, sensitivity)?;
        let ln: Vec<f64> = (-(width as i64)..=width as i64)
            .map(|x| -0.5 * (x as f64) * (x as f64) / variance)
            .collect();
        let error = 8.0 * U * (1.0 + ln[0].abs());
        Ok(Self::new(ln, error, (width - reach, width + reach), tail))
    }

    pub(super) fn skellam(mu: f64, sensitivity: u64, tail: f64) -> Result<Self> {
        let z = 2.0 * mu;
        // Chernoff: the tail from k is at most exp(-(k asinh(k/z) - √(k² + z²) + z)).
        let exponent = |k: f64| {
            let root = k.hypot(z);
            k * (k / z).asinh() - k * k / (root + z)
        };
        let wanted = (4.0 / tail).ln();
        let (mut low, mut high) = (0.0, 1.0);
        while exponent(high) < wanted && high < 1e12 {
            (low, high) = (high, 2.0 * high);
        }
        while high - low > 1.0 && high - low > 1e-3 * high {
            let middle = 0.5 * (low + high);
            if exponent(middle) < wanted { low = middle } else { high = middle }
        }
        let (reach, width) = window(high.ceil() + 1.0, sensitivity)?;
        // (1) from far enough out that the start is forgotten: over m steps an error
        // shrinks by the product of the squares of ratios below one.
        let extra = 64 + (8.0 * z.sqrt()) as usize;
        let start = width + extra;
        let (mut ratio, mut error) = (z / (2.0 * (start + 1) as f64 + z), 1.0f64);
        let mut relative = 0.0f64;
        let mut ratios = vec![0.0; width];
        for k in (1..=start).rev() {
            let next = 1.0 / (2.0 * k as f64 / z + ratio);
            error = error * next * ratio + 4.0 * U;
            ratio = next;
            if k <= width {
                ratios[k - 1] = ratio;
                relative = relative.max(error);
            }
        }
        let mut half = vec![0.0];
        let mut sum = Sum::default();
        for r in &ratios {
            sum.add(r.ln());
            half.push(sum.value());
        }
        // Errors of single ratios add up over a shift; over the whole support they would
        // only scale masses, which `ln_sum` pays for.
        let shift = (sensitivity as f64).min(width as f64);
        let error = shift * (relative + 4.0 * U) + 8.0 * U * (1.0 + half[width].abs());
        let ln: Vec<f64> = half.iter().rev().chain(&half[1..]).copied().collect();
        let mut law = Self::new(ln, error, (width - reach, width + reach), tail);
        law.ln_sum -= reach as f64 * (relative + 4.0 * U);
        Ok(law)
    }

    pub(super) fn binomial(trials: u64, sensitivity: u64, tail: f64) -> Result<Self> {
        // Hoeffding: beyond s of the mean at most e^(-2s²/N) per side.
        let n = trials as f64;
        let reach = (0.5 * n * (4.0 / tail).ln()).sqrt().ceil() + 2.0;
        let (reach, width) = window(reach.min(n), sensitivity)?;
        let mode = trials / 2;
        let side = |count: u64| {
            // Away from the mode m by j: C(N, m ± j), which is symmetric for even N.
            let (mut sum, mut out) = (Sum::default(), Vec::new());
            for j in 1..=count.min(width as u64) {
                let up = (count - j + 1) as f64;
                sum.add((up / (trials - count + j) as f64).ln());
                out.push(sum.value());
            }
            out
        };
        let (below, above) = (side(mode), side(trials - mode));
        let centre = below.len();
        let ln: Vec<f64> = below.iter().rev().copied().chain([0.0]).chain(above).collect();
        let last = ln.len() - 1;
        let depth = ln[0].abs().max(ln[last].abs());
        let error = 8.0 * U * (1.0 + depth) + 4.0 * U * (sensitivity as f64).min(last as f64);
        let kept = (centre.saturating_sub(reach), (centre + reach).min(last));
        let mut law = Self::new(ln, error, kept, tail);
        law.ln_sum -= 4.0 * U * reach as f64;
        if kept == (0, last) && n as usize == last {
            law.cut = 0.0;
        }
        Ok(law)
    }

    fn new(ln: Vec<f64>, error: f64, kept: (usize, usize), cut: f64) -> Self {
        let mut sum = Sum::default();
        for &l in &ln[kept.0..=kept.1] {
            sum.add(l.exp());
        }
        let ln_sum = sum.value().ln() - 8.0 * U - error;
        Self { ln, error, ln_sum, kept, cut }
    }

    /// f against f moved up by the sensitivity: atoms, and the mass that has no partner.
    pub(super) fn against_shifted(&self, sensitivity: u64) -> (Vec<Atom>, f64) {
        let shift = usize::try_from(sensitivity).unwrap_or(usize::MAX);
        let mass = |l: f64| {
            let ln = l - self.ln_sum;
            ln.exp() * (1.0 + U * (8.0 + 2.0 * ln.abs()) + 2.0 * self.error)
        };
        let mut atoms = Vec::with_capacity(self.kept.1 - self.kept.0 + 1);
        let mut only = 0.0;
        for x in self.kept.0..self.ln.len() {
            let moved = x.checked_sub(shift).map(|y| self.ln[y]);
            let near = x <= self.kept.1;
            match moved {
                Some(q) if near || x - shift <= self.kept.1 => {
                    let loss = self.ln[x] - q;
                    let slack = 2.0 * self.error;
                    atoms.push(Atom { p: mass(self.ln[x]), q: mass(q), loss, slack });
                }
                Some(_) => break,
                None if near => only += mass(self.ln[x]),
                None => {}
            }
        }
        (atoms, only)
    }

    /// A bound on the mass that was cut off.
    pub(super) fn cut(&self) -> f64 {
        self.cut
    }
}

/// The discrete Laplace law about 0 against the one about Δ: losses Δ - 2j over b for
/// 0 <= j <= Δ. With a = e^(-1/b) and c = (1-a)/(1+a): Pr[x <= 0] = 1/(1+a), Pr[x = j] = c a^j,
/// Pr[x >= Δ] = a^Δ/(1+a).
pub(super) fn laplace(scale: f64, sensitivity: u64) -> Vec<Atom> {
    let a = (-1.0 / scale).exp();
    let c = -(-1.0 / scale).exp_m1() / (1.0 + a);
    let span = sensitivity as f64;
    let power = |j: f64| (-j / scale).exp();
    let slack = 8.0 * U * (1.0 + span / scale);
    let grow = 1.0 + slack;
    let (near, far) = (grow / (1.0 + a), grow * power(span) / (1.0 + a));
    let mut atoms = vec![Atom { p: near, q: far, loss: span / scale, slack }];
    for j in 1..sensitivity {
        let j = j as f64;
        let (p, q) = (grow * c * power(j), grow * c * power(span - j));
        atoms.push(Atom { p, q, loss: (span - 2.0 * j) / scale, slack });
    }
    atoms.push(Atom { p: far, q: near, loss: -span / scale, slack });
    atoms
}

/// How far masses are kept, and how far they must be known.
fn window(reach: f64, sensitivity: u64) -> Result<(usize, usize)> {
    if reach.is_finite() && reach + sensitivity as f64 <= LIMIT as f64 {
        let reach = reach as usize;
        return Ok((reach, reach + sensitivity as usize));
    }
    let rule = "its support is too wide for a loss distribution: use Method::Zcdp or Rdp, or \
                fewer steps";
    refuse("discrete noise", rule)
}

/// Neumaier's compensated sum: an error of 2u of the sum of absolute values, to first order.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    pub(super) fn add(&mut self, x: f64) {
        let next = self.total + x;
        let larger = self.total.abs() >= x.abs();
        self.lost += if larger { (self.total - next) + x } else { (x - next) + self.total };
        self.total = next;
    }

    pub(super) fn value(self) -> f64 {
        self.total + self.lost
    }
}
