//! Parties, threads and a proxy that does what it is told.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use privity_core::{Cancel, Mesh};
use privity_net::{Fingerprint, Identity, NetConfig, PeerConfig, Security, connect};
use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

pub type Outcome = privity_net::Result<Mesh>;

/// Everything that is needed to start some parties on free ports.
pub struct Parties {
    pub configs: Vec<NetConfig>,
    pub listeners: Vec<TcpListener>,
    pub cancels: Vec<Cancel>,
}

impl Parties {
    pub fn new(names: &[&str]) -> Self {
        let identities: Vec<_> =
            names.iter().map(|_| Arc::new(Identity::generate().unwrap())).collect();
        let listeners: Vec<_> =
            names.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let parties: Vec<_> = (0..names.len())
            .map(|i| PeerConfig {
                name: names[i].into(),
                address: listeners[i].local_addr().unwrap().to_string(),
                pin: identities[i].fingerprint(),
            })
            .collect();
        let configs = (0..names.len())
            .map(|me| {
                let security = Security::Tls(identities[me].clone());
                let mut config = NetConfig::new(me, parties.clone(), security);
                config.connect_timeout = Duration::from_secs(20);
                config.timeout = Duration::from_secs(20);
                config
            })
            .collect();
        Self { configs, listeners, cancels: names.iter().map(|_| Cancel::new()).collect() }
    }

    pub fn each(mut self, change: impl Fn(&mut NetConfig)) -> Self {
        self.configs.iter_mut().for_each(change);
        self
    }

    pub fn one(mut self, i: usize, change: impl FnOnce(&mut NetConfig)) -> Self {
        change(&mut self.configs[i]);
        self
    }

    /// Party `i` gives itself another key, of which the others do not know.
    pub fn rekey(self, i: usize) -> (Self, Fingerprint) {
        let identity = Identity::generate().unwrap();
        let pin = identity.fingerprint();
        let changed = self.one(i, |config| {
            config.parties[i].pin = pin;
            config.security = Security::Tls(Arc::new(identity));
        });
        (changed, pin)
    }

    /// Connects all but the `absent`, whose ports are free again.
    pub fn connect_without(self, absent: &[usize]) -> Vec<Option<Outcome>> {
        let started: Vec<_> = self
            .configs
            .into_iter()
            .zip(self.listeners)
            .zip(self.cancels)
            .enumerate()
            .map(|(i, ((config, listener), cancel))| {
                (!absent.contains(&i))
                    .then(|| thread::spawn(move || connect(&config, Some(listener), &cancel)))
            })
            .collect();
        started.into_iter().map(|t| t.map(|t| t.join().unwrap())).collect()
    }

    pub fn try_connect(self) -> Vec<Outcome> {
        self.connect_without(&[]).into_iter().map(Option::unwrap).collect()
    }

    pub fn connect(self) -> Vec<Mesh> {
        self.try_connect().into_iter().map(Result::unwrap).collect()
    }
}

/// Runs each party in a thread of its own.
pub fn run<T: Send>(meshes: Vec<Mesh>, program: impl Fn(Mesh) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let threads: Vec<_> = meshes
            .into_iter()
            .map(|mesh| {
                let program = &program;
                scope.spawn(move || program(mesh))
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

/// What a proxy does with bytes from the dialler to the listener.
pub trait Meddler: Send {
    fn pass(&mut self, bytes: &[u8]) -> Step;
}

pub enum Step {
    Forward(Vec<u8>),
    /// Forward, then close both sides.
    Cut(Vec<u8>),
    /// Forward nothing any more, in either direction, and close nothing.
    Stall,
}

impl<F: FnMut(&[u8]) -> Step + Send> Meddler for F {
    fn pass(&mut self, bytes: &[u8]) -> Step {
        self(bytes)
    }
}

/// A proxy in front of `target`; one meddler per connection. It ends with the
/// test's process.
pub fn proxy<M: Meddler + 'static>(
    target: &str,
    meddler: impl Fn(usize) -> M + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let target = target.to_owned();
    thread::spawn(move || {
        for (i, client) in listener.incoming().enumerate() {
            let Ok(client) = client else { return };
            let Ok(server) = TcpStream::connect(&target) else { continue };
            let stalled = Arc::new(AtomicUsize::new(0));
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let mut meddler = meddler(i);
            let flag = stalled.clone();
            thread::spawn(move || pump(&mut from, &mut to, |bytes| meddler.pass(bytes), &flag));
            let (mut from, mut to) = (server, client);
            thread::spawn(move || {
                pump(&mut from, &mut to, |bytes| Step::Forward(bytes.to_vec()), &stalled)
            });
        }
    });
    address
}

fn pump(
    from: &mut TcpStream,
    to: &mut TcpStream,
    mut pass: impl FnMut(&[u8]) -> Step,
    stalled: &AtomicUsize,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n) = from.read(&mut buffer) {
        if n == 0 {
            if stalled.load(Ordering::SeqCst) == 0 {
                let _ = to.shutdown(Shutdown::Write);
            }
            return;
        }
        let step = pass(&buffer[..n]);
        if stalled.load(Ordering::SeqCst) > 0 {
            continue;
        }
        match step {
            Step::Forward(bytes) => {
                if to.write_all(&bytes).is_err() {
                    return;
                }
            }
            Step::Cut(bytes) => {
                let _ = to.write_all(&bytes);
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
                return;
            }
            Step::Stall => stalled.store(1, Ordering::SeqCst),
        }
    }
}

/// Runs `work`, which must end within `limit`.
pub fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = mpsc::channel();
    let start = Instant::now();
    thread::spawn(move || {
        let _ = done.send(work());
    });
    let value = wait.recv_timeout(limit).expect("it hangs, or panicked");
    assert!(start.elapsed() <= limit);
    value
}
