//! How much noise, how many trees, how many bytes.

use super::{BASE_K, Code, tree};
use crate::{
    Error, Result,
    field::{Gf128, subfield::GAMMA},
    ot::{
        Security,
        cost::{Cost, extend_random},
        one_of_n::combine,
    },
    params::COMPUTATIONAL_BITS,
};

/// The sizes of one extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Outputs, n.
    pub(crate) n: usize,
    /// Bits of a value, w.
    pub(crate) width: usize,
    /// Blocks of noise, t.
    pub(crate) trees: usize,
    /// d: a block has 2^d places.
    pub(crate) depth: usize,
    pub(crate) code: Code,
    /// Values of 64 bits are elements of the subfield.
    pub(crate) subfield: bool,
}

/// Fewer outputs than this are made as this many, and the rest is dropped: the
/// distance of very short codes is not what is assumed of long ones.
const MIN_OUTPUTS: usize = 1 << 12;

/// The most outputs of one extension.
pub(crate) const MAX_OUTPUTS: usize = 1 << 25;

impl Plan {
    /// By equation (3) of [`super`].
    pub(crate) fn new(code: Code, n: usize, width: usize) -> Result<Self> {
        if !(1..=128).contains(&width) {
            return Err(Error::Argument(format!("VOLE with values of {width} bits: 1 to 128")));
        }
        if n > MAX_OUTPUTS {
            return Err(Error::Argument(format!(
                "{n} outputs of VOLE at once: at most {MAX_OUTPUTS}"
            )));
        }
        let n = n.max(MIN_OUTPUTS);
        let trees = noise_weight(code, width);
        // The deepest trees that leave at least that many; one level more, and
        // about half the bytes, if it makes N at most an eighth longer.
        let mut depth = ((2 * n / trees).ilog2() as usize).clamp(1, tree::MAX_DEPTH - 1);
        if trees << (depth + 1) <= 2 * n + n / 4 {
            depth += 1;
        }
        let trees = (2 * n).div_ceil(1 << depth).max(trees);
        Ok(Self { n, width, trees, depth, code, subfield: false })
    }

    /// With values in the subfield of 2^64 elements; their check is not there.
    pub(crate) fn subfield(code: Code, n: usize, security: Security) -> Result<Self> {
        if security == Security::Malicious {
            return Err(Error::Argument("VOLE of a subfield is semi-honest".into()));
        }
        Ok(Self { subfield: true, ..Self::new(code, n, 64)? })
    }

    /// \\(\gamma_j\\) or \\(\delta_j\\) of its w rows.
    pub(crate) fn combine(&self, rows: &[u128]) -> u128 {
        if !self.subfield {
            return combine(rows);
        }
        rows.iter().rev().fold(Gf128::ZERO, |sum, &row| sum * GAMMA + Gf128(row)).0
    }

    /// N.
    pub(crate) const fn places(&self) -> usize {
        self.trees << self.depth
    }

    /// Rows of correlated OT: for the trees, for the values, for the check.
    pub(crate) const fn rows(&self, security: Security) -> [usize; 3] {
        let values = if self.width == 1 { 0 } else { self.trees * self.width };
        let check = match security {
            Security::SemiHonest => 0,
            Security::Malicious => 128,
        };
        [self.trees * self.depth, values, check]
    }

    /// Words in the dealer's message.
    pub(crate) const fn message(&self) -> usize {
        self.trees * tree::message_len(self.depth)
    }
}

/// The least t for which (3) is at most 2^-128.
fn noise_weight(code: Code, width: usize) -> usize {
    let hit = if width == 1 { 2.0 * code.distance() } else { code.distance() };
    (f64::from(COMPUTATIONAL_BITS) / -(1.0 - hit).log2()).ceil() as usize
}

/// Exact payload bytes and rounds of one extension to `n` outputs with values
/// of `width` bits (1: correlated OT).
pub fn cost(code: Code, n: usize, width: usize, security: Security) -> Result<Cost> {
    let plan = Plan::new(code, n, width)?;
    let rows = extend_random(BASE_K, security, plan.rows(security).iter().sum());
    let message = 16 * plan.message();
    Ok(match security {
        Security::SemiHonest => {
            Cost { sender: rows.sender + message, receiver: rows.receiver, rounds: 2 }
        }
        Security::Malicious => {
            Cost { sender: rows.sender + message + 32, receiver: rows.receiver + 32, rounds: 6 }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_suffices_and_the_places_are_enough() {
        for (code, bits, values) in [(Code::ExConv7x24, 249, 546), (Code::ExConv21x24, 174, 398)] {
            for n in [1, 5000, 100_000, 1 << 20, 1_363_148, 1 << 25] {
                for (width, weight) in [(1, bits), (4, values), (128, values)] {
                    let plan = Plan::new(code, n, width).unwrap();
                    assert!(plan.trees >= weight && plan.trees <= 2 * weight + 1, "{plan:?}");
                    assert!(plan.places() >= 2 * n && plan.n >= n, "{plan:?}");
                    let hit = if width == 1 { 2.0 } else { 1.0 } * code.distance();
                    assert!(plan.trees as f64 * (1.0 - hit).log2() <= -128.0);
                }
            }
        }
        assert!(Plan::new(Code::ExConv7x24, 1, 129).is_err());
        assert!(Plan::new(Code::ExConv7x24, 1 << 26, 1).is_err());
    }
}
