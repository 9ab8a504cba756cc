//! Engine `additive`: the laws of all engines, and its cost model against the
//! counters.
#![allow(clippy::expect_used, clippy::print_stdout)] // a failed expectation fails the test

use privity_core::Result;
use privity_mpc::{
    additive::{self, Additive, AdditiveCost, Profile},
    engine::{BitShares, Dims, Engine, Recipients},
    laws::{self, Parties},
    shape::Shape,
};

struct Local(usize, Profile);

impl Parties for Local {
    type Engine = Additive;

    fn run<T: Send>(&self, program: impl Fn(&mut Additive) -> Result<T> + Sync) -> Result<Vec<T>> {
        additive::run_local(self.0, self.1, program)
    }
}

/// Small batches, so that several are made.
const SILENT: Profile = Profile::Wan { code: privity_core::vole::Code::ExConv7x24, batch: 1 << 14 };

#[test]
fn two_parties_obey() {
    let seed = rand::random();
    println!("seed {seed}");
    laws::check(&Local(2, Profile::LAN), seed, &[0, 1, 2, 63, 64, 65, 700]);
    laws::numeric::check(&Local(2, Profile::LAN), seed, 60);
    laws::check_tables(&Local(2, Profile::LAN), seed, &[1, 65]);
    laws::check_unbiased(&Local(2, Profile::LAN), 100_000);
}

#[test]
fn two_parties_with_silent_ot_obey() {
    let seed = rand::random();
    println!("seed {seed}");
    laws::check(&Local(2, SILENT), seed, &[65]);
}

#[test]
fn three_parties_obey() {
    let seed = rand::random();
    println!("seed {seed}");
    laws::check(&Local(3, Profile::LAN), seed, &[0, 1, 65]);
    laws::check_unbiased(&Local(3, Profile::LAN), 1000);
}

type Operation<E> = fn(&mut E, usize) -> Result<()>;

/// One operation of every kind on vectors of `n`.
fn operations<E: Engine>() -> Vec<(&'static str, Operation<E>)> {
    fn x<E: Engine>(e: &mut E, n: usize) -> Result<E::Ring> {
        let values = vec![0; n];
        e.input(0, (e.me() == 0).then_some(&values[..]), n)
    }
    vec![
        ("open", |e, n| {
            let a = x(e, n)?;
            e.open(&a, Recipients::Only(&[1]))?;
            e.open(&a, Recipients::All).map(drop)
        }),
        ("products", |e, n| {
            let a = x(e, 3 * n)?;
            e.dot(&a, &a, 3, 0)?;
            e.mul(&a, &a, 20).map(drop)
        }),
        ("matrix, left smaller", |e, n| {
            let (a, b) = (x(e, 2 * n)?, x(e, 3 * n)?);
            e.matmul(&a, &b, Dims { m: 2, k: n, n: 3 }, 13).map(drop)
        }),
        ("matrix, right smaller", |e, n| {
            let (a, b) = (x(e, 5 * n)?, x(e, n)?);
            e.matmul(&a, &b, Dims { m: 5, k: n, n: 1 }, 0).map(drop)
        }),
        ("bits", |e, n| {
            let a = x(e, n)?;
            let s = e.is_negative(&a)?;
            let z = e.is_zero(&a)?;
            let both = e.and(&s, &z)?.xor(&e.random_bits(n)?);
            let a = e.bit_to_ring(&both)?;
            e.open_bits(&both, Recipients::All)?;
            for width in [1, 2, 17, 64] {
                e.to_bits(&a, width)?;
            }
            Ok(())
        }),
        ("wide", |e, n| {
            let a = x(e, n)?;
            let w = e.widen(&a)?;
            let w = e.dot_wide(&w, &w, 1)?;
            let w = e.truncate_wide(&w, 41)?;
            e.open_wide(&w, Recipients::All).map(drop)
        }),
        ("shuffles", |e, n| {
            let a = x(e, n)?;
            let p = e.random_permutation(n)?;
            let moved = e.shuffle(&p, &[&a, &a, &a])?;
            e.unshuffle(&p, &[&moved[0]]).map(drop)
        }),
    ]
}

fn costs(parties: usize, profile: Profile, sizes: &[usize]) {
    let real = operations::<Additive>();
    let dry = operations::<Shape>();
    for &n in sizes {
        for (real, dry) in real.iter().zip(&dry) {
            // Twice: what is left over from the first time is used.
            let measured = additive::run_local(parties, profile, |e| {
                real.1(e, n)?;
                real.1(e, n)?;
                Ok((e.mesh().meter().sent(), e.mesh().clock()))
            })
            .expect("honest parties");
            let mut shape = Shape::new(0, AdditiveCost::new(parties, profile));
            dry.1(&mut shape, n).expect("no messages");
            dry.1(&mut shape, n).expect("no messages");
            let cost = shape.cost();
            for (me, (sent, clock)) in measured.into_iter().enumerate() {
                assert_eq!(cost.sent[me], sent, "bytes of {me}: {} of {n}, {profile:?}", real.0);
                assert_eq!(cost.rounds[me], clock, "rounds of {me}: {} of {n}", real.0);
            }
        }
    }
}

#[test]
fn dry_runs_of_two_parties_are_exact() {
    costs(2, Profile::LAN, &[0, 1, 65, 700]);
    costs(2, Profile::Lan { k: 4 }, &[1]);
}

#[test]
fn dry_runs_with_silent_ot_are_exact() {
    costs(2, SILENT, &[65]);
}

#[test]
fn dry_runs_of_three_parties_are_exact() {
    costs(3, Profile::LAN, &[1, 20]);
}

#[test]
fn both_forms_of_random_bits_and_words_agree() {
    for parties in [2, 3] {
        let n = 130;
        let seen = additive::run_local(parties, Profile::LAN, |e| {
            let (bits, numbers) = e.random_bits_both(n)?;
            let bits = e.open_bits(&bits, Recipients::All)?;
            let numbers = e.open(&numbers, Recipients::All)?;
            let (words, planes) = e.random_words_both(n, 11)?;
            let words = e.open(&words, Recipients::All)?;
            let planes = planes
                .iter()
                .map(|p| Ok(e.open_bits(p, Recipients::All)?.expect("opened")))
                .collect::<Result<Vec<_>>>()?;
            Ok((bits.expect("opened"), numbers.expect("opened"), words.expect("opened"), planes))
        })
        .expect("honest parties");
        let (bits, numbers, words, planes) = &seen[0];
        assert_eq!(planes.len(), 11);
        for i in 0..n {
            let bit = |packed: &[u64]| packed[i / 64] >> (i % 64) & 1;
            assert_eq!(bit(bits), numbers[i]);
            for (j, plane) in planes.iter().enumerate() {
                assert_eq!(bit(plane), words[i] >> j & 1, "bit {j} of word {i}");
            }
        }
        assert!((1..n as u32).contains(&bits.iter().map(|w| w.count_ones()).sum()));
        assert!(seen.iter().all(|s| s == &seen[0]));
    }
}

#[test]
fn opening_to_some_reaches_only_them() {
    for parties in [2, 3] {
        let seen = additive::run_local(parties, Profile::LAN, |e| {
            let x = e.input(1, (e.me() == 1).then_some(&[7, 8][..]), 2)?;
            e.open(&x, Recipients::Only(&[0]))
        })
        .expect("honest parties");
        assert_eq!(seen[0], Some(vec![7, 8]));
        assert!(seen[1..].iter().all(Option::is_none));
    }
}

#[test]
fn nothing_secret_is_printed() {
    let shown = additive::run_local(2, Profile::LAN, |e| {
        let x = e.public(&[123_456_789]);
        let bits = e.is_negative(&x)?;
        let permutation = e.random_permutation(5)?;
        Ok(format!("{x:?} {bits:?} {permutation:?}"))
    })
    .expect("honest parties");
    assert_eq!(shown[0], "Words { len: 1, .. } Bits { len: 1, .. } Permutation { rows: 5, .. }");
}

#[test]
fn what_cannot_be_is_refused() {
    use privity_core::{Error, Mesh};
    let alone = Mesh::in_memory(&["ann"]).expect("a name").remove(0);
    let refused = Additive::new(alone, Profile::LAN, &mut rand::rng());
    assert!(matches!(refused.err(), Some(Error::Argument(_))));
    let refused = additive::run_local(2, Profile::Lan { k: 9 }, |_| Ok(()));
    assert!(matches!(refused, Err(Error::Argument(_))));
    let refused = additive::run_local(3, Profile::LAN, |e| {
        e.prepare(&[(additive::Kind::Leaf, 1)].into_iter().collect())
    });
    assert!(matches!(refused, Err(Error::Argument(_))));
}
