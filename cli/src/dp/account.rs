//! `privity dp account`: composition.

use super::NeighboursName;
use crate::Failure;
use clap::{Args, ValueEnum};
use privity_dp::accounting::{Accountant, Event, Method, Sampling};
use serde_json::json;

/// Options of `privity dp account`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  privity dp account --gaussian 1 --rate 0.01 --times 1000 --delta 1e-5\n  \
                  privity dp account --laplace 2 --times 20 --delta 1e-6 --json\n  \
                  privity dp account --pure 0.1 --times 50 --at-epsilon 2"
)]
#[command(group = clap::ArgGroup::new("mechanism").required(true))]
#[command(group = clap::ArgGroup::new("asked").required(true))]
pub(crate) struct Account {
    /// Gaussian noise: standard deviation over sensitivity, the noise multiplier
    #[arg(long, group = "mechanism")]
    gaussian: Option<f64>,
    /// Laplace noise: scale over sensitivity
    #[arg(long, group = "mechanism")]
    laplace: Option<f64>,
    /// A mechanism of which only this epsilon is known
    #[arg(long, group = "mechanism")]
    pure: Option<f64>,
    /// Each time from a random sample, to which each unit belongs with this probability
    #[arg(long)]
    rate: Option<f64>,
    /// How many times
    #[arg(long, default_value_t = 1)]
    times: u64,
    /// Say which epsilon holds with this delta
    #[arg(long, group = "asked")]
    delta: Option<f64>,
    /// Say which delta holds with this epsilon
    #[arg(long, group = "asked")]
    at_epsilon: Option<f64>,
    /// What makes two versions of the data neighbours
    #[arg(long, value_enum, default_value_t = NeighboursName::AddRemove)]
    neighbours: NeighboursName,
    /// How bounds are computed
    #[arg(long, value_enum, default_value_t = MethodName::Best)]
    method: MethodName,
    /// One line of JSON in place of sentences
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum MethodName {
    /// The least bound of all methods that apply
    Best,
    /// Distributions of the privacy loss
    Pld,
    /// Rényi differential privacy
    Rdp,
    /// Zero-concentrated differential privacy
    Zcdp,
    /// Sums
    Basic,
}

#[allow(clippy::print_stdout)] // the command's output
pub(super) fn run(args: &Account) -> Result<(), Failure> {
    let event = match (args.gaussian, args.laplace, args.pure) {
        (Some(sigma), ..) => Event::Gaussian { sigma },
        (_, Some(scale), _) => Event::Laplace { scale },
        (.., Some(epsilon)) => Event::Pure { epsilon },
        _ => return Err("name the mechanism: --gaussian, --laplace or --pure".into()),
    };
    let event = match args.rate {
        Some(rate) => {
            Event::Subsampled { sampling: Sampling::Poisson { rate }, event: Box::new(event) }
        }
        None => event,
    };
    let method = match args.method {
        MethodName::Best => Method::Best,
        MethodName::Pld => Method::Pld,
        MethodName::Rdp => Method::Rdp,
        MethodName::Zcdp => Method::Zcdp,
        MethodName::Basic => Method::Basic,
    };
    let mut accountant = Accountant::new(args.neighbours.relation(), method);
    accountant.compose(&event, args.times)?;
    let (epsilon, delta) = match (args.delta, args.at_epsilon) {
        (Some(delta), _) => (accountant.epsilon(delta)?, delta),
        (None, Some(epsilon)) => (epsilon, accountant.delta(epsilon)?),
        (None, None) => return Err("say what is asked: --delta or --at-epsilon".into()),
    };
    let none = if args.delta.is_some() { !epsilon.is_finite() } else { delta >= 1.0 };
    if none {
        return Err("this method proves nothing here: use --method best, or a larger --delta or \
                    --at-epsilon"
            .into());
    }
    let neighbours = args.neighbours.name();
    match args.json {
        true => println!(
            "{}",
            json!({
                "epsilon": epsilon, "delta": delta, "times": args.times,
                "neighbours": neighbours, "rate": args.rate,
            })
        ),
        false => println!(
            "{} time(s): at most epsilon {epsilon:.6} at delta {delta:e}, neighbours {neighbours}",
            args.times
        ),
    }
    Ok(())
}
