//! The rows that three to ten parties have in common.

use super::{
    Common, Intersect, Source,
    greeting::{Hello, exchange, exchange_sizes, same},
    run::{OnProgress, note, permitted},
    store::{Reader, Whole},
};
use crate::{
    audit::{self, Audit},
    error::{DataError, Error, Result},
    outcome::Progress,
    policy::Policy,
};
use privity_core::{Mesh, transcript::Transcript};
use privity_psi::{
    multi,
    vole::{Options, Security},
};
use rand::{SeedableRng, rngs::StdRng};
use std::path::Path;

/// Finds the common rows of all members of a mesh, who call this too. Of them, all
/// learn or one does: the one that [`Intersect::learns`] names, else the last. That one
/// finds the result and tells it. Rules as for [`run`](super::run()).
pub fn run_many(
    mesh: &mut Mesh,
    (what, source): (&Intersect, &Source),
    (policy, record): (&Policy, Option<&Path>),
    progress: OnProgress<'_>,
) -> Result<Common> {
    let me = mesh.me();
    let peers: Vec<usize> = (0..mesh.parties()).filter(|&p| p != me).collect();
    let own_first = || std::iter::once(me).chain(peers.iter().copied());
    let names: Vec<String> = own_first().map(|p| mesh.name(p).to_string()).collect();
    let learns = permitted_many(what, policy, &names)?;
    let leader = match &learns[..] {
        [one] => (0..mesh.parties()).find(|&p| *mesh.name(p).to_string() == *one),
        _ => Some(mesh.parties() - 1),
    };
    let leader = leader.ok_or(Error::Internal("nobody leads"))?;
    let reader = Reader::new(source, what)?;
    let mut record = record.map(Audit::open).transpose()?;
    let hello = Hello::new(what, &reader, &learns, policy, None);
    let theirs = exchange(mesh, &peers, &hello)?;
    for (&party, theirs) in peers.iter().zip(&theirs) {
        same(mesh.name(party).as_ref(), &hello, theirs)?;
    }
    let mut hellos: Vec<(usize, &Hello)> =
        own_first().zip([&hello].into_iter().chain(&theirs)).collect();
    hellos.sort_unstable_by_key(|(party, _)| *party);
    let mut transcript = Transcript::new("privity psi of many");
    for &(party, hello) in &hellos {
        transcript.append("party", mesh.name(party).as_bytes());
        transcript.append("nonce", &hello.nonce);
    }
    let session = transcript.digest();

    let report = &mut |stage: &'static str, fraction: f64| {
        progress(Progress { op: "psi", sequence: 1, stage, fraction });
    };
    report("reading", 0.0);
    let whole = Whole::new(&reader, &session, what.memory);
    let told = exchange_sizes(mesh, &peers, whole.as_ref().ok().map(|w| w.items.len() as u64));
    let Whole { items, rows, all_rows } = whole?;
    let mut sizes = vec![items.len() as u64];
    sizes.extend(told?);
    note(
        &mut record,
        "psi",
        (&hello, &names, what),
        &[("session", audit::hex(&session).into()), ("sizes", sizes.clone().into())],
    )?;
    report("computing", 0.1);
    let options = Options {
        security: Security::SemiHonest,
        min_items: hellos.iter().map(|(_, hello)| hello.min_rows).max().unwrap_or(0),
        ..Options::new(session)
    };
    let rng = &mut StdRng::from_rng(&mut rand::rng());
    let asked = (leader, &options, learns.len() > 1);
    let found = match multi::run(mesh, &items, asked, rng) {
        Ok(found) => found,
        Err(error) => {
            let error = match error {
                privity_psi::Error::Identifiers(which) => repeated(source, what, &rows, &which),
                error => error.into(),
            };
            let outcome = format!("not run: {}", error.for_peers());
            note(&mut record, "end", (&hello, &names, what), &[("outcome", outcome.into())])?;
            return Err(error);
        }
    };
    let found: Option<Vec<u32>> =
        found.map(|found| found.into_iter().map(|at| rows[at as usize]).collect());
    let identifiers = found.as_ref().map(|rows| rows.len() as u64);
    note(&mut record, "end", (&hello, &names, what), &[("common", identifiers.into())])?;
    Ok(Common {
        rows: found,
        all_rows,
        identifiers,
        verified: me == leader,
        most_asked: own_first().zip(&sizes).find(|(p, _)| *p == leader).map_or(0, |(_, n)| *n),
        sizes,
        bytes: [mesh.meter().sent(), mesh.meter().received()],
        rounds: mesh.clock(),
    })
}

/// Who learns, after all that this party can check by itself.
pub(super) fn permitted_many(
    what: &Intersect,
    policy: &Policy,
    names: &[String],
) -> Result<Vec<String>> {
    what.check_one_piece("an intersection of more than two parties is")?;
    let learns = permitted(what, policy, names)?;
    if learns.len() != 1 && learns.len() != names.len() {
        let rule = format!("{} of {} parties are to learn", learns.len(), names.len());
        return Err(Error::argument("psi", rule, "name one of them, or none for all"));
    }
    Ok(learns)
}

fn repeated(
    source: &Source,
    what: &Intersect,
    rows: &[u32],
    which: &privity_psi::BadIdentifiers,
) -> Error {
    let name = |at: u64| rows.get(at as usize).map_or(0, |&row| u64::from(row) + 1);
    let (first, row) = which.duplicates.first.first().copied().unwrap_or_default();
    let on: Vec<&str> = what.on.iter().map(|c| c.name.as_str()).collect();
    let rule = format!("the row has the identifier of row {}", name(first));
    DataError::new(source.name(), rule, "remove or merge such rows")
        .column(on.join(", "))
        .row(name(row))
        .into()
}
