//! Whole programs, run by all parties in threads of this process.

#![allow(clippy::unwrap_used, reason = "tests")]

mod data;
mod errors;
mod open;
mod policy;
mod program;
mod roles;
