//! Base oblivious transfers: the few that need public-key cryptography.
//!
//! **Paper.** Masny, Rindal, "Endemic Oblivious Transfer", CCS 2019, with
//! Diffie-Hellman on ristretto255 as the key agreement.
//!
//! **Adversary.** Malicious, static, either party; random-oracle model,
//! decisional Diffie-Hellman assumption.
//!
//! **Functionality.** Endemic OT: for each i the sender gets two keys
//! \\(K_{i,0}, K_{i,1}\\), the receiver, who chose a bit \\(c_i\\), gets
//! \\(K_{i,c_i}\\). A malicious sender may choose both of its keys, a malicious
//! receiver the one that it gets; what the other side cannot see is uniform.
//!
//! **Protocol.** G is the base point, H a random oracle into the group, F one
//! into keys, both separated by the receiver's nonce, by i and by the bit.
//!
//! \\[\begin{aligned}
//! &\text{receiver: } a_i \text{ random},\ r_{i,1-c_i} \text{ a random point},\quad
//!    r_{i,c_i} = a_i G - H_{i,c_i}(r_{i,1-c_i}) && (1)\\\\
//! &\text{sender: } M_{i,j} = r_{i,j} + H_{i,j}(r_{i,1-j}),\quad
//!    S_{i,j} = y_{i,j} G,\quad K_{i,j} = F_{i,j}(y_{i,j} M_{i,j}) && (2)\\\\
//! &\text{receiver: } K_{i,c_i} = F_{i,c_i}(a_i S_{i,c_i}) && (3)
//! \end{aligned}\\]
//!
//! By (1) the two points of a pair are uniform whatever the bit, so that the
//! sender learns nothing. Whichever of the two oracle values a malicious
//! receiver asks for last is random to it, hence so is one of the
//! \\(M_{i,j}\\), and its key is a Diffie-Hellman secret of two random points.
//!
//! **Rounds and bytes.** Two messages: 48 + 64 n bytes from the receiver, 64 n
//! from the sender. The receiver's begins with a digest of the *terms*: a text
//! that says what the OTs are for, with all parameters. Parties with different
//! terms would get unrelated rows without noticing; here both get an error, the
//! receiver by an answer that holds no points.
//!
//! **Ours.** The nonce. It separates the oracles of concurrent runs; it is
//! chosen by the receiver, whose choice can only hurt itself, since the sender
//! draws a fresh \\(y_{i,j}\\) for every message (the paper allows one for all,
//! under a stronger assumption).

use crate::{Mesh, Result, Secret};
use curve25519_dalek::{
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
};
use rand::CryptoRng;
use rayon::prelude::*;
use sha2::{Digest, Sha256, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// An encoded point.
type Encoded = [u8; POINT];
const POINT: usize = 32;
const NONCE: usize = 32;
const TERMS: usize = 16;

/// An answer of nothing but this refuses the receiver's terms: no encoding of a
/// point has its highest bit set.
const REFUSAL: u8 = 0xFF;

/// Payload bytes that the receiver of `n` base OTs sends, and the sender.
pub const fn bytes(n: usize) -> (usize, usize) {
    (TERMS + NONCE + 2 * POINT * n, 2 * POINT * n)
}

/// What the sender of a base OT gets.
pub type KeyPair = Secret<[[u8; 16]; 2]>;

/// What the receiver of a base OT gets.
pub type ChosenKey = Secret<[u8; 16]>;

/// The receiver between its message and the answer.
#[derive(ZeroizeOnDrop)]
pub struct Receiver {
    #[zeroize(skip)]
    nonce: [u8; NONCE],
    choices: Vec<u8>,
    exponents: Vec<Scalar>,
}

impl Receiver {
    /// Round 1: the points of (1) for these choice bits, after the nonce.
    pub fn new(choices: &[bool], rng: &mut impl CryptoRng) -> (Self, Vec<u8>) {
        let mut nonce = [0; NONCE];
        rng.fill_bytes(&mut nonce);
        let exponents: Vec<Scalar> = choices.iter().map(|_| Scalar::random(rng)).collect();
        let mut seeds = vec![[0u8; 64]; choices.len()];
        seeds.iter_mut().for_each(|s| rng.fill_bytes(s));
        let choices: Vec<u8> = choices.iter().map(|&c| u8::from(c)).collect();
        let pairs: Vec<[Encoded; 2]> = (&choices, &exponents, &seeds)
            .into_par_iter()
            .enumerate()
            .map(|(i, (&c, a, seed))| {
                let other = RistrettoPoint::from_uniform_bytes(seed).compress().0;
                let own = RistrettoPoint::mul_base(a) - oracle(&nonce, i, c, &other);
                let own = own.compress().0;
                // Position c holds `own`: chosen by masks, not by an index.
                let mask = 0u8.wrapping_sub(c);
                let pick = |m: u8| std::array::from_fn(|b| own[b] & m | other[b] & !m);
                [pick(!mask), pick(mask)]
            })
            .collect();
        seeds.zeroize();
        let mut message = nonce.to_vec();
        message.extend_from_slice(pairs.as_flattened().as_flattened());
        (Self { nonce, choices, exponents }, message)
    }

    /// After round 2: the chosen keys, (3). `None` if a point is no point.
    pub fn finish(self, answer: &[u8]) -> Option<Vec<ChosenKey>> {
        let (points, []) = answer.as_chunks::<POINT>() else { return None };
        let (pairs, []) = points.as_chunks::<2>() else { return None };
        if pairs.len() != self.choices.len() {
            return None;
        }
        (&self.choices, &self.exponents, pairs)
            .into_par_iter()
            .enumerate()
            .map(|(i, (&c, a, pair))| {
                let mask = 0u8.wrapping_sub(c);
                let s: Encoded = std::array::from_fn(|b| pair[0][b] & !mask | pair[1][b] & mask);
                // Both are decoded, so that a refusal does not depend on the bit.
                let points = [decode(&pair[0]), decode(&pair[1]), decode(&s)];
                let [Some(_), Some(_), Some(point)] = points else { return None };
                let shared = point * a;
                Some(Secret::new(key(&self.nonce, i, c, &s, &shared)))
            })
            .collect()
    }
}

/// Round 2: the sender's answer to a receiver's message, and its keys, (2).
/// `None` if the message is not `n` pairs of points.
pub fn answer(
    message: &[u8],
    n: usize,
    rng: &mut impl CryptoRng,
) -> Option<(Vec<u8>, Vec<KeyPair>)> {
    let (nonce, points) = message.split_first_chunk::<NONCE>()?;
    let (points, []) = points.as_chunks::<POINT>() else { return None };
    let (pairs, []) = points.as_chunks::<2>() else { return None };
    if pairs.len() != n {
        return None;
    }
    let mut exponents: Vec<[Scalar; 2]> =
        (0..n).map(|_| [Scalar::random(rng), Scalar::random(rng)]).collect();
    let answers: Option<Vec<([Encoded; 2], KeyPair)>> = (pairs, &exponents)
        .into_par_iter()
        .enumerate()
        .map(|(i, (pair, y))| {
            let r = [decode(&pair[0])?, decode(&pair[1])?];
            let mut keys = [[0; 16]; 2];
            let mut sent = [[0; POINT]; 2];
            for j in 0..2 {
                let m = r[j] + oracle(nonce, i, j as u8, &pair[1 - j]);
                sent[j] = RistrettoPoint::mul_base(&y[j]).compress().0;
                keys[j] = key(nonce, i, j as u8, &sent[j], &(m * y[j]));
            }
            Some((sent, Secret::new(keys)))
        })
        .collect();
    exponents.iter_mut().for_each(Zeroize::zeroize);
    let (sent, keys): (Vec<_>, Vec<_>) = answers?.into_iter().unzip();
    Some((sent.as_flattened().as_flattened().to_vec(), keys))
}

/// Receives base OTs for these choice bits from `peer`, who must have the same
/// terms. Returns the keys and the number of this run, [`session`].
pub fn receive(
    mesh: &mut Mesh,
    peer: usize,
    terms: &str,
    choices: &[bool],
    rng: &mut impl CryptoRng,
) -> Result<(Vec<ChosenKey>, u128)> {
    let (state, message) = Receiver::new(choices, rng);
    let session = session(&message);
    mesh.send_bulk(peer, &[&digest(terms)[..], &message].concat())?;
    let mut reply = vec![0u8; bytes(choices.len()).1];
    mesh.recv_bulk(peer, &mut reply)?;
    if reply.iter().all(|&byte| byte == REFUSAL) {
        return Err(other_terms(mesh, peer, terms));
    }
    let keys = state.finish(&reply).ok_or_else(|| super::stop(mesh, peer, NO_POINT))?;
    Ok((keys, session))
}

/// Sends `n` base OTs to `peer`, who must have the same terms. Returns the keys
/// and the number of this run.
pub fn send(
    mesh: &mut Mesh,
    peer: usize,
    terms: &str,
    n: usize,
    rng: &mut impl CryptoRng,
) -> Result<(Vec<KeyPair>, u128)> {
    let mut message = vec![0u8; bytes(n).0];
    mesh.recv_bulk(peer, &mut message)?;
    let (theirs, message) = message.split_at(TERMS);
    if theirs != digest(terms) {
        mesh.send_bulk(peer, &vec![REFUSAL; bytes(n).1])?;
        return Err(other_terms(mesh, peer, terms));
    }
    let (reply, keys) = answer(message, n, rng).ok_or_else(|| super::stop(mesh, peer, NO_POINT))?;
    mesh.send_bulk(peer, &reply)?;
    Ok((keys, session(message)))
}

fn other_terms(mesh: &mut Mesh, peer: usize, terms: &str) -> crate::Error {
    let rule = format!(
        "it sets up other terms than '{terms}': both parties need the same version, protocol \
         and parameters"
    );
    let error = mesh.deviation(peer, rule);
    mesh.abort(error)
}

fn digest(terms: &str) -> [u8; TERMS] {
    let mut hash = Sha256::new();
    hash.update(b"privity base OT v1: terms");
    hash.update(terms);
    let whole: [u8; 32] = hash.finalize().into();
    std::array::from_fn(|i| whole[i])
}

/// A number for a run, from its receiver's first message: that party's nonce
/// makes it differ from those of all other runs.
pub fn session(message: &[u8]) -> u128 {
    let mut hash = Sha256::new();
    hash.update(b"privity base OT v1: session");
    hash.update(message);
    let digest: [u8; 32] = hash.finalize().into();
    digest.iter().take(16).fold(0, |n, &b| n << 8 | u128::from(b))
}

const NO_POINT: &str =
    "a base OT message holds bytes that are not the canonical encoding of a point";

fn decode(encoded: &Encoded) -> Option<RistrettoPoint> {
    CompressedRistretto(*encoded).decompress()
}

/// H: the one-way map of RFC 9496, section 4.3.4, on 64 bytes of SHA-512.
fn oracle(nonce: &[u8; NONCE], i: usize, j: u8, point: &Encoded) -> RistrettoPoint {
    let mut hash = Sha512::new();
    hash.update(b"privity base OT v1: point");
    hash.update(nonce);
    hash.update((i as u64).to_be_bytes());
    hash.update([j]);
    hash.update(point);
    RistrettoPoint::from_uniform_bytes(&hash.finalize().into())
}

/// F: the key of a Diffie-Hellman secret, bound to where it is used.
fn key(nonce: &[u8; NONCE], i: usize, j: u8, sent: &Encoded, shared: &RistrettoPoint) -> [u8; 16] {
    let mut encoded = shared.compress().0;
    let mut hash = Sha256::new();
    hash.update(b"privity base OT v1: key");
    hash.update(nonce);
    hash.update((i as u64).to_be_bytes());
    hash.update([j]);
    hash.update(sent);
    hash.update(encoded);
    encoded.zeroize();
    let mut digest: [u8; 32] = hash.finalize().into();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    digest.zeroize();
    key
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn the_receiver_gets_the_chosen_key_and_not_the_other() {
        let rng = &mut StdRng::seed_from_u64(1);
        let choices: Vec<bool> = (0..40).map(|_| rng.random()).collect();
        let (state, message) = Receiver::new(&choices, rng);
        assert_eq!(TERMS + message.len(), bytes(40).0);
        let (reply, pairs) = answer(&message, 40, rng).unwrap();
        assert_eq!(reply.len(), bytes(40).1);
        assert_eq!(format!("{state:?}"), "Receiver { .. }");
        let keys = state.finish(&reply).unwrap();
        for ((pair, key), &c) in pairs.iter().zip(&keys).zip(&choices) {
            assert_eq!(pair.expose()[usize::from(c)], *key.expose());
            assert_ne!(pair.expose()[usize::from(!c)], *key.expose());
        }
    }

    #[test]
    fn what_is_no_point_is_refused() {
        let rng = &mut StdRng::seed_from_u64(2);
        let (state, mut message) = Receiver::new(&[true, false], rng);
        let (mut reply, _) = answer(&message, 2, rng).unwrap();
        assert!(answer(&message, 3, rng).is_none());
        message[NONCE + 31] |= 0x80;
        assert!(answer(&message, 2, rng).is_none());
        reply[POINT + 31] |= 0x80;
        assert!(state.finish(&reply).is_none());
    }
}
