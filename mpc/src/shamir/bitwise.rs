//! Circuits on bit planes, random numbers whose bits are shared, and the
//! conversions between the two fields. See the parent module for the equations.

use super::{
    Security, Shamir,
    element::{Element, add_to, combine, map, with_blocks, zip},
    share::{Bits, xor},
};
use privity_core::{
    Result,
    bits::{to_planes, words},
    field::Fp127,
};

/// Bits of a field element.
pub(super) const WIDTH: usize = 127;

/// A number x as u + v (+ 1), bit planes u and v shared.
pub(super) struct Split {
    pub(super) u: Vec<Vec<u64>>,
    pub(super) v: Vec<Vec<u64>>,
    /// Modulo p, with 127 planes and the carry brought around; else modulo 2^64
    /// with a carry of one coming in.
    pub(super) around: bool,
    /// Carries that a truncation has to count: out of plane d - 1, and around.
    pub(super) out: [Vec<Vec<u64>>; 2],
}

/// Masks that sum up to a number uniform in the field.
struct Masks {
    /// Sum of the terms.
    sum: Vec<Fp127>,
    /// Sum of the terms divided by 2^d.
    high: Vec<Fp127>,
    /// Planes of each term.
    planes: Vec<Vec<Vec<u64>>>,
}

/// Generate and propagate.
type Node = (Vec<u64>, Vec<u64>);

impl Shamir {
    /// Words of a plane of n bits.
    fn stride(&self, n: usize) -> usize {
        words(n) * self.k
    }

    /// AND of words of shared bits; logged in malicious mode.
    pub(super) fn and_words(&mut self, x: &[u64], y: &[u64]) -> Result<Vec<u64>> {
        let z = with_blocks!(self.k, Block => {
            let (a, b): (&[Block], &[Block]) =
                (bytemuck::cast_slice(x), bytemuck::cast_slice(y));
            bytemuck::cast_slice(&self.product(a, b)?).to_vec()
        });
        self.log_bits(x, y, &z)?;
        Ok(z)
    }

    /// Many ANDs in one round.
    fn and_many(&mut self, pairs: &[(&[u64], &[u64])]) -> Result<Vec<Vec<u64>>> {
        let x: Vec<u64> = pairs.iter().flat_map(|p| p.0.iter().copied()).collect();
        let y: Vec<u64> = pairs.iter().flat_map(|p| p.1.iter().copied()).collect();
        let z = self.and_words(&x, &y)?;
        let mut at = 0;
        Ok(pairs
            .iter()
            .map(|p| {
                at += p.0.len();
                z[at - p.0.len()..at].to_vec()
            })
            .collect())
    }

    /// A public plane as shares.
    fn constant(&self, plane: &[u64]) -> Vec<u64> {
        let mut out = vec![0; plane.len() * self.k];
        for (block, &w) in out.chunks_mut(self.k).zip(plane) {
            block[0] = w;
        }
        out
    }

    /// This party's share of a plane that is known to those with coefficient
    /// `c` (an element of the small field), the polynomial's value here.
    fn scaled(&self, plane: &[u64], c: u8) -> Vec<u64> {
        let mut out = vec![0; plane.len() * self.k];
        for (block, &w) in out.chunks_mut(self.k).zip(plane) {
            for (j, b) in block.iter_mut().enumerate() {
                *b = w & u64::from(c >> j & 1).wrapping_neg();
            }
        }
        out
    }

    /// The small field's coefficients of the sets.
    fn set_coefficients(&self) -> Vec<Option<u8>> {
        match self.k {
            2 => self.tables.pairs.sets.iter().map(|c| c.map(|c| c.0)).collect(),
            4 => self.tables.nibbles.sets.iter().map(|c| c.map(|c| c.0)).collect(),
            _ => self.tables.bytes.sets.iter().map(|c| c.map(|c| c.0)).collect(),
        }
    }

    /// Whether masks are drawn from the keys of sets instead of dealt by t + 1
    /// parties: always against malicious parties, who cannot err then.
    pub(super) fn masks_from_sets(sets: usize, security: Security) -> bool {
        security == Security::Malicious || (1..=4).contains(&sets)
    }

    fn uses_sets(&self) -> bool {
        Self::masks_from_sets(self.sets.as_ref().map_or(0, Vec::len), self.security)
    }

    /// Shares of blocks that `dealers` know, one vector for each.
    fn deal_words(&mut self, mine: Option<&[u64]>, len: usize) -> Result<Vec<Vec<u64>>> {
        let k = self.k;
        Ok(with_blocks!(k, Block => {
            let mine: Option<&[Block]> = mine.map(bytemuck::cast_slice);
            let dealt = self.deal(0..self.t + 1, mine, len / k)?;
            dealt.iter().map(|d| bytemuck::cast_slice(d).to_vec()).collect()
        }))
    }

    fn masks(&mut self, len: usize, d: u32) -> Result<Masks> {
        let low = |x: &[u128]| to_planes(&x.iter().map(|&x| x as u64).collect::<Vec<_>>());
        let high = |x: &[u128]| to_planes(&x.iter().map(|&x| (x >> 64) as u64).collect::<Vec<_>>());
        let stride = words(len);
        let planes = |x: &[u128]| -> Vec<u64> {
            let mut all = low(x);
            all.extend_from_slice(&high(x)[..(WIDTH - 64) * stride]);
            all
        };
        let field =
            |x: &[u128], d: u32| -> Vec<Fp127> { x.iter().map(|&x| Fp127::new(x >> d)).collect() };
        if self.uses_sets() {
            let op = self.operation();
            let small = self.set_coefficients();
            let (mut sum, mut top) = (vec![Fp127::ZERO; len], vec![Fp127::ZERO; len]);
            let mut all = Vec::new();
            for (a, c) in small.iter().enumerate() {
                let (Some(c), Some(key), Some(f)) = (c, &self.keys.sets[a], self.tables.fp.sets[a])
                else {
                    all.push(vec![vec![0; stride * self.k]; WIDTH]);
                    continue;
                };
                let terms: Vec<u128> =
                    key.vec::<u128>(op, len).into_iter().map(|x| x >> 1).collect();
                add_to(&mut sum, &map(&field(&terms, 0), |x| x * f));
                add_to(&mut top, &map(&field(&terms, d), |x| x * f));
                let planes = planes(&terms);
                all.push(
                    (0..WIDTH)
                        .map(|j| self.scaled(&planes[j * stride..(j + 1) * stride], *c))
                        .collect(),
                );
            }
            return Ok(Masks { sum, high: top, planes: all });
        }
        let deals = self.me <= self.t;
        let op = self.operation();
        let terms: Vec<u128> = if deals {
            self.keys.own.vec::<u128>(op, len).into_iter().map(|x| x >> 1).collect()
        } else {
            vec![]
        };
        let numbers = [field(&terms, 0), field(&terms, d)].concat();
        let dealt = self.deal(0..self.t + 1, deals.then_some(&numbers[..]), 2 * len)?;
        let mut total = vec![Fp127::ZERO; 2 * len];
        dealt.iter().for_each(|d| add_to(&mut total, d));
        let top = total.split_off(len);
        let bits = if deals { self.constant(&planes(&terms)) } else { vec![] };
        let size = stride * self.k;
        let dealt = self.deal_words(deals.then_some(&bits[..]), WIDTH * size)?;
        let planes = dealt
            .iter()
            .map(|d| (0..WIDTH).map(|j| d[j * size..(j + 1) * size].to_vec()).collect())
            .collect();
        Ok(Masks { sum: total, high: top, planes })
    }

    /// Cuts x + offset, between 0 and p, into planes u + v = x + offset mod p by
    /// (5) and (6). The second result is (7) without the carries.
    pub(super) fn split(
        &mut self,
        x: &[Fp127],
        offset: Fp127,
        d: u32,
    ) -> Result<(Split, Vec<Fp127>)> {
        let len = x.len();
        let masks = self.masks(len, d)?;
        let masked = zip(x, &masks.sum, |x, n| x + offset - n);
        let c: Vec<u128> = self.reveal_all(&masked)?.iter().map(|c| c.value()).collect();
        let quotient: Vec<Fp127> =
            masks.high.iter().zip(&c).map(|(&h, &c)| h + Fp127::new(c >> d)).collect();
        let stride = words(len);
        let low = to_planes(&c.iter().map(|&c| c as u64).collect::<Vec<_>>());
        let high = to_planes(&c.iter().map(|&c| (c >> 64) as u64).collect::<Vec<_>>());
        let public = (0..WIDTH)
            .map(|j| {
                let (planes, j) = if j < 64 { (&low, j) } else { (&high, j - 64) };
                self.constant(&planes[j * stride..(j + 1) * stride])
            })
            .collect();
        let mut numbers = masks.planes;
        numbers.push(public);
        let mut out = [Vec::new(), Vec::new()];
        while numbers.len() > 2 {
            self.save_carries(&mut numbers, d, &mut out)?;
        }
        let v = numbers.pop().unwrap_or_default();
        let u = numbers.pop().unwrap_or_default();
        Ok((Split { u, v, around: true, out }, quotient))
    }

    /// Three numbers become two, for as many threes as there are:
    /// (6)  a + b + c = (a xor b xor c) + 2 maj(a, b, c),
    /// maj = (a + c)(b + c) + c over GF(2). One AND per bit.
    fn save_carries(
        &mut self,
        numbers: &mut Vec<Vec<Vec<u64>>>,
        d: u32,
        out: &mut [Vec<Vec<u64>>; 2],
    ) -> Result<()> {
        let threes = numbers.len() / 3;
        let rest = numbers.split_off(3 * threes);
        let mut left = Vec::new();
        let mut right = Vec::new();
        for t in numbers.chunks(3) {
            for j in 0..WIDTH {
                left.push(xor(&t[0][j], &t[2][j]));
                right.push(xor(&t[1][j], &t[2][j]));
            }
        }
        let pairs: Vec<(&[u64], &[u64])> =
            left.iter().zip(&right).map(|(a, b)| (&a[..], &b[..])).collect();
        let products = self.and_many(&pairs)?;
        let mut next = Vec::with_capacity(2 * threes + rest.len());
        for (i, t) in numbers.chunks(3).enumerate() {
            let sum: Vec<Vec<u64>> =
                (0..WIDTH).map(|j| xor(&left[i * WIDTH + j], &t[1][j])).collect();
            let mut carry: Vec<Vec<u64>> =
                (0..WIDTH).map(|j| xor(&products[i * WIDTH + j], &t[2][j])).collect();
            if d > 0 {
                out[0].push(carry[d as usize - 1].clone());
                out[1].push(carry[WIDTH - 1].clone());
            }
            // 2^127 = 1 modulo p.
            carry.rotate_right(1);
            next.push(sum);
            next.push(carry);
        }
        next.extend(rest);
        *numbers = next;
        Ok(())
    }

    /// Generate and propagate of each plane of `order`, lowest first.
    fn leaves(&mut self, split: &Split, order: &[usize]) -> Result<Vec<Node>> {
        let pairs: Vec<(&[u64], &[u64])> =
            order.iter().map(|&j| (&split.u[j][..], &split.v[j][..])).collect();
        let g = self.and_many(&pairs)?;
        Ok(g.into_iter().zip(pairs).map(|(g, (u, v))| (g, xor(u, v))).collect())
    }

    /// (8)  (G, P) of two neighbours is (G_h + P_h G_l, P_h P_l): a tree.
    fn tree(&mut self, mut nodes: Vec<Node>) -> Result<Node> {
        while nodes.len() > 1 {
            let mut pairs: Vec<(&[u64], &[u64])> = Vec::new();
            for two in nodes.chunks_exact(2) {
                pairs.push((&two[1].1, &two[0].0));
                pairs.push((&two[1].1, &two[0].1));
            }
            let products = self.and_many(&pairs)?;
            let mut next: Vec<Node> = nodes
                .chunks_exact(2)
                .zip(products.chunks_exact(2))
                .map(|(two, p)| (xor(&two[1].0, &p[0]), p[1].clone()))
                .collect();
            next.extend(nodes.chunks_exact(2).remainder().iter().cloned());
            nodes = next;
        }
        Ok(nodes.pop().unwrap_or_default())
    }

    /// The carry into plane `at`, all planes before it considered, around too.
    fn carry_into(&mut self, split: &Split, at: usize) -> Result<Vec<u64>> {
        let order: Vec<usize> =
            if split.around { (at..WIDTH).chain(0..at).collect() } else { (0..at).collect() };
        let leaves = self.leaves(split, &order)?;
        let (g, p) = self.tree(leaves)?;
        Ok(if split.around { g } else { xor(&g, &p) })
    }

    pub(super) fn sign_words(&mut self, split: &Split) -> Result<Vec<u64>> {
        let carry = self.carry_into(split, 63)?;
        Ok(xor(&carry, &xor(&split.u[63], &split.v[63])))
    }

    /// u + v = p, or u + v + 1 = 2^64: every plane has exactly one bit set.
    pub(super) fn zero_words(&mut self, split: &Split) -> Result<Vec<u64>> {
        let mut planes: Vec<Vec<u64>> =
            split.u.iter().zip(&split.v).map(|(u, v)| xor(u, v)).collect();
        while planes.len() > 1 {
            let pairs: Vec<(&[u64], &[u64])> =
                planes.chunks_exact(2).map(|two| (&two[0][..], &two[1][..])).collect();
            let mut next = self.and_many(&pairs)?;
            next.extend(planes.chunks_exact(2).remainder().iter().cloned());
            planes = next;
        }
        Ok(planes.pop().unwrap_or_default())
    }

    /// The low `width` bits of u + v.
    pub(super) fn low_words(&mut self, split: &Split, width: usize) -> Result<Vec<Vec<u64>>> {
        let order: Vec<usize> = (0..if split.around { WIDTH } else { width }).collect();
        let mut nodes = self.leaves(split, &order)?;
        let top = nodes.split_off(width);
        let halves: Vec<Vec<u64>> = nodes.iter().map(|n| n.1.clone()).collect();
        // Prefixes by Sklansky's network.
        let mut span = 1;
        while span < width {
            let targets: Vec<usize> = (0..width).filter(|i| i & span != 0).collect();
            let pairs: Vec<(&[u64], &[u64])> = targets
                .iter()
                .flat_map(|&i| {
                    let l = (i & !(2 * span - 1)) + span - 1;
                    [(&nodes[i].1[..], &nodes[l].0[..]), (&nodes[i].1[..], &nodes[l].1[..])]
                })
                .collect();
            let products = self.and_many(&pairs)?;
            for (&i, p) in targets.iter().zip(products.chunks_exact(2)) {
                nodes[i] = (xor(&nodes[i].0, &p[0]), p[1].clone());
            }
            span *= 2;
        }
        // The carry into plane 0.
        let into = if split.around {
            let (g, p) = self.tree(top)?;
            let last = &nodes[width - 1].0;
            let through = self.and_many(&[(&p, last)])?;
            Some(xor(&g, &through[0]))
        } else {
            None
        };
        let mut carries = vec![
            into.clone().unwrap_or_else(|| self.constant(&vec![!0; halves[0].len() / self.k])),
        ];
        if let Some(into) = &into {
            let pairs: Vec<(&[u64], &[u64])> =
                nodes[..width - 1].iter().map(|n| (&n.1[..], &into[..])).collect();
            let through = self.and_many(&pairs)?;
            carries.extend(through.iter().zip(&nodes).map(|(t, n)| xor(t, &n.0)));
        } else {
            carries.extend(nodes[..width - 1].iter().map(|n| xor(&n.0, &n.1)));
        }
        Ok(halves.iter().zip(&carries).map(|(h, c)| xor(h, c)).collect())
    }

    /// For x + offset < 2^125: the last carries of (7), into plane d and around.
    pub(super) fn last_carries(&mut self, split: &Split, d: u32) -> Result<[Vec<u64>; 2]> {
        let order: Vec<usize> = (0..d as usize).collect();
        let leaves = self.leaves(split, &order)?;
        let (g, p) = self.tree(leaves)?;
        // (9)  u + v is x or x + p: the upper one exactly if a top bit is set.
        let (a, b) = (&split.u[WIDTH - 1], &split.v[WIDTH - 1]);
        let both = self.and_many(&[(a, b)])?;
        let around = xor(&xor(a, b), &both[0]);
        let through = self.and_many(&[(&p, &around)])?;
        Ok([xor(&g, &through[0]), around])
    }

    /// (13)  How many of the bits are set, two counts of equally many bits at
    /// once: planes of each count, lowest first. By (6), three bits of one
    /// weight become one of that weight and one of the next.
    pub(super) fn count(&mut self, bits: [Vec<Vec<u64>>; 2]) -> Result<[Vec<Vec<u64>>; 2]> {
        let mut counts = bits.map(|bits| vec![bits]);
        loop {
            let lengths: Vec<usize> = counts[0].iter().map(Vec::len).collect();
            let plan = adders(&lengths);
            if plan.iter().all(|&n| n == 0) {
                return Ok(counts.map(|columns| columns.into_iter().flatten().collect()));
            }
            let (mut left, mut right, mut taken) = (Vec::new(), Vec::new(), Vec::new());
            for columns in &mut counts {
                for (column, &adders) in columns.iter_mut().zip(&plan) {
                    for _ in 0..adders {
                        let a = column.pop().unwrap_or_default();
                        let b = column.pop().unwrap_or_default();
                        // Two bits are three with a zero.
                        let c = column.pop().unwrap_or_else(|| vec![0; a.len()]);
                        left.push(xor(&a, &c));
                        right.push(xor(&b, &c));
                        taken.push((b, c));
                    }
                }
            }
            let pairs: Vec<(&[u64], &[u64])> =
                left.iter().zip(&right).map(|(a, b)| (&a[..], &b[..])).collect();
            let mut products = self.and_many(&pairs)?.into_iter();
            let mut sums = left.iter().zip(taken);
            for columns in &mut counts {
                columns.push(vec![]);
                for (w, &adders) in plan.iter().enumerate() {
                    for ((left, (b, c)), product) in
                        sums.by_ref().zip(products.by_ref()).take(adders)
                    {
                        columns[w].push(xor(left, &b));
                        columns[w + 1].push(xor(&product, &c));
                    }
                }
                while columns.last().is_some_and(Vec::is_empty) {
                    columns.pop();
                }
            }
        }
    }

    /// Bits, in blocks, as field elements; `groups` vectors of `len` bits that
    /// each begin a block.
    pub(super) fn inject(
        &mut self,
        words: &[u64],
        groups: usize,
        len: usize,
    ) -> Result<Vec<Fp127>> {
        let stride = self.stride(len);
        let (blocks, n) = (words.len() / self.k, groups * len);
        let pick = |plane: &[u64]| -> Vec<u64> {
            (0..groups)
                .flat_map(|g| (0..len).map(move |i| (g, i)))
                .map(|(g, i)| plane[g * privity_core::bits::words(len) + i / 64] >> (i % 64) & 1)
                .collect()
        };
        debug_assert_eq!(words.len(), groups * stride, "bits to convert");
        let k = self.k;
        let bits_of = |blocks: &[u64]| -> Vec<Fp127> {
            let plane: Vec<u64> = blocks.iter().step_by(k).copied().collect();
            pick(&plane).into_iter().map(|b| Fp127::new(u128::from(b))).collect()
        };
        // (10)  rho uniform in GF(2^k), its lowest coefficient beta known term by
        // term in both fields.
        let mut rho = vec![0u64; words.len()];
        let mut terms: Vec<Vec<Fp127>> = Vec::new();
        if self.uses_sets() {
            let op = self.operation();
            for a in 0..self.keys.sets.len() {
                let (Some(key), Some(f)) = (&self.keys.sets[a], self.tables.fp.sets[a]) else {
                    terms.push(vec![Fp127::ZERO; n]);
                    continue;
                };
                let term: Vec<u64> = key.vec(op, words.len());
                let scaled: Vec<u64> = with_blocks!(k, Block => {
                    let c = Block::group(&self.tables).sets[a].unwrap_or_default();
                    let term: &[Block] = bytemuck::cast_slice(&term);
                    bytemuck::cast_slice(&map(term, |x| x.scale(c))).to_vec()
                });
                rho = xor(&rho, &scaled);
                terms.push(map(&bits_of(&term), |b| b * f));
            }
        } else {
            let deals = self.me <= self.t;
            let mine: Vec<u64> = if deals {
                let op = self.operation();
                self.keys.own.vec(op, words.len())
            } else {
                self.operation();
                vec![]
            };
            for dealt in self.deal_words(deals.then_some(&mine[..]), blocks * k)? {
                rho = xor(&rho, &dealt);
            }
            let numbers = if deals { bits_of(&mine) } else { vec![] };
            terms = self.deal(0..self.t + 1, deals.then_some(&numbers[..]), n)?;
        }
        let masked = xor(words, &rho);
        let opened: Vec<u64> = with_blocks!(k, Block => {
            let masked: &[Block] = bytemuck::cast_slice(&masked);
            bytemuck::cast_slice(&self.reveal_all(masked)?).to_vec()
        });
        // a xor b = a + b - 2ab
        while terms.len() > 1 {
            let half = terms.len() / 2;
            let x = terms[..half].concat();
            let y = terms[half..2 * half].concat();
            let products = self.multiply(&x, &y, 1)?;
            let joined: Vec<Fp127> =
                (0..x.len()).map(|i| x[i] + y[i] - products[i] - products[i]).collect();
            let mut next: Vec<Vec<Fp127>> = joined.chunks(n.max(1)).map(<[_]>::to_vec).collect();
            next.resize(half, vec![]);
            next.extend(terms.drain(2 * half..));
            terms = next;
        }
        let beta = terms.pop().unwrap_or_default();
        let v = bits_of(&opened);
        Ok((0..n).map(|i| v[i] + beta[i] - (v[i] * beta[i] + v[i] * beta[i])).collect())
    }

    pub(super) fn random_words(&mut self, len: usize) -> Result<Bits> {
        let stride = words(len);
        let mut out = vec![0; stride * self.k];
        let op = self.operation();
        if self.uses_sets() {
            for (a, c) in self.set_coefficients().into_iter().enumerate() {
                if let (Some(c), Some(key)) = (c, &self.keys.sets[a]) {
                    out = xor(&out, &self.scaled(&key.vec(op, stride), c));
                }
            }
        } else {
            let deals = self.me <= self.t;
            let mine = if deals { self.constant(&self.keys.own.vec(op, stride)) } else { vec![] };
            for dealt in self.deal_words(deals.then_some(&mine[..]), out.len())? {
                out = xor(&out, &dealt);
            }
        }
        Ok(Bits { len, k: self.k, words: out })
    }

    /// With t = 1 and semi-honest parties: x + offset = a + b - p, a known to
    /// party 0 and b to party 1 and uniform, by (11). `None` at the others.
    pub(super) fn two_addends(&mut self, x: &[Fp127], offset: Fp127) -> Option<Vec<u128>> {
        let op = self.operation();
        if self.me > 1 {
            return None;
        }
        let c = self.tables.fp.open[0][self.me];
        let key = self.keys.pairs[1 - self.me].as_ref()?;
        let mut mask = vec![Fp127::ZERO; x.len()];
        Fp127::fill(key, op << 1, 0, &mut mask);
        Some(
            x.iter()
                .zip(&mask)
                .map(|(&x, &m)| if self.me == 0 { x * c + m + offset } else { x * c - m })
                .map(Fp127::value)
                .collect(),
        )
    }

    /// The planes of the two addends: x = a + b + 1 mod 2^64.
    pub(super) fn split_two(&mut self, x: &[Fp127], width: usize) -> Result<Split> {
        let addend = self.two_addends(x, Fp127::new(1 << 64));
        let stride = words(x.len());
        let mine = addend.map(|a| {
            let low: Vec<u64> = a.iter().map(|&a| a as u64).collect();
            self.constant(&to_planes(&low)[..width * stride])
        });
        let size = stride * self.k;
        let dealt = self.deal_words(mine.as_deref(), width * size)?;
        let planes = |d: &Vec<u64>| -> Vec<Vec<u64>> {
            (0..width).map(|j| d[j * size..(j + 1) * size].to_vec()).collect()
        };
        Ok(Split {
            u: planes(&dealt[0]),
            v: planes(&dealt[1]),
            around: false,
            out: Default::default(),
        })
    }

    /// (12): the two addends are divided where they are known.
    pub(super) fn truncate_two(&mut self, x: &[Fp127], d: u32) -> Result<Vec<Fp127>> {
        let addend = self.two_addends(x, Fp127::new(1 << 62));
        let constant = Fp127::new((1 << (127 - d)) + (1 << 62 >> d)) - Fp127::ONE;
        let mine: Option<Vec<Fp127>> = addend.map(|a| {
            let shift = if self.me == 0 { constant } else { Fp127::ZERO };
            a.iter().map(|&a| Fp127::new(a >> d) - shift).collect()
        });
        let dealt = self.deal(0..2, mine.as_deref(), x.len())?;
        let both: Vec<&[Fp127]> = dealt.iter().map(|d| &d[..]).collect();
        Ok(combine(&[Fp127::ONE, Fp127::ONE], &both))
    }
}

/// How many adders [`Shamir::count`] uses at once in each column of bits of one
/// weight: one for every three bits, and one for the last two once all lower
/// columns are done.
pub(super) fn adders(columns: &[usize]) -> Vec<usize> {
    let done = columns.iter().take_while(|&&n| n == 1).count();
    let of = |(w, &n): (usize, &usize)| if w == done && n == 2 { 1 } else { n / 3 };
    columns.iter().enumerate().map(of).collect()
}

/// The columns after these adders.
pub(super) fn after(columns: &[usize], adders: &[usize]) -> Vec<usize> {
    let mut next = vec![0; columns.len() + 1];
    for (w, (&n, &adders)) in columns.iter().zip(adders).enumerate() {
        next[w] += n - if n == 2 { adders } else { 2 * adders };
        next[w + 1] += adders;
    }
    while next.last() == Some(&0) {
        next.pop();
    }
    next
}
