//! Secret sharing, one module per scheme.

pub mod additive;
pub mod replicated;
pub mod shamir;
