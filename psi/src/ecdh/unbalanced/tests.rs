#![allow(clippy::print_stdout)] // the seed of a failure

use super::*;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{collections::BTreeSet, thread};

fn item(x: u64) -> Item {
    Item::new(&[1; 32], &x.to_le_bytes())
}

fn items(range: std::ops::Range<u64>) -> Vec<Item> {
    range.map(item).collect()
}

const LIMITS: Limits = Limits { items: 10_000, queries: 1000 };
const DOMAIN: [u8; 32] = [3; 32];

fn query(
    server: &mut Server,
    filter: &Filter,
    own: &[Item],
    most: u64,
) -> (error::Result<u64>, error::Result<Vec<u32>>) {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
    let (mut ben, mut ann) = (meshes.pop().unwrap(), meshes.pop().unwrap());
    thread::scope(|scope| {
        let answered = scope.spawn(move || server.answer(&mut ann, 1, most));
        let found = filter.query(&mut ben, 0, own, &mut rand::rng());
        drop(ben);
        (answered.join().unwrap(), found)
    })
}

#[test]
fn clients_find_what_the_server_has() {
    let mut server = Server::new(DOMAIN, LIMITS, &mut rand::rng()).unwrap();
    let filter = server.filter(DOMAIN, &items(0..9000)).unwrap();
    let mut filter = Filter::from_bytes(&filter.to_bytes()).unwrap();
    assert_eq!((filter.items(), filter.version()), (9000, server.version()));
    let own = items(8990..9010);
    let (answered, found) = query(&mut server, &filter, &own, 100);
    assert_eq!((answered.unwrap(), found.unwrap()), (20, (0..10).collect()));
    // Items that come later.
    filter.add(server.segment(&items(9005..9100)).unwrap()).unwrap();
    let (_, found) = query(&mut server, &filter, &own, 100);
    assert_eq!(found.unwrap(), (0..10).chain(15..20).collect::<Vec<_>>());
    assert_eq!(server.allowance(), 960);
    assert!(filter.add(server.segment(&items(20_000..21_000)).unwrap()).is_err());
    // The key from where it was kept.
    let mut again = Server::restore(DOMAIN, LIMITS, 960, &server.expose_key()).unwrap();
    let (_, found) = query(&mut again, &filter, &own, 100);
    assert_eq!(found.unwrap().len(), 15);
    let (_, found) = query(&mut again, &filter, &[], 100);
    assert_eq!(found.unwrap(), Vec::<u32>::new());
}

#[test]
fn other_versions_and_too_many_queries_are_told() {
    let mut server = Server::new(DOMAIN, LIMITS, &mut rand::rng()).unwrap();
    let filter = server.filter(DOMAIN, &items(0..10)).unwrap();
    let mut rotated = Server::new(DOMAIN, LIMITS, &mut rand::rng()).unwrap();
    let (answered, found) = query(&mut rotated, &filter, &items(0..3), 100);
    assert!(matches!(answered, Err(error::Error::OtherVersion)));
    assert!(matches!(found, Err(error::Error::OtherVersion)));
    let (answered, found) = query(&mut server, &filter, &items(0..30), 29);
    assert!(answered.unwrap_err().to_string().contains("30 items"));
    assert!(matches!(found, Err(error::Error::Allowance { items: 30 })));
    let mut spent = Server::restore(DOMAIN, LIMITS, 2, &server.expose_key()).unwrap();
    assert!(query(&mut spent, &filter, &items(0..2), 100).1.is_ok());
    assert!(query(&mut spent, &filter, &items(0..1), 100).1.is_err());
    assert!(server.filter(DOMAIN, &[item(1), item(1)]).is_err());
    assert!(Server::new(DOMAIN, Limits { items: 0, queries: 1 }, &mut rand::rng()).is_err());
    assert!(Server::restore(DOMAIN, LIMITS, 1, &Secret::new([0; 32])).is_err());
    let shown = format!("{server:?} {filter:?} {:?}", filter.segments[0]);
    assert!(!shown.contains("key"), "{shown}");
}

/// (1): N Q / 2^t is at most 2^-40.
#[test]
fn tags_are_long_enough() {
    for log in 0..=40 {
        for queries in [1, 1 << 20, 1 << 40] {
            let limits = Limits { items: 1 << log, queries };
            let bits = limits.tag_bits().unwrap();
            let spare = f64::from(bits) - log as f64 - (queries as f64).log2();
            assert!((40.0..=42.0).contains(&spare), "{limits:?}");
            assert!(bits <= 128);
        }
    }
    let limits = Limits { items: 100_000_000, queries: 1 << 20 };
    // 61.5 bits in the filter for each.
    assert_eq!(limits.tag_bits().unwrap() - 26, 61);
}

proptest! {
    #[test]
    fn segments_hold_what_was_put_in(
        seeds in prop::collection::btree_set(any::<u64>(), 0..9000),
        bits in 60u32..=128,
        close: bool,
    ) {
        let spread = |x: &u64| if close {
            u128::from(*x >> 40)
        } else {
            (u128::from(*x).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)) >> (128 - bits)
        };
        let tags: BTreeSet<u128> = seeds.iter().map(spread).collect();
        let sorted: Vec<u128> = tags.iter().copied().collect();
        let segment = Segment::new(&sorted, bits);
        let back = Segment::from_bytes(&segment.to_bytes()).unwrap();
        prop_assert!(back == segment);
        for tag in sorted.iter().step_by(7) {
            prop_assert!(back.contains(*tag));
            prop_assert_eq!(back.contains(tag + 1), tags.contains(&(tag + 1)));
        }
    }

    /// A filter from anywhere: an error or an answer, no panic and no end to it.
    #[test]
    fn altered_filters_do_no_harm(at: usize, bit in 0u8..8, cut: usize) {
        let server = Server::new(DOMAIN, LIMITS, &mut StdRng::seed_from_u64(1)).unwrap();
        let mut bytes = server.filter(DOMAIN, &items(0..50)).unwrap().to_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(filter) = Filter::from_bytes(&bytes) {
            for tag in 0..50 {
                filter.contains(tag << 50);
            }
        }
        prop_assert!(Filter::from_bytes(&bytes[..cut % bytes.len()]).is_err());
    }
}

/// Points of a query have nothing in common with those of another.
#[test]
fn queries_are_fresh() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    let map = GroupMap::new(&DOMAIN);
    let points: BTreeSet<Encoded> = (0..50)
        .flat_map(|_| Key::random(rng).mask_items(&map, &[item(rng.random::<u64>() >> 63)]))
        .collect();
    assert_eq!(points.len(), 50);
}
