//! Exact payload bytes and rounds.

use super::{
    Options, Security, mask_bytes,
    wire::{ANNOUNCEMENT, COMMITMENT, OPENING, blinded},
};
use privity_core::{Error, ot, vole};

/// What one job of one run sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Payload bytes that the sender sends.
    pub sender: u64,
    /// Payload bytes that the receiver sends.
    pub receiver: u64,
    /// Rounds, as the sender and as the receiver count them.
    pub rounds: [u32; 2],
}

/// Set-up and one run with so many items of the sender and of the receiver; with
/// `told` common items if the sender learns them too.
pub fn cost(
    options: &Options,
    [sender, receiver]: [usize; 2],
    told: Option<usize>,
) -> Result<Cost, Error> {
    let mut total = function_cost(options, [sender, receiver])?;
    if sender != 0 && receiver != 0 {
        total.sender += (sender * mask_bytes(options)) as u64;
    }
    if let Some(told) = told {
        total.receiver += 4 + 4 * told as u64;
        total.rounds[0] = total.rounds[1] + 1;
    }
    Ok(total)
}

/// The set-up alone.
pub(crate) fn setup_cost(options: &Options) -> Cost {
    let setup = ot::cost::setup(vole::BASE_K, options.security);
    Cost { sender: setup.sender as u64, receiver: setup.receiver as u64, rounds: [1, 2] }
}

/// The same without what the sender sends about its own items.
pub(crate) fn function_cost(
    options: &Options,
    [sender, receiver]: [usize; 2],
) -> Result<Cost, Error> {
    let setup = setup_cost(options);
    let mut total = Cost {
        sender: setup.sender + ANNOUNCEMENT as u64,
        receiver: setup.receiver + ANNOUNCEMENT as u64,
        // The receiver's last message of the set-up leaves with its announcement.
        rounds: [2, 3],
    };
    if sender == 0 || receiver == 0 {
        return Ok(total);
    }
    total.rounds = match options.security {
        Security::SemiHonest => [6, 7],
        Security::Malicious => [10, 11],
    };
    let store = options.store(receiver).len();
    let width = 8 * options.element_bytes();
    let rows = vole::cost(options.code, store, width, options.security)?;
    total.sender += rows.sender as u64;
    total.receiver += (rows.receiver + 32 + options.element_bytes() * store) as u64;
    if blinded(options) {
        total.sender += (COMMITMENT + OPENING) as u64;
    }
    Ok(total)
}
