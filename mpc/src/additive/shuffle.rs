//! Hidden permutations: each party in turn moves the rows by one of its own.
//!
//! **Paper.** Mohassel and Sadeghian, "How to Hide Circuits in MPC", EUROCRYPT
//! 2013, section 3 (switching networks by OT); the network is that of
//! [`network`].
//!
//! The router has the setting c of every switch, each other party holds a share
//! of the rows. One correlated OT row per switch is made with the permutation,
//! q at the other party, t = q + c Delta at the router. For each column and use
//! the row is hashed with a fresh tweak, giving pads \\(p_0, p_1\\) to the one
//! and \\(p_c\\) to the other. With \\(\delta\\) the difference of the two
//! entries of the other party's share,
//!
//! \\[ \tau = p_0 - p_1 + \delta, \qquad w = p_c + c\,\tau = p_0 + c\,\delta: \qquad (1) \\]
//!
//! the other party takes p_0 from the first entry and adds it to the second, the router adds w to
//! the first entry and takes it from the second,
//!
//! \\[ (u, v) \mapsto (u + c\,\delta,\; v - c\,\delta), \qquad \delta = v - u. \qquad (2) \\]
//!
//! The other party's entries after a switch are (u - p_0, v + p_0): they depend
//! on nothing that it receives, so that it computes all \\(\tau\\) at once and
//! sends them in one message. The router exchanges the entries of its own share
//! where c = 1 and adds (2).
//!
//! The inverse uses the same switches in the reverse order.
//!
//! **Privacy.** The others see nothing. The router sees \\(\tau\\), each masked
//! by a pad that it lacks; pads are fresh for each use, since the use is part of
//! the tweak. Between two parties the honest party's share of the result is the
//! result minus what the other one knows; among more, shares are made fresh by
//! the common keys whenever something is opened.
//!
//! **Cost** for n rows: about n log n - n switches for each router and peer;
//! a row of OT for each with the permutation, 8 bytes for each and column with
//! every use. One round for each router.
//!
//! The linear form (2), which takes one word per switch instead of two, is the
//! library's own arrangement.

use super::{
    Additive, Words,
    link::{Purpose, tweak},
    network::{self, Switch},
    store::Wiped,
};
use privity_core::{
    Error, Result, bits,
    crhash::CrHash,
    ot::{Receiver, Rows, Sender},
};
use rand::seq::SliceRandom;
use zeroize::{Zeroize, Zeroizing};

/// A permutation that is the product of one by each party.
pub struct Permutation {
    n: usize,
    layout: Vec<Switch>,
    /// By router.
    turns: Vec<Turn>,
}

enum Turn {
    /// This party routes: its settings, and rows with each peer.
    Router { settings: Wiped<bool>, rows: Vec<(usize, Rows)> },
    /// Another party routes.
    Other { router: usize, rows: Rows },
}

impl Drop for Turn {
    fn drop(&mut self) {
        match self {
            Self::Router { settings, rows } => {
                settings.zeroize();
                rows.iter_mut().for_each(|(_, r)| r.rows.zeroize());
            }
            Self::Other { rows, .. } => rows.rows.zeroize(),
        }
    }
}

impl std::fmt::Debug for Permutation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permutation").field("rows", &self.n).finish_non_exhaustive()
    }
}

impl Additive {
    pub(super) fn draw_permutation(&mut self, n: usize) -> Result<Permutation> {
        if u32::try_from(n).is_err() {
            return Err(Error::Argument(format!("a permutation of {n} rows: at most 2^32 - 1")));
        }
        let (me, layout) = (self.mesh.me(), network::layout(n));
        let mut turns = Vec::new();
        for router in 0..self.mesh.parties() {
            if router == me {
                let mut to = Zeroizing::new((0..n as u32).collect::<Vec<_>>());
                to.shuffle(&mut self.rng);
                let settings = network::settings(&to);
                let packed = Zeroizing::new(bits::pack(&settings));
                let mut rows = Vec::new();
                for (peer, link) in self.links.iter_mut().enumerate() {
                    let Some(link) = link else { continue };
                    let t = link.receiver.extend(&mut self.mesh, &packed, layout.len())?;
                    rows.push((peer, t));
                }
                turns.push(Turn::Router { settings, rows });
            } else if let Some(link) = &mut self.links[router] {
                let rows = link.sender.extend(&mut self.mesh, layout.len())?;
                turns.push(Turn::Other { router, rows });
            }
        }
        Ok(Permutation { n, layout, turns })
    }

    /// Moves the rows of all columns, back if `inverse`.
    pub(super) fn move_rows(
        &mut self,
        permutation: &Permutation,
        columns: &[&Words<u64>],
        inverse: bool,
    ) -> Result<Vec<Words<u64>>> {
        assert!(columns.iter().all(|c| c.0.len() == permutation.n), "columns of different lengths");
        let mut rows: Vec<Words<u64>> = columns.iter().map(|&c| c.clone()).collect();
        let uses = self.uses;
        // Two columns share a hash.
        self.uses += columns.len().div_ceil(2) as u64;
        if self.uses >> 48 != 0 {
            return Err(Error::Internal("more shuffles than tweaks"));
        }
        let turns: Vec<usize> = (0..permutation.turns.len()).collect();
        let order: Vec<usize> = if inverse { turns.into_iter().rev().collect() } else { turns };
        for turn in order {
            let (turn, layout) = (&permutation.turns[turn], &permutation.layout);
            match turn {
                Turn::Router { settings, rows: t } => {
                    self.route(layout, settings, t, &mut rows, uses, inverse)?;
                }
                Turn::Other { router, rows: q } => {
                    self.follow(layout, *router, q, &mut rows, uses, inverse)?;
                }
            }
        }
        Ok(rows)
    }

    /// The router's part of one turn.
    fn route(
        &mut self,
        layout: &[Switch],
        settings: &[bool],
        t: &[(usize, Rows)],
        columns: &mut [Words<u64>],
        uses: u64,
        inverse: bool,
    ) -> Result<()> {
        let n = layout.len();
        // w of (1), summed over the peers, column by column.
        let mut w = Zeroizing::new(vec![0u64; n * columns.len()]);
        for (peer, rows) in t {
            let mut tau = Zeroizing::new(vec![0u64; n * columns.len()]);
            self.mesh.recv_bulk(*peer, &mut tau)?;
            let session = self.links[*peer].as_ref().map_or(0, |link| link.receiver.session());
            for pair in 0..columns.len().div_ceil(2) {
                let pads = pads(&rows.rows, 0, (session, rows.first), uses + pair as u64);
                for column in 2 * pair..columns.len().min(2 * pair + 2) {
                    let at = column * n;
                    for i in 0..n {
                        let mask = 0u64.wrapping_sub(u64::from(settings[i]));
                        let p = half(pads[i], column);
                        w[at + i] = w[at + i].wrapping_add(p).wrapping_add(tau[at + i] & mask);
                    }
                }
            }
        }
        for (column, w) in columns.iter_mut().zip(w.chunks(n.max(1))) {
            let x = &mut column.0;
            for i in order(n, inverse) {
                let (a, b) = (layout[i].0 as usize, layout[i].1 as usize);
                // No branch on the permutation, here where peers wait for it.
                let d = (x[a] ^ x[b]) & u64::from(settings[i]).wrapping_neg();
                x[a] ^= d;
                x[b] ^= d;
                x[a] = x[a].wrapping_add(w[i]);
                x[b] = x[b].wrapping_sub(w[i]);
            }
        }
        Ok(())
    }

    /// Another party's part of one turn.
    fn follow(
        &mut self,
        layout: &[Switch],
        router: usize,
        q: &Rows,
        columns: &mut [Words<u64>],
        uses: u64,
        inverse: bool,
    ) -> Result<()> {
        let n = layout.len();
        let Some(link) = &self.links[router] else {
            return Err(Error::Internal("no link to the router"));
        };
        let (delta, session) = (*link.sender.delta().expose(), link.sender.session());
        let mut tau = Zeroizing::new(vec![0u64; n * columns.len()]);
        for pair in 0..columns.len().div_ceil(2) {
            let zero = pads(&q.rows, 0, (session, q.first), uses + pair as u64);
            let one = pads(&q.rows, delta, (session, q.first), uses + pair as u64);
            for column in 2 * pair..columns.len().min(2 * pair + 2) {
                let x = &mut columns[column].0;
                for i in order(n, inverse) {
                    let (a, b) = (layout[i].0 as usize, layout[i].1 as usize);
                    let p = half(zero[i], column);
                    // (1), with delta the difference of the entries
                    tau[column * n + i] =
                        p.wrapping_sub(half(one[i], column)).wrapping_add(x[b]).wrapping_sub(x[a]);
                    x[a] = x[a].wrapping_sub(p);
                    x[b] = x[b].wrapping_add(p);
                }
            }
        }
        self.mesh.send_bulk(router, &tau)
    }
}

/// The hash of all rows, each plus `offset`, for one use.
fn pads(rows: &[u128], offset: u128, (session, first): (u128, u64), usage: u64) -> Wiped<u128> {
    let mut out = Zeroizing::new(rows.iter().map(|r| r ^ offset).collect::<Vec<_>>());
    // The use stands above the row index; rows count up to 2^64 in between.
    CrHash::new().hash_all(tweak(session, Purpose::Switch, first, usage), &mut out);
    out
}

/// The half of a pad that belongs to a column.
fn half(pad: u128, column: usize) -> u64 {
    (pad >> (column % 2 * 64)) as u64
}

fn order(n: usize, inverse: bool) -> Box<dyn Iterator<Item = usize>> {
    if inverse { Box::new((0..n).rev()) } else { Box::new(0..n) }
}
