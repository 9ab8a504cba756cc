//! Exact payload bytes and rounds.

use super::{
    Options, mask_bytes,
    wire::{ANNOUNCEMENT, COMMITMENT, OPENING, blinded},
};
use privity_core::{Error, ot, vole};

/// Bytes of either side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Payload bytes that the sender sends.
    pub sender: u64,
    /// Payload bytes that the receiver sends.
    pub receiver: u64,
}

/// One run with `sender` and `receiver` items, set-up included if it is the first.
pub fn cost(options: &Options, first: bool, sender: usize, receiver: usize) -> Result<Cost, Error> {
    let mut total = Cost { sender: ANNOUNCEMENT as u64, receiver: ANNOUNCEMENT as u64 };
    if first {
        let setup = ot::cost::setup(vole::BASE_K, options.security);
        total.sender += setup.sender as u64;
        total.receiver += setup.receiver as u64;
    }
    if sender == 0 || receiver == 0 {
        return Ok(total);
    }
    let store = options.store(receiver).len();
    let rows = vole::cost(options.code, store, 128, options.security)?;
    total.sender += (rows.sender + sender * mask_bytes(options)) as u64;
    total.receiver += (rows.receiver + 32 + 16 * store) as u64;
    if blinded(options) {
        total.sender += (COMMITMENT + OPENING) as u64;
    }
    Ok(total)
}
