//! The holder's states.

use super::{HintChunks, oprf};
use crate::{
    ecdh::{Options, wire::distinct},
    error::Refusal,
    group::{GroupMap, Key, decode, tag, truncate},
    hint::{Place, Shape, from_digest, interpolate, pad},
    item::{Item, digest},
};
use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar};
use privity_core::{Error, Secret, field::Fp127};
use rand::CryptoRng;
use rayon::prelude::*;
use zeroize::Zeroizing;

/// A holder's half of the key agreement with the other holder.
pub struct Offer {
    u: Zeroizing<Scalar>,
    session: [u8; 32],
}

impl Offer {
    /// A fresh secret.
    pub fn new(options: &Options, rng: &mut impl CryptoRng) -> Self {
        Self { u: Zeroizing::new(Scalar::random(rng)), session: options.session }
    }

    /// u_i·B, for the other holder.
    pub fn public(&self) -> [u8; 32] {
        RistrettoPoint::mul_base(&self.u).compress().0
    }

    /// The common key, of the other's public value.
    pub fn on_key(self, theirs: &[u8; 32]) -> Result<SharedKey, Refusal> {
        // (1)  r = KDF(u_1·u_2·B)
        let point = Zeroizing::new((decode(theirs)? * *self.u).compress().0);
        Ok(SharedKey(Secret::new(digest("holders' key", &[&self.session, &*point]))))
    }
}

/// What the holders know and the querier does not.
pub struct SharedKey(Secret<[u8; 32]>);

impl SharedKey {
    /// (1)  T(x) = F_r(x)
    fn target(&self, item: &Item) -> Fp127 {
        from_digest(&digest("target", &[self.0.expose(), item.as_bytes()]))
    }
}

/// A holder's items by bin of its hint.
pub struct Places {
    shape: Shape,
    /// Bin and row, ascending.
    rows: Vec<(u32, u32)>,
}

impl Places {
    /// Hashes the items into bins. Fails in one of 2^40 sessions.
    pub fn new(items: &[Item], session: &[u8; 32]) -> Result<Self, Error> {
        let shape = Shape::new(items.len());
        let mut rows: Vec<(u32, u32)> = items
            .par_iter()
            .zip(0..items.len() as u32)
            .map(|(item, row)| (shape.bin(&Place::new(session, item)) as u32, row))
            .collect();
        rows.par_sort_unstable();
        if rows.chunk_by(|a, b| a.0 == b.0).any(|bin| bin.len() > shape.load) {
            return Err(Error::Internal(
                "a bin of the hint overflowed, which happens in one of 2^40 sessions; run again \
                 under a new session id",
            ));
        }
        Ok(Self { shape, rows })
    }
}

/// A holder masks the querier's points, in the order received.
pub struct Serving {
    key: Key,
    due: usize,
    seen: Vec<u128>,
}

impl Serving {
    /// A holder with a fresh key, for a querier of the announced size.
    pub fn new(querier_items: usize, rng: &mut impl CryptoRng) -> Self {
        Self { key: Key::random(rng), due: querier_items, seen: Vec::new() }
    }

    /// The reply to one message of points.
    pub fn on_points(&mut self, points: &[[u8; 32]]) -> Result<Vec<[u8; 32]>, Refusal> {
        if self.seen.len() + points.len() > self.due {
            return Err(Refusal::new("it sent more points than it announced"));
        }
        self.seen.extend(points.iter().map(|p| tag(&truncate(p))));
        // (3)  R_t = k_i · P_t
        self.key.mask_points(points)
    }

    /// Goes on to the hint, once all announced points have come.
    pub fn finish<'a>(
        mut self,
        items: &'a [Item],
        places: Places,
        shared: SharedKey,
        options: &Options,
    ) -> Result<Hinting<'a>, Refusal> {
        if self.seen.len() != self.due {
            return Err(Refusal::new("it sent fewer points than it announced"));
        }
        if !distinct(&mut self.seen) {
            return Err(Refusal::new("it sent the same point twice: its items are not distinct"));
        }
        Ok(Hinting {
            key: self.key,
            shared,
            session: options.session,
            map: GroupMap::new(&options.session),
            items,
            chunks: HintChunks { shape: places.shape, ..HintChunks::new(items.len(), options) },
            places,
            next: 0,
            targets: Vec::new(),
        })
    }
}

/// A holder programs its hint, bin by bin.
pub struct Hinting<'a> {
    key: Key,
    shared: SharedKey,
    session: [u8; 32],
    map: GroupMap,
    items: &'a [Item],
    places: Places,
    chunks: HintChunks,
    next: usize,
    targets: Vec<(u128, u32)>,
}

impl Hinting<'_> {
    /// The next message of the hint, and how many items went into it.
    pub fn next_hint(&mut self, rng: &mut impl CryptoRng) -> Option<(Vec<u8>, usize)> {
        if self.next == self.chunks.count() {
            return None;
        }
        let bins = self.chunks.bins(self.next);
        self.next += 1;
        let all = &self.places.rows;
        let start = all.partition_point(|&(bin, _)| (bin as usize) < bins.start);
        let end = all.partition_point(|&(bin, _)| (bin as usize) < bins.end);
        let rows = &all[start..end];
        let items: Vec<Item> = rows.iter().map(|&(_, row)| self.items[row as usize]).collect();
        let masked = self.key.mask_items(&self.map, &items);

        let mut points = vec![Vec::with_capacity(self.chunks.shape.load); bins.len()];
        for ((&(bin, row), item), point) in rows.iter().zip(&items).zip(&masked) {
            // (5)  D_i(x) = T(x) - O_i(x)
            let target = self.shared.target(item);
            let value = target - oprf(&self.session, item, point);
            self.targets.push((target.value(), row));
            points[bin as usize - bins.start].push((Place::new(&self.session, item).xi, value));
        }
        // Every bin is filled up to the same load: work and bytes tell nothing.
        for bin in &mut points {
            pad(bin, self.chunks.shape.load, rng);
        }
        let polynomials: Vec<Vec<Fp127>> = points.par_iter().map(|bin| interpolate(bin)).collect();
        let hint = polynomials.into_iter().flatten().flat_map(Fp127::encode).collect();
        Some((hint, items.len()))
    }

    /// Waits for the result. The key is gone after this.
    pub fn finish(mut self) -> Waiting {
        self.targets.par_sort_unstable();
        Waiting { targets: self.targets }
    }
}

/// A holder that has sent everything.
pub struct Waiting {
    /// Target and row, ascending.
    targets: Vec<(u128, u32)>,
}

impl Waiting {
    /// Own rows of the intersection, in the common order.
    pub fn on_result(self, result: &[[u8; 16]]) -> Result<Vec<u32>, Refusal> {
        let mut previous = None;
        let mut own = self.targets.iter();
        let mut rows = Vec::with_capacity(result.len());
        for encoded in result {
            let target = Fp127::decode(encoded).map(Fp127::value).ok_or_else(|| {
                Refusal::new("its result has a number that is not below 2^127 - 1")
            })?;
            if previous.is_some_and(|p| p >= target) {
                return Err(Refusal::new("its result is not in ascending order"));
            }
            previous = Some(target);
            // (7)  both lists ascend
            let &(_, row) = own
                .find(|&&(t, _)| t >= target)
                .filter(|&&(t, _)| t == target)
                .ok_or_else(|| Refusal::new("its result has an item that this party lacks"))?;
            rows.push(row);
        }
        Ok(rows)
    }
}
