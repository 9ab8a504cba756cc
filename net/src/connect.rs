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

use crate::{
    Error, NetConfig, Result, Security,
    channel::NetChannel,
    hello::{Hello, Instance, Verdict, printable},
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
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::AlertDescription;
use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
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

    // Dialling.

    fn dial_loop(&self, peer: usize) {
        let mut pause = FIRST_PAUSE;
        loop {
            let mut state = lock(&self.state);
            let index = loop {
                if self.stopped() {
                    return;
                }
                let Some(slot) = state.slots.get(peer) else {
                    return;
                };
                match slot.wires.iter().position(Option::is_none) {
                    Some(index) if slot.up.is_none() => break index,
                    _ => state = wait(&self.changed, state, POLL),
                }
            };
            drop(state);
            match self.dial(peer, index) {
                Ok((instance, wire)) => {
                    pause = FIRST_PAUSE;
                    self.place(peer, index, instance, wire);
                }
                Err(Failed::Fatal(e)) => {
                    lock(&self.state).fatal.get_or_insert(e);
                    return self.changed.notify_all();
                }
                Err(Failed::Retry(why)) => {
                    tracing::debug!(peer = &*self.config.parties[peer].name, "dial: {why}");
                    self.back_off(peer, why, &mut pause);
                }
            }
        }
    }

    fn back_off(&self, peer: usize, why: String, pause: &mut Duration) {
        let mut random = [0; 1];
        // Without jitter the pauses are still correct.
        let _ = tls::fill_random(&mut random);
        let until = Instant::now() + pause.mul_f64(0.5 + f64::from(random[0]) / 255.0);
        *pause = (2 * *pause).min(LAST_PAUSE);
        let mut state = lock(&self.state);
        if let Some(slot) = state.slots.get_mut(peer) {
            slot.hint = Some(why);
        }
        while !self.stopped() && Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            state = wait(&self.changed, state, left);
        }
    }

    fn dial(&self, peer: usize, index: usize) -> Result<(Instance, Wire), Failed> {
        let party = &self.config.parties[peer];
        let address = &party.address;
        let socket = self.reach(address).map_err(|e| {
            Failed::Retry(match e.kind() {
                io::ErrorKind::ConnectionRefused => format!("nothing listens at {address}"),
                _ => format!("{address} cannot be reached: {e}"),
            })
        })?;
        let retry = |e: io::Error| Failed::Retry(format!("{address} broke off the handshake: {e}"));
        socket.set_nodelay(true).map_err(retry)?;

        let (connection, pins) = match &self.config.security {
            Security::PlainForBenchmarks => (None, None),
            Security::Tls(identity) => {
                let (connection, pins) = tls::client(identity, party.pin)
                    .map_err(|e| Failed::Fatal(Error::Key(e.to_string())))?;
                (Some(connection), Some(pins))
            }
        };
        let mut pipe = Pipe::new(socket, connection, self.handshake_deadline(), self.stop.clone());
        if let Err(e) = pipe.shake() {
            let shown = pins.and_then(|pins| pins.shown());
            pipe.part();
            return Err(match shown {
                Some(got) if got != party.pin => Failed::Fatal(Error::WrongKey {
                    peer: party.name.clone(),
                    address: address.clone(),
                    expected: party.pin,
                    got,
                }),
                _ => retry(e),
            });
        }
        // From here on the peer is who it should be. It judges our key after
        // our side of the handshake is over, so that its alert comes now.
        let judged = |e: io::Error| match alert(&e) {
            Some(AlertDescription::AccessDenied) => Failed::Fatal(Error::KeyRefused {
                peer: party.name.clone(),
                ours: self.config.parties[self.config.me].pin,
            }),
            _ if e.kind() == io::ErrorKind::InvalidData => {
                Failed::Fatal(Error::Handshake { peer: party.name.clone(), rule: e.to_string() })
            }
            _ => retry(e),
        };
        // There are at most 16 connections.
        let mine = Hello::new(&self.config, peer, index as u16, self.instance);
        // If it has closed already, its alert is still to be read.
        let _ = pipe.write(&mine);
        let theirs: Hello = pipe.read().map_err(judged)?;
        let check = mine.check(&theirs, &party.name, self.config.dead_after);
        let verdict: Verdict = pipe.read().map_err(judged)?;
        let said = pipe.write(&Verdict::of(&check));
        self.conclude(pipe, &party.name, check, verdict).and_then(|wire| {
            said.map_err(retry)?;
            Ok((theirs.instance, wire))
        })
    }

    fn reach(&self, address: &str) -> io::Result<TcpStream> {
        let mut outcome = Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        for address in address.to_socket_addrs()? {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            outcome = TcpStream::connect_timeout(&address, left.min(REACH_TIME));
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    // Listening.

    fn accept_loop(self: &Arc<Self>, listener: &TcpListener) {
        let pending = Arc::new(AtomicUsize::new(0));
        while !self.stopped() {
            let mut fds = [PollFd::new(listener, PollFlags::IN)];
            let slice = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
            if !matches!(poll(&mut fds, Some(&slice)), Ok(n) if n > 0) {
                continue;
            }
            let (socket, from) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(e) => {
                    // Out of descriptors, or the peer is gone already.
                    tracing::debug!("accept: {e}");
                    thread::park_timeout(POLL);
                    continue;
                }
            };
            if pending.load(Ordering::SeqCst) >= MAX_PENDING {
                tracing::warn!(%from, "refused: {MAX_PENDING} handshakes are under way");
                continue;
            }
            pending.fetch_add(1, Ordering::SeqCst);
            let count = pending.clone();
            let spawned = self.spawn("privity-net greet", move |setup| {
                setup.greet(socket, from);
                count.fetch_sub(1, Ordering::SeqCst);
            });
            if spawned.is_err() {
                pending.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    fn greet(&self, socket: TcpStream, from: SocketAddr) {
        match self.admit(socket) {
            Ok((peer, index, instance, wire)) => self.place(peer, index, instance, wire),
            Err(Failed::Fatal(e)) => {
                lock(&self.state).fatal.get_or_insert(e);
                self.changed.notify_all();
            }
            Err(Failed::Retry(what)) if !self.stopped() => {
                tracing::warn!(%from, "refused: {what}");
                let mut state = lock(&self.state);
                let rumour = format!("{what} (from {})", from.ip());
                if !state.rumours.contains(&rumour) {
                    state.rumours.push_back(rumour);
                    if state.rumours.len() > MAX_RUMOURS {
                        state.rumours.pop_front();
                    }
                }
            }
            Err(Failed::Retry(_)) => {}
        }
    }

    fn admit(&self, socket: TcpStream) -> Result<(usize, usize, Instance, Wire), Failed> {
        let stranger =
            |e: io::Error| Failed::Retry(format!("a stranger broke off the handshake: {e}"));
        socket.set_nonblocking(false).map_err(stranger)?;
        socket.set_nodelay(true).map_err(stranger)?;
        let me = self.config.me;
        let others = || self.config.parties.iter().enumerate().filter(move |(i, _)| *i != me);
        let (connection, pins) = match &self.config.security {
            Security::PlainForBenchmarks => (None, None),
            Security::Tls(identity) => {
                let (connection, pins) =
                    tls::server(identity, others().map(|(_, party)| party.pin).collect())
                        .map_err(|e| Failed::Fatal(Error::Key(e.to_string())))?;
                (Some(connection), Some(pins))
            }
        };
        let mut pipe = Pipe::new(socket, connection, self.handshake_deadline(), self.stop.clone());
        if let Err(e) = pipe.shake() {
            let shown = pins.and_then(|pins| pins.shown());
            let what = match (shown, alert(&e)) {
                (Some(key), _) if others().all(|(_, party)| party.pin != key) => {
                    format!("a peer with an unknown key {key} tried to connect")
                }
                (_, Some(AlertDescription::AccessDenied)) => format!(
                    "a peer refused the key of this party, {}, which it must pin",
                    self.config.parties[me].pin
                ),
                _ if e.kind() == io::ErrorKind::TimedOut => {
                    "a stranger connected and said nothing".into()
                }
                _ => format!("a stranger broke off the handshake: {e}"),
            };
            pipe.part();
            return Err(Failed::Retry(what));
        }
        let theirs: Hello = pipe.read().map_err(stranger)?;
        let found = match pins.and_then(|pins| pins.shown()) {
            Some(key) => others().find(|(_, party)| party.pin == key),
            None => others().find(|(_, party)| *party.name == *theirs.from),
        };
        let Some((peer, party)) = found else {
            return Err(Failed::Retry(format!(
                "a stranger by the name of '{}' tried to connect",
                printable(&theirs.from)
            )));
        };
        let mine = Hello::new(&self.config, peer, theirs.connection, self.instance);
        let mut check = mine.check(&theirs, &party.name, self.config.dead_after);
        if check.is_ok() && peer < me {
            check = Err(Error::Handshake {
                peer: party.name.clone(),
                rule: "it dials a party that is listed after it".into(),
            });
        }
        let said = pipe.write(&mine).and_then(|()| pipe.write(&Verdict::of(&check)));
        let verdict: Result<Verdict, _> = said.and_then(|()| pipe.read());
        let verdict = match (verdict, &check) {
            (Ok(verdict), _) => verdict,
            // What we found outlives its hanging up.
            (Err(_), Err(_)) => Verdict(String::new()),
            (Err(e), Ok(())) => {
                return Err(Failed::Retry(format!(
                    "party '{}' broke off the handshake: {e}",
                    party.name
                )));
            }
        };
        let wire = self.conclude(pipe, &party.name, check, verdict)?;
        Ok((peer, theirs.connection.into(), theirs.instance, wire))
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

/// An attempt to reach an address takes no longer.
const REACH_TIME: Duration = Duration::from_secs(3);

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Handshakes under way at a time; beyond, newcomers must try again.
const MAX_PENDING: usize = 64;

const MAX_RUMOURS: usize = 4;

/// Longer time-outs could overflow the clock.
const MAX_TIMEOUT: Duration = Duration::from_secs(10 * 365 * 86_400);
