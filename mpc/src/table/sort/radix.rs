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
//! (1)  rho(i) = sum_d f_d(i) (T_0 + ... + T_(d-1) + F_d(i)) - 1,
//!
//! an inner product of four terms, in one message. For one bit it is a product.
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
        join_columns,
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

/// (1), for a digit of one or two bits, the lower one first.
pub(in crate::table) fn count<E: Engine>(e: &mut E, digit: &[E::Ring]) -> Result<E::Ring> {
    let n = digit[0].len();
    let ones = e.public(&vec![1; n]);
    let indicators = match digit {
        [b0, b1] => {
            let p = e.mul(b0, b1, 0)?;
            vec![ones.sub(b0).sub(b1).add(&p), b0.sub(&p), b1.sub(&p), p]
        }
        _ => vec![ones.sub(&digit[0]), digit[0].clone()],
    };
    let mut before = E::Ring::zeros(1);
    let mut places = Vec::with_capacity(indicators.len());
    for f in &indicators {
        places.push(f.prefix_sum().add(&before.tile(n)));
        before = before.add(&f.sum_columns(1));
    }
    // sum_d f_d p_d = p_0 + sum_(d > 0) f_d (p_d - p_0), as the f_d sum to one
    let d = indicators.len() - 1;
    let rows = |columns: &[E::Ring]| join_columns::<E>(columns).transpose(n);
    let deltas: Vec<E::Ring> = places[1..].iter().map(|p| p.sub(&places[0])).collect();
    let sum = e.dot(&rows(&indicators[1..]), &rows(&deltas), d, 0)?;
    Ok(sum.add(&places[0]).sub(&ones))
}
