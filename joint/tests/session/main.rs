//! Whole programs, run by all parties in threads of this process.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod attacks;
mod count;
mod data;
mod errors;
mod hidden;
mod open;
mod policy;
mod program;
mod roles;
