//! SoftSpokenOT: correlated OT from small-field VOLE.
//!
//! **Paper.** Roy, "SoftSpokenOT: Quieter OT Extension from Small-Field Silent
//! VOLE in the Minicrypt Model", CRYPTO 2022, with the repetition code. With k = 1 it is the extension of Ishai, Kilian, Nissim and Petrank
//! (CRYPTO 2003), with its check the successor of Keller, Orsini and Scholl
//! (CRYPTO 2015).
//!
//! **Adversary.** Semi-honest, or malicious with abort ([`Security`]); static;
//! random oracle for the base OTs, AES-128 as a PRG, and an ideal permutation
//! for the hash of the functions above this module.
//!
//! **Functionality.** Rows \\(t_i = q_i \oplus c_i \Delta\\), see [`super`].
//! Malicious parties choose their own rows; a malicious receiver may guess
//! bits of \\(\Delta\\): a right guess stays unnoticed, a wrong one aborts.
//!
//! **Protocol.** The 128 bits of \\(\Delta\\) are cut into groups of k: group g
//! is an element \\(\Delta_g\\) of GF(2^k) (the last group has the bits that
//! are left). By k base OTs and a punctured tree (`punctured`), the receiver
//! has seeds \\(s_{g,x}\\) for all x in GF(2^k), the sender all but that for
//! \\(x = \Delta_g\\). G is a PRG, and everything below is a vector over rows.
//!
//! \\[\begin{aligned}
//! &\text{receiver: } u_g = \sum_x G(s_{g,x}),\quad v_g = \sum_x x\, G(s_{g,x}) && (1)\\\\
//! &\text{sender: } w_g = \sum_x (x + \Delta_g)\, G(s_{g,x}) = v_g + u_g \Delta_g && (2)\\\\
//! &\text{receiver sends } d_g = u_g + c, \qquad t_g = v_g && (3)\\\\
//! &\text{sender: } q_g = w_g + d_g \Delta_g = t_g + c\, \Delta_g && (4)
//! \end{aligned}\\]
//!
//! In characteristic 2 bit b of \\(v_g\\) is the sum of the \\(G(s_{g,x})\\)
//! with \\(x_b = 1\\), and only \\(c \in \text{GF}(2)\\) multiplies field
//! elements, so that no field has to be represented at all. If the choice bits
//! may be random, \\(c = u_0\\), and \\(d_0\\) is not sent.
//!
//! **Check** (malicious). A receiver that puts different vectors
//! \\(c_g = u_g + d_g\\) into different groups would learn more than it may.
//! One more block of 128 rows is made, and after everything has arrived the
//! sender draws r in GF(2^128). With columns cut into blocks of 128 bits,
//! \\(x\[0\], \ldots, x\[T\]\\), the last being the extra one,
//!
//! \\[ R(x) = \sum_{j=0}^{T} x\[j\]\, r^{T-j} \qquad (5) \\]
//!
//! is a hash that collides for two given columns with probability at most
//! \\(T / 2^{128}\\). The receiver answers \\(\tilde u = R(c)\\) and
//! \\(\tilde v_j = R(t_j)\\) for each of the 128 bit columns of t; the sender
//! demands
//!
//! \\[ R(q_j) = \tilde v_j + \Delta\[j\]\, \tilde u \quad\text{for } j = 0..128. \qquad (6) \\]
//!
//! The extra block hides c: its bits are PRG output and count once, by
//! \\(r^0\\).
//!
//! *Why the check suffices.* Let S be the groups with \\(R(c_g) = \tilde u\\).
//! For a group outside S, (6) holds for one value of \\(\Delta_g\\) at most,
//! since \\(\tilde u + R(c_g) \ne 0\\): the receiver has guessed \\(\Delta_g\\).
//! Within S all \\(c_g\\) are equal unless two of at most 128 different columns
//! collide, which has probability at most \\(2^{13}\, T / 2^{128}\\) for an r
//! drawn after the columns were fixed: \\(2^{-95}\\) for \\(2^{27}\\) rows. So
//! the choice bits are those of S, and passing costs a guess of all bits
//! outside; given that it passes, the bits of \\(\Delta\\) in S are as unknown
//! as before. (Roy treats any linear code and any universal hash;
//! for the repetition code the argument is as short as this.) The check
//! compares whole columns, 128 bits for each of 128 columns, where Keller,
//! Orsini and Scholl compare one sum of 128 bits; the original proof of the
//! latter has a gap, which Roy points out, and is not relied on here.
//!
//! **Rounds.** Setup: 2 (base OTs; trees ride on the second message). Extending:
//! 1 semi-honest, 3 malicious. Bytes: [`super::cost`].
//!
//! **Ours.** A last group that is smaller, so that k need not divide 128 (the
//! argument above never compares fields); one hash of polynomial type; secret
//! indices are avoided by relative order (see `punctured`).

mod check;
mod columns;
mod finish;
mod receiver;
mod sender;

pub use receiver::CotReceiver;
pub use sender::CotSender;

use super::Security;
use crate::{Error, Mesh, Result};

/// The bits of delta.
pub(crate) const KAPPA: usize = 128;

/// The default k for a fast network: by measurement (`cargo bench --bench ot`).
pub const DEFAULT_K: usize = 2;

/// Rows per tile, in blocks of 128: what is computed at once, and the order in
/// which corrections travel.
pub(crate) const TILE: usize = 32;

/// Tiles between two messages: 2^17 rows.
pub(crate) const BATCH: usize = 32;

/// How the bits of delta are cut into groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Groups {
    k: usize,
}

impl Groups {
    pub(crate) fn new(k: usize) -> Result<Self> {
        if !(1..=8).contains(&k) {
            return Err(Error::Argument(format!("SoftSpokenOT with k = {k}: k must be 1 to 8")));
        }
        Ok(Self { k })
    }

    pub(crate) const fn count(self) -> usize {
        KAPPA.div_ceil(self.k)
    }

    /// The bits of delta in group g.
    pub(crate) fn bits(self, g: usize) -> std::ops::Range<usize> {
        g * self.k..((g + 1) * self.k).min(KAPPA)
    }
}

/// Blocks of 128 rows that `n` rows take, with the one that the check uses up.
pub(crate) const fn blocks(n: usize, security: Security) -> usize {
    n.div_ceil(KAPPA) + matches!(security, Security::Malicious) as usize
}

/// Bytes of the answer to the check.
pub(crate) const ANSWER: usize = 16 * (1 + KAPPA);

/// Rows for `len` entries of `per` rows each; refuses what memory or indices
/// could not hold.
fn check_len(per: usize, len: usize) -> Result<usize> {
    if !per.is_power_of_two() || per > finish::TILE_ROWS {
        return Err(Error::Argument(format!("{per} rows per entry: a power of two is due")));
    }
    per.checked_mul(len)
        .filter(|&n| n <= 1 << 40)
        .ok_or_else(|| Error::Argument(format!("{len} times {per} OTs at once: at most 2^40")))
}

/// What both sides must have the same.
fn terms(k: usize, security: Security, of: &str) -> String {
    format!("SoftSpokenOT k={k} {security:?} {of}")
}

/// Marks a call as under way; its end takes the mark away. Where one has failed
/// the mark stays, and no other begins: every check tells a little of delta.
pub(crate) fn begin(busy: &mut bool) -> Result<()> {
    if std::mem::replace(busy, true) {
        return Err(Error::Argument(BROKEN.into()));
    }
    Ok(())
}

/// Why a sender or receiver that failed is of no use any more.
pub(crate) const BROKEN: &str =
    "an earlier call failed, and trying again would tell secrets: set up anew, in a new session";

fn other_party(mesh: &Mesh, peer: usize) -> Result<()> {
    if peer == mesh.me() || peer >= mesh.parties() {
        return Err(Error::Argument(format!(
            "party {} cannot run an oblivious transfer with party {peer}",
            mesh.me()
        )));
    }
    Ok(())
}
