//! Report noisy max.
//!
//! **Paper.** Dwork, Roth, "The Algorithmic Foundations of Differential Privacy", 2014,
//! section 3.3, here on integers with discrete noise.
//!
//! **Proof note.** Each of the answers is an integer that differs by at most
//! \\(\Delta\\) between neighbours. Discrete Laplace noise X of scale
//! \\(b = 2\Delta/\varepsilon\\) is added to each; the index of the greatest sum is shown,
//! of equal ones the first. Fix the noise of all but i. There is a least integer r that
//! makes i win, by the same rule for ties. For the neighbour, \\(r + 2\Delta\\) makes i win:
//! its own answer fell by \\(\Delta\\) at most, the others rose by \\(\Delta\\) at most, so
//! every comparison, strict or not, comes out as before. And
//!
//! \\[ \Pr\[X \ge r + 2\Delta\] \ge e^{-2\Delta/b}\,\Pr\[X \ge r\]
//!    = e^{-\varepsilon}\,\Pr\[X \ge r\], \\]
//!
//! since the law of X falls by a factor of at most \\(e^{-1/b}\\) from one integer to the
//! next. Discrete noise makes ties likely; because answers are integers, they do no harm.
//! Answers that all move in the same direction need half the scale:
//! [`NoisyMax::monotonic`].

use super::Laplace;
use crate::{Error, Ratio, Result, accounting::Event, release::pure, sampler::Source};
use rand::CryptoRng;

/// Chooses the index of the greatest answer with noise. The noise is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoisyMax {
    laplace: Laplace,
}

impl NoisyMax {
    /// For answers that differ by at most `sensitivity` each.
    pub fn new(sensitivity: u64, epsilon: Ratio) -> Result<Self> {
        Ok(Self { laplace: Laplace::new(2 * u128::from(sensitivity), epsilon)? })
    }

    /// For answers that differ by at most `sensitivity`, all in the same direction.
    pub fn monotonic(sensitivity: u64, epsilon: Ratio) -> Result<Self> {
        Ok(Self { laplace: Laplace::new(sensitivity.into(), epsilon)? })
    }

    /// The loss.
    pub fn epsilon(&self) -> Ratio {
        self.laplace.epsilon()
    }

    /// For an accountant.
    pub fn event(&self) -> Event {
        pure(self.epsilon())
    }

    /// The index of one answer.
    pub fn choose<R: CryptoRng>(&self, answers: &[i64], source: &mut Source<R>) -> Result<usize> {
        let mut best: Option<(i128, usize)> = None;
        for (i, &answer) in answers.iter().enumerate() {
            let noisy = self.laplace.release(answer.into(), source);
            if best.is_none_or(|(most, _)| noisy > most) {
                best = Some((noisy, i));
            }
        }
        let rule = "there must be one at least";
        best.map(|(_, i)| i).ok_or(Error::Parameter { what: "answers", rule })
    }
}
