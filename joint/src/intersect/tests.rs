#![allow(clippy::print_stdout)] // the seed of a failure

use super::*;
use crate::{Error, policy::Policy};
use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray},
    datatypes::{Int64Type, UInt32Type},
};
use privity_core::Mesh;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

fn on(words: &[&str]) -> Vec<KeyColumn> {
    words.iter().map(|w| w.parse().unwrap()).collect()
}

/// A table of identifiers and of the own row numbers, in batches of 100 rows.
fn source(name: &str, ids: &[Option<String>]) -> Source {
    let batch = |first: usize, ids: &[Option<String>]| {
        let rows: Int64Array = (first as i64..).take(ids.len()).collect();
        let ids: ArrayRef = Arc::new(ids.iter().map(|id| id.as_deref()).collect::<StringArray>());
        RecordBatch::try_from_iter_with_nullable([
            ("id", ids, true),
            ("number", Arc::new(rows) as ArrayRef, false),
        ])
        .unwrap()
    };
    let batches: Vec<_> = if ids.is_empty() {
        vec![batch(0, &[])]
    } else {
        ids.chunks(100).enumerate().map(|(i, ids)| batch(100 * i, ids)).collect()
    };
    Source::batches(name, batches[0].schema(), batches).unwrap()
}

fn ids(numbers: impl IntoIterator<Item = u64>) -> Vec<Option<String>> {
    numbers.into_iter().map(|n| Some(format!("id {n}"))).collect()
}

fn both(what: [&Intersect; 2], sources: [&Source; 2]) -> [crate::Result<Common>; 2] {
    let mut meshes = Mesh::in_memory(&["alpha", "beta"]).unwrap();
    let (beta, alpha) = (meshes.pop().unwrap(), meshes.pop().unwrap());
    let party = |mut mesh: Mesh, what: &Intersect, source: &Source| {
        let peer = 1 - mesh.me();
        let policy =
            "min_rows = 0\n[[allow]]\noperation = \"align\"\ncolumns = [\"*\"]\nto = [\"*\"]";
        let rules = (&Policy::parse(policy).unwrap(), None);
        run(&mut mesh, peer, (what, source), rules, &mut |_| {})
    };
    thread::scope(|scope| {
        let alpha = scope.spawn(|| party(alpha, what[0], sources[0]));
        let beta = party(beta, what[1], sources[1]);
        [alpha.join().unwrap(), beta]
    })
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("privity-psi-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Against a join in memory, over many shapes, with repeated and missing identifiers.
#[test]
fn any_tables_are_joined_exactly() {
    let seed = rand::random();
    println!("seed {seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    for round in 0..60 {
        let most = [0, 1, 5, 60, 700][round % 5];
        let mut table = |repeats: bool| -> Vec<Option<String>> {
            let n = if most == 0 { 0 } else { rng.random_range(1..=most) };
            let pool = 1 + 2 * most as u64;
            let mut seen = std::collections::HashSet::new();
            (0..n)
                .filter_map(|_| {
                    if rng.random_ratio(1, 20) {
                        return Some(None);
                    }
                    let id = rng.random_range(0..pool);
                    (seen.insert(id) || repeats).then(|| Some(format!("id {id}")))
                })
                .collect()
        };
        let (a, b) = (table(round % 3 == 1), table(round % 3 == 2));
        let base = Intersect { nulls: Nulls::Drop, ..Intersect::new(on(&["id"]), vec![]) };
        let join = Intersect { duplicates: Duplicates::Join, ..base.clone() };
        let of = |repeats| if repeats { &join } else { &base };
        let [left, right] =
            both([of(round % 3 == 1), of(round % 3 == 2)], [&source("a", &a), &source("b", &b)])
                .map(|common| common.unwrap_or_else(|e| panic!("seed {seed}, round {round}: {e}")));
        let mut theirs: HashMap<&str, Vec<u32>> = HashMap::new();
        for (row, id) in (0..).zip(&b) {
            if let Some(id) = id {
                theirs.entry(id).or_default().push(row);
            }
        }
        let mut expected: Vec<(u32, u32)> = (0..)
            .zip(&a)
            .filter_map(|(row, id)| Some((row, theirs.get(id.as_deref()?)?)))
            .flat_map(|(row, theirs)| theirs.iter().map(move |&t| (row, t)))
            .collect();
        let (l, r) = (left.rows().unwrap(), right.rows().unwrap());
        let mut got: Vec<(u32, u32)> = l.iter().copied().zip(r.iter().copied()).collect();
        got.sort_unstable();
        expected.sort_unstable();
        assert_eq!(l.len(), r.len(), "seed {seed}, round {round}");
        assert_eq!(got, expected, "seed {seed}, round {round}");
        assert_eq!(
            left.others().unwrap().len() + {
                let mut l = l.to_vec();
                l.sort_unstable();
                l.dedup();
                l.len()
            },
            a.len()
        );
        assert!(!left.verified && right.verified);
    }
}

#[test]
fn one_learns_and_the_other_does_not() {
    let (a, b) = (source("a", &ids(0..50)), source("b", &ids(30..90)));
    for (learner, expected) in [("alpha", 0), ("beta", 1)] {
        let what = Intersect::new(on(&["id"]), vec![learner.into()]);
        let results = both([&what, &what], [&a, &b]).map(Result::unwrap);
        assert_eq!(results[expected].rows().map(<[u32]>::len), Some(20));
        assert!(results[expected].verified);
        assert_eq!(results[1 - expected].rows(), None);
        assert_eq!(results[1 - expected].identifiers, None);
        assert!(results[1 - expected].most_asked >= 50);
        let path = folder("nothing").join("x.csv");
        let refused = results[1 - expected].write(&a, &Write::new(&path)).unwrap_err();
        assert!(refused.to_string().contains("does not learn"), "{refused}");
    }
}

#[test]
fn many_parties_find_what_all_have() {
    let all = |ranges: &[std::ops::Range<u64>], what: &Intersect| {
        let names: Vec<String> = (0..ranges.len()).map(|i| format!("p{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let policy = &Policy::allow_all();
        thread::scope(|scope| {
            let threads: Vec<_> = Mesh::in_memory(&names)
                .unwrap()
                .into_iter()
                .zip(ranges)
                .map(|(mut mesh, range)| {
                    let mut ids = ids(range.clone());
                    ids.insert(0, None);
                    scope.spawn(move || {
                        let table = source("t", &ids);
                        run_many(&mut mesh, (what, &table), (policy, None), &mut |_| {})
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect::<Vec<_>>()
        })
    };
    let what = Intersect { nulls: Nulls::Drop, ..Intersect::new(on(&["id"]), vec![]) };
    let ranges = [0..100, 50..300, 20..80, 60..90];
    let mut order = None;
    for (result, range) in all(&ranges, &what).into_iter().zip(&ranges) {
        let common = result.unwrap();
        assert_eq!((common.identifiers, common.sizes.len()), (Some(20), 4));
        let rows = common.rows().unwrap().iter();
        let found: Vec<u64> = rows.map(|&row| range.start + u64::from(row) - 1).collect();
        assert!(found.iter().all(|id| (60..80).contains(id)));
        assert_eq!(*order.get_or_insert(found.clone()), found);
    }
    let one = Intersect { learns: vec!["p1".into()], ..what.clone() };
    for (i, result) in all(&ranges, &one).into_iter().enumerate() {
        let common = result.unwrap();
        assert_eq!((common.identifiers, common.verified), ((i == 1).then_some(20), i == 1));
    }
    // Options that are not for many are refused, and not ignored.
    for (what, word) in [
        (Intersect { memory: 999, ..what.clone() }, "bytes"),
        (Intersect { workers: 2, ..what.clone() }, "leave parts, workers"),
    ] {
        for result in all(&ranges[..3], &what) {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
    let two = Intersect { learns: vec!["p1".into(), "p2".into()], ..what };
    for result in all(&ranges, &two) {
        assert!(result.unwrap_err().to_string().contains("2 of 4 parties"));
    }
}

#[test]
fn what_differs_or_is_wrong_is_named() {
    let good = &source("a", &ids(0..50));
    let text = &Intersect::new(on(&["id"]), vec![]);
    let with = |change: &dyn Fn(&mut Intersect)| {
        let mut what = text.clone();
        change(&mut what);
        what
    };
    let folded = with(&|w| w.on = on(&["id:folded"]));
    let alone = with(&|w| w.learns = vec!["alpha".into()]);
    let joins = with(&|w| w.duplicates = Duplicates::Join);
    for (a, b, word) in [
        (text, &folded, "made of"),
        (text, &alone, "who learns"),
        (&joins, &joins, "repeat at both"),
    ] {
        for result in both([a, b], [good, good]) {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
    let nobody = with(&|w| w.learns = vec!["gamma".into()]);
    let column = with(&|w| w.on = on(&["name"]));
    let floats = with(&|w| w.on = on(&["number:date"]));
    let part = with(&|w| w.part = Some((0, 2)));
    for (what, word) in [(nobody, "'gamma'"), (column, "id, number"), (part, "without a name")] {
        let [error, _] = both([&what, text], [good, good]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let mut twice = ids(0..300);
    twice[250] = twice[17].clone();
    let mut missing = ids(0..300);
    missing[123] = None;
    for (what, bad, word) in [
        (text, source("t.csv", &twice), "row 251"),
        (text, source("t.csv", &missing), "row 124"),
        (&floats, source("t.csv", &ids(0..3)), "cannot be compared as date"),
    ] {
        let good = source("a", &ids(200..240));
        for swap in [false, true] {
            let sources = if swap { [&good, &bad] } else { [&bad, &good] };
            let mut results = both([what, what], sources);
            if swap {
                results.reverse();
            }
            let [own, peer] = results.map(|r| r.unwrap_err().to_string());
            assert!(own.contains(word) && own.contains("t.csv"), "{own}");
            assert!(!peer.contains("251") && !peer.contains("124"), "{peer}");
        }
    }
    // First takes the earlier row.
    let first = with(&|w| w.duplicates = Duplicates::First);
    let [a, _] = both([&first, text], [&source("t", &twice), &source("b", &ids(10..20))]);
    assert!(a.unwrap().rows().unwrap().contains(&17));
}

/// A policy that says nothing stops a party before it sends anything.
#[test]
fn the_policy_is_asked_and_the_record_written() {
    let mut meshes = Mesh::in_memory(&["alpha", "beta"]).unwrap();
    let (mut beta, mut alpha) = (meshes.pop().unwrap(), meshes.pop().unwrap());
    let table = source("a", &ids(0..40));
    let what = Intersect::new(on(&["id"]), vec![]);
    let rules = (&Policy::deny_all(), None);
    let refused = run(&mut alpha, 1, (&what, &table), rules, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused}");
    assert_eq!(alpha.meter().sent(), 0);
    // More rows than there are.
    let strict = Policy::parse(
        "min_rows = 41\n[[allow]]\noperation = \"align\"\ncolumns = [\"id\"]\nto = [\"beta\"]",
    )
    .unwrap();
    let record = folder("record").join("audit.jsonl");
    let all = Policy::allow_all();
    let [a, b] = thread::scope(|scope| {
        let (what, table) = (&what, &table);
        let b = scope.spawn(move || run(&mut beta, 0, (what, table), (&all, None), &mut |_| {}));
        let rules = (&strict, Some(record.as_path()));
        let a = run(&mut alpha, 1, (what, table), rules, &mut |_| {});
        [a, b.join().unwrap()]
    });
    for result in [a, b] {
        assert!(result.unwrap_err().to_string().contains("fewer than 41"));
    }
    let record = std::fs::read_to_string(record).unwrap();
    assert_eq!(record.lines().count(), 2);
    assert!(record.contains("not run") && !record.contains("id 7"));
}

/// Files of every kind, in every join and order.
#[test]
fn files_hold_what_is_asked_for() {
    let folder = folder("files");
    let csv = folder.join("a.csv");
    std::fs::write(&csv, "\u{feff}id;note\nx1;\"a; b\"\nx2;\nx3;007\n").unwrap();
    let a = Source::open(&csv, b';').unwrap();
    let b = source("b", &["x3", "x1", "x9"].map(|s| Some(s.to_owned())));
    let what = &Intersect::new(on(&["id"]), vec![]);
    let [left, right] = both([what, what], [&a, &b]).map(Result::unwrap);
    let text = |write: &Write| {
        left.write(&a, write).unwrap();
        std::fs::read_to_string(&write.path).unwrap()
    };
    let base = |name: &str| Write::new(&folder.join(name));
    let own = text(&Write { order: Order::Own, ..base("own.csv") });
    assert_eq!(own, "id,note\nx1,a; b\nx3,007\n");
    let anti = text(&Write { join: Join::Anti, columns: false, ..base("anti.csv") });
    assert_eq!(anti, "row\n1\n");
    let place = Some("place".to_owned());
    let all = text(&Write { join: Join::Left, place: place.clone(), ..base("left.csv") });
    assert_eq!(all.lines().count(), 4);
    assert!(all.contains("\nx2,,\n") && all.starts_with("id,note,place\n"));
    // The common order is the same at both, through Parquet and a little memory.
    let path = folder.join("right.parquet");
    right.write(&b, &Write { memory: 1, ..Write::new(&path) }).unwrap();
    let back = Source::parquet(&path).unwrap();
    let batch = back.read(&[0]).unwrap().next().unwrap().unwrap();
    let theirs: Vec<&str> = batch.column(0).as_string::<i32>().iter().flatten().collect();
    let mine = text(&base("common.csv"));
    let mine: Vec<&str> = mine.lines().skip(1).map(|l| l.split(',').next().unwrap()).collect();
    assert_eq!(mine, theirs);
    let again = left.write(&a, &base("own.csv")).unwrap_err().to_string();
    assert!(again.contains("it exists"), "{again}");
    let taken = Write { place: Some("note".into()), ..base("taken.csv") };
    assert!(left.write(&a, &taken).unwrap_err().to_string().contains("'note' already"));
    assert!(!folder.join("taken.csv").exists());
    assert!(Source::open(Path::new("a.xls"), b',').is_err());
    let empty = folder.join("empty.parquet");
    std::fs::write(&empty, "no table").unwrap();
    assert!(Source::parquet(&empty).unwrap_err().to_string().contains("cannot be read"));
}

/// Rows are gathered in any order and any number of passes.
#[test]
fn large_results_are_written_in_passes() {
    let folder = folder("passes");
    let table = source("a", &ids(0..150_000));
    let mut rows: Vec<u32> = (0..150_000).filter(|r| r % 2 == 0).collect();
    let rng = &mut StdRng::seed_from_u64(5);
    rand::seq::SliceRandom::shuffle(&mut rows[..], rng);
    let common = Common {
        rows: Some(rows.clone()),
        all_rows: 150_000,
        sizes: vec![150_000, 1],
        identifiers: Some(75_000),
        verified: true,
        most_asked: 0,
        bytes: [0, 0],
        rounds: 0,
    };
    for (name, memory) in [("one", 1 << 30), ("many", 1)] {
        let path = folder.join(format!("{name}.parquet"));
        let write = Write { memory, place: Some("place".into()), ..Write::new(&path) };
        assert_eq!(common.write(&table, &write).unwrap(), 75_000);
        let mut got = Vec::new();
        for batch in Source::parquet(&path).unwrap().read(&[1]).unwrap() {
            let batch = batch.unwrap();
            got.extend_from_slice(batch.column(0).as_primitive::<Int64Type>().values());
        }
        assert!(got.iter().zip(&rows).all(|(a, b)| *a == i64::from(*b)));
        assert_eq!(got.len(), rows.len());
    }
    let path = folder.join("rows.parquet");
    common.write(&table, &Write { columns: false, ..Write::new(&path) }).unwrap();
    let batch = Source::parquet(&path).unwrap().read(&[0]).unwrap().next().unwrap().unwrap();
    assert_eq!(batch.column(0).as_primitive::<UInt32Type>().values()[..9], rows[..9]);
}

/// The checkpoint of a job that breaks off is good for the rest of it, and for
/// nothing else.
#[test]
fn checkpoints_belong_to_one_job() {
    let folder = folder("checkpoint");
    let (a, b) = (source("a", &ids(0..500)), source("b", &ids(300..900)));
    let what = |name: &str| Intersect {
        checkpoint: Some(folder.join(name)),
        ..Intersect::new(on(&["id"]), vec![])
    };
    let (mine, theirs) = (what("a.db"), what("b.db"));
    let rows = |results: [crate::Result<Common>; 2]| {
        results.map(|r| r.map(|c| c.rows().unwrap().to_vec()).map_err(|e| e.to_string()))
    };
    let first = rows(both([&mine, &theirs], [&a, &b])).map(|r| r.unwrap());
    assert_eq!(first[0].len(), 200);
    // Everything is there: the result, and hardly a message.
    let again = both([&mine, &theirs], [&a, &b]).map(Result::unwrap);
    assert!(again.iter().all(|c| c.bytes[0] < 2000), "{:?}", again[0].bytes);
    assert_eq!(again.map(|c| c.rows().unwrap().to_vec()), first);
    // Another table of the same size: noticed by both.
    let other = source("a", &ids(1..501));
    drop_bucket(&folder.join("a.db"));
    for error in rows(both([&mine, &theirs], [&other, &b])) {
        let error = error.unwrap_err();
        assert!(
            error.contains("not the one that this job began with") || error.contains("beta"),
            "{error}"
        );
    }
    // Of another size, with other columns, at one party only, damaged.
    for error in rows(both([&mine, &theirs], [&source("a", &ids(0..499)), &b])) {
        assert!(error.unwrap_err().contains("another job"));
    }
    for error in rows(both([&mine, &what("new.db")], [&a, &b])) {
        assert!(error.unwrap_err().contains("the other none"));
    }
    std::fs::write(folder.join("bad.db"), vec![7; 4096]).unwrap();
    let [error, _] = rows(both([&what("bad.db"), &theirs], [&a, &b]));
    assert!(error.unwrap_err().contains("damaged"));
    // The rest of the job.
    drop_bucket(&folder.join("b.db"));
    let rest = rows(both([&mine, &theirs], [&a, &b])).map(|r| r.unwrap());
    let sorted = |rows: &[u32]| {
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        rows
    };
    assert_eq!(sorted(&rest[0]), sorted(&first[0]));
    let holds = std::fs::read(folder.join("a.db")).unwrap();
    assert!(!holds.windows(4).any(|w| w == b"id 3"));
}

/// A checkpoint that names what there is not is refused, whatever is wrong with it.
#[test]
fn damaged_checkpoints_are_refused() {
    let folder = folder("damaged");
    let (a, b) = (source("a", &ids((0..90).chain(0..90))), source("b", &ids(10..200)));
    let what = |name: &str, duplicates| Intersect {
        checkpoint: Some(folder.join(name)),
        duplicates,
        ..Intersect::new(on(&["id"]), vec![])
    };
    let (mine, theirs) = (what("a.db", Duplicates::Join), what("b.db", Duplicates::Refuse));
    let first = both([&mine, &theirs], [&a, &b]).map(Result::unwrap);
    assert_eq!(first[0].rows().unwrap().len(), 160);
    let good = std::fs::read(folder.join("a.db")).unwrap();
    for damage in [
        "rows = zeroblob(639)",
        "rows = zeroblob(636)",
        "rows = zeroblob(644)",
        // Row 180 of 180, and the last that there may be.
        "rows = x'B4000000' || substr(rows, 5)",
        "rows = substr(rows, 1, 636) || x'FFFFFFFF'",
        "ends = x'00000000' || substr(ends, 5)",
        "ends = substr(ends, 1, 316) || x'FFFFFFFF'",
        "ends = substr(ends, 1, 160) || substr(ends, 157)",
        "ends = substr(ends, 1, 317)",
        "ends = NULL",
        "ends = 7",
        "rows = 'text'",
        "bucket = 1",
        "bucket = -1",
    ] {
        let path = folder.join("a.db");
        std::fs::write(&path, &good).unwrap();
        let db = rusqlite::Connection::open(&path).unwrap();
        // Of two blobs, || makes text.
        let sql = damage.replace("= x", "= CAST(x").replace("= substr", "= CAST(substr");
        let cast = if sql == damage { "" } else { " AS BLOB)" };
        db.execute(&format!("UPDATE bucket SET {sql}{cast}"), []).unwrap();
        drop(db);
        let [error, _] = both([&mine, &theirs], [&a, &b]);
        let error = error.unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{damage}: {error}");
        let text = error.to_string();
        assert!(
            ["a.db", "damaged", "remove the checkpoint at both"].iter().all(|w| text.contains(w)),
            "{damage}: {text}"
        );
    }
    std::fs::write(folder.join("a.db"), &good).unwrap();
    let again = both([&mine, &theirs], [&a, &b]).map(Result::unwrap);
    assert_eq!(again[0].rows(), first[0].rows());
}

/// As if the process had been killed before the bucket was finished.
fn drop_bucket(path: &Path) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute("UPDATE bucket SET rows = NULL", []).unwrap();
}

/// Tables that do not fit the memory are read once for every part that does, and
/// parts of a job make the whole.
#[test]
fn windows_and_parts_find_the_same() {
    let n = 2_200_000u64;
    let table = |range: std::ops::Range<u64>| {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(range.map(|i| i as i64)));
        let batch = RecordBatch::try_from_iter([("id", numbers)]).unwrap();
        Source::batches("t", batch.schema(), vec![batch]).unwrap()
    };
    let (a, b) = (table(0..n), table(n - 1000..n + 200_000));
    let small = Intersect { memory: 1 << 24, workers: 2, ..Intersect::new(on(&["id"]), vec![]) };
    let mut found = BTreeMap::new();
    for part in 0..2 {
        let what = Intersect { part: Some((part, 2)), job: Some("j".into()), ..small.clone() };
        let [l, r] = both([&what, &what], [&a, &b]).map(Result::unwrap);
        for (l, r) in l.rows().unwrap().iter().zip(r.rows().unwrap()) {
            assert!(found.insert(*l, *r).is_none());
        }
    }
    let expected: BTreeMap<u32, u32> = (0..1000).map(|i| (n as u32 - 1000 + i, i)).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_estimate_is_what_comes() {
    let (a, b) = (source("a", &ids(0..4000)), source("b", &ids(3000..9000)));
    let what = Intersect::new(on(&["id"]), vec![]);
    let estimate = estimate(&what, [4000, 6000], 1000).unwrap();
    let [l, r] = both([&what, &what], [&a, &b]).map(Result::unwrap);
    for (bytes, common) in estimate.bytes.iter().zip([l, r]) {
        // The greetings are text, and not counted.
        assert!(common.bytes[0] > *bytes && common.bytes[0] < *bytes + 1000);
        assert!(
            u64::from(common.rounds).abs_diff(estimate.rounds) <= 2,
            "{common:?} {}",
            common.rounds
        );
    }
    assert!(estimate.seconds(20.0, 100.0) > estimate.seconds(0.25, 1000.0));
}

#[test]
fn totals_tell_counts_and_sums_and_nothing_else() {
    let (a, b) = (source("a", &ids(0..400)), source("b", &ids(300..900)));
    let totals_of = |what: &Intersect, asks: [&Total; 2], policy: &str| {
        let policy = &Policy::parse(policy).unwrap();
        let mut meshes = Mesh::in_memory(&["alpha", "beta"]).unwrap();
        let (beta, alpha) = (meshes.pop().unwrap(), meshes.pop().unwrap());
        let party =
            |mesh, source, ask| totals(mesh, (what, source, ask), (policy, None), &mut |_| {});
        thread::scope(|scope| {
            let alpha = scope.spawn(|| party(alpha, &a, asks[0]));
            let beta = party(beta, &b, asks[1]);
            [alpha.join().unwrap(), beta]
        })
    };
    let run = |asks: [&Total; 2], policy: &str, learns: &[&str]| {
        let learns = learns.iter().map(|name| (*name).to_owned()).collect();
        totals_of(&Intersect::new(on(&["id"]), learns), asks, policy)
    };
    let allow = |cell: u64| {
        format!(
            "min_cell = {cell}\n[[allow]]\noperation = \"totals\"\ncolumns = [\"*\"]\nto = [\"*\"]"
        )
    };
    let (sum, none) = (&Total { sums: vec!["number".into()], at_least: 0 }, &Total::default());
    for result in run([sum, sum], &allow(5), &[]) {
        let totals = result.unwrap().unwrap();
        assert_eq!(totals.count, 100);
        let expected = [("alpha", (300..400).sum::<i64>()), ("beta", (0..100).sum())];
        for ((party, column, got), (name, sum)) in totals.sums.iter().zip(expected) {
            assert_eq!((party.as_str(), column.as_str()), (name, "number"));
            assert!((got - sum as f64).abs() < 1e-3, "{got}");
        }
    }
    let [left, right] = run([none, sum], &allow(5), &["beta"]).map(Result::unwrap);
    assert!(left.is_none());
    assert_eq!(right.unwrap().sums.len(), 1);
    let narrow = Intersect { memory: 399 * 40, ..Intersect::new(on(&["id"]), vec![]) };
    let refused = totals_of(&narrow, [none; 2], &allow(5));
    let [own, peer] = refused.map(|result| result.unwrap_err().to_string());
    assert!(own.contains("400 rows do not fit 15960 bytes; allow 16000"), "{own}");
    assert!(peer.contains("600 rows do not fit"), "{peer}");
    let busy = Intersect { workers: 2, ..Intersect::new(on(&["id"]), vec![]) };
    for result in totals_of(&busy, [none; 2], &allow(5)) {
        assert!(result.unwrap_err().to_string().contains("leave parts, workers"));
    }
    for result in run([none, none], &allow(101), &[]) {
        assert!(result.unwrap_err().to_string().contains("fewer than 101"));
    }
    let other = "[[allow]]\noperation = \"align\"\ncolumns = [\"*\"]\nto = [\"*\"]";
    assert!(matches!(run([none, none], other, &[])[0], Err(Error::Refused { .. })));
    let text = &Total { sums: vec!["id".into()], at_least: 0 };
    let [own, peer] = run([text, none], &allow(5), &[]).map(|r| r.unwrap_err().to_string());
    assert!(own.contains("no number") && peer.contains("cannot be used"), "{own} {peer}");
}
