//! The operations of the engine.

use super::{
    Bits, Permutation, Security, Shamir, Vector,
    element::{add_to, map, with_blocks},
};
use crate::engine::{Dims, Engine, Recipients, RingShares};
use privity_core::{
    Error, Result,
    bits::clear_padding,
    field::{Field, Fp127},
    share::shamir::{self, lagrange},
};
use rand::CryptoRng;

/// The largest threshold of n parties: that of shares which cross the engine's
/// border, where nobody knows its own.
pub(super) fn outer_threshold(n: usize) -> usize {
    n.saturating_sub(1) / 2
}

fn word(x: Fp127) -> u64 {
    x.to_signed() as u64
}

fn signed(x: u64) -> Fp127 {
    Fp127::from_signed(i128::from(x.cast_signed()))
}

fn points(n: usize) -> Vec<Fp127> {
    (0..n).map(Fp127::point).collect()
}

fn elements(words: &[u64]) -> Result<Vec<Fp127>> {
    let (pairs, rest) = words.as_chunks::<2>();
    let join = |&[low, high]: &[u64; 2]| u128::from(low) | u128::from(high) << 64;
    let all: Option<Vec<Fp127>> = pairs.iter().map(|p| Fp127::from_canonical(join(p))).collect();
    all.filter(|_| rest.is_empty()).ok_or_else(|| {
        Error::Argument("a dealt share is no element of the field: deal anew".into())
    })
}

fn to_words(x: &[Fp127]) -> Vec<u64> {
    x.iter().flat_map(|x| [x.value() as u64, (x.value() >> 64) as u64]).collect()
}

impl Shamir {
    /// Whether two parties can hold all of a number: see (11).
    fn two(&self) -> bool {
        self.t == 1 && self.security == Security::SemiHonest
    }

    fn bits(&self, len: usize, words: Vec<u64>) -> Bits {
        Bits { len, k: self.k, words }
    }

    fn cut(&mut self, x: &[Fp127], d: u32, wide: bool) -> Result<Vec<Fp127>> {
        self.can_multiply()?;
        let most = if wide { 124 } else { 62 };
        assert!((1..most).contains(&d), "truncation by {d} bits: 1 to {} are possible", most - 1);
        if self.two() && !wide {
            return self.truncate_two(x, d);
        }
        let op = self.operation();
        let delta: Vec<u128> = self.keys.common.vec(op, x.len());
        let x: Vec<Fp127> =
            x.iter().zip(delta).map(|(&x, delta)| x + Fp127::new(delta & ((1 << d) - 1))).collect();
        let offset = Fp127::new(1 << most);
        let (split, mut out) = self.split(&x, offset, d)?;
        let [into, around] = self.last_carries(&split, d)?;
        let [mut w, mut q] = split.out;
        w.push(into);
        q.push(around);
        let [mut planes, down] = self.count([w, q])?;
        let width = planes.len();
        planes.extend(down);
        let counts = self.inject(&planes.concat(), 2 * width, x.len())?;
        // (7)
        let units = [Fp127::ONE, -Fp127::new(1 << (127 - d))];
        for (i, plane) in counts.chunks(x.len().max(1)).enumerate() {
            let weight = units[i / width] * Fp127::new(1 << (i % width));
            add_to(&mut out, &map(plane, |bit| bit * weight));
        }
        let offset = Fp127::new(1 << (most - d));
        Ok(map(&out, |y| y - offset))
    }

    fn standard_points(&self) -> Result<()> {
        if self.numbers.iter().enumerate().all(|(i, &number)| i == number) {
            Ok(())
        } else {
            Err(Error::Argument(
                "after a party is lost, owners outside cannot send or receive shares: share anew \
                 with a full group first"
                    .into(),
            ))
        }
    }

    fn public_elements(&self, values: &[u64]) -> Vec<Fp127> {
        values.iter().map(|&x| signed(x)).collect()
    }
}

impl Engine for Shamir {
    type Ring = Vector<u64>;
    type Wide = Vector<u128>;
    type Bits = Bits;
    type Permutation = Permutation;

    const DEALT_WORDS: usize = 2;

    fn me(&self) -> usize {
        self.me
    }

    fn parties(&self) -> usize {
        self.n
    }

    fn scope<T>(&mut self, label: &str, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        // The mesh counts; it cannot lend itself to `work`, so enter and leave by hand.
        let outer = self.mesh.begin_scope(label);
        let result = work(self);
        self.mesh.end_scope(outer);
        result
    }

    fn input(&mut self, owner: usize, values: Option<&[u64]>, len: usize) -> Result<Self::Ring> {
        if owner >= self.n {
            return Err(Error::Argument(format!("party {owner} does not compute")));
        }
        let mine = values.filter(|_| owner == self.me).map(|v| self.public_elements(v));
        if owner == self.me && mine.as_ref().is_none_or(|v| v.len() != len) {
            return Err(Error::Argument(format!(
                "the owner of an input must give its {len} values"
            )));
        }
        let mut dealt = self.deal(owner..owner + 1, mine.as_deref(), len)?;
        Ok(Vector::of(dealt.pop().unwrap_or_default()))
    }

    fn deal(values: &[u64], parties: usize, rng: &mut impl CryptoRng) -> Vec<Vec<u64>> {
        let values: Vec<Fp127> = values.iter().map(|&x| signed(x)).collect();
        let uniform = || {
            let mut bytes = [0u8; 16];
            rng.fill_bytes(&mut bytes);
            Fp127::new(u128::from_le_bytes(bytes) >> 1)
        };
        let shares = shamir::share(&values, &points(parties), outer_threshold(parties), uniform);
        shares.iter().map(|s| to_words(s)).collect()
    }

    fn import(&mut self, dealt: &[u64]) -> Result<Self::Ring> {
        self.standard_points()?;
        let shares = elements(dealt)?;
        let outer = outer_threshold(self.n);
        if outer == self.t {
            return Ok(Vector::of(shares));
        }
        if self.security == Security::Malicious {
            return Err(Error::Argument(format!(
                "owners outside deal with threshold {outer}; in malicious mode engine shamir must \
                 have it too, got {}",
                self.t
            )));
        }
        let c = lagrange(&points(outer + 1), Fp127::ZERO);
        let mine = c.get(self.me).map(|&c| map(&shares, |x| x * c));
        let mut sum = vec![Fp127::ZERO; shares.len()];
        for part in self.deal(0..outer + 1, mine.as_deref(), shares.len())? {
            add_to(&mut sum, &part);
        }
        Ok(Vector::of(sum))
    }

    /// A product with one makes the shares fresh.
    fn export(&mut self, x: &Self::Ring) -> Result<Vec<u64>> {
        self.standard_points()?;
        let fresh = self.multiply(&x.shares, &vec![Fp127::ONE; x.len()], 1)?;
        self.verify()?;
        Ok(to_words(&fresh))
    }

    fn combine(exported: &[Vec<u64>]) -> Result<Vec<u64>> {
        let n = exported.len();
        let shares = exported.iter().map(|e| elements(e)).collect::<Result<Vec<_>>>()?;
        let same = shares.iter().all(|s| s.len() == shares[0].len());
        let refs: Vec<&[Fp127]> = shares.iter().map(|s| &s[..]).collect();
        let x = (n > 0 && same)
            .then(|| shamir::reconstruct(&refs, &points(n), outer_threshold(n)))
            .flatten();
        let x = x.ok_or_else(|| {
            Error::Argument(
                "the shares of the computing parties do not belong together: one of them \
                 deviated, or they are of different runs"
                    .into(),
            )
        })?;
        Ok(x.into_iter().map(word).collect())
    }

    fn public(&self, values: &[u64]) -> Self::Ring {
        Vector::of(self.public_elements(values))
    }

    fn open(&mut self, x: &Self::Ring, to: Recipients<'_>) -> Result<Option<Vec<u64>>> {
        self.verify()?;
        let opened = self.reveal(&x.shares, to)?;
        Ok(opened.map(|x| x.into_iter().map(word).collect()))
    }

    fn open_bits(&mut self, x: &Bits, to: Recipients<'_>) -> Result<Option<Vec<u64>>> {
        self.verify()?;
        // The last block may hold bits that are not to be opened.
        let mut x = x.clone();
        x.clear_padding();
        let opened: Option<Vec<u64>> = with_blocks!(self.k, Block => {
            let blocks: &[Block] = bytemuck::cast_slice(&x.words);
            self.reveal(blocks, to)?.map(|o| bytemuck::cast_slice(&o).to_vec())
        });
        let Some(opened) = opened else { return Ok(None) };
        let k = self.k;
        let stray = opened.chunks(k).flat_map(|b| &b[1..]).fold(0, |all, &w| all | w);
        let stray = stray != 0 && self.security == Security::Malicious;
        #[cfg(any(test, feature = "test-util"))]
        let stray = stray && !self.blind;
        if stray {
            return Err(self.inconsistent("what was opened as bits is none"));
        }
        let mut plane: Vec<u64> = opened.iter().step_by(k).copied().collect();
        clear_padding(&mut plane, x.len);
        Ok(Some(plane))
    }

    fn dot(
        &mut self,
        x: &Self::Ring,
        y: &Self::Ring,
        group: usize,
        trunc: u32,
    ) -> Result<Self::Ring> {
        let z = self.multiply(&x.shares, &y.shares, group)?;
        Ok(Vector::of(if trunc == 0 { z } else { self.cut(&z, trunc, false)? }))
    }

    fn matmul(
        &mut self,
        x: &Self::Ring,
        y: &Self::Ring,
        dims: Dims,
        trunc: u32,
    ) -> Result<Self::Ring> {
        let z = self.multiply_matrices(&x.shares, &y.shares, dims)?;
        Ok(Vector::of(if trunc == 0 { z } else { self.cut(&z, trunc, false)? }))
    }

    fn truncate(&mut self, x: &Self::Ring, bits: u32) -> Result<Self::Ring> {
        Ok(Vector::of(self.cut(&x.shares, bits, false)?))
    }

    fn and(&mut self, x: &Bits, y: &Bits) -> Result<Bits> {
        assert_eq!(x.len, y.len, "bit vectors of different lengths");
        let words = self.and_words(&x.words, &y.words)?;
        Ok(self.bits(x.len, words))
    }

    fn not(&self, x: &Bits) -> Bits {
        let mut out = x.clone();
        out.words.iter_mut().step_by(self.k).for_each(|w| *w = !*w);
        out
    }

    fn is_negative(&mut self, x: &Self::Ring) -> Result<Bits> {
        self.can_multiply()?;
        let split = if self.two() {
            self.split_two(&x.shares, 64)?
        } else {
            self.split(&x.shares, Fp127::new(1 << 64), 0)?.0
        };
        let words = self.sign_words(&split)?;
        Ok(self.bits(x.len(), words))
    }

    fn is_zero(&mut self, x: &Self::Ring) -> Result<Bits> {
        self.can_multiply()?;
        let split = if self.two() {
            self.split_two(&x.shares, 64)?
        } else {
            self.split(&x.shares, Fp127::ZERO, 0)?.0
        };
        let words = self.zero_words(&split)?;
        Ok(self.bits(x.len(), words))
    }

    fn to_bits(&mut self, x: &Self::Ring, width: usize) -> Result<Vec<Bits>> {
        self.can_multiply()?;
        assert!((1..=64).contains(&width), "1 to 64 bits");
        let split = if self.two() {
            self.split_two(&x.shares, width)?
        } else {
            self.split(&x.shares, Fp127::new(1 << 64), 0)?.0
        };
        let planes = self.low_words(&split, width)?;
        Ok(planes.into_iter().map(|words| self.bits(x.len(), words)).collect())
    }

    fn random_bits(&mut self, len: usize) -> Result<Bits> {
        self.random_words(len)
    }

    fn bit_to_ring(&mut self, b: &Bits) -> Result<Self::Ring> {
        self.can_multiply()?;
        Ok(Vector::of(self.inject(&b.words, 1, b.len)?))
    }

    fn widen(&mut self, x: &Self::Ring) -> Result<Self::Wide> {
        Ok(x.cast())
    }

    fn narrow(&self, x: &Self::Wide) -> Self::Ring {
        x.cast()
    }

    fn public_wide(&self, values: &[u128]) -> Self::Wide {
        Vector::of(values.iter().map(|&x| Fp127::from_signed(x.cast_signed())).collect())
    }

    fn open_wide(&mut self, x: &Self::Wide, to: Recipients<'_>) -> Result<Option<Vec<u128>>> {
        self.verify()?;
        let opened = self.reveal(&x.shares, to)?;
        Ok(opened.map(|x| x.into_iter().map(|x| x.to_signed().cast_unsigned()).collect()))
    }

    fn dot_wide(&mut self, x: &Self::Wide, y: &Self::Wide, group: usize) -> Result<Self::Wide> {
        Ok(Vector::of(self.multiply(&x.shares, &y.shares, group)?))
    }

    fn truncate_wide(&mut self, x: &Self::Wide, bits: u32) -> Result<Self::Wide> {
        Ok(Vector::of(self.cut(&x.shares, bits, true)?))
    }

    fn random_permutation(&mut self, n: usize) -> Result<Permutation> {
        self.draw_permutation(n)
    }

    fn shuffle(&mut self, p: &Permutation, columns: &[&Self::Ring]) -> Result<Vec<Self::Ring>> {
        self.permute(p, columns, false)
    }

    fn unshuffle(&mut self, p: &Permutation, columns: &[&Self::Ring]) -> Result<Vec<Self::Ring>> {
        self.permute(p, columns, true)
    }
}
