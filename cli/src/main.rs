//! The `privity` command.
#![forbid(unsafe_code)]

mod bench;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Bulk vectors come and go by the megabyte; an allocator that keeps their pages
/// saves about half of the time of a large operation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Compute on data that its owners may not show one another.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Time a protocol, all parties in this process
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
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
