//! Radix sort of hidden rows, two bits at a time.
//!
//! **Paper.** Asharov, Hamada, Ikarashi, Kikuchi, Nof, Pinkas, Takahashi,
//! Tomida, "Efficient Secure Three-Party Sorting with Applications to Data
//! Analysis and Heavy Hitters", CCS 2022, section 4: `GenBitPerm`, `ApplyPerm`,
//! `Compose`, `GenPerm`. Adversary and security are the engine's.
//!
//! **Functionality.** For keys of together w bits, the permutation sigma that
//! sorts them stably: row i goes to position sigma(i).
//!
//! **Counting** (`GenBitPerm`, for digits of two bits b1 b0, p = b0 b1): the
//! digit's indicators are f_3 = p, f_2 = b1 - p, f_1 = b0 - p,
//! f_0 = 1 - b0 - b1 + p; with prefix sums F_d(i) = f_d(0) + ... + f_d(i) and
//! totals T_d, row i goes to
//!
//! (1)  rho(i) = sum_d f_d(i) p_d(i) - 1,  p_d(i) = T_0 + ... + T_(d-1) + F_d(i),
//!
//! an inner product of three terms (as the f_d sum to one), in one message. For
//! one bit it is a product.
//!
//! **A pass**, given sigma for the lower bits: draw a hidden pi, shuffle sigma
//! and the digit's bits by it, and open
//!
//! (2)  s = sigma . pi^-1.
//!
//! Placing the bits by s gives them in the order of the lower bits; (1) gives
//! rho; and rho . sigma = (rho . s) . pi is rho's vector read at s, shuffled back.
//! The paper applies and composes with two permutations; that both can use one
//! pi saves a shuffle.
//!
//! **Leakage.** s in (2) is uniform and independent of sigma and of all other
//! passes, because pi is fresh, hidden and used once more only to shuffle back.
//!
//! **Cost** in `rep3`, bytes of all parties per row: bits of the keys, to_bits;
//! each pass 48 (bits to numbers) + 24 + 24, and all but the first 32 * 3 + 24 +
//! 32 on top: 248. Rounds: 2 in the first pass, 7 in others. Three bits per pass
//! would need as many bytes, and four bits more.

use super::{
    super::{
        order::{Order, Permutation, inverse, open_positions},
        split_columns,
    },
    Key, check_keys,
};
use crate::engine::{BitShares, Engine, RingShares};
use privity_core::Result;

/// The permutation that sorts by `keys`.
pub fn permutation<E: Engine>(e: &mut E, keys: &[Key<'_, E>]) -> Result<Permutation<E>> {
    let n = check_keys(keys)?;
    let mut planes = Vec::new();
    for key in keys.iter().rev() {
        let code = key.code(e);
        planes.extend(e.to_bits(&code, key.width as usize)?);
    }
    let bits = E::Bits::concat(&planes.iter().collect::<Vec<_>>());
    let bits = e.bit_to_ring(&bits)?;
    let bits = split_columns::<E>(&bits, n, planes.len());
    drop(planes);
    let mut sigma: Option<E::Ring> = None;
    for digit in bits.chunks(2) {
        sigma = Some(match sigma {
            None => count(e, digit)?,
            Some(sigma) if n > 1 => pass(e, &sigma, digit)?,
            Some(sigma) => sigma,
        });
    }
    Ok(Permutation::from_positions(sigma.unwrap_or_else(|| E::Ring::zeros(n))))
}

/// The order by `keys`, and `columns` in that order.
pub(super) fn order_with<E: Engine>(
    e: &mut E,
    keys: &[Key<'_, E>],
    columns: &[&E::Ring],
) -> Result<(Order<E>, Vec<E::Ring>)> {
    e.scope("table/radix sort", |e| permutation(e, keys)?.order_with(e, columns))
}

/// sigma, refined by a more significant digit.
fn pass<E: Engine>(e: &mut E, sigma: &E::Ring, digit: &[E::Ring]) -> Result<E::Ring> {
    let pi = e.random_permutation(sigma.len())?;
    let columns: Vec<&E::Ring> = std::iter::once(sigma).chain(digit).collect();
    let shuffled = e.shuffle(&pi, &columns)?;
    // (2)
    let s = open_positions(e, &shuffled[0])?;
    let from = inverse(&s)?;
    let placed: Vec<E::Ring> = shuffled[1..].iter().map(|b| b.gather(&from)).collect();
    let rho = count(e, &placed)?;
    let mut back = e.unshuffle(&pi, &[&rho.gather(&s)])?;
    Ok(back.swap_remove(0))
}

/// (1), for a digit of one or two bits, the lower one first. With the places p_d
/// of the indicators, sum_d f_d p_d is
///
/// p_0 + b0 (p_1 - p_0) + b1 (p_2 - p_0) + b0 b1 (p_3 - p_2 - p_1 + p_0).
pub(in crate::table) fn count<E: Engine>(e: &mut E, digit: &[E::Ring]) -> Result<E::Ring> {
    let n = digit[0].len();
    let row_numbers: Vec<u64> = (1..=n as u64).collect();
    let all = e.public(&row_numbers);
    // The last place for one digit comes before the first for the next.
    let last = |p: &E::Ring| p.slice(n.saturating_sub(1)..n).tile(n);
    let places = if let [b0, b1] = digit {
        let p = e.mul(b0, b1, 0)?;
        let (odd, upper, f3) = (b0.prefix_sum(), b1.prefix_sum(), p.prefix_sum());
        let (f1, f2) = (odd.sub(&f3), upper.sub(&f3));
        let p0 = all.sub(&f1).sub(&f2).sub(&f3);
        let p1 = last(&p0).add(&f1);
        let p2 = last(&p1).add(&f2);
        let p3 = last(&p2).add(&f3);
        let (d1, d2) = (p1.sub(&p0), p2.sub(&p0));
        let d3 = p3.sub(&p2).sub(&d1);
        let bits = E::Ring::concat(&[b0, b1, &p]).transpose(n);
        let deltas = E::Ring::concat(&[&d1, &d2, &d3]).transpose(n);
        e.dot(&bits, &deltas, 3, 0)?.add(&p0)
    } else {
        let f1 = digit[0].prefix_sum();
        let p0 = all.sub(&f1);
        let p1 = last(&p0).add(&f1);
        e.mul(&digit[0], &p1.sub(&p0), 0)?.add(&p0)
    };
    Ok(e.add_public(&places, &vec![1u64.wrapping_neg(); n]))
}
