//! `privity dp explain`: noise and intervals, without data.

use super::NeighboursName;
use crate::Failure;
use clap::{Args, Subcommand};
use privity_dp::{
    Contributions, Explanation, Grid, Loss, Neighbours, Privacy,
    accounting::{Accountant, Method},
    estimator::{Count, Histogram, Mean, Quantile, Sum, Variance},
    mechanism::Noise,
};
use privity_joint::private;
use serde_json::{Map, Value, json};

/// What is to be released.
#[derive(Subcommand)]
#[command(after_help = "Examples:\n  privity dp explain count --epsilon 0.1\n  \
                  privity dp explain mean --lower 0 --upper 100 --epsilon 1 --rows 10000\n  \
                  privity dp explain histogram --bins 50 --rho 0.1 --neighbours replace\n  \
                  privity dp explain quantile --at 0.9 --lower 0 --upper 1e6 --epsilon 0.5 --json\n  \
                  privity dp explain counts --margins 4 --epsilon 0.5 --delta 1e-6")]
pub(crate) enum Explain {
    /// The number of rows of some kind
    Count(CountArgs),
    /// The sum of numbers between bounds
    Sum(SumArgs),
    /// The mean of numbers between bounds
    #[command(
        after_help = "Example: privity dp explain mean --lower 0 --upper 100 --epsilon 1 --rows 10000"
    )]
    Mean(MeanArgs),
    /// The variance of numbers between bounds
    Variance(MeanArgs),
    /// Counts of rows in bins
    Histogram(HistogramArgs),
    /// A quantile of numbers between bounds, such as the median
    Quantile(QuantileArgs),
    /// Counts of a joint table, released by a session of several parties
    #[command(
        after_help = "Example: privity dp explain counts --margins 4 --epsilon 0.5 --delta 1e-6 --joint"
    )]
    Counts(CountsArgs),
}

/// What is protected, and what may be spent.
#[derive(Args)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("loss").required(true))]
pub(crate) struct Common {
    /// What may be spent: pure, with Laplace noise; together with --delta, Gaussian noise
    #[arg(long, group = "loss")]
    epsilon: Option<f64>,
    /// What may be spent in zero-concentrated differential privacy, with Gaussian noise
    #[arg(long, group = "loss")]
    rho: Option<f64>,
    /// With --epsilon: the delta that may be spent besides. With --rho: say which epsilon
    /// holds with it [default: 1e-6]
    #[arg(long)]
    delta: Option<f64>,
    /// What makes two versions of the data neighbours
    #[arg(long, value_enum, default_value_t = NeighboursName::AddRemove)]
    neighbours: NeighboursName,
    /// The most rows of one protected unit (in each bin)
    #[arg(long, default_value_t = 1)]
    unit_rows: u32,
    /// The probability of the interval
    #[arg(long, default_value_t = 0.95)]
    level: f64,
    /// One line of JSON in place of sentences
    #[arg(long)]
    json: bool,
}

/// Where numbers are clipped, and how fine they are.
#[derive(Args)]
#[group(skip)]
pub(crate) struct Bounds {
    /// Numbers below count as this
    #[arg(long, allow_negative_numbers = true)]
    lower: f64,
    /// Numbers above count as this
    #[arg(long, allow_negative_numbers = true)]
    upper: f64,
}

/// Options of a count.
#[derive(Args)]
pub(crate) struct CountArgs {
    #[command(flatten)]
    common: Common,
}

/// Options of a sum.
#[derive(Args)]
pub(crate) struct SumArgs {
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    common: Common,
}

/// Options of a mean or a variance.
#[derive(Args)]
pub(crate) struct MeanArgs {
    #[command(flatten)]
    bounds: Bounds,
    /// About how many rows there are: the error shrinks with them. Only what is public
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    rows: u64,
    #[command(flatten)]
    common: Common,
}

/// Options of a histogram.
#[derive(Args)]
pub(crate) struct HistogramArgs {
    /// How many bins
    #[arg(long)]
    bins: u32,
    /// The most bins that one protected unit has rows in
    #[arg(long, default_value_t = 1)]
    unit_bins: u32,
    #[command(flatten)]
    common: Common,
}

/// Options of a quantile.
#[derive(Args)]
pub(crate) struct QuantileArgs {
    /// Which quantile: 0.5 is the median
    #[arg(long, default_value_t = 0.5)]
    at: f64,
    #[command(flatten)]
    bounds: Bounds,
    /// About how many rows there are, to say the error as a share of them
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    rows: Option<u64>,
    #[command(flatten)]
    common: Common,
}

/// Options of counts of a joint table.
#[derive(Args)]
pub(crate) struct CountsArgs {
    /// How many margins are released: tables of one or more attributes
    #[arg(long)]
    margins: usize,
    /// The epsilon that each owner's ledger is charged
    #[arg(long)]
    epsilon: f64,
    /// The delta; 0 asks for discrete Laplace noise
    #[arg(long, default_value_t = 0.0)]
    delta: f64,
    /// Noise out of secret bits of the engine, which no party knows any of: less of it, more
    /// work
    #[arg(long)]
    joint: bool,
    /// How many counts there are in all margins, to say how far the worst of them is off
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    cells: Option<u64>,
    /// The probability of the interval
    #[arg(long, default_value_t = 0.95)]
    level: f64,
    /// One line of JSON in place of sentences
    #[arg(long)]
    json: bool,
}

/// What is said: sentences, and the same for programs.
#[derive(Default)]
struct Said {
    lines: Vec<String>,
    fields: Map<String, Value>,
}

impl Said {
    fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    fn field(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.into(), value.into());
    }
}

pub(super) fn run(question: &Explain) -> Result<(), Failure> {
    let (said, json) = match question {
        Explain::Count(args) => (count(args)?, args.common.json),
        Explain::Sum(args) => (sum(args)?, args.common.json),
        Explain::Mean(args) => (mean(args)?, args.common.json),
        Explain::Variance(args) => (variance(args)?, args.common.json),
        Explain::Histogram(args) => (histogram(args)?, args.common.json),
        Explain::Quantile(args) => (quantile(args)?, args.common.json),
        Explain::Counts(args) => (counts(args)?, args.json),
    };
    print(&said, json);
    Ok(())
}

#[allow(clippy::print_stdout)] // the command's output
fn print(said: &Said, json: bool) {
    match json {
        true => println!("{}", Value::Object(said.fields.clone())),
        false => said.lines.iter().for_each(|line| println!("{line}")),
    }
}

fn count(args: &CountArgs) -> Result<Said, Failure> {
    let common = &args.common;
    let explanation = Count::new(common.privacy(1)?)?.explain(common.level);
    let mut said = common.said("count", &explanation)?;
    within(&mut said, "the count", explanation.half_width, common.level);
    Ok(said)
}

fn sum(args: &SumArgs) -> Result<Said, Failure> {
    let common = &args.common;
    let explanation = Sum::new(args.bounds.grid()?, common.privacy(1)?)?.explain(common.level);
    let mut said = common.said("sum", &explanation)?;
    within(&mut said, "the sum of clipped numbers", explanation.half_width, common.level);
    Ok(said)
}

fn mean(args: &MeanArgs) -> Result<Said, Failure> {
    let (common, grid) = (&args.common, args.bounds.grid()?);
    let estimator = Mean::new(grid, common.privacy(1)?)?;
    let said_of = estimator.explain(common.level);
    let sums = said_of.parts.first().map_or(1, |part| part.coordinates);
    // With A, B of the estimator's proof note and noise of at most h in each, (A + B) = n w:
    // the mean is off by at most h / n, at A + h and B - h. Each sum misses h with an equal
    // part of what is left.
    let half = estimator.explain(split(common.level, sums)).half_width;
    let width = args.bounds.upper - args.bounds.lower;
    let half = half.map(|half| (half / args.rows as f64).min(width));
    let mut said = common.said("mean", &said_of)?;
    said.field("rows", args.rows);
    within(&mut said, "the mean of clipped numbers", half, common.level);
    Ok(said)
}

fn variance(args: &MeanArgs) -> Result<Said, Failure> {
    let Bounds { lower, upper } = args.bounds;
    let common = &args.common;
    let estimator = Variance::new(lower, upper, common.privacy(1)?)?;
    let said_of = estimator.explain(common.level);
    let sums = said_of.parts.first().map_or(1, |part| part.coordinates);
    let n = args.rows as f64;
    // Of numbers z from -1 to 1: with noise of at most h in the sums of z and z^2 both means
    // are off by e = h / n, with noise in the number of rows as well by 2 h / (n - h); the
    // square of the first mean then by twice as much.
    let half = estimator.explain(split(common.level, sums)).half_width.map(|h| {
        let e = if sums == 2 { h / n } else { 2.0 * h / (n - h).max(0.0) };
        let scale = (upper - lower).powi(2) / 4.0;
        (3.0 * e * scale).min(scale)
    });
    let mut said = common.said("variance", &said_of)?;
    said.field("rows", args.rows);
    within(&mut said, "the variance of clipped numbers", half, common.level);
    said.line("that holds for all data; it is usually closer by far".into());
    Ok(said)
}

fn histogram(args: &HistogramArgs) -> Result<Said, Failure> {
    let common = &args.common;
    // Noise depends on the number of bins, not on where they are.
    let bins = Histogram::new(0.0, 1.0, args.bins, common.privacy(args.unit_bins)?)?;
    let explanation = bins.explain(common.level);
    let mut said = common.said("histogram", &explanation)?;
    said.field("bins", args.bins);
    within(&mut said, "each count", explanation.half_width, common.level);
    let all = bins.explain(split(common.level, args.bins as usize)).half_width;
    every(&mut said, all, common.level);
    Ok(said)
}

fn quantile(args: &QuantileArgs) -> Result<Said, Failure> {
    let common = &args.common;
    let estimator = Quantile::new(args.at, args.bounds.grid()?, common.privacy(1)?)?;
    let mut said = common.said("quantile", &estimator.explain(common.level))?;
    let (rows, level) = (estimator.rank_error(common.level), common.level);
    said.field("at", args.at);
    said.field("rank_error", rows);
    let mut line = format!("its rank is wrong by at most {rows:.1} rows with probability {level}");
    if let Some(all) = args.rows {
        said.field("rows", all);
        line += &format!(": {:.3}% of {all}", 100.0 * rows / all as f64);
    }
    said.line(line);
    Ok(said)
}

fn counts(args: &CountsArgs) -> Result<Said, Failure> {
    let source = match args.joint {
        true => private::NoiseSource::Joint,
        false => private::NoiseSource::Shares,
    };
    check_level(args.level)?;
    if args.joint && args.delta == 0.0 {
        return Err("--joint needs a --delta above 0, such as 1e-6: its noise has an end".into());
    }
    let noise = private::Noise::calibrate(args.margins, args.epsilon, args.delta, source)?;
    let law = match noise.law {
        private::NoiseLaw::Skellam { mu_thousandths } => {
            format!("Skellam shares, of which mu {} stays unknown", thousandths(mu_thousandths))
        }
        private::NoiseLaw::Laplace { scale_thousandths } => format!(
            "discrete Laplace shares, of which scale {} stays unknown",
            thousandths(scale_thousandths)
        ),
        private::NoiseLaw::Binomial { trials } => format!("{trials} secret bits for each count"),
    };
    let (deviation, spent) = (noise.variance()?.sqrt(), noise.epsilon(args.margins)?);
    let mut said = Said::default();
    said.field("release", "counts");
    said.field("margins", args.margins);
    said.field("neighbours", "replace");
    said.field("level", args.level);
    said.field("cost", json!({ "epsilon": noise.epsilon, "delta": noise.delta }));
    said.field("loses", json!({ "epsilon": spent, "delta": noise.delta }));
    said.field("noise", serde_json::to_value(noise.law)?);
    said.field("deviation", deviation);
    said.line(format!(
        "counts of {} margin(s) of a joint table, neighbours replace (one row with other values)",
        args.margins
    ));
    said.line(format!(
        "cost: epsilon {}, delta {:e} in the ledger of each owner whose columns are used; the \
         noise keeps epsilon {spent:.6}",
        noise.epsilon, noise.delta
    ));
    said.line(format!("noise: {law}; standard deviation {} in each count", short(deviation)));
    within(&mut said, "each count", Some(noise.half_width(args.level)?), args.level);
    if let Some(cells) = args.cells {
        said.field("cells", cells);
        let level = split(args.level, cells as usize);
        every(&mut said, Some(noise.half_width(level)?), args.level);
    }
    Ok(said)
}

impl Common {
    fn loss(&self) -> Result<Loss, Failure> {
        Ok(match (self.epsilon, self.rho, self.delta) {
            (Some(epsilon), _, None) => Loss::pure(epsilon)?,
            (Some(epsilon), _, Some(delta)) => Loss::within(epsilon, delta)?,
            (None, Some(rho), _) => Loss::concentrated(rho)?,
            (None, None, _) => return Err("say what may be spent: --epsilon or --rho".into()),
        })
    }

    fn privacy(&self, groups: u32) -> Result<Privacy, Failure> {
        check_level(self.level)?;
        let bound = Contributions::new(groups, self.unit_rows)?;
        Ok(Privacy::new(self.neighbours.relation(), self.loss()?).contributions(bound))
    }

    /// Cost and noise.
    fn said(&self, release: &str, explanation: &Explanation) -> Result<Said, Failure> {
        let mut said = Said::default();
        let total = explanation.total();
        said.field("release", release);
        said.field("neighbours", self.neighbours.name());
        said.field("level", self.level);
        let mut cost = Map::new();
        for (name, value) in
            [("epsilon", total.epsilon), ("rho", total.rho), ("delta", total.delta)]
        {
            if value > 0.0 {
                cost.insert(name.into(), value.into());
            }
        }
        said.field("cost", cost);
        said.line(format!(
            "{release}, neighbours {} ({})",
            self.neighbours.name(),
            match explanation.neighbours {
                Neighbours::AddRemove => "one unit more or less",
                Neighbours::Replace => "one unit with other data",
            }
        ));
        let mut costs = explanation.parts.iter().map(|part| part.loss.to_string());
        said.line(format!("cost: {}", costs.by_ref().collect::<Vec<_>>().join("; ")));
        if total.rho > 0.0 {
            let delta = self.delta.unwrap_or(1e-6);
            let mut accountant = Accountant::new(explanation.neighbours, Method::Best);
            for event in explanation.events() {
                accountant.compose(&event, 1)?;
            }
            let epsilon = accountant.epsilon(delta)?;
            said.field("at_delta", json!({ "epsilon": epsilon, "delta": delta }));
            said.line(format!("  that is at most epsilon {epsilon:.6} at delta {delta:e}"));
        }
        let mut parts = Vec::new();
        for part in &explanation.parts {
            // In the unit of the numbers.
            let law = part.noise.map(|noise| match noise {
                Noise::Laplace(noise) => ("laplace", noise.law().scale().to_f64() * part.unit),
                Noise::Gaussian(noise) => {
                    ("gaussian", noise.law().sigma_squared().to_f64().sqrt() * part.unit)
                }
            });
            let (law, scale) = (law.map(|law| law.0), law.map(|law| law.1));
            let deviation = part.deviation();
            parts.push(json!({
                "what": part.what, "noise": law, "scale": scale, "deviation": deviation,
                "coordinates": part.coordinates,
            }));
            said.line(match (law, scale, deviation) {
                (Some(law), Some(scale), Some(deviation)) => format!(
                    "noise: discrete {law} of scale {}, standard deviation {}, in {} number(s): {}",
                    short(scale),
                    short(deviation),
                    part.coordinates,
                    part.what
                ),
                _ => "noise: none is added; the result is chosen at random, near ones first".into(),
            });
        }
        said.field("parts", parts);
        Ok(said)
    }
}

impl Bounds {
    fn grid(&self) -> Result<Grid, Failure> {
        Ok(Grid::fitted(self.lower, self.upper)?)
    }
}

fn within(said: &mut Said, what: &str, half: Option<f64>, level: f64) {
    said.field("half_width", half);
    if let Some(half) = half {
        said.line(format!("interval: {what} +- {} with probability {level}", short(half)));
    }
}

fn every(said: &mut Said, half: Option<f64>, level: f64) {
    said.field("half_width_of_all", half);
    if let Some(half) = half {
        said.line(format!("interval: all counts +- {} with probability {level}", short(half)));
    }
}

/// The level for each of several so that all hold with the given one.
fn split(level: f64, among: usize) -> f64 {
    1.0 - (1.0 - level) / among.max(1) as f64
}

fn check_level(level: f64) -> Result<(), Failure> {
    match (0.5..1.0).contains(&level) {
        true => Ok(()),
        false => Err("--level must be from 0.5 to below 1, such as 0.95".into()),
    }
}

fn thousandths(n: u64) -> f64 {
    n as f64 / 1000.0
}

/// Four digits behind the first.
fn short(x: f64) -> String {
    if x >= 10_000.0 || x == 0.0 {
        return format!("{x:.0}");
    }
    let digits = (3 - x.log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{x:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}
