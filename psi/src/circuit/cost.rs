//! Exact payload bytes and rounds.

use super::columns;
use crate::vole::{self, Cost, Options};
use privity_core::Error;

/// Set-up and one run with so many items of the sender and of the receiver and so
/// many payloads. The comparison of tags comes on top, by the engine's own costs.
pub fn cost(options: &Options, sizes: [usize; 2], payloads: usize) -> Result<Cost, Error> {
    // F is the same; in place of masks go the stores.
    let mut total = vole::function_cost(options, sizes)?;
    if sizes.contains(&0) {
        return Ok(total);
    }
    let store = super::store(options, sizes[0]).len();
    total.sender += (16 + 16 * store * columns(payloads)) as u64;
    Ok(total)
}
