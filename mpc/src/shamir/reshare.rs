//! Shares for another group: other members, N' and t'.
//!
//! Old parties deal their shares to the new group with threshold t'; the new
//! shares are sum lambda_i [x_i] (Desmedt, Jajodia, "Redistributing Secret Shares
//! to New Access Structures", 1997). Semi-honest, t + 1 old parties deal.
//!
//! In malicious mode all N do. Their shares must be a word of the Reed-Solomon
//! code of degree t: for each of N - t - 1 parties beyond the first t + 1,
//! (1) s_j = [x_j] - sum_{i <= t} c_ij [x_i] must be a sharing of zero. A coin of
//! the new group weights all elements of all of these, a random sharing of the
//! old group among them as the first element, so that what is opened is a
//! uniform sharing of zero. It is opened with all N' shares: a dealer that deals
//! anything else, or off a polynomial of degree t', is noticed but with
//! probability 2/p. Needs N > 2t, N' > 2t'.
//!
//! The old group must have verified its products ([`Shamir::check`]).

use super::{Security, Shamir, Vector, element::Element};
use privity_core::{
    Error, Mesh, Result, Secret,
    field::{Field, Fp127},
    prg::Prg,
    share::shamir::{lagrange, share},
};
use rand::CryptoRng;

/// Gives the vector of an old group to a new one. `mesh` links all that are in
/// either; `old` are indices into it in the order of the old engine's parties,
/// with `threshold`; `new` those of the new engine's parties, ascending. `from` is
/// the old engine and its vector at old parties, `to` the new engine at new
/// ones; both at those that are in both. All know `len`.
#[allow(clippy::too_many_arguments)] // two groups, each with members, threshold and engine
pub fn reshare<W>(
    mesh: &mut Mesh,
    old: &[usize],
    threshold: usize,
    new: &[usize],
    new_threshold: usize,
    from: Option<(&mut Shamir, &Vector<W>)>,
    to: Option<&mut Shamir>,
    len: usize,
    rng: &mut impl CryptoRng,
) -> Result<Option<Vector<W>>> {
    let me = mesh.me();
    let security = from
        .as_ref()
        .map(|f| f.0.security)
        .or(to.as_ref().map(|t| t.security))
        .unwrap_or(Security::SemiHonest);
    let checked = security == Security::Malicious;
    let dealers = if checked { old.len() } else { threshold + 1 };
    if old.len() < dealers || (checked && old.len() <= 2 * threshold) {
        return Err(Error::Argument(format!(
            "{} parties of a group with threshold {threshold} cannot share anew: {} are needed",
            old.len(),
            if checked { 2 * threshold + 1 } else { threshold + 1 }
        )));
    }
    let fits =
        |e: &Shamir, t: usize, parties: usize| e.t == t && e.n == parties && e.security == security;
    if !from.as_ref().is_none_or(|f| fits(f.0, threshold, old.len()))
        || !to.as_ref().is_none_or(|e| {
            fits(e, new_threshold, new.len()) && e.numbers.iter().copied().eq(0..new.len())
        })
    {
        return Err(Error::Argument(
            "sharing anew: members, thresholds and security must be those of the two engines, \
             and the new engine one that has lost nobody"
                .into(),
        ));
    }
    // The extra element masks the check.
    let extra = usize::from(checked);
    let total = len + extra;
    let new_points: Vec<Fp127> = (0..new.len()).map(Fp127::point).collect();
    let mut numbers = Vec::new();
    let mut mine: Option<Vec<Vec<Fp127>>> = None;
    if let Some((engine, x)) = from {
        engine.can_multiply().or_else(|e| if checked { Err(e) } else { Ok(()) })?;
        if engine.log.length > 0 || engine.has_unverified_bits() {
            return Err(Error::Argument("check the old group's products before".into()));
        }
        if x.shares.len() != len {
            return Err(Error::Argument(format!(
                "a vector of {len} elements is to be shared anew"
            )));
        }
        let mut shares = if checked { engine.random::<Fp127>(1)? } else { vec![] };
        shares.extend_from_slice(&x.shares);
        numbers.clone_from(&engine.numbers);
        if old.iter().position(|&o| o == me).is_some_and(|i| i < dealers) {
            let uniform = || {
                let mut bytes = [0u8; 16];
                rng.fill_bytes(&mut bytes);
                Fp127::new(u128::from_le_bytes(bytes) >> 1)
            };
            mine = Some(share(&shares, &new_points, new_threshold, uniform));
        }
    }
    // Old parties' numbers give their points; a new party takes them from the
    // first dealers, who must agree.
    let own: Vec<u8> = numbers.iter().map(|&n| n as u8).collect();
    if let Some(dealt) = &mine {
        for (&to, shares) in new.iter().zip(dealt).filter(|(to, _)| **to != me) {
            let wire: Vec<u128> = shares.iter().map(|s| s.value()).collect();
            mesh.send(to, &own)?;
            mesh.send_bulk(to, &wire)?;
        }
    }
    let Some(place) = new.iter().position(|&n| n == me) else { return Ok(None) };
    let mut received: Vec<Vec<Fp127>> = Vec::with_capacity(dealers);
    let mut agreed: Option<Vec<u8>> = (!own.is_empty()).then_some(own);
    for &dealer in &old[..dealers] {
        if dealer == me {
            let dealt = mine.as_mut().map(|m| std::mem::take(&mut m[place]));
            received.push(dealt.unwrap_or_default());
            continue;
        }
        let mut theirs = vec![0u8; old.len()];
        mesh.recv(dealer, &mut theirs)?;
        let known = agreed.get_or_insert_with(|| theirs.clone());
        let mut sorted = theirs.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if *known != theirs || sorted.len() != old.len() {
            // Either this dealer lies or the first one does.
            let peer = "one of the dealers".into();
            let error = Error::Deviation {
                peer,
                during: "shamir".into(),
                rule: "dealers number the old parties alike".into(),
            };
            return Err(mesh.abort(error));
        }
        let mut wire = vec![0u128; total];
        mesh.recv_bulk(dealer, &mut wire)?;
        let shares: Option<Vec<Fp127>> = wire.into_iter().map(Fp127::from_canonical).collect();
        let Some(shares) = shares else {
            let error = mesh.deviation(dealer, "it sent what is no field element");
            return Err(mesh.abort(error));
        };
        received.push(shares);
    }
    let points: Vec<Fp127> =
        agreed.unwrap_or_default().iter().map(|&n| Fp127::point(usize::from(n))).collect();
    let base = &points[..=threshold];
    if checked {
        let Some(engine) = to else {
            return Err(Error::Argument("a new party needs its engine".into()));
        };
        engine.check_resharing(&received, &points, threshold, total)?;
    }
    let c = lagrange(base, Fp127::ZERO);
    let shares = (extra..total)
        .map(|i| c.iter().zip(&received).fold(Fp127::ZERO, |s, (&c, r)| s + c * r[i]))
        .collect();
    Ok(Some(Vector::of(shares)))
}

impl Shamir {
    /// (1), weighted.
    fn check_resharing(
        &mut self,
        received: &[Vec<Fp127>],
        points: &[Fp127],
        t: usize,
        total: usize,
    ) -> Result<()> {
        let coin: Fp127 = self.coin()?;
        let prg = Prg::new(&Secret::new(coin.value().to_le_bytes()));
        let mut sums = Vec::new();
        for j in t + 1..points.len() {
            let mut chi = vec![Fp127::ZERO; total];
            Fp127::fill(&prg, j as u64, 0, &mut chi);
            // The mask itself has weight one.
            chi[0] = Fp127::ONE;
            let c = lagrange(&points[..=t], points[j]);
            let weighted = |r: &[Fp127]| Fp127::dot(&chi, r);
            let expected =
                c.iter().zip(received).fold(Fp127::ZERO, |s, (&c, r)| s + c * weighted(r));
            sums.push(weighted(&received[j]) - expected);
        }
        let opened = self.reveal_all(&sums)?;
        if opened.iter().all(|&s| s == Fp127::ZERO) {
            Ok(())
        } else {
            Err(self.inconsistent("the old group's shares are on no common polynomial"))
        }
    }
}
