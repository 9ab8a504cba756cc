//! Hidden permutations: t + 1 parties each apply one of their own through a
//! network of switches, whose control bits they share. One of them is honest,
//! and its uniform permutation makes the composition uniform.
//!
//! A switch with bit s takes (a, b) to (a + d, b - d), d = s (b - a): one product
//! per switch and column. In malicious mode the check of products also proves
//! s (s - 1) = 0. A last product with one makes all shares fresh.

use super::{Security, Shamir, Vector, waksman};
use crate::engine::RingShares;
use privity_core::{Result, field::Fp127};
use zeroize::Zeroize;

/// Shares of the control bits of t + 1 networks.
pub struct Permutation {
    rows: usize,
    layers: Vec<Vec<(usize, usize)>>,
    controls: Vec<Vec<Fp127>>,
}

impl std::fmt::Debug for Permutation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permutation").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Drop for Permutation {
    fn drop(&mut self) {
        self.controls.iter_mut().for_each(Zeroize::zeroize);
    }
}

impl Shamir {
    pub(super) fn draw_permutation(&mut self, rows: usize) -> Result<Permutation> {
        self.can_multiply()?;
        let layers = waksman::layers(rows);
        let switches = layers.iter().map(Vec::len).sum();
        let op = self.operation();
        let mine: Option<Vec<Fp127>> = (self.me <= self.t).then(|| {
            // Fisher and Yates with 128 random bits per step: a bias of rows / 2^128.
            let random: Vec<u128> = self.keys.own.vec(op, rows);
            let mut target: Vec<usize> = (0..rows).collect();
            for i in (1..rows).rev() {
                target.swap(i, (random[i] % (i as u128 + 1)) as usize);
            }
            let bits = waksman::controls_vartime(&target);
            target.zeroize();
            bits.into_iter().flatten().map(|b| Fp127::new(u128::from(b))).collect()
        });
        let controls = self.deal(0..self.t + 1, mine.as_deref(), switches)?;
        if self.security == Security::Malicious {
            for c in &controls {
                let less: Vec<Fp127> = c.iter().map(|&c| c - Fp127::ONE).collect();
                self.log_products(c, &less, &vec![Fp127::ZERO; c.len()])?;
            }
        }
        Ok(Permutation { rows, layers, controls })
    }

    pub(super) fn permute(
        &mut self,
        p: &Permutation,
        columns: &[&Vector<u64>],
        back: bool,
    ) -> Result<Vec<Vector<u64>>> {
        assert!(columns.iter().all(|c| c.len() == p.rows), "rows of a shuffled table");
        let mut wires: Vec<Vec<Fp127>> = columns.iter().map(|c| c.shares.clone()).collect();
        let mut steps: Vec<(usize, usize, usize)> = Vec::new();
        for network in 0..p.controls.len() {
            let mut at = 0;
            for (l, layer) in p.layers.iter().enumerate() {
                steps.push((network, l, at));
                at += layer.len();
            }
        }
        if back {
            steps.reverse();
        }
        for (network, l, at) in steps {
            let layer = &p.layers[l];
            let bits = &p.controls[network][at..at + layer.len()];
            let s: Vec<Fp127> = bits.repeat(wires.len());
            let difference: Vec<Fp127> =
                wires.iter().flat_map(|w| layer.iter().map(|&(a, b)| w[b] - w[a])).collect();
            let d = self.multiply(&s, &difference, 1)?;
            for (w, d) in wires.iter_mut().zip(d.chunks(layer.len().max(1))) {
                for (&(a, b), &d) in layer.iter().zip(d) {
                    w[a] = w[a] + d;
                    w[b] = w[b] - d;
                }
            }
        }
        let all = wires.concat();
        let fresh = self.multiply(&all, &vec![Fp127::ONE; all.len()], 1)?;
        wires.iter_mut().for_each(Zeroize::zeroize);
        Ok((0..columns.len())
            .map(|c| Vector::of(fresh[c * p.rows..(c + 1) * p.rows].to_vec()))
            .collect())
    }
}
