//! Jobs: sets too large for one run, cut into buckets that are worked one by one,
//! several at a time, and taken up again after a crash.
//!
//! # Protocol
//!
//! Items are hashes, so their first bits deal them evenly to buckets ([`place`]).
//! Every bucket is one run of [`crate::vole`]. It is filled up with random items
//! to a size that follows from the number of items and of buckets, so that nothing
//! shows of how many fell into it; the sizes suffice but with probability 2^-40 for
//! the whole job. A random item of 128 bits is nobody's.
//!
//! Both sides tell beforehand how many items they have and which buckets they have
//! finished in an earlier attempt; those finished by both are left out, all others
//! are run again, with fresh randomness: nothing of a run is kept but its result.
//!
//! # Leakage
//!
//! The number of items of the whole job, and what [`crate::vole`] states: in place
//! of one number of common items there is one per bucket, for those who learn the
//! common items anyway.
//!
//! # Other attempts
//!
//! Before each run the parties exchange a commitment to the bucket's items, salted
//! and remembered by their [`Store`]. An attempt with other items is refused: by the
//! party itself if its own file has changed, and by its peer. This is against
//! mistakes. It does not bind a malicious party, of which nobody checks that it
//! uses the items that it commits to; a peer that asks for the same job again and
//! again gets n' items of every attempt ([`crate::vole::most_items`]).

use crate::{
    error,
    item::{BadIdentifiers, Item},
    okvs::capacity,
    vole::{self, Cost, Options, Receiver, Sender},
};
use privity_core::{Error, Mesh, params::STATISTICAL_BITS, transcript::Transcript};
use rand::{CryptoRng, RngExt, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};
use std::{
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Items per bucket, on average, where a caller leaves it to [`Options::job`].
pub const BUCKET: u64 = 1 << 20;

/// Which side a party is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Learns nothing, unless it is told.
    Sender,
    /// Learns which own items are common.
    Receiver,
}

/// What both parties must have the same.
#[derive(Clone, Debug)]
pub struct Job {
    /// `runs` is the number of buckets; `min_items` holds for the whole sets.
    pub options: Options,
    /// Whether the receiver tells the sender, who has its word only.
    pub told: bool,
    /// Buckets that are worked here: all, or a part if several pairs of processes
    /// share a job.
    pub part: Range<u64>,
    /// Buckets that are worked at the same time.
    pub workers: usize,
}

impl Options {
    /// A job of as many buckets as `most_items` items on either side ask for.
    pub fn job(session: [u8; 32], most_items: u64) -> Self {
        let runs = most_items.div_ceil(BUCKET).max(1);
        Self { most_items: most_items.max(1), runs, ..Self::new(session) }
    }
}

impl Job {
    /// All buckets of these options, one at a time.
    pub fn new(options: Options, told: bool) -> Self {
        let part = 0..options.runs;
        Self { options, told, part, workers: 1 }
    }

    /// The size of every bucket of a set of `items`.
    pub fn bucket_size(&self, items: usize) -> usize {
        let runs = self.options.runs;
        let bits = f64::from(STATISTICAL_BITS) + (runs as f64).log2();
        capacity(items, usize::try_from(runs).unwrap_or(usize::MAX), bits)
    }
}

/// The bucket of an item.
pub fn place(item: &Item, buckets: u64) -> u64 {
    let [a, b, c, d, ..] = *item.as_bytes();
    // Below `buckets`, which are at most 2^30.
    (u64::from(u32::from_be_bytes([a, b, c, d])) * buckets) >> 32
}

/// A party's items and results, where they are kept.
pub trait Store: Send {
    /// How many items there are in all buckets of the job.
    fn items(&self) -> usize;

    /// The items of a bucket, which must differ. Buckets are asked for in ascending
    /// order but for as many as there are workers.
    fn bucket(&mut self, bucket: u64) -> error::Result<Vec<Item>>;

    /// Takes the result of a bucket: which of its items are common, in the common
    /// order. What it returns is durable, if anything of this store is.
    fn found(&mut self, bucket: u64, common: Vec<u32>) -> error::Result<()>;

    /// The error about items of a bucket that are not different.
    fn repeated(&mut self, bucket: u64, which: BadIdentifiers) -> error::Error {
        let _ = bucket;
        which.into()
    }

    /// Whether an earlier attempt finished this bucket.
    fn is_done(&self, bucket: u64) -> bool {
        let _ = bucket;
        false
    }

    /// Random bytes of the first attempt, the same in all later ones, that hide
    /// what is committed to; none if there will be no other attempt.
    fn salt(&self) -> Option<[u8; 32]> {
        None
    }

    /// Compares the commitments of both parties with those of earlier attempts, and
    /// keeps them if there was none.
    fn commitments(&mut self, bucket: u64, [own, theirs]: [[u8; 32]; 2]) -> error::Result<()> {
        let _ = (bucket, own, theirs);
        Ok(())
    }
}

/// Works a job with `peer`, who calls this with the same job, from the other side.
/// Returns the number of the peer's items.
pub fn run<S: Store>(
    mesh: &mut Mesh,
    peer: usize,
    (side, job): (Side, &Job),
    store: &mut S,
    rng: &mut impl CryptoRng,
) -> error::Result<u64> {
    let theirs = greet(mesh, peer, (side, job), store)?;
    let todo = agree(mesh, peer, job, store)?;
    let size = job.bucket_size(store.items());
    if size as u64 > job.options.most_items {
        return Err(Error::Argument("most_items is smaller than a bucket".into()).into());
    }
    let workers = job.workers.min(todo.len());
    let members = [mesh.me().min(peer), mesh.me().max(peer)];
    let forks: Vec<(Mesh, StdRng)> = (0..workers)
        .map(|w| Ok((mesh.fork(&format!("psi worker {w}"), &members)?, StdRng::from_rng(rng))))
        .collect::<Result<_, Error>>()?;
    let stop = AtomicBool::new(false);
    let store = Mutex::new(store);
    let done: Vec<(error::Result<()>, Mesh)> = std::thread::scope(|scope| {
        let work = |w: usize, mut mesh: Mesh, mut rng: StdRng| {
            let own = todo.iter().copied().skip(w).step_by(workers);
            let shared = Shared { store: &store, stop: &stop, size };
            let result = shared.work(&mut mesh, (side, job), own, &mut rng);
            if result.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            (result, mesh)
        };
        let threads: Vec<_> = forks
            .into_iter()
            .enumerate()
            .map(|(w, (mesh, rng))| scope.spawn(move || work(w, mesh, rng)))
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    if done.len() < workers {
        return Err(Error::Internal("a worker panicked").into());
    }
    let (results, forks): (Vec<_>, Vec<_>) = done.into_iter().unzip();
    mesh.absorb(&forks);
    let mut first = None;
    for result in results {
        match result {
            Ok(()) => {}
            // A worker that lost its peer says less than the one that stopped first.
            Err(error::Error::Core(Error::Disconnected { .. })) if first.is_some() => {}
            Err(e) => first = Some(e),
        }
    }
    first.map_or(Ok(theirs), Err)
}

/// What all workers of a job have.
struct Shared<'a, S> {
    store: &'a Mutex<&'a mut S>,
    stop: &'a AtomicBool,
    size: usize,
}

impl<S: Store> Shared<'_, S> {
    fn with<T>(&self, use_it: impl FnOnce(&mut S) -> T) -> T {
        // A worker that panicked ends the job anyway.
        use_it(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn work(
        &self,
        mesh: &mut Mesh,
        (side, job): (Side, &Job),
        buckets: impl Iterator<Item = u64>,
        rng: &mut StdRng,
    ) -> error::Result<()> {
        let peer = 1 - mesh.me();
        let options = Options { min_items: 0, ..job.options.clone() };
        let mut party = match side {
            Side::Sender => Party::Sender(Sender::new(mesh, peer, &options, rng)?),
            Side::Receiver => Party::Receiver(Receiver::new(mesh, peer, &options, rng)?),
        };
        for bucket in buckets {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let (mut items, salt) =
                self.with(|store| Ok::<_, error::Error>((store.bucket(bucket)?, store.salt())))?;
            if items.len() > self.size {
                return Err(Error::Argument(
                    "items are not spread evenly: make them of identifiers with Item::new".into(),
                )
                .into());
            }
            let own = salt.map_or([0; 32], |salt| commitment(&salt, bucket, &items));
            let mut theirs = [0; 32];
            mesh.send(peer, &own)?;
            mesh.recv(peer, &mut theirs)?;
            self.with(|store| store.commitments(bucket, [own, theirs]))?;
            let real = items.len();
            if job.options.runs > 1 {
                items.resize_with(self.size, || Item::from_bytes(rng.random()));
            }
            let common = party.run(mesh, job.told, &items, rng);
            let mut common = common.map_err(|error| match error {
                error::Error::Identifiers(which) => {
                    self.with(|store| store.repeated(bucket, which))
                }
                other => other,
            })?;
            common.retain(|&at| (at as usize) < real);
            self.with(|store| store.found(bucket, common))?;
        }
        Ok(())
    }
}

enum Party {
    Sender(Sender),
    Receiver(Receiver),
}

impl Party {
    fn run(
        &mut self,
        mesh: &mut Mesh,
        told: bool,
        items: &[Item],
        rng: &mut StdRng,
    ) -> error::Result<Vec<u32>> {
        match (self, told) {
            (Party::Sender(s), true) => s.run_and_learn(mesh, items, rng),
            (Party::Sender(s), false) => s.run(mesh, items, rng).map(|_| vec![]),
            (Party::Receiver(r), true) => r.run_and_tell(mesh, items, rng),
            (Party::Receiver(r), false) => {
                Ok(r.run(mesh, items, rng)?.iter().map(|m| m.row).collect())
            }
        }
    }
}

/// The commitment to the items of a bucket, in their order.
fn commitment(salt: &[u8; 32], bucket: u64, items: &[Item]) -> [u8; 32] {
    let mut hash = Sha256::new();
    crate::item::prefix(&mut hash, "bucket");
    hash.update(salt);
    hash.update(bucket.to_be_bytes());
    items.iter().for_each(|item| hash.update(item.as_bytes()));
    hash.finalize().into()
}

/// Agrees on the job and tells the sizes; the peer's.
fn greet(
    mesh: &mut Mesh,
    peer: usize,
    (side, job): (Side, &Job),
    store: &impl Store,
) -> error::Result<u64> {
    let Job { options, told, part, workers } = job;
    options.check()?;
    if part.start > part.end || part.end > options.runs || *workers == 0 {
        return Err(Error::Argument("a part beyond the buckets, or no worker".into()).into());
    }
    let sender = if side == Side::Sender { mesh.me() } else { peer };
    let mut transcript = Transcript::new("privity psi job");
    transcript.append("session", &options.session);
    transcript.append(
        "security",
        format!("{:?} {:?} {:?}", options.security, options.code, options.field).as_bytes(),
    );
    for number in [options.most_items, options.runs, options.min_items, u64::from(*told)] {
        transcript.append("number", &number.to_be_bytes());
    }
    for number in [part.start, part.end, *workers as u64] {
        transcript.append("number", &number.to_be_bytes());
    }
    transcript.append("sender", mesh.name(sender).as_bytes());
    let digest = transcript.digest();
    let mut message = digest.to_vec();
    message.extend_from_slice(&(store.items() as u64).to_be_bytes());
    mesh.send(peer, &message)?;
    let mut theirs = [0; 40];
    mesh.recv(peer, &mut theirs)?;
    if theirs[..32] != digest {
        let rule = "it works another job: another session id, other options, parts or workers";
        let error = mesh.deviation(peer, rule);
        return Err(mesh.abort(error).into());
    }
    let mut items = [0; 8];
    items.copy_from_slice(&theirs[32..]);
    let items = u64::from_be_bytes(items);
    if items.max(store.items() as u64) > options.most_items {
        let error = mesh.deviation(peer, "more items than most_items");
        return Err(mesh.abort(error).into());
    }
    if items.min(store.items() as u64) < options.min_items {
        return Err(error::Error::TooFew { min_items: options.min_items });
    }
    Ok(items)
}

/// The buckets that are left to do.
fn agree(mesh: &mut Mesh, peer: usize, job: &Job, store: &impl Store) -> error::Result<Vec<u64>> {
    let buckets: Vec<u64> = job.part.clone().collect();
    let own: Vec<u8> = buckets.iter().map(|&b| u8::from(store.is_done(b))).collect();
    let mut theirs = vec![0; own.len()];
    mesh.send(peer, &own)?;
    mesh.recv(peer, &mut theirs)?;
    Ok(buckets
        .into_iter()
        .zip(own.iter().zip(&theirs))
        .filter(|(_, (own, theirs))| **own == 0 || **theirs == 0)
        .map(|(bucket, _)| bucket)
        .collect())
}

/// What a job sends that nobody worked at before, with so many items of the sender
/// and of the receiver, of which `common` are common and evenly spread: bytes are
/// exact but for that, rounds are those of one worker after the other.
pub fn cost(job: &Job, [sender, receiver]: [u64; 2], common: u64) -> Result<Cost, Error> {
    let most = usize::MAX as u64;
    let sizes = [sender, receiver].map(|n| {
        let n = n.min(most) as usize;
        if job.options.runs == 1 { n } else { job.bucket_size(n) }
    });
    let buckets = job.part.end - job.part.start;
    let told = common / job.options.runs.max(1);
    let told = job.told.then_some(told.min(most) as usize);
    let one = vole::cost(&job.options, sizes, told)?;
    let setup = vole::setup_cost(&job.options);
    let workers = (job.workers as u64).min(buckets).max(1);
    // The greeting and the buckets that are done, and a commitment for each.
    let greeting = 40 + buckets;
    let total = |one: u64, setup: u64| greeting + workers * setup + buckets * (one - setup + 32);
    let rounds = |one: u32| {
        let runs = buckets.div_ceil(workers) as u32;
        2 + runs.saturating_mul(one + 1)
    };
    Ok(Cost {
        sender: total(one.sender, setup.sender),
        receiver: total(one.receiver, setup.receiver),
        rounds: one.rounds.map(rounds),
    })
}

/// A set in memory, for one attempt.
pub struct Memory {
    items: usize,
    buckets: Vec<Vec<Item>>,
    rows: Vec<Vec<u32>>,
    found: Vec<Vec<u32>>,
}

impl Memory {
    /// Deals items to the buckets of a job.
    pub fn new(items: &[Item], job: &Job) -> Self {
        let count = usize::try_from(job.options.runs).unwrap_or(usize::MAX);
        let size = items.len() / count + items.len() / count / 64;
        let mut buckets = vec![Vec::with_capacity(size); count];
        let mut rows = vec![Vec::with_capacity(size); count];
        for (row, item) in (0u32..).zip(items) {
            let bucket = place(item, job.options.runs) as usize;
            buckets[bucket].push(*item);
            rows[bucket].push(row);
        }
        Self { items: items.len(), buckets, rows, found: vec![Vec::new(); count] }
    }

    /// Own rows that are common, in the common order.
    pub fn into_rows(self) -> Vec<u32> {
        self.found.concat()
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("items", &self.items).finish_non_exhaustive()
    }
}

impl Store for Memory {
    fn items(&self) -> usize {
        self.items
    }

    fn bucket(&mut self, bucket: u64) -> error::Result<Vec<Item>> {
        Ok(std::mem::take(&mut self.buckets[bucket as usize]))
    }

    fn found(&mut self, bucket: u64, common: Vec<u32>) -> error::Result<()> {
        let rows = std::mem::take(&mut self.rows[bucket as usize]);
        self.found[bucket as usize] = common.into_iter().map(|at| rows[at as usize]).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
