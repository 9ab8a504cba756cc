//! Oblivious transfer by both parties against its definition, and its bytes
//! and rounds against the formulas.
#![allow(clippy::unwrap_used)] // a failed unwrap fails the test

use privity_core::{
    Mesh, Result,
    bits::unpack,
    ot::{
        Receiver, Security, Sender, chosen, correlated, cost,
        extension::{CotReceiver, CotSender},
        one_of_n, random,
    },
    vole::{Code, VoleReceiver},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::thread;

const BOTH: [Security; 2] = [Security::SemiHonest, Security::Malicious];

/// Runs the two sides in memory.
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

fn sender(mesh: &mut Mesh, k: usize, security: Security) -> Result<CotSender> {
    CotSender::new(mesh, 1, k, security, &mut rng(1))
}

fn receiver(mesh: &mut Mesh, k: usize, security: Security) -> Result<CotReceiver> {
    CotReceiver::new(mesh, 0, k, security, &mut rng(2))
}

fn random_bits(n: usize, seed: u64) -> Vec<u64> {
    let mut rng = rng(seed);
    (0..n.div_ceil(64)).map(|_| rng.random()).collect()
}

#[test]
fn rows_are_correlated_and_costs_are_exact() {
    for security in BOTH {
        for k in 1..=8 {
            let lens = [1, 100, 128, 129, 5000, 131_072 + 4096 + 77];
            let lens = if k == 2 || k == 3 { &lens[..] } else { &lens[..5] };
            let ((q, sender_mesh), (t, receiver_mesh)) = both(
                |mesh| {
                    let mut sender = sender(mesh, k, security)?;
                    let mut all = vec![];
                    for &n in lens {
                        all.push(sender.extend(mesh, n)?);
                        all.push(sender.extend_random(mesh, n)?);
                    }
                    Ok((*sender.delta().expose(), all))
                },
                |mesh| {
                    let mut receiver = receiver(mesh, k, security)?;
                    let mut all = vec![];
                    for &n in lens {
                        let choices = random_bits(n, 7);
                        let rows = receiver.extend(mesh, &choices, n)?;
                        all.push((choices, rows));
                        let random = receiver.extend_random(mesh, n)?;
                        all.push((random.choices.to_vec(), random.rows));
                    }
                    Ok(all)
                },
            );
            let (delta, q) = q;
            let mut next = 0;
            for (q, (choices, t)) in q.iter().zip(&t) {
                assert_eq!((q.rows.len(), q.first), (t.rows.len(), t.first));
                // No index comes back.
                assert!(q.first >= next);
                next = q.first + q.rows.len() as u64;
                let choices = unpack(choices, q.rows.len());
                for ((q, t), c) in q.rows.iter().zip(t.rows.iter()).zip(&choices) {
                    assert_eq!(*t, q ^ if *c { delta } else { 0 });
                }
                if choices.len() > 1000 {
                    let ones = choices.iter().filter(|c| **c).count();
                    assert!(ones.abs_diff(choices.len() / 2) < choices.len() / 10);
                }
            }
            let mut total = cost::setup(k, security);
            for &n in lens {
                for cost in [cost::extend(k, security, n), cost::extend_random(k, security, n)] {
                    total.sender += cost.sender;
                    total.receiver += cost.receiver;
                }
            }
            assert_eq!(sender_mesh.meter().sent(), total.sender as u64, "k {k} {security:?}");
            assert_eq!(receiver_mesh.meter().sent(), total.receiver as u64, "k {k} {security:?}");
        }
    }
}

#[test]
fn rounds_are_as_stated() {
    for security in BOTH {
        let rounds = |n: usize| {
            let ((_, a), (_, b)) = both(
                |mesh| sender(mesh, 2, security)?.extend_random(mesh, n),
                |mesh| receiver(mesh, 2, security)?.extend_random(mesh, n),
            );
            a.clock().max(b.clock())
        };
        let setup = cost::setup(2, security).rounds;
        assert_eq!(rounds(0), setup);
        // The corrections leave together with the setup's last message.
        let extend = cost::extend_random(2, security, 300_000).rounds;
        assert_eq!(rounds(300_000), setup + extend - 1);
    }
}

#[test]
fn random_ot_gives_one_of_two_pads() {
    for security in BOTH {
        let n = 3000;
        let ((pads, _), ((choices, chosen), _)) = both(
            |mesh| random::send(&mut sender(mesh, 4, security)?, mesh, n),
            |mesh| random::receive(&mut receiver(mesh, 4, security)?, mesh, n),
        );
        for ((pads, pad), c) in pads.iter().zip(chosen.iter()).zip(unpack(&choices, n)) {
            assert_eq!(pads[usize::from(c)], *pad);
            assert_ne!(pads[0], pads[1]);
        }
        let mut all: Vec<u128> = pads.as_flattened().to_vec();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2 * n);
    }
}

#[test]
fn correlated_ot_adds_the_correction() {
    let gilboa: Vec<u32> = (1..=64).rev().collect();
    for (n, widths) in [(1, vec![64]), (999, vec![13]), (6400, gilboa), (777, vec![64, 1, 7])] {
        let x: Vec<u64> = random_bits(64 * n, 3);
        let choices = random_bits(n, 4);
        let before = cost::setup(2, Security::SemiHonest).sender;
        let ((r, mesh), (y, _)) = both(
            |mesh| correlated::send(&mut sender(mesh, 2, Security::SemiHonest)?, mesh, &x, &widths),
            |mesh| {
                let mut receiver = receiver(mesh, 2, Security::SemiHonest)?;
                correlated::receive::<u64>(&mut receiver, mesh, &choices, n, &widths)
            },
        );
        assert_eq!(mesh.meter().sent() as usize, before + correlated::bytes(n, &widths));
        for (i, c) in unpack(&choices, n).into_iter().enumerate() {
            let mask = u64::MAX >> (64 - widths[i % widths.len()]);
            let product = if c { x[i] } else { 0 };
            assert_eq!(y[i], r[i].wrapping_add(product) & mask);
        }
    }
    let x: Vec<u128> = random_bits(128 * 300, 5)
        .as_chunks()
        .0
        .iter()
        .map(|&[a, b]| u128::from(a) << 64 | u128::from(b))
        .collect();
    let choices = random_bits(x.len(), 6);
    let ((r, _), (y, _)) = both(
        |mesh| correlated::send(&mut sender(mesh, 2, Security::Malicious)?, mesh, &x, &[128, 100]),
        |mesh| {
            let mut receiver = receiver(mesh, 2, Security::Malicious)?;
            correlated::receive::<u128>(&mut receiver, mesh, &choices, x.len(), &[128, 100])
        },
    );
    for (i, c) in unpack(&choices, x.len()).into_iter().enumerate() {
        let mask = u128::MAX >> (i % 2 * 28);
        assert_eq!(y[i], r[i].wrapping_add(if c { x[i] } else { 0 }) & mask);
    }
}

#[test]
fn chosen_ot_delivers_the_chosen_message() {
    let n = 500;
    let messages: Vec<[u128; 2]> = (0..n as u128).map(|i| [i * i, !i]).collect();
    let choices = random_bits(n, 8);
    let ((_, mesh), (out, _)) = both(
        |mesh| chosen::send(&mut sender(mesh, 2, Security::Malicious)?, mesh, &messages),
        |mesh| chosen::receive(&mut receiver(mesh, 2, Security::Malicious)?, mesh, &choices, n),
    );
    let before = cost::setup(2, Security::Malicious).sender;
    let rows = cost::extend(2, Security::Malicious, n).sender;
    assert_eq!(mesh.meter().sent() as usize, before + rows + chosen::bytes(n));
    for (i, c) in unpack(&choices, n).into_iter().enumerate() {
        assert_eq!(out[i], messages[i][usize::from(c)]);
    }
}

#[test]
fn one_of_n_gives_all_pads_and_the_chosen_one() {
    for security in BOTH {
        for m in [1, 2, 4, 8] {
            for n in [1, 64, 777] {
                let ((pads, a), ((choices, chosen), b)) = both(
                    |mesh| one_of_n::send::<u64>(&mut sender(mesh, 2, security)?, mesh, m, n),
                    |mesh| one_of_n::receive::<u64>(&mut receiver(mesh, 2, security)?, mesh, m, n),
                );
                assert_eq!(pads.len(), n << m);
                for (i, (&c, &pad)) in choices.iter().zip(&chosen).enumerate() {
                    assert!(usize::from(c) < 1 << m);
                    assert_eq!(pads[(i << m) + usize::from(c)], pad);
                }
                let mut all = pads.clone();
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), pads.len());
                let rows = cost::extend_random(2, security, cost::one_of_n_rows(m, n));
                let setup = cost::setup(2, security);
                assert_eq!(a.meter().sent() as usize, setup.sender + rows.sender);
                assert_eq!(b.meter().sent() as usize, setup.receiver + rows.receiver);
            }
        }
    }
}

#[test]
fn one_of_16_delivers_short_messages() {
    for width in [1, 2, 7, 33, 64] {
        let (m, n) = (4, 300);
        let messages: Vec<u64> =
            random_bits(64 * (n << m), 9).iter().map(|x| x & (u64::MAX >> (64 - width))).collect();
        let mut rng = rng(10);
        let choices: Vec<u8> = (0..n).map(|_| rng.random_range(0..16)).collect();
        let ((_, mesh), (out, _)) = both(
            |mesh| {
                let mut sender = sender(mesh, 4, Security::SemiHonest)?;
                one_of_n::send_bits(&mut sender, mesh, m, &messages, width)
            },
            |mesh| {
                let mut receiver = receiver(mesh, 4, Security::SemiHonest)?;
                one_of_n::receive_bits(&mut receiver, mesh, m, &choices, width)
            },
        );
        let before = cost::setup(4, Security::SemiHonest).sender;
        assert_eq!(mesh.meter().sent() as usize, before + one_of_n::bytes(m, n, width));
        for (i, &c) in choices.iter().enumerate() {
            assert_eq!(out[i], messages[(i << m) + usize::from(c)]);
        }
    }
}

#[test]
fn bad_arguments_are_refused_before_anything_is_sent() {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
    for k in [0, 9] {
        let mut mesh = meshes.remove(0);
        assert!(CotReceiver::new(&mut mesh, 1, k, Security::Malicious, &mut rng(0)).is_err());
        assert!(CotReceiver::new(&mut mesh, 5, 2, Security::Malicious, &mut rng(0)).is_err());
        assert_eq!(mesh.meter().sent(), 0);
    }
}

/// Both sides start tweaks at the same place, and no two sessions do.
#[test]
fn sessions_have_numbers_of_their_own() {
    let session = |seed| {
        let ((a, _), (b, _)) = both(
            |mesh| {
                let security = Security::SemiHonest;
                Ok(CotSender::new(mesh, 1, 2, security, &mut rng(seed))?.session())
            },
            |mesh| Ok(receiver(mesh, 2, Security::SemiHonest)?.session()),
        );
        assert_eq!(a, b);
        a
    };
    assert!(session(1) != 0 && session(1) != session(3));
}

#[test]
fn nothing_secret_is_printed() {
    let ((s, _), (r, _)) = both(
        |mesh| {
            let mut sender = sender(mesh, 2, Security::SemiHonest)?;
            let rows = sender.extend_random(mesh, 10)?;
            Ok(format!("{sender:?} {rows:?} {:#x}", sender.delta().expose()))
        },
        |mesh| {
            let mut receiver = receiver(mesh, 2, Security::SemiHonest)?;
            let rows = receiver.extend_random(mesh, 10)?;
            Ok(format!("{receiver:?} {rows:?}"))
        },
    );
    let (s, delta) = s.rsplit_once(' ').unwrap();
    assert!(!s.contains(delta) && s.contains("Rows { first: 0, .. }"), "{s}");
    assert!(r.contains("ChosenRows { .. }"), "{r}");
}

/// Parties that set up different things get an error instead of rows that have
/// nothing to do with each other.
#[test]
fn different_terms_are_refused() {
    let refused = |other: fn(&mut Mesh) -> Result<()>| {
        let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
        let (mut ben, mut ann) = (meshes.pop().unwrap(), meshes.pop().unwrap());
        let [ann, ben] = thread::scope(|scope| {
            let ann = scope.spawn(move || sender(&mut ann, 2, Security::Malicious).map(drop));
            let outcome = other(&mut ben);
            drop(ben);
            [ann.join().unwrap(), outcome]
        });
        for (result, culprit) in [(ann, "ben"), (ben, "ann")] {
            let error = result.unwrap_err();
            assert_eq!(error.culprit(), Some(culprit), "{error}");
            assert!(error.to_string().contains("other terms"), "{error}");
        }
    };
    refused(|mesh| receiver(mesh, 3, Security::Malicious).map(drop));
    refused(|mesh| receiver(mesh, 2, Security::SemiHonest).map(drop));
    refused(|mesh| {
        let (code, security) = (Code::ExConv7x24, Security::Malicious);
        VoleReceiver::new(mesh, 0, code, security, &mut rng(2)).map(drop)
    });
}

/// A sender or receiver whose call failed begins no other, on no mesh.
#[test]
fn what_failed_is_not_used_again() {
    let security = Security::Malicious;
    let ((mut sender, _), (mut receiver, _)) =
        both(|mesh| sender(mesh, 2, security), |mesh| receiver(mesh, 2, security));
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
    drop(meshes.pop());
    let mut alone = meshes.pop().unwrap();
    sender.extend_random(&mut alone, 10).unwrap_err();
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
    let mut ben = meshes.pop().unwrap();
    drop(meshes);
    receiver.extend_random(&mut ben, 10).unwrap_err();
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
    let (mut ben, mut ann) = (meshes.pop().unwrap(), meshes.pop().unwrap());
    let error = sender.extend_random(&mut ann, 10).unwrap_err().to_string();
    assert!(error.contains("set up anew"), "{error}");
    let error = receiver.extend_random(&mut ben, 10).unwrap_err().to_string();
    assert!(error.contains("set up anew"), "{error}");
    // What is asked for wrongly uses nothing up.
    receiver.extend(&mut ben, &[], 10).unwrap_err();
}
