//! Keys from which parties draw common randomness without talking.
//!
//! Each pair of parties has a key; so has each set of N - t parties, where these
//! sets are few (Cramer, Damgård, Ishai, "Share Conversion, Pseudorandom
//! Secret-Sharing and Applications to Secure Computation", TCC 2005), and all
//! together have one for public coins. A key is chosen by its first member. A
//! corrupt member would know it anyway; that it gives all others the same key is
//! checked by hashes in malicious mode.

use super::Security;
use privity_core::{
    Mesh, Result, Secret,
    prg::{Key, Prg, random_key},
};
use rand::CryptoRng;
use sha2::{Digest, Sha256};

/// One party's keys.
pub(super) struct Keys {
    pub(super) own: Prg,
    pub(super) common: Prg,
    /// By party; `None` at this one's own index.
    pub(super) pairs: Vec<Option<Prg>>,
    /// By set; `None` where this party is outside.
    pub(super) sets: Vec<Option<Prg>>,
}

impl Keys {
    /// One round; a second one of 32 bytes to everyone in malicious mode.
    pub(super) fn agree(
        mesh: &mut Mesh,
        sets: &[Vec<usize>],
        security: Security,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        let (me, n) = (mesh.me(), mesh.parties());
        let mut pairs: Vec<Option<Key>> = (0..n).map(|_| None).collect();
        let mut keys: Vec<Option<Key>> =
            sets.iter().map(|set| (set.first() == Some(&me)).then(|| random_key(rng))).collect();
        let mut common = Secret::new([0u8; 16]);
        if me == 0 {
            common = random_key(rng);
        }
        // Those who come first send: the pair's key, the keys of sets that they
        // begin, and party 0 the common one.
        for other in me + 1..n {
            let pair = random_key(rng);
            let mut message = Secret::new(pair.expose().to_vec());
            for (set, key) in sets.iter().zip(&keys) {
                if let Some(key) = key.as_ref().filter(|_| set.contains(&other)) {
                    message.expose_mut().extend_from_slice(key.expose());
                }
            }
            if me == 0 {
                message.expose_mut().extend_from_slice(common.expose());
            }
            mesh.send(other, message.expose())?;
            pairs[other] = Some(pair);
        }
        for other in 0..me {
            let mine: Vec<usize> = (0..sets.len())
                .filter(|&a| sets[a].first() == Some(&other) && sets[a].contains(&me))
                .collect();
            let count = 1 + mine.len() + usize::from(other == 0);
            let mut message = Secret::new(vec![0u8; 16 * count]);
            mesh.recv(other, message.expose_mut())?;
            let (received, _) = message.expose().as_chunks::<16>();
            pairs[other] = Some(Secret::new(received[0]));
            for (&a, key) in mine.iter().zip(&received[1..]) {
                keys[a] = Some(Secret::new(*key));
            }
            if other == 0 {
                common = Secret::new(received[count - 1]);
            }
        }
        if security == Security::Malicious {
            Self::compare(mesh, sets, &keys, &common)?;
        }
        let schedule =
            |keys: Vec<Option<Key>>| keys.into_iter().map(|k| k.map(|k| Prg::new(&k))).collect();
        Ok(Self {
            own: Prg::new(&random_key(rng)),
            common: Prg::new(&common),
            pairs: schedule(pairs),
            sets: schedule(keys),
        })
    }

    /// Every two parties compare the keys that both have.
    fn compare(
        mesh: &mut Mesh,
        sets: &[Vec<usize>],
        keys: &[Option<Key>],
        common: &Key,
    ) -> Result<()> {
        let (me, n) = (mesh.me(), mesh.parties());
        let digest = |other: usize| -> [u8; 32] {
            let mut hash = Sha256::new();
            hash.update(b"privity shamir keys");
            hash.update(common.expose());
            for (set, key) in sets.iter().zip(keys) {
                if let Some(key) = key.as_ref().filter(|_| set.contains(&other)) {
                    hash.update(key.expose());
                }
            }
            hash.finalize().into()
        };
        for other in (0..n).filter(|&i| i != me) {
            mesh.send(other, &digest(other))?;
        }
        for other in (0..n).filter(|&i| i != me) {
            let mut theirs = [0u8; 32];
            mesh.recv(other, &mut theirs)?;
            if theirs != digest(other) {
                let error = mesh.deviation(other, "its keys are not those of this party");
                return Err(mesh.abort(error));
            }
        }
        Ok(())
    }
}
