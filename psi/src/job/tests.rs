#![allow(clippy::print_stdout)] // the seed of a failure

use super::*;
use crate::vole::Security;
use std::{collections::HashSet, thread};

fn item(x: u64) -> Item {
    Item::new(&[1; 32], &x.to_le_bytes())
}

fn job(runs: u64, workers: usize, told: bool) -> Job {
    let options = Options { runs, security: Security::Malicious, ..Options::new([7; 32]) };
    Job { workers, ..Job::new(options, told) }
}

type Done<S> = (error::Result<u64>, S);

fn both<S: Store>(jobs: [&Job; 2], mut sender: S, mut receiver: S) -> [Done<S>; 2] {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
    let (mut ben, mut ann) = (meshes.pop().unwrap(), meshes.pop().unwrap());
    thread::scope(|scope| {
        let ann = scope.spawn(move || {
            let side = (Side::Sender, jobs[0]);
            (run(&mut ann, 1, side, &mut sender, &mut rand::rng()), sender)
        });
        let side = (Side::Receiver, jobs[1]);
        let result = run(&mut ben, 0, side, &mut receiver, &mut rand::rng());
        drop(ben);
        [ann.join().unwrap(), (result, receiver)]
    })
}

fn items(range: Range<u64>) -> Vec<Item> {
    range.map(item).collect()
}

#[test]
fn buckets_and_workers_find_the_same() {
    for (runs, workers, told) in [(1, 1, true), (7, 1, false), (7, 3, true), (5, 9, true)] {
        let job = job(runs, workers, told);
        let (x, y) = (items(0..20_000), items(15_679..30_000));
        let [(sent, a), (got, b)] =
            both([&job, &job], Memory::new(&x, &job), Memory::new(&y, &job));
        assert_eq!((sent.unwrap(), got.unwrap()), (14_321, 20_000));
        let (a, b) = (a.into_rows(), b.into_rows());
        let found: HashSet<u32> = b.iter().copied().collect();
        assert_eq!(found, (0..4_321).collect());
        assert_eq!(b.len(), 4_321);
        if told {
            assert!(a.iter().zip(&b).all(|(a, b)| x[*a as usize] == y[*b as usize]));
        }
        assert_eq!(a.len(), if told { 4_321 } else { 0 });
    }
    assert_eq!(Options::job([0; 32], 1 << 24).runs, 16);
    assert_eq!(Options::job([0; 32], 5).runs, 1);
}

/// A store that is kept between attempts and breaks down once.
struct Kept {
    inner: Memory,
    all: Vec<Vec<Item>>,
    done: HashSet<u64>,
    known: std::collections::HashMap<u64, [[u8; 32]; 2]>,
    breaks_at: Option<u64>,
    worked: usize,
}

impl Kept {
    fn new(items: &[Item], job: &Job, breaks_at: Option<u64>) -> Self {
        let inner = Memory::new(items, job);
        let all = inner.buckets.clone();
        let (done, known) = Default::default();
        Self { inner, all, done, known, breaks_at, worked: 0 }
    }
}

impl Store for Kept {
    fn items(&self) -> usize {
        self.inner.items()
    }
    fn bucket(&mut self, bucket: u64) -> error::Result<Vec<Item>> {
        self.worked += 1;
        Ok(self.all[bucket as usize].clone())
    }
    fn found(&mut self, bucket: u64, common: Vec<u32>) -> error::Result<()> {
        if self.breaks_at == Some(bucket) {
            self.breaks_at = None;
            return Err(Error::Argument("the disk is full".into()).into());
        }
        self.done.insert(bucket);
        let rows = &self.inner.rows[bucket as usize];
        self.inner.found[bucket as usize] =
            common.into_iter().map(|at| rows[at as usize]).collect();
        Ok(())
    }
    fn is_done(&self, bucket: u64) -> bool {
        self.done.contains(&bucket)
    }
    fn salt(&self) -> Option<[u8; 32]> {
        Some([9; 32])
    }
    fn commitments(&mut self, bucket: u64, both: [[u8; 32]; 2]) -> error::Result<()> {
        match self.known.insert(bucket, both).is_none_or(|before| before == both) {
            true => Ok(()),
            false => Err(Error::Argument("other items than before".into()).into()),
        }
    }
}

#[test]
fn a_job_goes_on_where_it_broke_off() {
    let job = job(6, 1, true);
    let (x, y) = (items(0..900), items(500..1500));
    let a = Kept::new(&x, &job, None);
    let b = Kept::new(&y, &job, Some(3));
    let [(sent, a), (got, mut b)] = both([&job, &job], a, b);
    assert!(sent.is_err() && got.unwrap_err().to_string().contains("the disk is full"));
    assert_eq!((b.done.len(), b.worked), (3, 4));
    // A file that has changed meanwhile is noticed, by the party and by its peer.
    let changed = Kept {
        inner: Memory::new(&y, &job),
        known: b.known.clone(),
        ..Kept::new(&items(501..1501), &job, None)
    };
    let a2 = Kept { known: a.known.clone(), done: a.done.clone(), ..Kept::new(&x, &job, None) };
    let [(sent, _), (got, _)] = both([&job, &job], a2, changed);
    assert!(sent.is_err() && got.is_err());
    b.worked = 0;
    let [(sent, a), (got, b)] = both([&job, &job], a, b);
    assert!(sent.is_ok() && got.is_ok());
    assert_eq!(b.worked, 3);
    let (a, b) = (a.inner.into_rows(), b.inner.into_rows());
    assert_eq!((a.len(), b.len()), (400, 400));
    assert!(a.iter().zip(&b).all(|(a, b)| x[*a as usize] == y[*b as usize]));
}

#[test]
fn parties_that_differ_are_told_so() {
    let few =
        Job { options: Options { min_items: 30, ..job(2, 1, true).options }, ..job(2, 1, true) };
    let cases = [
        (job(2, 1, true), job(3, 1, true), "another job"),
        (job(2, 1, true), job(2, 2, true), "another job"),
        (job(2, 1, true), job(2, 1, false), "another job"),
        (few.clone(), few, "fewer than 30 items"),
    ];
    for (a, b, word) in cases {
        let (x, y) = (items(0..50), items(0..20));
        let [(sent, _), (got, _)] = both([&a, &b], Memory::new(&x, &a), Memory::new(&y, &b));
        for error in [sent.unwrap_err().to_string(), got.unwrap_err().to_string()] {
            assert!(error.contains(word), "{error}");
        }
    }
}

/// Parts of a job, each worked by a pair of processes of its own, make the whole.
#[test]
fn parts_make_the_whole() {
    let whole = job(5, 1, false);
    let (x, y) = (items(0..3000), items(1000..5000));
    let mut found = Vec::new();
    for part in [0..2, 2..5] {
        let job = Job { part, ..whole.clone() };
        let [_, (got, b)] = both([&job, &job], Memory::new(&x, &job), Memory::new(&y, &job));
        got.unwrap();
        found.extend(b.into_rows());
    }
    found.sort_unstable();
    assert_eq!(found, (0..2000).collect::<Vec<_>>());
}
