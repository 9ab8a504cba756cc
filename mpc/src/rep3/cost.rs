//! What each operation of `rep3` sends.

use super::{
    compare::{DEALT, GROUPS},
    network,
    shuffle::{BACK, FORTH},
    truncate::{Cut, Divide, Widen},
};
use crate::{
    engine::{Dims, Recipients},
    shape::{CostModel, Traffic},
};
use privity_core::bits::words;

/// The cost model of [`Rep3`](super::Rep3), without its set-up (16 bytes from
/// each party, one round).
#[derive(Clone, Copy, Debug, Default)]
pub struct Rep3Cost;

impl Rep3Cost {
    /// Each party sends the same to its predecessor.
    fn send_previous(t: &mut Traffic, bytes: usize) {
        t.round(&[(0, 2, bytes), (1, 0, bytes), (2, 1, bytes)]);
    }

    fn opened(t: &mut Traffic, bytes: usize, to: Recipients<'_>) {
        let all = [(0, 1, bytes), (1, 2, bytes), (2, 0, bytes)];
        let some: Vec<_> = all.into_iter().filter(|m| to.contains(m.1)).collect();
        t.round(&some);
    }

    fn product(t: &mut Traffic, len: usize, trunc: u32) {
        if trunc == 0 {
            return Self::send_previous(t, 8 * len);
        }
        let cut = Divide::<u64>::by(trunc);
        let exchange = 8 * len;
        t.round(&[(1, 2, exchange), (2, 1, exchange), (0, 2, cut.dealt_bytes() * len)]);
        Self::combine(t, cut, len);
    }

    fn cut<C: Cut>(t: &mut Traffic, cut: C, len: usize) {
        t.round(&[(0, 2, cut.dealt_bytes() * len)]);
        Self::combine(t, cut, len);
    }

    /// Step 3 of the truncation. Without an exchange before it, party 1's
    /// message leaves at once.
    fn combine<C: Cut>(t: &mut Traffic, cut: C, len: usize) {
        t.round(&[(1, 2, cut.low_bytes() * len), (2, 1, size_of::<C::To>() * len)]);
    }

    fn deal_and_share(t: &mut Traffic, dealt: usize, shared: usize) {
        t.round(&[(0, 2, 8 * dealt)]);
        t.round(&[(1, 2, 8 * shared), (2, 1, 8 * shared)]);
    }

    fn permute(t: &mut Traffic, [a, b, c]: [usize; 3], elements: usize) {
        let bytes = 8 * elements;
        t.round(&[(a, c, bytes), (b, a, bytes)]);
        t.round(&[(c, a, bytes), (a, c, bytes)]);
    }
}

impl CostModel for Rep3Cost {
    fn parties(&self) -> usize {
        3
    }

    fn set_up(&mut self, t: &mut Traffic) {
        Self::send_previous(t, 16);
    }

    fn input(&mut self, t: &mut Traffic, owner: usize, len: usize) {
        t.round(&[(owner, (owner + 2) % 3, 8 * len)]);
    }

    fn import(&mut self, t: &mut Traffic, words: usize) {
        Self::send_previous(t, 8 * words);
    }

    fn export(&mut self, _: &mut Traffic, _: usize) {}

    fn open(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>) {
        Self::opened(t, 8 * len, to);
    }

    fn open_bits(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>) {
        Self::opened(t, 8 * words(len), to);
    }

    fn dot(&mut self, t: &mut Traffic, outputs: usize, _: usize, trunc: u32) {
        Self::product(t, outputs, trunc);
    }

    fn matmul(&mut self, t: &mut Traffic, dims: Dims, trunc: u32) {
        Self::product(t, dims.m * dims.n, trunc);
    }

    fn truncate(&mut self, t: &mut Traffic, len: usize, bits: u32) {
        Self::cut(t, Divide::<u64>::by(bits), len);
    }

    fn and(&mut self, t: &mut Traffic, len: usize) {
        Self::send_previous(t, 8 * words(len));
    }

    fn is_negative(&mut self, t: &mut Traffic, len: usize) {
        let stride = words(len);
        Self::deal_and_share(t, DEALT * stride, (2 * GROUPS + 1) * stride);
        let mut groups = GROUPS;
        while groups > 1 {
            Self::send_previous(t, 8 * stride * (2 * (groups / 2) - 1));
            groups = groups.div_ceil(2);
        }
    }

    fn is_zero(&mut self, t: &mut Traffic, len: usize) {
        let stride = words(len);
        Self::deal_and_share(t, DEALT * stride, (GROUPS + 1) * stride);
        let mut planes = GROUPS + 1;
        while planes > 1 {
            Self::send_previous(t, 8 * stride * (planes / 2));
            planes = planes.div_ceil(2);
        }
    }

    fn to_bits(&mut self, t: &mut Traffic, len: usize, width: usize) {
        let stride = words(len);
        Self::deal_and_share(t, width * stride, (2 * width - 1) * stride);
        for level in 0..network::levels(width) {
            let targets = network::targets(width, level);
            let with_p = targets.iter().filter(|x| network::needs_p(x.0, level)).count();
            Self::send_previous(t, 8 * stride * (targets.len() + with_p));
        }
    }

    fn bit_to_ring(&mut self, t: &mut Traffic, len: usize) {
        Self::deal_and_share(t, len, len);
    }

    fn random_bits(&mut self, _: &mut Traffic, _: usize) {}

    fn widen(&mut self, t: &mut Traffic, len: usize) {
        Self::cut(t, Widen, len);
    }

    fn open_wide(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>) {
        Self::opened(t, 16 * len, to);
    }

    fn dot_wide(&mut self, t: &mut Traffic, outputs: usize, _: usize) {
        Self::send_previous(t, 16 * outputs);
    }

    fn truncate_wide(&mut self, t: &mut Traffic, len: usize, bits: u32) {
        Self::cut(t, Divide::<u128>::by(bits), len);
    }

    fn random_permutation(&mut self, _: &mut Traffic, _: usize) {}

    fn shuffle(&mut self, t: &mut Traffic, rows: usize, columns: usize) {
        Self::permute(t, FORTH, rows * columns);
    }

    fn unshuffle(&mut self, t: &mut Traffic, rows: usize, columns: usize) {
        Self::permute(t, BACK, rows * columns);
    }
}
