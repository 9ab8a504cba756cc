//! A network of switches that realises every permutation.
//!
//! **Paper.** Waksman, "A Permutation Network", JACM 1968, with the extension to
//! any size of Beauquier and Darrot, "On Arbitrary Size Waksman Networks and
//! their Vulnerability", Parallel Processing Letters 2002.
//!
//! In place: a switch exchanges two positions or does not. Positions 2k and
//! 2k + 1 meet in an input switch, the even ones go through the network of
//! floor(n/2), the odd ones (and the last, if n is odd) through that of
//! ceil(n/2), and they meet again in an output switch; for even n the last
//! output switch is not needed.
//!
//! Setting the switches follows chains between both ends, in time n log n. It
//! depends on the permutation: it is the party's own, and only it can watch.

use super::store::Wiped;
use zeroize::Zeroizing;

/// A pair of positions.
pub(super) type Switch = (u32, u32);

/// How many switches a network of `n` has.
pub(super) fn switches(n: usize) -> usize {
    if n < 2 {
        return 0;
    }
    outputs(n) + n / 2 + switches(n / 2) + switches(n.div_ceil(2))
}

fn outputs(n: usize) -> usize {
    (n - 1) / 2
}

/// The switches of a network of `n`, in the order in which they act.
pub(super) fn layout(n: usize) -> Vec<Switch> {
    let mut out = Vec::with_capacity(switches(n));
    // Sizes are bounded by memory long before 2^32.
    let positions: Vec<u32> = (0..n as u32).collect();
    lay(&positions, &mut out);
    out
}

fn lay(at: &[u32], out: &mut Vec<Switch>) {
    let n = at.len();
    if n < 2 {
        return;
    }
    out.extend((0..n / 2).map(|k| (at[2 * k], at[2 * k + 1])));
    let (even, odd) = halves(at);
    lay(&even, out);
    lay(&odd, out);
    out.extend((0..outputs(n)).map(|k| (at[2 * k], at[2 * k + 1])));
}

fn halves(at: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let n = at.len();
    let even = (0..n / 2).map(|k| at[2 * k]).collect();
    let odd = (0..n.div_ceil(2)).map(|k| at[(2 * k + 1).min(n - 1)]).collect();
    (even, odd)
}

/// For each switch of [`layout`] whether it exchanges, so that what is at i
/// arrives at `to[i]`. All that tells of the permutation is wiped.
pub(super) fn settings(to: &[u32]) -> Wiped<bool> {
    let mut out = Zeroizing::new(Vec::with_capacity(switches(to.len())));
    set(to, &mut out);
    out
}

fn set(to: &[u32], out: &mut Vec<bool>) {
    let n = to.len();
    if n < 2 {
        return;
    }
    let mut from = Zeroizing::new(vec![0u32; n]);
    for (i, &t) in (0u32..).zip(to) {
        from[t as usize] = i;
    }
    // Whether an input or output belongs to the odd network.
    const OPEN: u8 = 2;
    let [mut input, mut output] = [(); 2].map(|()| Zeroizing::new(vec![OPEN; n]));
    // The last output is odd in any case; then one chain after the other.
    for start in (0..n).rev() {
        let mut o = start;
        while output[o] == OPEN {
            output[o] = 1;
            let i = from[o] as usize;
            input[i] = 1;
            if n % 2 == 1 && i == n - 1 {
                break;
            }
            input[i ^ 1] = 0;
            let across = to[i ^ 1] as usize;
            output[across] = 0;
            if n % 2 == 1 && across == n - 1 {
                break;
            }
            o = across ^ 1;
        }
    }
    out.extend((0..n / 2).map(|k| input[2 * k] == 1));
    let [mut even, mut odd] = [n / 2, n.div_ceil(2)].map(|half| Zeroizing::new(vec![0u32; half]));
    for (i, &t) in to.iter().enumerate() {
        if input[i] == 0 {
            even[i / 2] = t / 2;
        } else {
            odd[i / 2] = t / 2;
        }
    }
    set(&even, out);
    set(&odd, out);
    out.extend((0..outputs(n)).map(|k| output[2 * k] == 1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

    proptest! {
        #[test]
        fn every_permutation_is_realised(n in 0usize..200, seed: u64) {
            let mut to: Vec<u32> = (0..n as u32).collect();
            to.shuffle(&mut StdRng::seed_from_u64(seed));
            let (layout, settings) = (layout(n), settings(&to));
            prop_assert_eq!(layout.len(), switches(n));
            prop_assert_eq!(settings.len(), switches(n));
            let mut rows: Vec<u32> = (0..n as u32).collect();
            for (&(a, b), &exchange) in layout.iter().zip(settings.iter()) {
                if exchange {
                    rows.swap(a as usize, b as usize);
                }
            }
            for (i, &t) in to.iter().enumerate() {
                prop_assert_eq!(rows[t as usize] as usize, i);
            }
        }
    }
}
