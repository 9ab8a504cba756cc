//! Prints the time of a round and the throughput of a link, over memory, plain
//! TCP and TLS, all parties in this process.
//!
//! `cargo run --release -p privity-net --example loopback`

#![allow(clippy::print_stdout)]

use privity_core::{Error, Mesh, channel::CHUNK_BYTES};
use privity_net::{loopback_mesh, plain_loopback_mesh_for_benchmarks};
use std::{thread, time::Instant};

const ROUNDS: u32 = 10_000;
const MEGABYTES: usize = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{:22}{:>14}{:>16}{:>18}", "", "ring of 3, µs", "one way, MB/s", "both ways, MB/s");
    for connections in [1, 2, 4] {
        let three = ["alpha", "beta", "gamma"];
        let two = ["alpha", "beta"];
        if connections == 1 {
            let round = ring(Mesh::in_memory(&three)?)?;
            report("memory", round, |both| throughput(Mesh::in_memory(&two)?, both))?;
        }
        let round = ring(plain_loopback_mesh_for_benchmarks(&three, connections)?)?;
        report(&format!("plain, {connections} connections"), round, |both| {
            throughput(plain_loopback_mesh_for_benchmarks(&two, connections)?, both)
        })?;
        let round = ring(loopback_mesh(&three, connections)?)?;
        report(&format!("TLS, {connections} connections"), round, |both| {
            throughput(loopback_mesh(&two, connections)?, both)
        })?;
    }
    Ok(())
}

fn report(
    name: &str,
    round: f64,
    run: impl Fn(bool) -> Result<f64, Box<dyn std::error::Error>>,
) -> Result<(), Box<dyn std::error::Error>> {
    println!("{name:22}{round:14.1}{:16.0}{:18.0}", run(false)?, run(true)?);
    Ok(())
}

/// Microseconds per round in which each party sends to the next and receives
/// from the one before.
fn ring(meshes: Vec<Mesh>) -> Result<f64, Box<dyn std::error::Error>> {
    let n = meshes.len();
    let times = all(meshes, |mesh| {
        let me = mesh.me();
        let mut word = [0; 8];
        let start = Instant::now();
        for _ in 0..ROUNDS {
            mesh.send((me + 1) % n, &word)?;
            mesh.recv((me + n - 1) % n, &mut word)?;
        }
        Ok(start.elapsed())
    })?;
    Ok(times[0].as_secs_f64() * 1e6 / f64::from(ROUNDS))
}

/// Megabytes per second and direction.
fn throughput(meshes: Vec<Mesh>, both: bool) -> Result<f64, Box<dyn std::error::Error>> {
    let times = all(meshes, |mesh| {
        let me = mesh.me();
        let mut block = vec![1; 16 * CHUNK_BYTES];
        let start = Instant::now();
        for _ in 0..MEGABYTES * 1_000_000 / block.len() {
            if both || me == 0 {
                mesh.send_bulk(1 - me, &block)?;
            }
            if both || me == 1 {
                mesh.recv_bulk(1 - me, &mut block)?;
            }
        }
        // The sender has finished when the receiver has.
        if me == 1 || both {
            mesh.send(1 - me, &[0])?;
        }
        if me == 0 || both {
            mesh.recv(1 - me, &mut [0])?;
        }
        Ok(start.elapsed())
    })?;
    Ok(MEGABYTES as f64 / times[0].as_secs_f64())
}

fn all<T: Send>(
    meshes: Vec<Mesh>,
    run: impl Fn(&mut Mesh) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Box<dyn std::error::Error>> {
    thread::scope(|scope| {
        let threads: Vec<_> = meshes
            .into_iter()
            .map(|mut mesh| {
                let run = &run;
                scope.spawn(move || run(&mut mesh))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| Ok(thread.join().map_err(|_| "a party panicked")??))
            .collect()
    })
}
