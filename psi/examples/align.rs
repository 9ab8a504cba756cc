//! Aligns two or three sets in one process and says what it took:
//!
//! ```text
//! cargo run --release -p privity-psi --example align -- 2 100000
//! ```
#![allow(clippy::print_stdout)]

use privity_core::Mesh;
use privity_psi::{Item, Options, align, cost};
use std::{error::Error, time::Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let parties: usize = arguments.next().unwrap_or("2".into()).parse()?;
    let n: u64 = arguments.next().unwrap_or("100000".into()).parse()?;

    // Half of each set is common to all.
    let options = Options::new([1; 32]);
    let item = |id: u64| Item::new(&options.session, &id.to_be_bytes());
    let tables: Vec<Vec<Item>> = (0..parties as u64)
        .map(|p| (0..n).map(|i| item(if i < n / 2 { i } else { i + p * n })).collect())
        .collect();

    let names = ["alpha", "beta", "gamma"];
    let meshes = Mesh::in_memory(names.get(..parties).ok_or("two or three parties")?)?;
    let start = Instant::now();
    let ends = std::thread::scope(|s| {
        let threads: Vec<_> = meshes
            .into_iter()
            .zip(&tables)
            .map(|(mut mesh, items)| {
                let options = &options;
                s.spawn(move || {
                    let alignment = align(&mut mesh, items, options, &mut rand::rng())?;
                    Ok::<_, privity_psi::Error>((alignment, mesh))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|t| t.join().map_err(|_| "a party panicked")?.map_err(Into::into))
            .collect::<Result<Vec<_>, Box<dyn Error>>>()
    })?;
    let time = start.elapsed();

    println!(
        "{parties} parties, {n} items each, {} in common: {time:.2?}, {:.1} us per item and party",
        ends[0].0.rows.len(),
        time.as_secs_f64() * 1e6 / n as f64
    );
    let sizes = vec![n; parties];
    let expected = cost(&sizes, ends[0].0.rows.len() as u64, &options)?;
    for (p, (_, mesh)) in ends.iter().enumerate() {
        println!(
            "{}: {:.1} bytes per item sent, {} multiplications, {} rounds",
            names[p],
            mesh.meter().sent() as f64 / n as f64,
            expected.multiplications[p],
            expected.rounds
        );
        for (label, count) in mesh.meter().iter() {
            println!(
                "    {label:16} {:9.2?}  waiting {:9.2?}  sent {:10}  received {:10}",
                count.time, count.waiting, count.sent, count.received
            );
        }
    }
    Ok(())
}
