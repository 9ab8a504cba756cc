//! What parties tell one another before a protocol runs: the parameters of the
//! session, the operation, and whether each of them takes part.

use super::context::Context;
use crate::{
    error::{Error, Result},
    op::Op,
};
use privity_core::{
    codec::{Decode, Encode, Reader},
    params,
    transcript::Transcript,
};
use rand::Rng;
use serde::Serialize;

/// Longest operation that is shown in a divergence.
const MAX_TEXT: usize = 1 << 14;
/// Longest reason that a peer may give.
const MAX_REASON: usize = 1 << 10;

/// Agrees on the parameters and on an id that no earlier session had.
pub(crate) fn hello(cx: &mut Context, parameters: &[u8; 32]) -> Result<()> {
    let mut nonce = [0; 32];
    if cx.dry.is_none() {
        rand::rng().fill_bytes(&mut nonce);
    }
    let mut mine = parameters.to_vec();
    mine.extend_from_slice(&nonce);
    cx.policy.min_cell().encode(&mut mine);
    cx.policy.min_rows().encode(&mut mine);

    let all = cx.wire.exchange("joint/hello", &mine, mine.len(), |_| mine.clone())?;
    let mut id = Transcript::new("privity session id");
    for (party, message) in cx.parties.iter().zip(&all) {
        let mut input = Reader::new(message);
        let deviation = |_| stopped("open", &party.name, "its greeting is malformed");
        let theirs: [u8; 32] = input.array().map_err(deviation)?;
        let nonce: [u8; 32] = input.array().map_err(deviation)?;
        let min_cell = u64::decode(&mut input).map_err(deviation)?;
        let min_rows = u64::decode(&mut input).map_err(deviation)?;
        input.finish().map_err(deviation)?;
        if theirs != *parameters {
            return Err(stopped(
                "open",
                &party.name,
                "it has other parties, roles, engine, session name or version: compare the \
                 configuration files",
            ));
        }
        id.append("nonce", &nonce);
        cx.min_cell = cx.min_cell.max(min_cell);
        cx.min_rows = cx.min_rows.max(min_rows);
    }
    id.append("parameters", parameters);
    cx.session = id.digest();
    Ok(())
}

/// The agreed header of an operation. Bucket and worker are there so that one
/// operation can be cut into independent parts later.
#[derive(Serialize)]
struct Header<'a> {
    suite: &'static str,
    wire: u16,
    session: String,
    sequence: u64,
    bucket: u32,
    buckets: u32,
    #[serde(flatten)]
    op: &'a Op,
}

/// The operation as all parties compare it.
pub(crate) fn canonical(cx: &Context, op: &Op) -> Result<String> {
    serde_json::to_string(&Header {
        suite: params::SUITE,
        wire: params::WIRE_VERSION,
        session: crate::audit::hex(&cx.session),
        sequence: cx.sequence,
        bucket: 0,
        buckets: 1,
        op,
    })
    .map_err(|_| Error::Internal("an operation has no JSON form"))
}

/// Makes sure that all parties run the same operation.
pub(crate) fn agree(cx: &mut Context, op: &Op) -> Result<()> {
    let mut digest = Transcript::new("privity operation");
    digest.append("operation", canonical(cx, op)?.as_bytes());
    let mine = digest.digest();
    let all = cx.wire.exchange("joint/agree", &mine, 32, |_| mine.to_vec())?;
    if all.iter().all(|digest| *digest == mine) {
        return Ok(());
    }
    // Everybody sees all digests, so everybody comes here.
    let ours = serde_json::to_string(op).map_err(|_| Error::Internal("no JSON form"))?;
    let sent = cut(&ours, MAX_TEXT);
    let texts = cx.wire.exchange("joint/diverge", sent.as_bytes(), MAX_TEXT, |_| Vec::new())?;
    let other = all.iter().position(|digest| *digest != mine).unwrap_or(cx.me);
    Err(Error::Divergence {
        sequence: cx.sequence,
        party: cx.parties[other].name.clone(),
        ours,
        theirs: printable(&texts[other]),
    })
}

/// Proof that every party takes part in the current operation.
pub(crate) struct Consent(());

/// Tells everybody whether this party takes part. Fails at all parties if one
/// of them does not: with the own error there, and its name elsewhere.
pub(crate) fn consent(cx: &mut Context, verdict: Result<()>) -> Result<Consent> {
    let mine = match &verdict {
        Ok(()) => vec![YES],
        Err(error) => {
            let mut message = vec![match error {
                Error::Data(_) | Error::Argument { .. } | Error::Dp(_) => UNFIT,
                _ => REFUSED,
            }];
            message.extend_from_slice(cut(&error.for_peers(), MAX_REASON - 1).as_bytes());
            message
        }
    };
    let all = cx.wire.exchange("joint/consent", &mine, MAX_REASON, |_| vec![YES]);
    // What all of them refuse is wrong with the call; what only some refuse
    // depends on what only they know.
    let unfit = |message: &Vec<u8>| message.first() == Some(&UNFIT);
    cx.data_refused = all.as_ref().is_ok_and(|all| all.iter().any(unfit) && !all.iter().all(unfit));
    // The own error says more than whatever the exchange came to.
    verdict?;
    for (party, message) in cx.parties.iter().zip(all?) {
        match message.split_first() {
            Some((&YES, [])) => {}
            Some((&(REFUSED | UNFIT), reason)) => {
                return Err(stopped(cx.op, &party.name, &printable(reason)));
            }
            _ => return Err(stopped(cx.op, &party.name, "its answer is malformed")),
        }
    }
    Ok(Consent(()))
}

const REFUSED: u8 = 0;
const YES: u8 = 1;
/// The call, or this party's data: peers are not told which.
const UNFIT: u8 = 2;

pub(crate) fn stopped(op: &str, party: &str, reason: &str) -> Error {
    Error::PeerStopped { op: op.into(), party: party.into(), reason: reason.into() }
}

/// At most `max` bytes, ending between characters.
fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Text from a peer, safe to print.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
