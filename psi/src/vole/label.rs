//! Labels: the receiver learns the sender's for the items that both have, and nothing
//! about others.
//!
//! With the masks, in their order, go the labels, each under a key that only who can
//! make the mask can make:
//!
//! \\[ \ell(x) \oplus \mathrm{PRG}(E_x(p + 1) + p), \qquad
//!    p = \mathrm{Decode}(K, x) + \Delta\, h(x) + w, \qquad (1) \\]
//!
//! another value of the same ideal cipher than the mask \\(E_x(p) + p\\). Labels of all
//! items have one length. A malicious receiver gets those of n' items at most; a
//! malicious sender gives what labels it likes.

use super::{
    Receiver, Sender,
    mask::{keys, label_keys, masks},
    wire::Purpose,
};
use crate::{
    error,
    item::{Item, check_items},
};
use privity_core::{Error, Mesh, Secret, prg::Prg};
use rand::CryptoRng;
use zeroize::Zeroizing;

/// The longest label.
pub const MOST_LABEL: usize = 1 << 16;

impl Sender {
    /// [`Sender::run`] with a label for each item, all of the same length. Returns the
    /// size of the receiver's set.
    pub fn run_labelled(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        labels: &[&[u8]],
        rng: &mut impl CryptoRng,
    ) -> error::Result<u64> {
        let bytes = labels.first().map_or(0, |label| label.len());
        if labels.len() != items.len() || labels.iter().any(|label| label.len() != bytes) {
            let rule = "every item needs a label, and all labels the same length";
            return Err(Error::Argument(rule.into()).into());
        }
        let theirs = self.begin(mesh, purpose(bytes)?, items.len())?;
        if theirs == 0 || items.is_empty() {
            check_items(items)?;
            return Ok(theirs as u64);
        }
        let function = self.function(mesh, theirs, rng)?;
        let (rows, mut v) = function.points(&keys(items));
        let sealing = Zeroizing::new(label_keys(rows.keys(), function.w, &v));
        masks(rows.keys(), function.w, &mut v);
        let order = self.send_sorted(mesh, items, &v)?;
        mesh.enter("psi/labels");
        for part in order.chunks((CHUNK / bytes.max(1)).max(1)) {
            let mut message = Vec::with_capacity(part.len() * bytes);
            for &i in part {
                let label = labels[rows.order()[i as usize] as usize];
                message.extend_from_slice(&sealed(sealing[i as usize], label)); // (1)
            }
            mesh.send(self.peer(), &message)?;
        }
        Ok(theirs as u64)
    }
}

impl Receiver {
    /// [`Receiver::run`] against a sender with labels of so many bytes: own rows that
    /// are common, and the labels.
    pub fn run_labelled(
        &mut self,
        mesh: &mut Mesh,
        items: &[Item],
        bytes: usize,
        rng: &mut impl CryptoRng,
    ) -> error::Result<Vec<(u32, Vec<u8>)>> {
        let theirs = self.begin(mesh, purpose(bytes)?, items.len())?;
        if theirs == 0 || items.is_empty() {
            check_items(items)?;
            return Ok(Vec::new());
        }
        let (rows, mut v, w) = self.points(mesh, items, rng)?;
        let sealing = Zeroizing::new(label_keys(rows.keys(), w, &v));
        masks(rows.keys(), w, &mut v);
        let found = self.compare(mesh, theirs, &v)?;
        mesh.enter("psi/labels");
        let (mut out, mut next, mut at) = (Vec::with_capacity(found.len()), 0, 0);
        let per = (CHUNK / bytes.max(1)).max(1);
        while at < theirs {
            let n = per.min(theirs - at);
            let mut message = vec![0u8; n * bytes];
            mesh.recv(self.peer(), &mut message)?;
            // Places ascend.
            while let Some(&(i, place)) = found.get(next).filter(|f| (f.1 as usize) < at + n) {
                let label = &message[(place as usize - at) * bytes..][..bytes];
                out.push((rows.order()[i as usize], sealed(sealing[i as usize], label)));
                next += 1;
            }
            at += n;
        }
        Ok(out)
    }
}

fn purpose(bytes: usize) -> Result<Purpose, Error> {
    match u32::try_from(bytes) {
        Ok(n) if bytes <= MOST_LABEL => Ok(Purpose::Labelled(n)),
        _ => Err(Error::Argument(format!("labels of {bytes} bytes: at most {MOST_LABEL}"))),
    }
}

/// A label with the pad of a key put on or taken off.
fn sealed(key: u128, label: &[u8]) -> Vec<u8> {
    let mut pad = Zeroizing::new(vec![0u128; label.len().div_ceil(16)]);
    Prg::new(&Secret::new(key.to_le_bytes())).fill(0, 0, &mut pad);
    let pad: &[u8] = bytemuck::cast_slice(&pad);
    label.iter().zip(pad).map(|(l, p)| l ^ p).collect()
}

/// Bytes per message.
const CHUNK: usize = 1 << 20;
