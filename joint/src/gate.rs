//! The only place where shared values are opened to anybody.
//!
//! [`reveal`] asks for a [`Permit`], and only this module can make one: from
//! the proof that every party, after asking its own policy, takes part in an
//! operation that says what it opens.

use crate::{
    error::{Error, Result},
    session::{agree::Consent, context::Context},
};
use privity_mpc::engine::{Engine, Recipients};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// Leave to open what one operation declares, to the parties it declares.
pub(crate) struct Permit {
    op: &'static str,
    sequence: u64,
    to: BTreeSet<usize>,
}

/// From the consent of all parties to the current operation, for the parties
/// that it was asked for.
pub(crate) fn permit(_consent: &Consent, cx: &Context, to: BTreeSet<usize>) -> Permit {
    Permit { op: cx.op, sequence: cx.sequence, to }
}

impl Permit {
    /// Whether this is leave to open something to `to` now.
    fn covers(&self, cx: &Context, to: &BTreeSet<usize>) -> bool {
        self.op == cx.op && self.sequence == cx.sequence && to.is_subset(&self.to)
    }
}

/// Opens `share` to the parties `to`. `Some` at these, `None` elsewhere and in
/// a dry run. Recipients that do not compute get one fresh additive share from
/// each computing party and add them up.
pub(crate) fn reveal<E: Engine>(
    engine: &mut E,
    cx: &mut Context,
    share: &E::Ring,
    to: &BTreeSet<usize>,
    permit: &Permit,
) -> Result<Option<Vec<u64>>> {
    use privity_mpc::engine::RingShares;
    if !permit.covers(cx, to) {
        return Err(Error::Internal("no consent to open this to these parties"));
    }
    let computing = cx.computing();
    let inside: Vec<usize> = (0..computing.len()).filter(|&c| to.contains(&computing[c])).collect();
    let outside: Vec<usize> = to.iter().copied().filter(|p| !computing.contains(p)).collect();

    let mut opened = None;
    if !inside.is_empty() {
        opened = engine.open(share, Recipients::Only(&inside))?;
    }
    for recipient in outside {
        let additive = Zeroizing::new(engine.export(share)?);
        let mut sum: Option<Vec<u64>> = None;
        for &from in &computing {
            let mine = (from == cx.me).then_some(additive.as_slice());
            let part = cx.wire.pass("joint/release", from, &[recipient], mine, share.len())?;
            if recipient != cx.me {
                continue;
            }
            let Some(part) = part.map(Zeroizing::new) else { continue };
            let sum = sum.get_or_insert_with(|| vec![0; part.len()]);
            sum.iter_mut().zip(part.iter()).for_each(|(a, &b)| *a = a.wrapping_add(b));
        }
        if recipient == cx.me && cx.dry.is_none() {
            opened = Some(sum.ok_or(Error::Internal("a recipient got no shares"))?);
        }
    }
    Ok(opened)
}
