//! A few items against very many: the many are encrypted once, into a filter that
//! clients keep, and a query costs what the few cost.
//!
//! # Papers
//!
//! Kiss, Liu, Schneider, Asokan, Pinkas, "Private Set Intersection for Unequal Set
//! Sizes with Mobile Applications", PETS 2017, the protocol from Diffie-Hellman; the
//! function is the oblivious PRF of RFC 9497 in its base mode, without its
//! framing. The filter is a Golomb-Rice coded list (Golomb, IEEE Trans. IT 1966).
//!
//! # Functionality
//!
//! The *server* has N items and a key k. It gives out a [`Filter`] of tags
//!
//! \\[ \tau(x) = \lfloor \mathrm{SHA256}(v, k\,H(x)) \rfloor_t,
//!    \qquad t = 40 + \log_2 N_{\max} + \log_2 Q, \qquad (1) \\]
//!
//! v the version of the key, Q the queries that the filter is made for. A *client*
//! with items y learns which of them the server has:
//!
//! \\[ \text{client: } r_y H(y) \text{ for one fresh } r, \qquad
//!    \text{server: } k\,(r H(y)), \qquad
//!    \text{client: } \tau(y) \text{ from } r^{-1} k r H(y). \qquad (2) \\]
//!
//! The server learns the number of items and nothing about them.
//!
//! # Adversary
//!
//! Semi-honest client and server, static; a client that deviates gets one evaluation
//! of the function for each point it sends, so that it can test guesses: the server
//! counts them ([`Server::allowance`]). A server that deviates makes the client's
//! answer wrong and learns nothing, unless it sees what the client does with it.
//! Assumptions: one-more gap Diffie-Hellman in ristretto255, SHA-512 and SHA-256 as
//! random oracles. A false match has probability 2^-40 over Q queries.
//!
//! # Keeping it up to date
//!
//! Added items make further [`Segment`]s under the same key, which tell how many they
//! are. Items that go need a new key: whoever has an old filter and its answers knows
//! what was in it. Rotate the key ([`Server::new`]) at the latest when Q queries are
//! answered; a client with another version is told so.
//!
//! # Cost
//!
//! Once: a multiplication for each of the server's items, and t - log2(N) + 1.5 bits
//! in the filter. Each query item: 64 bytes, one multiplication at the server and two
//! at the client, and 4096 steps in the filter.
//!
//! # Leakage
//!
//! N, and the sizes of the segments; the number of items of a query. The client looks
//! up its own tags in places that depend on them.

use crate::{
    error,
    group::{Encoded, GroupMap, Key, POINT},
    item::{Item, check_items, digest},
};
use privity_core::{
    Error, Mesh, Secret,
    codec::{Decode, DecodeError, Encode, Reader},
    params::STATISTICAL_BITS,
};
use rand::CryptoRng;
use rayon::prelude::*;

/// What a filter is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Items in all segments.
    pub items: u64,
    /// Query items of all clients together, until the key is changed.
    pub queries: u64,
}

impl Limits {
    /// t of (1).
    fn tag_bits(self) -> Result<u32, Error> {
        let log = |n: u64| n.max(2).next_power_of_two().ilog2();
        if !(1..=1 << 40).contains(&self.items) || !(1..=1 << 40).contains(&self.queries) {
            return Err(Error::Argument("limits of a filter must be between 1 and 2^40".into()));
        }
        Ok(STATISTICAL_BITS + log(self.items) + log(self.queries))
    }
}

/// Names a key and what its filter is made for; public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version([u8; 32]);

/// The party with many items.
pub struct Server {
    key: Key,
    map: GroupMap,
    version: Version,
    limits: Limits,
    bits: u32,
    left: u64,
}

impl Server {
    /// A server with a fresh key. `domain` separates the items of different uses.
    pub fn new(domain: [u8; 32], limits: Limits, rng: &mut impl CryptoRng) -> Result<Self, Error> {
        Self::with_key(domain, limits, limits.queries, Key::random(rng))
    }

    /// The server of a key that was kept, which may still answer so many query items.
    pub fn restore(
        domain: [u8; 32],
        limits: Limits,
        allowance: u64,
        key: &Secret<[u8; 32]>,
    ) -> Result<Self, Error> {
        let key = Key::from_bytes(key.expose())
            .ok_or_else(|| Error::Argument("these bytes are not a key".into()))?;
        Self::with_key(domain, limits, allowance.min(limits.queries), key)
    }

    fn with_key(domain: [u8; 32], limits: Limits, left: u64, key: Key) -> Result<Self, Error> {
        let bits = limits.tag_bits()?;
        let parts: [&[u8]; 4] =
            [&domain, &key.public(), &limits.items.to_be_bytes(), &limits.queries.to_be_bytes()];
        let version = Version(digest("unbalanced version", &parts));
        Ok(Self { key, map: GroupMap::new(&domain), version, limits, bits, left })
    }

    /// The key, to be kept where only the server reads it.
    pub fn expose_key(&self) -> Secret<[u8; 32]> {
        self.key.expose_bytes()
    }

    /// The version of the key.
    pub fn version(&self) -> Version {
        self.version
    }

    /// How many more query items it answers.
    pub fn allowance(&self) -> u64 {
        self.left
    }

    /// The filter of these items, which must differ; to be sent to clients as
    /// [`Filter::to_bytes`](Encode::to_bytes).
    pub fn filter(&self, domain: [u8; 32], items: &[Item]) -> error::Result<Filter> {
        let first = self.segment(items)?;
        Ok(Filter {
            domain,
            version: self.version,
            limits: self.limits,
            bits: self.bits,
            segments: vec![first],
        })
    }

    /// A further segment, of items that are not in the filter yet.
    pub fn segment(&self, items: &[Item]) -> error::Result<Segment> {
        check_items(items)?;
        if items.len() as u64 > self.limits.items {
            return Err(Error::Argument(format!(
                "{} items are more than the {} of the filter",
                items.len(),
                self.limits.items
            ))
            .into());
        }
        let mut tags = Vec::with_capacity(items.len());
        for part in items.chunks(1 << 16) {
            let points = self.key.mask_items(&self.map, part);
            tags.extend(points.iter().map(|point| tag(&self.version, point, self.bits)));
        }
        tags.par_sort_unstable();
        Ok(Segment::new(&tags, self.bits))
    }

    /// Answers one query of `peer`, of at most `most` items; says of how many.
    pub fn answer(&mut self, mesh: &mut Mesh, peer: usize, most: u64) -> error::Result<u64> {
        let scope = mesh.begin_scope("psi/unbalanced");
        let answered = self.evaluate(mesh, peer, most);
        mesh.end_scope(scope);
        answered
    }

    fn evaluate(&mut self, mesh: &mut Mesh, peer: usize, most: u64) -> error::Result<u64> {
        let mut hello = [0u8; 40];
        mesh.recv(peer, &mut hello)?;
        let (version, count) = hello.split_at(32);
        let mut bytes = [0; 8];
        bytes.copy_from_slice(count);
        let count = u64::from_be_bytes(bytes);
        let verdict = match () {
            () if version != self.version.0 => OTHER_VERSION,
            () if count > most.min(self.left) => TOO_MANY,
            () => GOOD,
        };
        mesh.send(peer, &[verdict])?;
        match verdict {
            GOOD => {}
            OTHER_VERSION => return Err(error::Error::OtherVersion),
            _ => {
                let rule =
                    format!("it asks for {count} items, and {} are left", most.min(self.left));
                let error = mesh.deviation(peer, rule);
                return Err(error.into());
            }
        }
        // Counted before they are answered.
        self.left -= count;
        let mut done = 0;
        while done < count {
            let n = (count - done).min(MESSAGE) as usize;
            let mut points = vec![[0u8; POINT]; n];
            mesh.recv(peer, points.as_flattened_mut())?;
            let reply = self.key.mask_points(&points).map_err(|refusal| {
                let error = mesh.deviation(peer, refusal.0);
                mesh.abort(error)
            })?;
            mesh.send(peer, reply.as_flattened())?;
            done += n as u64;
        }
        Ok(count)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("left", &self.left).finish_non_exhaustive()
    }
}

const GOOD: u8 = 1;
const OTHER_VERSION: u8 = 2;
const TOO_MANY: u8 = 3;

/// Points per message.
const MESSAGE: u64 = 2048;

/// (1) from k H(x).
fn tag(version: &Version, point: &Encoded, bits: u32) -> u128 {
    let hash = digest("unbalanced tag", &[&version.0, point]);
    let mut head = [0; 16];
    head.copy_from_slice(&hash[..16]);
    u128::from_be_bytes(head) >> (128 - bits)
}

/// The tags of all of a server's items, for clients to keep.
#[derive(Clone, PartialEq, Eq)]
pub struct Filter {
    domain: [u8; 32],
    version: Version,
    limits: Limits,
    bits: u32,
    segments: Vec<Segment>,
}

impl Filter {
    /// The version of the key it was made with.
    pub fn version(&self) -> Version {
        self.version
    }

    /// How many items are in it.
    pub fn items(&self) -> u64 {
        self.segments.iter().map(|s| s.count).sum()
    }

    /// Adds a segment that [`Server::segment`] made under the same key.
    pub fn add(&mut self, segment: Segment) -> Result<(), Error> {
        if segment.bits != self.bits || self.items() + segment.count > self.limits.items {
            return Err(Error::Argument(
                "the segment belongs to another filter, or there are more items than it is made for"
                    .into(),
            ));
        }
        self.segments.push(segment);
        Ok(())
    }

    /// Asks the server `peer` which of these items it has: own rows, ascending.
    pub fn query(
        &self,
        mesh: &mut Mesh,
        peer: usize,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<Vec<u32>> {
        check_items(items)?;
        let scope = mesh.begin_scope("psi/unbalanced");
        let tags = self.ask(mesh, peer, items, rng);
        mesh.end_scope(scope);
        let tags = tags?;
        Ok((0..).zip(tags).filter(|(_, tag)| self.contains(*tag)).map(|(row, _)| row).collect())
    }

    fn ask(
        &self,
        mesh: &mut Mesh,
        peer: usize,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<Vec<u128>> {
        let mut hello = self.version.0.to_vec();
        hello.extend_from_slice(&(items.len() as u64).to_be_bytes());
        mesh.send(peer, &hello)?;
        let mut verdict = [0];
        mesh.recv(peer, &mut verdict)?;
        match verdict[0] {
            GOOD => {}
            OTHER_VERSION => return Err(error::Error::OtherVersion),
            _ => return Err(error::Error::Allowance { items: items.len() as u64 }),
        }
        // (2)
        let (blind, map) = (Key::random(rng), GroupMap::new(&self.domain));
        let unblind = blind.inverse();
        let mut tags = Vec::with_capacity(items.len());
        for part in items.chunks(MESSAGE as usize) {
            mesh.send(peer, blind.mask_items(&map, part).as_flattened())?;
            let mut reply = vec![[0u8; POINT]; part.len()];
            mesh.recv(peer, reply.as_flattened_mut())?;
            let points = unblind.mask_points(&reply).map_err(|refusal| {
                let error = mesh.deviation(peer, refusal.0);
                mesh.abort(error)
            })?;
            tags.extend(points.iter().map(|point| tag(&self.version, point, self.bits)));
        }
        Ok(tags)
    }

    fn contains(&self, tag: u128) -> bool {
        self.segments.iter().any(|segment| segment.contains(tag))
    }
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter").field("items", &self.items()).finish_non_exhaustive()
    }
}

/// A sorted list of tags: differences, the low `rice` bits as they are, the rest in
/// unary.
#[derive(Clone, PartialEq, Eq)]
pub struct Segment {
    bits: u32,
    rice: u32,
    count: u64,
    /// The first tag of each block, and at which bit its differences begin.
    blocks: Vec<(u128, u64)>,
    words: Vec<u64>,
}

/// Tags per block.
const BLOCK: usize = 1 << 12;

impl Segment {
    fn new(sorted: &[u128], bits: u32) -> Self {
        let count = sorted.len() as u64;
        let rice = bits - count.max(1).ilog2();
        let (mut blocks, mut out) = (Vec::new(), Bits::default());
        for block in sorted.chunks(BLOCK) {
            blocks.push((block[0], out.len));
            for pair in block.windows(2) {
                let difference = pair[1] - pair[0];
                // Few: differences are 2^rice on average.
                for _ in 0..difference >> rice {
                    out.push(1, 1);
                }
                out.push(0, 1);
                let low = difference & ((1 << rice) - 1);
                out.push(low as u64, rice.min(64));
                out.push((low >> 64) as u64, rice.saturating_sub(64));
            }
        }
        Self { bits, rice, count, blocks, words: out.words }
    }

    fn contains(&self, tag: u128) -> bool {
        let block = self.blocks.partition_point(|(first, _)| *first <= tag);
        let Some(block) = block.checked_sub(1) else { return false };
        let (mut value, mut at) = self.blocks[block];
        let last = self.blocks.len() - 1;
        let tags = if block < last { BLOCK } else { self.count as usize - last * BLOCK };
        for _ in 1..tags {
            if value >= tag {
                break;
            }
            let mut high = 0u128;
            while self.bit(at) == 1 {
                (high, at) = (high + 1, at + 1);
            }
            at += 1;
            let low = u128::from(self.read(at, self.rice.min(64)))
                | u128::from(self.read(at + 64, self.rice.saturating_sub(64))) << 64;
            at += u64::from(self.rice);
            value = value.saturating_add((high << self.rice).saturating_add(low));
        }
        value == tag
    }

    /// Beyond the end there are zeros: a filter may come from anywhere.
    fn bit(&self, at: u64) -> u64 {
        self.words.get((at / 64) as usize).map_or(0, |w| w >> (at % 64) & 1)
    }

    fn read(&self, at: u64, n: u32) -> u64 {
        if n == 0 {
            return 0;
        }
        let (word, shift) = ((at / 64) as usize, at % 64);
        let get = |i: usize| u128::from(self.words.get(i).copied().unwrap_or(0));
        let both = get(word) | get(word + 1) << 64;
        (both >> shift) as u64 & (u64::MAX >> (64 - n))
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Bits, the first the lowest.
#[derive(Default)]
struct Bits {
    words: Vec<u64>,
    len: u64,
}

impl Bits {
    fn push(&mut self, value: u64, n: u32) {
        if n == 0 {
            return;
        }
        let shift = self.len % 64;
        if shift == 0 {
            self.words.push(value);
        } else {
            if let Some(last) = self.words.last_mut() {
                *last |= value << shift;
            }
            if shift + u64::from(n) > 64 {
                self.words.push(value >> (64 - shift));
            }
        }
        self.len += u64::from(n);
    }
}

const MAGIC: [u8; 8] = *b"prv-filt";
const FORMAT: u16 = 1;

impl Encode for Segment {
    fn encode(&self, out: &mut Vec<u8>) {
        self.bits.encode(out);
        self.count.encode(out);
        (self.words.len() as u64).encode(out);
        for (first, at) in &self.blocks {
            out.extend_from_slice(&first.to_be_bytes());
            at.encode(out);
        }
        out.extend(self.words.iter().flat_map(|w| w.to_le_bytes()));
    }
}

impl Decode for Segment {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bad = DecodeError::NotCanonical("a segment of a filter");
        let (bits, count, len) = (u32::decode(input)?, u64::decode(input)?, u64::decode(input)?);
        if !(STATISTICAL_BITS..=128).contains(&bits) || count > 1 << 40 || len > 1 << 42 {
            return Err(bad);
        }
        let blocks = count.div_ceil(BLOCK as u64);
        // Nothing is set aside before the bytes are seen to be there.
        let head = input.take(usize::try_from(24 * blocks).unwrap_or(usize::MAX))?;
        let blocks: Vec<(u128, u64)> = head
            .as_chunks::<24>()
            .0
            .iter()
            .map(|b| {
                let (mut first, mut at) = ([0; 16], [0; 8]);
                first.copy_from_slice(&b[..16]);
                at.copy_from_slice(&b[16..]);
                (u128::from_be_bytes(first), u64::from_be_bytes(at))
            })
            .collect();
        let words = input.take(usize::try_from(8 * len).unwrap_or(usize::MAX))?;
        let words = words.as_chunks().0.iter().map(|w| u64::from_le_bytes(*w)).collect();
        if blocks.windows(2).any(|pair| pair[0].0 > pair[1].0 || pair[0].1 > pair[1].1) {
            return Err(bad);
        }
        Ok(Self { bits, rice: bits - count.max(1).ilog2(), count, blocks, words })
    }
}

impl Encode for Filter {
    fn encode(&self, out: &mut Vec<u8>) {
        MAGIC.encode(out);
        FORMAT.encode(out);
        self.domain.encode(out);
        self.version.0.encode(out);
        self.limits.items.encode(out);
        self.limits.queries.encode(out);
        (self.segments.len() as u64).encode(out);
        self.segments.iter().for_each(|segment| segment.encode(out));
    }
}

impl Decode for Filter {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if input.array()? != MAGIC {
            return Err(DecodeError::NotCanonical("the format of a filter"));
        }
        if u16::decode(input)? != FORMAT {
            return Err(DecodeError::NotCanonical("the version of the format"));
        }
        let (domain, version) = (input.array()?, Version(input.array()?));
        let limits = Limits { items: u64::decode(input)?, queries: u64::decode(input)? };
        let bits =
            limits.tag_bits().map_err(|_| DecodeError::NotCanonical("the limits of a filter"))?;
        let mut filter = Self { domain, version, limits, bits, segments: Vec::new() };
        for _ in 0..u64::decode(input)? {
            let segment = Segment::decode(input)?;
            filter
                .add(segment)
                .map_err(|_| DecodeError::NotCanonical("a segment of another filter"))?;
        }
        Ok(filter)
    }
}

#[cfg(test)]
mod tests;
