//! The side that listens: TLS as a server, who it is, and strangers.

use super::{Failed, Setup, alert};
use crate::{
    Error, Security,
    hello::{Hello, Instance, Verdict, printable},
    pipe::Pipe,
    sync::lock,
    tls,
    wire::Wire,
};
use privity_core::channel::POLL;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::AlertDescription;
use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

impl Setup {
    pub(super) fn accept_loop(self: &Arc<Self>, listener: &TcpListener) {
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
}

/// Handshakes under way at a time; beyond, newcomers must try again.
const MAX_PENDING: usize = 64;

const MAX_RUMOURS: usize = 4;
