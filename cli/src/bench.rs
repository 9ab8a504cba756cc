//! `privity bench`: one protocol, all parties in this process, one line out; or the figures
//! of differential privacy, which has no parties.

mod dp;
mod psi;
mod run;
mod work;

use crate::Failure;
use clap::{Args as ClapArgs, ValueEnum};
use privity_core::Mesh;
use serde::Serialize;

/// Options of `privity bench`.
#[derive(ClapArgs)]
#[command(
    after_help = "Examples:\n  privity bench mul --engine rep3m --n 1000000 --net tls --json\n  \
                  privity bench dp --repeat 9"
)]
pub(crate) struct Args {
    /// What to time
    what: What,
    /// Engine
    #[arg(long, value_enum, default_value_t = EngineName::Rep3)]
    engine: EngineName,
    /// Computing parties: 3 for rep3 and rep3m, 2 or more for additive, 3 to 64 for shamir, 3, 5 or 7 for shamir-malicious
    #[arg(long)]
    parties: Option<usize>,
    /// Elements (rows of lr and dp, rows and columns of matmul)
    #[arg(long)]
    n: Option<usize>,
    /// How the parties are connected
    #[arg(long, value_enum, default_value_t = Net::Memory)]
    net: Net,
    /// Connections per pair of parties, for tcp and tls
    #[arg(long, default_value_t = 2)]
    connections: usize,
    /// Timed repetitions; the median is reported
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// Run the work once before the clock starts, as in a session that has run
    /// for a while: a process that has just begun spends part of its time on
    /// getting memory from the system
    #[arg(long)]
    warm: bool,
    /// Protocol of psi
    #[arg(long, value_enum, default_value_t = Variant::Vole)]
    variant: Variant,
    /// Threads of the process for local work, for all parties together; as many
    /// as cores unless given
    #[arg(long)]
    threads: Option<usize>,
    /// Seed of the operands
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One line of JSON instead of a sentence
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Products without truncation
    Product,
    /// Fixed-point products with truncation
    Mul,
    /// A square matrix product with truncation
    Matmul,
    /// Less-than of 64-bit numbers, the result as shared bits
    Cmp,
    /// AND gates in layers of 4194304 (--n is rounded up to whole layers)
    And,
    /// A shuffle of one column
    Shuffle,
    /// A sort by a 32-bit key, with the other column as payload
    Sort,
    /// Mean and variance of fixed-point numbers
    Stats,
    /// Logistic regression by mini-batch gradient descent: 100 columns, 5
    /// epochs, batches of 1024
    Lr,
    /// Intersection of two sets, set-up included (--n items each)
    Psi,
    /// Differential privacy on one core, no parties: draws of noise, accounting, releases
    /// from --n rows
    Dp,
}

#[derive(Clone, Copy, ValueEnum, PartialEq)]
enum Variant {
    /// VOLE and an oblivious key-value store, malicious with abort
    Vole,
    /// The same, semi-honest
    VoleSemiHonest,
    /// The same with a store over the subfield: fewer bytes
    VoleSubfield,
    /// Diffie-Hellman, semi-honest; both learn the result
    Ecdh,
    /// The result and one payload of 64 bits stay shared, in engine additive
    Circuit,
}

impl Variant {
    fn name(self) -> &'static str {
        match self {
            Variant::Vole => "vole, malicious",
            Variant::VoleSemiHonest => "vole, semi-honest",
            Variant::VoleSubfield => "vole, subfield, semi-honest",
            Variant::Ecdh => "ecdh, semi-honest",
            Variant::Circuit => "circuit, semi-honest",
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineName {
    /// Three parties, semi-honest, honest majority
    Rep3,
    /// Three parties, malicious with abort, honest majority
    Rep3m,
    /// Two parties or more, semi-honest, dishonest majority; preparation included
    Additive,
    /// The same with silent transfers: fewer bytes, more computing
    AdditiveWan,
    /// Any number of parties, semi-honest, honest majority
    Shamir,
    /// The same, malicious with abort
    ShamirMalicious,
}

#[derive(Clone, Copy, ValueEnum, PartialEq)]
enum Net {
    /// Queues in memory
    Memory,
    /// TCP over loopback, unprotected: to see what TLS costs
    Tcp,
    /// TLS 1.3 over loopback
    Tls,
}

impl Net {
    fn name(self) -> &'static str {
        match self {
            Net::Memory => "memory",
            Net::Tcp => "tcp",
            Net::Tls => "tls",
        }
    }
}

#[derive(Serialize)]
struct Report {
    bench: &'static str,
    engine: &'static str,
    parties: usize,
    net: &'static str,
    n: usize,
    seconds: f64,
    seconds_all: Vec<f64>,
    bytes_per_party: Vec<u64>,
    bytes: u64,
    rounds: u32,
    max_error: f64,
    /// Seconds for sharing the operands, not part of `seconds`.
    sharing_seconds: f64,
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.n.is_some_and(|n| !(1..=100_000_000).contains(&n)) {
        return Err("--n must be from 1 to 100000000".into());
    }
    if args.repeat == 0 {
        return Err("--repeat must be at least 1".into());
    }
    if args.parties.is_some_and(|n| !(2..=64).contains(&n)) {
        return Err("--parties must be from 2 to 64".into());
    }
    if let Some(threads) = args.threads {
        work::limit_threads(threads)?;
    }
    match args.what {
        What::Dp => dp::run(args),
        What::Psi => print(args, &psi::run(args)?),
        _ => print(args, &work::run(args)?),
    }
}

impl Args {
    /// Links between parties of this process.
    fn meshes(&self, parties: usize) -> Result<Vec<Mesh>, Failure> {
        let names: Vec<String> = (0..parties).map(|i| format!("party {i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Ok(match self.net {
            Net::Memory => Mesh::in_memory(&names)?,
            Net::Tcp => privity_net::plain_loopback_mesh_for_benchmarks(&names, self.connections)?,
            Net::Tls => privity_net::loopback_mesh(&names, self.connections)?,
        })
    }
}

#[allow(clippy::print_stdout)] // the command's output
fn print(args: &Args, r: &Report) -> Result<(), Failure> {
    if args.json {
        println!("{}", serde_json::to_string(r)?);
    } else {
        println!(
            "{} n={} {} ({} parties) over {}: {:.4} s, {:.3} MB over all parties, {} rounds, largest error {:.2e}",
            r.bench,
            r.n,
            r.engine,
            r.parties,
            r.net,
            r.seconds,
            r.bytes as f64 / 1e6,
            r.rounds,
            r.max_error
        );
    }
    Ok(())
}
