//! `privity psi`: which rows of a table the other party has too.

use crate::Failure;
use clap::{Args, ValueEnum};
use privity_joint::{
    Cancel, KeyColumn, PartyFile, Progress,
    intersect::{self, Duplicates, Intersect, Join, Nulls, Order, Source, Total, Write},
};
use std::{
    io::{IsTerminal, Write as _},
    path::PathBuf,
    time::{Duration, Instant},
};

/// Options of `privity psi`.
#[derive(Args)]
#[command(
    after_help = "Example, at both parties:\n  privity psi party.toml --input customers.csv \
                        --on customer_id --on born:date --output common.parquet\n\
                        What it would cost:\n  privity psi party.toml --input customers.csv \
                        --on customer_id --dry-run --their-rows 1000000"
)]
pub(crate) struct Psi {
    /// The file that says who the parties are
    file: PathBuf,
    /// The own table: .csv, .tsv, .txt with a header line, or .parquet
    #[arg(long)]
    input: PathBuf,
    /// Column of the identifier, once for each; `name:kind` compares it as integer,
    /// decimal, text, folded (no case, no compatibility forms), date or bool. Columns
    /// of a text file are text unless said otherwise
    #[arg(long, required = true, value_parser = key_column)]
    on: Vec<KeyColumn>,
    /// File for the own common rows, .csv or .parquet, in an order that is the same at
    /// both parties. Not for a party that does not learn the result
    #[arg(long)]
    output: Option<PathBuf>,
    /// One other party, if the file lists several and only the rows that this one has too
    /// are wanted; otherwise the rows that all of them have
    #[arg(long)]
    with: Option<String>,
    /// Who learns which own rows are common: one party; all unless given
    #[arg(long)]
    learns: Vec<String>,
    /// Which own rows are written
    #[arg(long, value_enum, default_value_t = JoinName::Inner, requires = "output")]
    join: JoinName,
    /// In which order: common at both parties, or own
    #[arg(long, value_enum, default_value_t = OrderName::Common, requires = "output")]
    order: OrderName,
    /// Name of a column to be added with the place in the common order
    #[arg(long, requires = "output")]
    place: Option<String>,
    /// Write numbers of rows, from 0, in place of the columns
    #[arg(long, requires = "output")]
    rows_only: bool,
    /// Rows without an identifier
    #[arg(long, value_enum, default_value_t = NullsName::Refuse)]
    nulls: NullsName,
    /// Own rows with the same identifier
    #[arg(long, value_enum, default_value_t = DuplicatesName::Refuse)]
    duplicates: DuplicatesName,
    /// Separates the cells of a text file
    #[arg(long, default_value = ",")]
    delimiter: String,
    /// Memory for identifiers, as 500M or 2G; a larger table is read several times, but
    /// refused with --totals and by more than two parties
    #[arg(long, default_value = "1G", value_parser = bytes)]
    memory: u64,
    /// Buckets of about a million rows that are worked at the same time, by two parties
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// File for finished buckets: the same command goes on where it broke off
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// Name of the job, for --part
    #[arg(long)]
    job: Option<String>,
    /// Which part of the buckets, as 0/4, if several pairs of processes share them
    #[arg(long, value_parser = part)]
    part: Option<(u64, u64)>,
    /// Tell nobody which rows are common: count them, and sum the columns of --sum.
    /// Both parties must ask for this
    #[arg(long, conflicts_with_all = [
        "output", "join", "order", "place", "rows_only", "workers", "checkpoint", "part", "dry_run",
    ])]
    totals: bool,
    /// Own column of numbers to be summed over the common rows, once for each
    #[arg(long, requires = "totals")]
    sum: Vec<String>,
    /// With --totals, the least number of common rows for which anything is opened
    #[arg(long, requires = "totals", default_value_t = 0)]
    at_least: u64,
    /// Say what it would cost, and stop
    #[arg(long)]
    dry_run: bool,
    /// The other party's rows, for --dry-run
    #[arg(long, requires = "dry_run")]
    their_rows: Option<u64>,
    /// One line of JSON in place of sentences
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum JoinName {
    /// Common rows
    Inner,
    /// Common rows, then the others
    Left,
    /// Rows that are not common
    Anti,
}

#[derive(Clone, Copy, ValueEnum)]
enum OrderName {
    /// The same at both parties
    Common,
    /// That of the own table
    Own,
}

#[derive(Clone, Copy, ValueEnum)]
enum NullsName {
    /// Stop and name the first
    Refuse,
    /// Leave them out
    Drop,
}

#[derive(Clone, Copy, ValueEnum)]
enum DuplicatesName {
    /// Stop and name one
    Refuse,
    /// Join all of them with the other party's one row
    Join,
    /// Take the first
    First,
}

fn key_column(text: &str) -> Result<KeyColumn, String> {
    text.parse().map_err(|e: privity_joint::Error| e.to_string())
}

fn bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.to_ascii_uppercase().chars().last() {
        Some('K') => (&text[..text.len() - 1], 10),
        Some('M') => (&text[..text.len() - 1], 20),
        Some('G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| "a number such as 500M or 2G".to_owned())?;
    number.checked_mul(1 << unit).ok_or_else(|| "too much memory".into())
}

fn part(text: &str) -> Result<(u64, u64), String> {
    let wrong = || "a part such as 0/4".to_owned();
    let (part, of) = text.split_once('/').ok_or_else(wrong)?;
    Ok((part.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?))
}

pub(crate) fn run(args: &Psi) -> Result<(), Failure> {
    let [delimiter] = args.delimiter.replace("\\t", "\t").into_bytes()[..] else {
        return Err("--delimiter must be one character, or \\t".into());
    };
    let source = Source::open(&args.input, delimiter)?;
    let what = Intersect {
        nulls: match args.nulls {
            NullsName::Refuse => Nulls::Refuse,
            NullsName::Drop => Nulls::Drop,
        },
        duplicates: match args.duplicates {
            DuplicatesName::Refuse => Duplicates::Refuse,
            DuplicatesName::Join => Duplicates::Join,
            DuplicatesName::First => Duplicates::First,
        },
        memory: args.memory,
        workers: args.workers,
        part: args.part,
        job: args.job.clone(),
        checkpoint: args.checkpoint.clone(),
        ..Intersect::new(args.on.clone(), args.learns.clone())
    };
    if args.dry_run {
        return dry_run(args, &what, &source);
    }
    if args.totals {
        return totals(args, &what, &source);
    }
    let party = PartyFile::load(&args.file)?;
    let learns = args.learns.is_empty() || args.learns.contains(&party.name);
    let write = match (&args.output, learns) {
        (None, true) => return Err("name the file for the common rows: --output FILE".into()),
        (Some(_), false) => {
            return Err("this party does not learn the result: leave --output out".into());
        }
        (None, false) => None,
        (Some(path), true) => {
            if path.exists() {
                return Err(format!("{}: it exists; name another file", path.display()).into());
            }
            Some(Write {
                join: match args.join {
                    JoinName::Inner => Join::Inner,
                    JoinName::Left => Join::Left,
                    JoinName::Anti => Join::Anti,
                },
                order: match args.order {
                    OrderName::Common => Order::Common,
                    OrderName::Own => Order::Own,
                },
                columns: !args.rows_only,
                place: args.place.clone(),
                memory: args.memory,
                ..Write::new(path)
            })
        }
    };
    let start = Instant::now();
    let mut bar = Bar::new(start);
    let cancel = Cancel::new();
    let common = intersect::connect(
        &args.file,
        args.with.as_deref(),
        (&what, &source),
        &cancel,
        &mut |progress| bar.show(&progress),
    );
    bar.clear();
    let common = common?;
    let compared = start.elapsed().as_secs_f64();
    let written = write.as_ref().map(|write| common.write(&source, write)).transpose()?;
    report(args, &common, written, [compared, start.elapsed().as_secs_f64()])
}

#[allow(clippy::print_stdout)] // the command's output
fn report(
    args: &Psi,
    common: &intersect::Common,
    written: Option<u64>,
    [compared, seconds]: [f64; 2],
) -> Result<(), Failure> {
    if args.json {
        let line = serde_json::json!({
            "own_rows": common.sizes[0],
            "their_rows": common.sizes[1..],
            "common": common.identifiers,
            "written": written,
            "verified": common.verified,
            "sent": common.bytes[0],
            "received": common.bytes[1],
            "rounds": common.rounds,
            "compared_seconds": compared,
            "seconds": seconds,
        });
        println!("{line}");
        return Ok(());
    }
    println!(
        "{} own rows against {}: {} in {seconds:.2} s, {:.1} MB sent, {:.1} MB received",
        common.sizes[0],
        common.sizes[1..].iter().map(u64::to_string).collect::<Vec<_>>().join(" and "),
        match common.identifiers {
            Some(n) => format!("{n} identifiers in common"),
            None => "another party learns the result".into(),
        },
        common.bytes[0] as f64 / 1e6,
        common.bytes[1] as f64 / 1e6,
    );
    if let (Some(rows), Some(path)) = (written, &args.output) {
        println!("{}: {rows} rows", path.display());
    }
    if common.identifiers.is_some() && !common.verified {
        println!("another party found the result and told it; this party has its word");
    }
    Ok(())
}

/// What `--totals` does.
#[allow(clippy::print_stdout)] // the command's output
fn totals(args: &Psi, what: &Intersect, source: &Source) -> Result<(), Failure> {
    let total = Total { sums: args.sum.clone(), at_least: args.at_least };
    let mut bar = Bar::new(Instant::now());
    let (with, cancel) = (args.with.as_deref(), Cancel::new());
    let show = &mut |progress: Progress| bar.show(&progress);
    let found = intersect::connect_totals(&args.file, with, (what, source, &total), &cancel, show);
    bar.clear();
    let Some(found) = found? else {
        match args.json {
            true => println!("{{}}"),
            false => println!("the other party learns the totals"),
        }
        return Ok(());
    };
    if args.json {
        let sums: Vec<_> = found
            .sums
            .iter()
            .map(|(party, column, sum)| {
                serde_json::json!({ "party": party, "column": column, "sum": sum })
            })
            .collect();
        println!("{}", serde_json::json!({ "count": found.count, "sums": sums }));
        return Ok(());
    }
    println!("{} rows in common", found.count);
    for (party, column, sum) in &found.sums {
        println!("sum of '{column}' of '{party}' over them: {sum}");
    }
    Ok(())
}

/// What `--dry-run` says.
#[allow(clippy::print_stdout)] // the command's output
fn dry_run(args: &Psi, what: &Intersect, source: &Source) -> Result<(), Failure> {
    let many = PartyFile::load(&args.file).is_ok_and(|file| file.parties.len() > 2);
    if many && args.with.is_none() {
        return Err("the estimate is for two parties, and the file lists more: --with NAME".into());
    }
    let theirs = args.their_rows.ok_or("--dry-run needs the other party's rows: --their-rows N")?;
    let own = source.rows()?;
    let estimate = intersect::estimate(what, [own, theirs], own.min(theirs))?;
    let network = |ms, mbit| estimate.seconds(ms, mbit);
    if args.json {
        let mut line = serde_json::to_value(estimate)?;
        line["lan_seconds"] = network(0.25, 1000.0).into();
        line["wan_seconds"] = network(20.0, 100.0).into();
        println!("{line}");
        return Ok(());
    }
    let learns = match args.learns.len() {
        1 => args.learns[0].clone(),
        _ => "both parties".into(),
    };
    println!("{own} own rows against {theirs}, in {} buckets", estimate.buckets);
    println!("learnt: by {learns}, which own rows are common; by both, the numbers of rows");
    println!(
        "at most {:.1} MB from the first and {:.1} MB from the second party, {} rounds",
        estimate.bytes[0] as f64 / 1e6,
        estimate.bytes[1] as f64 / 1e6,
        estimate.rounds
    );
    println!(
        "about {:.1} s at 1 Gbit/s and 0.25 ms, {:.1} s at 100 Mbit/s and 20 ms",
        network(0.25, 1000.0),
        network(20.0, 100.0)
    );
    Ok(())
}

/// Progress on a terminal, and none in a pipe.
struct Bar {
    start: Instant,
    shown: Option<Instant>,
    terminal: bool,
}

impl Bar {
    fn new(start: Instant) -> Self {
        Self { start, shown: None, terminal: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, progress: &Progress) {
        if !self.terminal || self.shown.is_some_and(|at| at.elapsed() < Duration::from_millis(200))
        {
            return;
        }
        self.shown = Some(Instant::now());
        let spent = self.start.elapsed().as_secs_f64();
        let rest = match progress.fraction {
            f if f > 0.0 => format!(", about {:.0} s left", spent * (1.0 - f) / f),
            _ => String::new(),
        };
        self.line(&format!(
            "{} {:3.0} %, {spent:.0} s{rest}",
            progress.stage,
            100.0 * progress.fraction
        ));
    }

    fn clear(&self) {
        if self.shown.is_some() {
            self.line("");
        }
    }

    fn line(&self, text: &str) {
        // Progress that cannot be shown is none.
        let _ = write!(std::io::stderr(), "\r{text:<60}\r{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Parser, error::ErrorKind};

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        psi: Psi,
    }

    fn parse(options: &str) -> Result<Psi, ErrorKind> {
        let base = "psi party.toml --input a.csv --on id";
        let words = base.split(' ').chain(options.split_whitespace());
        Command::try_parse_from(words).map(|command| command.psi).map_err(|e| e.kind())
    }

    /// An option that would do nothing is refused.
    #[test]
    fn no_option_is_ignored() {
        let totals = parse("--totals --sum income --at-least 9 --memory 2G --nulls drop").unwrap();
        assert_eq!((totals.memory, totals.workers, totals.at_least), (2 << 30, 1, 9));
        for option in [
            "--output b.csv",
            "--join left",
            "--join inner",
            "--order own",
            "--place at",
            "--rows-only",
            "--workers 2",
            "--checkpoint a.db",
            "--part 0/2",
            "--dry-run",
        ] {
            let kind = parse(&format!("--totals {option}")).err();
            assert_eq!(kind, Some(ErrorKind::ArgumentConflict), "{option}");
        }
        for option in ["--join left", "--order own", "--place at", "--rows-only"] {
            let kind = parse(option).err();
            assert_eq!(kind, Some(ErrorKind::MissingRequiredArgument), "{option}");
            assert!(parse(&format!("--output b.csv {option}")).is_ok(), "{option}");
        }
        for option in ["--sum income", "--at-least 3", "--their-rows 5"] {
            assert_eq!(parse(option).err(), Some(ErrorKind::MissingRequiredArgument), "{option}");
        }
    }
}
