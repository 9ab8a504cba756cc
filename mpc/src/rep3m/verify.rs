//! The postponed check: everything computed since the last one is right.
//!
//! It runs before anything is opened or exported and when the log is full, and
//! is a proof by each party to the two others in the manner of Boneh, Boyle,
//! Corrigan-Gibbs, Gilboa, Ishai, "Zero-Knowledge Proofs on Secret-Shared Data
//! via Fully Linear PCPs", CRYPTO 2019, and Boyle, Gilboa, Ishai, Nof,
//! "Practical Fully Secure Three-Party Computation via Sublinear Distributed
//! Zero-Knowledge Proofs", CCS 2019: every relation that a party must prove is
//! bilinear in values of its first and values of its second verifier, and it
//! knows both. The recursion (module `proof`), the rings and the handling of
//! bits, matrices and shuffles are this library's arrangement.
//!
//! **Rounds.** If there are matrix products: a challenge, and the lifted
//! compressed products. Then for each of up to three levels (four with many
//! ANDs) a challenge and a message of the prover. In the end the verifiers of
//! each proof compare. All three proofs, about all kinds of entries, share the
//! rounds.
//!
//! **Soundness.** Let some relation be false, modulo 2^64 for words (2^128 for
//! wide ones). A challenge turns false statements into one false statement
//! except with small probability:
//!
//! - *Over GF(2^64)* each step of (6), (7), (3) to (5) evaluates a polynomial of
//!   degree at most two that is not zero at random points: 2^-63 per level,
//!   below 2^-60 altogether.
//! - *Over Z_2^128* an error e has a valuation v(e) < 64. For a challenge k
//!   uniform in [0, 2^64) and any c, v(k e + c) >= v(e) + b has a probability of
//!   at most 2^-b (b <= 64): each challenge lifts the valuation by a geometric
//!   variable at most. A proof fails to notice only if the sum over its
//!   challenges reaches 128 - 63 = 65. There are at most two challenges before
//!   the first level (rho and gamma of a shuffle, f and e of a matrix) and two
//!   per level, in a chain of at most eight; so the probability is at most
//!   Pr[Bin(72, 1/2) <= 7] + 8 * 2^-64 < 2^-41. The last row of masks is covered:
//!   its products are constants c for the challenges of the other rows.
//!   Compressed matrices add 2^-47. Over Z_2^192 the same holds with 192 - 127.
//!
//! The sum of both kinds is below 2^-40. An adversary that is caught once is
//! out, so this bounds the probability for a whole session.
//!
//! **Zero knowledge.** V1 sees G_1, uniform by the key of prover and V2; V2
//! receives nothing from the prover. The last vectors are masked towards each
//! other. The claims and parts of kappa follow from what the receiver has. The
//! prover sees challenges only.
//!
//! **Aborts that tell nothing.** If the prover is corrupt, its proof fails or
//! not by its own choices and the coins. If a verifier is corrupt, the prover is
//! honest and all statements hold: parts of kappa and residues are compared
//! with values that the liar can compute; a false s is compared by <s, t> with
//! a t that is uniform by the row of masks; a false challenge is contradicted
//! by a hash. In no case does the outcome depend on honest inputs.

mod bits;
mod challenge;
mod matrix;
mod passes;
pub(crate) mod plan;
mod proof;
mod words;

pub(crate) use challenge::MESSAGE as CHALLENGE;

use super::{
    Rep3m,
    algebra::{Algebra, Gf64, Z128, Z192},
    log::Log,
};
use bits::BitLevel;
use challenge::Coins;
use matrix::Compressed;
use privity_core::{Result, transcript::Transcript};
use proof::Proof;
use words::WordLevel;

/// Components that two parties have from outside and must hold alike: compared
/// with the previous party's by `own`, with the next party's by `next`.
pub(super) struct Compare {
    pub(super) own: Transcript,
    pub(super) next: Transcript,
    pub(super) pending: bool,
}

impl Default for Compare {
    fn default() -> Self {
        let new = || Transcript::new("privity rep3m components");
        Self { own: new(), next: new(), pending: false }
    }
}

/// Bytes of a digest.
pub(crate) const DIGEST: usize = 32;

/// A proof about words or wide words in the course of a verification; `None`
/// where there is nothing to prove.
type Open<A> = Option<Proof<A>>;

impl Rep3m {
    /// Verifies the log if it is full.
    pub(super) fn verify_if_full(&mut self) -> Result<()> {
        if self.log.size.is_full() { self.verify() } else { Ok(()) }
    }

    /// Verifies everything that has been computed. Nothing may be opened before.
    pub(super) fn verify(&mut self) -> Result<()> {
        let log = std::mem::take(&mut self.log);
        let compare = std::mem::take(&mut self.compare);
        // First, because what verifiers tell each other hides the secrets only
        // if the honest parties' components agree.
        if compare.pending {
            let mut check = Check::default();
            check.say(compare.own.digest(), compare.next.digest());
            self.finish_check(check, "it was dealt another component, or says so")?;
        }
        if log.size.is_empty() {
            return Ok(());
        }
        let mut check = Check::default();
        self.prove(log, &mut check)?;
        self.finish_check(check, "what it computed does not verify")
    }

    /// All rounds but the last.
    fn prove(&mut self, mut log: Log, check: &mut Check) -> Result<()> {
        let size = log.size.clone();
        let compressed = self.compress(&log, check)?;
        let coins = self.toss()?;
        let (by_words, plan, others) = plan::words(&size);
        let mut others = Proof::<Z128>::new(others, words::WORDS);
        for (i, c) in compressed.iter().enumerate() {
            c.combine(i, &coins, &mut others);
        }
        for (i, (pass, &rows)) in log.passes.iter().zip(&size.rows).enumerate() {
            passes::extend(&mut others, i, pass, rows, self.mesh.me(), &coins, &self.prss);
        }
        let mut words =
            by_words.then(|| WordLevel::new(std::mem::take(&mut log.words), size.words, &coins));
        let mut z: Open<Z128> = None;
        if !by_words && plan.len > 0 {
            let mut proof = words::expand(plan.clone(), words::WORDS, &log.words, &coins);
            proof.join(std::mem::take(&mut others), None);
            z = Some(proof);
        }
        let mut wide: Open<Z192> = (size.wide > 0)
            .then(|| words::expand(plan::wide(&size), words::WIDE, &log.wide, &coins));
        let mut level = (size.ands > 0).then(|| BitLevel::new(&log.ands, size.ands, &coins));
        let mut bits: Open<Gf64> = None;
        if !plan::bits(size.ands).0 {
            bits = level.take().map(|l| l.expand(size.ands));
        }
        drop((log, compressed, coins));

        loop {
            let ops = [(); 3].map(|()| self.prss.operation());
            let mut message = Vec::new();
            let prss = &self.prss;
            if let Some(level) = &mut level {
                level.multiply(prss, ops[0], &mut message);
            }
            multiply(&mut bits, prss, ops[0], &mut message);
            if let Some(words) = &mut words {
                words.multiply(prss, ops[1], &mut message);
            }
            multiply(&mut z, prss, ops[1], &mut message);
            multiply(&mut wide, prss, ops[2], &mut message);
            if message.is_empty() {
                break;
            }
            let received = self.pass_on(&message)?;
            let mut received = &received[..];
            if let Some(level) = &mut level {
                level.take(split(&mut received, plan::bit_message(size.ands)));
            }
            take(&mut bits, &mut received);
            if let Some(words) = &mut words {
                words.take(split(&mut received, plan::WORD_MESSAGE));
            }
            take(&mut z, &mut received);
            take(&mut wide, &mut received);

            let goes_on = level.is_some()
                || words.is_some()
                || goes_on(&bits)
                || goes_on(&z)
                || goes_on(&wide);
            let coins = if goes_on { self.toss()? } else { self.toss_silently() };
            let prss = &self.prss;
            descend(&mut bits, prss, ops[0], &coins);
            if let Some(level) = level.take() {
                bits = Some(level.descend(size.ands, &coins));
            }
            descend(&mut z, prss, ops[1], &coins);
            if let Some(words) = words.take() {
                let mut proof = words.descend(plan.clone(), &coins);
                proof.join(std::mem::take(&mut others), Some(&coins));
                z = Some(proof);
            }
            descend(&mut wide, prss, ops[2], &coins);
            if !goes_on {
                break;
            }
        }
        check.conclude(bits);
        check.conclude(z);
        check.conclude(wide);
        Ok(())
    }

    /// Compresses and lifts the matrix products.
    fn compress(&mut self, log: &Log, check: &mut Check) -> Result<Vec<Compressed>> {
        if log.matrices.is_empty() {
            return Ok(vec![]);
        }
        let coins = self.toss()?;
        let mut compressed: Vec<Compressed> = log
            .matrices
            .iter()
            .enumerate()
            .map(|(i, entry)| Compressed::new(i, entry, &coins, &self.prss))
            .collect();
        let mut message = Vec::new();
        for c in &mut compressed {
            let op = self.prss.operation();
            c.lift(&self.prss, op, &mut message);
        }
        let received = self.pass_on(&message)?;
        let mut received = &received[..];
        let new = || Transcript::new("privity rep3m residues");
        let (mut first, mut second) = (new(), new());
        for c in &mut compressed {
            c.take(split(&mut received, 16 * c.len()));
            c.residues(&mut first, &mut second);
        }
        check.say(first.digest(), second.digest());
        Ok(compressed)
    }

    /// Sends a prover's message to its first verifier and receives that of the
    /// next party, which has the same length.
    fn pass_on(&mut self, message: &[u8]) -> Result<Vec<u8>> {
        let (prev, next) = (self.prev(), self.next());
        self.mesh.send_bulk(prev, message)?;
        let mut received = vec![0; message.len()];
        self.mesh.recv_bulk(next, &mut received)?;
        Ok(received)
    }

    /// One round: those who must agree compare.
    fn finish_check(&mut self, check: Check, rule: &str) -> Result<()> {
        let (prev, next) = (self.prev(), self.next());
        let mut to_prev = check.to_prev;
        let mut to_next = check.to_next;
        for proof in &check.proofs {
            proof.statements(&mut to_prev, &mut to_next);
        }
        self.mesh.send_bulk(prev, &to_prev)?;
        self.mesh.send_bulk(next, &to_next)?;
        let mut from_prev = vec![0; to_prev.len()];
        let mut from_next = vec![0; to_next.len()];
        self.mesh.recv_bulk(prev, &mut from_prev)?;
        self.mesh.recv_bulk(next, &mut from_next)?;
        // Digests agree if they are equal; they come first in every message.
        let digests = check.digests;
        let mut of_next = from_prev[..digests] == to_prev[..digests];
        let mut of_prev = from_next[..digests] == to_next[..digests];
        let (mut rest_prev, mut rest_next) = (&from_prev[digests..], &from_next[digests..]);
        for proof in &check.proofs {
            let bytes = proof.statement_bytes();
            let [first, second] =
                proof.agrees(split(&mut rest_prev, bytes), split(&mut rest_next, bytes));
            of_next &= first;
            of_prev &= second;
        }
        #[cfg(any(test, feature = "test-util"))]
        if self.unchecked {
            return Ok(());
        }
        if !of_next {
            return Err(self.blame(next, prev, rule));
        }
        if !of_prev {
            return Err(self.blame(prev, next, rule));
        }
        Ok(())
    }
}

/// What the last round compares.
#[derive(Default)]
struct Check {
    to_prev: Vec<u8>,
    to_next: Vec<u8>,
    digests: usize,
    proofs: Vec<Box<dyn Concluded>>,
}

impl Check {
    /// Digests that the previous and the next party must have too.
    fn say(&mut self, prev: [u8; DIGEST], next: [u8; DIGEST]) {
        self.to_prev.extend_from_slice(&prev);
        self.to_next.extend_from_slice(&next);
        self.digests += DIGEST;
    }

    fn conclude<A: Algebra>(&mut self, proof: Open<A>) {
        if let Some(proof) = proof {
            self.proofs.push(Box::new(proof));
        }
    }
}

/// A proof of which only the comparison is left.
trait Concluded {
    fn statements(&self, to_prev: &mut Vec<u8>, to_next: &mut Vec<u8>);
    fn statement_bytes(&self) -> usize;
    fn agrees(&self, from_prev: &[u8], from_next: &[u8]) -> [bool; 2];
}

impl<A: Algebra> Concluded for Proof<A> {
    fn statements(&self, to_prev: &mut Vec<u8>, to_next: &mut Vec<u8>) {
        Proof::statements(self, to_prev, to_next);
    }
    fn statement_bytes(&self) -> usize {
        Proof::statement_bytes(self)
    }
    fn agrees(&self, from_prev: &[u8], from_next: &[u8]) -> [bool; 2] {
        Proof::agrees(self, from_prev, from_next)
    }
}

fn multiply<A: Algebra>(
    proof: &mut Open<A>,
    prss: &crate::rep3::Prss,
    op: u64,
    message: &mut Vec<u8>,
) {
    if let Some(proof) = proof.as_mut().filter(|p| !p.is_done()) {
        proof.multiply(prss, op, message);
    }
}

fn take<A: Algebra>(proof: &mut Open<A>, received: &mut &[u8]) {
    if let Some(proof) = proof.as_mut().filter(|p| !p.is_done()) {
        let bytes = proof.products() * size_of::<A::E>();
        proof.take(split(received, bytes));
    }
}

fn descend<A: Algebra>(proof: &mut Open<A>, prss: &crate::rep3::Prss, op: u64, coins: &Coins) {
    if let Some(proof) = proof.as_mut().filter(|p| !p.is_done()) {
        proof.descend(prss, op, coins);
    }
}

/// Whether a proof has levels after the one in progress.
fn goes_on<A: Algebra>(proof: &Open<A>) -> bool {
    proof.as_ref().is_some_and(|p| p.levels_left() > 1)
}

/// The first `n` bytes; the message's length has been checked on arrival.
fn split<'a>(message: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (head, rest) = message.split_at(n);
    *message = rest;
    head
}

#[cfg(test)]
mod tests {
    use privity_core::params::STATISTICAL_BITS;

    /// Pr[Bin(72, 1/2) <= 7], the compression of matrices and the binary field
    /// together, as stated above.
    #[test]
    fn the_statistical_bound_holds() {
        let choose =
            |k: u32| (1..=k).fold(1u128, |c, i| c * u128::from(72 - k + i) / u128::from(i));
        let below: u128 = (0..=7).map(choose).sum();
        let valuation = below as f64 / 2f64.powi(72) + 8.0 * 2f64.powi(-64);
        assert!(valuation < 2f64.powi(-41));
        let total = valuation + 2f64.powi(-47) + 2f64.powi(-60);
        assert!(total < 2f64.powi(-(STATISTICAL_BITS as i32)));
    }
}
