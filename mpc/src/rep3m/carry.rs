//! The carries of x_0 + x_1, which party 0 knows, shared and proved at once.
//!
//! Party 0 holds both components and computes all carries c_1, c_2, ... itself.
//! It shares c_j = c_j0 + c_j1 over GF(2), c_j1 from the key it has in common
//! with party 1 and c_j0 by a message to party 2: one bit per carry and one
//! round instead of a tree of ANDs. That they are right,
//!
//! (1)  c_{j+1} = (x_0j + c_j)(x_1j + c_j) + c_j
//!              = [(x_0j + c_j0)(x_1j + c_j1) + c_j0 c_j1]
//!                + (x_0j c_j0) + (x_1j c_j1),
//!
//! is a relation of the log: the bracket has two products of a value that
//! party 2 knows with one that party 1 knows, and each of the other terms is
//! known to one of them. (A component is known to two parties, so that its bits
//! are shared without a message and nobody can falsify them.)
//!
//! The sharing has a third component of zero. All other ones are as anywhere.

use super::{Rep3m, algebra::Word, log::Ands};
use privity_core::{Result, bits, ring, share::replicated::Replicated};
use zeroize::Zeroize;

/// Bit planes, shared, one after the other.
pub(super) struct Planes {
    pub(super) stride: usize,
    pub(super) words: Replicated<u64>,
}

impl Planes {
    pub(super) fn plane(&self, j: usize) -> Replicated<u64> {
        self.words.slice(j * self.stride..(j + 1) * self.stride)
    }

    pub(super) fn range(&self, planes: std::ops::Range<usize>) -> Replicated<u64> {
        self.words.slice(planes.start * self.stride..planes.end * self.stride)
    }
}

/// x bit by bit, x_0 + x_1 added up.
pub(super) struct Halves {
    /// Bits of x_0 + x_1.
    pub(super) a: Planes,
    /// Bits of x_2.
    pub(super) b: Planes,
    /// c_1, c_2, ...
    pub(super) carries: Planes,
}

impl Rep3m {
    /// The low `width` bits of x_0 + x_1 and of `negate` (-x_2 if set, else x_2),
    /// and the first `carries` carries of the former, at least width - 1.
    pub(super) fn halves<W: Word>(
        &mut self,
        x: &Replicated<W>,
        width: usize,
        carries: usize,
        negate: bool,
    ) -> Result<Halves> {
        let stride = bits::words(x.own.len());
        let op = self.prss.operation();
        let (len, total) = (carries * stride, width * stride);
        let low = |c: &[W]| -> Vec<u64> {
            let mut planes = W::planes(c);
            planes.truncate(total.max(len));
            planes
        };
        let third = |c: &[W]| -> Vec<u64> {
            let mut planes = if negate {
                W::planes(&ring::map(c, |x| W::default().minus(x)))
            } else {
                W::planes(c)
            };
            planes.truncate(total);
            planes
        };
        let none = |n: usize| vec![0u64; n];
        let (mut c1, mut c2) = (vec![], vec![]);
        // Carry j enters at bit j: one plane later.
        let delayed = |c: &[u64], i: usize| if i < stride { 0 } else { c[i - stride] };
        // What one party knows of (1).
        let constants = |x: &[u64], c: &[u64]| -> Vec<u64> {
            (0..len).map(|i| (x[i] & delayed(c, i)) ^ c[i]).collect()
        };
        // The components of x and of the carries, as this party holds them.
        let (bits_x, c, b) = match self.mesh.me() {
            0 => {
                let (x_0, x_1) = (low(&x.own), low(&x.next));
                let mut c = none(len);
                for i in 0..len {
                    let carry = if i < stride { 0 } else { c[i - stride] };
                    c[i] = ((x_0[i] ^ carry) & (x_1[i] ^ carry)) ^ carry;
                }
                let c_1: Vec<u64> = self.prss.next_vec(op, len);
                let c_0 = ring::zip(&c, &c_1, |c, m| c ^ m);
                c.zeroize();
                self.mesh.send_bulk(2, &c_0)?;
                (
                    Replicated { own: x_0, next: x_1 },
                    Replicated { own: c_0, next: c_1 },
                    Replicated { own: none(total), next: none(total) },
                )
            }
            1 => {
                let (x_1, c_1) = (low(&x.own), self.prss.own_vec::<u64>(op, len));
                c2 = constants(&x_1, &c_1);
                (
                    Replicated { next: none(x_1.len()), own: x_1 },
                    Replicated { own: c_1, next: none(len) },
                    Replicated { own: none(total), next: third(&x.next) },
                )
            }
            _ => {
                let x_0 = low(&x.next);
                let mut c_0 = none(len);
                self.mesh.recv_bulk(0, &mut c_0)?;
                c1 = constants(&x_0, &c_0);
                (
                    Replicated { own: none(x_0.len()), next: x_0 },
                    Replicated { own: none(len), next: c_0 },
                    Replicated { own: third(&x.own), next: none(total) },
                )
            }
        };
        let carry = |c: &[u64], n: usize| -> Vec<u64> { (0..n).map(|i| delayed(c, i)).collect() };
        let with = |x: &[u64], c: &[u64], n: usize| -> Vec<u64> {
            (0..n).map(|i| x[i] ^ delayed(c, i)).collect()
        };
        // (1): X = (x_0 + c_0, c_1, 0) and Y = (c_0, x_1 + c_1, 0).
        let factor = |with_x: usize| {
            let component = |index: usize, x: &[u64], c: &[u64]| match index {
                2 => none(len),
                _ if index == with_x => with(x, c, len),
                _ => carry(c, len),
            };
            let me = self.mesh.me();
            Replicated {
                own: component(me, &bits_x.own, &c.own),
                next: component((me + 1) % 3, &bits_x.next, &c.next),
            }
        };
        let (left, right) = (factor(0), factor(1));
        let sum = Replicated {
            own: with(&bits_x.own, &c.own, total),
            next: with(&bits_x.next, &c.next, total),
        };
        self.log.ands(Ands { x: left, y: right, c1, c2 });
        Ok(Halves {
            a: Planes { stride, words: sum },
            b: Planes { stride, words: b },
            carries: Planes { stride, words: c },
        })
    }
}
