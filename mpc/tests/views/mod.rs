//! Views of parties, recorded and compared: shared by the transcript tests.
#![allow(dead_code, clippy::expect_used, clippy::print_stdout)]

use privity_core::{
    Cancel, Mesh, PartyName,
    channel::{Channel, Direction, Recorder, Recording, memory_pair},
    mesh::HEADER,
    share::replicated::Replicated,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Of chi-square with 15 degrees of freedom: the tail beyond is below 1e-13.
pub(crate) const CRITICAL: f64 = 100.0;

/// One trial's view of one party: sampled bytes, always at the same places.
pub(crate) type View = Vec<u8>;

/// Three meshes of which every received message is recorded.
pub(crate) fn recorded_meshes() -> (Vec<Mesh>, Vec<Recording>) {
    let names: Vec<PartyName> = ["a", "b", "c"].iter().map(|&n| n.into()).collect();
    let recordings: Vec<Recording> = (0..3).map(|_| Recording::new()).collect();
    let mut grid: Vec<Vec<Option<Box<dyn Channel>>>> =
        (0..3).map(|_| (0..3).map(|_| None).collect()).collect();
    for i in 0..3 {
        for j in i + 1..3 {
            let (a, b) = memory_pair(&names[i], &names[j]);
            grid[i][j] = Some(Box::new(Recorder::new(a, recordings[i].clone())));
            grid[j][i] = Some(Box::new(Recorder::new(b, recordings[j].clone())));
        }
    }
    let meshes = grid
        .into_iter()
        .enumerate()
        .map(|(me, row)| Mesh::new(me, &names, row, Cancel::new()).expect("three names"))
        .collect();
    (meshes, recordings)
}

/// The first bytes of a message, the last, and a few between.
pub(crate) fn sample(payload: &[u8], view: &mut View) {
    let n = payload.len();
    let mut at: Vec<usize> = [0, 7, 8, n / 3, n / 2, n.saturating_sub(8), n.saturating_sub(1)]
        .into_iter()
        .filter(|&i| i < n)
        .collect();
    at.sort_unstable();
    at.dedup();
    view.extend(at.into_iter().map(|i| payload[i]));
}

/// The bytes sampled from everything received since the last call.
pub(crate) fn received(recording: &Recording) -> View {
    let mut view = View::new();
    for entry in recording.take() {
        if entry.direction == Direction::Received {
            sample(&entry.message[HEADER..], &mut view);
        }
    }
    view
}

/// The views of all trials, by party, of an operation on fresh shares of `x` and
/// `y` in one session of an engine that `new` sets up.
pub(crate) fn session<E>(
    trials: u64,
    [x, y]: [&[u64]; 2],
    seed: u64,
    new: impl Fn(Mesh, &mut StdRng) -> E + Sync,
    operation: impl Fn(&mut E, &Replicated<u64>, &Replicated<u64>) + Sync,
) -> [Vec<View>; 3] {
    let (meshes, recordings) = recorded_meshes();
    let (new, operation) = (&new, &operation);
    let all: Vec<Vec<View>> = std::thread::scope(|scope| {
        let handles: Vec<_> = meshes
            .into_iter()
            .zip(recordings)
            .map(|(mesh, recording)| {
                scope.spawn(move || {
                    let me = mesh.me();
                    let mut e = new(mesh, &mut StdRng::seed_from_u64(seed ^ me as u64));
                    let mut views = Vec::new();
                    for trial in 0..trials {
                        // The same dealer at all parties: each takes its own share.
                        let mut dealer =
                            StdRng::seed_from_u64(seed.wrapping_mul(31).wrapping_add(trial));
                        let a = Replicated::share(x, &mut dealer)[me].clone();
                        let b = Replicated::share(y, &mut dealer)[me].clone();
                        recording.take();
                        operation(&mut e, &a, &b);
                        let mut view = received(&recording);
                        for share in [&a, &b] {
                            for word in [share.own[0], share.next[0]] {
                                view.extend([word as u8, (word >> 56) as u8]);
                            }
                        }
                        views.push(view);
                    }
                    views
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().expect("no panic")).collect()
    });
    all.try_into().expect("three parties")
}

/// Counts in 16 classes of every feature: half-bytes, and of each pair of
/// sampled bytes the difference and the exclusive or.
pub(crate) fn features(views: &[View]) -> Vec<[f64; 16]> {
    let width = views[0].len();
    let mut counts = Vec::new();
    let mut count = |class: &dyn Fn(&View) -> u8| {
        let mut c = [0.0; 16];
        for v in views {
            c[usize::from(class(v) & 15)] += 1.0;
        }
        counts.push(c);
    };
    for i in 0..width {
        count(&|v| v[i]);
        count(&|v| v[i] >> 4);
        for j in 0..i {
            count(&|v| v[i].wrapping_sub(v[j]));
            count(&|v| v[i] ^ v[j]);
            count(&|v| (v[i] ^ v[j]) >> 4);
        }
    }
    counts
}

/// The largest statistic over all features, and how many tests that were.
pub(crate) fn worst(a: &[View], b: &[View]) -> (f64, usize) {
    let (fa, fb) = (features(a), features(b));
    let n = a.len() as f64;
    let mut worst = 0.0f64;
    for (ca, cb) in fa.iter().zip(&fb) {
        for c in [ca, cb] {
            let uniform: f64 = c.iter().map(|o| (o - n / 16.0).powi(2) / (n / 16.0)).sum();
            worst = worst.max(uniform);
        }
        let same: f64 = ca
            .iter()
            .zip(cb)
            .filter(|(x, y)| *x + *y > 0.0)
            .map(|(x, y)| (x - y).powi(2) / (x + y))
            .sum();
        worst = worst.max(same);
    }
    (worst, 3 * fa.len())
}

pub(crate) fn seed() -> u64 {
    let seed = std::env::var("PRIVITY_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| rand::rng().random());
    println!("PRIVITY_SEED={seed}");
    seed
}

/// Zeros, and numbers of every kind.
pub(crate) fn inputs(len: usize) -> [Vec<u64>; 2] {
    let kinds = [1 << 61, 0xDEAD_BEEF, !0, 1 << 20];
    [vec![0; len], (0..len).map(|i| kinds[i % 4]).collect()]
}
