//! VOLE and silent OT by both parties against their definitions, and their
//! bytes and rounds against the formulas.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a failed unwrap fails the test

use privity_core::{
    Mesh, Result,
    bits::unpack,
    field::{Gf128, subfield::Embedding},
    ot::{Receiver, Security, Sender, correlated, cost as ot_cost, one_of_n, random},
    vole::{
        BASE_K, Code, Value, VoleReceiver, VoleSender, cost,
        silent::{self, SilentReceiver, SilentSender},
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::thread;

const BOTH: [Security; 2] = [Security::SemiHonest, Security::Malicious];
const CODE: Code = Code::ExConv7x24;

fn both<A: Send, B: Send>(
    one: impl FnOnce(&mut Mesh) -> Result<A> + Send,
    two: impl FnOnce(&mut Mesh) -> Result<B> + Send,
) -> ((A, Mesh), (B, Mesh)) {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
    let (mut ben, mut ann) = (meshes.pop().unwrap(), meshes.pop().unwrap());
    thread::scope(|scope| {
        let one = scope.spawn(move || (one(&mut ann).unwrap(), ann));
        let two = scope.spawn(move || (two(&mut ben).unwrap(), ben));
        (one.join().unwrap(), two.join().unwrap())
    })
}

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn field<A: Value + Into<u128>>(code: Code, security: Security, n: usize, width: usize) {
    let ((b, ann), (ac, ben)) = both(
        |mesh| {
            let mut sender = VoleSender::new(mesh, 1, code, security, &mut rng(1))?;
            let all = [sender.extend(mesh, n, width)?, sender.extend(mesh, n, width)?];
            Ok((*sender.delta().expose(), all))
        },
        |mesh| {
            let mut receiver = VoleReceiver::new(mesh, 0, code, security, &mut rng(2))?;
            Ok([receiver.extend::<A>(mesh, n, width)?, receiver.extend::<A>(mesh, n, width)?])
        },
    );
    let (delta, b) = b;
    let mut seen = vec![];
    for (b, (a, c)) in b.into_iter().zip(ac) {
        assert_eq!((a.len(), b.len(), c.len()), (n, n, n));
        for ((&a, b), c) in a.iter().zip(b).zip(c) {
            let a: u128 = a.into();
            assert_eq!(a.checked_shr(width as u32).unwrap_or(0), 0);
            assert_eq!(Gf128(c), Gf128(b) + Gf128(a) * Gf128(delta));
            seen.push(c);
        }
        // Values are spread over all bits.
        for bit in 0..width {
            let ones = a.iter().filter(|&&a| a.into() >> bit & 1 == 1).count();
            assert!(n < 1000 || ones.abs_diff(n / 2) < n / 8, "bit {bit}: {ones} of {n}");
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 2 * n);
    let setup = ot_cost::setup(BASE_K, security);
    let each = cost(code, n, width, security).unwrap();
    assert_eq!(ann.meter().sent() as usize, setup.sender + 2 * each.sender);
    assert_eq!(ben.meter().sent() as usize, setup.receiver + 2 * each.receiver);
    // The first message leaves together with the setup's last one.
    let rounds = setup.rounds + 2 * each.rounds;
    assert_eq!(ann.clock().max(ben.clock()), rounds - 1);
}

#[test]
fn vole_is_linear_in_delta() {
    for security in BOTH {
        field::<u128>(CODE, security, 5000, 128);
        field::<u64>(CODE, security, 4097, 64);
        field::<u8>(CODE, security, 10_000, 4);
        field::<u64>(CODE, security, 100, 33);
    }
    field::<u128>(Code::ExConv21x24, Security::Malicious, 6000, 128);
}

/// Values of the subfield, their images times delta; products stay in it.
#[test]
fn vole_of_the_subfield_is_linear_in_delta() {
    let n = 5000;
    let ((b, _), ((a, c), _)) = both(
        |mesh| {
            let mut sender = VoleSender::new(mesh, 1, CODE, Security::SemiHonest, &mut rng(1))?;
            let b = sender.extend_subfield(mesh, n)?;
            Ok((*sender.delta().expose(), b))
        },
        |mesh| {
            let mut receiver = VoleReceiver::new(mesh, 0, CODE, Security::SemiHonest, &mut rng(2))?;
            receiver.extend_subfield(mesh, n)
        },
    );
    let ((delta, b), embedding) = (b, Embedding::new());
    assert_eq!((a.len(), b.len(), c.len()), (n, n, n));
    for ((&a, b), c) in a.iter().zip(b).zip(c) {
        assert_eq!(Gf128(c), Gf128(b) + embedding.of_vartime(a) * Gf128(delta));
    }
    for bit in 0..64 {
        let ones = a.iter().filter(|&&a| a >> bit & 1 == 1).count();
        assert!(ones.abs_diff(n / 2) < n / 8, "bit {bit}: {ones} of {n}");
    }
    both(
        |mesh| {
            let mut sender = VoleSender::new(mesh, 1, CODE, Security::Malicious, &mut rng(1))?;
            assert!(sender.extend_subfield(mesh, n).is_err());
            Ok(())
        },
        |mesh| VoleReceiver::new(mesh, 0, CODE, Security::Malicious, &mut rng(2)).map(drop),
    );
}

fn sender(mesh: &mut Mesh, security: Security) -> Result<SilentSender> {
    SilentSender::new(mesh, 1, (CODE, 5000), security, &mut rng(3))
}

fn receiver(mesh: &mut Mesh, security: Security) -> Result<SilentReceiver> {
    SilentReceiver::new(mesh, 0, (CODE, 5000), security, &mut rng(4))
}

#[test]
fn silent_rows_are_correlated_and_costs_are_exact() {
    for security in BOTH {
        // Within a batch, across batches, more than a batch, chosen and random.
        let calls = [(1000, false), (3000, true), (2000, true), (23_456, false), (700, true)];
        let choices = |n: usize| -> Vec<u64> {
            let mut rng = rng(n as u64);
            (0..n.div_ceil(64)).map(|_| rng.random()).collect()
        };
        let ((q, ann), (t, ben)) = both(
            |mesh| {
                let mut sender = sender(mesh, security)?;
                let mut all = vec![];
                for (n, chosen) in calls {
                    all.push(if chosen {
                        sender.extend(mesh, n)?
                    } else {
                        sender.extend_random(mesh, n)?
                    });
                }
                Ok((*sender.delta().expose(), all))
            },
            |mesh| {
                let mut receiver = receiver(mesh, security)?;
                let mut all = vec![];
                for (n, chosen) in calls {
                    all.push(if chosen {
                        (choices(n), receiver.extend(mesh, &choices(n), n)?)
                    } else {
                        let rows = receiver.extend_random(mesh, n)?;
                        (rows.choices.to_vec(), rows.rows)
                    });
                }
                Ok(all)
            },
        );
        let (delta, q) = q;
        let mut next = 0;
        for (q, (choices, t)) in q.iter().zip(&t) {
            assert_eq!((q.first, q.first), (next, t.first));
            next += q.rows.len() as u64;
            let choices = unpack(choices, q.rows.len());
            for ((q, t), &c) in q.rows.iter().zip(t.rows.iter()).zip(&choices) {
                assert_eq!(*t, q ^ if c { delta } else { 0 });
            }
            let ones = choices.iter().filter(|&&c| c).count();
            assert!(ones.abs_diff(choices.len() / 2) < choices.len() / 8);
        }
        let (mut held, mut total) = (0usize, ot_cost::setup(BASE_K, security));
        for (n, chosen) in calls {
            let (cost, rest) = silent::cost((CODE, 5000), security, 1, (held, n), chosen).unwrap();
            total.sender += cost.sender;
            total.receiver += cost.receiver;
            held = rest;
        }
        assert_eq!(ann.meter().sent() as usize, total.sender);
        assert_eq!(ben.meter().sent() as usize, total.receiver);
    }
}

#[test]
fn everything_above_takes_silent_rows() {
    let n: usize = 3000;
    let choices: Vec<u8> = (0..n).map(|i| (i * 7 % 16) as u8).collect();
    let x: Vec<u64> = (0..n as u64).map(|i| i * i).collect();
    let bits: Vec<u64> = vec![0xF0F0_1234_5678_9ABC; n.div_ceil(64)];
    let ((sent, _), (got, _)) = both(
        |mesh| {
            let mut s = sender(mesh, Security::Malicious)?;
            Ok((
                random::send(&mut s, mesh, n)?,
                one_of_n::send_chosen::<u32>(&mut s, mesh, 4, n)?,
                correlated::send(&mut s, mesh, &x, &[64])?,
            ))
        },
        |mesh| {
            let mut r = receiver(mesh, Security::Malicious)?;
            Ok((
                random::receive(&mut r, mesh, n)?,
                one_of_n::receive_chosen::<u32>(&mut r, mesh, 4, &choices)?,
                correlated::receive::<u64>(&mut r, mesh, &bits, n, &[64])?,
            ))
        },
    );
    let (random, bits) = (unpack(&got.0.0, n), unpack(&bits, n));
    for i in 0..n {
        assert_eq!(got.0.1[i], sent.0[i][usize::from(random[i])]);
        assert_eq!(got.1[i], sent.1[16 * i + usize::from(choices[i])]);
        assert_eq!(got.2[i], sent.2[i].wrapping_add(if bits[i] { x[i] } else { 0 }));
    }
}

#[test]
fn silent_one_of_n_comes_from_wide_rows() {
    for security in BOTH {
        for (m, n) in [(1, 700), (2, 500), (4, 6000), (8, 300)] {
            let choices: Vec<u8> = (0..n).map(|i| (i * 37 % (1 << m)) as u8).collect();
            let (mut held, mut total) = (0, ot_cost::setup(BASE_K, security));
            for chosen in [false, true] {
                let cost = silent::cost((CODE, 5000), security, m, (held, n), chosen).unwrap();
                total.sender += cost.0.sender;
                total.receiver += cost.0.receiver;
                held = cost.1;
            }
            let ((sent, ann), (got, ben)) = both(
                |mesh| {
                    let mut s = sender(mesh, security)?;
                    Ok([
                        one_of_n::send::<u64>(&mut s, mesh, m, n)?,
                        one_of_n::send_chosen(&mut s, mesh, m, n)?,
                    ])
                },
                |mesh| {
                    let mut r = receiver(mesh, security)?;
                    let random = one_of_n::receive(&mut r, mesh, m, n)?;
                    let chosen = one_of_n::receive_chosen(&mut r, mesh, m, &choices)?;
                    Ok([random, (choices.clone(), chosen)])
                },
            );
            for (pads, (choices, chosen)) in sent.iter().zip(&got) {
                for (i, (&c, &pad)) in choices.iter().zip(chosen).enumerate() {
                    assert_eq!(pads[(i << m) + usize::from(c)], pad, "{m} {i}");
                }
            }
            let mut all = sent.concat();
            let len = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), len);
            assert_eq!(ann.meter().sent() as usize, total.sender);
            assert_eq!(ben.meter().sent() as usize, total.receiver);
        }
    }
}

/// A silent source whose call failed gives no rows, not even those in stock.
#[test]
fn what_failed_is_not_used_again() {
    let security = Security::Malicious;
    let ((mut sender, _), (mut receiver, _)) = both(
        |mesh| {
            let mut sender = sender(mesh, security)?;
            sender.extend_random(mesh, 1).map(|_| sender)
        },
        |mesh| {
            let mut receiver = receiver(mesh, security)?;
            receiver.extend_random(mesh, 1).map(|_| receiver)
        },
    );
    let fresh = || -> [Mesh; 2] {
        Mesh::in_memory(&["ann", "ben"]).unwrap().try_into().unwrap_or_else(|_| panic!("two"))
    };
    // The peer is gone when the message of choices is due; rows are in stock.
    let [mut ann, _] = fresh();
    sender.extend(&mut ann, 10).unwrap_err();
    let [_, mut ben] = fresh();
    receiver.extend(&mut ben, &[7], 10).unwrap_err();
    let [mut ann, mut ben] = fresh();
    let error = sender.extend_random(&mut ann, 10).unwrap_err().to_string();
    assert!(error.contains("set up anew"), "{error}");
    let error = receiver.extend_random(&mut ben, 10).unwrap_err().to_string();
    assert!(error.contains("set up anew"), "{error}");
}

#[test]
fn bad_arguments_are_refused() {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
    let mesh = &mut meshes[0];
    let batch = (CODE, 1 << 30);
    assert!(SilentSender::new(mesh, 1, batch, Security::SemiHonest, &mut rng(0)).is_err());
    assert!(cost(CODE, 10, 0, Security::SemiHonest).is_err());
    assert_eq!(mesh.meter().sent(), 0);
}

/// Prints what a batch of 2^20 costs, for the documentation, and holds it
/// against a bound: well below one byte per transfer.
#[test]
fn costs_of_a_batch() {
    for code in [Code::ExConv7x24, Code::ExConv21x24] {
        for width in [1, 4, 64, 128] {
            for security in BOTH {
                let cost = cost(code, 1 << 20, width, security).unwrap();
                println!("{code:?} {width} bits {security:?}: {cost:?}");
                assert!(cost.sender + cost.receiver < 1 << 20);
            }
        }
    }
}
