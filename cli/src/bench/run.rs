//! Running one piece of work at all parties of an engine, and measuring it.

use super::{Args, EngineName, Report};
use crate::Failure;
use privity_core::{Mesh, Result};
use privity_mpc::{
    additive::{Additive, Profile},
    engine::{Engine, Recipients},
    local,
    rep3::Rep3,
    rep3m::Rep3m,
    shamir::{Security, Shamir},
};
use std::{sync::Barrier, time::Instant};

/// Work over any engine, on a vector of party 0 and one of party 1.
pub(super) trait Work: Sync {
    fn run<E: Engine>(&self, e: &mut E, x: &E::Ring, y: &E::Ring) -> Result<Done<E>>;
    /// The largest error of what was opened.
    fn max_error(&self, opened: &[u64]) -> f64;
}

/// What is opened after the clock has stopped.
pub(super) enum Done<E: Engine> {
    Ring(E::Ring),
    Bits(E::Bits),
}

/// An engine over links.
trait Linked: Engine {
    fn mesh(&self) -> &Mesh;
    /// Whatever has to be checked before a result may be opened.
    fn check(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Linked for Rep3 {
    fn mesh(&self) -> &Mesh {
        self.mesh()
    }
}

impl Linked for Rep3m {
    fn mesh(&self) -> &Mesh {
        self.mesh()
    }
    fn check(&mut self) -> Result<()> {
        self.check()
    }
}

impl Linked for Additive {
    fn mesh(&self) -> &Mesh {
        self.mesh()
    }
}

impl Linked for Shamir {
    fn mesh(&self) -> &Mesh {
        self.mesh()
    }
    fn check(&mut self) -> Result<()> {
        self.check()
    }
}

/// Times `work` on the engine that the arguments name.
pub(super) fn measure(
    args: &Args,
    name: &'static str,
    n: usize,
    [x, y]: [&[u64]; 2],
    work: &impl Work,
) -> std::result::Result<Report, Failure> {
    let rng = || rand::rng();
    let m = Measured { args, name, n, x, y };
    match args.engine {
        EngineName::Rep3 => m.over("rep3", 3, |mesh| Rep3::new(mesh, &mut rng()), work),
        EngineName::Rep3m => m.over("rep3m", 3, |mesh| Rep3m::new(mesh, &mut rng()), work),
        EngineName::Additive => {
            let new = |mesh| Additive::new(mesh, Profile::LAN, &mut rng());
            m.over("additive, LAN profile", 2, new, work)
        }
        EngineName::AdditiveWan => {
            let new = |mesh| Additive::new(mesh, Profile::WAN, &mut rng());
            m.over("additive, WAN profile", 2, new, work)
        }
        EngineName::Shamir => m.shamir("shamir, semi-honest", Security::SemiHonest, work),
        EngineName::ShamirMalicious => m.shamir("shamir, malicious", Security::Malicious, work),
    }
}

struct Measured<'a> {
    args: &'a Args,
    name: &'static str,
    n: usize,
    x: &'a [u64],
    y: &'a [u64],
}

/// What one party measured.
struct Run {
    sharing_seconds: f64,
    seconds: f64,
    bytes: u64,
    clocks: [u32; 2],
    opened: Option<Vec<u64>>,
}

impl Measured<'_> {
    fn shamir(
        &self,
        engine: &'static str,
        security: Security,
        work: &impl Work,
    ) -> std::result::Result<Report, Failure> {
        let new = |mesh: Mesh| {
            let threshold = (mesh.parties() - 1) / 2;
            Shamir::new(mesh, threshold, security, &mut rand::rng())
        };
        self.over(engine, 3, new, work)
    }

    /// From a common start to the slowest party's end, checks included; the
    /// result is opened outside the clock.
    fn over<E: Linked>(
        &self,
        engine: &'static str,
        parties: usize,
        new: impl Fn(Mesh) -> Result<E> + Sync,
        work: &impl Work,
    ) -> std::result::Result<Report, Failure> {
        let args = self.args;
        let parties = args.parties.unwrap_or(parties);
        let mut times = Vec::new();
        let mut last = None;
        for _ in 0..args.repeat {
            let barrier = Barrier::new(parties);
            let runs = local::run_over(args.meshes(parties)?, |mesh| {
                let set_up = new(mesh);
                // Every party reaches the barrier, so that none waits for one that failed.
                barrier.wait();
                let mut e = set_up?;
                self.party(&mut e, &barrier, work)
            })?;
            times.push(runs.iter().map(|r| r.seconds).fold(0.0, f64::max));
            last = Some(runs);
        }
        let runs = last.ok_or("nothing was run")?;
        let mut sorted = times.clone();
        sorted.sort_by(f64::total_cmp);
        let opened = runs[0].opened.as_ref().ok_or("party 0 opened nothing")?;
        let latest = |i: usize| runs.iter().map(|r| r.clocks[i]).max().unwrap_or(0);
        let bytes_per_party: Vec<u64> = runs.iter().map(|r| r.bytes).collect();
        Ok(Report {
            bench: self.name,
            engine,
            parties,
            net: args.net.name(),
            n: self.n,
            seconds: sorted[sorted.len() / 2],
            seconds_all: times,
            bytes: bytes_per_party.iter().sum(),
            bytes_per_party,
            // From the latest clock before to the latest after: the parties' own
            // clocks differ by what they received last.
            rounds: latest(1) - latest(0),
            max_error: work.max_error(opened),
            sharing_seconds: runs.iter().map(|r| r.sharing_seconds).fold(0.0, f64::max),
            seed: args.seed,
        })
    }

    fn party<E: Linked>(&self, e: &mut E, barrier: &Barrier, work: &impl Work) -> Result<Run> {
        let start = Instant::now();
        let shared = self.share(e);
        let sharing_seconds = start.elapsed().as_secs_f64();
        barrier.wait();
        let (x, y) = shared?;
        if self.args.warm {
            drop(work.run(e, &x, &y)?);
            e.check()?;
            barrier.wait();
        }
        let (bytes, before) = (e.mesh().meter().sent(), e.mesh().clock());
        let start = Instant::now();
        let result = work.run(e, &x, &y)?;
        e.check()?;
        let seconds = start.elapsed().as_secs_f64();
        let (bytes, after) = (e.mesh().meter().sent() - bytes, e.mesh().clock());
        let opened = match result {
            Done::Ring(z) => e.open(&z, Recipients::Only(&[0]))?,
            Done::Bits(z) => e.open_bits(&z, Recipients::Only(&[0]))?,
        };
        Ok(Run { sharing_seconds, seconds, bytes, clocks: [before, after], opened })
    }

    fn share<E: Linked>(&self, e: &mut E) -> Result<(E::Ring, E::Ring)> {
        let x = e.input(0, (e.me() == 0).then_some(self.x), self.x.len())?;
        let y = e.input(1, (e.me() == 1).then_some(self.y), self.y.len())?;
        e.check()?;
        Ok((x, y))
    }
}
