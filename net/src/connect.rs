//! Setting up a session: every party to every other, in any order of arrival.
//!
//! Of two parties the later in the list dials the earlier, with exponential
//! back-off and jitter. A set of connections counts once all have come from
//! one run of the peer; if it is restarted meanwhile, its new connections
//! replace the old. At the end each party tells each that it has all its
//! links, and waits to hear the same, so that nobody starts the program while
//! another still waits for a third.
//!
//! Strangers are turned away, logged, and mentioned in the error if the time
//! runs out; they cannot hold up the others. A known peer that differs in key,
//! session or parameters is an error at once.

mod admit;
mod dial;

use crate::{
    Error, NetConfig, Result,
    channel::NetChannel,
    hello::{Instance, Verdict, printable},
    link::{Link, Party},
    pipe::Pipe,
    sync::{lock, wait},
    tls,
    wire::Wire,
};
use privity_core::{
    Cancel, Channel, Mesh, PartyName,
    channel::{POLL, fork_id},
};
use rustls::AlertDescription;
use std::{
    collections::VecDeque,
    io,
    net::TcpListener,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Connects this party to all others and returns when all are connected.
///
/// Listens at [`NetConfig::listen_address`], or on `listener` if there is one.
/// Raising `cancel` stops the set-up, and later every channel of the mesh.
pub fn connect(config: &NetConfig, listener: Option<TcpListener>, cancel: &Cancel) -> Result<Mesh> {
    config.validate()?;
    let (me, n) = (config.me, config.parties.len());
    let listener = match listener {
        Some(listener) => Some(listener),
        None if me + 1 < n => Some(bind(config.listen_address())?),
        None => None,
    };
    let mut instance = [0; 16];
    tls::fill_random(&mut instance).map_err(|e| system("random bytes", &e))?;
    let setup = Arc::new(Setup {
        instance,
        party: Arc::new(Party::new(cancel.clone())),
        deadline: Instant::now() + config.connect_timeout.min(MAX_TIMEOUT),
        stop: Arc::default(),
        state: Mutex::new(State {
            slots: (0..n).map(|_| Slot::new(config.connections)).collect(),
            fatal: None,
            rumours: VecDeque::new(),
        }),
        changed: Condvar::new(),
        config: config.clone(),
    });

    let outcome = setup.run(listener);
    let slots = setup.finish();
    let slots = match outcome {
        Ok(()) => slots,
        Err(e) => {
            // The other peers hear whose fault it was when the links drop.
            setup.party.blame(|| match &e {
                Error::PeerMissing { peer, .. } => format!("party '{peer}' did not come"),
                other => other.to_string(),
            });
            return Err(e);
        }
    };
    let names: Vec<PartyName> = config.parties.iter().map(|p| p.name.clone()).collect();
    let channels =
        slots.into_iter().map(|slot| slot.up.map(|up| Box::new(up.root) as Box<dyn Channel>));
    let mut mesh = Mesh::new(me, &names, channels.collect(), cancel.clone())?;
    mesh.set_timeout(config.timeout);
    Ok(mesh)
}

struct Setup {
    config: NetConfig,
    instance: Instance,
    party: Arc<Party>,
    deadline: Instant,
    stop: Arc<AtomicBool>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    slots: Vec<Slot>,
    fatal: Option<Error>,
    /// What strangers did, for the error message.
    rumours: VecDeque<String>,
}

/// How far one peer is.
struct Slot {
    instance: Option<Instance>,
    wires: Vec<Option<Wire>>,
    up: Option<Up>,
    /// All its connections stood at some time.
    met: bool,
    hint: Option<String>,
}

/// A link that stands.
struct Up {
    root: NetChannel,
    ready: NetChannel,
    said_ready: bool,
    heard_ready: bool,
}

/// Why a handshake came to nothing.
enum Failed {
    /// No hope: report it.
    Fatal(Error),
    /// Perhaps next time.
    Retry(String),
}

impl Slot {
    fn new(connections: usize) -> Self {
        Self {
            instance: None,
            wires: (0..connections).map(|_| None).collect(),
            up: None,
            met: false,
            hint: None,
        }
    }

    /// Forgets all connections; the caller drops them outside of the lock.
    fn reset(&mut self) -> (Vec<Wire>, Option<Up>) {
        self.instance = None;
        (self.wires.iter_mut().filter_map(Option::take).collect(), self.up.take())
    }
}

impl Setup {
    fn run(self: &Arc<Self>, listener: Option<TcpListener>) -> Result<()> {
        let mut acceptor = None;
        if let Some(listener) = listener {
            listener.set_nonblocking(true).map_err(|e| system("a listener", &e))?;
            acceptor = Some(self.spawn("privity-net accept", move |s| s.accept_loop(&listener))?);
        }
        let mut outcome = (0..self.config.me).try_for_each(|peer| {
            self.spawn("privity-net dial", move |s| s.dial_loop(peer)).map(drop)
        });
        if outcome.is_ok() {
            outcome = self.await_all();
        }
        self.stop.store(true, Ordering::SeqCst);
        self.changed.notify_all();
        if let Some(acceptor) = acceptor {
            // It frees the port; a panic in it has nothing to tell.
            let _ = acceptor.join();
        }
        outcome
    }

    fn spawn(
        self: &Arc<Self>,
        name: &str,
        body: impl FnOnce(&Arc<Setup>) + Send + 'static,
    ) -> Result<thread::JoinHandle<()>> {
        let setup = self.clone();
        thread::Builder::new()
            .name(name.into())
            .spawn(move || body(&setup))
            .map_err(|e| system("a thread", &e))
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Takes what was built, so that threads that still run cannot keep it.
    fn finish(&self) -> Vec<Slot> {
        std::mem::take(&mut lock(&self.state).slots)
    }

    fn await_all(&self) -> Result<()> {
        let mut state = lock(&self.state);
        loop {
            if let Some(e) = state.fatal.take() {
                return Err(e);
            }
            if self.party.cancel.is_cancelled() {
                return Err(privity_core::Error::Cancelled { during: "connect".into() }.into());
            }
            let mut lost = Vec::new();
            let (mut all_up, mut all_ready) = (true, true);
            for (i, slot) in state.slots.iter_mut().enumerate() {
                if i == self.config.me {
                    continue;
                }
                if let Some(why) = slot.up.as_ref().and_then(|up| up.root.link().broken()) {
                    slot.hint = Some(why);
                    lost.push(slot.reset());
                }
                all_up &= slot.up.is_some();
            }
            if all_up {
                for up in state.slots.iter_mut().filter_map(|slot| slot.up.as_mut()) {
                    // An error shows as a broken link in the next turn.
                    if !up.said_ready {
                        up.said_ready = up.ready.send(Vec::new()).is_ok();
                    }
                    if !up.heard_ready {
                        up.heard_ready = matches!(up.ready.poll(Duration::ZERO), Ok(Some(_)));
                    }
                    all_ready &= up.said_ready && up.heard_ready;
                }
                if all_ready {
                    return Ok(());
                }
            }
            if Instant::now() >= self.deadline {
                return Err(self.missing(&state));
            }
            if lost.is_empty() {
                let patience = if all_up { Duration::from_millis(1) } else { POLL };
                state = wait(&self.changed, state, patience);
            } else {
                drop(state);
                drop(lost);
                self.changed.notify_all();
                state = lock(&self.state);
            }
        }
    }

    fn missing(&self, state: &State) -> Error {
        let waits = |slot: &Slot| !slot.up.as_ref().is_some_and(|up| up.heard_ready);
        let others = || state.slots.iter().enumerate().filter(|(i, _)| *i != self.config.me);
        // Somebody who never came explains more than somebody who left.
        let found = others()
            .find(|(_, slot)| !slot.met)
            .or_else(|| others().find(|(_, slot)| slot.up.is_none()))
            .or_else(|| others().find(|(_, slot)| waits(slot)));
        let Some((peer, slot)) = found else {
            return privity_core::Error::Internal("nobody is missing, but the time is over").into();
        };
        let mut hints: Vec<String> = slot.hint.iter().cloned().collect();
        if slot.up.is_some() {
            hints.push("it is connected to this party, but not to all others".into());
        } else if hints.is_empty() {
            hints.push(if peer < self.config.me {
                "no answer".into()
            } else {
                format!("it did not connect to {}", self.config.listen_address())
            });
        }
        hints.extend(state.rumours.iter().cloned());
        Error::PeerMissing {
            peer: self.config.parties[peer].name.clone(),
            address: self.config.parties[peer].address.clone(),
            after: self.config.connect_timeout,
            hint: hints.join("; "),
        }
    }

    /// Puts a connection in its slot; the last one of a set starts the link.
    fn place(&self, peer: usize, index: usize, instance: Instance, wire: Wire) {
        let mut state = lock(&self.state);
        if self.stopped() {
            return;
        }
        let Some(slot) = state.slots.get_mut(peer) else {
            return;
        };
        let mut old = (Vec::new(), None);
        if slot.instance != Some(instance) {
            old = slot.reset();
            slot.instance = Some(instance);
        } else if slot.up.is_some() {
            // Half of a set that the peer gave up; ours will break soon.
            return;
        }
        slot.hint = None;
        old.0.extend(slot.wires[index].replace(wire));
        if slot.wires.iter().all(Option::is_some) {
            let wires = slot.wires.iter_mut().filter_map(Option::take).collect();
            match self.raise(peer, wires) {
                Ok(up) => {
                    slot.up = Some(up);
                    slot.met = true;
                }
                Err(e) => state.fatal = Some(e),
            }
        }
        drop(state);
        drop(old);
        self.changed.notify_all();
    }

    fn raise(&self, peer: usize, wires: Vec<Wire>) -> Result<Up> {
        let config = &self.config;
        let name = config.parties[peer].name.clone();
        let link = Link::start(name, wires, config.heartbeat, config.dead_after)
            .map_err(|e| system("a thread", &e))?;
        let root = NetChannel::root(link, self.party.clone(), config.timeout)?;
        let ready = root.beside(fork_id(u64::MAX, "privity-net ready", 0))?;
        Ok(Up { root, ready, said_ready: false, heard_ready: false })
    }

    fn conclude(
        &self,
        pipe: Pipe,
        peer: &PartyName,
        check: Result<()>,
        verdict: Verdict,
    ) -> Result<Wire, Failed> {
        let refused = match check {
            Err(e) => e,
            Ok(()) if !verdict.0.is_empty() => Error::Handshake {
                peer: peer.clone(),
                rule: format!("it says: {}", printable(&verdict.0)),
            },
            Ok(()) => return pipe.into_wire().map_err(|e| Failed::Retry(e.to_string())),
        };
        pipe.part();
        Err(Failed::Fatal(refused))
    }

    fn handshake_deadline(&self) -> Instant {
        self.deadline.min(Instant::now() + HANDSHAKE_TIME)
    }
}

impl Verdict {
    fn of(check: &Result<()>) -> Self {
        Self(check.as_ref().err().map(Error::to_string).unwrap_or_default())
    }
}

fn bind(address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).map_err(|e| {
        let (address, reason) = (address.into(), e.to_string());
        match e.kind() {
            io::ErrorKind::AddrInUse => Error::AddressInUse { address, reason },
            _ => Error::Listen { address, reason },
        }
    })
}

fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

fn system(what: &'static str, e: &dyn std::fmt::Display) -> Error {
    Error::System { what, reason: e.to_string() }
}

/// A handshake that takes longer is broken off.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// Longer time-outs could overflow the clock.
const MAX_TIMEOUT: Duration = Duration::from_secs(10 * 365 * 86_400);
