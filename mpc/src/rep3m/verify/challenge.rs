//! Public coins.
//!
//! The challenge of party i's proof comes from the key that parties i - 1 and
//! i + 1 share and party i lacks, so that its verifiers know it all along and
//! the prover learns it when both of them have received everything that it
//! depends on: each sends its half and the hash of the other's half. A
//! verifier that lies about its half is contradicted by the hash, whatever the
//! inputs are.

use super::super::Rep3m;
use privity_core::{Error, Result, Secret, prg::Prg};
use sha2::{Digest, Sha256};

/// Streams of the three challenges of one round, by this party's role.
pub(crate) struct Coins {
    /// As the prover.
    pub(crate) prover: Prg,
    /// As the first verifier, of the next party's proof.
    pub(crate) first: Prg,
    /// As the second verifier, of the previous party's proof.
    pub(crate) second: Prg,
}

/// Bytes of a message: half a seed and a hash.
pub(crate) const MESSAGE: usize = 48;

type Half = [u64; 2];

impl Rep3m {
    /// Tells both other parties their challenges and learns one's own.
    pub(super) fn toss(&mut self) -> Result<Coins> {
        let op = self.prss.operation();
        // The key shared with the previous party is what the next one lacks.
        let [first, second] = [self.prss.own_vec(op, 4), self.prss.next_vec(op, 4)].map(halves);
        let (prev, next) = (self.prev(), self.next());
        self.mesh.send(next, &message(&first[0], &first[1]))?;
        self.mesh.send(prev, &message(&second[1], &second[0]))?;
        // The first verifier of this party's proof is the previous party.
        let mut from_first = [0; MESSAGE];
        let mut from_second = [0; MESSAGE];
        self.mesh.recv(prev, &mut from_first)?;
        self.mesh.recv(next, &mut from_second)?;
        let [a, b] = [from_first, from_second].map(|m| half(&m));
        for (hash, said, by) in
            [(&from_first[16..], b, [next, prev]), (&from_second[16..], a, [prev, next])]
        {
            if Sha256::digest(bytemuck::bytes_of(&said)).as_slice() != hash {
                return Err(self.blame(by[0], by[1], "they disagree about a challenge"));
            }
        }
        Ok(Coins { prover: seed(&[a, b]), first: seed(&first), second: seed(&second) })
    }

    /// The last challenge, which provers need not know.
    pub(super) fn toss_silently(&mut self) -> Coins {
        let op = self.prss.operation();
        let [first, second] = [self.prss.own_vec(op, 4), self.prss.next_vec(op, 4)].map(halves);
        let unused = Prg::new(&Secret::new([0; 16]));
        Coins { prover: unused, first: seed(&first), second: seed(&second) }
    }

    /// Ends the run because one of two parties deviates; which one cannot be told.
    pub(crate) fn blame(&mut self, i: usize, j: usize, rule: &str) -> Error {
        let names = format!("{} or {}", self.mesh.name(i), self.mesh.name(j));
        let error = match self.mesh.deviation(i, rule) {
            Error::Deviation { during, rule, .. } => {
                Error::Deviation { peer: names.into(), during, rule }
            }
            other => other,
        };
        self.mesh.abort(error)
    }
}

fn halves(words: Vec<u64>) -> [Half; 2] {
    [[words[0], words[1]], [words[2], words[3]]]
}

fn message(mine: &Half, other: &Half) -> [u8; MESSAGE] {
    let mut out = [0; MESSAGE];
    out[..16].copy_from_slice(bytemuck::bytes_of(mine));
    out[16..].copy_from_slice(&Sha256::digest(bytemuck::bytes_of(other)));
    out
}

fn half(message: &[u8; MESSAGE]) -> Half {
    let mut half = [0; 2];
    bytemuck::bytes_of_mut(&mut half).copy_from_slice(&message[..16]);
    half
}

fn seed(halves: &[Half; 2]) -> Prg {
    let mut hash = Sha256::new();
    hash.update(b"privity rep3m challenge");
    hash.update(bytemuck::bytes_of(halves));
    let mut key = Secret::new([0; 16]);
    key.expose_mut().copy_from_slice(&hash.finalize()[..16]);
    Prg::new(&key)
}
