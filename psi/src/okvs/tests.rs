use super::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};

fn keys(rng: &mut StdRng, n: usize) -> Vec<u128> {
    (0..n).map(|_| rng.random()).collect()
}

fn value(i: usize) -> Gf128 {
    Gf128((i as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
}

#[test]
fn what_is_encoded_is_decoded() {
    let rng = &mut StdRng::seed_from_u64(1);
    for n in [0, 1, 2, 3, 100, 511, 5000, 32_768, 32_769, 100_000] {
        let keys = keys(rng, n);
        let params = Params::new(n, 40.0);
        let rows = Rows::new(params, &rng.random(), &keys);
        let store = encode(&rows, value, rng).unwrap();
        assert_eq!(store.len(), params.len());
        let decoded = decode(&rows, &store);
        assert_eq!(decoded.len(), n);
        for (&i, v) in rows.order().iter().zip(decoded) {
            assert!(v == value(i as usize), "key {i} of {n}");
        }
        // Other keys get what nobody chose: no two the same.
        let others = Rows::new(params, &[1; 16], &self::keys(rng, 50));
        let mut decoded: Vec<u128> = decode(&others, &store).iter().map(|v| v.0).collect();
        decoded.sort_unstable();
        decoded.dedup();
        assert_eq!(decoded.len(), 50);
    }
}

/// Decoding is linear: what the protocols stand on.
#[test]
fn decoding_is_linear() {
    let rng = &mut StdRng::seed_from_u64(2);
    let params = Params::new(70_000, 40.0);
    let rows = Rows::new(params, &rng.random(), &keys(rng, 1000));
    let mut vector = || (0..params.len()).map(|_| Gf128(rng.random())).collect::<Vec<_>>();
    let (a, b) = (vector(), vector());
    let k = Gf128(0x1234_5678_9ABC_DEF0_1122_3344_5566_7788);
    let sum: Vec<Gf128> = a.iter().zip(&b).map(|(&a, &b)| a + k * b).collect();
    let (a, b, sum) = (decode(&rows, &a), decode(&rows, &b), decode(&rows, &sum));
    assert!((0..1000).all(|i| sum[i] == a[i] + k * b[i]));
}

/// Systems that cannot be peeled are solved by elimination: too few places, so
/// that a few rows are left, in most of the runs.
#[test]
fn what_cannot_be_peeled_is_eliminated() {
    let rng = &mut StdRng::seed_from_u64(3);
    let mut left = 0;
    for _ in 0..200 {
        let keys = keys(rng, 40);
        let rows = Rows::new(Params::narrow(40, 44, 40), &rng.random(), &keys);
        let store = encode(&rows, value, rng).unwrap();
        let decoded = decode(&rows, &store);
        assert!(rows.order().iter().zip(decoded).all(|(&i, v)| v == value(i as usize)));
        left += usize::from(solve::left(&rows) > 0);
    }
    assert!(left > 100, "{left}");
}

#[test]
fn duplicates_and_bad_luck_are_told_apart() {
    let rng = &mut StdRng::seed_from_u64(4);
    let mut keys = keys(rng, 1000);
    keys[77] = keys[500];
    let rows = Rows::new(Params::new(1000, 40.0), &rng.random(), &keys);
    assert_eq!(encode(&rows, value, rng), Err(Failure::Duplicate));
    keys[77] = 1;
    let rows = Rows::new(Params::narrow(1000, 900, 1), &rng.random(), &keys);
    assert_eq!(encode(&rows, value, rng), Err(Failure::Seed));
}

/// 2^-40 by the formulas, for every size; and a store made too small by hand is
/// noticed by the same check.
#[test]
fn sizes_suffice() {
    for log in 0..=26 {
        for n in [1usize << log, (1 << log) * 3 / 2 + 1] {
            for bits in [40.0, 52.0] {
                let params = Params::new(n, bits);
                assert!(params.security_bits() >= bits, "{params:?}: {}", params.security_bits());
                assert!(params.bins() * params.capacity() >= n);
                if n >= 1 << 15 {
                    assert!(params.len() < n * 7 / 5, "{params:?}");
                }
            }
        }
    }
    let params = Params::new(1 << 20, 40.0);
    assert!((1.28..1.34).contains(&(params.len() as f64 / f64::from(1 << 20))), "{params:?}");
    for weaker in params.weakened() {
        assert!(weaker.security_bits() < 40.0, "{weaker:?}");
    }
}

/// Failures with a target of 2^-5: as many as that, or fewer.
#[test]
fn the_formula_is_no_optimist() {
    let rng = &mut StdRng::seed_from_u64(5);
    let params = Params::new(2000, 5.0);
    let failures = (0..600)
        .filter(|_| {
            let rows = Rows::new(params, &rng.random(), &keys(rng, 2000));
            encode(&rows, value, rng).is_err()
        })
        .count();
    // 600 / 32 = 19 are expected at most; 40 or more have probability 2^-17.
    assert!(failures < 40, "{failures} failures of 600");
}

/// Over the subfield, and decoded above it.
#[test]
fn stores_over_the_subfield_decode_to_images() {
    use privity_core::field::{Gf64, subfield::Embedding};
    let rng = &mut StdRng::seed_from_u64(3);
    for (n, narrow) in [(1, false), (3000, false), (70_000, false), (200, true)] {
        let params = match narrow {
            true => Params::narrow(n, n + n / 16, 70).subfield(),
            false => Params::new(n, 40.0).subfield(),
        };
        let keys: Vec<u128> = (0..n).map(|_| rng.random()).collect();
        let values: Vec<u64> = (0..n).map(|_| rng.random()).collect();
        let rows = Rows::new(params, &rng.random(), &keys);
        let store = encode(&rows, |i| Gf64(values[i]), rng).unwrap();
        let embedding = Embedding::new();
        let images: Vec<Gf128> = store.iter().map(|x| embedding.of_vartime(x.0)).collect();
        for (&i, value) in rows.order().iter().zip(decode(&rows, &images)) {
            assert_eq!(value, embedding.of_vartime(values[i as usize]));
        }
    }
}
