//! The side that learns nothing.

use super::{
    Options, StoreField,
    mask::{Oracle, keys, mask_bytes, masks},
    wire::{COMMITMENT, OPENING, Purpose, Role, announce, blinded, commit, opened, refuse},
};
use crate::{
    error,
    item::{Item, check_items},
    join,
    okvs::{self, Params, Rows},
};
use privity_core::{
    Error, Mesh,
    field::{Gf128, subfield::Embedding},
    vole::VoleSender,
};
use rand::CryptoRng;
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

/// A sender for the runs of one job.
#[derive(Debug)]
pub struct Sender {
    vole: VoleSender,
    options: Options,
    runs: u64,
}

impl Sender {
    /// Sets up with `peer`, who calls [`super::Receiver::new`] with the same options.
    pub fn new(
        mesh: &mut Mesh,
        peer: usize,
        options: &Options,
        rng: &mut impl CryptoRng,
    ) -> error::Result<Self> {
        options.check()?;
        let vole = mesh.scope("psi/setup", |mesh| {
            VoleSender::new(mesh, peer, options.code, options.security, rng)
        })?;
        Ok(Self { vole, options: options.clone(), runs: 0 })
    }

    /// The party on the other side.
    pub(crate) fn peer(&self) -> usize {
        self.vole.peer()
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// One run with these items, which must differ. Returns the size of the
    /// receiver's set.
    pub fn run(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<u64> {
        Ok(self.masks(mesh, items, rng)?.0)
    }

    /// [`Sender::run`], whose result the receiver tells by
    /// [`super::Receiver::run_and_tell`]: own rows in the common order, the j-th
    /// of which is the receiver's j-th. A malicious receiver may tell any rows.
    pub fn run_and_learn(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<Vec<u32>> {
        let (theirs, order) = self.masks(mesh, items, rng)?;
        mesh.enter("psi/tell");
        let peer = self.vole.peer();
        let mut count = [0u32];
        mesh.recv_bulk(peer, &mut count)?;
        let count = count[0] as usize;
        if count as u64 > theirs.min(items.len() as u64) {
            let rule = "it says that more items are common than either party has";
            return Err(refuse(mesh, peer, rule).into());
        }
        let mut places = vec![0u32; count];
        mesh.recv_bulk(peer, &mut places)?;
        let ascending = places.windows(2).all(|p| p[0] < p[1]);
        if !ascending || places.last().is_some_and(|&p| p as usize >= order.len()) {
            let rule = "its common items are not ascending places of masks";
            return Err(refuse(mesh, peer, rule).into());
        }
        Ok(places.into_iter().map(|p| order[p as usize]).collect())
    }

    /// Steps (1) to (4). The size of the receiver's set, and which row the j-th
    /// mask belongs to.
    fn masks(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<(u64, Vec<u32>)> {
        let scope = mesh.begin_scope("psi/run");
        let masks = self.send_all(mesh, items, rng);
        mesh.end_scope(scope);
        masks
    }

    fn send_all(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<(u64, Vec<u32>)> {
        let theirs = self.begin(mesh, Purpose::Intersection, items.len())?;
        if theirs == 0 || items.is_empty() {
            check_items(items)?;
            return Ok((theirs as u64, vec![]));
        }
        let function = self.function(mesh, theirs, rng)?;
        // (4)
        let (rows, v) = function.evaluate(&keys(items));
        let order = self.send_sorted(mesh, items, &v)?;
        Ok((theirs as u64, order.into_iter().map(|i| rows.order()[i as usize]).collect()))
    }

    /// Sends masks in their order, which it returns.
    pub(super) fn send_sorted(
        &self,
        mesh: &mut Mesh,
        items: &[Item],
        v: &[Gf128],
    ) -> error::Result<Vec<u32>> {
        let all: &[u128] = bytemuck::cast_slice(v);
        let order = join::order(all);
        if order.windows(2).any(|p| all[p[0] as usize] == all[p[1] as usize]) {
            check_items(items)?;
            return Err(Error::Internal("two masks of different items are the same").into());
        }
        send_masks(mesh, self.vole.peer(), all, &order, mask_bytes(&self.options))?;
        Ok(order)
    }

    /// Begins a run with so many items; the size of the receiver's set.
    pub(crate) fn begin(
        &mut self,
        mesh: &mut Mesh,
        purpose: Purpose,
        items: usize,
    ) -> error::Result<usize> {
        let run = (&self.options, Role::Sender, purpose, self.runs);
        let theirs = announce(mesh, self.vole.peer(), run, items)?;
        self.runs += 1;
        Ok(theirs)
    }

    /// The oblivious function, of which the receiver gets the values of its
    /// `theirs` items: steps (1) to (3).
    pub(crate) fn function(
        &mut self,
        mesh: &mut Mesh,
        theirs: usize,
        rng: &mut impl CryptoRng,
    ) -> error::Result<Function> {
        let (peer, run) = (self.vole.peer(), self.runs - 1);
        // (1)
        let mut opening = [0u8; OPENING];
        rng.fill_bytes(&mut opening);
        if blinded(&self.options) {
            mesh.send(peer, &commit(&self.options.session, run, &opening))?;
        }
        let params = self.options.store(theirs);
        let b = match self.options.field {
            StoreField::Gf128 => self.vole.extend(mesh, params.len(), 128)?,
            StoreField::Gf64 => self.vole.extend_subfield(mesh, params.len())?,
        };
        let mut store = Zeroizing::new(b);
        let mut head = [0u128; 2];
        mesh.recv_bulk(peer, &mut head)?;
        let mut d = vec![Gf128::ZERO; params.len()];
        let embedding = match self.options.field {
            StoreField::Gf128 => {
                mesh.recv_bulk(peer, bytemuck::cast_slice_mut::<Gf128, u128>(&mut d))?;
                None
            }
            StoreField::Gf64 => {
                let mut small = vec![0u64; params.len()];
                mesh.recv_bulk(peer, &mut small)?;
                let embedding = Embedding::new();
                d.par_chunks_mut(1 << 12).zip(small.par_chunks(1 << 12)).for_each(|(d, small)| {
                    d.iter_mut().zip(small).for_each(|(d, &x)| *d = embedding.of_vartime(x));
                });
                Some(embedding)
            }
        };
        // (3)
        let mut w = 0;
        if blinded(&self.options) {
            mesh.send(peer, &opening)?;
            w = head[1] ^ opened(&opening);
        }
        let delta = Gf128(*self.vole.delta().expose());
        let k = bytemuck::cast_slice_mut::<u128, Gf128>(&mut store);
        k.par_chunks_mut(1 << 12)
            .zip(d.par_chunks(1 << 12))
            .for_each(|(k, d)| delta.add_multiple(k, d));
        let oracle = Oracle::new(&self.options.session);
        let seed = head[0].to_le_bytes();
        Ok(Function { params, seed, store, delta, w: Gf128(w), oracle, embedding })
    }
}

/// The sender's function F.
pub(crate) struct Function {
    params: Params,
    seed: [u8; 16],
    /// K
    store: Zeroizing<Vec<u128>>,
    delta: Gf128,
    pub(super) w: Gf128,
    oracle: Oracle,
    /// For values of the subfield.
    embedding: Option<Embedding>,
}

impl Function {
    /// F(x) of each key, in the order of the rows.
    pub(crate) fn evaluate(&self, keys: &[u128]) -> (Rows, Vec<Gf128>) {
        let (rows, mut v) = self.points(keys);
        masks(rows.keys(), self.w, &mut v);
        (rows, v)
    }

    /// What F is asked at for each key, but for w.
    pub(super) fn points(&self, keys: &[u128]) -> (Rows, Vec<Gf128>) {
        let rows = Rows::new(self.params, &self.seed, keys);
        let mut v = okvs::decode(&rows, bytemuck::cast_slice(&self.store));
        let mut h = self.oracle.values(rows.keys());
        if let Some(embedding) = &self.embedding {
            h.par_iter_mut().for_each(|h| *h = embedding.of_vartime(h.0 as u64));
        }
        v.par_chunks_mut(1 << 12)
            .zip(h.par_chunks(1 << 12))
            .for_each(|(v, h)| self.delta.add_multiple(v, h));
        (rows, v)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.delta.0.zeroize();
    }
}

/// Masks in their order, the top bytes of each.
fn send_masks(
    mesh: &mut Mesh,
    peer: usize,
    masks: &[u128],
    order: &[u32],
    bytes: usize,
) -> Result<(), Error> {
    let mut out = Vec::with_capacity(CHUNK * bytes);
    for part in order.chunks(CHUNK) {
        out.clear();
        for &i in part {
            out.extend_from_slice(&masks[i as usize].to_be_bytes()[..bytes]);
        }
        mesh.send_bulk(peer, &out)?;
    }
    Ok(())
}

/// Masks per message, so that computing and sending overlap.
pub(super) const CHUNK: usize = 1 << 15;

const _: () = assert!(COMMITMENT == 32);

/// One job of one run: sends `items` to the intersection.
pub fn send(
    mesh: &mut Mesh,
    peer: usize,
    items: &[Item],
    options: &Options,
    rng: &mut impl CryptoRng,
) -> error::Result<u64> {
    Sender::new(mesh, peer, options, rng)?.run(mesh, items, rng)
}
