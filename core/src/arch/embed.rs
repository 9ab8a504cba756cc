//! From bit-sliced elements of a small field to words of an extension field.

super::kernel! {
    /// out_{64 i + l} = the sum of basis_j over the planes j of block i whose bit
    /// l is set. A block is as many words as the basis has.
    ///
    /// # Panics
    /// If `out` has not 64 elements per block, or a block is incomplete.
    pub fn embed_blocks(basis: &[u64], planes: &[u64], out: &mut [u64]) = body
}

#[inline(always)]
fn body(basis: &[u64], planes: &[u64], out: &mut [u64]) {
    let (out, rest) = out.as_chunks_mut::<64>();
    assert!(
        rest.is_empty() && out.len() * basis.len() == planes.len(),
        "a block of planes makes 64 elements"
    );
    for (out, block) in out.iter_mut().zip(planes.chunks_exact(basis.len().max(1))) {
        *out = [0; 64];
        for (&b, &plane) in basis.iter().zip(block) {
            for (lane, o) in out.iter_mut().enumerate() {
                *o ^= b & (plane >> lane & 1).wrapping_neg();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Backend;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_backend_agrees_with_the_definition(
            basis in prop::array::uniform2(any::<u64>()),
            planes in prop::collection::vec(any::<[u64; 2]>(), 0..5),
        ) {
            let planes: Vec<u64> = planes.concat();
            for backend in [Backend::Avx512, Backend::Avx2, Backend::Baseline] {
                let mut out = vec![7; planes.len() * 32];
                super::embed_blocks(backend, &basis, &planes, &mut out);
                for (i, &o) in out.iter().enumerate() {
                    let bit = |j: usize| (planes[i / 64 * 2 + j] >> (i % 64) & 1) * basis[j];
                    prop_assert_eq!(o, bit(0) ^ bit(1));
                }
            }
        }
    }
}
