//! Mean and variance of very many shared values, three parties of `rep3` in
//! this process: time, traffic, memory, and the result against plain sums.
//!
//! `cargo run --release -p privity-mpc --example moments -- 1000000`
//! `cargo run --release -p privity-mpc --example moments -- 100000000`
//!
//! A second argument is the public bound on the values (100): from 1024 on, two
//! squares do not fit into a word together, and every element is widened.
//!
//! Values come in batches of a million; memory is that of one batch.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use privity_core::Result;
use privity_mpc::{
    engine::{Engine, Recipients},
    numeric::{
        moments::{Columns, Moments, Products},
        range::word_bound,
    },
    rep3,
};
use std::time::{Duration, Instant};

const FRAC: u32 = 20;
const BATCH: usize = 1_000_000;

/// Value `i`, spread over [-largest, largest], as a word.
fn value(i: u64, largest: u32) -> i64 {
    let z = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let half = u64::from(largest) << FRAC;
    let span = 2 * half + 1;
    ((u128::from(z ^ (z >> 27)) * u128::from(span)) >> 64) as i64 - half as i64
}

fn main() -> Result<()> {
    let n: u64 = std::env::args().nth(1).map_or(1_000_000, |n| n.parse().unwrap());
    let largest: u32 = std::env::args().nth(2).map_or(100, |n| n.parse().unwrap());
    let columns = Columns { count: 1, frac: FRAC, bound: word_bound(FRAC, f64::from(largest))? };
    let results = rep3::run_local(|e| {
        let mut moments = Moments::new(columns, Products::Squares)?;
        let mut time = Duration::ZERO;
        let before = e.mesh().meter().sent();
        let mut input_bytes = 0;
        for start in (0..n).step_by(BATCH) {
            let len = BATCH.min((n - start) as usize);
            let sent = e.mesh().meter().sent();
            let mine: Option<Vec<u64>> = (e.me() == 0)
                .then(|| (start..start + len as u64).map(|i| value(i, largest) as u64).collect());
            let x = e.input(0, mine.as_deref(), len)?;
            input_bytes += e.mesh().meter().sent() - sent;
            // wait for the slowest, so that only the statistics are timed
            let ready = e.public(&[0]);
            e.open(&ready, Recipients::All)?;
            let clock = Instant::now();
            moments.add(e, &x)?;
            time += clock.elapsed();
        }
        let added = time;
        let clock = Instant::now();
        let mean = moments.means(e, FRAC)?;
        let variance = moments.variances(e, 1, FRAC)?;
        let mean = mean.open(e, Recipients::All)?;
        let variance = variance.open(e, Recipients::All)?;
        time += clock.elapsed();
        let bytes = e.mesh().meter().sent() - before - input_bytes;
        Ok((mean.unwrap_or_default(), variance.unwrap_or_default(), time, bytes, added))
    })?;
    let time = results.iter().map(|r| r.2).max().unwrap_or_default();
    let bytes: u64 = results.iter().map(|r| r.3).sum();
    let added = results.iter().map(|r| r.4).max().unwrap_or_default();
    println!(
        "{n} values: {:.4} s, of which the sums {:.4} s; {bytes} bytes (sharing the input apart)",
        time.as_secs_f64(),
        added.as_secs_f64()
    );
    let (mut sum, mut squares) = (0i128, 0i128);
    for i in 0..n {
        let x = i128::from(value(i, largest));
        sum += x;
        squares += x * x;
    }
    let unit = f64::from(FRAC).exp2();
    let exact_mean = sum as f64 / n as f64 / unit;
    let centred = squares - sum * sum / i128::from(n);
    let exact_variance = centred as f64 / (n - 1) as f64 / unit / unit;
    println!("mean     {:.9}, exactly {exact_mean:.9}", results[0].0[0]);
    println!("variance {:.9}, exactly {exact_variance:.9}", results[0].1[0]);
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|l| l.starts_with("VmHWM"));
        println!("peak memory of all parties together: {}", peak.unwrap_or("unknown"));
    }
    Ok(())
}
