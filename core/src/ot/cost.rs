//! Exact payload bytes and rounds, held against the mesh's counters by tests.
//!
//! Headers of 16 bytes per message of 64 KiB come on top.

use super::{Security, base, extension, punctured};

/// Payload bytes by either side, and the length of the longest chain of
/// dependent messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes that the sender of OTs sends.
    pub sender: usize,
    /// Bytes that the receiver sends.
    pub receiver: usize,
    /// Rounds.
    pub rounds: u32,
}

/// Setting up [`extension`] with parameter k.
///
/// # Panics
/// If k is not 1 to 8.
pub fn setup(k: usize, security: Security) -> Cost {
    assert!((1..=8).contains(&k), "k of SoftSpokenOT");
    // The receiver of OTs is the sender of base OTs, and deals the trees.
    let (base_receiver, base_sender) = base::bytes(extension::KAPPA);
    let whole = extension::KAPPA / k;
    let rest = extension::KAPPA % k;
    let last = if rest == 0 { 0 } else { punctured::bytes(rest, security) };
    let trees = whole * punctured::bytes(k, security) + last;
    Cost { sender: base_receiver, receiver: base_sender + trees, rounds: 2 }
}

/// `n` rows with chosen bits, by [`extension`].
///
/// # Panics
/// If k is not 1 to 8.
pub fn extend(k: usize, security: Security, n: usize) -> Cost {
    assert!((1..=8).contains(&k), "k of SoftSpokenOT");
    rows(extension::KAPPA.div_ceil(k), security, n)
}

/// `n` rows with random bits, by [`extension`].
///
/// # Panics
/// If k is not 1 to 8.
pub fn extend_random(k: usize, security: Security, n: usize) -> Cost {
    assert!((1..=8).contains(&k), "k of SoftSpokenOT");
    rows(extension::KAPPA.div_ceil(k) - 1, security, n)
}

fn rows(groups: usize, security: Security, n: usize) -> Cost {
    if n == 0 {
        return Cost::default();
    }
    let corrections = 16 * groups * extension::blocks(n, security);
    match security {
        Security::SemiHonest => Cost { sender: 0, receiver: corrections, rounds: 1 },
        Security::Malicious => {
            Cost { sender: 16, receiver: corrections + extension::ANSWER, rounds: 3 }
        }
    }
}

/// Rows that `n` 1-of-2^m OTs take.
pub const fn one_of_n_rows(m: usize, n: usize) -> usize {
    m * n
}
