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

/// Leave to open what the current operation declares.
pub(crate) struct Permit(());

/// From the consent of all parties.
pub(crate) fn permit(_consent: &Consent) -> Permit {
    Permit(())
}

/// Opens `share` to the parties `to`. `Some` at these, `None` elsewhere and in
/// a dry run. Recipients that do not compute get one fresh additive share from
/// each computing party and add them up.
pub(crate) fn reveal<E: Engine>(
    engine: &mut E,
    cx: &mut Context,
    share: &E::Ring,
    to: &BTreeSet<usize>,
    _permit: &Permit,
) -> Result<Option<Vec<u64>>> {
    use privity_mpc::engine::RingShares;
    let computing = cx.computing();
    let inside: Vec<usize> = (0..computing.len()).filter(|&c| to.contains(&computing[c])).collect();
    let outside: Vec<usize> = to.iter().copied().filter(|p| !computing.contains(p)).collect();

    let mut opened = None;
    if !inside.is_empty() {
        opened = engine.open(share, Recipients::Only(&inside))?;
    }
    for recipient in outside {
        let additive = engine.export(share)?;
        let mut sum: Option<Vec<u64>> = None;
        for &from in &computing {
            let mine = (from == cx.me).then_some(additive.as_slice());
            let part = cx.wire.pass("joint/release", from, &[recipient], mine, share.len())?;
            if recipient != cx.me {
                continue;
            }
            let Some(part) = part else { continue };
            sum = Some(match sum {
                None => part,
                Some(sum) => sum.iter().zip(&part).map(|(a, &b)| a.wrapping_add(b)).collect(),
            });
        }
        if recipient == cx.me && cx.dry.is_none() {
            opened = Some(sum.ok_or(Error::Internal("a recipient got no shares"))?);
        }
    }
    Ok(opened)
}
