//! Equation (5): the hash of columns, over tiles.

use super::TILE;
use crate::field::Gf128;
use rayon::prelude::*;

/// R of every column of `columns`, which holds tiles of [`TILE`] blocks (fewer
/// in the last) one after the other, each of them `count` columns.
pub(crate) fn hash_columns(r: Gf128, columns: &[u128], count: usize) -> Vec<Gf128> {
    let blocks = columns.len() / count;
    let descending: Vec<Gf128> = {
        let mut powers: Vec<Gf128> = [Gf128::ONE].into_iter().chain(r.powers(TILE - 1)).collect();
        powers.reverse();
        powers
    };
    columns
        .par_chunks(count * TILE)
        .enumerate()
        .map(|(t, tile)| {
            let width = tile.len() / count;
            // The exponent of the tile's last block.
            let shift = r.pow_vartime((blocks - t * TILE - width) as u64);
            bytemuck::cast_slice::<u128, Gf128>(tile)
                .chunks_exact(width)
                .map(|column| shift * Gf128::inner_product(column, &descending[TILE - width..]))
                .collect::<Vec<_>>()
        })
        .reduce(
            || vec![Gf128::ZERO; count],
            |a, b| a.iter().zip(&b).map(|(&x, &y)| x + y).collect(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn the_hash_is_the_polynomial_of_its_definition() {
        let mut rng = StdRng::seed_from_u64(3);
        let (r, count) = (Gf128(rng.random()), 3);
        for blocks in [1, 5, TILE, TILE + 1, 3 * TILE + 7] {
            let columns: Vec<u128> = (0..count * blocks).map(|_| rng.random()).collect();
            let hashes = hash_columns(r, &columns, count);
            for (j, hash) in hashes.iter().enumerate() {
                let mut horner = Gf128::ZERO;
                for tile in columns.chunks(count * TILE) {
                    let width = tile.len() / count;
                    for &block in &tile[j * width..][..width] {
                        horner = horner * r + Gf128(block);
                    }
                }
                assert_eq!(*hash, horner);
            }
        }
    }
}
