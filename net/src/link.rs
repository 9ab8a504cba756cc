//! All connections to one peer, and the streams that run over them.
//!
//! Message `q` of a stream travels on connection `q mod k`. Both sides know
//! `q`, so the receiver takes the next message from the queue of that
//! connection and needs no reordering.
//!
//! **Ends.** A party that drops its last channel writes what is queued and a
//! farewell on every connection; the peer's reader answers with its own. The
//! farewell carries the reason if the party stops because of an error, so that
//! the others learn at once whose fault it was. An end without a farewell is a
//! failure of the link, and so is silence for longer than `dead_after`.

use crate::{
    frame::{Assembler, Frame, Kind},
    hello::printable,
    sync::{lock, wait},
    wire::{CLOSED, ReadError, Sent, Wire},
};
use privity_core::{Cancel, Error, PartyName, channel::POLL};
use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{
        Arc, Condvar, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

pub(crate) struct Link {
    peer: PartyName,
    wires: Vec<Wire>,
    streams: Mutex<HashMap<u64, Arc<Stream>>>,
    /// Streams that the peer has begun and this party has not opened.
    unopened: AtomicUsize,
    /// Bytes received and not yet asked for.
    held: AtomicUsize,
    room: (Mutex<()>, Condvar),
    failure: OnceLock<Failure>,
    closing: AtomicBool,
    readers: (Mutex<usize>, Condvar),
    dead_after: Duration,
}

/// One stream as the receiver sees it.
pub(crate) struct Stream {
    state: Mutex<Inbox>,
    arrived: Condvar,
}

struct Inbox {
    /// Messages by connection.
    queues: Vec<VecDeque<Vec<u8>>>,
    /// How many messages have come, read or not.
    count: u64,
    /// How many there are in all, once the peer has closed its end, and why
    /// it did.
    end: Option<(u64, String)>,
    /// This party has opened its end.
    opened: bool,
    /// This party has closed its end: what comes is thrown away.
    closed: bool,
}

/// Why a link is lost.
#[derive(Clone, Debug)]
enum Failure {
    Lost(String),
    Deviation(String),
}

/// What all channels of one party share.
#[derive(Default)]
pub(crate) struct Party {
    pub(crate) cancel: Cancel,
    blame: Mutex<Option<String>>,
}

impl Party {
    pub(crate) fn new(cancel: Cancel) -> Self {
        Self { cancel, blame: Mutex::default() }
    }

    /// Notes the first error that a caller saw, for the farewells.
    pub(crate) fn blame(&self, why: impl FnOnce() -> String) {
        lock(&self.blame).get_or_insert_with(why);
    }

    fn farewell(&self) -> String {
        match &*lock(&self.blame) {
            Some(why) => why.clone(),
            None if self.cancel.is_cancelled() => "it was cancelled".into(),
            None => String::new(),
        }
    }
}

impl Link {
    /// Starts two threads per connection.
    pub(crate) fn start(
        peer: PartyName,
        wires: Vec<Wire>,
        heartbeat: Duration,
        dead_after: Duration,
    ) -> io::Result<Arc<Self>> {
        let link = Arc::new(Self {
            peer,
            wires,
            streams: Mutex::default(),
            unopened: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            room: Default::default(),
            failure: OnceLock::new(),
            closing: AtomicBool::new(false),
            readers: Default::default(),
            dead_after,
        });
        for (i, wire) in link.wires.iter().enumerate() {
            wire.set_patience(dead_after)?;
            let run = |name: &str, body: Box<dyn FnOnce(&Link) + Send>| {
                let link = link.clone();
                thread::Builder::new().name(name.into()).spawn(move || body(&link))
            };
            let started =
                run("privity-net write", Box::new(move |link| link.wires[i].write_loop(heartbeat)))
                    .and_then(|_| {
                        *lock(&link.readers.0) += 1;
                        run("privity-net read", Box::new(move |link| link.read_loop(i)))
                    });
            if let Err(e) = started {
                link.cut("its threads could not be started");
                return Err(e);
            }
        }
        Ok(link)
    }

    pub(crate) fn peer(&self) -> &PartyName {
        &self.peer
    }

    /// Opens this party's end of a stream; `None` if it is open already.
    pub(crate) fn open(&self, id: u64) -> Option<Arc<Stream>> {
        let mut streams = lock(&self.streams);
        if let Some(stream) = streams.get(&id) {
            if std::mem::replace(&mut lock(&stream.state).opened, true) {
                return None;
            }
            self.unopened.fetch_sub(1, Ordering::SeqCst);
            return Some(stream.clone());
        }
        let stream = Stream::new(self.wires.len(), true);
        streams.insert(id, stream.clone());
        Some(stream)
    }

    /// Sends message `q` of a stream.
    pub(crate) fn send(
        &self,
        frame: Frame,
        q: u64,
        timeout: Duration,
        cancel: &Cancel,
    ) -> Result<(), Error> {
        let wire = self.wire(q);
        let mut frame = frame;
        let start = Instant::now();
        loop {
            frame = match wire.send(frame, POLL) {
                Sent::Queued => return Ok(()),
                Sent::Stopped(reason) => return Err(self.lost_or(reason, wire)),
                Sent::Full(frame) => frame,
            };
            if cancel.is_cancelled() {
                return Err(cancelled());
            }
            if start.elapsed() >= timeout {
                return Err(self.timeout(timeout));
            }
        }
    }

    /// Waits for message `q` of a stream; `None` when the time is over.
    pub(crate) fn recv(
        &self,
        stream: &Stream,
        q: u64,
        timeout: Duration,
        cancel: &Cancel,
    ) -> Result<Option<Vec<u8>>, Error> {
        let wire = self.wire(q);
        // Fewer connections than 2^64 messages.
        let queue = (q % self.wires.len() as u64) as usize;
        let mut deadline = None;
        let mut inbox = lock(&stream.state);
        loop {
            if let Some(message) = inbox.queues[queue].pop_front() {
                drop(inbox);
                self.release(message.len());
                return Ok(Some(message));
            }
            if let Some((total, why)) = &inbox.end
                && *total == q
            {
                return Err(self.disconnected(why.clone()));
            }
            if let Some(failure) = self.failure.get() {
                return Err(self.error(failure));
            }
            if let Some(why) = wire.ended() {
                return Err(self.disconnected(why.into()));
            }
            if cancel.is_cancelled() {
                return Err(cancelled());
            }
            let now = Instant::now();
            let deadline = *deadline.get_or_insert(now + timeout.min(FOREVER));
            if now >= deadline {
                return Ok(None);
            }
            inbox = wait(&stream.arrived, inbox, POLL.min(deadline - now));
        }
    }

    /// Closes this party's end of a stream after `sent` messages.
    pub(crate) fn end(&self, id: u64, sent: u64, party: &Party) {
        // A link that is gone needs no notice.
        let _ = self.wire(sent).send(Frame::end(id, sent, &party.farewell()), Duration::ZERO);
        let mut streams = lock(&self.streams);
        let Some(stream) = streams.get(&id) else {
            return;
        };
        let mut inbox = lock(&stream.state);
        inbox.closed = true;
        let unread: Vec<usize> = inbox.queues.drain(..).flatten().map(|m| m.len()).collect();
        let complete = inbox.is_complete();
        drop(inbox);
        if complete {
            streams.remove(&id);
        }
        drop(streams);
        unread.into_iter().for_each(|n| self.release(n));
    }

    /// Whether the link can carry anything more, and if not, why.
    pub(crate) fn broken(&self) -> Option<String> {
        match self.failure.get() {
            Some(Failure::Lost(why) | Failure::Deviation(why)) => Some(why.clone()),
            None => self.wires.iter().find_map(Wire::ended).map(String::from),
        }
    }

    /// Writes everything, says farewell, and waits for the peer to have it, as
    /// long as that makes progress.
    pub(crate) fn close(&self, party: &Party) {
        self.closing.store(true, Ordering::SeqCst);
        self.room.1.notify_all();
        if self.failure.get().is_none() {
            let why = party.farewell();
            self.wires.iter().for_each(|wire| wire.close(&why));
            for wire in &self.wires {
                self.await_writer(wire, party);
            }
            self.await_readers(party);
        }
        self.cut(CLOSED);
    }

    fn await_writer(&self, wire: &Wire, party: &Party) {
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            let (finished, progress) = wire.progress(POLL);
            let patience =
                if party.cancel.is_cancelled() { CANCEL_LINGER } else { self.dead_after };
            if progress != seen {
                (seen, since) = (progress, Instant::now());
            }
            if finished || self.failure.get().is_some() || since.elapsed() > patience {
                return;
            }
        }
    }

    fn await_readers(&self, party: &Party) {
        let start = Instant::now();
        let mut readers = lock(&self.readers.0);
        while *readers > 0 {
            let linger = if party.cancel.is_cancelled() { CANCEL_LINGER } else { LINGER };
            let left = linger.saturating_sub(start.elapsed());
            if left.is_zero() {
                return;
            }
            readers = wait(&self.readers.1, readers, left.min(POLL));
        }
    }

    fn cut(&self, reason: &str) {
        self.wires.iter().for_each(|wire| wire.cut(reason));
    }

    fn wire(&self, q: u64) -> &Wire {
        // A remainder below the number of connections.
        &self.wires[(q % self.wires.len() as u64) as usize]
    }

    fn read_loop(&self, index: usize) {
        let wire = &self.wires[index];
        let mut buffer = vec![0; READ_BUFFER];
        let (mut assembler, mut frames) = (Assembler::default(), Vec::new());
        let mut woken: Vec<Arc<Stream>> = Vec::new();
        let mut outcome = wire.open(&[], &mut assembler, &mut frames).map(|()| true);
        let failure = loop {
            for frame in frames.drain(..) {
                if let Err(rule) = self.deliver(index, frame, &mut woken) {
                    outcome = Err(ReadError::Rule(rule));
                    break;
                }
            }
            // Once for all that came together: waking costs more than moving.
            woken.drain(..).for_each(|stream| stream.arrived.notify_one());
            match outcome {
                Ok(true) => {}
                Ok(false) if wire.ended().is_some() => break None,
                Ok(false) => break Some(Failure::Lost(NO_FAREWELL.into())),
                Err(e) => break self.explain(e, index),
            }
            self.wait_for_room();
            outcome = wire.read(&mut buffer, &mut assembler, &mut frames);
        };
        if let Some(failure) = failure
            && !self.closing.load(Ordering::SeqCst)
        {
            tracing::debug!(peer = &*self.peer, "link lost: {failure:?}");
            let _ = self.failure.set(failure);
            self.cut("the link is lost");
        } else {
            // The peer will not read any more.
            wire.close("");
        }
        self.wake_all();
        *lock(&self.readers.0) -= 1;
        self.readers.1.notify_all();
    }

    /// `None` if the end of the socket is no failure.
    fn explain(&self, error: ReadError, index: usize) -> Option<Failure> {
        Some(match error {
            ReadError::Socket(_) if self.wires[index].ended().is_some() => return None,
            ReadError::Socket(e)
                if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                Failure::Lost(format!(
                    "nothing came from it for {:?}, not even a heart-beat: it or the network \
                     stands still",
                    self.dead_after
                ))
            }
            ReadError::Socket(e) => Failure::Lost(e.to_string()),
            ReadError::Tls(rustls::Error::AlertReceived(alert)) => {
                Failure::Lost(format!("it ended TLS with the alert {alert:?}"))
            }
            ReadError::Tls(e) => Failure::Lost(format!(
                "what came is not what its key protects ({e}): the connection was tampered with"
            )),
            ReadError::Rule(rule) => Failure::Deviation(rule),
        })
    }

    /// Puts a frame where it belongs. The error is the rule that it breaks.
    fn deliver(
        &self,
        index: usize,
        frame: Frame,
        woken: &mut Vec<Arc<Stream>>,
    ) -> Result<(), String> {
        if self.wires[index].ended().is_some() {
            return Err("it sent a frame after its farewell".into());
        }
        match frame.kind {
            Kind::Beat => Ok(()),
            Kind::Bye => {
                self.wires[index].set_ended(farewell(&frame.payload, CLOSED));
                self.wake_all();
                Ok(())
            }
            Kind::Data | Kind::End => {
                let mut streams = lock(&self.streams);
                let stream = match streams.get(&frame.stream) {
                    Some(stream) => stream.clone(),
                    None => {
                        if self.unopened.fetch_add(1, Ordering::SeqCst) >= MAX_UNOPENED {
                            return Err(format!(
                                "it sent on more than {MAX_UNOPENED} channels that this party \
                                 has not opened"
                            ));
                        }
                        let stream = Stream::new(self.wires.len(), false);
                        streams.insert(frame.stream, stream.clone());
                        stream
                    }
                };
                let id = frame.stream;
                let complete = stream.accept(index, frame, &self.held)?;
                if complete {
                    streams.remove(&id);
                }
                drop(streams);
                if !woken.iter().any(|known| Arc::ptr_eq(known, &stream)) {
                    woken.push(stream);
                }
                Ok(())
            }
        }
    }

    fn wait_for_room(&self) {
        while self.held.load(Ordering::SeqCst) > MAX_HELD
            && !self.closing.load(Ordering::SeqCst)
            && self.failure.get().is_none()
        {
            let guard = lock(&self.room.0);
            drop(wait(&self.room.1, guard, POLL));
        }
    }

    fn release(&self, length: usize) {
        let size = length + MESSAGE_OVERHEAD;
        let before = self.held.fetch_sub(size, Ordering::SeqCst);
        if before > MAX_HELD && before - size <= MAX_HELD {
            self.room.1.notify_all();
        }
    }

    fn wake_all(&self) {
        let streams: Vec<_> = lock(&self.streams).values().cloned().collect();
        for stream in streams {
            // Taken so that a receiver is either before its checks or asleep.
            drop(lock(&stream.state));
            stream.arrived.notify_all();
        }
        self.room.1.notify_all();
    }

    fn error(&self, failure: &Failure) -> Error {
        match failure {
            Failure::Lost(reason) => self.disconnected(reason.clone()),
            Failure::Deviation(rule) => Error::Deviation {
                peer: self.peer.clone(),
                during: String::new(),
                rule: rule.clone(),
            },
        }
    }

    /// A failed write tells little; what the reader has found says more.
    fn lost_or(&self, reason: String, wire: &Wire) -> Error {
        match (self.failure.get(), wire.ended()) {
            (Some(failure), _) => self.error(failure),
            (None, Some(why)) => self.disconnected(why.into()),
            (None, None) => self.disconnected(reason),
        }
    }

    fn disconnected(&self, reason: String) -> Error {
        Error::Disconnected { peer: self.peer.clone(), during: String::new(), reason }
    }

    pub(crate) fn timeout(&self, after: Duration) -> Error {
        Error::Timeout { peer: self.peer.clone(), during: String::new(), after }
    }
}

impl Stream {
    fn new(connections: usize, opened: bool) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(Inbox {
                queues: vec![VecDeque::new(); connections],
                count: 0,
                end: None,
                opened,
                closed: false,
            }),
            arrived: Condvar::new(),
        })
    }

    /// Takes a message or the end. Whether the stream is over on both sides.
    fn accept(&self, index: usize, frame: Frame, held: &AtomicUsize) -> Result<bool, String> {
        let mut inbox = lock(&self.state);
        if frame.kind == Kind::End {
            let Some((total, why)) = frame.payload.split_first_chunk::<8>() else {
                return Err("it closed a channel in a malformed way".into());
            };
            let why = farewell(why, "it closed this channel");
            if inbox.end.replace((u64::from_be_bytes(*total), why)).is_some() {
                return Err("it closed a channel twice".into());
            }
        } else {
            inbox.count += 1;
            if !inbox.closed {
                held.fetch_add(frame.payload.len() + MESSAGE_OVERHEAD, Ordering::SeqCst);
                inbox.queues[index].push_back(frame.payload);
            }
        }
        if inbox.end.as_ref().is_some_and(|(total, _)| inbox.count > *total) {
            return Err("it sent more messages than it said when it closed a channel".into());
        }
        Ok(inbox.closed && inbox.is_complete())
    }
}

impl Inbox {
    fn is_complete(&self) -> bool {
        self.end.as_ref().is_some_and(|(total, _)| *total == self.count)
    }
}

/// What a peer says about its end, fit for a user's eyes.
fn farewell(why: &[u8], orderly: &str) -> String {
    match why {
        [] => orderly.into(),
        why => format!("it stopped: {}", printable(&String::from_utf8_lossy(why))),
    }
}

pub(crate) fn cancelled() -> Error {
    Error::Cancelled { during: String::new() }
}

/// Bytes that a peer may have sent ahead of what this party asked for; beyond,
/// its connections are not read until there is room.
const MAX_HELD: usize = 1 << 30;

/// Channels on which a peer may have sent ahead of this party's opening them.
const MAX_UNOPENED: usize = 1 << 14;

/// What a queued message takes besides its bytes, so that empty ones count.
const MESSAGE_OVERHEAD: usize = 32;

/// Longer time-outs could overflow the clock.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);

const READ_BUFFER: usize = 1 << 18;

/// How long a closing link waits for the peer's farewell.
const LINGER: Duration = Duration::from_secs(1);
const CANCEL_LINGER: Duration = Duration::from_millis(50);

const NO_FAREWELL: &str =
    "its connection ended without a farewell: its process died, or the network cut it off";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::channel::NetChannel;
    use privity_core::Channel;
    use std::{
        io::Write,
        net::{TcpListener, TcpStream},
    };

    /// A channel to a peer that this test plays by hand.
    fn by_hand() -> (NetChannel, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let raw = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let wires = vec![Wire::new(listener.accept().unwrap().0, None)];
        let (beat, dead) = (Duration::from_secs(1), Duration::from_secs(3));
        let link = Link::start("beta".into(), wires, beat, dead).unwrap();
        (NetChannel::root(link, Arc::default(), Duration::from_secs(10)).unwrap(), raw)
    }

    fn bytes(frame: Frame) -> Vec<u8> {
        [&frame.header()[..], &frame.payload].concat()
    }

    /// What the first receive after these bytes says, after one good message.
    fn accusation(evil: &[u8]) -> String {
        let (mut channel, mut raw) = by_hand();
        raw.write_all(&bytes(Frame::data(0, b"good".to_vec()))).unwrap();
        raw.write_all(evil).unwrap();
        assert_eq!(channel.recv(4).unwrap(), b"good");
        let e = channel.recv(4).unwrap_err();
        assert!(matches!(&e, Error::Deviation { .. }), "{e}");
        assert_eq!(e.culprit(), Some("beta"));
        e.to_string()
    }

    #[test]
    fn broken_framing_is_a_deviation_of_the_peer() {
        let too_long = [0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(accusation(&too_long).contains("at most 16777216"));
        assert!(accusation(&[0xff; 12]).contains("unknown kind 15"));
        let end = bytes(Frame::end(9, 1, ""));
        assert!(accusation(&[&end[..], &end].concat()).contains("twice"));
        assert!(accusation(&[0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]).contains("malformed"));
        let data = bytes(Frame::data(9, vec![]));
        assert!(accusation(&[&end[..], &data, &data].concat()).contains("more messages"));
        assert!(accusation(&bytes(Frame::data(0, vec![0; 5]))).contains("5 bytes where at most 4"));
    }

    #[test]
    fn unopened_channels_are_bounded() {
        let evil: Vec<u8> =
            (1..=MAX_UNOPENED as u64 + 1).flat_map(|id| bytes(Frame::data(id, vec![]))).collect();
        assert!(accusation(&evil).contains("has not opened"));
    }

    #[test]
    fn a_farewell_is_the_last_frame_and_is_quoted_without_tricks() {
        let (mut channel, mut raw) = by_hand();
        raw.write_all(&bytes(Frame::bye("bad \x1b[31mday\n"))).unwrap();
        let e = channel.recv(4).unwrap_err().to_string();
        assert!(e.contains("it stopped: bad  [31mday "), "{e:?}");
        raw.write_all(&bytes(Frame::data(0, vec![]))).unwrap();
        assert!(channel.recv(4).is_err());
    }

    #[test]
    fn a_channel_opens_once() {
        let (channel, _raw) = by_hand();
        assert!(channel.link().open(0).is_none());
        assert!(channel.link().open(1).is_some());
        assert!(channel.link().open(1).is_none());
    }
}
