//! Links between parties on different machines: TCP under mutual TLS 1.3.
//!
//! # The problem
//!
//! Two to a few dozen institutions run one program together. Each message must
//! reach its peer unread and unaltered, in order, without either side waiting
//! for the other to read; and when something goes wrong, each must learn
//! within a set time what, and with whom. [`connect`] turns a [`NetConfig`]
//! into a [`Mesh`](privity_core::Mesh) that keeps this promise; what the
//! parties then compute is the business of the crates above.
//!
//! # Who trusts whom
//!
//! Nobody trusts a certificate authority, a name service, a clock or the
//! network. A party believes in the public keys that it was given, as
//! [`Fingerprint`]s, over a path that it trusts: a letter, a call, a signed
//! contract. Whoever holds the private key of a fingerprint *is* that party.
//! Both ends prove their keys in every handshake, and agree on the session,
//! the parameters and the list of parties before the first message.
//!
//! # What is not protected
//!
//! - Who talks to whom, when and how much is visible to the network.
//! - Messages of one session stay secret if a key is stolen later, but whoever
//!   has the key can pass for its owner until the peers remove the pin.
//! - Anyone who can reach the port can cost it handshakes while a session is
//!   set up (64 at a time, five seconds each), and anyone in the path can cut
//!   a connection. Neither yields more than a delay or a named error.
//! - A peer with a pinned key can send nonsense: the protocols deal with that.
//!   It can make this party hold 1 GiB, and no more, of what nobody asked for.
//! - A peer can blame another in its farewell. That is what it says, not what
//!   is so, and errors quote it as such.
//! - The private key lies in memory and in its file as it is. The TLS library
//!   does not wipe its copy.
//!
//! # Modules
//!
//! | module | what is in it |
//! |---|---|
//! | `identity` | the private key and its fingerprint |
//! | `config` | what must be known before connecting |
//! | `tls`, `hello` | TLS with pinned keys; the handshake inside it |
//! | `pipe`, `connect` | a connection under a deadline; the set-up of a session |
//! | `frame`, `wire`, `link` | frames; one connection; all connections to a peer |
//! | `channel` | [`Channel`](privity_core::Channel) over a link |
//! | `loopback` | all parties in one process, over real connections |
//!
//! # Example
//!
//! ```
//! use privity_net::{Identity, NetConfig, PeerConfig, Security, connect};
//! use privity_core::Cancel;
//! use std::{net::TcpListener, sync::Arc, thread};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Each institution makes a key once and sends its fingerprint to the other.
//! let (alpha, beta) = (Identity::generate()?, Identity::generate()?);
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let parties = vec![
//!     PeerConfig {
//!         name: "alpha".into(),
//!         address: listener.local_addr()?.to_string(),
//!         pin: alpha.fingerprint(),
//!     },
//!     // The last party dials all others and need not listen.
//!     PeerConfig { name: "beta".into(), address: "unused:0".into(), pin: beta.fingerprint() },
//! ];
//! let config = NetConfig::new(0, parties.clone(), Security::Tls(Arc::new(alpha)));
//! let server = thread::spawn(move || {
//!     let mut mesh = connect(&config, Some(listener), &Cancel::new())?;
//!     let mut question = [0; 8];
//!     mesh.recv(1, &mut question)?;
//!     mesh.send(1, &question)?;
//!     Ok::<_, privity_net::Error>(())
//! });
//!
//! let config = NetConfig::new(1, parties, Security::Tls(Arc::new(beta)));
//! let mut mesh = connect(&config, None, &Cancel::new())?;
//! mesh.send(0, b"hello...")?;
//! let mut answer = [0; 8];
//! mesh.recv(0, &mut answer)?;
//! assert_eq!(&answer, b"hello...");
//! # server.join().unwrap()?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod channel;
mod config;
mod connect;
mod error;
mod frame;
mod hello;
mod identity;
mod link;
mod loopback;
mod pipe;
mod sync;
mod tls;
mod wire;

pub use config::{NetConfig, PeerConfig, Security};
pub use connect::connect;
pub use error::{Error, Result};
pub use identity::{Fingerprint, Identity};
pub use loopback::{loopback_mesh, plain_loopback_mesh_for_benchmarks};
