//! A connection during its handshake: blocking, under one deadline for all of
//! it, so that a peer that sends a byte now and then gains no time.

use crate::{hello::MAX_HELLO, wire::Wire};
use privity_core::codec::{Decode, Encode};
use rustls::Connection;
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

pub(crate) struct Pipe {
    clocked: Clocked,
    tls: Option<Connection>,
}

/// A socket with a deadline and a flag that stops it.
struct Clocked {
    socket: TcpStream,
    deadline: Instant,
    stop: Arc<AtomicBool>,
}

impl Pipe {
    pub(crate) fn new(
        socket: TcpStream,
        tls: Option<Connection>,
        deadline: Instant,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self { clocked: Clocked { socket, deadline, stop }, tls }
    }

    /// Runs the TLS handshake.
    pub(crate) fn shake(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            while tls.is_handshaking() {
                tls.complete_io(&mut self.clocked)?;
            }
        }
        Ok(())
    }

    pub(crate) fn write(&mut self, message: &impl Encode) -> io::Result<()> {
        let body = message.to_bytes();
        // Handshake messages have at most MAX_HELLO bytes.
        let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
        bytes.extend(body);
        let Some(tls) = &mut self.tls else {
            return self.clocked.write_all(&bytes);
        };
        tls.writer().write_all(&bytes)?;
        while tls.wants_write() {
            tls.write_tls(&mut self.clocked)?;
        }
        Ok(())
    }

    pub(crate) fn read<T: Decode>(&mut self) -> io::Result<T> {
        let mut length = [0; 4];
        self.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_HELLO {
            return Err(malformed(format!("a handshake message of {length} bytes")));
        }
        let mut body = vec![0; length];
        self.read_exact(&mut body)?;
        T::from_bytes(&body).map_err(|e| malformed(e.to_string()))
    }

    fn read_exact(&mut self, out: &mut [u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return self.clocked.read_exact(out);
        };
        let mut done = 0;
        while done < out.len() {
            match tls.reader().read(&mut out[done..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    tls.read_tls(&mut self.clocked)?;
                    if let Err(e) = tls.process_new_packets() {
                        // The alert is a courtesy.
                        let _ = tls.write_tls(&mut self.clocked);
                        return Err(io::Error::new(io::ErrorKind::InvalidData, e));
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Reads until the peer has closed, for a moment: a socket that is closed
    /// with bytes unread would destroy what was just written.
    pub(crate) fn part(mut self) {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() && tls.write_tls(&mut self.clocked).is_ok() {}
        }
        let _ = self.clocked.socket.shutdown(Shutdown::Write);
        self.clocked.deadline = self.clocked.deadline.min(Instant::now() + PARTING);
        let mut rest = [0; 1024];
        while matches!(self.clocked.read(&mut rest), Ok(n) if n > 0) {}
    }

    pub(crate) fn into_wire(self) -> io::Result<Wire> {
        self.clocked.socket.set_write_timeout(None)?;
        Ok(Wire::new(self.clocked.socket, self.tls))
    }
}

impl Clocked {
    /// Repeats `attempt`, whose socket calls wait for a slice of time each.
    fn run<T>(
        &mut self,
        mut attempt: impl FnMut(&mut &TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if self.stop.load(Ordering::SeqCst) {
                return Err(io::Error::other("stopped"));
            }
            // The system refuses a time-out of zero.
            let slice = left.min(SLICE).max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(slice))?;
            self.socket.set_write_timeout(Some(slice))?;
            match attempt(&mut &self.socket) {
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::TimedOut
                            | io::ErrorKind::Interrupted
                    ) => {}
                done => return done,
            }
        }
    }
}

impl Read for Clocked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.run(|socket| socket.read(out))
    }
}

impl Write for Clocked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.run(|socket| socket.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn malformed(rule: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, rule)
}

const SLICE: Duration = Duration::from_millis(50);
const PARTING: Duration = Duration::from_millis(500);
