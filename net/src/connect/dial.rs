//! The side that dials: back-off, TLS as a client, the first word.

use super::{Failed, Setup, alert};
use crate::{
    Error, Security,
    hello::{Hello, Instance, Verdict},
    pipe::Pipe,
    sync::{lock, wait},
    tls,
    wire::Wire,
};
use privity_core::channel::POLL;
use rustls::AlertDescription;
use std::{
    io,
    net::{TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

impl Setup {
    pub(super) fn dial_loop(&self, peer: usize) {
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
            // An attempt that the end of the set-up cuts short says less than
            // the one before it.
            if Instant::now() < self.deadline || slot.hint.is_none() {
                slot.hint = Some(why);
            }
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
}

/// An attempt to reach an address takes no longer.
const REACH_TIME: Duration = Duration::from_secs(3);

const FIRST_PAUSE: Duration = Duration::from_millis(20);

const LAST_PAUSE: Duration = Duration::from_secs(1);
