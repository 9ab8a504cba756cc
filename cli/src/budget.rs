//! `privity budget`: the privacy budgets of this party's data sets.

use crate::Failure;
use clap::{Args, Subcommand, ValueEnum};
use privity_joint::{
    PartyFile,
    ledger::{
        Account, Balance, Entry, Event, Head, Ledger, Loss, Measure, Neighbours, Round, Standing,
        Terms,
    },
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What `privity budget` does.
#[derive(Subcommand)]
pub(crate) enum Budget {
    /// State the terms of a data set: its unit, its cap, caps of recipients
    Grant(Grant),
    /// What is spent, reserved and left
    Show(Show),
    /// Everything that was granted and charged
    History(History),
}

/// Where the ledger is.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Place {
    /// The ledger
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// The party.toml that names the ledger
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Options of `privity budget grant`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  privity budget grant loans --ledger budget.ledger --new --unit customer \
                  --neighbours add-remove --epsilon 1 --delta 1e-6 --recipient beta=0.5:5e-7\n  \
                  privity budget grant loans --config party.toml --unit customer \
                  --neighbours replace --rho 0.1"
)]
pub(crate) struct Grant {
    /// The data set
    data_set: String,
    #[command(flatten)]
    place: Place,
    /// Begin the ledger, if there never was one
    #[arg(long)]
    new: bool,
    /// Whose data are protected: the column that tells one from another, or a word for it
    #[arg(long)]
    unit: String,
    /// What makes two versions of the data set neighbours
    #[arg(long, value_enum)]
    neighbours: NeighboursName,
    /// The cap over all recipients; losses are summed as (epsilon, delta)
    #[arg(long, required_unless_present = "rho", conflicts_with = "rho")]
    epsilon: Option<String>,
    /// The cap over all recipients, in zero-concentrated differential privacy
    #[arg(long)]
    rho: Option<String>,
    /// The cap of delta
    #[arg(long, default_value = "0")]
    delta: String,
    /// The cap of one recipient, NAME=EPSILON or NAME=EPSILON:DELTA (or RHO), once for each;
    /// if any are named, nobody else receives anything. Without a delta it is that of the
    /// data set
    #[arg(long)]
    recipient: Vec<String>,
}

/// Options of `privity budget show`.
#[derive(Args)]
#[command(after_help = "Example: privity budget show loans --ledger budget.ledger")]
pub(crate) struct Show {
    /// The data set; all of them unless given
    data_set: Option<String>,
    #[command(flatten)]
    place: Place,
    /// A head that was noted earlier: fail if the ledger does not go on from there
    #[arg(long)]
    head: Option<Head>,
    /// For budgets in rho, say which epsilon holds with this delta
    #[arg(long, default_value_t = 1e-6)]
    at_delta: f64,
    /// One line of JSON in place of sentences
    #[arg(long)]
    json: bool,
}

/// Options of `privity budget history`.
#[derive(Args)]
#[command(after_help = "Example: privity budget history loans --ledger budget.ledger --json")]
pub(crate) struct History {
    /// The data set; all of them unless given
    data_set: Option<String>,
    #[command(flatten)]
    place: Place,
    /// A line of JSON for each entry, as it is in the file: losses in units of 10^-12,
    /// deltas in units of 10^-18
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum NeighboursName {
    /// One unit more or less
    AddRemove,
    /// One unit with other data
    Replace,
}

pub(crate) fn run(budget: &Budget) -> Result<(), Failure> {
    match budget {
        Budget::Grant(args) => grant(args),
        Budget::Show(args) => show(args),
        Budget::History(args) => history(args),
    }
}

impl Place {
    fn path(&self) -> Result<PathBuf, Failure> {
        match (&self.ledger, &self.config) {
            (Some(ledger), _) => Ok(ledger.clone()),
            (None, Some(config)) => PartyFile::load(config)?.ledger.ok_or_else(|| {
                let fix = "add ledger = \"budget.ledger\", or use --ledger";
                format!("{}: it names no ledger; {fix}", config.display()).into()
            }),
            (None, None) => Err("name the ledger: --ledger FILE".into()),
        }
    }
}

#[allow(clippy::print_stdout)] // the command's output
fn grant(args: &Grant) -> Result<(), Failure> {
    let (measure, cap) = match (&args.epsilon, &args.rho) {
        (Some(epsilon), _) => (Measure::Approximate, epsilon),
        (None, Some(rho)) => (Measure::Zcdp, rho),
        (None, None) => return Err("name the cap: --epsilon or --rho".into()),
    };
    let cap = Loss::read(measure, cap, &args.delta, Round::Down)?;
    let neighbours = match args.neighbours {
        NeighboursName::AddRemove => Neighbours::AddRemove,
        NeighboursName::Replace => Neighbours::Replace,
    };
    let mut terms = Terms::new(&args.unit, neighbours, cap);
    for recipient in &args.recipient {
        let (name, share) = recipient
            .rsplit_once('=')
            .ok_or_else(|| format!("--recipient {recipient}: write NAME=CAP or NAME=CAP:DELTA"))?;
        let (loss, delta) = share.split_once(':').unwrap_or((share, &args.delta));
        if terms.recipients.contains_key(name) {
            return Err(format!("--recipient {name} is there twice: give it one cap").into());
        }
        terms = terms.recipient(name, Loss::read(measure, loss, delta, Round::Down)?);
    }
    let path = args.place.path()?;
    // Never by itself: a ledger that is gone would come back with nothing spent.
    let ledger = if args.new { Ledger::create(&path)? } else { Ledger::open(&path)? };
    ledger.grant(&args.data_set, &terms)?;
    print_balance(&ledger.balance(&args.data_set)?, 1e-6);
    Ok(())
}

#[allow(clippy::print_stdout)] // the command's output
fn show(args: &Show) -> Result<(), Failure> {
    let ledger = Ledger::open(&args.place.path()?)?;
    if let Some(head) = &args.head {
        ledger.check_head(head)?;
    }
    let balances = match &args.data_set {
        Some(name) => vec![ledger.balance(name)?],
        None => ledger.balances()?,
    };
    let head = ledger.head()?;
    if args.json {
        let sets: Vec<Value> = balances.iter().map(as_json).collect();
        println!("{}", json!({ "head": head.to_string(), "data_sets": sets }));
        return Ok(());
    }
    for balance in &balances {
        print_balance(balance, args.at_delta);
    }
    if balances.is_empty() {
        println!("no data sets yet: privity budget grant");
    }
    println!("head {head}");
    Ok(())
}

#[allow(clippy::print_stdout)] // the command's output
fn print_balance(balance: &Balance, at_delta: f64) {
    let terms = &balance.terms;
    println!(
        "{}: cap {}, unit {}, neighbours {}",
        balance.data_set,
        terms.cap,
        terms.unit,
        match terms.neighbours {
            Neighbours::AddRemove => "add-remove",
            Neighbours::Replace => "replace",
        }
    );
    let line = |who: &str, account: &Account| {
        let Account { committed, reserved, left, cap } = account;
        println!("  {who:<16} spent {committed}; reserved {reserved}; left {left} of {cap}");
    };
    line("all recipients", &balance.total);
    for (name, account) in &balance.recipients {
        line(name, account);
    }
    if terms.measure() == Measure::Zcdp {
        let spent = balance.total.spent();
        match (spent.epsilon_at(at_delta), terms.cap.epsilon_at(at_delta)) {
            (Some(spent), Some(cap)) => {
                println!("  at delta {at_delta:e}: at most epsilon {spent:.4} of {cap:.4}");
            }
            _ => {
                println!("  at delta {at_delta:e}: no epsilon holds; name a larger one: --at-delta")
            }
        }
    }
}

fn as_json(balance: &Balance) -> Value {
    let measure = balance.terms.measure();
    let loss = |loss: &Loss| {
        let (value, delta) = loss.to_f64();
        json!({ measure.letter(): value, "delta": delta })
    };
    let account = |account: &Account| {
        json!({
            "cap": loss(&account.cap),
            "committed": loss(&account.committed),
            "reserved": loss(&account.reserved),
            "left": loss(&account.left),
        })
    };
    let recipients: serde_json::Map<String, Value> =
        balance.recipients.iter().map(|(name, a)| (name.clone(), account(a))).collect();
    json!({
        "data_set": balance.data_set,
        "unit": balance.terms.unit,
        "neighbours": balance.terms.neighbours,
        "measure": measure,
        "total": account(&balance.total),
        "recipients": recipients,
    })
}

#[allow(clippy::print_stdout)] // the command's output
fn history(args: &History) -> Result<(), Failure> {
    let entries = Ledger::open(&args.place.path()?)?.history(args.data_set.as_deref())?;
    for entry in &entries {
        match args.json {
            true => println!("{}", serde_json::to_string(entry)?),
            false => println!("{:>6}  {}  {}", entry.number, utc(entry.time), sentence(entry)),
        }
    }
    Ok(())
}

fn sentence(entry: &Entry) -> String {
    match &entry.event {
        Event::Created { id } => format!("ledger {id} begun"),
        Event::Granted { data_set, terms } => {
            let shares = terms.recipients.iter().map(|(name, cap)| format!("; {name}: {cap}"));
            format!("{data_set}: granted {}{}", terms.cap, shares.collect::<String>())
        }
        Event::Reserved { data_set, recipients, cost, session, operation, note } => {
            let standing = match entry.standing {
                Some(Standing::Committed) => "spent",
                Some(Standing::Cancelled) => "cancelled, not charged",
                Some(Standing::Unfinished) | None => "unfinished, charged",
            };
            let to = recipients.join(", ");
            let digest = operation.get(..12).unwrap_or(operation);
            let mut text = format!("{data_set}: {cost} to {to} ({standing}); operation {digest}");
            for (what, value) in [(" in session ", session), ("; ", note)] {
                if !value.is_empty() {
                    text += what;
                    text += value;
                }
            }
            text
        }
        Event::Cancelled { reservation } => format!("release {reservation} cancelled"),
        Event::Committed { reservation } => format!("release {reservation} finished"),
        _ => "an event that this program does not know".into(),
    }
}

/// Seconds since 1970 as 2026-11-25 21:30:17Z.
fn utc(time: u64) -> String {
    let (days, seconds) = (time / 86_400, time % 86_400);
    // Years that begin in March, in eras of 400: leap days come last.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (era * 400 + year, month + 3),
        _ => (era * 400 + year + 1, month - 9),
    };
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        for (time, text) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_399, "2000-02-28 23:59:59Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_709_251_200, "2024-03-01 00:00:00Z"),
            (4_102_444_799, "2099-12-31 23:59:59Z"),
        ] {
            assert_eq!(utc(time), text);
        }
    }
}
