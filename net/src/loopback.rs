//! All parties in one process, over real connections to this machine.

use crate::{Error, Fingerprint, Identity, NetConfig, PeerConfig, Result, Security, connect};
use privity_core::{Cancel, Mesh};
use std::{net::TcpListener, sync::Arc, thread};

/// One mesh per name, connected by TLS over 127.0.0.1, with fresh keys and
/// ports that the system chooses.
pub fn loopback_mesh(names: &[&str], connections: usize) -> Result<Vec<Mesh>> {
    let identities: Vec<_> =
        names.iter().map(|_| Identity::generate().map(Arc::new)).collect::<Result<_>>()?;
    let pins: Vec<_> = identities.iter().map(|identity| identity.fingerprint()).collect();
    join(names, connections, &pins, |me| Security::Tls(identities[me].clone()))
}

/// [`loopback_mesh`] without TLS, to measure what TLS costs.
pub fn plain_loopback_mesh_for_benchmarks(names: &[&str], connections: usize) -> Result<Vec<Mesh>> {
    let pins = vec![Fingerprint([0; 32]); names.len()];
    join(names, connections, &pins, |_| Security::PlainForBenchmarks)
}

fn join(
    names: &[&str],
    connections: usize,
    pins: &[Fingerprint],
    security: impl Fn(usize) -> Security,
) -> Result<Vec<Mesh>> {
    let refused =
        |e: std::io::Error| Error::Listen { address: ANY_PORT.into(), reason: e.to_string() };
    let listeners: Vec<_> = names
        .iter()
        .map(|_| TcpListener::bind(ANY_PORT).map_err(refused))
        .collect::<Result<_>>()?;
    let parties: Vec<PeerConfig> = names
        .iter()
        .zip(&listeners)
        .zip(pins)
        .map(|((&name, listener), &pin)| {
            let address = listener.local_addr().map_err(refused)?.to_string();
            Ok(PeerConfig { name: name.into(), address, pin })
        })
        .collect::<Result<_>>()?;
    thread::scope(|scope| {
        let started: Vec<_> = listeners
            .into_iter()
            .enumerate()
            .map(|(me, listener)| {
                let mut config = NetConfig::new(me, parties.clone(), security(me));
                config.connections = connections;
                scope.spawn(move || connect(&config, Some(listener), &Cancel::new()))
            })
            .collect();
        started
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| {
                    Err(privity_core::Error::Internal("a connecting thread panicked").into())
                })
            })
            .collect()
    })
}

const ANY_PORT: &str = "127.0.0.1:0";
