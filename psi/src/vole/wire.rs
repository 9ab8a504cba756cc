//! The messages that are not vectors.

use super::{MOST_ITEMS, Options, Security};
use crate::error;
use privity_core::{
    Error, Mesh,
    codec::{Decode, DecodeError, Encode, Reader},
    transcript::Transcript,
};

/// First message of both sides in each run.
struct Announcement {
    parameters: [u8; 32],
    items: u64,
}

/// Bytes of an announcement.
pub(super) const ANNOUNCEMENT: usize = 8 + 2 + 32 + 8;

const MAGIC: [u8; 8] = *b"prv-vole";
const VERSION: u16 = 1;

impl Encode for Announcement {
    fn encode(&self, out: &mut Vec<u8>) {
        MAGIC.encode(out);
        VERSION.encode(out);
        self.parameters.encode(out);
        self.items.encode(out);
    }
}

impl Decode for Announcement {
    fn decode(input: &mut Reader<'_>) -> std::result::Result<Self, DecodeError> {
        if input.array()? != MAGIC {
            return Err(DecodeError::NotCanonical("the protocol id"));
        }
        if u16::decode(input)? != VERSION {
            return Err(DecodeError::NotCanonical("the protocol version"));
        }
        Ok(Self { parameters: input.array()?, items: u64::decode(input)? })
    }
}

/// Which side a party is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Sender,
    Receiver,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The receiver learns the intersection.
    Intersection,
    /// The receiver learns the intersection and the labels in it, of so many bytes.
    Labelled(u32),
    /// Both get shares of what is common, with so many payloads of the sender.
    Circuit(u32),
    /// One of many parties' shares.
    Multi,
}

/// Tells the peer this party's number of items and returns the peer's, for run
/// number `run`.
pub(super) fn announce(
    mesh: &mut Mesh,
    peer: usize,
    (options, role, purpose, run): (&Options, Role, Purpose, u64),
    items: usize,
) -> error::Result<usize> {
    let most = options.most_items.min(MOST_ITEMS as u64);
    if items as u64 > most {
        return Err(Error::Argument(format!(
            "{items} items are more than the {most} of one run: split them into buckets, or raise \
             most_items"
        ))
        .into());
    }
    if run >= options.runs {
        return Err(Error::Argument(format!(
            "run {} of a job of {}: its failure probabilities are made for no more",
            run + 1,
            options.runs
        ))
        .into());
    }
    let sender = if role == Role::Sender { mesh.me() } else { peer };
    let receiver = if role == Role::Receiver { mesh.me() } else { peer };
    let mut transcript = Transcript::new("privity psi vole");
    transcript.append("session", &options.session);
    transcript.append("security", format!("{:?}", options.security).as_bytes());
    transcript.append("code", format!("{:?}", options.code).as_bytes());
    transcript.append("field", format!("{:?}", options.field).as_bytes());
    transcript.append("most items", &options.most_items.to_be_bytes());
    transcript.append("runs", &options.runs.to_be_bytes());
    transcript.append("min items", &options.min_items.to_be_bytes());
    transcript.append("purpose", format!("{purpose:?}").as_bytes());
    transcript.append("run", &run.to_be_bytes());
    transcript.append("sender", mesh.name(sender).as_bytes());
    transcript.append("receiver", mesh.name(receiver).as_bytes());
    let parameters = transcript.digest();
    mesh.send(peer, &Announcement { parameters, items: items as u64 }.to_bytes())?;
    let mut bytes = [0; ANNOUNCEMENT];
    mesh.recv(peer, &mut bytes)?;
    let theirs = match Announcement::from_bytes(&bytes) {
        Ok(theirs) => theirs,
        Err(e) => return Err(refuse(mesh, peer, &e.to_string()).into()),
    };
    if theirs.parameters != parameters {
        let rule = "it runs with another session id, other options, or in the same role";
        return Err(refuse(mesh, peer, rule).into());
    }
    if theirs.items > most {
        let rule = format!("it announces {} items, and at most {most} are agreed", theirs.items);
        return Err(refuse(mesh, peer, &rule).into());
    }
    if theirs.items.min(items as u64) < options.min_items {
        return Err(error::Error::TooFew { min_items: options.min_items });
    }
    Ok(theirs.items as usize)
}

/// A deviation, which ends the mesh.
pub(super) fn refuse(mesh: &mut Mesh, peer: usize, rule: &str) -> Error {
    let error = mesh.deviation(peer, rule);
    mesh.abort(error)
}

/// Bytes of the commitment to w_s, and of w_s with what opens it.
pub(super) const COMMITMENT: usize = 32;
pub(super) const OPENING: usize = 32;

/// Whether there is a w.
pub(super) fn blinded(options: &Options) -> bool {
    options.security == Security::Malicious
}

/// A commitment to 32 random bytes: w_s and 16 bytes that hide it.
pub(super) fn commit(session: &[u8; 32], run: u64, opening: &[u8; OPENING]) -> [u8; COMMITMENT] {
    let mut transcript = Transcript::new("privity psi vole: commitment");
    transcript.append("session", session);
    transcript.append("run", &run.to_be_bytes());
    transcript.append("opening", opening);
    transcript.digest()
}

/// w_s
pub(super) fn opened(opening: &[u8; OPENING]) -> u128 {
    opening[..16].iter().rev().fold(0, |w, &b| w << 8 | u128::from(b))
}
