//! How a session begins: over the network, in memory, or dry.

use super::{
    Assume, Planned, Session, agree,
    context::{Context, PATIENCE, Plan},
    machine::Runner,
    wire::{Counters, Dry, Wire},
};
use crate::{
    audit::Audit,
    config::{self, PartyFile},
    error::{Error, Result},
    ledger::Ledger,
    party::Party,
    policy::Policy,
};
use privity_core::{Cancel, Mesh, params, transcript::Transcript};
use privity_mpc::{
    rep3::{Rep3, Rep3Cost},
    shape::Shape,
};
use privity_net::{Identity, NetConfig, PeerConfig, Security};
use std::{path::Path, sync::Arc, thread, time::Duration};

/// From a file: connects to the peers.
pub(super) fn open(path: &Path, cancel: &Cancel) -> Result<Session> {
    let file = PartyFile::load(path)?;
    let policy = Policy::load(&file.policy)?;
    let audit = Audit::open(&file.audit)?;
    let ledger = file.ledger.as_deref().map(Ledger::open).transpose()?;
    let identity = Identity::load(&file.key)?;
    let parties = file.parties();
    file.check_session(path)?;
    let me = parties
        .iter()
        .position(|p| p.name == file.name)
        .ok_or(Error::Internal("a checked file has no such party"))?;
    let mut peers = Vec::with_capacity(parties.len());
    for peer in &file.parties {
        peers.push(PeerConfig {
            name: peer.name.as_str().into(),
            address: peer.address.clone(),
            pin: peer.pin.parse()?,
        });
    }
    let mut net = NetConfig::new(me, peers, Security::Tls(Arc::new(identity)));
    net.listen = file.listen.clone();
    net.session = file.session.clone().into_bytes();
    net.parameters = parameters(&parties, &file.session, &file.engine);
    net.connections = file.connections;
    net.timeout = Duration::from_secs(file.timeout);
    net.connect_timeout = Duration::from_secs(file.connect_timeout);
    let parameters = net.parameters;
    let mesh = privity_net::connect(&net, None, cancel)?;
    let timeout = net.timeout;
    let pins: Vec<&str> = file.parties.iter().map(|peer| peer.pin.as_str()).collect();
    let mut session = start(mesh, parties, &pins, policy, audit, timeout, &parameters)?;
    session.cx.ledger = ledger;
    Ok(session)
}

/// All parties in one process; greetings need all of them, hence the threads.
pub(super) fn local(parties: &[(Party, Policy)]) -> Result<Vec<Session>> {
    let list: Vec<Party> = parties.iter().map(|(party, _)| party.clone()).collect();
    checked(&list)?;
    let names: Vec<&str> = list.iter().map(|p| p.name.as_str()).collect();
    let meshes = Mesh::in_memory(&names)?;
    let parameters = &parameters(&list, "local", "rep3");
    thread::scope(|scope| {
        let threads: Vec<_> = meshes
            .into_iter()
            .zip(parties)
            .map(|(mesh, (_, policy))| {
                let (list, policy) = (list.clone(), policy.clone());
                scope.spawn(move || {
                    start(mesh, list, &[], policy, Audit::in_memory(), TIMEOUT, parameters)
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|s| s.unwrap_or(Err(Error::Internal("a thread panicked")))).collect()
    })
}

/// No links at all.
pub(super) fn dry_run(planned: &[Planned], assume: Assume) -> Result<Vec<Session>> {
    let parties: Vec<Party> = planned.iter().map(|p| p.party.clone()).collect();
    checked(&parties)?;
    for p in planned {
        if p.party.owns_data && p.schema.is_none() {
            return Err(Error::argument(
                "dry_run",
                format!("party '{}' owns data and has no schema", p.party.name),
                "give the schema of its table",
            ));
        }
    }
    let parameters = parameters(&parties, "dry run", "rep3");
    let plan = Arc::new(Plan { parties: planned.to_vec(), assume });
    (0..parties.len())
        .map(|me| {
            let wire = Wire::Dry(Dry::new(me, parties.len()));
            let policy = planned[me].policy.clone();
            let mut cx = context(parties.clone(), me, wire, policy, Audit::in_memory());
            cx.dry = Some(plan.clone());
            // The largest of all, as the greeting would find.
            cx.min_cell = planned.iter().map(|p| p.policy.min_cell()).max().unwrap_or(0);
            cx.min_rows = planned.iter().map(|p| p.policy.min_rows()).max().unwrap_or(0);
            agree::hello(&mut cx, &parameters)?;
            let index = cx.computing().iter().position(|&c| c == me);
            let shape = Shape::new(index.unwrap_or(0), Rep3Cost);
            Ok(Session::new(cx, Box::new(Runner::new(shape, index.is_some()))))
        })
        .collect()
}

fn start(
    mut mesh: Mesh,
    parties: Vec<Party>,
    pins: &[&str],
    policy: Policy,
    audit: Audit,
    timeout: Duration,
    parameters: &[u8; 32],
) -> Result<Session> {
    let (me, cancel) = (mesh.me(), mesh.cancel_flag().clone());
    mesh.set_timeout(timeout);
    let computing: Vec<usize> = (0..parties.len()).filter(|&p| parties[p].computes).collect();
    let inner = match parties[me].computes {
        true => Some(mesh.fork("engine", &computing)?),
        false => None,
    };
    mesh.set_timeout(timeout.max(PATIENCE));
    let mut cx = context(parties, me, Wire::Live(mesh), policy, audit);
    (cx.cancel, cx.timeout) = (cancel, timeout);
    agree::hello(&mut cx, parameters)?;
    let peers: Vec<serde_json::Value> = cx
        .parties
        .iter()
        .enumerate()
        .map(|(i, p)| serde_json::json!({ "name": p.name, "key": pins.get(i) }))
        .collect();
    let opened = [("parameters", crate::audit::hex(parameters).into()), ("parties", peers.into())];
    super::record(&mut cx, "open", None, &opened)?;
    Ok(match inner {
        Some(inner) => {
            let engine = Rep3::new(inner, &mut rand::rng())?;
            Session::new(cx, Box::new(Runner::new(engine, true)))
        }
        None => Session::new(cx, Box::new(Runner::new(Shape::new(0, Rep3Cost), false))),
    })
}

fn context(parties: Vec<Party>, me: usize, wire: Wire, policy: Policy, audit: Audit) -> Context {
    Context {
        parties,
        me,
        wire,
        policy,
        audit,
        ledger: None,
        session: [0; 32],
        sequence: 0,
        min_cell: 0,
        min_rows: 0,
        data_refused: false,
        dry: None,
        cancel: Cancel::new(),
        timeout: TIMEOUT,
        progress: None,
        op: "open",
        used: Counters::default(),
    }
}

fn checked(parties: &[Party]) -> Result<()> {
    config::check_parties(parties)
        .and_then(|()| config::check_computing(parties))
        .map_err(|(rule, fix)| Error::argument("open", rule, fix))
}

/// The digest of everything that must be the same at all parties.
fn parameters(parties: &[Party], session: &str, engine: &str) -> [u8; 32] {
    let mut transcript = Transcript::new("privity parameters");
    transcript.append("suite", params::SUITE.as_bytes());
    transcript.append("wire", &params::WIRE_VERSION.to_be_bytes());
    transcript.append("engine", engine.as_bytes());
    transcript.append("session", session.as_bytes());
    for party in parties {
        transcript.append("party", party.name.as_bytes());
        let roles = [party.owns_data, party.computes, party.receives];
        transcript.append("roles", &roles.map(u8::from));
    }
    transcript.digest()
}

/// The time-out between threads of one process.
const TIMEOUT: Duration = Duration::from_secs(30);
