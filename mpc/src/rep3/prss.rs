//! Correlated randomness without communication.
//!
//! Key k_i is known to parties i - 1 and i. Party i therefore holds k_i and
//! k_{i+1}, and derives from them
//!
//! - values shared with one neighbour, F(k_i, op) or F(k_{i+1}, op);
//! - a zero share alpha_i = F(k_i, op) - F(k_{i+1}, op): the three sum to zero
//!   and each is uniform to either other party (Araki et al. 2016, section 3.1).
//!
//! Every operation draws under a number of its own, the same at all parties
//! because all make the same calls. Numbers never repeat within a session, and
//! keys never outlive one.

use privity_core::{
    Mesh, Result, Secret,
    prg::{Prg, random_key},
    ring::Ring,
};
use rand::CryptoRng;

/// One party's keys and its operation counter.
#[derive(Debug)]
pub struct Prss {
    own: Prg,
    next: Prg,
    operation: u64,
    #[cfg(any(test, feature = "test-util"))]
    me: usize,
    #[cfg(any(test, feature = "test-util"))]
    flaw: Option<Flaw>,
}

/// Sub-streams of one operation: added to its number, so that each is a domain
/// of its own.
pub(crate) const Y: u64 = 1 << 60;
pub(super) const W: u64 = 2 << 60;
pub(super) const N: u64 = 3 << 60;

/// Faults that a transcript test must notice.
#[cfg(any(test, feature = "test-util"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The operation number stands still: masks repeat.
    ReusedMask,
    /// Zero shares are zero: nothing is re-randomised.
    NoRerandomisation,
    /// The masks Y known to parties j - 1 and j are zero.
    NoMask(usize),
    /// The sub-streams of an operation coincide.
    OneStream,
}

/// Elements of scratch space per step of [`Prss::zeros`]; divides every chunk.
const SCRATCH: usize = 512;

impl Prss {
    /// Draws k_i, gives it to party i - 1, and receives k_{i+1} from party i + 1.
    pub fn agree(mesh: &mut Mesh, rng: &mut impl CryptoRng) -> Result<Self> {
        let me = mesh.me();
        let own = random_key(rng);
        mesh.send((me + 2) % 3, own.expose())?;
        let mut next = Secret::new([0; 16]);
        mesh.recv((me + 1) % 3, next.expose_mut())?;
        Ok(Self {
            own: Prg::new(&own),
            next: Prg::new(&next),
            operation: 0,
            #[cfg(any(test, feature = "test-util"))]
            me,
            #[cfg(any(test, feature = "test-util"))]
            flaw: None,
        })
    }

    /// The number of a new operation.
    pub fn operation(&mut self) -> u64 {
        #[cfg(any(test, feature = "test-util"))]
        if self.flaw == Some(Flaw::ReusedMask) {
            return 1;
        }
        self.operation += 1;
        self.operation
    }

    /// F(k_i, op): shared with party i - 1.
    pub fn own_vec<R: Ring>(&self, op: u64, len: usize) -> Vec<R> {
        let mut out = vec![R::default(); len];
        self.own_fill(op, 0, &mut out);
        out
    }

    /// F(k_{i+1}, op): shared with party i + 1.
    pub fn next_vec<R: Ring>(&self, op: u64, len: usize) -> Vec<R> {
        let mut out = vec![R::default(); len];
        self.next_fill(op, 0, &mut out);
        out
    }

    /// [`Prss::own_vec`], from element `start` on.
    pub fn own_fill<R: Ring>(&self, op: u64, start: usize, out: &mut [R]) {
        #[cfg(any(test, feature = "test-util"))]
        let Some(op) = self.flawed(op, self.me) else { return out.fill(R::default()) };
        self.own.fill(op, start, out);
    }

    /// [`Prss::next_vec`], from element `start` on.
    pub fn next_fill<R: Ring>(&self, op: u64, start: usize, out: &mut [R]) {
        #[cfg(any(test, feature = "test-util"))]
        let Some(op) = self.flawed(op, (self.me + 1) % 3) else { return out.fill(R::default()) };
        self.next.fill(op, start, out);
    }

    /// What a planted fault makes of a draw from key `stream`; `None` for zeros.
    #[cfg(any(test, feature = "test-util"))]
    fn flawed(&self, op: u64, stream: usize) -> Option<u64> {
        match self.flaw {
            Some(Flaw::NoMask(j)) if j == stream && op >> 60 == Y >> 60 => None,
            Some(Flaw::OneStream) => Some(op & (Y - 1)),
            _ => Some(op),
        }
    }

    /// alpha_i over the ring, from element `start` on.
    pub fn zeros<R: Ring>(&self, op: u64, start: usize, out: &mut [R]) {
        self.combine(op, start, out, R::minus);
    }

    /// alpha_i over bits: exclusive or instead of difference.
    pub fn zero_bits(&self, op: u64, start: usize, out: &mut [u64]) {
        self.combine(op, start, out, |a, b| a ^ b);
    }

    fn combine<R: Ring>(&self, op: u64, start: usize, out: &mut [R], f: impl Fn(R, R) -> R) {
        self.own.fill(op, start, out);
        let mut other = [R::default(); SCRATCH];
        for (i, part) in out.chunks_mut(SCRATCH).enumerate() {
            let other = &mut other[..part.len()];
            self.next.fill(op, start + i * SCRATCH, other);
            for (o, &n) in part.iter_mut().zip(other.iter()) {
                *o = f(*o, n);
            }
        }
        #[cfg(any(test, feature = "test-util"))]
        if self.flaw == Some(Flaw::NoRerandomisation) {
            out.fill(R::default());
        }
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn plant(&mut self, flaw: Flaw) {
        self.flaw = Some(flaw);
    }
}
