//! Numbers that know how large they can be.
//!
//! A [`Bounded`] vector carries its scale and a public bound on its words. Every
//! operation computes the bound of its result *before* it runs: what could
//! outgrow 2^62 is computed in words of 128 bits, and what could outgrow 2^124
//! is refused with [`Error::Overflow`]. Nothing is ever wrong in silence. Bounds
//! and scales are public, so that the choice tells nothing and the cost engine
//! makes the same.
//!
//! | operation | narrow | wide | error |
//! |---|---|---|---|
//! | add, sub, scale, sum | local | local, after widening what is not yet wide | 0 |
//! | mul | a product | two widenings, a wide product, a wide truncation | 1 unit if scaled |
//! | dot | an inner product | partial sums that fit, widened; or all widened | 1 unit if scaled |
//! | rescale down | a truncation | a wide truncation | 1 unit |

use super::exact::{self, bits, fits};
use crate::engine::{Engine, MAX_BITS, Recipients, RingShares, WIDE_MAX_BITS};
use privity_core::{Error, Result};

/// A shared vector v with |v_i| <= bound as words, for the numbers
/// v_i / 2^frac.
pub struct Bounded<E: Engine> {
    words: Words<E>,
    frac: u32,
    bound: u128,
}

enum Words<E: Engine> {
    Narrow(E::Ring),
    Wide(E::Wide),
}

impl<E: Engine> Clone for Bounded<E> {
    fn clone(&self) -> Self {
        Self { words: self.words.clone(), ..*self }
    }
}

impl<E: Engine> Clone for Words<E> {
    fn clone(&self) -> Self {
        match self {
            Words::Narrow(x) => Words::Narrow(x.clone()),
            Words::Wide(x) => Words::Wide(x.clone()),
        }
    }
}

impl<E: Engine> std::fmt::Debug for Bounded<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bounded")
            .field("len", &self.len())
            .field("frac", &self.frac)
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}

impl<E: Engine> Bounded<E> {
    /// Words with `frac` fractional bits of which the caller knows that
    /// |word| <= `bound`.
    pub fn new(words: E::Ring, frac: u32, bound: u64) -> Result<Self> {
        fits("a word", bound.into(), MAX_BITS)?;
        Ok(Self { words: Words::Narrow(words), frac, bound: bound.into() })
    }

    /// [`Bounded::new`] for wide words.
    pub fn new_wide(words: E::Wide, frac: u32, bound: u128) -> Result<Self> {
        fits("a wide word", bound, WIDE_MAX_BITS)?;
        Ok(Self { words: Words::Wide(words), frac, bound })
    }

    /// Shares numbers of party `owner`, who alone passes them, after checking
    /// that |x| <= `largest`.
    pub fn input(
        e: &mut E,
        owner: usize,
        values: Option<&[f64]>,
        len: usize,
        frac: u32,
        largest: f64,
    ) -> Result<Self> {
        let bound = word_bound(frac, largest)?;
        let encode = |values: &[f64]| -> Result<Vec<u64>> {
            values
                .iter()
                .enumerate()
                .map(|(index, x)| {
                    let word = (x * f64::from(frac).exp2()).round();
                    if word.abs() <= bound as f64 {
                        return Ok(word as i64 as u64);
                    }
                    let reason =
                        if x.is_nan() { "not a number" } else { "beyond its stated bound" };
                    Err(Error::Range {
                        index,
                        reason,
                        frac_bits: frac,
                        int_bits: bits(bound.into()).saturating_sub(frac),
                    })
                })
                .collect()
        };
        let words = values.map(encode).transpose()?;
        let words = e.input(owner, words.as_deref(), len)?;
        Self::new(words, frac, bound)
    }

    /// A public vector.
    pub fn public(e: &E, words: &[i64], frac: u32) -> Result<Self> {
        let bound = words.iter().map(|w| w.unsigned_abs()).max().unwrap_or(0);
        let words: Vec<u64> = words.iter().map(|&w| w as u64).collect();
        Self::new(e.public(&words), frac, bound)
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.words {
            Words::Narrow(x) => x.len(),
            Words::Wide(x) => x.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fractional bits.
    pub fn frac(&self) -> u32 {
        self.frac
    }

    /// A bound on the words.
    pub fn bound(&self) -> u128 {
        self.bound
    }

    /// Whether the words have 128 bits.
    pub fn is_wide(&self) -> bool {
        matches!(self.words, Words::Wide(_))
    }

    /// As words of 64 bits, for algorithms that work on these; refused if the
    /// bound says that they might not fit.
    pub fn narrow(&self, e: &E) -> Result<E::Ring> {
        fits("a result of 64 bits", self.bound, MAX_BITS)?;
        Ok(match &self.words {
            Words::Narrow(x) => x.clone(),
            Words::Wide(x) => e.narrow(x),
        })
    }

    /// As words of 128 bits.
    pub fn wide(&self, e: &mut E) -> Result<E::Wide> {
        match &self.words {
            Words::Narrow(x) => e.widen(x),
            Words::Wide(x) => Ok(x.clone()),
        }
    }

    /// Opens and decodes.
    pub fn open(&self, e: &mut E, to: Recipients<'_>) -> Result<Option<Vec<f64>>> {
        let unit = (-f64::from(self.frac)).exp2();
        Ok(match &self.words {
            Words::Narrow(x) => e
                .open(x, to)?
                .map(|words| words.into_iter().map(|w| w as i64 as f64 * unit).collect()),
            Words::Wide(x) => e
                .open_wide(x, to)?
                .map(|words| words.into_iter().map(|w| w as i128 as f64 * unit).collect()),
        })
    }

    /// The elements at `indices`, in that order.
    pub fn gather(&self, indices: &[usize]) -> Self {
        let words = match &self.words {
            Words::Narrow(x) => Words::Narrow(x.gather(indices)),
            Words::Wide(x) => Words::Wide(x.gather(indices)),
        };
        Self { words, ..*self }
    }

    /// x + y; the coarser of the two is brought to the other's scale.
    pub fn add(&self, e: &mut E, other: &Self) -> Result<Self> {
        let frac = self.frac.max(other.frac);
        let (x, y) = (self.refine(e, frac)?, other.refine(e, frac)?);
        let bound = sum("a sum", x.bound, y.bound)?;
        let words = match (&x.words, &y.words) {
            (Words::Narrow(x), Words::Narrow(y)) if bits(bound) <= MAX_BITS => {
                Words::Narrow(x.add(y))
            }
            _ => Words::Wide(x.wide(e)?.add(&y.wide(e)?)),
        };
        Ok(Self { words, frac, bound })
    }

    /// x - y; see [`Bounded::add`].
    pub fn sub(&self, e: &mut E, other: &Self) -> Result<Self> {
        self.add(e, &other.neg())
    }

    /// -x
    pub fn neg(&self) -> Self {
        let words = match &self.words {
            Words::Narrow(x) => Words::Narrow(x.neg()),
            Words::Wide(x) => Words::Wide(x.neg()),
        };
        Self { words, ..*self }
    }

    /// k x for a public integer.
    pub fn scale(&self, e: &mut E, k: i64) -> Result<Self> {
        let bound = product("a public multiple", self.bound, k.unsigned_abs().into())?;
        let words = match &self.words {
            Words::Narrow(x) if bits(bound) <= MAX_BITS => Words::Narrow(x.scale(k as u64)),
            _ => Words::Wide(self.wide(e)?.scale(i128::from(k) as u128)),
        };
        Ok(Self { words, bound, ..*self })
    }

    /// x y element by element, with `frac` fractional bits.
    pub fn mul(&self, e: &mut E, other: &Self, frac: u32) -> Result<Self> {
        self.dot(e, other, 1, frac)
    }

    /// The inner products of groups of `group` elements, with `frac` fractional
    /// bits.
    pub fn dot(&self, e: &mut E, other: &Self, group: usize, frac: u32) -> Result<Self> {
        let term = product("a product", self.bound, other.bound)?;
        let bound = product("a sum of products", term, group as u128)?;
        let exact = self.frac + other.frac;
        let narrow = (&self.words, &other.words);
        if let ((Words::Narrow(x), Words::Narrow(y)), true) = (narrow, bits(bound) <= MAX_BITS) {
            let cut = exact.saturating_sub(frac);
            if cut < MAX_BITS {
                let words = Words::Narrow(e.dot(x, y, group, cut)?);
                let bound = (bound >> cut) + u128::from(cut > 0);
                let scaled = Self { words, frac: exact - cut, bound };
                return scaled.refine(e, frac);
            }
        }
        let wide = match narrow {
            (Words::Narrow(x), Words::Narrow(y)) => dot_in_parts(e, x, y, group, term)?,
            _ => {
                let (x, y) = (self.wide(e)?, other.wide(e)?);
                e.dot_wide(&x, &y, group)?
            }
        };
        Self { words: Words::Wide(wide), frac: exact, bound }.rescale(e, frac)
    }

    /// x^exponent for a public exponent of at least 1, with `frac` fractional
    /// bits; of integers exactly. Square and multiply: each product adds a unit
    /// of 2^-frac to the error, which later products multiply, so that in all it
    /// is below 2 exponent max(1, |x|^(exponent - 1)) units.
    pub fn pow(&self, e: &mut E, exponent: u32, frac: u32) -> Result<Self> {
        if exponent == 0 {
            return Err(Error::Argument("a public power must be at least 1".into()));
        }
        let mut result = self.rescale(e, frac)?;
        let base = result.clone();
        for j in (0..u32::BITS - 1 - exponent.leading_zeros()).rev() {
            result = result.mul(e, &result, frac)?;
            if exponent >> j & 1 == 1 {
                result = result.mul(e, &base, frac)?;
            }
        }
        Ok(result)
    }

    /// floor(x / d) for a public d, exactly.
    pub fn divide_floor(&self, e: &mut E, d: u64) -> Result<Self> {
        let bound = self.bound / u128::from(d.max(1)) + 1;
        let words = match &self.words {
            Words::Narrow(x) => Words::Narrow(exact::divide_floor(e, x, d, self.bound as u64)?),
            Words::Wide(x) => Words::Wide(exact::divide_floor_wide(e, x, d, self.bound)?),
        };
        Ok(Self { words, frac: self.frac, bound }.shrink(e))
    }

    /// The sum of all elements, as a vector of one.
    pub fn sum(&self, e: &mut E) -> Result<Self> {
        let bound = product("a sum", self.bound, self.len() as u128)?;
        let words = match &self.words {
            Words::Narrow(x) if bits(bound) <= MAX_BITS => Words::Narrow(x.sum_columns(1)),
            Words::Narrow(x) => Words::Wide(sum_in_parts(e, x, x.len().max(1), self.bound)?),
            Words::Wide(x) => Words::Wide(x.sum_columns(1)),
        };
        Ok(Self { words, bound, ..*self })
    }

    /// The same numbers with `frac` fractional bits: exact if that is more,
    /// else within a unit. Becomes narrow if it can.
    pub fn rescale(&self, e: &mut E, frac: u32) -> Result<Self> {
        let cut = self.frac.saturating_sub(frac);
        if cut == 0 {
            return Ok(self.refine(e, frac)?.shrink(e));
        }
        let bound = self.bound.checked_shr(cut).unwrap_or(0) + 1;
        let words = match &self.words {
            Words::Narrow(x) if cut < MAX_BITS => Words::Narrow(e.truncate(x, cut)?),
            _ if cut < WIDE_MAX_BITS => {
                let x = self.wide(e)?;
                Words::Wide(e.truncate_wide(&x, cut)?)
            }
            _ => return Err(Error::Argument(format!("{cut} bits are more than can be cut off"))),
        };
        Ok(Self { words, frac, bound }.shrink(e))
    }

    /// More fractional bits, exactly.
    fn refine(&self, e: &mut E, frac: u32) -> Result<Self> {
        let shift = frac.saturating_sub(self.frac);
        if shift == 0 {
            return Ok(self.clone());
        }
        let factor = 1u128.checked_shl(shift).unwrap_or(u128::MAX);
        let bound = product("a finer scale", self.bound, factor)?;
        let words = match &self.words {
            Words::Narrow(x) if bits(bound) <= MAX_BITS && shift < MAX_BITS => {
                Words::Narrow(x.scale(1 << shift))
            }
            _ => Words::Wide(self.wide(e)?.scale(factor)),
        };
        Ok(Self { words, frac, bound })
    }

    fn shrink(self, e: &E) -> Self {
        match &self.words {
            Words::Wide(x) if bits(self.bound) <= MAX_BITS => {
                Self { words: Words::Narrow(e.narrow(x)), ..self }
            }
            _ => self,
        }
    }
}

/// The word bound of numbers |x| <= `largest` with `frac` fractional bits.
pub fn word_bound(frac: u32, largest: f64) -> Result<u64> {
    let bound = (largest * f64::from(frac).exp2()).ceil();
    if bound >= 0.0 && bound < f64::from(MAX_BITS).exp2() {
        return Ok(bound as u64);
    }
    Err(Error::Argument(format!(
        "numbers up to {largest:e} with {frac} fractional bits need words of 2^{MAX_BITS} or more"
    )))
}

/// Inner products whose sums may need 128 bits, of factors with
/// |x_i y_i| <= `term`. Where at least two products fit into 64 bits together,
/// partial sums are made of as many as do and only these are widened.
pub fn dot_in_parts<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    y: &E::Ring,
    group: usize,
    term: u128,
) -> Result<E::Wide> {
    fits("a sum of products", product("a sum of products", term, group as u128)?, WIDE_MAX_BITS)?;
    let most = most_terms(term);
    if most == 0 {
        let (x, y) = (e.widen(x)?, e.widen(y)?);
        return e.dot_wide(&x, &y, group);
    }
    let part = part_size(group, most);
    if group.is_multiple_of(part) {
        let partial = e.dot(x, y, part, 0)?;
        let wide = e.widen(&partial)?;
        return Ok(if part == group { wide } else { wide.sum_rows(group / part) });
    }
    // Whole parts of every group, then what is left of every group.
    let (groups, whole) = (x.len() / group, group / part * part);
    let split = |v: &E::Ring| {
        if groups == 1 {
            return (v.slice(0..whole), v.slice(whole..group));
        }
        let pick = |from: usize, to: usize| -> Vec<usize> {
            (0..groups).flat_map(|g| g * group + from..g * group + to).collect()
        };
        (v.gather(&pick(0, whole)), v.gather(&pick(whole, group)))
    };
    let ((x, x_rest), (y, y_rest)) = (split(x), split(y));
    let partial = e.dot(&x, &y, part, 0)?;
    let rest = e.dot(&x_rest, &y_rest, group - whole, 0)?;
    let wide = e.widen(&E::Ring::concat(&[&partial, &rest]))?;
    let parts = groups * (whole / part);
    Ok(wide.slice(0..parts).sum_rows(whole / part).add(&wide.slice(parts..parts + groups)))
}

/// The sums of groups of words |x_i| <= `bound` that may need 128 bits: local
/// sums of as many as fit, then widened.
pub fn sum_in_parts<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    group: usize,
    bound: u128,
) -> Result<E::Wide> {
    fits("a sum", product("a sum", bound, group as u128)?, WIDE_MAX_BITS)?;
    let part = part_size(group, most_terms(bound).max(1));
    if group.is_multiple_of(part) {
        let wide = e.widen(&x.sum_rows(part))?;
        return Ok(if part == group { wide } else { wide.sum_rows(group / part) });
    }
    let (groups, whole) = (x.len() / group, group / part * part);
    let mut sums = vec![];
    for g in 0..groups {
        sums.push(x.slice(g * group..g * group + whole).sum_rows(part));
        sums.push(x.slice(g * group + whole..(g + 1) * group).sum_columns(1));
    }
    let wide = e.widen(&E::Ring::concat(&sums.iter().collect::<Vec<_>>()))?;
    Ok(wide.sum_rows(whole / part + 1))
}

/// How many terms of at most `term` surely fit into a word together.
fn most_terms(term: u128) -> usize {
    let top = (1u128 << MAX_BITS) - 1;
    top.checked_div(term).map_or(usize::MAX, |most| most as usize)
}

/// At most `most`; a divisor of `n` if there is one not much smaller, so that
/// nothing is left over.
fn part_size(n: usize, most: usize) -> usize {
    if n <= most {
        return n.max(1);
    }
    let least = (most / 2).max(most.saturating_sub(10_000));
    (least..=most).rev().find(|p| n.is_multiple_of(*p)).unwrap_or(most)
}

/// The bound of a product, below 2^124.
pub(crate) fn product(operation: &'static str, a: u128, b: u128) -> Result<u128> {
    let bound = a.saturating_mul(b);
    fits(operation, bound, WIDE_MAX_BITS)?;
    Ok(bound)
}

/// The bound of a sum, below 2^124.
pub(crate) fn sum(operation: &'static str, a: u128, b: u128) -> Result<u128> {
    let bound = a.saturating_add(b);
    fits(operation, bound, WIDE_MAX_BITS)?;
    Ok(bound)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        laws::numbers,
        plain::{self, Plain},
    };
    use proptest::prelude::*;

    type B = Bounded<Plain>;

    fn exact(x: &B) -> Vec<i128> {
        match &x.words {
            Words::Narrow(x) => x.0.iter().map(|&w| (w as i64).into()).collect(),
            Words::Wide(x) => x.0.iter().map(|&w| w as i128).collect(),
        }
    }

    fn some(seed: u64, len: usize, bits: u32, frac: u32) -> (B, Vec<i128>) {
        let words = numbers(seed, len, bits);
        let values = words.iter().map(|&w| (w as i64).into()).collect();
        (B::new(plain::Words(words), frac, (1 << bits) - 1).unwrap(), values)
    }

    fn bounded(x: &B) {
        assert!(exact(x).iter().all(|v| v.unsigned_abs() <= x.bound), "beyond its bound");
        assert!(x.is_wide() || bits(x.bound) <= MAX_BITS);
    }

    proptest! {
        /// Whatever the bounds: right, or refused.
        #[test]
        fn right_or_refused(
            seed: u64, a in 1u32..62, b in 1u32..62, fa in 0u32..40, fb in 0u32..40, out in 0u32..60,
            group in 1usize..9,
        ) {
            let e = &mut Plain::new(seed);
            let ((x, xs), (y, ys)) = (some(seed, 4 * group, a, fa), some(!seed, 4 * group, b, fb));
            let frac = fa.max(fb);
            if let Ok(z) = x.add(e, &y) {
                bounded(&z);
                let want: Vec<i128> = xs.iter().zip(&ys)
                    .map(|(x, y)| (x << (frac - fa)) + (y << (frac - fb))).collect();
                prop_assert_eq!(exact(&z), want);
            }
            let z = x.sub(e, &x).unwrap();
            prop_assert_eq!(exact(&z), vec![0; 4 * group]);
            let z = x.scale(e, -(1 << 60)).unwrap();
            bounded(&z);
            prop_assert_eq!(exact(&z), xs.iter().map(|x| -(x << 60)).collect::<Vec<_>>());
            if let Ok(z) = x.pow(e, 3, fa) {
                bounded(&z);
                if fa == 0 {
                    prop_assert_eq!(exact(&z), xs.iter().map(|x| x.pow(3)).collect::<Vec<_>>());
                }
                for (z, x) in exact(&z).iter().zip(&xs) {
                    let x = *x as f64 / f64::from(fa).exp2();
                    let error = (*z as f64 - x.powi(3) * f64::from(fa).exp2()).abs();
                    let bound = 6.0 * x.powi(2).max(1.0) + x.abs().powi(3) * f64::from(fa).exp2() * 1e-14;
                    prop_assert!(error <= bound);
                }
            }
            let d = (seed >> (5 + seed % 58)).max(1);
            for z in [&x, &y.mul(e, &y, 2 * fb).unwrap()] {
                let q = z.divide_floor(e, d).unwrap();
                bounded(&q);
                let want: Vec<i128> = exact(z).iter().map(|z| z.div_euclid(d.into())).collect();
                prop_assert_eq!(exact(&q), want);
            }
            let z = x.sum(e).unwrap();
            bounded(&z);
            prop_assert_eq!(exact(&z), vec![xs.iter().sum::<i128>()]);
            match x.dot(e, &y, group, out) {
                Ok(z) => {
                    bounded(&z);
                    prop_assert_eq!(z.frac(), out);
                    for (z, (x, y)) in exact(&z).iter().zip(xs.chunks(group).zip(ys.chunks(group))) {
                        let dot: i128 = x.iter().zip(y).map(|(x, y)| x * y).sum();
                        if out >= fa + fb {
                            prop_assert_eq!(*z, dot << (out - fa - fb));
                        } else {
                            let floor = dot >> (fa + fb - out);
                            prop_assert!(*z == floor || *z == floor + 1);
                        }
                    }
                }
                Err(Error::Overflow { bits, limit, .. }) => prop_assert!(bits > limit && limit == 124),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }

    #[test]
    fn sums_in_parts_leave_nothing_out() {
        let e = &mut Plain::new(1);
        for n in [1usize, 2, 97, 1000, 4099] {
            for width in [20, 28, 30, 31, 40, 54] {
                let (x, xs) = some(n as u64, n, width, 0);
                let z = x.dot(e, &x, n, 0).unwrap();
                assert_eq!(exact(&z), [xs.iter().map(|x| x * x).sum::<i128>()]);
                let (x, xs) = some(n as u64, 3 * n, width, 0);
                let z = x.dot(e, &x, n, 0).unwrap();
                let want: Vec<i128> = xs.chunks(n).map(|x| x.iter().map(|x| x * x).sum()).collect();
                assert_eq!(exact(&z), want);
            }
        }
    }

    #[test]
    fn refusals_come_first() {
        let e = &mut Plain::new(1);
        assert!(B::input(e, 0, Some(&[0.5, -100.0]), 2, 20, 100.0).is_ok());
        for bad in [101.0, -1e300, f64::NAN, f64::INFINITY] {
            let refused = B::input(e, 0, Some(&[0.5, bad]), 2, 20, 100.0);
            assert!(matches!(refused, Err(Error::Range { index: 1, .. })), "{bad}");
        }
        assert!(B::input(e, 0, Some(&[0.0]), 1, 20, 1e14).is_err());
        assert!(B::input(e, 0, Some(&[0.0]), 1, 20, f64::NAN).is_err());
        assert!(B::new(plain::Words(vec![]), 0, 1 << 62).is_err());
        let (x, _) = some(1, 10, 61, 20);
        let square = x.mul(e, &x, 40).unwrap();
        assert!(square.is_wide() && square.narrow(e).is_err());
        assert!(matches!(square.mul(e, &x, 40), Err(Error::Overflow { .. })));
        assert!(!format!("{x:?}").contains("words"));
    }
}
