//! `privity dp`: what a release with noise would cost, and how exact it would be.

mod account;
mod explain;

use crate::Failure;
use clap::{Subcommand, ValueEnum};
use privity_dp::Neighbours;

/// What `privity dp` does. Nothing here touches data or spends anything.
#[derive(Subcommand)]
pub(crate) enum Dp {
    /// The noise of a release and the interval around its result, before anything is spent
    #[command(subcommand)]
    Explain(explain::Explain),
    /// What a mechanism loses when it is used many times
    Account(account::Account),
}

#[derive(Clone, Copy, ValueEnum)]
enum NeighboursName {
    /// One unit more or less
    AddRemove,
    /// One unit with other data
    Replace,
}

pub(crate) fn run(dp: &Dp) -> Result<(), Failure> {
    match dp {
        Dp::Explain(question) => explain::run(question),
        Dp::Account(args) => account::run(args),
    }
}

impl NeighboursName {
    fn relation(self) -> Neighbours {
        match self {
            Self::AddRemove => Neighbours::AddRemove,
            Self::Replace => Neighbours::Replace,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::AddRemove => "add-remove",
            Self::Replace => "replace",
        }
    }
}
