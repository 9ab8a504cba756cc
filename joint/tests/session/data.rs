//! A small bank and another one, and what they would compute in the clear.

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray},
    datatypes::{Field, Schema},
};
use privity_joint::{Missing, Party, Planned, Policy, Table};
use std::sync::Arc;

pub(crate) fn table(name: &str, columns: Vec<(&str, ArrayRef)>) -> Table {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    Table::from_arrow(name, RecordBatchIterator::new([Ok(batch)], schema), Missing::Refuse).unwrap()
}

pub(crate) fn numbers(x: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(x.to_vec()))
}

pub(crate) fn integers(x: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(x.to_vec()))
}

pub(crate) fn text<S: AsRef<str>>(x: &[S]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(x.iter().map(AsRef::as_ref)))
}

/// Customers as both banks would see them if they could.
pub(crate) struct Customers {
    pub(crate) id: Vec<String>,
    pub(crate) income: Vec<f64>,
    pub(crate) purpose: Vec<&'static str>,
    pub(crate) age: Vec<f64>,
    pub(crate) bad: Vec<i64>,
    pub(crate) train: Vec<i64>,
}

/// splitmix64, to unit interval
pub(crate) fn random(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

pub(crate) fn customers(n: usize, seed: u64) -> Customers {
    let mut state = seed;
    let mut r = || random(&mut state);
    let mut all = Customers {
        id: vec![],
        income: vec![],
        purpose: vec![],
        age: vec![],
        bad: vec![],
        train: vec![],
    };
    for i in 0..n {
        let income = 1000.0 + 4000.0 * r();
        let purpose = ["car", "home", "trip"][(3.0 * r()) as usize];
        let age = (20.0 + 50.0 * r()).floor();
        let eta =
            1.0 - income / 2000.0 + (50.0 - age) / 30.0 + if purpose == "trip" { 0.8 } else { 0.0 };
        all.id.push(format!("c{i:05}"));
        all.income.push(income);
        all.purpose.push(purpose);
        all.age.push(age);
        all.bad.push(i64::from(r() < 1.0 / (1.0 + (-eta).exp())));
        all.train.push(i64::from(i % 10 < 7));
    }
    all
}

impl Customers {
    /// Bank alpha: income, purpose, label, split; with customers of its own.
    pub(crate) fn alpha(&self) -> Table {
        let extra = 7;
        let ids = (0..extra).map(|i| format!("alpha{i}")).chain(self.id.iter().cloned());
        let pad = |x: &[f64]| [vec![2000.0; extra], x.to_vec()].concat();
        let padi = |x: &[i64]| [vec![0; extra], x.to_vec()].concat();
        let purpose: Vec<&str> =
            vec!["car"; extra].into_iter().chain(self.purpose.clone()).collect();
        table(
            "alpha.csv",
            vec![
                ("id", text(&ids.collect::<Vec<_>>())),
                ("income", numbers(&pad(&self.income))),
                ("purpose", text(&purpose)),
                ("bad", integers(&padi(&self.bad))),
                ("train", integers(&padi(&self.train))),
            ],
        )
    }

    /// Bank beta: age, in another order, with other customers of its own.
    pub(crate) fn beta(&self) -> Table {
        let mut rows: Vec<(String, f64)> = self.id.iter().cloned().zip(self.age.clone()).collect();
        rows.extend((0..5).map(|i| (format!("beta{i}"), 30.0)));
        rows.reverse();
        let (id, age): (Vec<String>, Vec<f64>) = rows.into_iter().unzip();
        table("beta.csv", vec![("id", text(&id)), ("age", numbers(&age))])
    }

    pub(crate) fn part(&self, train: bool) -> Vec<usize> {
        (0..self.id.len()).filter(|&i| (self.train[i] == 1) == train).collect()
    }
}

/// Two banks and a bureau that all compute, and allow everything.
pub(crate) fn banks() -> Vec<(Party, Policy)> {
    vec![
        (Party::new("alpha"), Policy::allow_all()),
        (Party::new("beta"), Policy::allow_all()),
        (Party::helper("bureau"), Policy::allow_all()),
    ]
}

/// The banks with these customers, for a dry run.
pub(crate) fn planned(all: &Customers) -> Vec<Planned> {
    let tables = [Some(all.alpha()), Some(all.beta()), None];
    let planned = banks().into_iter().zip(&tables).map(|((party, policy), table)| Planned {
        party,
        policy,
        schema: table.as_ref().map(Table::schema),
        rows: table.as_ref().map_or(0, |t| t.rows() as u64),
    });
    planned.collect()
}

/// Maximum likelihood by Newton's method, intercept first.
pub(crate) fn fit(x: &[Vec<f64>], y: &[f64]) -> Vec<f64> {
    let d = x[0].len() + 1;
    let mut w = vec![0.0; d];
    for _ in 0..30 {
        let (mut g, mut h) = (vec![0.0; d], vec![vec![0.0; d]; d]);
        for (row, y) in x.iter().zip(y) {
            let z: Vec<f64> = std::iter::once(1.0).chain(row.iter().copied()).collect();
            let p = 1.0 / (1.0 + (-z.iter().zip(&w).map(|(a, b)| a * b).sum::<f64>()).exp());
            for i in 0..d {
                g[i] += z[i] * (y - p);
                for j in 0..d {
                    h[i][j] += z[i] * z[j] * p * (1.0 - p);
                }
            }
        }
        let step = solve(h, g);
        w.iter_mut().zip(&step).for_each(|(w, s)| *w += s);
    }
    w
}

#[allow(clippy::needless_range_loop, reason = "two rows at once")]
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        for j in i + 1..n {
            let f = a[j][i] / a[i][i];
            for k in i..n {
                a[j][k] -= f * a[i][k];
            }
            b[j] -= f * b[i];
        }
    }
    for i in (0..n).rev() {
        b[i] = (b[i] - (i + 1..n).map(|k| a[i][k] * b[k]).sum::<f64>()) / a[i][i];
    }
    b
}

/// Area under the ROC curve and Kolmogorov-Smirnov distance.
pub(crate) fn auc_ks(scores: &[f64], y: &[f64]) -> (f64, f64) {
    let (mut won, mut pairs, mut ks) = (0.0, 0.0, 0.0f64);
    let (p, n) = (y.iter().sum::<f64>(), y.iter().map(|y| 1.0 - y).sum::<f64>());
    for (s, y1) in scores.iter().zip(y) {
        let (mut tp, mut fp) = (0.0, 0.0);
        for (t, y2) in scores.iter().zip(y) {
            if *y1 == 1.0 && *y2 == 0.0 {
                pairs += 1.0;
                won += if s > t {
                    1.0
                } else if s == t {
                    0.5
                } else {
                    0.0
                };
            }
            if t >= s {
                tp += y2;
                fp += 1.0 - y2;
            }
        }
        ks = ks.max(tp / p - fp / n);
    }
    (won / pairs, ks)
}
