//! One TCP connection of a link: the write side, and the bytes of the read side.
//!
//! **Order.** Whoever sets [`Queue::busy`] owns the write side until it clears
//! it, and only the owner seals frames or touches the socket. A sender that
//! finds the queue empty and nobody busy becomes the owner for one frame: it
//! seals and writes without waiting, so that a short message costs no thread
//! change. What the socket does not take, and what is queued meanwhile, it
//! hands to the writer thread. Nobody holds a lock while waiting for a socket.

use crate::{
    frame::{Assembler, Frame},
    sync::{lock, wait},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::SendFlags,
};
use rustls::Connection;
use std::{
    collections::VecDeque,
    io::{self, BufRead, IoSlice, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Condvar, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

pub(crate) struct Wire {
    socket: TcpStream,
    /// `None` for a plain connection.
    tls: Option<Mutex<Connection>>,
    queue: Mutex<Queue>,
    /// The writer thread waits here for work.
    work: Condvar,
    /// Senders wait here for room, and a closing link for the end.
    drained: Condvar,
    /// Sealed bytes that the socket has not taken; only the owner locks it.
    sealed: Mutex<Sealed>,
    /// Set when the peer's last frame has arrived.
    ended: AtomicBool,
    farewell: OnceLock<String>,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// A sender waits for room; it is woken when half of the queue is gone,
    /// not after each frame.
    crowded: bool,
    busy: bool,
    /// The owner is, or shall be, the writer thread.
    handed: bool,
    /// Something was written since the last heart-beat was due.
    lively: bool,
    /// Write this farewell after everything else, then stop.
    closing: Option<String>,
    /// Nothing will be written any more, for this reason.
    stopped: Option<String>,
    /// How often the writer got rid of something, to see progress.
    progress: u64,
}

#[derive(Default)]
struct Sealed {
    bytes: Vec<u8>,
    at: usize,
}

/// What the writer thread is to do.
enum Work {
    Drain,
    Beat,
    Farewell(String),
    Stop,
}

/// How an attempt to queue a frame ended.
pub(crate) enum Sent {
    Queued,
    /// No room within the slice of time given; here is the frame again.
    Full(Frame),
    /// The write side has stopped.
    Stopped(String),
}

impl Wire {
    pub(crate) fn new(socket: TcpStream, tls: Option<Connection>) -> Self {
        Self {
            socket,
            tls: tls.map(Mutex::new),
            queue: Mutex::default(),
            work: Condvar::new(),
            drained: Condvar::new(),
            sealed: Mutex::default(),
            ended: AtomicBool::new(false),
            farewell: OnceLock::new(),
        }
    }

    /// Sends or queues one frame; waits up to `patience` for room.
    pub(crate) fn send(&self, frame: Frame, patience: Duration) -> Sent {
        let mut queue = lock(&self.queue);
        if let Some(sent) = refusal(&queue) {
            return sent;
        }
        if queue.busy || frame.size() > DIRECT {
            if queue.bytes > MAX_QUEUED {
                queue.crowded = true;
                queue = wait(&self.drained, queue, patience);
                if let Some(sent) = refusal(&queue) {
                    return sent;
                }
                if queue.bytes > MAX_QUEUED {
                    return Sent::Full(frame);
                }
            }
            queue.bytes += frame.size();
            queue.frames.push_back(frame);
            if !queue.busy {
                queue.busy = true;
                self.hand_over(queue);
            }
            return Sent::Queued;
        }
        queue.busy = true;
        queue.lively = true;
        drop(queue);

        let mut sealed = lock(&self.sealed);
        let outcome = self.seal(&[frame], &mut sealed).and_then(|()| self.push(&mut sealed));
        drop(sealed);

        let mut queue = lock(&self.queue);
        match outcome {
            Ok(true) if queue.frames.is_empty() && queue.closing.is_none() => {
                queue.busy = false;
                Sent::Queued
            }
            Ok(_) => {
                self.hand_over(queue);
                Sent::Queued
            }
            Err(e) => {
                let reason = e.to_string();
                self.stop_queue(queue, reason.clone());
                Sent::Stopped(reason)
            }
        }
    }

    /// Writes until told to stop. This is the writer thread.
    pub(crate) fn write_loop(&self, heartbeat: Duration) {
        loop {
            let outcome = match self.next_work(heartbeat) {
                Work::Drain => self.drain(),
                Work::Beat => self.write_frame(Frame::beat()).and_then(|()| self.drain()),
                Work::Farewell(why) => {
                    let outcome = self.part(&why);
                    self.stop_queue(lock(&self.queue), CLOSED.into());
                    if let Err(e) = outcome {
                        tracing::debug!("farewell: {e}");
                    }
                    return;
                }
                Work::Stop => return,
            };
            if let Err(e) = outcome {
                // The reader decides what became of the link: messages may
                // still wait in the socket.
                return self.stop_queue(lock(&self.queue), e.to_string());
            }
        }
    }

    fn next_work(&self, heartbeat: Duration) -> Work {
        let mut queue = lock(&self.queue);
        let mut due = Instant::now() + heartbeat;
        loop {
            if queue.stopped.is_some() {
                return Work::Stop;
            }
            if queue.handed {
                return Work::Drain;
            }
            if !queue.busy
                && let Some(why) = queue.closing.take()
            {
                queue.busy = true;
                return Work::Farewell(why);
            }
            let now = Instant::now();
            if now >= due {
                due = now + heartbeat;
                if !queue.busy && !queue.lively {
                    queue.busy = true;
                    return Work::Beat;
                }
                queue.lively = false;
            }
            queue = wait(&self.work, queue, due - now.min(due));
        }
    }

    /// Writes what is sealed and queued, then gives up the write side.
    fn drain(&self) -> io::Result<()> {
        let mut batch = Vec::new();
        loop {
            self.push_all(&mut lock(&self.sealed))?;
            let mut queue = lock(&self.queue);
            // A queue that was stopped meanwhile counts from zero.
            queue.bytes = queue.bytes.saturating_sub(batch.iter().map(Frame::size).sum());
            queue.progress += 1;
            queue.lively = true;
            batch.clear();
            let mut size = 0;
            while size < BATCH
                && let Some(frame) = queue.frames.pop_front()
            {
                size += frame.size();
                batch.push(frame);
            }
            let idle = batch.is_empty();
            if idle {
                queue.busy = false;
                queue.handed = false;
            }
            let wake = idle || queue.crowded && queue.bytes <= MAX_QUEUED / 2;
            if wake {
                queue.crowded = false;
            }
            drop(queue);
            if wake {
                self.drained.notify_all();
            }
            if idle {
                return Ok(());
            }
            self.seal(&batch, &mut lock(&self.sealed))?;
        }
    }

    fn write_frame(&self, frame: Frame) -> io::Result<()> {
        let mut sealed = lock(&self.sealed);
        self.seal(&[frame], &mut sealed)?;
        self.push_all(&mut sealed)
    }

    fn part(&self, why: &str) -> io::Result<()> {
        self.write_frame(Frame::bye(why))?;
        if let Some(tls) = &self.tls {
            let mut sealed = lock(&self.sealed);
            let mut tls = lock(tls);
            tls.send_close_notify();
            take_records(&mut tls, &mut sealed.bytes)?;
            drop(tls);
            self.push_all(&mut sealed)?;
        }
        self.socket.shutdown(Shutdown::Write)
    }

    /// Turns frames into bytes for the socket. Small frames share records.
    fn seal(&self, frames: &[Frame], sealed: &mut Sealed) -> io::Result<()> {
        let Some(tls) = &self.tls else {
            for frame in frames {
                sealed.bytes.extend_from_slice(&frame.header());
                sealed.bytes.extend_from_slice(&frame.payload);
            }
            return Ok(());
        };
        let headers: Vec<_> = frames.iter().map(Frame::header).collect();
        let slices: Vec<IoSlice<'_>> = frames
            .iter()
            .zip(&headers)
            .flat_map(|(frame, header)| [IoSlice::new(header), IoSlice::new(&frame.payload)])
            .collect();
        let total: usize = frames.iter().map(Frame::size).sum();
        let mut tls = lock(tls);
        if tls.writer().write_vectored(&slices)? != total {
            return Err(io::Error::other("the TLS library took a part of a frame"));
        }
        take_records(&mut tls, &mut sealed.bytes)
    }

    /// Gives the socket what it takes at once; whether that was all.
    fn push(&self, sealed: &mut Sealed) -> io::Result<bool> {
        while sealed.at < sealed.bytes.len() {
            match rustix::net::send(&self.socket, &sealed.bytes[sealed.at..], FLAGS) {
                Ok(n) => sealed.at += n,
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        sealed.bytes.clear();
        sealed.bytes.shrink_to(4 * BATCH);
        sealed.at = 0;
        Ok(true)
    }

    fn push_all(&self, sealed: &mut Sealed) -> io::Result<()> {
        while !self.push(sealed)? {
            if lock(&self.queue).stopped.is_some() {
                return Err(io::Error::other("stopped"));
            }
            let mut fds = [PollFd::new(&self.socket, PollFlags::OUT)];
            match poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 100_000_000 })) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    fn hand_over(&self, mut queue: MutexGuard<'_, Queue>) {
        queue.handed = true;
        drop(queue);
        self.work.notify_one();
    }

    fn stop_queue(&self, mut queue: MutexGuard<'_, Queue>, reason: String) {
        queue.stopped.get_or_insert(reason);
        queue.frames.clear();
        queue.bytes = 0;
        queue.busy = false;
        queue.handed = false;
        drop(queue);
        self.work.notify_one();
        self.drained.notify_all();
    }

    /// Waits for bytes from the peer and adds the frames that they complete.
    /// `Ok(false)` is the end of the connection. This is the reader thread.
    pub(crate) fn read(
        &self,
        buffer: &mut [u8],
        assembler: &mut Assembler,
        out: &mut Vec<Frame>,
    ) -> Result<bool, ReadError> {
        let n = loop {
            match (&self.socket).read(buffer) {
                Ok(n) => break n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(ReadError::Socket(e)),
            }
        };
        if n == 0 {
            return Ok(false);
        }
        self.open(&buffer[..n], assembler, out)?;
        Ok(true)
    }

    /// Deciphers what has arrived. Called with nothing, it takes what came
    /// together with the handshake.
    pub(crate) fn open(
        &self,
        mut input: &[u8],
        assembler: &mut Assembler,
        out: &mut Vec<Frame>,
    ) -> Result<(), ReadError> {
        let Some(tls) = &self.tls else {
            return assembler.feed(input, out).map_err(ReadError::Rule);
        };
        let mut tls = lock(tls);
        loop {
            loop {
                let mut reader = tls.reader();
                let n = match reader.fill_buf() {
                    Ok([]) => break,
                    Ok(plain) => {
                        assembler.feed(plain, out).map_err(ReadError::Rule)?;
                        plain.len()
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                    Err(e) => return Err(ReadError::Socket(e)),
                };
                reader.consume(n);
            }
            if input.is_empty() {
                break;
            }
            tls.read_tls(&mut input).map_err(ReadError::Socket)?;
            if let Err(e) = tls.process_new_packets() {
                drop(tls);
                self.flush_alert();
                return Err(ReadError::Tls(e));
            }
        }
        let owes_reply = tls.wants_write();
        drop(tls);
        if owes_reply {
            // The peer renewed its key and asks for ours.
            let mut queue = lock(&self.queue);
            if !queue.busy && queue.stopped.is_none() {
                queue.busy = true;
                drop(queue);
                let mut sealed = lock(&self.sealed);
                let outcome = self.seal(&[], &mut sealed);
                drop(sealed);
                if outcome.is_ok() {
                    self.hand_over(lock(&self.queue));
                }
            }
        }
        Ok(())
    }

    /// Tells the peer why its bytes were refused, if the socket takes it now.
    fn flush_alert(&self) {
        let mut queue = lock(&self.queue);
        if queue.busy || queue.stopped.is_some() {
            return;
        }
        queue.busy = true;
        drop(queue);
        let mut sealed = lock(&self.sealed);
        let outcome = self.seal(&[], &mut sealed).and_then(|()| self.push(&mut sealed));
        if let Err(e) = outcome {
            tracing::debug!("alert: {e}");
        }
        lock(&self.queue).busy = false;
    }

    /// How long a read may wait for a sign of life.
    pub(crate) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(patience))
    }

    /// Asks the writer thread to write everything and a farewell.
    pub(crate) fn close(&self, why: &str) {
        lock(&self.queue).closing.get_or_insert_with(|| why.into());
        self.work.notify_one();
    }

    /// Whether the writer has finished, and a number that grows while it works.
    pub(crate) fn progress(&self, patience: Duration) -> (bool, u64) {
        let mut queue = lock(&self.queue);
        if queue.stopped.is_none() {
            queue = wait(&self.drained, queue, patience);
        }
        (queue.stopped.is_some(), queue.progress)
    }

    /// Ends both directions at once.
    pub(crate) fn cut(&self, reason: &str) {
        self.stop_queue(lock(&self.queue), reason.into());
        // An error means that the socket is closed already.
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Notes the peer's last frame.
    pub(crate) fn set_ended(&self, why: String) {
        let _ = self.farewell.set(why);
        self.ended.store(true, Ordering::SeqCst);
    }

    /// What the peer said in its last frame, if it has said it.
    pub(crate) fn ended(&self) -> Option<&str> {
        if self.ended.load(Ordering::SeqCst) {
            self.farewell.get().map(String::as_str)
        } else {
            None
        }
    }
}

/// Why nothing more can be read.
pub(crate) enum ReadError {
    Socket(io::Error),
    Tls(rustls::Error),
    Rule(String),
}

fn refusal(queue: &Queue) -> Option<Sent> {
    match (&queue.stopped, &queue.closing) {
        (Some(reason), _) => Some(Sent::Stopped(reason.clone())),
        (None, Some(_)) => Some(Sent::Stopped(CLOSED.into())),
        (None, None) => None,
    }
}

fn take_records(tls: &mut Connection, out: &mut Vec<u8>) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(out)?;
    }
    Ok(())
}

pub(crate) const CLOSED: &str = "it closed the connection";

/// The writer seals so much at a time.
const BATCH: usize = 1 << 17;

/// Larger frames go to the writer thread at once, so that a sender is never
/// held up by more than this.
const DIRECT: usize = 1 << 17;

/// A connection queues so much before senders wait. They wait for the peer's
/// reader thread and the network, not for the peer's program, so that parties
/// that all send at once still get on. A longer queue fills no link better and
/// costs a third more time, as its bytes fall out of the cache.
const MAX_QUEUED: usize = 1 << 22;

#[cfg(not(any(target_vendor = "apple", target_os = "windows")))]
const FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(target_vendor = "apple")]
const FLAGS: SendFlags = SendFlags::DONTWAIT;
