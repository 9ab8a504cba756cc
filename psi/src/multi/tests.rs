#![allow(clippy::print_stdout)] // the seed of a failure

use super::*;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{collections::HashSet, thread};

fn item(x: u64) -> Item {
    Item::new(&[1; 32], &x.to_le_bytes())
}

fn options() -> Options {
    Options { security: Security::SemiHonest, ..Options::new([7; 32]) }
}

fn everybody(
    sets: &[Vec<u64>],
    (leader, options, told): (usize, &Options, bool),
) -> Vec<(error::Result<Option<Vec<u32>>>, u64)> {
    let names: Vec<String> = (0..sets.len()).map(|i| format!("party {i}")).collect();
    let meshes = Mesh::in_memory(&names.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    thread::scope(|scope| {
        let threads: Vec<_> = meshes
            .into_iter()
            .zip(sets)
            .map(|(mut mesh, set)| {
                let items: Vec<Item> = set.iter().map(|&x| item(x)).collect();
                scope.spawn(move || {
                    let asked = (leader, options, told);
                    let result = run(&mut mesh, &items, asked, &mut rand::rng());
                    (result, mesh.meter().sent())
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

fn check(sets: &[Vec<u64>], told: bool) {
    check_led(sets, told, sets.len() - 1);
    check_led(sets, told, sets.len() / 2);
}

fn check_led(sets: &[Vec<u64>], told: bool, leader: usize) {
    let mut expected: HashSet<u64> = sets[0].iter().copied().collect();
    for set in sets {
        let set: HashSet<u64> = set.iter().copied().collect();
        expected.retain(|x| set.contains(x));
    }
    let results = everybody(sets, (leader, &options(), told));
    let last = leader;
    let mut order: Option<Vec<u64>> = None;
    for (party, (result, _)) in results.into_iter().enumerate() {
        match result.unwrap() {
            None => assert!(party != last && !told),
            Some(rows) => {
                assert!(party == last || told);
                let found: Vec<u64> = rows.iter().map(|&row| sets[party][row as usize]).collect();
                assert_eq!(found.len(), expected.len());
                assert!(found.iter().all(|x| expected.contains(x)));
                // One order for all.
                assert_eq!(*order.get_or_insert(found.clone()), found);
            }
        }
    }
}

#[test]
fn all_common_items_are_found_and_no_others() {
    let seed = rand::random();
    println!("seed {seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    for parties in [2usize, 3, 4, 10] {
        for told in [false, true] {
            let most = if parties == 10 { 200 } else { 1500 };
            let pool = most as u64 * 3 / 2;
            let mut sets: Vec<Vec<u64>> = (0..parties)
                .map(|_| {
                    let mut all: Vec<u64> = (0..pool).collect();
                    all.shuffle(rng);
                    all.truncate(rng.random_range(1..=most));
                    all
                })
                .collect();
            check(&sets, told);
            // With a core that all have, and pairs that others have not.
            for set in &mut sets {
                set.retain(|x| *x > 20);
                set.extend(0..20);
                set.shuffle(rng);
            }
            check(&sets, told);
        }
    }
    check(&[vec![1, 2], vec![], vec![2]], true);
    check(&[vec![1, 2], vec![2, 1], vec![2, 1, 3]], false);
}

#[test]
fn bad_sets_and_options_are_refused() {
    let sets = vec![vec![1, 2, 1], vec![1], vec![1]];
    let results = everybody(&sets, (2, &options(), true));
    assert!(matches!(results[0].0, Err(error::Error::Identifiers(_))));
    assert!(results[1].0.is_err() && results[2].0.is_err());
    let few = Options { min_items: 2, ..options() };
    for (result, sent) in everybody(&[vec![1, 2], vec![1], vec![1, 2]], (2, &few, true)) {
        assert!(matches!(result, Err(error::Error::TooFew { min_items: 2 })));
        assert_eq!(sent, 2 * 24);
    }
    let strict = Options { security: Security::Malicious, ..options() };
    for (result, _) in everybody(&[vec![1], vec![1]], (1, &strict, true)) {
        assert!(result.unwrap_err().to_string().contains("semi-honest"));
    }
}

/// What the leader gets about items that it has in common with one party only is as
/// random as about items that nobody has: no value repeats over runs or items.
#[test]
fn sums_of_other_items_are_random() {
    let sets = [vec![1, 2, 3], vec![1, 3, 4], vec![1, 2, 4, 5]];
    let mut seen = HashSet::new();
    for _ in 0..5 {
        let common: Vec<Common> = {
            let meshes = Mesh::in_memory(&["a", "b", "c"]).unwrap();
            thread::scope(|scope| {
                let threads: Vec<_> = meshes
                    .into_iter()
                    .map(|mut mesh| {
                        scope.spawn(move || {
                            Common::agree(&mut mesh, 3, &options(), &mut rand::rng()).unwrap()
                        })
                    })
                    .collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            })
        };
        for x in sets.iter().flatten().collect::<HashSet<_>>() {
            let x = keys(&[item(*x)]);
            let shares: Vec<u128> = common.iter().map(|c| c.shares(&x)[0]).collect();
            assert_eq!(shares.iter().fold(0, |a, b| a ^ b), 0);
            assert!(shares.iter().all(|&s| seen.insert(s)));
        }
    }
}
