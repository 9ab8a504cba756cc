//! Values in and out: inputs, imports, openings, exports.
//!
//! **Input of party o.** x_{o+2} = 0, x_{o+1} from the key that o shares with
//! o + 1, and x_o = x - x_{o+1} goes to o - 1. Whatever a corrupt owner sends is
//! an input: no component is held by both honest parties except the zero.
//!
//! **Import.** An outside owner deals x_i and x_{i+1} to party i. The two
//! holders of each component compare hashes of it at the beginning of the next
//! verification, so that no owner can leave honest parties with different
//! components. Until then all messages are masked as always.
//!
//! **Opening.** After a verification, party i receives the component it lacks
//! from party i - 1 and its SHA-256 from party i + 1, who holds it too; if they
//! do not match it stops. The hash tells nothing that the component does not.
//!
//! **Export.** Recipients outside get fresh shares, each component from both
//! holders, and refuse them unless the copies are equal. One corrupt party
//! cannot change a result then, only prevent it.

use super::Rep3m;
use crate::engine::Recipients;
use privity_core::{
    Error, Result,
    ring::{self, Ring},
    share::replicated::Replicated,
};
use sha2::{Digest, Sha256};

impl Rep3m {
    pub(super) fn import_dealt(&mut self, dealt: &[u64]) -> Result<Replicated<u64>> {
        if !dealt.len().is_multiple_of(2) {
            return Err(Error::Argument(format!(
                "{} dealt words: rep3m takes two per element",
                dealt.len()
            )));
        }
        let (own, next) = dealt.split_at(dealt.len() / 2);
        self.compare.own.append("import", bytemuck::cast_slice(own));
        self.compare.next.append("import", bytemuck::cast_slice(next));
        self.compare.pending = true;
        Ok(Replicated { own: own.to_vec(), next: next.to_vec() })
    }

    pub(super) fn open_words<R: Ring>(
        &mut self,
        x: &Replicated<R>,
        to: Recipients<'_>,
        add: fn(R, R) -> R,
    ) -> Result<Option<Vec<R>>> {
        self.verify()?;
        let (prev, next) = (self.prev(), self.next());
        if to.contains(next) {
            self.mesh.send_bulk(next, &x.own)?;
        }
        if to.contains(prev) {
            self.mesh.send(prev, &hash(&x.next))?;
        }
        if !to.contains(self.mesh.me()) {
            return Ok(None);
        }
        let mut missing = vec![R::default(); x.own.len()];
        let mut said = [0; 32];
        self.mesh.recv_bulk(prev, &mut missing)?;
        self.mesh.recv(next, &mut said)?;
        #[cfg(any(test, feature = "test-util"))]
        if self.unchecked {
            said = hash(&missing);
        }
        if hash(&missing) != said {
            return Err(self.blame(prev, next, "they disagree about an opened component"));
        }
        let known = ring::zip(&x.own, &x.next, add);
        Ok(Some(ring::zip(&known, &missing, add)))
    }
}

fn hash<R: Ring>(component: &[R]) -> [u8; 32] {
    Sha256::digest(bytemuck::cast_slice::<R, u8>(component)).into()
}

/// x from what the three parties exported.
pub(super) fn combine(exported: &[Vec<u64>]) -> Result<Vec<u64>> {
    let refuse = |rule: String| Error::Deviation {
        peer: "a computing party".into(),
        during: "combining exported shares".into(),
        rule,
    };
    let [a, b, c] = exported else {
        return Err(refuse(format!("{} parties exported, rep3m has three", exported.len())));
    };
    if a.len() != b.len() || a.len() != c.len() || !a.len().is_multiple_of(2) {
        return Err(refuse("the parties exported vectors of different lengths".into()));
    }
    let halves = [a, b, c].map(|v| v.split_at(v.len() / 2));
    for i in 0..3 {
        let j = (i + 1) % 3;
        if halves[i].1 != halves[j].0 {
            return Err(refuse(format!("parties {i} and {j} exported different components")));
        }
    }
    let sum = ring::zip(halves[0].0, halves[1].0, u64::plus);
    Ok(ring::zip(&sum, halves[2].0, u64::plus))
}
