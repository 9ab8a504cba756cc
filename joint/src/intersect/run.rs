//! From two tables to the rows that both have.

use super::{
    Common, Intersect, Source,
    checkpoint::Checkpoint,
    greeting::{Hello, agree, exchange_one, exchange_sizes},
    many,
    store::{Groups, Reader, Rows, Scanned},
    totals::{self, Total, Totals},
};
use crate::{
    audit::{self, Audit},
    config::PartyFile,
    error::{Error, Result},
    outcome::Progress,
    policy::{Policy, Request},
};
use privity_core::{Cancel, Mesh, params, transcript::Transcript};
use privity_net::{Identity, NetConfig, PeerConfig, Security};
use privity_psi::{
    job::{self, Job, Side},
    vole::{self, Options},
};
use rand::{SeedableRng, rngs::StdRng};
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Gets progress.
pub(super) type OnProgress<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// Finds the common rows with party `peer` of a mesh, who calls this too.
///
/// `policy` must allow operation `align` on the columns of the identifier, to the
/// peer if that learns; what is done is recorded in `record` if there is one.
pub fn run(
    mesh: &mut Mesh,
    peer: usize,
    (what, source): (&Intersect, &Source),
    (policy, record): (&Policy, Option<&Path>),
    progress: OnProgress<'_>,
) -> Result<Common> {
    let names = [mesh.name(mesh.me()).to_string(), mesh.name(peer).to_string()];
    let learns = permitted(what, policy, &names)?;
    let reader = Reader::new(source, what)?;
    let mut checkpoint = what.checkpoint.as_deref().map(Checkpoint::open).transpose()?;
    let mut record = record.map(Audit::open).transpose()?;

    let resume = checkpoint.as_ref().and_then(|c| c.job).map(|job| job.0);
    let hello = Hello::new(what, &reader, &learns, policy, resume);
    let theirs = exchange_one(mesh, peer, &hello)?;
    let session = agree(mesh, peer, &hello, &theirs)?;

    let report = &mut |stage: &'static str, fraction: f64| {
        progress(Progress { op: "psi", sequence: 1, stage, fraction });
    };
    report("reading", 0.0);
    let scanned = Scanned::new(&reader, &session, what.memory);
    let told = exchange_sizes(mesh, &[peer], scanned.as_ref().ok().map(|s| s.items));
    // The reason why the own table cannot be used matters most.
    let scanned = scanned?;
    let items = told?[0];

    let side = side(mesh.me() < peer, &learns, &names[0]);
    let min_items = hello.min_rows.max(theirs.min_rows);
    let sizes = [scanned.items, items];
    let job = job(what, session, sizes, (min_items, learns.len() == 2));
    let asked = digest(&hello, sizes, &names, side);
    if let Some(checkpoint) = &mut checkpoint {
        checkpoint.begin(session, asked)?;
    }
    note(
        &mut record,
        "psi",
        (&hello, &names, what),
        &[("session", audit::hex(&session).into()), ("sizes", sizes.to_vec().into())],
    )?;
    let rng = &mut StdRng::from_rng(&mut rand::rng());
    let all_rows = scanned.rows;
    let mut buckets = |done: u64, of: u64| report("buckets", done as f64 / of.max(1) as f64);
    let mut rows = Rows::new(reader, scanned, (what, session, &job), checkpoint, &mut buckets)?;
    if let Err(error) = job::run(mesh, peer, (side, &job), &mut rows, rng) {
        let error = rows.failed.take().unwrap_or_else(|| error.into());
        note(
            &mut record,
            "end",
            (&hello, &names, what),
            &[("outcome", format!("not run: {}", error.for_peers()).into())],
        )?;
        return Err(error);
    }
    let groups = rows.into_groups();
    let learnt = learns.contains(&names[0]);
    let identifiers = learnt.then_some(groups.len() as u64);
    let rows = match (learnt, job.told, hello.joins, theirs.joins) {
        (false, ..) => None,
        (true, true, true, _) => {
            let counts: Vec<u32> = (0..groups.len()).map(|g| groups.get(g).len() as u32).collect();
            mesh.enter("psi/repeats");
            mesh.send_bulk(peer, &counts)?;
            Some(groups.rows)
        }
        (true, true, _, true) => Some(repeat(mesh, peer, &groups, items)?),
        (true, ..) => Some(groups.rows),
    };
    note(&mut record, "end", (&hello, &names, what), &[("common", identifiers.into())])?;
    Ok(Common {
        rows,
        all_rows,
        sizes: sizes.to_vec(),
        identifiers,
        verified: side == Side::Receiver,
        most_asked: match side {
            Side::Sender => most_asked(&job, items),
            Side::Receiver => 0,
        },
        bytes: [mesh.meter().sent(), mesh.meter().received()],
        rounds: mesh.clock(),
    })
}

/// The own rows, each as often as the peer, who has so many `items`, has rows of the same
/// identifier.
fn repeat(mesh: &mut Mesh, peer: usize, groups: &Groups, items: u64) -> Result<Vec<u32>> {
    let mut counts = vec![0u32; groups.len()];
    mesh.enter("psi/repeats");
    mesh.recv_bulk(peer, &mut counts)?;
    let total: u64 = counts.iter().map(|&n| u64::from(n)).sum();
    if counts.contains(&0) || total > items {
        let rule = "its rows per identifier are none, or more than it has rows";
        let error = mesh.deviation(peer, rule);
        return Err(mesh.abort(error).into());
    }
    let rows = counts.iter().enumerate();
    Ok(rows
        .flat_map(|(g, &n)| {
            groups.get(g).iter().flat_map(move |&r| std::iter::repeat_n(r, n as usize))
        })
        .collect())
}

/// n' of a whole job.
fn most_asked(job: &Job, items: u64) -> u64 {
    let size = if job.options.runs == 1 { items as usize } else { job.bucket_size(items as usize) };
    vole::most_items(size, &job.options) as u64 * job.options.runs
}

/// Who learns, if this party's policy allows it.
pub(super) fn permitted(
    what: &Intersect,
    policy: &Policy,
    names: &[String],
) -> Result<Vec<String>> {
    allowed(what, names, |learns| {
        policy.check(
            &names[0],
            &Request {
                operation: "align",
                what: None,
                columns: what.on.iter().map(|c| c.name.clone()).collect(),
                to: learns.iter().filter(|name| **name != names[0]).cloned().collect(),
            },
        )
    })
}

/// Who learns, after all that this party can check by itself.
pub(super) fn allowed(
    what: &Intersect,
    names: &[String],
    ask: impl FnOnce(&[String]) -> Result<String>,
) -> Result<Vec<String>> {
    let mut learns = what.learns.clone();
    if learns.is_empty() {
        learns = names.to_vec();
    }
    learns.sort();
    learns.dedup();
    if let Some(other) = learns.iter().find(|name| !names.contains(name)) {
        let rule = format!("'{other}' is to learn the result and is not among the parties");
        let fix = format!("the parties are {}; name none for all", names.join(", "));
        return Err(Error::argument("psi", rule, fix));
    }
    match what.part {
        Some((part, of)) if part >= of => {
            let rule = format!("part {part} of {of}: parts are counted from 0");
            return Err(Error::argument("psi", rule, "give 0/4, 1/4, 2/4, 3/4 for four parts"));
        }
        Some(_) if what.job.is_none() => {
            let fix = "name the job, the same in all parts and for these tables only";
            return Err(Error::argument("psi", "parts of a job without a name", fix));
        }
        _ => {}
    }
    if !(1..=64).contains(&what.workers) {
        return Err(Error::argument("psi", format!("{} workers", what.workers), "give 1 to 64"));
    }
    ask(&learns)?;
    Ok(learns)
}

/// Which side this party is on: who learns alone receives; of two, the second.
pub(super) fn side(first: bool, learns: &[String], own: &String) -> Side {
    let receives = if learns.len() == 2 { !first } else { learns.contains(own) };
    if receives { Side::Receiver } else { Side::Sender }
}

fn job(
    what: &Intersect,
    session: [u8; 32],
    sizes: [u64; 2],
    (min_items, told): (u64, bool),
) -> Job {
    let options = Options { min_items, ..Options::job(session, sizes[0].max(sizes[1])) };
    let runs = options.runs;
    let (part, of) = what.part.unwrap_or((0, 1));
    Job {
        part: part * runs / of..(part + 1) * runs / of,
        workers: what.workers,
        ..Job::new(options, told)
    }
}

/// What a checkpoint is good for.
fn digest(hello: &Hello, sizes: [u64; 2], names: &[String; 2], side: Side) -> [u8; 32] {
    let mut transcript = Transcript::new("privity psi checkpoint");
    hello.kinds.iter().for_each(|kind| transcript.append("kind", kind.as_bytes()));
    hello.learns.iter().for_each(|name| transcript.append("learns", name.as_bytes()));
    sizes.iter().for_each(|n| transcript.append("size", &n.to_be_bytes()));
    names.iter().for_each(|name| transcript.append("party", name.as_bytes()));
    transcript.append("part", format!("{:?} {side:?}", hello.part).as_bytes());
    transcript.digest()
}

pub(super) fn note(
    record: &mut Option<Audit>,
    event: &str,
    (hello, names, what): (&Hello, &[String], &Intersect),
    more: &[(&str, serde_json::Value)],
) -> Result<()> {
    let Some(record) = record else { return Ok(()) };
    let mut fields = serde_json::Map::new();
    let on: Vec<&str> = what.on.iter().map(|c| c.name.as_str()).collect();
    for (key, value) in [
        ("party", names[0].as_str().into()),
        ("peers", names[1..].to_vec().into()),
        ("suite", params::SUITE.into()),
        ("on", on.into()),
        ("kinds", hello.kinds.clone().into()),
        ("learns", hello.learns.clone().into()),
    ]
    .into_iter()
    .chain(more.iter().cloned())
    {
        fields.insert(key.into(), value);
    }
    record.append(event, fields)
}

/// Connects as a `party.toml` says, and runs: with party `with` alone, else with all of
/// the others.
pub fn connect(
    file: &Path,
    with: Option<&str>,
    (what, source): (&Intersect, &Source),
    cancel: &Cancel,
    progress: OnProgress<'_>,
) -> Result<Common> {
    let check = |policy: &Policy, names: &[String]| {
        match names {
            [_, _] => permitted(what, policy, names)?,
            _ => many::permitted_many(what, policy, names)?,
        };
        Reader::new(source, what).map(drop)
    };
    let Linked { mut mesh, policy, audit } = link(file, with, cancel, check)?;
    let rules = (&policy, Some(audit.as_path()));
    if mesh.parties() == 2 {
        let peer = 1 - mesh.me();
        return run(&mut mesh, peer, (what, source), rules, progress);
    }
    many::run_many(&mut mesh, (what, source), rules, progress)
}

/// Connects likewise for [`totals`](super::totals()).
pub fn connect_totals(
    file: &Path,
    with: Option<&str>,
    (what, source, total): (&Intersect, &Source, &Total),
    cancel: &Cancel,
    progress: OnProgress<'_>,
) -> Result<Option<Totals>> {
    let check = |policy: &Policy, names: &[String]| {
        if names.len() != 2 {
            let rule = format!("there are {} other parties", names.len() - 1);
            return Err(Error::argument("psi", rule, "totals are for two: say with whom"));
        }
        totals::permitted(what, total, policy, names)?;
        source.positions(total.sums.iter().map(String::as_str))?;
        Reader::new(source, what).map(drop)
    };
    let Linked { mesh, policy, audit } = link(file, with, cancel, check)?;
    totals::totals(mesh, (what, source, total), (&policy, Some(&audit)), progress)
}

/// Links to the others, and this party's own rules.
struct Linked {
    mesh: Mesh,
    policy: Policy,
    audit: PathBuf,
}

/// `check` has what can be refused before anybody waits.
fn link(
    file: &Path,
    with: Option<&str>,
    cancel: &Cancel,
    check: impl FnOnce(&Policy, &[String]) -> Result<()>,
) -> Result<Linked> {
    let party = PartyFile::load(file)?;
    let wrong =
        |rule: String, fix: &str| Error::Config { file: file.into(), rule, fix: fix.into() };
    let others: Vec<&str> =
        party.parties.iter().map(|p| p.name.as_str()).filter(|n| *n != party.name).collect();
    let with: Vec<&str> = match with {
        Some(name) if others.contains(&name) => vec![name],
        Some(name) => {
            return Err(wrong(format!("there is no other party '{name}'"), "name one of the file"));
        }
        None if others.is_empty() => {
            return Err(wrong("there is no other party".into(), "add a [[party]] for it"));
        }
        None => others,
    };
    let policy = Policy::load(&party.policy)?;
    let identity = Identity::load(&party.key)?;
    let mut names = vec![party.name.clone()];
    names.extend(with.iter().map(|name| (*name).to_owned()));
    check(&policy, &names)?;
    let mut peers = Vec::new();
    for peer in party.parties.iter().filter(|p| names.contains(&p.name)) {
        peers.push(PeerConfig {
            name: peer.name.as_str().into(),
            address: peer.address.clone(),
            pin: peer.pin.parse()?,
        });
    }
    let me = peers.iter().position(|p| &*p.name == party.name.as_str());
    let me = me.ok_or(Error::Internal("a checked file has no such party"))?;
    let mut net = NetConfig::new(me, peers, Security::Tls(Arc::new(identity)));
    net.listen = party.listen.clone();
    net.session = format!("{}/psi", party.session).into_bytes();
    let mut transcript = Transcript::new("privity psi parameters");
    transcript.append("suite", params::SUITE.as_bytes());
    transcript.append("wire", &params::WIRE_VERSION.to_be_bytes());
    net.parameters = transcript.digest();
    net.connections = party.connections;
    // A party may still read its table when the other is done.
    net.timeout = Duration::from_secs(party.timeout.max(600));
    net.connect_timeout = Duration::from_secs(party.connect_timeout);
    let mesh = privity_net::connect(&net, None, cancel)?;
    Ok(Linked { mesh, policy, audit: party.audit })
}

/// What a run will cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Payload bytes that the party listed first, and the second, send.
    pub bytes: [u64; 2],
    /// Rounds of messages.
    pub rounds: u64,
    /// Buckets.
    pub buckets: u64,
    /// Seconds of computing, from figures of one machine: a rough guide.
    pub computing_seconds: f64,
}

impl Estimate {
    /// Seconds on a network with so many milliseconds one way and so many megabits
    /// per second each way, for two parties that compute at the same time.
    pub fn seconds(&self, latency_ms: f64, megabits: f64) -> f64 {
        let bits = 8.0 * self.bytes[0].max(self.bytes[1]) as f64;
        self.rounds as f64 * latency_ms / 1e3 + bits / (megabits * 1e6) + self.computing_seconds
    }
}

/// What [`run`] costs for so many rows of the party that is first in the list and of
/// the second, if both learn and `common` rows are common.
pub fn estimate(what: &Intersect, rows: [u64; 2], common: u64) -> Result<Estimate> {
    let job = job(what, [0; 32], rows, (0, what.learns.len() != 1));
    let cost = job::cost(&job, rows, common)?;
    Ok(Estimate {
        bytes: [cost.sender, cost.receiver],
        // Two greetings before the job.
        rounds: u64::from(cost.rounds[1]) + 2,
        buckets: job.options.runs,
        // docs/psi.md: 2^20 items of each on a core per party take 0.37 s, of which
        // both parties' messages are no part; reading and writing take as long.
        computing_seconds: 0.4e-6 * (rows[0] + rows[1]) as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// A peer's rows per identifier cannot be more than its rows.
    #[test]
    fn repeats_are_bounded_by_the_peers_rows() {
        let groups = Groups { rows: vec![5, 9], ends: vec![] };
        let run = |counts: [u32; 2], items: u64| {
            let mut meshes = Mesh::in_memory(&["alpha", "liar"]).unwrap();
            let (mut liar, mut alpha) = (meshes.pop().unwrap(), meshes.pop().unwrap());
            liar.enter("psi/repeats");
            liar.send_bulk(0, &counts).unwrap();
            thread::scope(|scope| {
                scope.spawn(move || liar.recv_up_to(0, 8));
                let rows = repeat(&mut alpha, 1, &groups, items);
                drop(alpha);
                rows
            })
        };
        assert_eq!(run([2, 1], 3).unwrap(), [5, 5, 9]);
        for (counts, items) in [([2, 1], 2), ([0, 1], 3), ([u32::MAX, 1], 3)] {
            let error = run(counts, items).unwrap_err();
            assert_eq!(error.culprits(), ["liar"], "{error}");
        }
    }
}
