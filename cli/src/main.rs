//! The `privity` command.
#![forbid(unsafe_code)]

mod bench;
mod budget;
mod dp;
mod psi;
mod setup;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Bulk vectors come and go by the megabyte; an allocator that keeps their pages
/// saves about half of the time of a large operation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Compute on data that its owners may not show one another.
#[derive(Parser)]
#[command(
    name = "privity",
    version,
    about,
    after_help = "Example: privity bench cmp --n 1000000 --net tls --json"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Time a protocol, all parties in this process
    Bench(bench::Args),
    /// Make a key and the files of one party, to be filled in
    Init(setup::Init),
    /// Check a party's files, key and peers before any data moves
    Doctor(setup::Doctor),
    /// Find the rows of a table that another party has too
    Psi(Box<psi::Psi>),
    /// Grant privacy budgets, and see what is spent of them
    #[command(subcommand)]
    Budget(budget::Budget),
    /// What a release with noise would cost, and how exact it would be
    #[command(subcommand)]
    Dp(dp::Dp),
    /// Look at the record of what was done
    #[command(subcommand)]
    Audit(setup::Audit),
}

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
        Command::Psi(args) => psi::run(&args),
        Command::Budget(args) => budget::run(&args),
        Command::Dp(args) => dp::run(&args),
        Command::Init(args) => setup::init(&args),
        Command::Doctor(args) => setup::doctor(&args),
        Command::Audit(setup::Audit::Verify { file, head }) => {
            setup::verify(&file, head.as_deref())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            complain(&*e);
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr)] // the place where errors reach the user
fn complain(error: &dyn std::error::Error) {
    eprintln!("privity: {error}");
}
