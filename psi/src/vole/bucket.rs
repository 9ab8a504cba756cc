//! Jobs of many runs: items fall into buckets, each of which fits the cache.
//!
//! Items are hashes, so their first bits deal them evenly. Every bucket is filled
//! up with random items to a size that follows from the number of items and of
//! buckets, so that nothing shows of how many fell into it. The sizes suffice but
//! with probability 2^-40 for the whole job.

use super::{Match, Options, Receiver, Sender};
use crate::{error, item::Item, okvs::capacity};
use privity_core::{Error, Mesh, params::STATISTICAL_BITS};
use rand::{CryptoRng, RngExt};

/// Items per bucket, on average, where a caller leaves it to [`Options::job`].
pub const BUCKET: u64 = 1 << 20;

/// Own items by bucket, with what fills them up.
struct Buckets {
    items: Vec<Vec<Item>>,
    /// Rows of the items that are real.
    rows: Vec<Vec<u32>>,
}

impl Buckets {
    fn new(items: &[Item], options: &Options, rng: &mut impl CryptoRng) -> Result<Self, Error> {
        let count = usize::try_from(options.runs).unwrap_or(usize::MAX);
        let bits = f64::from(STATISTICAL_BITS) + (options.runs as f64).log2();
        let size = capacity(items.len(), count, bits);
        let mut rows = vec![Vec::with_capacity(size); count];
        for (row, item) in (0u32..).zip(items) {
            let [a, b, c, d, ..] = *item.as_bytes();
            let place = u64::from(u32::from_be_bytes([a, b, c, d])) * options.runs;
            rows[(place >> 32) as usize].push(row);
        }
        if rows.iter().any(|rows| rows.len() > size) {
            return Err(Error::Argument(
                "items are not spread evenly: make them of identifiers with Item::new".into(),
            ));
        }
        let fill = |rows: &Vec<u32>| {
            let real = rows.iter().map(|&row| items[row as usize]);
            let random = std::iter::repeat_with(|| Item::from_bytes(rng.random()));
            real.chain(random).take(size).collect()
        };
        Ok(Self { items: rows.iter().map(fill).collect(), rows })
    }
}

impl Options {
    /// A job of as many buckets as `most_items` items on either side ask for.
    pub fn job(session: [u8; 32], most_items: u64) -> Self {
        let runs = most_items.div_ceil(BUCKET).max(1);
        Self { most_items, runs, ..Self::new(session) }
    }
}

impl Sender {
    /// A whole job, one run per bucket.
    pub fn run_job(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<()> {
        if self.options().runs == 1 {
            return self.run(mesh, items, rng).map(drop);
        }
        let buckets = Buckets::new(items, self.options(), rng)?;
        buckets.items.iter().try_for_each(|items| self.run(mesh, items, rng).map(drop))
    }
}

impl Receiver {
    /// A whole job, one run per bucket: the own rows that are common.
    pub fn run_job(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<Vec<u32>> {
        let row = |m: &Match| m.row;
        if self.options().runs == 1 {
            return Ok(self.run(mesh, items, rng)?.iter().map(row).collect());
        }
        let buckets = Buckets::new(items, self.options(), rng)?;
        let mut found = Vec::new();
        for (items, rows) in buckets.items.iter().zip(&buckets.rows) {
            let matches = self.run(mesh, items, rng)?;
            // A random item of 128 bits is nobody's.
            found.extend(matches.iter().filter_map(|m| rows.get(m.row as usize)));
        }
        Ok(found)
    }
}
