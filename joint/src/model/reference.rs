//! Test data: German credit with the plaintext results of established
//! packages, and synthetic tables with a Newton fit in f64.

#![allow(clippy::unwrap_used)]

use privity_core::Fixed;
use serde_json::Value;

/// German credit, 1000 rows, and the reference results.
pub(crate) struct Reference {
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) y: Vec<u64>,
    pub(crate) json: Value,
}

impl Reference {
    pub(crate) fn load() -> Self {
        let csv = include_str!("../../../examples/data/german_credit.csv");
        let mut lines = csv.lines().map(split);
        let names = lines.next().unwrap();
        let rows: Vec<Vec<String>> = lines.collect();
        let y = rows.iter().map(|r| u64::from(r.last().unwrap() == "bad")).collect();
        let json = include_str!("../../tests/reference/bank_germancredit.json");
        Self { names, rows, y, json: serde_json::from_str(json).unwrap() }
    }

    /// The training rule: rows whose index ends in 0 to 6.
    pub(crate) fn train(i: usize) -> bool {
        i % 10 < 7
    }

    pub(crate) fn column(&self, name: &str) -> Vec<&str> {
        let at = self.names.iter().position(|n| n == name).unwrap();
        self.rows.iter().map(|r| r[at].as_str()).collect()
    }

    /// Index of each row's bin, and the WoE of the bins.
    pub(crate) fn bins(&self, name: &str) -> (Vec<usize>, Vec<f64>) {
        let of = &self.json["woe"][name];
        let bins = of["bins"].as_object().unwrap();
        let woe = bins.values().map(|b| b["woe"].as_f64().unwrap()).collect();
        let labels: Vec<&String> = bins.keys().collect();
        let index = self
            .column(name)
            .into_iter()
            .map(|cell| {
                let label = match of["edges"].as_array() {
                    Some(edges) => {
                        let x: f64 = cell.parse().unwrap();
                        edges.iter().filter(|e| e.as_f64().unwrap() < x).count().to_string()
                    }
                    None => cell.to_string(),
                };
                labels.iter().position(|l| **l == label).unwrap()
            })
            .collect();
        (index, woe)
    }

    /// Indicators of the bins of several columns, for some rows.
    pub(crate) fn one_hot(&self, names: &[String], rows: &[usize]) -> (Vec<u64>, Vec<usize>) {
        let columns: Vec<_> = names.iter().map(|n| self.bins(n)).collect();
        let counts: Vec<usize> = columns.iter().map(|c| c.1.len()).collect();
        let mut cells = vec![];
        for &r in rows {
            for (index, woe) in &columns {
                cells.extend((0..woe.len()).map(|k| u64::from(index[r] == k)));
            }
        }
        (cells, counts)
    }

    pub(crate) fn numbers(&self, path: &[&str]) -> Vec<f64> {
        let at = path.iter().fold(&self.json, |v, k| &v[*k]);
        at.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    }

    pub(crate) fn strings(&self, path: &[&str]) -> Vec<String> {
        let at = path.iter().fold(&self.json, |v, k| &v[*k]);
        at.as_array().unwrap().iter().map(|x| x.as_str().unwrap().into()).collect()
    }

    /// The seven standardised numeric columns, row-major.
    pub(crate) fn numeric(&self, rows: &[usize]) -> Vec<f64> {
        let names = self.strings(&["logit_numeric7", "names"]);
        let mean = self.numbers(&["logit_numeric7", "mean_train"]);
        let sd = self.numbers(&["logit_numeric7", "std_train_ddof0"]);
        let columns: Vec<Vec<&str>> = names[1..].iter().map(|n| self.column(n)).collect();
        let cell = |r: usize, c: usize| columns[c][r].parse::<f64>().unwrap();
        rows.iter()
            .flat_map(|&r| (0..columns.len()).map(move |c| (r, c)))
            .map(|(r, c)| (cell(r, c) - mean[c]) / sd[c])
            .collect()
    }

    pub(crate) fn labels(&self, rows: &[usize]) -> Vec<u64> {
        rows.iter().map(|&r| self.y[r]).collect()
    }
}

/// A line of CSV with quoted cells.
fn split(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (vec![], String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}

/// A deterministic stream of standard normal numbers.
pub(crate) struct Normals(pub(crate) u64);

impl Normals {
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn draw(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// A table whose columns have the given scales and offsets, and labels from
    /// the model `coefficients` (intercept first, in standardised columns).
    pub(crate) fn table(
        &mut self,
        rows: usize,
        scales: &[(f64, f64)],
        coefficients: &[f64],
    ) -> (Vec<f64>, Vec<u64>) {
        let (mut x, mut y) = (vec![], vec![]);
        for _ in 0..rows {
            let z: Vec<f64> = scales.iter().map(|_| self.draw()).collect();
            let eta =
                coefficients[0] + z.iter().zip(&coefficients[1..]).map(|(a, b)| a * b).sum::<f64>();
            y.push(u64::from(self.uniform() < 1.0 / (1.0 + (-eta).exp())));
            x.extend(z.iter().zip(scales).map(|(z, (sd, mean))| z * sd + mean));
        }
        let fixed = Fixed::default();
        (x.into_iter().map(|x| fixed.decode(fixed.constant(x))).collect(), y)
    }
}

/// Maximum likelihood in f64: coefficients, standard errors, log-likelihood.
pub(crate) fn newton(x: &[f64], y: &[u64], cols: usize, l2: f64) -> (Vec<f64>, Vec<f64>, f64) {
    let dim = cols + 1;
    let row = |i: usize, j: usize| if j == 0 { 1.0 } else { x[i * cols + j - 1] };
    let mut w = vec![0.0; dim];
    let mut inverse = vec![];
    let mut llf = 0.0;
    for _ in 0..60 {
        let (mut g, mut h) = (vec![0.0; dim], vec![0.0; dim * dim]);
        llf = 0.0;
        for (i, &y) in y.iter().enumerate() {
            let eta: f64 = (0..dim).map(|j| row(i, j) * w[j]).sum();
            let p = 1.0 / (1.0 + (-eta).exp());
            llf += y as f64 * eta - (eta.max(0.0) + (-eta.abs()).exp().ln_1p());
            for j in 0..dim {
                g[j] += row(i, j) * (y as f64 - p);
                for k in 0..dim {
                    h[j * dim + k] += p * (1.0 - p) * row(i, j) * row(i, k);
                }
            }
        }
        for j in 1..dim {
            g[j] -= l2 * w[j];
            h[j * dim + j] += l2;
        }
        inverse = invert(&h, dim);
        let step: Vec<f64> =
            (0..dim).map(|j| (0..dim).map(|k| inverse[j * dim + k] * g[k]).sum()).collect();
        for (w, s) in w.iter_mut().zip(&step) {
            *w += s;
        }
    }
    let se = (0..dim).map(|j| inverse[j * dim + j].sqrt()).collect();
    (w, se, llf)
}

/// Gauss-Jordan.
fn invert(a: &[f64], n: usize) -> Vec<f64> {
    let mut a = a.to_vec();
    let mut b = vec![0.0; n * n];
    (0..n).for_each(|i| b[i * n + i] = 1.0);
    for i in 0..n {
        let p = (i..n).max_by(|&p, &q| a[p * n + i].abs().total_cmp(&a[q * n + i].abs())).unwrap();
        for k in 0..n {
            a.swap(i * n + k, p * n + k);
            b.swap(i * n + k, p * n + k);
        }
        let d = a[i * n + i];
        for k in 0..n {
            a[i * n + k] /= d;
            b[i * n + k] /= d;
        }
        for r in (0..n).filter(|r| *r != i) {
            let f = a[r * n + i];
            for k in 0..n {
                a[r * n + k] -= f * a[i * n + k];
                b[r * n + k] -= f * b[i * n + k];
            }
        }
    }
    b
}
