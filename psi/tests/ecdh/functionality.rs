//! The protocol against the plain intersection, and the cost against the meter.

use crate::{NAMES, common, in_memory, items, run, seed, small};
use privity_core::Mesh;
use privity_psi::{Error, Item, Options, Progress, align, align_with_progress, cost};
use proptest::{collection::hash_set, prelude::*};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::collections::HashSet;

/// Sets of ids, each in some order.
fn sets(parties: usize, max: usize) -> impl Strategy<Value = Vec<Vec<u32>>> {
    let set = prop_oneof![
        hash_set(0u32..60, 0..max),
        hash_set(0u32..60, 1..3),
        Just((0..20).collect::<HashSet<u32>>()),
    ];
    prop::collection::vec(
        set.prop_map(|s| s.into_iter().collect::<Vec<_>>()).prop_shuffle(),
        parties,
    )
}

fn check(ids: &[Vec<u32>], options: &Options, seed: u64) {
    let tables: Vec<Vec<Item>> = ids.iter().map(|t| items(t.iter().copied())).collect();
    let expected: HashSet<Item> =
        tables[0].iter().filter(|x| tables.iter().all(|t| t.contains(x))).copied().collect();
    let found = common(&tables, options, seed);
    assert_eq!(found.len(), expected.len());
    assert_eq!(found.into_iter().collect::<HashSet<_>>(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn two_parties_find_the_intersection(ids in sets(2, 40), seed: u64) {
        check(&ids, &small(), seed);
    }

    #[test]
    fn three_parties_find_the_intersection(ids in sets(3, 40), seed: u64) {
        check(&ids, &small(), seed);
    }
}

#[test]
fn edge_cases() {
    let (none, one, few, many) =
        (vec![], vec![7], (0..10).collect::<Vec<_>>(), (5..500).collect::<Vec<_>>());
    let disjoint: Vec<u32> = (1000..1010).collect();
    for (a, b) in [
        (&none, &none),
        (&none, &one),
        (&one, &none),
        (&one, &one),
        (&one, &disjoint),
        (&few, &few),
        (&few, &disjoint),
        (&few, &many),
        (&many, &one),
    ] {
        check(&[a.clone(), b.clone()], &Options::new([1; 32]), 0);
        for c in [&none, &one, &few, &many] {
            check(&[a.clone(), b.clone(), c.clone()], &small(), 0);
        }
    }
}

/// Pairs overlap much, all three little; every party is once the smallest.
#[test]
fn three_parties_with_large_pairwise_overlaps() {
    let sets: [Vec<u32>; 3] = [
        (0..300).collect(),
        (200..700).collect(),
        (0..100).chain(290..310).chain(400..700).collect(),
    ];
    for turn in 0..3 {
        let ids: Vec<_> = (0..3).map(|p| sets[(p + turn) % 3].clone()).collect();
        check(&ids, &Options::new([1; 32]), turn as u64);
    }
}

/// The sorted order does not follow any file: shuffled files, same seeds of the
/// protocol, same set of common items, another order of rows.
#[test]
fn order_is_common_and_changes_with_the_keys_only() {
    let seed = seed();
    let ids: Vec<u32> = (0..64).collect();
    for parties in [2, 3] {
        let straight = vec![items(ids.clone()); parties];
        let reversed = vec![items(ids.iter().rev().copied()); parties];
        // The keys come first from each party's rng: same keys, same order.
        let order = common(&straight, &small(), seed);
        assert_eq!(order, common(&reversed, &small(), seed));
        assert_ne!(order, common(&straight, &small(), seed ^ 1));
        assert_ne!(order, straight[0]);
    }
}

#[test]
fn cost_is_what_the_meshes_count() {
    let wide = Options { message_items: 64, window: 64, ..small() };
    for options in [small(), wide] {
        for sizes in [
            &[0, 5][..],
            &[1, 1],
            &[8, 8],
            &[9, 8],
            &[3, 40],
            &[40, 17],
            &[0, 0, 3],
            &[1, 1, 1],
            &[8, 9, 10],
            &[40, 30, 20],
            &[20, 200, 20],
            &[400, 17, 3],
        ] {
            let tables: Vec<_> = sizes.iter().map(|&n| items(0..n)).collect();
            let ends = run(in_memory(sizes.len()), &tables, &options, 3);
            let sizes: Vec<u64> = sizes.iter().map(|&n| n.into()).collect();
            let common = *sizes.iter().min().unwrap();
            let cost = cost(&sizes, common, &options).unwrap();
            let meshes: Vec<_> = ends.iter().flat_map(|end| &end.mesh).collect();
            for (p, end) in ends.iter().enumerate() {
                assert_eq!(end.result.as_ref().unwrap().sizes, sizes);
                assert_eq!(meshes[p].meter().sent(), cost.sent[p], "{sizes:?} {p}");
                assert_eq!(meshes[p].meter().received(), cost.received[p], "{sizes:?} {p}");
            }
            let clock = meshes.iter().map(|mesh| mesh.clock()).max().unwrap();
            assert_eq!(clock, cost.rounds, "{sizes:?}");
        }
    }
}

#[test]
fn progress_ends_at_the_total() {
    for sizes in [&[30, 41][..], &[30, 41, 52], &[30, 30, 10]] {
        let meshes = in_memory(sizes.len());
        std::thread::scope(|s| {
            for (mut mesh, &n) in meshes.into_iter().zip(sizes) {
                s.spawn(move || {
                    let mut seen = vec![Progress { done: 0, total: 0 }];
                    let rng = &mut StdRng::seed_from_u64(n.into());
                    align_with_progress(&mut mesh, &items(0..n), &small(), rng, &mut |p| {
                        seen.push(p);
                    })
                    .unwrap();
                    assert!(seen.windows(2).all(|w| w[0].done <= w[1].done));
                    let last = seen.last().unwrap();
                    assert_eq!(last.done, last.total);
                    assert!(last.total > 0);
                });
            }
        });
    }
}

#[test]
fn larger_sets_with_default_messages() {
    let seed = seed();
    let rng = &mut StdRng::seed_from_u64(seed);
    let mut ids: Vec<u32> = (0..6000).collect();
    let tables: Vec<Vec<u32>> = [5000, 3000, 2500]
        .map(|n| {
            ids.shuffle(rng);
            ids[..n].to_vec()
        })
        .to_vec();
    check(&tables[..2], &Options::new([1; 32]), seed);
    check(&tables, &Options::new([1; 32]), seed);
}

#[test]
fn bad_arguments_are_refused_before_anything_is_sent() {
    let rng = &mut StdRng::seed_from_u64(0);
    let mut mesh = in_memory(2).remove(0);
    let mut refused = |items: &[Item], options: &Options| {
        let error = align(&mut mesh, items, options, rng).unwrap_err();
        assert_eq!(error.culprit(), None);
        assert_eq!(mesh.meter().sent(), 0);
        error
    };
    let error = refused(&items([1, 2, 1]), &small());
    assert!(matches!(error, Error::Identifiers(bad) if bad.duplicates.first == [(0, 2)]));
    for options in [
        Options { max_items: 2, ..small() },
        Options { max_items: 1 << 32, ..small() },
        Options { message_items: 0, ..small() },
        Options { window: 0, ..small() },
    ] {
        let error = refused(&items([1, 2, 3]), &options);
        assert!(matches!(error, Error::Core(privity_core::Error::Argument(_))));
        let _ = cost(&[3, 3], 0, &options).unwrap_err();
    }
    for names in [&NAMES[..1], &["a", "b", "c", "d"]] {
        let mut mesh = Mesh::in_memory(names).unwrap().remove(0);
        align(&mut mesh, &items([1]), &small(), rng).unwrap_err();
    }
}

/// One item in question, and one that is not: a table of either tells nothing.
#[test]
fn a_set_below_the_limit_stops_all_before_a_point_is_sent() {
    let options = Options { min_items: 3, ..small() };
    for sizes in [vec![1, 9], vec![9, 2], vec![9, 9, 2]] {
        let tables: Vec<_> = sizes.iter().map(|&n| items(0..n)).collect();
        for end in run(in_memory(sizes.len()), &tables, &options, 7) {
            assert!(matches!(end.result, Err(Error::TooFew { min_items: 3 })));
        }
    }
    for end in run(in_memory(2), &[items(0..3), items(2..9)], &options, 7) {
        assert_eq!(end.result.unwrap().rows.len(), 1);
    }
}

/// A party that only computes is left out by a fork.
#[test]
fn a_fork_leaves_out_the_party_without_data() {
    let tables = [items([1, 2, 3]), items([3, 4])];
    let ends: Vec<_> = std::thread::scope(|s| {
        let owners = [0, 2];
        let threads: Vec<_> = in_memory(3)
            .into_iter()
            .filter(|mesh| owners.contains(&mesh.me()))
            .zip(&tables)
            .map(|(mut mesh, items)| {
                s.spawn(move || {
                    let mut owners = mesh.fork("owners", &owners).unwrap();
                    let rng = &mut StdRng::seed_from_u64(5 + mesh.me() as u64);
                    align(&mut owners, items, &small(), rng).unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!((&ends[0].rows[..], &ends[1].rows[..]), (&[2][..], &[0][..]));
}

#[test]
fn a_cancelled_party_stops() {
    let mut meshes = in_memory(2);
    let mut mesh = meshes.remove(0);
    mesh.cancel_flag().cancel();
    let error = align(&mut mesh, &items([1]), &small(), &mut StdRng::seed_from_u64(0)).unwrap_err();
    assert!(matches!(error, Error::Core(privity_core::Error::Cancelled { .. })));
}
