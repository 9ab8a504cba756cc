//! All of one party's links, with every rule of framing in one place.
//!
//! Each message carries a 16-byte header: payload length, sequence number,
//! logical clock and a tag of the protocol step. A message that is truncated,
//! too long, repeated, re-ordered or meant for another step is refused with the
//! peer's name before its payload is looked at. Integrity against outsiders is
//! TLS's work (`privity-net`); the header catches peers that diverge or lie
//! about structure.
//!
//! **Rounds** are counted by Lamport clocks: a message carries its sender's
//! clock `c`, and receiving it lifts the receiver's clock to at least `c + 1`.
//! The clock is therefore the length of the longest chain of messages that had
//! to wait for one another, for asymmetric protocols too. A peer can lie about
//! its clock; it is used for statistics only.
//!
//! **Errors** are final: after one, the parties may be at different steps with
//! different randomness, and every later call returns the same error.

use crate::{
    channel::{CHUNK_BYTES, Cancel, Channel, MAX_MESSAGE, memory_pair_with},
    error::{Error, PartyName, Result},
    meter::Meter,
};
use std::time::{Duration, Instant};
use zeroize::Zeroize;

/// Bytes before the payload of each message: length, sequence, clock, step.
pub const HEADER: usize = 16;

/// This party's links to all others, by party index.
pub struct Mesh {
    me: usize,
    names: Vec<PartyName>,
    links: Vec<Option<Link>>,
    clock: u32,
    step: Step,
    meter: Meter,
    cancel: Cancel,
    timeout: Duration,
    /// The first error: the parties' steps may differ from then on, so that
    /// nothing may be sent or believed any more.
    failed: Option<Error>,
}

struct Link {
    channel: Box<dyn Channel>,
    sent: u32,
    received: u32,
}

/// What [`Mesh::begin_scope`] has to remember.
#[must_use]
pub struct Scope {
    outer: Step,
    start: Instant,
    clock: u32,
}

#[derive(Clone)]
struct Step {
    label: String,
    tag: u32,
}

impl Mesh {
    /// A mesh from one channel per other party (`None` at index `me`, and where
    /// there is no link).
    pub fn new(
        me: usize,
        names: &[PartyName],
        channels: Vec<Option<Box<dyn Channel>>>,
        cancel: Cancel,
    ) -> Result<Self> {
        if names.len() != channels.len() || me >= names.len() {
            return Err(Error::Argument(format!(
                "{} names, {} channels, own index {me}: they must match",
                names.len(),
                channels.len()
            )));
        }
        Ok(Self {
            me,
            names: names.to_vec(),
            links: channels
                .into_iter()
                .map(|c| c.map(|channel| Link { channel, sent: 0, received: 0 }))
                .collect(),
            clock: 0,
            step: Step::new("start"),
            meter: Meter::default(),
            cancel,
            timeout: Duration::from_secs(30),
            failed: None,
        })
    }

    /// One mesh per name, connected in memory. Each has a cancel flag of its own.
    pub fn in_memory(names: &[&str]) -> Result<Vec<Self>> {
        let n = names.len();
        let cancels: Vec<Cancel> = (0..n).map(|_| Cancel::new()).collect();
        let mut grid: Vec<Vec<Option<Box<dyn Channel>>>> =
            (0..n).map(|_| (0..n).map(|_| None).collect()).collect();
        for i in 0..n {
            for j in i + 1..n {
                let (a, b) =
                    memory_pair_with(names[i], names[j], cancels[i].clone(), cancels[j].clone());
                grid[i][j] = Some(a);
                grid[j][i] = Some(b);
            }
        }
        let names: Vec<PartyName> = names.iter().map(|&n| n.into()).collect();
        grid.into_iter()
            .zip(cancels)
            .enumerate()
            .map(|(me, (channels, cancel))| Mesh::new(me, &names, channels, cancel))
            .collect()
    }

    /// This party's index.
    pub fn me(&self) -> usize {
        self.me
    }

    /// How many parties there are, this one included.
    pub fn parties(&self) -> usize {
        self.names.len()
    }

    /// The name of party `i`.
    pub fn name(&self, i: usize) -> &PartyName {
        &self.names[i]
    }

    /// Counters so far.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Resets the counters and returns what they held.
    pub fn take_meter(&mut self) -> Meter {
        std::mem::take(&mut self.meter)
    }

    /// Rounds so far: the length of the longest chain of dependent messages.
    pub fn clock(&self) -> u32 {
        self.clock
    }

    /// The flag that stops this party.
    pub fn cancel_flag(&self) -> &Cancel {
        &self.cancel
    }

    /// How long each receive waits before it names the peer and gives up.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        for link in self.links.iter_mut().flatten() {
            link.channel.set_timeout(timeout);
        }
    }

    /// Names the protocol step that follows. Every party must enter the same
    /// steps in the same order: the label is part of each message's header.
    /// Bytes, rounds and time are counted under it.
    pub fn enter(&mut self, label: &str) {
        if self.step.label != label {
            self.step = Step::new(label);
        }
    }

    /// Runs `work` as the step `label`, counts its time and rounds, and returns
    /// to the step that was current.
    pub fn scope<T>(
        &mut self,
        label: &str,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let outer = self.begin_scope(label);
        let result = work(self);
        self.end_scope(outer);
        result
    }

    /// The first half of [`Mesh::scope`], for owners of a mesh that cannot lend
    /// it to a closure.
    pub fn begin_scope(&mut self, label: &str) -> Scope {
        let outer = std::mem::replace(&mut self.step, Step::new(label));
        Scope { outer, start: Instant::now(), clock: self.clock }
    }

    /// The second half of [`Mesh::scope`].
    pub fn end_scope(&mut self, scope: Scope) {
        let label = std::mem::replace(&mut self.step, scope.outer).label;
        self.meter.add_scope(&label, scope.start.elapsed(), self.clock - scope.clock);
    }

    /// Sends one message of at most [`MAX_MESSAGE`] bytes to party `to`.
    pub fn send(&mut self, to: usize, payload: &[u8]) -> Result<()> {
        if payload.len() > MAX_MESSAGE - HEADER {
            return Err(Error::Argument(format!(
                "a message of {} bytes exceeds the limit of {}",
                payload.len(),
                MAX_MESSAGE - HEADER
            )));
        }
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let (step, clock, me) = (&self.step, self.clock, self.me);
        let link = link(&mut self.links, me, to)?;
        let mut message = Vec::with_capacity(HEADER + payload.len());
        // Fits: payload.len() <= MAX_MESSAGE < 2^32.
        message.extend_from_slice(&(payload.len() as u32).to_be_bytes());
        message.extend_from_slice(&link.sent.to_be_bytes());
        message.extend_from_slice(&clock.to_be_bytes());
        message.extend_from_slice(&step.tag.to_be_bytes());
        message.extend_from_slice(payload);
        link.sent = link.sent.wrapping_add(1);
        if let Err(e) = link.channel.send(message) {
            let error = locate(e, &step.label);
            return Err(self.failed.insert(error).clone());
        }
        self.meter.add_sent(&step.label, payload.len());
        Ok(())
    }

    /// Receives one message of exactly `into.len()` bytes from party `from`.
    pub fn recv(&mut self, from: usize, into: &mut [u8]) -> Result<()> {
        let mut message = self.recv_frame(from, into.len())?;
        let payload = &message[HEADER..];
        if payload.len() != into.len() {
            let rule = format!(
                "its message has {} bytes, the protocol says {}",
                payload.len(),
                into.len()
            );
            let error = self.deviation(from, rule);
            return Err(self.failed.insert(error).clone());
        }
        into.copy_from_slice(payload);
        // It may have carried a key or a share.
        message.zeroize();
        Ok(())
    }

    /// Receives one message of at most `max` bytes from party `from`.
    pub fn recv_up_to(&mut self, from: usize, max: usize) -> Result<Vec<u8>> {
        let mut message = self.recv_frame(from, max)?;
        message.drain(..HEADER);
        Ok(message)
    }

    /// Sends a vector of any length as messages of [`CHUNK_BYTES`].
    pub fn send_bulk<T: bytemuck::NoUninit>(&mut self, to: usize, values: &[T]) -> Result<()> {
        for chunk in bytemuck::cast_slice::<T, u8>(values).chunks(CHUNK_BYTES) {
            self.send(to, chunk)?;
        }
        Ok(())
    }

    /// Receives what [`Mesh::send_bulk`] sent; the length must be known.
    pub fn recv_bulk<T: bytemuck::AnyBitPattern + bytemuck::NoUninit>(
        &mut self,
        from: usize,
        into: &mut [T],
    ) -> Result<()> {
        for chunk in bytemuck::cast_slice_mut::<T, u8>(into).chunks_mut(CHUNK_BYTES) {
            self.recv(from, chunk)?;
        }
        Ok(())
    }

    /// A mesh of its own over forks of the links among `members` (indices into
    /// this mesh, ascending, this party included). All of them must call it at
    /// the same point with the same arguments. Counters start at zero.
    pub fn fork(&mut self, label: &str, members: &[usize]) -> Result<Mesh> {
        let me = members.iter().position(|&m| m == self.me).ok_or_else(|| {
            Error::Argument(format!("party {} is not a member of the forked mesh", self.me))
        })?;
        let mut channels = Vec::with_capacity(members.len());
        for &m in members {
            channels.push(if m == self.me {
                None
            } else {
                Some(link(&mut self.links, self.me, m)?.channel.fork(label)?)
            });
        }
        let names: Vec<PartyName> = members.iter().map(|&m| self.names[m].clone()).collect();
        let mut mesh = Mesh::new(me, &names, channels, self.cancel.clone())?;
        mesh.set_timeout(self.timeout);
        Ok(mesh)
    }

    /// Counts what forks used that ran side by side: their bytes, and the rounds of
    /// the longest.
    pub fn absorb(&mut self, forks: &[Self]) {
        for fork in forks {
            self.meter.add(&fork.meter);
        }
        self.clock += forks.iter().map(|fork| fork.clock).max().unwrap_or(0);
    }

    /// An error that accuses party `of` of breaking `rule` in this step.
    pub fn deviation(&self, of: usize, rule: impl Into<String>) -> Error {
        Error::Deviation {
            peer: self.names[of].clone(),
            during: self.step.label.clone(),
            rule: rule.into(),
        }
    }

    /// Ends this party's part: every later call returns `error`. For protocols
    /// that find a deviation in the contents of messages.
    pub fn abort(&mut self, error: Error) -> Error {
        self.failed.get_or_insert(error).clone()
    }

    /// The first error, if there was one.
    pub fn failure(&self) -> Option<&Error> {
        self.failed.as_ref()
    }

    fn recv_frame(&mut self, from: usize, max: usize) -> Result<Vec<u8>> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let received = self.checked_frame(from, max);
        if let Err(error) = &received {
            self.failed = Some(error.clone());
        }
        received
    }

    fn checked_frame(&mut self, from: usize, max: usize) -> Result<Vec<u8>> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled { during: self.step.label.clone() });
        }
        let link = link(&mut self.links, self.me, from)?;
        let start = Instant::now();
        let message = link
            .channel
            .recv(max.saturating_add(HEADER))
            .map_err(|e| locate(e, &self.step.label))?;
        let expected = link.received;
        link.received = link.received.wrapping_add(1);
        let Some(header) = Header::read(&message) else {
            return Err(self.deviation(from, "its message is shorter than a header"));
        };
        if header.sequence != expected {
            let rule = if header.sequence < expected { "repeats" } else { "skips to" };
            return Err(self.deviation(
                from,
                format!("it {rule} message {} where message {expected} is due", header.sequence),
            ));
        }
        if header.step != self.step.tag {
            return Err(Error::OutOfStep {
                peer: self.names[from].clone(),
                during: self.step.label.clone(),
                theirs: header.step,
                ours: self.step.tag,
            });
        }
        if header.length as usize != message.len() - HEADER {
            return Err(self.deviation(
                from,
                format!(
                    "its message declares {} bytes and has {}",
                    header.length,
                    message.len() - HEADER
                ),
            ));
        }
        self.clock = self.clock.max(header.clock.saturating_add(1));
        self.meter.add_received(&self.step.label, message.len() - HEADER, start.elapsed());
        Ok(message)
    }
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mesh")
            .field("me", &self.me)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Step {
    fn new(label: &str) -> Self {
        // The low half of the fork id serves as a tag: a hash of the label.
        let tag = crate::channel::fork_id(0, label, 0) as u32;
        Self { label: label.into(), tag }
    }
}

struct Header {
    length: u32,
    sequence: u32,
    clock: u32,
    step: u32,
}

impl Header {
    fn read(message: &[u8]) -> Option<Self> {
        let word = |i: usize| {
            let bytes = message.get(4 * i..4 * i + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        Some(Self { length: word(0)?, sequence: word(1)?, clock: word(2)?, step: word(3)? })
    }
}

fn link(links: &mut [Option<Link>], me: usize, peer: usize) -> Result<&mut Link> {
    links
        .get_mut(peer)
        .and_then(Option::as_mut)
        .ok_or_else(|| Error::Argument(format!("party {me} has no link to party {peer}")))
}

/// Channels do not know the protocol step; say it here.
fn locate(mut error: Error, label: &str) -> Error {
    match &mut error {
        Error::Timeout { during, .. }
        | Error::Disconnected { during, .. }
        | Error::Deviation { during, .. }
        | Error::Cancelled { during }
            if during.is_empty() =>
        {
            *during = label.into();
        }
        _ => {}
    }
    error
}
