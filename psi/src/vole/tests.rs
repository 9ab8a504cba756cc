#![allow(clippy::print_stdout)] // the seed of a failure

use super::*;
use crate::{Item, error};
use altered::{Fault, Kind};
use privity_core::Mesh;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{collections::HashSet, thread};

fn item(x: u64) -> Item {
    Item::new(&[1; 32], &x.to_le_bytes())
}

fn options(security: Security) -> Options {
    Options { security, ..Options::new([7; 32]) }
}

/// Every way to run it.
fn variants() -> [Options; 3] {
    let subfield = Options { field: StoreField::Gf64, ..options(Security::SemiHonest) };
    [options(Security::SemiHonest), options(Security::Malicious), subfield]
}

type Both<A, B> = ((error::Result<A>, Mesh), (error::Result<B>, Mesh));

fn both<A: Send, B: Send>(
    sender: impl FnOnce(&mut Mesh, &mut StdRng) -> error::Result<A> + Send,
    receiver: impl FnOnce(&mut Mesh, &mut StdRng) -> error::Result<B> + Send,
) -> Both<A, B> {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
    let (mut ben, mut ann) = (meshes.pop().unwrap(), meshes.pop().unwrap());
    thread::scope(|scope| {
        let ann = scope.spawn(move || (sender(&mut ann, &mut rand::make_rng()), ann));
        let ben = scope.spawn(move || (receiver(&mut ben, &mut rand::make_rng()), ben));
        (ann.join().unwrap(), ben.join().unwrap())
    })
}

/// Both sets in random order, with so many in common.
fn sets(rng: &mut StdRng, x: usize, y: usize, common: usize) -> (Vec<u64>, Vec<u64>) {
    let base: u64 = rng.random::<u64>() >> 8;
    let mut a: Vec<u64> = (0..x as u64).map(|i| base + i).collect();
    let mut b: Vec<u64> = (0..y as u64).map(|i| base + (x - common) as u64 + i).collect();
    a.shuffle(rng);
    b.shuffle(rng);
    (a, b)
}

fn check(opts: &Options, x: usize, y: usize, common: usize, rng: &mut StdRng) {
    let (a, b) = sets(rng, x, y, common);
    let items = |x: &[u64]| x.iter().map(|&x| item(x)).collect::<Vec<_>>();
    let (own, other) = (items(&a), items(&b));
    let ((sent, ann), (got, ben)) = both(
        |mesh, rng| Sender::new(mesh, 1, opts, rng)?.run_and_learn(mesh, &own, rng),
        |mesh, rng| Receiver::new(mesh, 0, opts, rng)?.run_and_tell(mesh, &other, rng),
    );
    let (sent, got) = (sent.unwrap(), got.unwrap());
    let theirs: HashSet<u64> = a.iter().copied().collect();
    let expected: HashSet<u64> = b.iter().copied().filter(|y| theirs.contains(y)).collect();
    let ours: Vec<u64> = got.iter().map(|&r| b[r as usize]).collect();
    assert_eq!(expected.len(), common);
    assert_eq!(ours.len(), common, "{opts:?} {x} {y}");
    assert!(ours.iter().all(|y| expected.contains(y)));
    // The common order is one.
    let hers: Vec<u64> = sent.iter().map(|&r| a[r as usize]).collect();
    assert_eq!(hers, ours);
    let told = if x == 0 || y == 0 { 0 } else { common };
    let cost = cost(opts, [x, y], Some(told)).unwrap();
    assert_eq!(ann.meter().sent(), cost.sender);
    assert_eq!(ben.meter().sent(), cost.receiver);
    assert_eq!([ann.clock(), ben.clock()], cost.rounds);
    // One-sided.
    let ((sent, ann), (got, ben)) = both(
        |mesh, rng| send(mesh, 1, &own, opts, rng),
        |mesh, rng| receive(mesh, 0, &other, opts, rng),
    );
    assert_eq!((sent.unwrap(), got.unwrap().len()), (y as u64, common));
    let cost = super::cost(opts, [x, y], None).unwrap();
    assert_eq!([ann.meter().sent(), ben.meter().sent()], [cost.sender, cost.receiver]);
    assert_eq!([ann.clock(), ben.clock()], cost.rounds);
}

/// What either side sends, altered on its way: no item is ever found that is not
/// common, whatever else comes of it.
#[test]
fn altered_messages_add_no_item() {
    let seed = rand::random();
    println!("seed {seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    let (a, b) = sets(rng, 60, 50, 20);
    let items = |x: &[u64]| x.iter().map(|&x| item(x)).collect::<Vec<_>>();
    let (own, other) = (items(&a), items(&b));
    let theirs: HashSet<u64> = a.iter().copied().collect();
    let opts = &options(Security::Malicious);
    let attempt = |fault: Option<Fault>| {
        let (pair, log) = altered::meshes(fault);
        let [mut ann, mut ben] = pair;
        let (sent, got) = thread::scope(|scope| {
            let (own, other) = (&own, &other);
            let ann = scope.spawn(move || send(&mut ann, 1, own, opts, &mut rand::rng()));
            let got = receive(&mut ben, 0, other, opts, &mut rand::rng());
            drop(ben);
            (ann.join().unwrap(), got)
        });
        if let Ok(found) = &got {
            assert!(
                found.iter().all(|m| theirs.contains(&b[m.row as usize])),
                "seed {seed}, {fault:?}: a wrong item"
            );
        }
        (sent, got, log.map(|n| n.load(std::sync::atomic::Ordering::SeqCst)))
    };
    let (sent, got, messages) = attempt(None);
    assert_eq!((sent.unwrap(), got.unwrap().len()), (50, 20));
    // Of other faults than a flipped bit, all are noticed or change nothing.
    let (mut tried, mut noticed, mut others) = (0, 0, 0);
    for side in 0..2 {
        for at in 0..messages[side] {
            for kind in [
                Kind::Flip,
                Kind::Flip,
                Kind::Flip,
                Kind::Flip,
                Kind::Cut,
                Kind::Longer,
                Kind::Replay,
            ] {
                let (sent, got, _) = attempt(Some(Fault { side, at, kind, seed: rng.random() }));
                let seen = sent.is_err() || !got.is_ok_and(|m| m.len() == 20);
                if kind == Kind::Flip {
                    tried += 1;
                    noticed += usize::from(seen);
                } else {
                    others += usize::from(seen);
                    // A message of another length is always noticed.
                    assert!(
                        seen || kind == Kind::Replay,
                        "seed {seed}, side {side}, {at}, {kind:?}"
                    );
                }
            }
        }
    }
    println!("{tried} altered messages, {noticed} with an error or a smaller result");
    println!("{others} cut, lengthened or repeated ones");
    // A bit of a mask or of the store may belong to no common item.
    assert!(tried >= 40 && 2 * noticed >= tried, "{noticed} of {tried}");
}

/// Links of two parties on which one message is altered.
mod altered {
    use privity_core::{
        Cancel, Channel, Mesh, PartyName, Result, channel::memory_pair, mesh::HEADER,
    };
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    /// What happens to a message.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Kind {
        /// One bit is another.
        Flip,
        /// Its last byte is missing: a store, a set of masks of another size.
        Cut,
        /// It has a byte more.
        Longer,
        /// The one before it of the same length, or the one before, comes again: what
        /// belongs to other seeds, rows or runs.
        Replay,
    }

    /// Which side sends the message, which of its messages it is, what happens to it,
    /// and what decides about the bit.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct Fault {
        pub(super) side: usize,
        pub(super) at: usize,
        pub(super) kind: Kind,
        pub(super) seed: u64,
    }

    struct Link {
        inner: Box<dyn Channel>,
        fault: Option<Fault>,
        sent: Arc<AtomicUsize>,
        earlier: Vec<Vec<u8>>,
    }

    impl Channel for Link {
        fn send(&mut self, mut message: Vec<u8>) -> Result<()> {
            let at = self.sent.fetch_add(1, Ordering::SeqCst);
            let len = message.len() - HEADER;
            let earlier = self.earlier.iter().rev().find(|m| m.len() == message.len() - HEADER);
            let earlier = earlier.or(self.earlier.last()).cloned();
            self.earlier.push(message[HEADER..].to_vec());
            match self.fault.filter(|f| f.at == at && len > 0) {
                None => {}
                Some(Fault { kind: Kind::Flip, seed, .. }) => {
                    message[HEADER + seed as usize % len] ^= 1 << (seed >> 60 & 7);
                }
                Some(Fault { kind: Kind::Cut, .. }) => message.truncate(HEADER + len - 1),
                Some(Fault { kind: Kind::Longer, seed, .. }) => message.push(seed as u8),
                Some(Fault { kind: Kind::Replay, .. }) => {
                    message.truncate(HEADER);
                    message.extend(earlier.unwrap_or_default());
                }
            }
            self.inner.send(message)
        }
        fn recv(&mut self, max: usize) -> Result<Vec<u8>> {
            self.inner.recv(max)
        }
        fn fork(&mut self, label: &str) -> Result<Box<dyn Channel>> {
            self.inner.fork(label)
        }
        fn set_timeout(&mut self, timeout: Duration) {
            self.inner.set_timeout(timeout);
        }
        fn peer(&self) -> &PartyName {
            self.inner.peer()
        }
    }

    pub(super) fn meshes(fault: Option<Fault>) -> ([Mesh; 2], [Arc<AtomicUsize>; 2]) {
        let names: [PartyName; 2] = ["ann".into(), "ben".into()];
        let (a, b) = memory_pair("ann", "ben");
        let counts: [Arc<AtomicUsize>; 2] = Default::default();
        let mesh = |me: usize, inner| {
            let fault = fault.filter(|f| f.side == me);
            let link = Box::new(Link { inner, fault, sent: counts[me].clone(), earlier: vec![] });
            let mut links: Vec<Option<Box<dyn Channel>>> = vec![None, None];
            links[1 - me] = Some(link);
            Mesh::new(me, &names, links, Cancel::new()).unwrap()
        };
        ([mesh(0, a), mesh(1, b)], counts)
    }
}

#[test]
fn the_intersection_is_exact() {
    let seed = rand::random();
    println!("seed {seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    for opts in &variants() {
        for (x, y, common) in [
            (0, 0, 0),
            (0, 5, 0),
            (5, 0, 0),
            (1, 1, 1),
            (1, 1, 0),
            (100, 100, 100),
            (1000, 10, 7),
            (10, 1000, 10),
            (3000, 3000, 0),
            (40_000, 70_000, 12_345),
        ] {
            check(opts, x, y, common, rng);
        }
        for _ in 0..20 {
            let (x, y) = (rng.random_range(0..500), rng.random_range(0..500));
            let common = rng.random_range(0..=x.min(y));
            check(opts, x, y, common, rng);
        }
    }
}

/// Masks, the subfield and codes of every size that is possible: a false match in the
/// whole job has probability 2^-40 at most, and everything computational 128 bits.
#[test]
fn parameters_suffice_for_every_size() {
    for log in 0..=40 {
        for items in [1u64 << log, (1 << log) + 1, (3 << log) / 2] {
            let job = Options { most_items: items.min(1 << 40), ..options(Security::SemiHonest) };
            let most = job.most_items as f64;
            let pairs = 2.0 * most.log2();
            let spare = |job: &Options| 8.0 * mask_bytes(job) as f64 - pairs;
            assert!(spare(&job) >= 40.0, "{items}");
            // A byte less is not enough, or masks would be longer than they must.
            assert!(spare(&job) - 8.0 < 42.0 || log < 2, "{items}");
            let malicious = Options { security: Security::Malicious, ..job.clone() };
            assert_eq!(mask_bytes(&malicious), 16);
            let subfield = Options { field: StoreField::Gf64, ..job.clone() };
            assert_eq!(subfield.check().is_ok(), 64.0 - most.log2() >= 40.0);
            let both = Options { security: Security::Malicious, ..subfield };
            assert!(both.check().is_err());
        }
    }
    for runs in [1u64, 16, 1000] {
        for items in [1usize, 100, 5000, 70_000, 1 << 20] {
            let job = Options { runs, ..options(Security::Malicious) };
            let bits = job.store(items).security_bits();
            assert!(bits >= 40.0 + (runs as f64).log2(), "{items} items, {runs} runs: {bits}");
        }
    }
}

#[test]
fn labels_of_common_items_arrive() {
    for opts in &variants() {
        for (x, y, common, bytes) in
            [(0, 3, 0, 8), (1, 1, 1, 1), (500, 300, 120, 40), (70, 900, 70, 0), (3, 4, 0, 3000)]
        {
            let (a, b) = sets(&mut rand::make_rng(), x, y, common);
            let label = |x: u64| -> Vec<u8> { (0..bytes).map(|i| (x >> (i % 8)) as u8).collect() };
            let items = |x: &[u64]| x.iter().map(|&x| item(x)).collect::<Vec<_>>();
            let (own, other) = (items(&a), items(&b));
            let labels: Vec<Vec<u8>> = a.iter().map(|&x| label(x)).collect();
            let labels: Vec<&[u8]> = labels.iter().map(Vec::as_slice).collect();
            let ((sent, _), (got, _)) = both(
                |mesh, rng| Sender::new(mesh, 1, opts, rng)?.run_labelled(mesh, &own, &labels, rng),
                |mesh, rng| {
                    // A sender without items has labels of no length.
                    let bytes = if x == 0 { 0 } else { bytes };
                    Receiver::new(mesh, 0, opts, rng)?.run_labelled(mesh, &other, bytes, rng)
                },
            );
            sent.unwrap();
            let got = got.unwrap();
            assert_eq!(got.len(), common, "{opts:?}");
            let theirs: HashSet<u64> = a.iter().copied().collect();
            for (row, got) in got {
                assert!(theirs.contains(&b[row as usize]));
                assert_eq!(got, label(b[row as usize]));
            }
        }
    }
}
