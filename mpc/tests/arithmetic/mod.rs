//! Operations against plain arithmetic, and against cost formulas: written
//! once for the engines of three parties.
#![allow(dead_code, clippy::expect_used)]

use privity_core::{Mesh, Result};
use privity_mpc::{
    engine::{BitShares, Dims, Engine, Recipients, RingShares},
    shape::Shape,
};
use proptest::prelude::*;

/// Lengths that no chunk or word size divides, and those that one does.
pub(crate) fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(63),
        Just(64),
        Just(65),
        Just(511),
        Just(8191),
        Just(8192),
        Just(8193),
        Just(20_001),
        2usize..700
    ]
}

/// Numbers of every size below 2^62, edges included.
pub(crate) fn number(seed: u64, i: usize) -> i64 {
    let edges =
        [0, 1, -1, (1 << 62) - 1, -(1 << 62), 1 << 61, -(1 << 61), 1 << 20, -(1 << 20), 3, -3];
    let mut z = seed.wrapping_add((i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    if i.is_multiple_of(3) { edges[z as usize % edges.len()] } else { (z as i64) >> 2 >> (z % 60) }
}

pub(crate) fn numbers(seed: u64, len: usize) -> Vec<u64> {
    (0..len).map(|i| number(seed, i) as u64).collect()
}

/// An engine of three parties.
pub(crate) trait Subject {
    type Engine: Engine;
    /// Cases of each property.
    const CASES: u32;

    fn run<T: Send>(program: impl Fn(&mut Self::Engine) -> Result<T> + Sync) -> Result<[T; 3]>;
    fn mesh(e: &Self::Engine) -> &Mesh;
    fn shape(me: usize) -> Shape;
}

/// Runs `program` on two shared vectors at all parties, checks that all see the
/// same opened result, and that `Shape` predicts bytes and rounds exactly.
pub(crate) fn both<S: Subject, T: PartialEq + std::fmt::Debug + Send + Clone>(
    x: &[u64],
    y: &[u64],
    program: impl Program<T> + Sync,
) -> T {
    let results = S::run(|e| {
        let a = e.input(0, (e.me() == 0).then_some(x), x.len())?;
        let b = e.input(1, (e.me() == 1).then_some(y), y.len())?;
        let out = program.run(e, &a, &b)?;
        Ok((out, S::mesh(e).meter().sent(), S::mesh(e).clock()))
    })
    .expect("three honest parties");
    for me in 0..3 {
        let mut shape = S::shape(me);
        shape.set_up();
        let a = shape.input(0, None, x.len()).expect("shape");
        let b = shape.input(1, None, y.len()).expect("shape");
        let _ = program.run(&mut shape, &a, &b).expect("shape");
        let cost = shape.cost();
        assert_eq!(cost.sent[me], results[me].1, "bytes of party {me}");
        assert_eq!(cost.rounds[me], results[me].2, "rounds of party {me}");
    }
    assert_eq!(results[0].0, results[1].0);
    assert_eq!(results[0].0, results[2].0);
    results[0].0.clone()
}

/// A closure that is generic over the engine.
pub(crate) trait Program<T> {
    fn run<E: Engine>(&self, e: &mut E, x: &E::Ring, y: &E::Ring) -> Result<T>;
}

macro_rules! program {
    ($name:ident { $($field:ident: $ty:ty),* } -> $out:ty, |$self:ident, $e:ident, $x:ident, $y:ident| $body:expr) => {
        pub(crate) struct $name { $(pub(crate) $field: $ty),* }
        impl Program<$out> for $name {
            fn run<E: Engine>(&$self, $e: &mut E, $x: &E::Ring, $y: &E::Ring) -> Result<$out> { $body }
        }
    };
}

type Opened = Option<Vec<u64>>;
type OpenedWide = Option<Vec<u128>>;

program!(Product { group: usize, trunc: u32 } -> Opened, |self, e, x, y| {
    let z = e.dot(x, y, self.group, self.trunc)?;
    e.open(&z, Recipients::All)
});
program!(Matmul { dims: Dims, trunc: u32 } -> Opened, |self, e, x, y| {
    let z = e.matmul(x, y, self.dims, self.trunc)?;
    e.open(&z, Recipients::All)
});
program!(Truncate { bits: u32 } -> Opened, |self, e, x, _y| {
    let z = e.truncate(x, self.bits)?;
    e.open(&z, Recipients::All)
});
program!(Sign {} -> Opened, |self, e, x, y| {
    let z = e.is_negative(&x.sub(y))?;
    e.open_bits(&z, Recipients::All)
});
program!(Zero {} -> Opened, |self, e, x, y| {
    let z = e.is_zero(&x.sub(y))?;
    e.open_bits(&z, Recipients::All)
});
program!(BitsAndBack { width: usize } -> (Vec<Opened>, Opened), |self, e, x, _y| {
    let planes = e.to_bits(x, self.width)?;
    let mut opened = Vec::new();
    for p in &planes {
        opened.push(e.open_bits(p, Recipients::All)?);
    }
    let back = e.compose(&planes)?;
    Ok((opened, e.open(&back, Recipients::All)?))
});
program!(Wide { group: usize, bits: u32 } -> (OpenedWide, OpenedWide, OpenedWide, Opened), |self, e, x, y| {
    let (a, b) = (e.widen(x)?, e.widen(y)?);
    let sums = e.dot_wide(&a, &b, self.group)?;
    let cut = e.truncate_wide(&sums, self.bits)?;
    let narrow = e.narrow(&a);
    Ok((
        e.open_wide(&a, Recipients::All)?,
        e.open_wide(&sums, Recipients::All)?,
        e.open_wide(&cut, Recipients::All)?,
        e.open(&narrow, Recipients::All)?,
    ))
});
program!(Shuffle {} -> ((Opened, Opened), (Opened, Opened)), |self, e, x, y| {
    let p = e.random_permutation(RingShares::len(x))?;
    let there = e.shuffle(&p, &[x, y])?;
    let back = e.unshuffle(&p, &[&there[0], &there[1]])?;
    let mut open = |v: &[E::Ring]| -> Result<_> {
        Ok((e.open(&v[0], Recipients::All)?, e.open(&v[1], Recipients::All)?))
    };
    Ok((open(&there)?, open(&back)?))
});
program!(Logic {} -> Vec<Opened>, |self, e, x, y| {
    let (a, b) = (e.is_negative(x)?, e.is_negative(y)?);
    let and = e.and(&a, &b)?;
    let not = e.not(&a);
    let joined = E::Bits::concat(&[&a, &b, &and]);
    let n = BitShares::len(&a);
    let ring = e.bit_to_ring(&joined.slice(n / 2..2 * n))?;
    Ok(vec![
        e.open_bits(&and, Recipients::All)?,
        e.open_bits(&not, Recipients::All)?,
        e.open_bits(&a.xor(&b), Recipients::All)?,
        e.open(&ring, Recipients::All)?,
    ])
});
program!(Linear {} -> Opened, |self, e, x, y| {
    let k: Vec<u64> = (0..RingShares::len(x) as u64).collect();
    let z = e.add_public(&x.scale(3).sub(&y.mul_public(&k)).neg(), &k);
    e.open(&z, Recipients::All)
});
program!(ImportExport {} -> Opened, |self, e, x, _y| {
    let additive = e.export(x)?;
    let back = e.import(&additive)?;
    e.open(&back, Recipients::All)
});

pub(crate) fn in_ulp(result: u64, exact: i128, d: u32) -> bool {
    let floor = exact >> d;
    let r = i128::from(result as i64);
    r == floor || r == floor + 1
}

/// The tests of one engine.
macro_rules! suite {
    ($subject:ty) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(<$subject as Subject>::CASES))]

            #[test]
            fn products(len in lengths(), group in 1usize..5, seed: u64) {
                let (x, y) = (numbers(seed, len * group), numbers(!seed, len * group));
                let expected: Vec<u64> = x.chunks(group).zip(y.chunks(group))
                    .map(|(x, y)| x.iter().zip(y).fold(0u64, |s, (a, b)| s.wrapping_add(a.wrapping_mul(*b))))
                    .collect();
                prop_assert_eq!(both::<$subject, _>(&x, &y, Product { group, trunc: 0 }), Some(expected));
            }

            #[test]
            fn products_with_truncation(len in lengths(), d in 1u32..62, seed: u64) {
                // |x y| < 2^62
                let x: Vec<u64> = numbers(seed, len).iter().map(|&v| (v as i64 >> 31) as u64).collect();
                let y: Vec<u64> = numbers(!seed, len).iter().map(|&v| (v as i64 >> 31) as u64).collect();
                let z = both::<$subject, _>(&x, &y, Product { group: 1, trunc: d }).expect("opened");
                for i in 0..len {
                    let exact = i128::from(x[i] as i64) * i128::from(y[i] as i64);
                    prop_assert!(in_ulp(z[i], exact, d), "{} * {} >> {d} = {}", x[i] as i64, y[i] as i64, z[i] as i64);
                }
            }

            #[test]
            fn truncation_over_its_whole_range(len in lengths(), d in 1u32..62, seed: u64) {
                let x = numbers(seed, len);
                let z = both::<$subject, _>(&x, &[], Truncate { bits: d }).expect("opened");
                for i in 0..len {
                    prop_assert!(in_ulp(z[i], i128::from(x[i] as i64), d), "{} >> {d} = {}", x[i] as i64, z[i] as i64);
                }
            }

            #[test]
            fn matrix_products(m in 0usize..70, k in 0usize..40, n in 0usize..70, trunc in prop_oneof![Just(0u32), Just(20)], seed: u64) {
                let small = |v: Vec<u64>| v.iter().map(|&v| (v as i64 >> 34) as u64).collect::<Vec<_>>();
                let (x, y) = (small(numbers(seed, m * k)), small(numbers(!seed, k * n)));
                let z = both::<$subject, _>(&x, &y, Matmul { dims: Dims { m, k, n }, trunc }).expect("opened");
                for i in 0..m {
                    for j in 0..n {
                        let exact: i128 = (0..k).map(|p| i128::from(x[i * k + p] as i64) * i128::from(y[p * n + j] as i64)).sum();
                        let ok = if trunc == 0 { z[i * n + j] == exact as u64 } else { in_ulp(z[i * n + j], exact, trunc) };
                        prop_assert!(ok);
                    }
                }
            }

            #[test]
            fn comparisons(len in lengths(), seed: u64) {
                let x: Vec<u64> = numbers(seed, len);
                let mut y: Vec<u64> = numbers(!seed, len);
                for i in (0..len).step_by(4) { y[i] = x[i]; }
                let less: Vec<bool> = x.iter().zip(&y).map(|(&a, &b)| (a.wrapping_sub(b) as i64) < 0).collect();
                let equal: Vec<bool> = x.iter().zip(&y).map(|(a, b)| a == b).collect();
                prop_assert_eq!(both::<$subject, _>(&x, &y, Sign {}), Some(bits::pack(&less)));
                prop_assert_eq!(both::<$subject, _>(&x, &y, Zero {}), Some(bits::pack(&equal)));
            }

            #[test]
            fn bits_and_back(len in lengths(), width in 1usize..65, seed: u64) {
                let x: Vec<u64> = numbers(seed, len.min(9000)).iter().map(|v| v.wrapping_mul(5)).collect();
                let (planes, back) = both::<$subject, _>(&x, &[], BitsAndBack { width });
                prop_assert_eq!(planes.len(), width);
                for (j, plane) in planes.iter().enumerate() {
                    let expected: Vec<bool> = x.iter().map(|v| v >> j & 1 == 1).collect();
                    prop_assert_eq!(plane.as_ref(), Some(&bits::pack(&expected)));
                }
                let low: Vec<u64> = x.iter().map(|v| v & (u64::MAX >> (64 - width))).collect();
                prop_assert_eq!(back, Some(low));
            }

            #[test]
            fn wide_words(len in lengths(), group in 1usize..5, d in 1u32..124, seed: u64) {
                let (x, y) = (numbers(seed, len * group), numbers(!seed, len * group));
                let wide = |x: u64| i128::from(x as i64);
                // |x| <= 2^62, so that five products stay below 2^127; shifted below 2^124.
                let exact: Vec<i128> = x.chunks(group).zip(y.chunks(group))
                    .map(|(x, y)| x.iter().zip(y).map(|(&a, &b)| wide(a) * (wide(b) >> 4)).sum())
                    .collect();
                let y: Vec<u64> = y.iter().map(|&y| (y as i64 >> 4) as u64).collect();
                let (widened, sums, cut, back) = both::<$subject, _>(&x, &y, Wide { group, bits: d });
                prop_assert_eq!(widened, Some(x.iter().map(|&x| wide(x) as u128).collect()));
                prop_assert_eq!(sums, Some(exact.iter().map(|&s| s as u128).collect()));
                for (c, s) in cut.expect("opened").into_iter().zip(exact) {
                    let (c, floor) = (c as i128, s >> d);
                    prop_assert!(c == floor || c == floor + 1, "{s} >> {d} = {c}");
                }
                prop_assert_eq!(back, Some(x));
            }

            #[test]
            fn shuffles(len in lengths(), seed: u64) {
                let (x, y) = (numbers(seed, len), numbers(!seed, len));
                let (there, back) = both::<$subject, _>(&x, &y, Shuffle {});
                let rows = |a: &[u64], b: &[u64]| {
                    let mut rows: Vec<_> = a.iter().copied().zip(b.iter().copied()).collect();
                    rows.sort_unstable();
                    rows
                };
                let (a, b) = (there.0.expect("opened"), there.1.expect("opened"));
                prop_assert_eq!(rows(&a, &b), rows(&x, &y));
                // 63 rows stay in place with a probability of 1 / 63!.
                prop_assert!(len < 63 || (a, b) != (x.clone(), y.clone()));
                prop_assert_eq!(back, (Some(x), Some(y)));
            }

            #[test]
            fn logic(len in lengths(), seed: u64) {
                let (x, y) = (numbers(seed, len), numbers(!seed, len));
                let a: Vec<bool> = x.iter().map(|&v| (v as i64) < 0).collect();
                let b: Vec<bool> = y.iter().map(|&v| (v as i64) < 0).collect();
                let opened = both::<$subject, _>(&x, &y, Logic {});
                let zip = |f: fn(bool, bool) -> bool| a.iter().zip(&b).map(|(&a, &b)| f(a, b)).collect::<Vec<_>>();
                prop_assert_eq!(opened[0].as_ref(), Some(&bits::pack(&zip(|a, b| a & b))));
                prop_assert_eq!(opened[1].as_ref(), Some(&bits::pack(&zip(|a, _| !a))));
                prop_assert_eq!(opened[2].as_ref(), Some(&bits::pack(&zip(|a, b| a ^ b))));
                let joined = [a.clone(), b.clone()].concat();
                let ring: Vec<u64> = joined[len / 2..].iter().map(|&v| u64::from(v)).collect();
                prop_assert_eq!(opened[3].as_ref(), Some(&ring));
            }

            #[test]
            fn linear_and_transport(len in lengths(), seed: u64) {
                let (x, y) = (numbers(seed, len), numbers(!seed, len));
                let expected: Vec<u64> = (0..len).map(|i| {
                    let z = x[i].wrapping_mul(3).wrapping_sub(y[i].wrapping_mul(i as u64));
                    z.wrapping_neg().wrapping_add(i as u64)
                }).collect();
                prop_assert_eq!(both::<$subject, _>(&x, &y, Linear {}), Some(expected));
                prop_assert_eq!(both::<$subject, _>(&x, &[], ImportExport {}), Some(x));
            }
        }

        /// Stochastic rounding: 0.25 rounds up in a quarter of the cases. With 100,000
        /// trials the stated bound is 6 standard deviations: a false alarm in 5e8 runs.
        #[test]
        fn truncation_is_unbiased() {
            let n = 100_000;
            let x = vec![(7u64 << 20) + (1 << 18); n];
            let z = both::<$subject, _>(&x, &vec![1; n], Product { group: 1, trunc: 20 }).expect("opened");
            let up = z.iter().filter(|&&z| z == 8).count() as f64;
            assert!(z.iter().all(|&z| z == 7 || z == 8));
            let sigma = (n as f64 * 0.25 * 0.75).sqrt();
            assert!((up - n as f64 / 4.0).abs() < 6.0 * sigma, "{up} of {n} rounded up");
        }

        #[test]
        fn opening_to_some_reaches_only_them() {
            let seen = <$subject as Subject>::run(|e| {
                let x = e.input(2, (e.me() == 2).then_some(&[7, 8][..]), 2)?;
                e.open(&x, Recipients::Only(&[1]))
            })
            .expect("three honest parties");
            assert_eq!(seen, [None, Some(vec![7, 8]), None]);
        }
    };
}
pub(crate) use suite;
