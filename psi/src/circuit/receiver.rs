//! The side whose items lie in bins.

use super::{
    Binned, PAD_KEY, bins, columns,
    cuckoo::{WAYS, Ways, settle},
};
use crate::{
    error,
    hash::Hash,
    item::{Item, check_items},
    okvs::{self, Rows},
    vole::{self, Options, keys},
};
use privity_core::{Error, Mesh, field::Gf128};
use rand::CryptoRng;
use zeroize::Zeroizing;

/// A receiver for the runs of one job.
#[derive(Debug)]
pub struct Receiver(vole::Receiver);

impl Receiver {
    /// Sets up with `peer`, who calls [`super::Sender::new`] with the same options.
    pub fn new(
        mesh: &mut Mesh,
        peer: usize,
        options: &Options,
        rng: &mut impl CryptoRng,
    ) -> error::Result<Self> {
        vole::Receiver::new(mesh, peer, options, rng).map(Self)
    }

    /// One run with these items, which must differ, against a sender with so many
    /// payloads.
    pub fn run(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        payloads: usize,
        rng: &mut impl CryptoRng,
    ) -> error::Result<Binned> {
        let scope = mesh.begin_scope("psi/circuit");
        let binned = self.bin(mesh, items, payloads, rng);
        mesh.end_scope(scope);
        binned
    }

    fn bin(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        payloads: usize,
        rng: &mut impl CryptoRng,
    ) -> error::Result<Binned> {
        super::check_size(items.len())?;
        check_items(items)?;
        let theirs = self.0.begin(mesh, super::purpose(payloads)?, items.len())?;
        super::check_size(theirs)?;
        let bins = bins(items.len());
        // Bins without an item keep these.
        let mut binned = Binned {
            rows: vec![None; bins],
            tags: super::random(rng, bins),
            payloads: (0..payloads).map(|_| super::random(rng, bins)).collect(),
        };
        if items.is_empty() {
            return Ok(binned);
        }
        let own = keys(items);
        let ways = Ways::new(&self.0.options().session, bins);
        let places = ways.places(&own);
        let way = settle(&places, bins, rng.next_u64()).ok_or(Error::Internal(
            "the items could not be dealt to bins, which happens once in 2^40 jobs: run it again",
        ))?;
        let mut asked = vec![0u128; own.len()];
        for j in 0..WAYS {
            for ((asked, key), &way) in asked.iter_mut().zip(ways.keys(j, &own)).zip(&way) {
                if usize::from(way) == j {
                    *asked = key;
                }
            }
        }
        for ((row, places), &way) in (0..).zip(&places).zip(&way) {
            binned.rows[places[usize::from(way)] as usize] = Some(row);
        }
        if theirs == 0 {
            return Ok(binned);
        }
        let asked: Vec<Item> = asked.iter().map(|k| Item::from_bytes(k.to_le_bytes())).collect();
        let (rows, values) = self.0.evaluate(mesh, &asked, rng)?;
        let bin_of = |i: u32| places[i as usize][usize::from(way[i as usize])] as usize;
        // F by the order of the items, then by that of the sender's store.
        let mut f = vec![Gf128::ZERO; own.len()];
        for (&i, &v) in rows.order().iter().zip(&values) {
            f[i as usize] = v;
        }
        let params = super::store(self.0.options(), theirs);
        let mut seed = [0u128];
        mesh.recv_bulk(self.0.peer(), &mut seed)?;
        let rows = Rows::new(params, &seed[0].to_le_bytes(), &keys(&asked));
        let f: Zeroizing<Vec<u128>> =
            Zeroizing::new(rows.order().iter().map(|&i| f[i as usize].0).collect());
        let hash = Hash::new(&PAD_KEY);
        let mut pads = Zeroizing::new(vec![0u128; f.len()]);
        let mut store = vec![Gf128::ZERO; params.len()];
        for column in 0..columns(payloads) {
            mesh.recv_bulk(self.0.peer(), bytemuck::cast_slice_mut::<Gf128, u128>(&mut store))?;
            // (3)
            hash.column(column, &f, &mut pads);
            let words = okvs::decode(&rows, &store);
            for ((&i, word), pad) in rows.order().iter().zip(words).zip(pads.iter()) {
                let (bin, word) = (bin_of(i), word.0 ^ pad);
                for (half, word) in [word as u64, (word >> 64) as u64].into_iter().enumerate() {
                    match (2 * column + half).checked_sub(1) {
                        None => binned.tags[bin] = word,
                        Some(p) if p < payloads => binned.payloads[p][bin] = word,
                        Some(_) => {}
                    }
                }
            }
        }
        Ok(binned)
    }
}
