//! How many levels a proof has and how long its messages are: functions of the
//! log's size alone.

use super::super::log::Size;
use crate::engine::Dims;

/// Rows of the random 0/1 matrices that compress a matrix product.
pub(crate) const COMPRESSED: usize = 48;

/// Rows into which the first level of a proof about bits cuts each of its two
/// halves: many, as long as the message with their products is short beside the
/// ANDs themselves, because a field element is 64 times as long as a bit.
pub(crate) fn bit_rows(ands: usize) -> usize {
    match ands {
        0..=0xFFF => 8,
        0x1000..=0xFFFF => 16,
        0x1_0000..=0x3_FFFF => 32,
        _ => 64,
    }
}

/// Bytes of the message at that level.
pub(crate) fn bit_message(ands: usize) -> usize {
    8 * (2 * bit_rows(ands)).pow(2)
}

/// Words of ANDs up to which bits become field elements at once.
const FEW_ANDS: usize = 64;

/// The folding of a vector: at each level it is cut into so many rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Elements at the start.
    pub(crate) len: usize,
    /// Rows at each level; the last level adds a row of masks.
    pub(crate) rows: Vec<usize>,
}

impl Plan {
    fn of(len: usize) -> Self {
        let rows = match len {
            0 => &[][..],
            1..=0x10 => &[2],
            0x11..=0x1000 => &[8],
            0x1001..=0x8000 => &[16],
            0x8001..=0x4_0000 => &[8, 8],
            _ => &[4, 8, 16],
        };
        Self { len, rows: rows.to_vec() }
    }

    /// Elements after each level.
    pub(crate) fn widths(&self) -> Vec<usize> {
        let next = |len: &mut usize, rows: &usize| {
            *len = len.div_ceil(*rows);
            Some(*len)
        };
        self.rows.iter().scan(self.len, next).collect()
    }

    /// Elements of the last message, without claims.
    pub(crate) fn last_width(&self) -> usize {
        self.widths().last().copied().unwrap_or(0)
    }
}

/// Field elements of a proof about `ands` words of ANDs, and whether a level of
/// bits comes before.
pub(crate) fn bits(ands: usize) -> (bool, Plan) {
    if ands <= FEW_ANDS {
        return (false, Plan::of(128 * ands));
    }
    (true, Plan::of(64 * ands.div_ceil(bit_rows(ands))))
}

/// Rows of the level at which products are words.
pub(crate) const WORD_ROWS: usize = 4;

/// Bytes of the message at that level.
pub(crate) const WORD_MESSAGE: usize = 16 * WORD_ROWS * WORD_ROWS;

/// Terms up to which words become elements of Z_2^128 at once.
const FEW_TERMS: usize = 1 << 12;

/// The proof about words, matrices and shuffles over Z_2^128: whether a level of
/// words comes before, and the elements that words, and that matrices and
/// shuffles contribute to what follows.
pub(crate) fn words(size: &Size) -> (bool, Plan, Plan) {
    let matrices: usize = size.matrices.iter().map(|d| 2 * d.k).sum();
    // The third party of a pass has nothing to prove; zeros make all proofs
    // equally long.
    let passes: usize = size.rows.iter().sum();
    let others = matrices + passes;
    let level = size.words > FEW_TERMS;
    let words = if level { size.words.div_ceil(WORD_ROWS / 2) } else { 2 * size.words };
    let mut plan = Plan::of(words + others);
    if level && plan.rows.len() > 2 {
        // The level of words is one of three.
        plan.rows = vec![8, 16];
    }
    (level, plan, Plan { len: others, rows: vec![] })
}

/// Elements of Z_2^192.
pub(crate) fn wide(size: &Size) -> Plan {
    Plan::of(2 * size.wide)
}

/// The shape of a compressed product: a side that is short already stays.
pub(crate) fn compressed(dims: Dims) -> (usize, usize) {
    (dims.m.min(COMPRESSED), dims.n.min(COMPRESSED))
}

/// Elements that a prover shares for the compressed products.
pub(crate) fn compressed_elements(size: &Size) -> usize {
    size.matrices.iter().map(|&d| compressed(d)).map(|(m, n)| m * n).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bound on the statistical error counts at most two challenges before
    /// the first level and two per level.
    #[test]
    fn no_plan_has_more_than_three_levels() {
        for shift in 0..40 {
            assert!(Plan::of(1 << shift).rows.len() <= 3);
            assert!(Plan::of((1 << shift) + 1).rows.len() <= 3);
        }
        assert_eq!(Plan::of(0).rows.len(), 0);
        assert_eq!(Plan::of((1 << 22) + 5).widths(), [(1 << 20) + 2, (1 << 17) + 1, (1 << 13) + 1]);
    }
}
