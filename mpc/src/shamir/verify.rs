//! Products over the field of 2^127 - 1 and their verification, with that of
//! ANDs. See the parent module for the protocol and its error.

use super::{
    Security, Shamir,
    element::{Element, combine, inner, produce, with_blocks},
};
use crate::engine::Dims;
use bytemuck::{cast_slice, cast_slice_mut};
use privity_core::{
    Result, Secret, arch,
    field::{Field, Fp127, Gf64, gf64},
    prg::Prg,
    share::shamir::lagrange,
};
use rayon::prelude::*;
use zeroize::Zeroize;

/// A log of this many products is verified before it grows.
pub(super) const FULL: usize = 1 << 22;
/// Inner products up to this length end the folding.
pub(super) const LAST: usize = 8;

/// Into how many parts a vector is folded at once: few while folding is costly,
/// many when rounds are.
pub(super) fn parts(len: usize) -> usize {
    if len > 4096 { 2 } else { 8 }
}

/// Products that were computed and not verified yet.
#[derive(Default)]
pub(super) struct Log {
    dots: Vec<Dots>,
    matrices: Vec<Matrices>,
    bits: [Vec<u64>; 3],
    /// Length of the inner product over the large field.
    pub(super) length: usize,
}

/// Two factors, their product and its shape.
type Matrices = (Vec<Fp127>, Vec<Fp127>, Vec<Fp127>, Dims);

struct Dots {
    x: Vec<Fp127>,
    y: Vec<Fp127>,
    z: Vec<Fp127>,
    group: usize,
}

impl Log {
    pub(super) fn has_bits(&self) -> bool {
        !self.bits[0].is_empty()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        for d in &mut self.dots {
            d.x.zeroize();
            d.y.zeroize();
            d.z.zeroize();
        }
        for (x, y, z, _) in &mut self.matrices {
            x.zeroize();
            y.zeroize();
            z.zeroize();
        }
        self.bits.zeroize();
    }
}

impl Shamir {
    /// Inner products of groups.
    pub(super) fn multiply(
        &mut self,
        x: &[Fp127],
        y: &[Fp127],
        group: usize,
    ) -> Result<Vec<Fp127>> {
        assert!(
            x.len() == y.len() && group > 0 && x.len().is_multiple_of(group),
            "groups must divide equal lengths"
        );
        let z: Vec<Fp127> = produce(x.len() / group, |start, out| {
            for (i, o) in out.iter_mut().enumerate() {
                let range = (start + i) * group..(start + i + 1) * group;
                *o = Fp127::dot(&x[range.clone()], &y[range]);
            }
        });
        let z = self.reduce(&z)?;
        if self.security == Security::Malicious {
            self.log_dots(x, y, &z, group)?;
        }
        Ok(z)
    }

    /// Claims that x_i y_i = z_i, for the next verification.
    pub(super) fn log_products(&mut self, x: &[Fp127], y: &[Fp127], z: &[Fp127]) -> Result<()> {
        self.log_dots(x, y, z, 1)
    }

    fn log_dots(&mut self, x: &[Fp127], y: &[Fp127], z: &[Fp127], group: usize) -> Result<()> {
        let (x, y, z) = (x.to_vec(), y.to_vec(), z.to_vec());
        self.log.length += x.len();
        self.log.dots.push(Dots { x, y, z, group });
        self.verify_if_full()
    }

    pub(super) fn multiply_matrices(
        &mut self,
        x: &[Fp127],
        y: &[Fp127],
        dims: Dims,
    ) -> Result<Vec<Fp127>> {
        let Dims { m, k, n } = dims;
        assert!(x.len() == m * k && y.len() == k * n, "matrix shapes");
        if k == 0 {
            // No terms: public zeros, and nothing to verify.
            return Ok(vec![Fp127::ZERO; m * n]);
        }
        let columns: Vec<Fp127> = (0..n).flat_map(|j| (0..k).map(move |p| y[p * n + j])).collect();
        let z: Vec<Fp127> = (0..m)
            .into_par_iter()
            .flat_map_iter(|i| {
                let (x, columns) = (&x[i * k..(i + 1) * k], &columns);
                (0..n).map(move |j| Fp127::dot(x, &columns[j * k..(j + 1) * k]))
            })
            .collect();
        let z = self.reduce(&z)?;
        if self.security == Security::Malicious {
            self.log.length += k;
            self.log.matrices.push((x.to_vec(), y.to_vec(), z.clone(), dims));
            self.verify_if_full()?;
        }
        Ok(z)
    }

    pub(super) fn log_bits(&mut self, x: &[u64], y: &[u64], z: &[u64]) -> Result<()> {
        if self.security == Security::Malicious {
            for (log, words) in self.log.bits.iter_mut().zip([x, y, z]) {
                log.extend_from_slice(words);
            }
            self.verify_if_full()?;
        }
        Ok(())
    }

    fn verify_if_full(&mut self) -> Result<()> {
        if self.log.length >= FULL || self.log.bits[0].len() / self.k * 64 >= FULL {
            self.verify()?;
        }
        Ok(())
    }

    /// Verifies all that is logged. Nothing in malicious mode leaves before.
    pub(super) fn verify(&mut self) -> Result<()> {
        let log = std::mem::take(&mut self.log);
        if log.length > 0 {
            let (x, y, z) = self.gather_products(&log)?;
            self.verify_inner(x, y, z)?;
        }
        if !log.bits[0].is_empty() {
            let (x, y, z) = self.gather_ands(&log.bits)?;
            self.verify_inner(x, y, z)?;
        }
        Ok(())
    }

    /// A public coin: a random sharing, opened.
    ///
    /// t corrupt parties and one honest share know it. So no party gives its
    /// share away before all have everything that the coin is to bind: each says
    /// so to all others first. Otherwise a corrupt party could hold a message
    /// back from one honest party, learn the coin from another, and choose the
    /// message by it.
    pub(super) fn coin<V: Element>(&mut self) -> Result<V> {
        let others: Vec<usize> = (0..self.n).filter(|&p| p != self.me).collect();
        #[cfg(any(test, feature = "test-util"))]
        let others = if self.careless { vec![] } else { others };
        for &p in &others {
            self.mesh.send(p, &[0])?;
        }
        for &p in &others {
            self.mesh.recv(p, &mut [0])?;
        }
        let r = self.random::<V>(1)?;
        let r = self.reveal_all(&r)?;
        Ok(r.first().copied().unwrap_or_default())
    }

    /// A generator of coefficients from a coin.
    fn coefficients(&mut self) -> Result<Prg> {
        let coin: Fp127 = self.coin()?;
        Ok(Prg::new(&Secret::new(coin.value().to_le_bytes())))
    }

    /// (3): all products, weighted by coins, as one inner product.
    fn gather_products(&mut self, log: &Log) -> Result<(Vec<Fp127>, Vec<Fp127>, Fp127)> {
        let prg = self.coefficients()?;
        let mut domain = 0;
        let mut draw = |len: usize| {
            domain += 1;
            produce(len, |start, out| Fp127::fill(&prg, domain, start, out))
        };
        let (mut x, mut y, mut z) =
            (Vec::with_capacity(log.length), Vec::with_capacity(log.length), Fp127::ZERO);
        for d in &log.dots {
            let chi = draw(d.z.len());
            x.extend(d.x.iter().enumerate().map(|(i, &x)| x * chi[i / d.group]));
            y.extend_from_slice(&d.y);
            z = z + Fp127::dot(&chi, &d.z);
        }
        for (a, b, c, Dims { m, k, n }) in &log.matrices {
            // Freivalds: u (A B) v = (u A)(B v).
            let (u, v) = (draw(*m), draw(*n));
            let rows: Vec<&[Fp127]> = a.chunks(*k).collect();
            x.extend(if *m == 0 { vec![Fp127::ZERO; *k] } else { combine(&u, &rows) });
            y.extend((0..*k).map(|p| Fp127::dot(&b[p * n..(p + 1) * n], &v)));
            let products = c.chunks((*n).max(1)).zip(&u);
            z = products.fold(z, |z, (row, &u)| z + u * Fp127::dot(row, &v));
        }
        Ok((x, y, z))
    }

    /// (4): the same for ANDs, in the extension of 2^64 elements.
    fn gather_ands(&mut self, bits: &[Vec<u64>; 3]) -> Result<(Vec<Gf64>, Vec<Gf64>, Gf64)> {
        let prg = self.coefficients()?;
        let k = self.k;
        let basis: Vec<u64> = with_blocks!(k, Block => {
            (0..k).map(basis_image::<Block>).collect()
        });
        let lift = |words: &[u64]| -> Vec<Gf64> {
            produce(words.len() / k * 64, |start, out| {
                // Pieces are whole blocks.
                let planes = &words[start / 64 * k..(start + out.len()) / 64 * k];
                arch::embed_blocks(arch::backend(), &basis, planes, cast_slice_mut(out));
            })
        };
        let x = lift(&bits[0]);
        let chi: Vec<Gf64> = produce(x.len(), |start, out| Gf64::fill(&prg, 1, start, out));
        let z = inner(&chi, &lift(&bits[2]));
        let x: Vec<Gf64> = produce(x.len(), |start, out| {
            let range = start..start + out.len();
            let (x, chi) = (&x[range.clone()], &chi[range]);
            gf64::multiply_add(cast_slice_mut(out), cast_slice(x), cast_slice(chi));
        });
        Ok((x, lift(&bits[1]), z))
    }

    /// Verifies that x y = z: folds until few products are left, joins a random
    /// one to them, and opens the last.
    fn verify_inner<V: Element<Scalar = V> + Field>(
        &mut self,
        mut x: Vec<V>,
        mut y: Vec<V>,
        mut z: V,
    ) -> Result<()> {
        while x.len() > LAST {
            let c = parts(x.len());
            (x, y, z) = self.fold(x, y, z, c, None)?;
        }
        // The random product's place is the last but one: its inner product is
        // computed as every other's, and only the last follows from z.
        let a = self.random::<V>(2)?;
        let c = x.len() + 1;
        x.insert(c - 2, a[0]);
        y.insert(c - 2, a[1]);
        let (x, y, z) = self.fold(x, y, z, c, Some(c - 2))?;
        let opened = self.reveal_all(&[x[0], y[0], z])?;
        let holds = opened[0].times(opened[1]) == opened[2];
        #[cfg(any(test, feature = "test-util"))]
        let holds = holds | self.blind;
        if holds { Ok(()) } else { Err(self.inconsistent("what was computed does not verify")) }
    }

    /// One step of (5): c parts become one. `extra` is a part that z does not
    /// contain.
    fn fold<V: Element<Scalar = V> + Field>(
        &mut self,
        mut x: Vec<V>,
        mut y: Vec<V>,
        z: V,
        c: usize,
        extra: Option<usize>,
    ) -> Result<(Vec<V>, Vec<V>, V)> {
        let size = x.len().div_ceil(c);
        x.resize(size * c, V::ZERO);
        y.resize(size * c, V::ZERO);
        let (xs, ys): (Vec<&[V]>, Vec<&[V]>) = (x.chunks(size).collect(), y.chunks(size).collect());
        let points: Vec<V> = (0..2 * c - 1).map(V::point).collect();
        let mut local: Vec<V> = (0..c - 1).map(|k| inner(xs[k], ys[k])).collect();
        for &at in &points[c..] {
            let coefficients = lagrange(&points[..c], at);
            let (f, g) = (combine(&coefficients, &xs), combine(&coefficients, &ys));
            local.push(inner(&f, &g));
        }
        let mut h = self.reduce(&local)?;
        let known = (0..c - 1).filter(|&k| Some(k) != extra).fold(V::ZERO, |sum, k| sum.plus(h[k]));
        h.insert(c - 1, z.minus(known));
        let rho: V = self.coin()?;
        let short = lagrange(&points[..c], rho);
        let long = lagrange(&points, rho);
        let z = long.iter().zip(&h).fold(V::ZERO, |sum, (&l, &h)| sum.plus(h.times(l)));
        Ok((combine(&short, &xs), combine(&short, &ys), z))
    }
}

/// The image of x^j in GF(2^64).
fn basis_image<B: Element>(j: usize) -> u64
where
    B::Scalar: Embed,
{
    B::Scalar::image(1 << j)
}

trait Embed {
    fn image(value: u8) -> u64;
}

impl<const K: usize> Embed for privity_core::field::Small<K> {
    fn image(value: u8) -> u64 {
        Self(value).embed().0
    }
}
