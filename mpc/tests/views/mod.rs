//! Views of parties, recorded and compared: shared by the transcript tests.
#![allow(dead_code, clippy::expect_used, clippy::print_stdout)]

use privity_core::{
    Cancel, Mesh, PartyName,
    channel::{Channel, Recorder, Recording, memory_pair},
};
use rand::RngExt;

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
