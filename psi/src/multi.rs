//! Intersection of three to ten sets, without a word about two of them.
//!
//! # Paper
//!
//! Kolesnikov, Matania, Pinkas, Rosulek, Trieu, "Practical Multi-party Private Set
//! Intersection from Symmetric-Key Techniques", CCS 2017 (KMPRT17), section 5.2: the
//! protocol from conditional zero sharing in the augmented semi-honest model. The
//! programmable function is that of [`crate::circuit`]: [`crate::vole`] with a store.
//!
//! # Functionality
//!
//! Party \\(P_i\\) has a set \\(X_i\\). The *leader*, one of them, learns
//! \\(\bigcap X_i\\); if asked, it tells all. All learn all sizes. Nobody learns which or
//! how many items two parties have in common that not all have.
//!
//! # Adversary
//!
//! Augmented semi-honest: corrupt parties follow the protocol, with inputs of their
//! choice; any number of them may pool what they saw. Static. Of a leader and others
//! that pool: as they might have used the leader's set for theirs, they learn which of
//! its items all honest parties have.
//!
//! # Protocol
//!
//! Every two parties agree on a key \\(K_{ij}\\). For an item x the shares
//!
//! \\[ s_i(x) = \bigoplus_{j \ne i} G(K_{ij}, x) \qquad (1) \\]
//!
//! of all parties sum to zero, and any of them is uniform to whoever lacks one of its
//! keys. With every other party \\(P_i\\) as the sender, the leader evaluates a
//! programmable function at its own items:
//!
//! \\[ \text{sender: a store of } x \mapsto s_i(x) \oplus F_i(x), \quad x \in X_i \qquad (2) \\]
//! \\[ \text{leader: } f_i(y) = \mathrm{Decode}_i(y) \oplus F_i(y) \qquad (3) \\]
//!
//! y is common if \\(s_\ell(y) \oplus \bigoplus_i f_i(y) = 0\\). Where \\(P_i\\) lacks y,
//! \\(f_i(y)\\) is pseudorandom to the leader, and a sum of 128 bits is zero with
//! probability 2^-128.
//!
//! To tell them, the leader sends \\(P_i\\) the tags \\(G'(K_{i\ell}, y)\\) of the common
//! items in the common order, by which \\(P_i\\) finds its own.
//!
//! \\(G(K, x) = E_K(x) \oplus x\\) and \\(G'(K, x) = E_K(x \oplus 1) \oplus x\\), E being
//! AES-128 (items are hashes).
//!
//! # Leakage
//!
//! Sizes; of those who are told, the leader's word for the result.
//!
//! # Cost
//!
//! With each other party: the function of [`crate::vole`] for the leader's items, 28
//! bytes each, and 21 bytes for each of the party's. The leader's work grows with the
//! number of parties, everybody else's does not.

use crate::{
    error,
    hash::Hash,
    item::{Item, check_items},
    okvs::{self, Rows},
    vole::{self, Options, Purpose, Security, keys, unsolved},
};
use privity_core::{Error, Mesh, field::Gf128};
use rand::{CryptoRng, RngExt};
use zeroize::Zeroizing;

/// The most parties.
pub const MOST_PARTIES: usize = 10;

/// Finds what all members of the mesh have. All of them call it, with the same
/// leader and options. Own rows in a common pseudorandom order, at the leader and, if
/// `told`, at everybody; `None` for who learns nothing.
pub fn run(
    mesh: &mut Mesh,
    items: &[Item],
    (leader, options, told): (usize, &Options, bool),
    rng: &mut impl CryptoRng,
) -> error::Result<Option<Vec<u32>>> {
    let (me, parties) = (mesh.me(), mesh.parties());
    if leader >= parties {
        return Err(Error::Argument(format!("party {leader} of {parties} cannot lead")).into());
    }
    if !(2..=MOST_PARTIES).contains(&parties) {
        return Err(Error::Argument(format!(
            "{parties} parties: an intersection is of 2 to {MOST_PARTIES}"
        ))
        .into());
    }
    if options.security != Security::SemiHonest {
        return Err(Error::Argument(
            "an intersection of many is secure against semi-honest parties only".into(),
        )
        .into());
    }
    check_items(items)?;
    let scope = mesh.begin_scope("psi/multi");
    let result = match me == leader {
        true => lead(mesh, items, (options, told), rng).map(Some),
        false => follow(mesh, items, (leader, options, told), rng),
    };
    mesh.end_scope(scope);
    result
}

/// One key with each other party, and everybody's size.
struct Common {
    keys: Vec<Option<Hash>>,
    sizes: Vec<usize>,
}

impl Common {
    /// The party with the smaller index draws the key. Links are private.
    fn agree(
        mesh: &mut Mesh,
        items: usize,
        options: &Options,
        rng: &mut impl CryptoRng,
    ) -> error::Result<Self> {
        let (me, parties) = (mesh.me(), mesh.parties());
        let mut sizes = vec![items; parties];
        let others = || (0..parties).filter(move |&p| p != me);
        let mut drawn = Zeroizing::new(vec![[0u64; 2]; parties]);
        for to in others() {
            rng.fill(&mut drawn[to]);
            let [a, b] = if me < to { drawn[to] } else { [0; 2] };
            mesh.send_bulk(to, &[items as u64, a, b])?;
        }
        for from in others() {
            let mut told = [0u64; 3];
            mesh.recv_bulk(from, &mut told)?;
            let most = options.most_items.min(vole::MOST_ITEMS as u64);
            sizes[from] = match usize::try_from(told[0]) {
                Ok(n) if told[0] <= most => n,
                _ => {
                    let rule = format!("it has more than the {most} items that are agreed");
                    let error = mesh.deviation(from, rule);
                    return Err(mesh.abort(error).into());
                }
            };
            if from < me {
                drawn[from] = [told[1], told[2]];
            }
        }
        if sizes.iter().any(|&n| (n as u64) < options.min_items) {
            return Err(error::Error::TooFew { min_items: options.min_items });
        }
        let cipher = |p: usize| {
            let mut key = Zeroizing::new([0u8; 16]);
            key[..8].copy_from_slice(&drawn[p][0].to_le_bytes());
            key[8..].copy_from_slice(&drawn[p][1].to_le_bytes());
            Hash::new(&key)
        };
        let keys = (0..parties).map(|p| (p != me).then(|| cipher(p))).collect();
        Ok(Self { keys, sizes })
    }

    /// (1) for each item.
    fn shares(&self, items: &[u128]) -> Vec<u128> {
        let mut sum = vec![0; items.len()];
        for key in self.keys.iter().flatten() {
            let values = key.values(G, items);
            sum.iter_mut().zip(values).for_each(|(s, v)| *s ^= v);
        }
        sum
    }
}

/// Columns of a pair's hash.
const G: usize = 0;
const G_PRIME: usize = 1;

/// The options of a pair: the id is that of the whole.
fn pair(options: &Options) -> Options {
    Options { min_items: 0, ..options.clone() }
}

fn follow(
    mesh: &mut Mesh,
    items: &[Item],
    (leader, options, told): (usize, &Options, bool),
    rng: &mut impl CryptoRng,
) -> error::Result<Option<Vec<u32>>> {
    let common = Common::agree(mesh, items.len(), options, rng)?;
    if common.sizes.contains(&0) {
        return Ok(told.then(Vec::new));
    }
    let own = keys(items);
    let mut sender = vole::Sender::new(mesh, leader, &pair(options), rng)?;
    let theirs = sender.begin(mesh, Purpose::Multi, items.len())?;
    let function = sender.function(mesh, theirs, rng)?;
    let (rows, values) = function.evaluate(&own);
    let mut programmed = Zeroizing::new(common.shares(&own));
    for (&i, f) in rows.order().iter().zip(values) {
        programmed[i as usize] ^= f.0;
    }
    let mut seed = [0u8; 16];
    rng.fill_bytes(&mut seed);
    let rows = Rows::new(options.wide_store(items.len()), &seed, &own);
    // (2)
    let store = okvs::encode(&rows, |i| Gf128(programmed[i]), rng)
        .map_err(|failure| unsolved(failure, items))?;
    mesh.send_bulk(leader, &[u128::from_le_bytes(seed)])?;
    mesh.send_bulk(leader, bytemuck::cast_slice::<Gf128, u128>(&store))?;
    if !told {
        return Ok(None);
    }
    mesh.enter("psi/tell");
    let mut count = [0u32];
    mesh.recv_bulk(leader, &mut count)?;
    let least = common.sizes.iter().copied().min().unwrap_or(0);
    let mut tags = match usize::try_from(count[0]) {
        Ok(n) if n <= least => vec![0u128; n],
        _ => {
            let error =
                mesh.deviation(leader, "it says that more items are common than a party has");
            return Err(mesh.abort(error).into());
        }
    };
    mesh.recv_bulk(leader, &mut tags)?;
    let key = common.keys[leader].as_ref().ok_or(Error::Internal("no key with the leader"))?;
    let mine: std::collections::HashMap<u128, u32> =
        key.values(G_PRIME, &own).into_iter().zip(0..).collect();
    let mut found: Vec<u32> = tags.iter().filter_map(|tag| mine.get(tag).copied()).collect();
    let told = found.len();
    let order = found.clone();
    found.sort_unstable();
    found.dedup();
    if told != tags.len() || found.len() != told {
        let error = mesh.deviation(leader, "it names items that this party has not, or twice");
        return Err(mesh.abort(error).into());
    }
    Ok(Some(order))
}

fn lead(
    mesh: &mut Mesh,
    items: &[Item],
    (options, told): (&Options, bool),
    rng: &mut impl CryptoRng,
) -> error::Result<Vec<u32>> {
    let common = Common::agree(mesh, items.len(), options, rng)?;
    if common.sizes.contains(&0) {
        return Ok(Vec::new());
    }
    let own = keys(items);
    let mut sum = common.shares(&own);
    let me = mesh.me();
    for party in (0..mesh.parties()).filter(|&party| party != me) {
        let mut receiver = vole::Receiver::new(mesh, party, &pair(options), rng)?;
        let theirs = receiver.begin(mesh, Purpose::Multi, items.len())?;
        if theirs != common.sizes[party] {
            let error = mesh.deviation(party, "it tells two numbers of items");
            return Err(mesh.abort(error).into());
        }
        let (rows, values) = receiver.evaluate(mesh, items, rng)?;
        for (&i, f) in rows.order().iter().zip(values) {
            sum[i as usize] ^= f.0;
        }
        // (3)
        let mut seed = [0u128];
        mesh.recv_bulk(party, &mut seed)?;
        let params = options.wide_store(theirs);
        let mut store = vec![Gf128::ZERO; params.len()];
        mesh.recv_bulk(party, bytemuck::cast_slice_mut::<Gf128, u128>(&mut store))?;
        let rows = Rows::new(params, &seed[0].to_le_bytes(), &own);
        for (&i, f) in rows.order().iter().zip(okvs::decode(&rows, &store)) {
            sum[i as usize] ^= f.0;
        }
    }
    let mut found: Vec<u32> = (0..).zip(&sum).filter(|(_, s)| **s == 0).map(|(i, _)| i).collect();
    // An order that says nothing about the leader's rows.
    rand::seq::SliceRandom::shuffle(&mut found[..], rng);
    if told {
        mesh.enter("psi/tell");
        let chosen: Vec<u128> = found.iter().map(|&row| own[row as usize]).collect();
        for (party, key) in common.keys.iter().enumerate() {
            let Some(key) = key else { continue };
            // There are fewer than 2^32 items.
            mesh.send_bulk(party, &[found.len() as u32])?;
            mesh.send_bulk(party, &key.values(G_PRIME, &chosen))?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
