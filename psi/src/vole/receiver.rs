//! The side that learns the intersection.

use super::{
    Options, StoreField,
    mask::{Oracle, keys, mask_bytes, masks},
    sender::CHUNK,
    wire::{COMMITMENT, OPENING, Purpose, Role, announce, blinded, commit, opened, refuse},
};
use crate::{
    error,
    item::{Item, check_items},
    join,
    okvs::{self, Element, Failure, Rows},
};
use privity_core::{
    Error, Mesh,
    field::{Gf64, Gf128},
    vole::VoleReceiver,
};
use rand::CryptoRng;
use rayon::prelude::*;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, Zeroizing};

/// A receiver for the runs of one job.
#[derive(Debug)]
pub struct Receiver {
    vole: VoleReceiver,
    options: Options,
    runs: u64,
}

/// A common item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The own row.
    pub row: u32,
    /// Its place among the sender's masks, which says nothing about rows.
    place: u32,
}

impl Receiver {
    /// Sets up with `peer`, who calls [`super::Sender::new`] with the same options.
    pub fn new(
        mesh: &mut Mesh,
        peer: usize,
        options: &Options,
        rng: &mut impl CryptoRng,
    ) -> error::Result<Self> {
        options.check()?;
        let vole = mesh.scope("psi/setup", |mesh| {
            VoleReceiver::new(mesh, peer, options.code, options.security, rng)
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

    /// One run with these items, which must differ: the common ones, in a
    /// pseudorandom order.
    pub fn run(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<Vec<Match>> {
        let scope = mesh.begin_scope("psi/run");
        let found = self.matches(mesh, items, rng);
        mesh.end_scope(scope);
        found
    }

    /// [`Receiver::run`], after which the sender learns the same: own rows in the
    /// common order.
    pub fn run_and_tell(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<Vec<u32>> {
        let found = self.run(mesh, items, rng)?;
        mesh.enter("psi/tell");
        // There are fewer than 2^32 items.
        mesh.send_bulk(self.vole.peer(), &[found.len() as u32])?;
        let places: Vec<u32> = found.iter().map(|m| m.place).collect();
        mesh.send_bulk(self.vole.peer(), &places)?;
        Ok(found.into_iter().map(|m| m.row).collect())
    }

    fn matches(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<Vec<Match>> {
        let theirs = self.begin(mesh, Purpose::Intersection, items.len())?;
        if theirs == 0 || items.is_empty() {
            check_items(items)?;
            return Ok(vec![]);
        }
        let (rows, v) = self.evaluate(mesh, items, rng)?;
        let found = self.compare(mesh, theirs, &v)?;
        let row = |i: u32| rows.order()[i as usize];
        Ok(found.into_iter().map(|(i, place)| Match { row: row(i), place }).collect())
    }

    /// (5): own masks and the sender's, by their places.
    pub(super) fn compare(
        &self,
        mesh: &mut Mesh,
        theirs: usize,
        v: &[Gf128],
    ) -> error::Result<Vec<(u32, u32)>> {
        let bytes = mask_bytes(&self.options);
        let cut = u128::MAX << (128 - 8 * bytes);
        let own: Vec<u128> = v.iter().map(|v| v.0 & cut).collect();
        let sorted = receive_masks(mesh, self.vole.peer(), theirs, bytes)?;
        Ok(join::join(&own, &sorted))
    }

    /// Begins a run with so many items; the size of the sender's set.
    pub(crate) fn begin(
        &mut self,
        mesh: &mut Mesh,
        purpose: Purpose,
        items: usize,
    ) -> error::Result<usize> {
        let run = (&self.options, Role::Receiver, purpose, self.runs);
        let theirs = announce(mesh, self.vole.peer(), run, items)?;
        self.runs += 1;
        Ok(theirs)
    }

    /// The oblivious function of the items, which must differ: F(y) in the order
    /// of the rows.
    pub(crate) fn evaluate(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<(Rows, Vec<Gf128>)> {
        let (rows, mut v, w) = self.points(mesh, items, rng)?;
        masks(rows.keys(), w, &mut v);
        Ok((rows, v))
    }

    /// What F is asked at, but for w, and w.
    pub(super) fn points(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        rng: &mut impl CryptoRng,
    ) -> error::Result<(Rows, Vec<Gf128>, Gf128)> {
        let (peer, run) = (self.vole.peer(), self.runs - 1);
        let mut commitment = [0u8; COMMITMENT];
        if blinded(&self.options) {
            mesh.recv(peer, &mut commitment)?;
        }
        // (2)
        let params = self.options.store(items.len());
        let mut seed = [0u8; 16];
        rng.fill_bytes(&mut seed);
        let rows = Rows::new(params, &seed, &keys(items));
        let oracle = Oracle::new(&self.options.session);
        let h = by_row(&rows, &oracle.values(rows.keys()));
        let (d, c) = match self.options.field {
            StoreField::Gf128 => {
                let store = okvs::encode(&rows, |i| h[i], rng).map_err(|e| unsolved(e, items))?;
                let (a, c) = self.vole.extend::<u128>(mesh, params.len(), 128)?;
                (Store::Gf128(masked(store, a)), Zeroizing::new(c))
            }
            StoreField::Gf64 => {
                let value = |i: usize| Gf64(h[i].0 as u64);
                let store = okvs::encode(&rows, value, rng).map_err(|e| unsolved(e, items))?;
                let (a, c) = self.vole.extend_subfield(mesh, params.len())?;
                (Store::Gf64(masked(store, a)), Zeroizing::new(c))
            }
        };
        let mut head = [u128::from_le_bytes(seed), 0];
        if blinded(&self.options) {
            let mut w = [0u8; 16];
            rng.fill_bytes(&mut w);
            head[1] = u128::from_le_bytes(w);
        }
        mesh.send_bulk(peer, &head)?;
        match &d {
            Store::Gf128(d) => mesh.send_bulk(peer, bytemuck::cast_slice::<Gf128, u128>(d))?,
            Store::Gf64(d) => mesh.send_bulk(peer, bytemuck::cast_slice::<Gf64, u64>(d))?,
        }
        let mut w = 0;
        // (5), while the sender works.
        let v = okvs::decode(&rows, bytemuck::cast_slice(&c));
        if blinded(&self.options) {
            let mut opening = [0u8; OPENING];
            mesh.recv(peer, &mut opening)?;
            let expected = commit(&self.options.session, run, &opening);
            if !bool::from(expected.ct_eq(&commitment)) {
                return Err(refuse(mesh, peer, "it opens another number than it chose").into());
            }
            w = head[1] ^ opened(&opening);
        }
        Ok((rows, v, Gf128(w)))
    }
}

/// D, over either field.
enum Store {
    Gf128(Vec<Gf128>),
    Gf64(Vec<Gf64>),
}

/// P + a; a is wiped.
fn masked<E, A>(mut store: Vec<E>, a: Vec<A>) -> Vec<E>
where
    E: Element + bytemuck::Pod,
    A: bytemuck::Pod + Zeroize + Send + Sync,
{
    let a = Zeroizing::new(a);
    let values: &[E] = bytemuck::cast_slice(&a);
    store.par_chunks_mut(1 << 12).zip(values.par_chunks(1 << 12)).for_each(|(d, a)| {
        for (d, &a) in d.iter_mut().zip(a) {
            *d = *d + a;
        }
    });
    store
}

/// Why a store of these items could not be made.
pub(crate) fn unsolved(failure: Failure, items: &[Item]) -> error::Error {
    match failure {
        Failure::Duplicate => check_items(items).err().map_or_else(
            || Error::Internal("items that differ were found to be the same").into(),
            error::Error::from,
        ),
        Failure::Seed => error::Error::Core(Error::Internal(
            "the items could not be encoded, which happens once in 2^40 jobs: run it again",
        )),
    }
}

/// Values in the order of rows back in the caller's order.
fn by_row(rows: &Rows, values: &[Gf128]) -> Vec<Gf128> {
    let mut out = vec![Gf128::ZERO; values.len()];
    for (&i, &v) in rows.order().iter().zip(values) {
        out[i as usize] = v;
    }
    out
}

/// The sender's masks, which must ascend.
fn receive_masks(
    mesh: &mut Mesh,
    peer: usize,
    count: usize,
    bytes: usize,
) -> error::Result<Vec<u128>> {
    let mut out = Vec::with_capacity(count);
    let mut message = vec![0u8; CHUNK.min(count) * bytes];
    while out.len() < count {
        let n = CHUNK.min(count - out.len());
        let message = &mut message[..n * bytes];
        mesh.recv_bulk(peer, message)?;
        for mask in message.chunks_exact(bytes) {
            let mut whole = [0u8; 16];
            whole[..bytes].copy_from_slice(mask);
            out.push(u128::from_be_bytes(whole));
        }
    }
    // Cut masks of different items may be the same.
    if out.windows(2).any(|m| m[0] > m[1]) {
        return Err(refuse(mesh, peer, "its masks are not in order").into());
    }
    Ok(out)
}

/// One job of one run: which of `items` the sender has too.
pub fn receive(
    mesh: &mut Mesh,
    peer: usize,
    items: &[Item],
    options: &Options,
    rng: &mut impl CryptoRng,
) -> error::Result<Vec<Match>> {
    Receiver::new(mesh, peer, options, rng)?.run(mesh, items, rng)
}
