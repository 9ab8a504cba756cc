//! The side that programs its items and payloads.

use super::{
    Binned, PAD_KEY, bins, columns,
    cuckoo::{WAYS, Ways},
};
use crate::{
    error,
    hash::Hash,
    item::{Item, check_items},
    okvs::{self, Rows},
    vole::{self, Options, keys, unsolved},
};
use privity_core::{Error, Mesh, field::Gf128};
use rand::CryptoRng;
use zeroize::Zeroizing;

/// A sender for the runs of one job.
#[derive(Debug)]
pub struct Sender(vole::Sender);

impl Sender {
    /// Sets up with `peer`, who calls [`super::Receiver::new`] with the same options.
    pub fn new(
        mesh: &mut Mesh,
        peer: usize,
        options: &Options,
        rng: &mut impl CryptoRng,
    ) -> error::Result<Self> {
        vole::Sender::new(mesh, peer, options, rng).map(Self)
    }

    /// One run with these items, which must differ, and the payloads of each: one
    /// vector for each payload, in the order of the items.
    pub fn run(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        payloads: &[&[u64]],
        rng: &mut impl CryptoRng,
    ) -> error::Result<Binned> {
        let scope = mesh.begin_scope("psi/circuit");
        let binned = self.program(mesh, items, payloads, rng);
        mesh.end_scope(scope);
        binned
    }

    fn program(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        payloads: &[&[u64]],
        rng: &mut impl CryptoRng,
    ) -> error::Result<Binned> {
        super::check_size(items.len())?;
        check_items(items)?;
        if let Some(p) = payloads.iter().position(|p| p.len() != items.len()) {
            return Err(Error::Argument(format!(
                "payload {p} has {} values for {} items",
                payloads[p].len(),
                items.len()
            ))
            .into());
        }
        let theirs = self.0.begin(mesh, super::purpose(payloads.len())?, items.len())?;
        super::check_size(theirs)?;
        let bins = bins(theirs);
        let binned = Binned {
            rows: Vec::new(),
            tags: super::random(rng, bins),
            payloads: payloads.iter().map(|_| super::random(rng, bins)).collect(),
        };
        if theirs == 0 || items.is_empty() {
            return Ok(binned);
        }
        let function = self.0.function(mesh, theirs, rng)?;
        let own = keys(items);
        let ways = Ways::new(&self.0.options().session, bins);
        let places = ways.places(&own);
        // Key number 3i + j is that of item i at its place j.
        let mut all = vec![0u128; WAYS * own.len()];
        for j in 0..WAYS {
            for (out, key) in all.chunks_exact_mut(WAYS).zip(ways.keys(j, &own)) {
                out[j] = key;
            }
        }
        let (rows, values) = function.evaluate(&all);
        let mut f = Zeroizing::new(vec![0u128; all.len()]);
        for (&i, v) in rows.order().iter().zip(values) {
            f[i as usize] = v.0;
        }
        let mut seed = [0u8; 16];
        rng.fill_bytes(&mut seed);
        mesh.send_bulk(self.0.peer(), &[u128::from_le_bytes(seed)])?;
        let rows = Rows::new(super::store(self.0.options(), items.len()), &seed, &all);
        let hash = Hash::new(&PAD_KEY);
        let mut pads = Zeroizing::new(vec![0u128; f.len()]);
        for column in 0..columns(payloads.len()) {
            hash.column(column, &f, &mut pads);
            let word = |key: usize, half: usize| {
                let (item, bin) = (key / WAYS, places[key / WAYS][key % WAYS] as usize);
                match (2 * column + half).checked_sub(1) {
                    None => binned.tags[bin],
                    Some(p) => payloads
                        .get(p)
                        .map_or(0, |payload| payload[item].wrapping_sub(binned.payloads[p][bin])),
                }
            };
            // (2)
            let value = |key: usize| {
                Gf128((u128::from(word(key, 1)) << 64 | u128::from(word(key, 0))) ^ pads[key])
            };
            let store = okvs::encode(&rows, value, rng).map_err(|e| unsolved(e, items))?;
            mesh.send_bulk(self.0.peer(), bytemuck::cast_slice::<Gf128, u128>(&store))?;
        }
        Ok(binned)
    }
}
