//! Engine `shamir` under the common laws, against its cost model, and with
//! parties that leave, return and share anew.
#![allow(clippy::expect_used, clippy::print_stdout)] // a failed expectation fails the test

use privity_core::{Error, Mesh, Result};
use privity_mpc::{
    engine::{BitShares, Dims, Engine, Recipients, RingShares},
    laws::{self, Parties},
    shamir::{self, Security, Shamir, ShamirCost, Vector},
    shape::Shape,
};

const SEMI: Security = Security::SemiHonest;
const MAL: Security = Security::Malicious;

struct Group(usize, usize, Security);

impl Parties for Group {
    type Engine = Shamir;

    fn run<T: Send>(&self, program: impl Fn(&mut Shamir) -> Result<T> + Sync) -> Result<Vec<T>> {
        shamir::run_local(self.0, self.1, self.2, program)
    }
}

fn seed() -> u64 {
    let seed = rand::random();
    println!("seed {seed}");
    seed
}

#[test]
fn three_parties_obey_the_laws() {
    let seed = seed();
    laws::check(&Group(3, 1, SEMI), seed, &[0, 1, 2, 63, 65, 130]);
    laws::check_unbiased(&Group(3, 1, SEMI), 20_000);
}

#[test]
fn numbers_and_tables_of_three_parties_obey() {
    let seed = seed();
    laws::numeric::check(&Group(3, 1, SEMI), seed, 400);
    laws::check_tables(&Group(3, 1, SEMI), seed, &[1, 65]);
}

#[test]
fn numbers_and_tables_of_five_parties_obey() {
    let seed = seed();
    laws::numeric::check(&Group(5, 2, SEMI), seed, 40);
    laws::check_tables(&Group(5, 2, SEMI), seed, &[20]);
}

#[test]
fn numbers_and_tables_of_three_parties_obey_in_malicious_mode() {
    let seed = seed();
    laws::numeric::check(&Group(3, 1, MAL), seed, 40);
    laws::check_tables(&Group(3, 1, MAL), seed, &[20]);
}

#[test]
fn five_parties_obey_the_laws() {
    let seed = seed();
    laws::check(&Group(5, 2, SEMI), seed, &[0, 1, 65]);
    laws::check_unbiased(&Group(5, 2, SEMI), 2_000);
}

#[test]
fn other_groups_obey_the_laws() {
    let seed = seed();
    laws::check(&Group(4, 1, SEMI), seed, &[3, 300]);
    laws::check(&Group(10, 4, SEMI), seed, &[5]);
}

#[test]
fn three_parties_obey_the_laws_in_malicious_mode() {
    let seed = seed();
    laws::check(&Group(3, 1, MAL), seed, &[0, 1, 65]);
    laws::check_unbiased(&Group(3, 1, MAL), 2_000);
}

#[test]
fn five_parties_obey_the_laws_in_malicious_mode() {
    laws::check(&Group(5, 2, MAL), seed(), &[3]);
}

/// Something of everything; what it opens is compared between parties.
fn everything<E: Engine>(e: &mut E, n: usize) -> Result<Vec<Option<Vec<u64>>>> {
    let x: Vec<u64> = (0..n as u64).map(|i| i.wrapping_mul(77).wrapping_sub(40)).collect();
    let a = e.input(0, (e.me() == 0).then_some(&x[..]), n)?;
    let b = e.input(1, (e.me() == 1).then_some(&x[..]), n)?;
    let mut out = Vec::new();
    let c = e.mul(&a, &b, 0)?;
    out.push(e.open(&c, Recipients::All)?);
    let c = e.mul(&a, &b, 7)?;
    out.push(e.open(&c, Recipients::All)?);
    let m = e.matmul(&a, &b, Dims { m: n, k: 1, n }, 0)?;
    out.push(e.open(&m, Recipients::All)?);
    let s = e.is_negative(&a.sub(&b.scale(2)))?;
    let z = e.is_zero(&a.sub(&b))?;
    let both = e.and(&s, &e.not(&z))?;
    out.push(e.open_bits(&both, Recipients::All)?);
    let number = e.bit_to_ring(&s.slice(0..n / 2))?;
    out.push(e.open(&number, Recipients::Only(&[1, 2]))?);
    let planes = e.to_bits(&a, 9)?;
    let back = e.compose(&planes)?;
    out.push(e.open(&back, Recipients::All)?);
    let r = e.random_bits(n)?;
    out.push(e.open_bits(&r, Recipients::All)?);
    let w = e.widen(&a)?;
    let w = e.dot_wide(&w, &w, n)?;
    let w = e.truncate_wide(&w, 3)?;
    let w = e.narrow(&w);
    out.push(e.open(&w, Recipients::All)?);
    let p = e.random_permutation(n)?;
    let moved = e.shuffle(&p, &[&a, &b])?;
    let home = e.unshuffle(&p, &[&moved[0]])?;
    out.push(e.open(&home[0], Recipients::All)?);
    let exported = e.export(&a)?;
    let again = e.import(&exported)?;
    out.push(e.open(&again, Recipients::All)?);
    Ok(out)
}

#[test]
fn costs_are_those_of_the_model() {
    for (n, t, security) in [
        (3, 1, SEMI),
        (3, 1, MAL),
        (4, 1, SEMI),
        (5, 2, SEMI),
        (5, 2, MAL),
        (7, 2, SEMI),
        (7, 3, MAL),
        (10, 4, SEMI),
    ] {
        for len in [1, 65, 300] {
            if len > 65 && (n > 5 || security == MAL) {
                continue;
            }
            let runs = shamir::run_local(n, t, security, |e| {
                let out = everything(e, len)?;
                Ok((out, e.mesh().meter().sent(), e.mesh().clock()))
            })
            .expect("honest parties");
            for (me, run) in runs.iter().enumerate() {
                let mut shape = Shape::new(me, ShamirCost::new(n, t, security));
                shape.set_up();
                everything(&mut shape, len).expect("shape");
                let cost = shape.cost();
                assert_eq!(cost.sent[me], run.1, "bytes of {me} of {n}, {t}, {security:?}, {len}");
                assert_eq!(
                    cost.rounds[me], run.2,
                    "rounds of {me} of {n}, {t}, {security:?}, {len}"
                );
                assert_eq!(runs[0].0[0], run.0[0]);
            }
        }
    }
}

/// Groups of 30, and of 7 against malicious members, multiply and compare.
#[test]
fn large_groups() {
    for (n, t, security) in [(30, 14, SEMI), (7, 3, MAL)] {
        let x: Vec<u64> = (0..40).collect();
        let seen = shamir::run_local(n, t, security, |e| {
            let a = e.input(n - 1, (e.me() == n - 1).then_some(&x[..]), x.len())?;
            let b = e.mul(&a, &a, 0)?;
            let s = e.is_negative(&a.sub(&e.public(&vec![20; 40])))?;
            Ok((e.open(&b, Recipients::All)?, e.open_bits(&s, Recipients::All)?))
        })
        .expect("honest parties");
        let squares: Vec<u64> = x.iter().map(|x| x * x).collect();
        assert!(seen.iter().all(|s| *s == (Some(squares.clone()), Some(vec![(1 << 20) - 1]))));
    }
}

/// Beyond 7 parties there are too many sets: an error, not a shortcut.
#[test]
fn malicious_mode_ends_at_seven() {
    let error = shamir::run_local(9, 4, MAL, |_| Ok(())).expect_err("too many sets");
    assert!(error.to_string().contains("3, 5 or 7 parties"), "{error}");
}

/// Two of seven parties leave: the others multiply. Two more leave: the others
/// open, and a product is an error that names the lost.
#[test]
fn parties_drop_out() {
    let x = [5u64, 6, (-7i64) as u64];
    let results = shamir::run_local(7, 2, SEMI, |e| {
        let me = e.me();
        let a = e.input(0, (me == 0).then_some(&x[..]), 3)?;
        let b = e.mul(&a, &a, 0)?;
        Ok((std::mem::replace(e, dummy()?), b))
    });
    let left: Vec<_> = results.expect("honest parties");
    let mut threads = Vec::new();
    for (i, (engine, b)) in left.into_iter().enumerate() {
        threads.push(std::thread::spawn(move || -> Result<()> {
            if i == 1 || i == 4 {
                return Ok(());
            }
            let mut e = engine.without(&[1, 4], &mut rand::rng())?;
            let c = e.mul(&b, &b, 0)?;
            assert_eq!(e.open(&c, Recipients::All)?, Some(vec![625, 1296, 2401]));
            let s = e.is_negative(&c)?;
            assert_eq!(e.open_bits(&s, Recipients::All)?, Some(vec![0]));
            if i == 0 || i == 5 {
                return Ok(());
            }
            // 0 and 5 are 0 and 3 now.
            let mut e = e.without(&[0, 3], &mut rand::rng())?;
            assert_eq!(e.open(&c, Recipients::All)?, Some(vec![625, 1296, 2401]));
            let error = e.mul(&c, &c, 0).expect_err("too few").to_string();
            assert!(error.contains("party 1, party 4, party 0, party 5"), "{error}");
            Ok(())
        }));
    }
    for t in threads {
        t.join().expect("no panic").expect("remaining parties");
    }
}

/// An engine to put in the place of one that is taken out.
fn dummy() -> Result<Shamir> {
    let meshes = Mesh::in_memory(&["a", "b", "c"])?;
    let engines: Vec<Result<Shamir>> = std::thread::scope(|s| {
        let handles: Vec<_> = meshes
            .into_iter()
            .map(|m| s.spawn(move || Shamir::new(m, 1, Security::SemiHonest, &mut rand::rng())))
            .collect();
        handles.into_iter().map(|h| h.join().expect("no panic")).collect()
    });
    engines.into_iter().next().expect("three")
}

/// From three parties to five others, two of whom were in the old group; in both
/// modes; and a changed share is noticed.
#[test]
fn sharing_anew() {
    for security in [SEMI, MAL] {
        for tamper in [false, true] {
            if tamper && security == SEMI {
                continue;
            }
            let names: Vec<String> = (0..6).map(|i| format!("p{i}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let meshes = Mesh::in_memory(&names).expect("meshes");
            let outcomes: Vec<Result<Option<Vec<u64>>>> = std::thread::scope(|s| {
                let handles: Vec<_> = meshes
                    .into_iter()
                    .enumerate()
                    .map(|(i, mut mesh)| {
                        s.spawn(move || {
                            let (old, new) = ([0, 1, 2], [1, 2, 3, 4, 5]);
                            let mut first = match old.contains(&i) {
                                true => {
                                    let m = mesh.fork("old", &old)?;
                                    Some(Shamir::new(m, 1, security, &mut rand::rng())?)
                                }
                                false => None,
                            };
                            let mut second = match new.contains(&i) {
                                true => {
                                    let m = mesh.fork("new", &new)?;
                                    Some(Shamir::new(m, 2, security, &mut rand::rng())?)
                                }
                                false => None,
                            };
                            let x = [3u64, (-9i64) as u64];
                            let mut shared: Option<Vector<u64>> = None;
                            if let Some(e) = &mut first {
                                let a = e.input(0, (i == 0).then_some(&x[..]), 2)?;
                                let mut b = e.mul(&a, &a, 0)?;
                                e.check()?;
                                if tamper && i == 2 {
                                    b = b.add(&Vector::from_shares(
                                        b.expose_shares().iter().map(|_| 1.into_field()).collect(),
                                    ));
                                }
                                shared = Some(b);
                            }
                            let given = first.as_mut().zip(shared.as_ref());
                            let got = shamir::reshare(
                                &mut mesh,
                                &old,
                                1,
                                &new,
                                2,
                                given,
                                second.as_mut(),
                                2,
                                &mut rand::rng(),
                            )?;
                            match (second, got) {
                                (Some(mut e), Some(y)) => {
                                    let z = e.mul(&y, &y, 0)?;
                                    e.open(&z, Recipients::All)
                                }
                                _ => Ok(None),
                            }
                        })
                    })
                    .collect();
                handles.into_iter().map(|h| h.join().expect("no panic")).collect()
            });
            for (i, outcome) in outcomes.into_iter().enumerate().skip(1) {
                if tamper {
                    assert!(
                        matches!(
                            outcome,
                            Err(Error::Deviation { .. } | Error::Disconnected { .. })
                        ),
                        "party {i}"
                    );
                } else {
                    assert_eq!(outcome.expect("honest"), Some(vec![81, 6561]), "party {i}");
                }
            }
        }
    }
}

trait IntoField {
    fn into_field(self) -> privity_core::field::Fp127;
}

impl IntoField for i32 {
    fn into_field(self) -> privity_core::field::Fp127 {
        privity_core::field::Fp127::from_signed(self.into())
    }
}
