//! Division by 2^d without large errors, and widening.
//!
//! **Idea**, as in [`rep3`](crate::rep3::truncate): x' = x + 2^(B-2) is in
//! [0, 2^(B-1)) for words of B bits. With a = x'_0 + x_1 mod 2^B, known to party
//! 0, and b = x_2, the sum a + b over the integers exceeds x' by 2^B exactly if
//! a top bit m_a or m_b is set; and x'_0 + x_1 exceeds a by 2^B kappa. So
//!
//! (1)  x' = x'_0 + x_1 + x_2 - 2^B (kappa + m_a + m_b - m_a m_b)  over the integers.
//!
//! With >> the logical shift, c_d the carry of x'_0 + x_1 into bit d and
//! C = 2^(B-d),
//!
//! (2)  (x'_0 >> d) + (x_1 >> d) + c_d + (x_2 >> d) - C (kappa + m_a + m_b - m_a m_b)
//!        = (x' - l_a - l_b) / 2^d,
//!
//! l_a and l_b being the low d bits of a and b. One unit is added and 2^(B-2-d)
//! taken off: the result is x / 2^d + 1 - (l_a + l_b) / 2^d, one of the two
//! integers next to x / 2^d, with an error of zero on average where x_2 is
//! uniform, as in `rep3`.
//!
//! **Protocol.** The carries of x'_0 + x_1, all B of them, are shared and proved
//! by module `carry`; they yield c_d, kappa = c_B and m_a as bits with two
//! components, of which parties 2 and 1 know one each. As numbers such bits are
//!
//! (3)  u_0 + u_1 - 2 u_0 u_1,
//!
//! and party 0, who knows both, shares the products in the same round. One
//! product carries c_d and kappa together,
//!
//! (4)  P = -2 c_d0 c_d1 + 2C kappa_0 kappa_1,   Q = m_a0 m_a1.
//!
//! Then m_a m_b is an ordinary product: the second round.
//!
//! **Widening** is (1) modulo 2^128, where the bracket counts modulo 2^64 only.
//!
//! **Privacy.** Nothing is opened; messages are those of `carry` and of products.
//! **Cost** per element, over all parties: B / 8 bytes for the carries, and two
//! known and one ordinary product: 8 + 32 + 48 = 88 bytes for B = 64.

use super::{
    Rep3m,
    carry::Halves,
    convert::{plus, unpack},
    log::Logged,
};
use privity_core::{
    Result,
    ring::{self, Ring},
    share::replicated::Replicated,
};

/// What (1) and (2) need of x.
struct Parts<W: Ring> {
    /// x'
    shifted: Replicated<W>,
    /// c_d - scale (kappa + m_a) as a number.
    count: Replicated<W>,
    /// m_b - m_a m_b
    rest: Replicated<W>,
}

/// Elements of the first round at a time, so that what is needed for a moment
/// only stays small; whole words of bits.
const BLOCK: usize = 1 << 16;

impl Rep3m {
    pub(super) fn divide<W: Logged>(&mut self, x: &Replicated<W>, d: u32) -> Result<Replicated<W>> {
        assert!((1..W::BITS - 2).contains(&d), "truncation by {d} bits");
        let c = W::BITS - d;
        let parts = self.parts(x, Some(d), W::ONE.shl(c))?;
        // (2)
        let mut out = parts.shifted.map_both(|v| ring::map(v, |v| v.shr(d)));
        out = plus(&out, &parts.count);
        out = out.zip_both(&parts.rest, |a, b| ring::zip(a, b, |a, b| a.minus(b.shl(c))));
        let constant = W::ONE.minus(W::ONE.shl(W::BITS - 2 - d));
        self.add_to_first(&mut out, constant);
        Ok(out)
    }

    pub(super) fn widened(&mut self, x: &Replicated<u64>) -> Result<Replicated<u128>> {
        let parts = self.parts(x, None, 1)?;
        // count is -(kappa + m_a).
        let bracket = parts.rest.zip_both(&parts.count, |a, b| ring::zip(a, b, u64::minus));
        let join = |x: &[u64], t: &[u64]| -> Vec<u128> {
            let term = |(&x, &t): (&u64, &u64)| u128::from(x).minus(u128::from(t) << 64);
            x.iter().zip(t).map(term).collect()
        };
        let mut out = Replicated {
            own: join(&parts.shifted.own, &bracket.own),
            next: join(&parts.shifted.next, &bracket.next),
        };
        self.add_to_first(&mut out, 0u128.minus(1 << 62));
        Ok(out)
    }

    /// Adds a public number to component 0.
    fn add_to_first<W: Ring>(&self, x: &mut Replicated<W>, k: W) {
        let component = match self.mesh.me() {
            0 => &mut x.own,
            2 => &mut x.next,
            _ => return,
        };
        component.iter_mut().for_each(|x| *x = x.plus(k));
    }

    /// `low` is d, where c_d is wanted.
    fn parts<W: Logged>(
        &mut self,
        x: &Replicated<W>,
        low: Option<u32>,
        scale: W,
    ) -> Result<Parts<W>> {
        let mut shifted = x.clone();
        self.add_to_first(&mut shifted, W::ONE.shl(W::BITS - 2));
        let empty = || Replicated { own: vec![], next: vec![] };
        let (mut count, mut m_a, mut m_b) = (empty(), empty(), empty());
        for start in (0..x.own.len()).step_by(BLOCK) {
            let end = x.own.len().min(start + BLOCK);
            let block = self.known_parts(&shifted.slice(start..end), low, scale)?;
            for (all, part) in [&mut count, &mut m_a, &mut m_b].into_iter().zip(&block) {
                all.own.extend_from_slice(&part.own);
                all.next.extend_from_slice(&part.next);
            }
        }
        let product = self.product(&m_a, &m_b, 1)?;
        let rest = m_b.zip_both(&product, |a, b| ring::zip(a, b, W::minus));
        Ok(Parts { shifted, count, rest })
    }

    /// The first round, in which only party 0 sends: the count of [`Parts`], m_a
    /// and m_b as numbers.
    fn known_parts<W: Logged>(
        &mut self,
        shifted: &Replicated<W>,
        low: Option<u32>,
        scale: W,
    ) -> Result<[Replicated<W>; 3]> {
        let (len, top) = (shifted.own.len(), W::BITS as usize - 1);
        let Halves { a, b, carries } = self.halves(shifted, top + 1, top + 1, false)?;
        let numbers = |plane: Replicated<u64>| -> Replicated<W> {
            Replicated { own: unpack(&plane.own, len), next: unpack(&plane.next, len) }
        };
        let (kappa, m_a, m_b) =
            (numbers(carries.plane(top)), numbers(a.plane(top)), numbers(b.plane(top)));
        let c_d = match low {
            Some(d) => numbers(carries.plane(d as usize - 1)),
            None => Replicated { own: vec![W::default(); len], next: vec![W::default(); len] },
        };
        drop((a, b, carries));
        // (4): factors with their components 0 and 1.
        let twice = scale.plus(scale);
        let minus_two = W::default().minus(W::ONE.plus(W::ONE));
        let times = |x: &Replicated<W>, k: W| x.map_both(|v| ring::map(v, |v| v.times(k)));
        let (scaled_c, scaled_kappa) = (times(&c_d, minus_two), times(&kappa, twice));
        let left = plus(&self.component(0, &scaled_c), &self.component(1, &kappa));
        let right = plus(&self.component(1, &c_d), &self.component(0, &scaled_kappa));
        let (m_0, m_1) = (self.component(0, &m_a), self.component(1, &m_a));
        let concat = |a: &Replicated<W>, b: &Replicated<W>| Replicated {
            own: [&a.own[..], &b.own].concat(),
            next: [&a.next[..], &b.next].concat(),
        };
        let known = self.product_of_known(concat(&left, &m_0), concat(&right, &m_1))?;
        let (p, q) = (known.slice(0..len), known.slice(len..2 * len));
        // (3)
        let m_a = plus(&m_a, &times(&q, minus_two));
        // c_d0 + c_d1 + P - scale (kappa_0 + kappa_1 + m_a)
        let negative = W::default().minus(scale);
        let count = plus(&plus(&c_d, &p), &times(&plus(&kappa, &m_a), negative));
        Ok([count, m_a, m_b])
    }

    /// Component j alone.
    fn component<W: Ring>(&self, j: usize, x: &Replicated<W>) -> Replicated<W> {
        let keep = |index: usize, c: &[W]| {
            if index % 3 == j { c.to_vec() } else { vec![W::default(); c.len()] }
        };
        let me = self.mesh.me();
        Replicated { own: keep(me, &x.own), next: keep(me + 1, &x.next) }
    }
}
