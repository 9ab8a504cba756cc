//! The sign of a shared number, and the test for zero. Two parties.
//!
//! **Paper.** Rathee, Rathee, Kumar, Chandran, Gupta, Rastogi, Sharma,
//! "CrypTFlow2", CCS 2020, section 3 (protocol MILL with m = 4; most
//! significant bit: section 4.1).
//!
//! x = x_0 + x_1 mod 2^64, party i having x_i. With a the low 63 bits of x_0,
//! complemented, and b those of x_1, the carry into bit 63 is \(\[a < b\]\), and the
//! sign is that exclusive or the top bits of both.
//!
//! a and b are cut into 16 digits of 4 bits. For each the parties get shares of
//!
//! \\[ lt_j = \[a_j < b_j\], \qquad eq_j = \[a_j = b_j\] \qquad (1) \\]
//!
//! by a 1-of-16 OT: party 0's message for v is \\((\[a_j < v\], \[a_j = v\])\\),
//! masked by random bits that are its shares; party 1 chooses \\(b_j\\). With a
//! random OT prepared (`leaf`), where party 1's digit is c with pad \\(p_c\\),
//! party 1 sends \\(e = b_j \oplus c\\) and party 0 the table
//!
//! \\[ y_v = m_v \oplus p_{v \oplus e}, \qquad m_{b_j} = y_{b_j} \oplus p_c. \qquad (2) \\]
//!
//! A tree of four levels combines neighbours, h the higher one:
//!
//! \\[ lt = lt_h \oplus eq_h\, lt_l, \qquad eq = eq_h\, eq_l. \qquad (3) \\]
//!
//! The two products of (3) have a factor in common; the lowest node needs no eq.
//!
//! **Zero**: x = 0 if x_0 = -x_1, by the eq of 16 digits of 64 bits and a tree of
//! ANDs.
//!
//! **Privacy.** Party 0 sees e, masked by c; party 1 sees (2), of which it lacks
//! all pads but one, and masks the rest; its own message is masked by party 0's
//! random bits. The tree is (1) of `online`.
//!
//! **Cost** online: 8 + 64 bytes for the leaves, and per number 6 bits for each
//! of 11 pairs and 4 bits for each of 4 products. Six rounds.

use super::{Additive, Bits, leaf::DIGITS, online::Ands, share::xor, store::Kind};
use privity_core::{Result, bits};
use rand::Rng;
use rayon::prelude::*;

const LT: u32 = 0x5555_5555;
const EQ: u32 = 0xAAAA_AAAA;

impl Additive {
    pub(super) fn sign_two(&mut self, x: &[u64]) -> Result<Bits> {
        let low = u64::MAX >> 1;
        let own: Vec<u64> = if self.mesh.me() == 0 {
            x.iter().map(|x| !x & low).collect()
        } else {
            x.iter().map(|x| x & low).collect()
        };
        let planes = self.compare_digits(&own)?;
        let stride = bits::words(x.len());
        let mut lt: Vec<Vec<u64>> = (0..DIGITS).map(|j| plane(&planes, 2 * j, stride)).collect();
        let mut eq: Vec<Vec<u64>> =
            (0..DIGITS).map(|j| plane(&planes, 2 * j + 1, stride)).collect();
        while lt.len() > 1 {
            let mut ands = Ands::default();
            ands.push(&eq[1], &lt[0]);
            for i in 1..lt.len() / 2 {
                ands.push_pair(&eq[2 * i + 1], &lt[2 * i], &eq[2 * i]);
            }
            let [one, lts, eqs] = self.ands(&ands)?;
            let product =
                |i: usize| if i == 0 { &one[..] } else { &lts[(i - 1) * stride..][..stride] };
            lt = (0..lt.len() / 2).map(|i| xor(&lt[2 * i + 1], product(i))).collect();
            // The lowest eq is not used.
            eq = (0..lt.len())
                .map(|i| if i == 0 { vec![] } else { plane(&eqs, i - 1, stride) })
                .collect();
        }
        let top: Vec<u64> =
            x.chunks(64).map(|x| x.iter().rev().fold(0, |word, x| word << 1 | x >> 63)).collect();
        Ok(Bits { len: x.len(), words: xor(&lt[0], &top) })
    }

    pub(super) fn zero_two(&mut self, x: &[u64]) -> Result<Bits> {
        let own: Vec<u64> = if self.mesh.me() == 0 {
            x.to_vec()
        } else {
            x.iter().map(|x| x.wrapping_neg()).collect()
        };
        let planes = self.compare_digits(&own)?;
        let stride = bits::words(x.len());
        let mut eq: Vec<u64> =
            (0..DIGITS).flat_map(|j| plane(&planes, 2 * j + 1, stride)).collect();
        while eq.len() > stride {
            let mut ands = Ands::default();
            let (left, right) = eq.split_at(eq.len() / 2);
            ands.push(left, right);
            [eq, _, _] = self.ands(&ands)?;
        }
        Ok(Bits { len: x.len(), words: eq })
    }

    /// Shares of (1) as planes: 2j is lt, 2j + 1 is eq of digit j. `own` is a at
    /// party 0 and b at party 1.
    fn compare_digits(&mut self, own: &[u64]) -> Result<Vec<u64>> {
        let n = own.len();
        let leaves = self.take(Kind::Leaf, n)?;
        if self.mesh.me() == 0 {
            let pads: &[u32] = bytemuck::cast_slice(&leaves[0]);
            let mut e = vec![0u64; n];
            self.mesh.recv_bulk(1, &mut e)?;
            let mut masks = vec![0u32; n];
            self.rng.fill_bytes(bytemuck::cast_slice_mut(&mut masks));
            let mut tables = vec![[0u32; DIGITS]; n];
            tables.par_iter_mut().enumerate().with_min_len(1024).for_each(|(i, out)| {
                for (j, out) in out.iter_mut().enumerate() {
                    let a = (own[i] >> (4 * j)) as u32 & 15;
                    let pad = turn(pads[DIGITS * i + j], (e[i] >> (4 * j)) as u32);
                    *out = table(a, masks[i] >> (2 * j)) ^ pad;
                }
            });
            self.mesh.send_bulk(1, tables.as_flattened())?;
            Ok(bits::to_planes(&masks.iter().map(|&m| u64::from(m)).collect::<Vec<_>>()))
        } else {
            let (digits, pads) = (&leaves[0], &leaves[1]);
            self.mesh.send_bulk(0, &xor(own, digits))?;
            let mut tables = vec![[0u32; DIGITS]; n];
            self.mesh.recv_bulk(0, tables.as_flattened_mut())?;
            // (2)
            let open = |i: usize| {
                let chosen = tables[i].iter().enumerate().fold(0, |word, (j, y)| {
                    let b = (own[i] >> (4 * j)) as u32 & 15;
                    word | u64::from(y >> (2 * b) & 3) << (2 * j)
                });
                chosen ^ pads[i]
            };
            let shares: Vec<u64> = (0..n).into_par_iter().with_min_len(1024).map(open).collect();
            Ok(bits::to_planes(&shares))
        }
    }
}

/// Plane j of planes that are `stride` words long.
fn plane(planes: &[u64], j: usize, stride: usize) -> Vec<u64> {
    planes[j * stride..(j + 1) * stride].to_vec()
}

/// Party 0's messages for all v, masked by the two low bits of `mask`.
fn table(a: u32, mask: u32) -> u32 {
    // lt at all v > a: shift in 64 bits, as a + 1 may be 16.
    let lt = (u64::from(LT) << (2 * (a + 1))) as u32;
    let eq = 2u32 << (2 * a);
    lt ^ eq ^ LT.wrapping_mul(mask & 1) ^ EQ & 0u32.wrapping_sub(mask >> 1 & 1)
}

/// Entry v becomes entry v xor e.
fn turn(w: u32, e: u32) -> u32 {
    let step =
        |w: u32, swapped: u32, bit: u32| w ^ ((w ^ swapped) & 0u32.wrapping_sub(e >> bit & 1));
    let w = step(w, (w >> 2 & 0x3333_3333) | (w & 0x3333_3333) << 2, 0);
    let w = step(w, (w >> 4 & 0x0F0F_0F0F) | (w & 0x0F0F_0F0F) << 4, 1);
    let w = step(w, (w >> 8 & 0x00FF_00FF) | (w & 0x00FF_00FF) << 8, 2);
    step(w, w.rotate_left(16), 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_hold_the_comparisons_and_turn_by_exclusive_or() {
        for a in 0..16 {
            for mask in 0..4 {
                let t = table(a, mask);
                for v in 0..16 {
                    let expected = u32::from(a < v) | u32::from(a == v) << 1;
                    assert_eq!(t >> (2 * v) & 3, expected ^ mask);
                }
            }
            let w = 0x1B2C_93F4u32;
            for v in 0..16 {
                assert_eq!(turn(w, a) >> (2 * v) & 3, w >> (2 * (v ^ a)) & 3);
            }
        }
    }
}
