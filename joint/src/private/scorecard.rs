//! A scorecard out of noisy counts: weights of evidence, information values, logistic
//! coefficients, points, AUC and KS. All of it is post-processing of numbers that were
//! released with a guarantee, and costs nothing more.
//!
//! **Why this way.** A maximum-likelihood fit without a bound has no finite sensitivity: one
//! row can move it anywhere. Counts have sensitivity 1, exactly, under sharing as in the
//! clear. So the coefficients come from counts too: the *functional mechanism* (Zhang,
//! Zhang, Xiao, Yang, Winslett, "Functional Mechanism: Regression Analysis under
//! Differential Privacy", PVLDB 2012, section 5) replaces the logistic loss by its
//! second-order expansion around 0,
//!
//! \\[ \sum_i \ln 2 - (y_i - \tfrac12)\, x_i^T \beta + \tfrac18 (x_i^T \beta)^2, \qquad (1) \\]
//!
//! and its coefficients by noisy ones. With x_i made of weights of evidence of bins, the
//! sums \\(\sum_i x_i x_i^T\\) and \\(\sum_i y_i x_i\\) are sums over the cells of the
//! two-way margins (feature, feature) and (feature, label): what was counted is enough.
//!
//! **Shrinkage.** Noise of standard deviation s in a count moves a weight of evidence by
//! about s over the count: each bin is given s + 1/2 further rows with the common rate of
//! events. The quadratic form gets a penalty in proportion to its noise, towards
//! coefficients of 1: the fit of independent features, which the weights of evidence alone
//! are ("naive Bayes"). With little noise the penalty vanishes; with much, the scorecard is
//! the sum of its weights of evidence.
//!
//! **Bias.** (1) is close to the logistic loss for |x^T beta| below about 2; beyond, it
//! pulls coefficients towards 0.
//!
//! **Arithmetic.** IEEE operations and the logarithm of one library, in one order: parties
//! that have the same counts have the same points.

/// Noisy counts of a feature's bins, without and with the event.
pub type LabelCounts = Vec<[f64; 2]>;

/// Weights of evidence of several features.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// For each feature and bin, ln of the share of all events over that of all others.
    pub woe: Vec<Vec<f64>>,
    /// For each feature, its information value.
    pub iv: Vec<f64>,
    /// ln of events over others.
    pub log_odds: f64,
}

/// Weights of evidence beyond this are cut: so much evidence no bin has.
const MOST: f64 = 4.0;

/// Weights of evidence from noisy counts of `rows` rows, each with noise of standard
/// deviation `noise`. A feature without bins, or no feature, has none.
pub fn evidence(features: &[LabelCounts], rows: u64, noise: f64) -> Evidence {
    let rows = rows as f64;
    let clamp = |c: &[f64; 2]| c.map(|x| x.max(0.0));
    // Every margin has an estimate of the number of events; they are averaged.
    let events = features.iter().map(|f| f.iter().map(|c| c[1]).sum::<f64>()).sum::<f64>();
    let events = (events / features.len().max(1) as f64).clamp(0.02 * rows, 0.98 * rows);
    let rate = events / rows.max(1.0);
    let prior = noise + 0.5;
    let mut result = Evidence { woe: Vec::new(), iv: Vec::new(), log_odds: logit(rate) };
    for feature in features {
        let bins = feature.len() as f64;
        let total = feature.iter().map(clamp).fold([0.0; 2], |s, c| [s[0] + c[0], s[1] + c[1]]);
        let share = |count: f64, class: usize| {
            let weight = if class == 1 { rate } else { 1.0 - rate };
            (count + prior * weight) / (total[class] + prior * weight * bins)
        };
        let (mut woe, mut iv) = (Vec::new(), 0.0);
        for counts in feature.iter().map(clamp) {
            let (bad, good) = (share(counts[1], 1), share(counts[0], 0));
            let w = libm::log(bad / good).clamp(-MOST, MOST);
            iv += (bad - good) * w;
            woe.push(w);
        }
        result.woe.push(woe);
        result.iv.push(iv);
    }
    result
}

/// Noisy counts of the bins of two features, of which the first has the smaller place.
#[derive(Clone, Debug, PartialEq)]
pub struct PairCounts {
    /// The places of the two features.
    pub features: [usize; 2],
    /// One row per bin of the first.
    pub counts: Vec<Vec<f64>>,
}

/// Intercept and one coefficient per feature: the minimum of (1) with a penalty.
///
/// `noise` has the standard deviations of the counts in `labels` and in `pairs`. A pair that
/// is missing counts as independent.
pub fn fit(
    evidence: &Evidence,
    labels: &[LabelCounts],
    pairs: &[PairCounts],
    rows: u64,
    noise: [f64; 2],
) -> Vec<f64> {
    let (k, n) = (evidence.woe.len(), rows as f64);
    let d = k + 1;
    let rate = 1.0 / (1.0 + libm::exp(-evidence.log_odds));
    // (1): gradient v at 0 and quadratic form m, each row's x starting with 1.
    let (mut m, mut v) = (vec![vec![0.0; d]; d], vec![0.0; d]);
    (m[0][0], v[0]) = (n / 4.0, n * (rate - 0.5));
    let mut means = vec![0.0; k];
    for (i, (woe, counts)) in evidence.woe.iter().zip(labels).enumerate() {
        for (w, [good, bad]) in woe.iter().zip(counts) {
            m[0][i + 1] += w * (good + bad) / 4.0;
            m[i + 1][i + 1] += w * w * (good + bad) / 4.0;
            v[i + 1] += w * (bad - good) / 2.0;
        }
        m[i + 1][0] = m[0][i + 1];
        means[i] = m[0][i + 1];
    }
    for i in 0..k {
        for j in 0..i {
            m[i + 1][j + 1] = means[i] * means[j] * 4.0 / n.max(1.0);
        }
    }
    for pair in pairs {
        let [a, b] = pair.features;
        let (Some(x), Some(y)) = (evidence.woe.get(a), evidence.woe.get(b)) else { continue };
        let rows = pair.counts.iter().zip(x);
        let sum: f64 =
            rows.map(|(r, x)| x * r.iter().zip(y).map(|(c, y)| c * y).sum::<f64>()).sum();
        m[a.max(b) + 1][a.min(b) + 1] = sum / 4.0;
    }
    for i in 0..d {
        for j in 0..i {
            m[j][i] = m[i][j];
        }
    }
    // The noise of an entry: that of a count times the weights of its bins.
    let square = |w: &Vec<f64>| w.iter().map(|x| x * x).sum::<f64>();
    let mean_square = evidence.woe.iter().map(square).sum::<f64>() / k.max(1) as f64;
    let entry = (noise[1] * mean_square).max(noise[0] * mean_square.sqrt()) / 4.0;
    let mut target = vec![1.0; d];
    target[0] = evidence.log_odds;
    let mut penalty = 2.0 * entry * (d as f64).sqrt() + 1e-9 * n.max(1.0);
    loop {
        let mut a = m.clone();
        let mut b = v.clone();
        for i in 0..d {
            a[i][i] += penalty;
            b[i] += penalty * target[i];
        }
        if let Some(solution) = solve(&mut a, b) {
            return solution;
        }
        // Noise made the form indefinite.
        penalty *= 2.0;
        if !penalty.is_finite() {
            return target;
        }
    }
}

/// By Cholesky; `None` if the matrix is not safely positive definite.
fn solve(a: &mut [Vec<f64>], mut b: Vec<f64>) -> Option<Vec<f64>> {
    let d = b.len();
    for i in 0..d {
        for j in 0..=i {
            let sum = a[i][j] - (0..j).map(|k| a[i][k] * a[j][k]).sum::<f64>();
            if i == j {
                if sum.is_nan() || sum <= 1e-9 * a[i][i].abs() {
                    return None;
                }
                a[i][i] = sum.sqrt();
            } else {
                a[i][j] = sum / a[j][j];
            }
        }
    }
    for i in 0..d {
        b[i] = (b[i] - (0..i).map(|k| a[i][k] * b[k]).sum::<f64>()) / a[i][i];
    }
    for i in (0..d).rev() {
        b[i] = (b[i] - (i + 1..d).map(|k| a[k][i] * b[k]).sum::<f64>()) / a[i][i];
    }
    Some(b)
}

/// One point is 2^-16 of log-odds.
pub const POINTS: f64 = 65_536.0;

/// Points for each bin of each feature; their sum plus the intercept's is a row's score.
pub fn points(evidence: &Evidence, coefficients: &[f64]) -> Vec<Vec<i64>> {
    let betas = coefficients.iter().skip(1);
    let bins = |(woe, beta): (&Vec<f64>, &f64)| {
        let point = |w: &f64| (w * beta).clamp(-1e4, 1e4) * POINTS;
        // At most 1e4 times 2^16.
        woe.iter().map(|w| point(w).round() as i64).collect()
    };
    evidence.woe.iter().zip(betas).map(bins).collect()
}

/// `bands` - 1 edges of equal width over the scores that these points can make: public, as
/// the points are.
pub fn edges(points: &[Vec<i64>], bands: u32) -> Vec<i64> {
    let extreme = |f: fn(i64, i64) -> i64| -> i64 {
        points.iter().filter_map(|bins| bins.iter().copied().reduce(f)).sum()
    };
    let (low, high) = (extreme(i64::min), extreme(i64::max).saturating_add(1));
    let width = i128::from(high) - i128::from(low);
    let edge = |i: u32| i128::from(low) + (width * i128::from(i) / i128::from(bands.max(1))).max(1);
    let mut edges: Vec<i64> = (1..bands).map(|i| edge(i) as i64).collect();
    edges.dedup();
    edges
}

/// How well a score ranks, from noisy counts of its bands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranking {
    /// Area under the ROC curve of the bands; ties count one half.
    pub auc: f64,
    /// What the noise adds to its standard error, to first order.
    pub auc_noise: f64,
    /// Largest distance of the classes' distribution functions at the band edges. Noise
    /// makes it larger.
    pub ks: f64,
}

/// AUC and KS from noisy counts per band, from low to high scores, each with noise of
/// standard deviation `noise`. `None` if a class seems empty. Counts below 0 stay: cut off,
/// they would add rows to small bands, and take the AUC towards one half.
pub fn ranking(bands: &[[f64; 2]], noise: f64) -> Option<Ranking> {
    let counts = bands;
    let sum = |class: usize| counts.iter().map(|c| c[class]).sum::<f64>();
    let (goods, bads) = (sum(0), sum(1));
    if goods <= 0.0 || bads <= 0.0 {
        return None;
    }
    // For each band, how much an event there, or another row there, is worth.
    let (mut below, mut area, mut ks) = ([0.0; 2], 0.0, 0.0f64);
    let mut worth: Vec<[f64; 2]> = Vec::new();
    for &[good, bad] in counts {
        let events_above = bads - below[1] - bad;
        worth.push([events_above + bad / 2.0, below[0] + good / 2.0]);
        area += bad * (below[0] + good / 2.0);
        below = [below[0] + good, below[1] + bad];
        ks = ks.max((below[0] / goods - below[1] / bads).abs());
    }
    let auc = area / (goods * bads);
    let derivative = worth.iter().map(|[of_good, of_bad]| {
        let by_good = of_good / (goods * bads) - auc / goods;
        let by_bad = of_bad / (goods * bads) - auc / bads;
        by_good * by_good + by_bad * by_bad
    });
    let auc_noise = noise * derivative.sum::<f64>().sqrt();
    Some(Ranking { auc: auc.clamp(0.0, 1.0), auc_noise, ks: ks.min(1.0) })
}

fn logit(p: f64) -> f64 {
    libm::log(p / (1.0 - p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_noise_the_evidence_is_the_usual_one() {
        let counts = vec![vec![[300.0, 100.0], [400.0, 200.0]]];
        let e = evidence(&counts, 1000, 0.0);
        // Half a row in proportion to the classes; nearly the plain logarithm.
        let plain = (100.0f64 / 300.0 / (300.0 / 700.0)).ln();
        assert!((e.woe[0][0] - plain).abs() < 0.003, "{} {plain}", e.woe[0][0]);
        assert!((e.log_odds - (300.0f64 / 700.0).ln()).abs() < 1e-12);
        assert!(e.iv[0] > 0.0);
    }

    /// One feature: the coefficient of (1) by hand.
    #[test]
    fn the_fit_minimises_the_expansion() {
        let labels = vec![vec![[300.0, 100.0], [400.0, 200.0]]];
        let e = evidence(&labels, 1000, 0.0);
        let beta = fit(&e, &labels, &[], 1000, [0.0, 0.0]);
        let w = &e.woe[0];
        let gradient = |f: &dyn Fn(f64) -> f64| {
            let row = |w: f64, [good, bad]: [f64; 2]| {
                let z = beta[0] + beta[1] * w;
                f(w) * (bad * (0.5 - z / 4.0) - good * (0.5 + z / 4.0))
            };
            row(w[0], labels[0][0]) + row(w[1], labels[0][1])
        };
        assert!(gradient(&|_| 1.0).abs() < 1e-3, "{beta:?}");
        assert!(gradient(&|w| w).abs() < 1e-3, "{beta:?}");
    }

    #[test]
    fn noise_that_drowns_the_counts_leaves_the_sum_of_evidence() {
        let labels = vec![vec![[-50.0, 300.0], [90.0, -20.0]], vec![[0.0, 0.0], [10.0, -70.0]]];
        let e = evidence(&labels, 100, 1e6);
        assert!(e.woe.iter().flatten().all(|w| w.abs() < 0.02));
        let pairs =
            [PairCounts { features: [0, 1], counts: vec![vec![1e7, -1e7], vec![0.0, 1e7]] }];
        let e = evidence(&labels, 100, 5.0);
        let beta = fit(&e, &labels, &pairs, 100, [5.0, 1e7]);
        assert!(beta.iter().all(|b| b.is_finite()));
        assert!((beta[1] - 1.0).abs() < 0.8 && (beta[2] - 1.0).abs() < 0.8, "{beta:?}");
        // Nothing at all is not a panic either.
        assert_eq!(fit(&evidence(&[], 0, 0.0), &[], &[], 0, [0.0; 2]).len(), 1);
    }

    #[test]
    fn points_edges_and_ranking() {
        let e = Evidence { woe: vec![vec![-1.0, 0.5], vec![0.25]], iv: vec![], log_odds: 0.0 };
        let p = points(&e, &[0.0, 2.0, 1.0]);
        assert_eq!(p, vec![vec![-131_072, 65_536], vec![16_384]]);
        let edges = edges(&p, 4);
        assert_eq!(edges.len(), 3);
        assert!(edges.is_sorted() && edges[0] > -131_072 + 16_384 && edges[2] < 65_536 + 16_384);
        assert!(super::edges(&[vec![0, 0]], 5).len() <= 4);

        let bands = [[40.0, 5.0], [30.0, 10.0], [10.0, 25.0]];
        let r = ranking(&bands, 0.0).unwrap();
        let expected = (5.0 * 20.0 + 10.0 * (40.0 + 15.0) + 25.0 * (70.0 + 5.0)) / (80.0 * 40.0);
        assert!((r.auc - expected).abs() < 1e-12 && r.auc_noise == 0.0, "{r:?}");
        assert!((r.ks - (70.0 / 80.0 - 15.0 / 40.0)).abs() < 1e-12, "{r:?}");
        assert!(ranking(&[[0.0, 3.0], [-2.0, 1.0]], 1.0).is_none());
        // The derivative, by differences.
        let mut sum = 0.0;
        for band in 0..3 {
            for class in 0..2 {
                let mut moved = bands;
                moved[band][class] += 1e-4;
                sum += ((ranking(&moved, 0.0).unwrap().auc - r.auc) / 1e-4).powi(2);
            }
        }
        let noise = ranking(&bands, 3.0).unwrap().auc_noise;
        assert!((noise - 3.0 * sum.sqrt()).abs() < 1e-4, "{noise} {}", 3.0 * sum.sqrt());
    }
}
