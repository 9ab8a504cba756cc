//! What parties tell one another before they compare: what each asks for, and how many
//! rows it has. A greeting is checked on receipt, before anything of it is shown, recorded
//! or allocated.

use super::{Duplicates, Intersect, store::Reader};
use crate::{
    canonical::KeyKind,
    error::{Error, Result},
    policy::Policy,
    table::fit_to_print,
};
use privity_core::{Mesh, transcript::Transcript};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// First message of both.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hello {
    version: u32,
    /// Kind of each part of the identifier.
    pub(super) kinds: Vec<String>,
    pub(super) learns: Vec<String>,
    job: Option<String>,
    pub(super) part: Option<(u64, u64)>,
    workers: usize,
    pub(super) min_rows: u64,
    pub(super) joins: bool,
    pub(super) nonce: [u8; 32],
    /// The job that this party's checkpoint holds.
    resume: Option<[u8; 32]>,
    /// For totals: own columns to be summed.
    pub(super) totals: Option<Vec<String>>,
    /// For totals: how many rows must be common.
    pub(super) at_least: u64,
}

impl Hello {
    pub(super) fn new(
        what: &Intersect,
        reader: &Reader<'_>,
        learns: &[String],
        policy: &Policy,
        resume: Option<[u8; 32]>,
    ) -> Self {
        Self {
            version: VERSION,
            kinds: reader.kinds(),
            learns: learns.to_vec(),
            job: what.job.clone(),
            part: what.part,
            workers: what.workers,
            min_rows: policy.min_rows(),
            joins: what.duplicates == Duplicates::Join,
            nonce: rand::random(),
            resume,
            totals: None,
            at_least: 0,
        }
    }
}

/// A message of a greeting.
pub(super) trait Message: Serialize + DeserializeOwned {
    /// What holds whoever sends it; the rule and the fix, otherwise.
    fn check(&self) -> std::result::Result<(), (String, &'static str)>;
}

impl Message for Hello {
    fn check(&self) -> std::result::Result<(), (String, &'static str)> {
        if self.version != VERSION {
            // Nothing is known of it, and [`same`] refuses it.
            return Ok(());
        }
        let sums = self.totals.as_deref().unwrap_or_default();
        for (what, count) in [("the identifier", self.kinds.len()), ("the sums", sums.len())] {
            if count > MOST_COLUMNS {
                return Err((format!("{what} are more than {MOST_COLUMNS} columns"), "name fewer"));
            }
        }
        if !self.kinds.iter().all(|word| KeyKind::is_word(word)) {
            let rule = "a part of the identifier is of a kind that there is not";
            return Err((rule.into(), "use the same version of privity"));
        }
        if !sums.iter().all(|name| fit_to_print(name)) {
            let rule = "the name of a column to be summed is empty, longer than 256 bytes or has \
                        control characters";
            return Err((rule.into(), "rename it"));
        }
        // Sums are compared with it as signed words: a larger one would be a negative one.
        if self.at_least > MOST_ROWS {
            let rule = format!("nothing is to be opened below {} common rows", self.at_least);
            return Err((rule, "name fewer than 2^32, also as min_cell of the policy"));
        }
        Ok(())
    }
}

/// Second message: rows with an identifier, or nothing if its table cannot be used.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Size {
    items: Option<u64>,
}

impl Message for Size {
    fn check(&self) -> std::result::Result<(), (String, &'static str)> {
        match self.items {
            Some(items) if items > MOST_ROWS => {
                Err((format!("a table of {items} rows: 2^32 or more"), "split the table"))
            }
            _ => Ok(()),
        }
    }
}

/// Tells these peers a message; theirs, in the same order.
pub(super) fn exchange<T: Message>(mesh: &mut Mesh, peers: &[usize], own: &T) -> Result<Vec<T>> {
    mesh.enter("psi/hello");
    own.check().map_err(|(rule, fix)| Error::argument("psi", rule, fix))?;
    let bytes = serde_json::to_vec(own).map_err(|_| Error::Internal("no JSON form"))?;
    if bytes.len() > MOST {
        let rule = format!("the names of parties, columns and job are {} bytes", bytes.len());
        return Err(Error::argument("psi", rule, "use shorter names"));
    }
    peers.iter().try_for_each(|&to| mesh.send(to, &bytes))?;
    let receive = |&from: &usize| {
        let theirs = mesh.recv_up_to(from, MOST)?;
        let wrong = match serde_json::from_slice::<T>(&theirs).map(|m| m.check().map(|()| m)) {
            Ok(Ok(message)) => return Ok(message),
            Ok(Err((rule, fix))) => format!("it asks for what nobody may: {rule}; it must {fix}"),
            Err(_) => "its greeting is malformed: is it of another version?".into(),
        };
        let error = mesh.deviation(from, wrong);
        Err(mesh.abort(error).into())
    };
    peers.iter().map(receive).collect()
}

/// [`exchange`] with one peer.
pub(super) fn exchange_one<T: Message>(mesh: &mut Mesh, peer: usize, own: &T) -> Result<T> {
    exchange(mesh, &[peer], own)?.pop().ok_or(Error::Internal("nobody answered"))
}

/// Tells these peers how many rows of this party have an identifier, `None` if its table
/// cannot be used; their numbers, or the error about one whose table cannot.
pub(super) fn exchange_sizes(
    mesh: &mut Mesh,
    peers: &[usize],
    items: Option<u64>,
) -> Result<Vec<u64>> {
    let sizes = exchange(mesh, peers, &Size { items })?;
    let sizes = sizes.iter().zip(peers);
    sizes.map(|(size, &p)| size.items.ok_or_else(|| stopped(mesh.name(p).as_ref()))).collect()
}

/// Whether a peer asks for the same.
pub(super) fn same(name: &str, own: &Hello, theirs: &Hello) -> Result<()> {
    let differ = |rule: String, fix: &str| Err(Error::argument("psi", rule, fix));
    if own.version != theirs.version {
        return differ(format!("'{name}' has another version of privity"), "use the same one");
    }
    if own.kinds != theirs.kinds {
        let (own, theirs) = (own.kinds.join(", "), theirs.kinds.join(", "));
        return differ(
            format!("the identifier is made of {own} here and of {theirs} at '{name}'"),
            "say at both what columns are compared as, for instance id:text",
        );
    }
    for (what, differs) in [
        ("who learns the result", own.learns != theirs.learns),
        ("the name of the job", own.job != theirs.job),
        ("the part of the job", own.part != theirs.part),
        ("the number of workers", own.workers != theirs.workers),
        ("rows or totals", own.totals.is_some() != theirs.totals.is_some()),
    ] {
        if differs {
            return differ(format!("'{name}' asks for something else: {what}"), "ask for the same");
        }
    }
    if own.joins && theirs.joins {
        return differ(
            "rows may repeat at both parties: their join would tell each how often".into(),
            "remove or merge repeated rows at one party, or have the first taken",
        );
    }
    Ok(())
}

/// The id of the job, if both ask for the same.
pub(super) fn agree(mesh: &Mesh, peer: usize, own: &Hello, theirs: &Hello) -> Result<[u8; 32]> {
    same(mesh.name(peer).as_ref(), own, theirs)?;
    let differ = |rule: String, fix: &str| Err(Error::argument("psi", rule, fix));
    let fresh = || {
        let mut transcript = Transcript::new("privity psi job id");
        match &own.job {
            Some(job) => transcript.append("job", job.as_bytes()),
            None => {
                let (first, second) = if mesh.me() < peer { (own, theirs) } else { (theirs, own) };
                transcript.append("nonce", &first.nonce);
                transcript.append("nonce", &second.nonce);
            }
        }
        for party in [mesh.me().min(peer), mesh.me().max(peer)] {
            transcript.append("party", mesh.name(party).as_bytes());
        }
        transcript.digest()
    };
    match (own.resume, theirs.resume) {
        (None, None) => Ok(fresh()),
        (Some(own), Some(theirs)) if own == theirs => Ok(own),
        (Some(_), Some(_)) => differ(
            "the checkpoints of the two parties are of different jobs".into(),
            "name those of the same job, or none at both",
        ),
        (own, _) => differ(
            format!(
                "{} has a checkpoint of this job, and the other none",
                if own.is_some() { "this party" } else { "the other party" }
            ),
            "bring the other checkpoint back, or begin anew without any",
        ),
    }
}

/// The error about a peer that does not go on.
fn stopped(party: &str) -> Error {
    Error::PeerStopped {
        op: "psi".into(),
        party: party.into(),
        reason: "its table cannot be used, as it has been told".into(),
    }
}

const VERSION: u32 = 1;
/// Longest message of a greeting, with room for [`MOST_COLUMNS`] of the longest names.
const MOST: usize = 1 << 18;
/// Most columns of an identifier, and most sums of a party.
const MOST_COLUMNS: usize = 256;
const MOST_ROWS: u64 = u32::MAX as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn pair() -> [Mesh; 2] {
        let mut meshes = Mesh::in_memory(&["alpha", "liar"]).unwrap();
        let (liar, alpha) = (meshes.pop().unwrap(), meshes.pop().unwrap());
        [alpha, liar]
    }

    fn hello(change: impl FnOnce(&mut Hello)) -> Hello {
        let mut hello = Hello {
            version: VERSION,
            kinds: vec!["text".into()],
            learns: vec!["alpha".into()],
            job: None,
            part: None,
            workers: 1,
            min_rows: 0,
            joins: false,
            nonce: [0; 32],
            resume: None,
            totals: Some(vec!["income".into()]),
            at_least: 0,
        };
        change(&mut hello);
        hello
    }

    /// The error of a party whose peer sends this.
    fn error<T: Message>(own: &T, lie: &[u8]) -> Error {
        let [mut alpha, mut liar] = pair();
        liar.enter("psi/hello");
        liar.send(0, lie).unwrap();
        // A send waits for nothing; what is buffered leaves with the next receive.
        thread::scope(|scope| {
            scope.spawn(move || liar.recv_up_to(0, MOST));
            exchange_one(&mut alpha, 1, own).err().unwrap()
        })
    }

    #[test]
    fn a_greeting_that_lies_is_refused_and_never_shown() {
        let own = hello(|_| {});
        let many = || vec!["x".to_owned(); MOST_COLUMNS + 1];
        for (lie, word) in [
            (hello(|h| h.kinds = vec!["text\u{1b}[2J".into()]), "a kind that there is not"),
            (hello(|h| h.kinds = vec!["TEXT".into()]), "the same version"),
            (hello(|h| h.kinds = vec!["text".into(); 257]), "more than 256 columns"),
            (hello(|h| h.totals = Some(many())), "more than 256 columns; it must name fewer"),
            (hello(|h| h.totals = Some(vec!["a\u{1b}]0;b\u{7}".into()])), "control characters"),
            (hello(|h| h.totals = Some(vec!["a".repeat(257)])), "it must rename it"),
            (hello(|h| h.totals = Some(vec![String::new()])), "it must rename it"),
            // As a signed word, minus one: everything would be opened.
            (hello(|h| h.at_least = u64::MAX), "18446744073709551615 common rows"),
        ] {
            let error = error(&own, &serde_json::to_vec(&lie).unwrap());
            assert_eq!(error.culprits(), ["liar"]);
            let text = error.to_string();
            assert!(text.contains(word) && text.contains("'liar'"), "{text}");
            assert!(!text.contains(char::is_control), "{text:?}");
            // What a peer may not say, this party does not say either.
            let [mut alpha, _liar] = pair();
            let refused = exchange_one(&mut alpha, 1, &lie).err().unwrap();
            assert!(matches!(refused, Error::Argument { .. }), "{refused}");
            assert_eq!(alpha.meter().sent(), 0);
        }
        assert!(error(&own, b"{}").to_string().contains("malformed"));
        let old = hello(|h| {
            h.version = VERSION + 1;
            h.kinds = vec!["\u{7}".into()];
        });
        let text = same("liar", &own, &old).unwrap_err().to_string();
        assert!(text.contains("another version"), "{text}");
    }

    #[test]
    fn the_longest_greeting_fits() {
        let sums = vec!["\"".repeat(256); MOST_COLUMNS];
        let own = hello(|h| h.totals = Some(sums));
        let [mut alpha, mut beta] = pair();
        thread::scope(|scope| {
            let (own, alpha) = (&own, &mut alpha);
            let beta = scope.spawn(move || exchange_one(&mut beta, 0, own).map(drop));
            exchange_one(alpha, 1, own).unwrap();
            beta.join().unwrap().unwrap();
        });
        let [mut alpha, _beta] = pair();
        let long = hello(|h| h.job = Some("j".repeat(MOST)));
        let refused = exchange_one(&mut alpha, 1, &long).err().unwrap();
        assert!(refused.to_string().contains("shorter names"), "{refused}");
    }

    #[test]
    fn sizes_are_those_of_tables() {
        let lie = serde_json::to_vec(&Size { items: Some(1 << 32) }).unwrap();
        let text = error(&Size { items: Some(3) }, &lie).to_string();
        assert!(text.contains("'liar'") && text.contains("2^32 or more"), "{text}");
    }
}
