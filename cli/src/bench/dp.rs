//! Exact noise, accounting and releases, on one core.

use super::Args;
use crate::Failure;
use privity_dp::{
    Grid, Loss, Neighbours, Privacy, Ratio, Units,
    accounting::{Accountant, Event, Method, Sampling},
    estimator::{Histogram, Mean, Quantile, Variance},
    sampler::{DiscreteGaussian, DiscreteLaplace, Skellam, Source, Table},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Serialize;
use std::{hint::black_box, time::Instant};

/// Draws of a timed repetition.
const DRAWS: usize = 1 << 20;

/// What was measured, and the goal that it has.
#[derive(Serialize)]
struct Figure {
    name: String,
    /// The median.
    value: f64,
    unit: &'static str,
    all: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epsilon: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<bool>,
}

const RATE: &str = "million draws/s";
const TIME: &str = "ms";

struct Bench {
    repeat: usize,
    figures: Vec<Figure>,
}

#[allow(clippy::print_stdout)] // the command's output
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let rows = args.n.unwrap_or(1_000_000);
    let mut bench = Bench { repeat: args.repeat, figures: Vec::new() };
    bench.samplers()?;
    bench.accounting()?;
    bench.releases(rows, args.seed)?;
    if args.json {
        let report = serde_json::json!({
            "bench": "dp", "rows": rows, "draws": DRAWS, "seed": args.seed,
            "figures": bench.figures,
        });
        println!("{report}");
        return Ok(());
    }
    for Figure { name, value, unit, epsilon, goal, reached, .. } in &bench.figures {
        let mut line = format!("{name:<54}{value:>10.3} {unit}");
        if let Some(epsilon) = epsilon {
            line += &format!(", epsilon {epsilon:.4}");
        }
        if let (Some(goal), Some(reached)) = (goal, reached) {
            line += &format!(" (goal {goal}: {})", if *reached { "reached" } else { "missed" });
        }
        println!("{line}");
    }
    Ok(())
}

impl Bench {
    fn samplers(&mut self) -> Result<(), Failure> {
        let source = &mut Source::new(rand::rng());
        for (scale, goal) in [(1, None), (10, Some(9.0)), (1000, None)] {
            let law = DiscreteLaplace::new(Ratio::new(scale, 1)?)?;
            self.draws(format!("discrete Laplace, scale {scale}"), goal, |out| {
                law.fill(source, out);
            })?;
        }
        for (sigma, goal) in [(1, None), (10, Some(6.0)), (1000, None)] {
            let law = DiscreteGaussian::new(Ratio::new(sigma * sigma, 1)?)?;
            self.draws(format!("discrete Gaussian, sigma {sigma}"), goal, |out| {
                law.fill(source, out);
            })?;
        }
        // As mechanisms draw for a few numbers; long slices above are filled from a table.
        let laplace = DiscreteLaplace::new(Ratio::new(10, 1)?)?;
        self.draws("discrete Laplace, scale 10, one by one".into(), Some(9.0), |out| {
            out.iter_mut().for_each(|x| *x = laplace.sample(source));
        })?;
        let gaussian = DiscreteGaussian::new(Ratio::new(100, 1)?)?;
        self.draws("discrete Gaussian, sigma 10, one by one".into(), Some(6.0), |out| {
            out.iter_mut().for_each(|x| *x = gaussian.sample(source));
        })?;
        let law = Skellam::new(Ratio::new(50, 1)?)?;
        self.draws("Skellam, variance 100".into(), None, |out| law.fill(source, out))?;
        let table = Table::gaussian(Ratio::new(100, 1)?)?;
        self.draws("table of fixed time, Gaussian of sigma 10".into(), None, |out| {
            table.fill(source, out);
        })
    }

    fn accounting(&mut self) -> Result<(), Failure> {
        let step = |sigma| Event::Subsampled {
            sampling: Sampling::Poisson { rate: 0.01 },
            event: Box::new(Event::Gaussian { sigma }),
        };
        let new = |method| Accountant::new(Neighbours::AddRemove, method);
        let sgd = |mut accountant: Accountant| {
            accountant.compose(&step(1.0), 1000)?;
            Ok::<_, privity_dp::Error>(accountant)
        };
        let pld = sgd(new(Method::Pld).with_grid(1e-4)?)?;
        self.epsilon("PLD, both directions, grid 1e-4: DP-SGD", Some(25.0), &pld)?;
        self.epsilon("PLD, grid chosen: DP-SGD", None, &sgd(new(Method::Pld))?)?;
        self.epsilon("RDP: DP-SGD", None, &sgd(new(Method::Rdp))?)?;
        let mut different = new(Method::Pld);
        for i in 0..51 {
            different.compose(&step(1.0 + 0.02 * f64::from(i)), 20)?;
        }
        self.epsilon("PLD: 51 different steps, 20 of each", None, &different)
    }

    fn releases(&mut self, rows: usize, seed: u64) -> Result<(), Failure> {
        let mut rng = StdRng::seed_from_u64(seed);
        // Triangular between both bounds.
        let data: Vec<f64> =
            (0..rows).map(|_| 50.0 * (rng.random::<f64>() + rng.random::<f64>())).collect();
        let source = &mut Source::new(rand::rng());
        let privacy = Privacy::new(Neighbours::AddRemove, Loss::pure(1.0)?);
        let (grid, all) = (Grid::fitted(0.0, 100.0)?, Units::Rows);
        // The goals are for a million rows.
        let goal = |goal| (rows == 1_000_000).then_some(goal);
        let mean = Mean::new(grid, privacy)?;
        self.time("mean", goal(5.0), || Ok(mean.release(&data, all, source)?.value))?;
        let variance = Variance::new(0.0, 100.0, privacy)?;
        self.time("variance", None, || Ok(variance.release(&data, all, source)?.value))?;
        let histogram = Histogram::new(0.0, 100.0, 100, privacy)?;
        self.time("histogram of 100 bins", goal(5.0), || {
            Ok(histogram.release(&data, all, source)?.value)
        })?;
        let median = Quantile::new(0.5, grid, privacy)?;
        self.time("median", goal(60.0), || Ok(median.release(&data, all, source)?.value))?;
        Ok(())
    }

    /// Seconds of each repetition, after one whose time does not count.
    fn repeat(&self, mut work: impl FnMut() -> Result<(), Failure>) -> Result<Vec<f64>, Failure> {
        work()?;
        let timed = (0..self.repeat).map(|_| {
            let start = Instant::now();
            work()?;
            Ok(start.elapsed().as_secs_f64())
        });
        timed.collect()
    }

    fn draws(
        &mut self,
        name: String,
        goal: Option<f64>,
        mut fill: impl FnMut(&mut [i64]),
    ) -> Result<(), Failure> {
        let mut out = vec![0i64; DRAWS];
        let seconds = self.repeat(|| {
            fill(black_box(&mut out));
            Ok(())
        })?;
        let all = seconds.into_iter().map(|s| DRAWS as f64 / s / 1e6).collect();
        self.add(name, RATE, all, None, goal);
        Ok(())
    }

    fn epsilon(&mut self, name: &str, goal: Option<f64>, of: &Accountant) -> Result<(), Failure> {
        let mut epsilon = 0.0;
        let seconds = self.repeat(|| {
            epsilon = black_box(of).epsilon(1e-5)?;
            Ok(())
        })?;
        self.add(name.into(), TIME, milliseconds(seconds), Some(epsilon), goal);
        Ok(())
    }

    fn time<T>(
        &mut self,
        name: &str,
        goal: Option<f64>,
        mut work: impl FnMut() -> Result<T, Failure>,
    ) -> Result<(), Failure> {
        let seconds = self.repeat(|| work().map(|value| drop(black_box(value))))?;
        self.add(name.into(), TIME, milliseconds(seconds), None, goal);
        Ok(())
    }

    fn add(
        &mut self,
        name: String,
        unit: &'static str,
        all: Vec<f64>,
        epsilon: Option<f64>,
        goal: Option<f64>,
    ) {
        let mut sorted = all.clone();
        sorted.sort_by(f64::total_cmp);
        let value = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        let reached = goal.map(|goal| if unit == RATE { value >= goal } else { value <= goal });
        self.figures.push(Figure { name, value, unit, all, epsilon, goal, reached });
    }
}

fn milliseconds(seconds: Vec<f64>) -> Vec<f64> {
    seconds.into_iter().map(|s| 1e3 * s).collect()
}
