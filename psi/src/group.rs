//! The group: ristretto255 (RFC 9496), and batches of its operations.

use crate::{
    error::Refusal,
    item::{Item, prefix},
};
use curve25519_dalek::{
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
    traits::IsIdentity,
};
use privity_core::Secret;
use rand::CryptoRng;
use rayon::prelude::*;
use sha2::{Digest, Sha512};
use zeroize::ZeroizeOnDrop;

/// The canonical encoding of a point.
pub(crate) type Encoded = [u8; POINT];

/// Bytes of an encoded point.
pub(crate) const POINT: usize = 32;

/// Bytes of a [`tag`].
pub(crate) const TAG: usize = 16;

/// Points per batch: amortises the inversion of a batch compression, and leaves
/// enough batches in a message to occupy all cores.
const BATCH: usize = 64;

/// A map from items to the group, for one session.
#[derive(Clone)]
pub(crate) struct GroupMap(Sha512);

impl GroupMap {
    pub(crate) fn new(session: &[u8; 32]) -> Self {
        let mut hash = Sha512::new();
        prefix(&mut hash, "map to ristretto255");
        hash.update(session);
        Self(hash)
    }

    /// H(x): the one-way map of RFC 9496, section 4.3.4, on 64 bytes of SHA-512.
    pub(crate) fn point(&self, item: &Item) -> RistrettoPoint {
        RistrettoPoint::from_uniform_bytes(&self.uniform(item))
    }

    fn uniform(&self, item: &Item) -> [u8; 64] {
        let mut hash = self.0.clone();
        hash.update(item.as_bytes());
        hash.finalize().into()
    }
}

/// A secret non-zero scalar k, used in one run and wiped.
///
/// Batch compression doubles its input (it costs one inversion per batch, and
/// plain compression one per point), so the scalar is kept as k/2.
#[derive(ZeroizeOnDrop)]
pub(crate) struct Key {
    half: Scalar,
}

impl Key {
    pub(crate) fn random(rng: &mut impl CryptoRng) -> Self {
        loop {
            let mut k = Scalar::random(rng);
            if k != Scalar::ZERO {
                let key = Self { half: k.div_by_2() };
                zeroize::Zeroize::zeroize(&mut k);
                return key;
            }
        }
    }

    /// The key of these bytes, if they are the canonical encoding of a scalar that is
    /// not zero.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let k: Option<Scalar> = Scalar::from_canonical_bytes(*bytes).into();
        let mut k = k.filter(|k| *k != Scalar::ZERO)?;
        let key = Self { half: k.div_by_2() };
        zeroize::Zeroize::zeroize(&mut k);
        Some(key)
    }

    /// k as bytes.
    pub(crate) fn expose_bytes(&self) -> Secret<[u8; 32]> {
        Secret::new((self.half + self.half).to_bytes())
    }

    /// k times the generator.
    pub(crate) fn public(&self) -> Encoded {
        RistrettoPoint::mul_base(&(self.half + self.half)).compress().0
    }

    /// The key that undoes this one.
    pub(crate) fn inverse(&self) -> Self {
        // half = k/2 and (1/k)/2 = 1/(4 half).
        let four = Scalar::from(4u8);
        Self { half: (self.half * four).invert() }
    }

    /// k·H(x) for each item.
    pub(crate) fn mask_items(&self, map: &GroupMap, items: &[Item]) -> Vec<Encoded> {
        let eight = Eight::detect(self);
        let batches: Vec<Vec<Encoded>> = items
            .par_chunks(BATCH)
            .map(|batch| {
                let Some(eight) = &eight else {
                    return compress(batch.iter().map(|item| map.point(item) * self.half));
                };
                let (whole, rest) = batch.as_chunks::<8>();
                let mut out = Vec::with_capacity(batch.len());
                for items in whole {
                    out.extend(eight.map(&items.map(|item| map.uniform(&item))));
                }
                out.extend(compress(rest.iter().map(|item| map.point(item) * self.half)));
                out
            })
            .collect();
        batches.concat()
    }

    /// k·P for each received point, in the order received. Refuses encodings
    /// that are not canonical, and the identity, which no item maps to.
    pub(crate) fn mask_points(&self, points: &[Encoded]) -> Result<Vec<Encoded>, Refusal> {
        let eight = Eight::detect(self);
        let one_by_one = |points: &[Encoded]| {
            let points: Vec<_> = points.iter().map(decode).collect::<Result<_, _>>()?;
            Ok(compress(points.iter().map(|point| point * self.half)))
        };
        let batches: Vec<Vec<Encoded>> = points
            .par_chunks(BATCH)
            .map(|batch| {
                let Some(eight) = &eight else { return one_by_one(batch) };
                let (whole, rest) = batch.as_chunks::<8>();
                let mut out = Vec::with_capacity(batch.len());
                for points in whole {
                    match eight.points(points) {
                        Some(masked) => out.extend(masked),
                        // One of them is refused: that says which rule it breaks.
                        None => out.extend(one_by_one(points)?),
                    }
                }
                out.extend(one_by_one(rest)?);
                Ok(out)
            })
            .collect::<Result<_, _>>()?;
        Ok(batches.concat())
    }
}

/// Eight points at a time, where the processor has the instructions.
struct Eight {
    #[cfg(target_arch = "x86_64")]
    kernel: privity_core::arch::Ristretto8,
    #[cfg(target_arch = "x86_64")]
    k: Secret<[u8; 32]>,
}

#[cfg(target_arch = "x86_64")]
impl Eight {
    fn detect(key: &Key) -> Option<Self> {
        let kernel = privity_core::arch::Ristretto8::detect()?;
        Some(Self { kernel, k: key.expose_bytes() })
    }

    fn map(&self, uniform: &[[u8; 64]; 8]) -> [Encoded; 8] {
        self.kernel.multiply_map(self.k.expose(), uniform)
    }

    /// `None` if one of the points is not well encoded, or is the identity.
    fn points(&self, points: &[Encoded; 8]) -> Option<[Encoded; 8]> {
        let (out, good) = self.kernel.multiply(self.k.expose(), points);
        let identity = points.contains(&[0; POINT]);
        (!identity && good == [true; 8]).then_some(out)
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Eight {
    fn detect(_: &Key) -> Option<Self> {
        None
    }

    fn map(&self, _: &[[u8; 64]; 8]) -> [Encoded; 8] {
        unreachable!("there is no such kernel for this processor")
    }

    fn points(&self, _: &[Encoded; 8]) -> Option<[Encoded; 8]> {
        None
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// A received point.
pub(crate) fn decode(encoded: &Encoded) -> Result<RistrettoPoint, Refusal> {
    let point = CompressedRistretto(*encoded).decompress().ok_or_else(|| {
        Refusal::new("it sent bytes that are not the canonical encoding of a point")
    })?;
    if point.is_identity() {
        return Err(Refusal::new("it sent the identity of the group"));
    }
    Ok(point)
}

/// The first 16 bytes of an encoding, as a number that sorts like the bytes.
/// One of the 128 bits is always zero (encodings are even), so the tags of two
/// pseudorandom points are equal with probability 2^-127.
pub(crate) fn tag(encoded: &[u8; TAG]) -> u128 {
    u128::from_be_bytes(*encoded)
}

/// The leading bytes of an encoding that make its [`tag`].
pub(crate) fn truncate(encoded: &Encoded) -> [u8; TAG] {
    let mut bytes = [0; TAG];
    bytes.copy_from_slice(&encoded[..TAG]);
    bytes
}

fn compress(halves: impl Iterator<Item = RistrettoPoint>) -> Vec<Encoded> {
    let halves: Vec<_> = halves.collect();
    RistrettoPoint::double_and_compress_batch(&halves).into_iter().map(|c| c.0).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let bytes: Vec<u8> = (0..text.len() / 2)
            .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        bytes.try_into().unwrap()
    }

    #[test]
    fn rfc_9496_vectors() {
        let file = include_bytes!("../tests/vectors/rfc9496.json");
        let vectors: serde_json::Value = serde_json::from_slice(file).unwrap();
        let map = vectors["element_derivation"].as_array().unwrap();
        assert_eq!(map.len(), 11);
        for vector in map {
            let input = hex::<64>(vector["input"].as_str().unwrap());
            let output = hex::<32>(vector["output"].as_str().unwrap());
            assert_eq!(RistrettoPoint::from_uniform_bytes(&input).compress().0, output);
            assert!(decode(&output).is_ok());
        }
        let bad = vectors["invalid_encodings"].as_array().unwrap();
        assert_eq!(bad.len(), 29);
        for vector in bad {
            assert!(decode(&hex(vector.as_str().unwrap())).is_err());
        }
        assert!(decode(&[0; 32]).unwrap_err().0.contains("identity"));
    }

    /// The map of this crate, frozen: parties of different versions must agree.
    #[test]
    fn map_is_sha512_then_rfc_9496() {
        let (session, item) = ([3; 32], Item::from_bytes([5; 16]));
        let mut hash = Sha512::new();
        hash.update(b"privity psi v1\x13map to ristretto255");
        hash.update([3; 32]);
        hash.update([5; 16]);
        let expected = RistrettoPoint::from_uniform_bytes(&hash.finalize().into());
        assert_eq!(GroupMap::new(&session).point(&item), expected);
    }

    #[test]
    fn masks_commute_invert_and_agree_with_the_plain_product() {
        let rng = &mut StdRng::seed_from_u64(1);
        let map = GroupMap::new(&[0; 32]);
        let items: Vec<Item> = (0..150u8).map(|i| Item::from_bytes([i; 16])).collect();
        let (a, b) = (Key::random(rng), Key::random(rng));
        let plain: Vec<Encoded> =
            items.iter().map(|x| (map.point(x) * (a.half + a.half)).compress().0).collect();
        let once = a.mask_items(&map, &items);
        assert_eq!(once, plain);
        let ab = b.mask_points(&once).unwrap();
        let ba = a.mask_points(&b.mask_items(&map, &items)).unwrap();
        assert_eq!(ab, ba);
        assert_eq!(a.inverse().mask_points(&ab).unwrap(), b.mask_items(&map, &items));
        assert_eq!(format!("{a:?}"), "Key { .. }");
    }
}
