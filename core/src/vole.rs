//! Vector oblivious linear evaluation from the LPN assumption: long
//! correlations from short messages.
//!
//! **Papers.** Boyle, Couteau, Gilboa, Ishai, Kohl, Rindal, Scholl, CCS 2019
//! (pseudorandom correlation generators, two rounds, malicious); Yang, Weng,
//! Lan, Zhang, Wang, "Ferret", CCS 2020, and Weng et al., "Wolverine", IEEE
//! S&P 2021 (the form of the check); Raghuraman, Rindal, Tanguy, CRYPTO 2023
//! (the code, see [`Code`]).
//!
//! **Functionality.** The [`VoleSender`] holds \\(\Delta \in\\) GF(2^128) and
//! gets \\(b\\), the [`VoleReceiver`] gets \\(a\\) and \\(c\\), vectors of
//! length n with
//!
//! \\[ c_i = b_i + a_i \Delta \qquad (1) \\]
//!
//! and \\(a_i\\) pseudorandom polynomials of degree below w, w from 2 to 128:
//! the whole field for w = 128, strings of w bits otherwise. With w = 1 it is
//! correlated OT: [`silent`] gives it the interface of [`crate::ot`].
//! A malicious party may choose its own vectors. A malicious sender may guess
//! at the positions of the noise below, see *Check*.
//!
//! **Adversary.** Semi-honest, or malicious with abort; static. Assumptions:
//! those of [`crate::ot::extension`], which makes the seeds; the ideal-cipher
//! model for the trees; dual LPN with regular noise for [`Code`], if malicious
//! with the leakage described below.
//!
//! **Protocol.** Let \\(t\\) blocks of \\(L = 2^d\\) places make
//! \\(N = tL \ge 2n\\). The noise has one place \\(\alpha_j\\) per block, with
//! a value \\(\beta_j\\) of w bits (1 if w = 1).
//!
//! 1. Correlated OT ([`crate::ot::extension`], the same \\(\Delta\\)): d rows
//!    per block, whose random bits are the complement of \\(\alpha_j\\); w rows
//!    per block, which become \\(\delta_j = \gamma_j + \beta_j \Delta\\) as in
//!    [`crate::ot::one_of_n`], equation (1).
//! 2. A punctured tree per block (`tree`), dealt by the sender: it has leaves
//!    \\(v\\), the receiver
//!    \\[ w = v + e \Delta, \qquad e = \text{the noise} \qquad (2) \\]
//! 3. *Check*, if malicious.
//! 4. Both sides multiply by the code: \\(b = Gv,\ c = Gw,\ a = Ge\\).
//!
//! For w = 1 there is no vector \\(a\\) to compute: the lowest bit of
//! \\(\Delta\\) is 1 and that of every leaf 0, so that the lowest bit of
//! \\(c_i\\) is \\(a_i\\). (127 bits of \\(\Delta\\) are then unknown. A
//! [`VoleSender`] has such a \\(\Delta\\) always.)
//!
//! **Noise.** A test of the output by a linear combination meets a codeword of
//! weight at least \\(\theta N\\), \\(\theta\\) from [`Code::distance`]. Its
//! bias is at most
//!
//! \\[ (1 - 2\theta)^t \text{ for } w = 1, \qquad (1 - \theta)^t \text{ for } w > 1 \qquad (3) \\]
//!
//! (one noise place per block; for w > 1 the values \\(\beta_j\\) are uniform,
//! zero included, so that a block contributes unless its place misses the
//! word). t is chosen so that (3) is at most \\(2^{-128}\\): 249 or 546 for
//! ExConv7x24, 174 or 398 for ExConv21x24, rounded up to what \\(tL \ge 2n\\)
//! needs. libOTe uses the first formula for all w; ours is the cautious one.
//! Both rest on the *assumption* that the code has the distance stated: the
//! paper proves less for these parameters and supports them by search.
//! Guessing a set of places without noise (Prange) costs more than
//! \\(2^{t}\\) at rate 1/2.
//!
//! **Check** (malicious). Wolverine's, with powers instead of coefficients: the
//! receiver, after all messages of step 2, sends a random \\(r\\) and
//!
//! \\[ \tilde x = x + \sum_j \beta_j\, r^{N-1-(jL + \alpha_j)} \qquad (4) \\]
//!
//! where x, \\(\tau = \kappa + x\Delta\\) is one more VOLE from 128 rows. The
//! sender answers with the hash of V, and the receiver compares with W:
//!
//! \\[ V = \sum_i v_i r^{N-1-i} + \kappa + \tilde x \Delta, \qquad
//!    W = \sum_i w_i r^{N-1-i} + \tau \qquad (5) \\]
//!
//! *A malicious receiver* influences nothing but r and \\(\tilde x\\): the rows
//! are checked by the extension. A wrong \\(\tilde x\\) makes V differ from
//! what it knows by a multiple of \\(\Delta\\), which the hash hides unless
//! it guesses 127 bits.
//!
//! *A malicious sender* may send wrong words, so that the receiver's
//! \\(u = w - e\Delta\\) is a function \\(U(\alpha)\\) of the positions. What
//! it sees afterwards is uniform (x is fresh) and whether the check passes, so
//! it learns one predicate of \\(\alpha\\), at the price of an abort if it is
//! false. When the check passes, \\(U(\alpha)\\) is one vector \\(v\\), except
//! with probability \\(2^{-50}\\) at most: for given r let \\(p\\) be the
//! probability over \\(\alpha\\) that it passes, \\(m_u\\) that it passes with
//! \\(U(\alpha) = u\\), and \\(q = p - \max m_u\\). Two independent
//! \\(\alpha, \alpha'\\) both pass with \\(U(\alpha) \ne U(\alpha')\\) with
//! probability \\(p^2 - \sum m_u^2 \ge p^2 - p \max m_u = pq \ge q^2\\). But then
//! two different polynomials of degree below N, fixed before r was drawn, agree
//! in r, which has probability at most \\(N/2^{128}\\). So
//! \\(E\[q\] \le \sqrt{N/2^{128}} \le 2^{-50}\\) for \\(N < 2^{27}\\). This
//! argument is ours; the papers use one coefficient per place and reach the same
//! leakage. The
//! assumption needed is LPN with a predicate of the positions leaked, as in
//! Boyle et al. 2019 and Ferret: passing with probability \\(2^{-s}\\) teaches
//! s bits.
//!
//! **Rounds and bytes.** [`cost`]: two rounds, six if malicious.
//!
//! **Never twice.** Rows of the extension, tree numbers and row indices count
//! up; every seed is expanded once.

mod check;
mod code;
pub(crate) mod plan;
mod receiver;
mod sender;
pub mod silent;
mod tree;

use zeroize::{Zeroize, Zeroizing};

pub use code::Code;
pub use plan::cost;
pub use receiver::{Value, VoleReceiver};
pub use sender::VoleSender;

/// The k of the extension that makes the seeds: few rows, so that bytes count
/// more than work.
pub const BASE_K: usize = 8;

/// The first n of a plan's outputs; the rest is wiped.
fn first<T: Zeroize>(mut all: Zeroizing<Vec<T>>, n: usize) -> Vec<T> {
    all[n..].iter_mut().for_each(Zeroize::zeroize);
    all.truncate(n);
    std::mem::take(&mut *all)
}

/// What both sides must have the same, beside the terms of the extension.
fn terms(code: Code, of: &str) -> String {
    format!("VOLE {code:?} {of}")
}
