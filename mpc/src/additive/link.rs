//! Correlated OT with one peer, in both directions, in either profile.

use super::Profile;
use privity_core::{
    Mesh, Result, Secret,
    ot::{
        Receiver, Security, Sender,
        extension::{CotReceiver, CotSender},
    },
    prg::{Prg, random_key},
    vole::silent::{SilentReceiver, SilentSender},
};
use rand::CryptoRng;

/// What this party shares with one peer.
pub(super) struct Link {
    /// This party holds delta.
    pub(super) sender: CotSend,
    /// This party has the choice bits.
    pub(super) receiver: CotReceive,
    /// A key that both know: randomness of inputs and fresh zeros.
    pub(super) common: Prg,
}

impl Link {
    /// Sets up with `peer`: OT in the direction of the lower index first, then
    /// in the other one, then a common key from the lower index.
    pub(super) fn agree(
        mesh: &mut Mesh,
        peer: usize,
        profile: Profile,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        let low = mesh.me() < peer;
        let (sender, receiver);
        if low {
            sender = CotSend::new(mesh, peer, profile, rng)?;
            receiver = CotReceive::new(mesh, peer, profile, rng)?;
        } else {
            receiver = CotReceive::new(mesh, peer, profile, rng)?;
            sender = CotSend::new(mesh, peer, profile, rng)?;
        }
        let mut key = random_key(rng);
        if low {
            mesh.send(peer, key.expose())?;
        } else {
            mesh.recv(peer, key.expose_mut())?;
        }
        Ok(Self { sender, receiver, common: Prg::new(&key) })
    }
}

/// The side of delta.
pub(super) enum CotSend {
    Soft(Box<CotSender>),
    Silent(Box<SilentSender>),
}

/// The side of the choice bits.
pub(super) enum CotReceive {
    Soft(Box<CotReceiver>),
    Silent(Box<SilentReceiver>),
}

const SECURITY: Security = Security::SemiHonest;

impl CotSend {
    fn new(
        mesh: &mut Mesh,
        peer: usize,
        profile: Profile,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        Ok(match profile {
            Profile::Lan { k } => {
                Self::Soft(Box::new(CotSender::new(mesh, peer, k, SECURITY, rng)?))
            }
            Profile::Wan { code, batch } => {
                Self::Silent(Box::new(SilentSender::new(mesh, peer, (code, batch), SECURITY, rng)?))
            }
        })
    }
}

impl CotReceive {
    fn new(
        mesh: &mut Mesh,
        peer: usize,
        profile: Profile,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        Ok(match profile {
            Profile::Lan { k } => {
                Self::Soft(Box::new(CotReceiver::new(mesh, peer, k, SECURITY, rng)?))
            }
            Profile::Wan { code, batch } => Self::Silent(Box::new(SilentReceiver::new(
                mesh,
                peer,
                (code, batch),
                SECURITY,
                rng,
            )?)),
        })
    }
}

impl Sender for CotSend {
    fn delta(&self) -> &Secret<u128> {
        match self {
            Self::Soft(s) => s.delta(),
            Self::Silent(s) => s.delta(),
        }
    }

    fn peer(&self) -> usize {
        match self {
            Self::Soft(s) => s.peer(),
            Self::Silent(s) => s.peer(),
        }
    }

    fn extend_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        chosen: bool,
        per: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<()> {
        match self {
            Self::Soft(s) => s.extend_with(mesh, chosen, per, out, finish),
            Self::Silent(s) => s.extend_with(mesh, chosen, per, out, finish),
        }
    }

    fn session(&self) -> u128 {
        match self {
            Self::Soft(s) => s.session(),
            Self::Silent(s) => s.session(),
        }
    }

    fn extend_wide_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        chosen: bool,
        m: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<()> {
        match self {
            Self::Soft(s) => s.extend_wide_with(mesh, chosen, m, out, finish),
            Self::Silent(s) => s.extend_wide_with(mesh, chosen, m, out, finish),
        }
    }

    fn next_row(&self) -> u64 {
        match self {
            Self::Soft(s) => s.next_row(),
            Self::Silent(s) => s.next_row(),
        }
    }
}

impl Receiver for CotReceive {
    fn peer(&self) -> usize {
        match self {
            Self::Soft(s) => s.peer(),
            Self::Silent(s) => s.peer(),
        }
    }

    fn extend_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        choices: Option<&[u64]>,
        per: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<Vec<u64>> {
        match self {
            Self::Soft(s) => s.extend_with(mesh, choices, per, out, finish),
            Self::Silent(s) => s.extend_with(mesh, choices, per, out, finish),
        }
    }

    fn session(&self) -> u128 {
        match self {
            Self::Soft(s) => s.session(),
            Self::Silent(s) => s.session(),
        }
    }

    fn extend_wide_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        choices: Option<&[u64]>,
        m: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<Vec<u64>> {
        match self {
            Self::Soft(s) => s.extend_wide_with(mesh, choices, m, out, finish),
            Self::Silent(s) => s.extend_wide_with(mesh, choices, m, out, finish),
        }
    }

    fn next_row(&self) -> u64 {
        match self {
            Self::Soft(s) => s.next_row(),
            Self::Silent(s) => s.next_row(),
        }
    }
}

/// Tweaks of the hash: purposes of this engine, apart from those of
/// [`privity_core::ot`], which stay below 5, from the session's start on. `part`
/// counts hashes of one row.
pub(super) fn tweak(session: u128, purpose: Purpose, row: u64, part: u64) -> u128 {
    let place = (purpose as u128) << 64 | u128::from(row) | u128::from(part) << 80;
    session.wrapping_add(place)
}

/// What a row is hashed for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Product = 5,
    Bits = 6,
    Leaf = 7,
    Switch = 8,
}
