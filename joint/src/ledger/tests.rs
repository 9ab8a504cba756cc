#![allow(clippy::print_stdout)] // the seed of a failure

use super::*;
use crate::Error;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    sync::atomic::{AtomicU64, Ordering},
};

/// A folder that is removed.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir();
        let path = path.join(format!("privity-ledger-{}-{next}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("budget.ledger")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn loss(text: &str) -> Loss {
    Loss::read(Measure::Approximate, text, "0", Round::Up).unwrap()
}

fn terms(cap: &str) -> Terms {
    Terms::new("customer", Neighbours::AddRemove, loss(cap))
}

fn request(recipients: &[&str], cost: &str) -> Request {
    Request {
        data_set: "loans".into(),
        recipients: recipients.iter().map(|&r| r.into()).collect(),
        cost: loss(cost),
        session: "s".into(),
        operation: [7; 32],
        note: "mean of income".into(),
    }
}

/// Without waiting for the disk, where many steps matter and not their durability.
fn hasty(ledger: &Ledger) {
    ledger.store().database().pragma_update(None, "synchronous", "OFF").unwrap();
}

fn begin(folder: &Folder, terms: &Terms) -> Ledger {
    let ledger = Ledger::create(&folder.file()).unwrap();
    ledger.grant("loans", terms).unwrap();
    ledger
}

fn kind(error: &Error) -> LedgerFault {
    match error {
        Error::Ledger { kind, file, .. } => {
            assert!(error.to_string().contains(&file.display().to_string()));
            *kind
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_release_is_reserved_begun_and_committed() {
    let folder = Folder::new();
    let ledger =
        begin(&folder, &terms("1").recipient("ann", loss("0.5")).recipient("ben", loss("1")));
    let first = ledger.reserve(&request(&["ann", "ben"], "0.3")).unwrap();
    let balance = ledger.balance("loans").unwrap();
    assert_eq!((balance.total.reserved, balance.total.left), (loss("0.3"), loss("0.7")));
    assert_eq!(balance.recipients["ann"].left, loss("0.2"));
    let drawing = first.begin();
    drawing.commit().unwrap();
    drawing.commit().unwrap();
    // The same request is another release.
    let again = ledger.reserve(&request(&["ann", "ben"], "0.3")).unwrap_err();
    assert!(again.to_string().contains("'ann' of 'loans'"), "{again}");
    let second = ledger.reserve(&request(&["ben"], "0.7")).unwrap();
    assert!(matches!(ledger.reserve(&request(&["ben"], "1e-12")), Err(Error::Overspent { .. })));
    second.cancel().unwrap();
    drop(ledger.reserve(&request(&["ben"], "0.6")).unwrap());
    // Another handle sees the same, and what was dropped stays charged.
    let balance = Ledger::open(&folder.file()).unwrap().balance("loans").unwrap();
    let spent = [balance.total.committed, balance.total.reserved, balance.total.left];
    assert_eq!(spent, [loss("0.3"), loss("0.6"), loss("0.1")]);
    assert_eq!(balance.recipients["ann"].left, loss("0.1"));
    let history = ledger.history(Some("loans")).unwrap();
    let standing: Vec<_> = history.iter().filter_map(|e| e.standing).collect();
    assert_eq!(standing, [Standing::Committed, Standing::Cancelled, Standing::Unfinished]);
    assert_eq!(history.len(), 6);
    assert_eq!(fs::metadata(folder.file()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn terms_are_checked() {
    let folder = Folder::new();
    let ledger = begin(&folder, &terms("1"));
    let entries = ledger.head().unwrap().entries;
    ledger.grant("loans", &terms("1")).unwrap();
    assert_eq!(ledger.head().unwrap().entries, entries);
    // Nothing is spent: everything may change.
    let zcdp = Terms::new("account", Neighbours::Replace, Loss::zcdp(0.5, 0.0).unwrap());
    ledger.grant("loans", &zcdp).unwrap();
    ledger.reserve(&request(&["ann"], "0.1")).unwrap_err();
    ledger.grant("loans", &terms("1")).unwrap();
    let spent = ledger.reserve(&request(&["ann"], "0.5")).unwrap();
    let error = ledger.grant("loans", &zcdp).unwrap_err().to_string();
    assert!(error.contains("unit 'customer', add-remove, epsilon"), "{error}");
    // Below what is spent, and back.
    ledger.grant("loans", &terms("0.2")).unwrap();
    assert!(ledger.reserve(&request(&["ann"], "1e-12")).is_err());
    assert_eq!(ledger.balance("loans").unwrap().total.left, loss("0"));
    ledger.grant("loans", &terms("0.6")).unwrap();
    spent.cancel().unwrap();
    ledger.grant("loans", &zcdp).unwrap();
    for wrong in [
        terms("1").recipient("ann", loss("2")),
        terms("1").recipient("ann", Loss::zcdp(0.1, 0.0).unwrap()),
        terms("1").recipient("a\nb", loss("1")),
        Terms { unit: "u".repeat(300), ..terms("1") },
    ] {
        assert!(matches!(ledger.grant("x", &wrong), Err(Error::Argument { .. })), "{wrong:?}");
    }
    ledger.grant("", &terms("1")).unwrap_err();
}

#[test]
fn requests_are_checked() {
    let folder = Folder::new();
    let ledger = begin(&folder, &terms("1").recipient("ann", loss("1")));
    for (wrong, word) in [
        (request(&[], "0.1"), "no recipient"),
        (request(&["ann", "ann"], "0.1"), "twice"),
        (request(&["anne"], "0.1"), "no share"),
        (request(&["ann"], "0"), "costs nothing"),
        (
            Request { data_set: "x".into(), ..request(&["ann"], "1") },
            "no data set 'x'; it has loans",
        ),
        (Request { note: "a\u{1b}[2J".into(), ..request(&["ann"], "1") }, "note"),
        (Request { cost: Loss::zcdp(0.1, 0.0).unwrap(), ..request(&["ann"], "1") }, "measure"),
    ] {
        let error = ledger.reserve(&wrong).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let delta = Loss::read(Measure::Approximate, "0.1", "1e-9", Round::Up).unwrap();
    let error = ledger.reserve(&Request { cost: delta, ..request(&["ann"], "1") }).unwrap_err();
    assert!(matches!(error, Error::Overspent { .. }), "{error}");
    assert_eq!(ledger.head().unwrap().entries, 2);
}

#[derive(Clone, Debug)]
enum Step {
    Grant { cap: u64, ann: u64 },
    Reserve { ann: bool, ben: bool, cost: u64 },
    End { which: usize, commit: bool },
    Drop { which: usize },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0u64..40, 0u64..40).prop_map(|(cap, ann)| Step::Grant { cap, ann: ann.min(cap) }),
        8 => (any::<bool>(), any::<bool>(), 1u64..8)
            .prop_map(|(ann, ben, cost)| Step::Reserve { ann, ben, cost }),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(which, commit)| Step::End { which, commit }),
        1 => any::<usize>().prop_map(|which| Step::Drop { which }),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Two handles in turn, against sums in a few variables.
    #[test]
    fn any_order_of_steps_keeps_to_the_caps(steps in proptest::collection::vec(step(), 1..60)) {
        let folder = Folder::new();
        let unit = |n: u64| loss(&n.to_string());
        let granted = |cap, ann| terms(&format!("{cap}")).recipient("ann", unit(ann))
            .recipient("ben", unit(cap));
        let mut handles = vec![begin(&folder, &granted(20, 10))];
        handles.push(Ledger::open(&folder.file()).unwrap());
        handles.iter().for_each(hasty);
        let (mut cap, mut ann_cap) = (20, 10);
        // Spent in all, and by each.
        let mut spent: BTreeMap<&str, u64> = BTreeMap::new();
        let mut open: Vec<(Reservation, Vec<&str>, u64)> = Vec::new();
        for (i, step) in steps.into_iter().enumerate() {
            let ledger = &handles[i % 2];
            match step {
                Step::Grant { cap: new, ann } => {
                    ledger.grant("loans", &granted(new, ann)).unwrap();
                    (cap, ann_cap) = (new, ann);
                }
                Step::Reserve { ann, ben, cost } => {
                    let mut to = vec!["all"];
                    to.extend(ann.then_some("ann"));
                    to.extend(ben.then_some("ben"));
                    let after = |who: &str| spent.get(who).unwrap_or(&0) + cost;
                    let fits = to.len() > 1 && to.iter().all(|&who| {
                        after(who) <= if who == "ann" { ann_cap } else { cap }
                    });
                    let made = ledger.reserve(&request(&to[1..], &cost.to_string()));
                    prop_assert_eq!(made.is_ok(), fits, "{:?}", made);
                    if let Ok(reservation) = made {
                        to.iter().for_each(|who| *spent.entry(*who).or_default() += cost);
                        open.push((reservation, to, cost));
                    }
                }
                Step::End { which, commit } if !open.is_empty() => {
                    let (reservation, to, cost) = open.swap_remove(which % open.len());
                    if commit {
                        reservation.begin().commit().unwrap();
                    } else {
                        reservation.cancel().unwrap();
                        to.iter().for_each(|who| *spent.entry(*who).or_default() -= cost);
                    }
                }
                Step::Drop { which } if !open.is_empty() => {
                    drop(open.swap_remove(which % open.len()));
                }
                Step::End { .. } | Step::Drop { .. } => {}
                Step::Reopen => {
                    handles[i % 2] = Ledger::open(&folder.file()).unwrap();
                    hasty(&handles[i % 2]);
                }
            }
            for handle in &handles {
                let balance = handle.balance("loans").unwrap();
                let all = spent.get("all").copied().unwrap_or(0);
                prop_assert_eq!(balance.total.spent(), unit(all));
                prop_assert_eq!(balance.total.left, unit(cap.saturating_sub(all)));
                for (who, account) in &balance.recipients {
                    let expected = spent.get(who.as_str()).copied().unwrap_or(0);
                    prop_assert_eq!(account.spent(), unit(expected));
                }
            }
        }
    }
}

#[test]
fn concurrent_spends_never_exceed_the_cap() {
    let folder = Folder::new();
    // Four handles on one file, two threads each; 8 x 60 spends want 480, 301 fit.
    drop(begin(&folder, &terms("0.0301")));
    let handles: Vec<Ledger> = (0..4).map(|_| Ledger::open(&folder.file()).unwrap()).collect();
    handles.iter().for_each(hasty);
    let paid = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (ledger, paid) = (handles[thread % 4].clone(), &paid);
            scope.spawn(move || {
                for _ in 0..60 {
                    match ledger.reserve(&request(&["ann"], "0.0001")) {
                        Ok(reservation) => {
                            paid.fetch_add(1, Ordering::Relaxed);
                            reservation.begin().commit().unwrap();
                        }
                        Err(error) => assert!(matches!(error, Error::Overspent { .. }), "{error}"),
                    }
                }
            });
        }
    });
    assert_eq!(paid.into_inner(), 301);
    let total = Ledger::open(&folder.file()).unwrap().balance("loans").unwrap().total;
    assert_eq!((total.committed, total.left), (loss("0.0301"), loss("0")));
}

#[test]
fn what_is_no_ledger_is_refused() {
    let folder = Folder::new();
    let file = folder.file();
    assert_eq!(kind(&Ledger::open(&file).unwrap_err()), LedgerFault::Missing);
    assert_eq!(kind(&Ledger::create(&folder.0.join("no/l")).unwrap_err()), LedgerFault::Missing);
    fs::write(&file, "").unwrap();
    assert_eq!(kind(&Ledger::open(&file).unwrap_err()), LedgerFault::Foreign);
    assert_eq!(kind(&Ledger::create(&file).unwrap_err()), LedgerFault::Exists);
    for text in ["x", "session = \"a\"\n", &"line of a text file\n".repeat(1000)] {
        fs::write(&file, text).unwrap();
        assert_eq!(kind(&Ledger::open(&file).unwrap_err()), LedgerFault::Foreign);
        assert_eq!(fs::read(&file).unwrap(), text.as_bytes());
    }
    assert_eq!(kind(&Ledger::open(&folder.0).unwrap_err()), LedgerFault::Foreign);
    fs::remove_file(&file).unwrap();
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute_batch("CREATE TABLE entry (number, body, hash)").unwrap();
    drop(db);
    assert_eq!(kind(&Ledger::open(&file).unwrap_err()), LedgerFault::Foreign);
}

/// What an editor of SQLite files can do to a ledger.
#[test]
fn changed_rows_and_tables_are_refused() {
    let folder = Folder::new();
    let file = folder.file();
    let ledger = begin(&folder, &terms("1"));
    for _ in 0..5 {
        ledger.reserve(&request(&["ann"], "0.1")).unwrap().begin().commit().unwrap();
    }
    drop(ledger);
    let good = fs::read(&file).unwrap();
    for (sql, expected) in [
        ("UPDATE entry SET body = replace(body, '100000000000', '1') WHERE number = 3", "entry 3"),
        ("DELETE FROM entry WHERE number = 4", "entry 5 comes after 3"),
        ("DELETE FROM entry WHERE number < 3", "entry 3 comes after 0"),
        ("DELETE FROM entry", "no rows"),
        ("UPDATE entry SET number = -1 WHERE number = 12", "no number"),
        ("INSERT INTO entry SELECT 13, body, hash FROM entry WHERE number = 3", "entry 13"),
        ("INSERT INTO entry SELECT 0, body, hash FROM entry WHERE number = 3", "entry 0"),
        ("UPDATE entry SET hash = x'00' WHERE number = 12", "damaged"),
        ("UPDATE entry SET hash = zeroblob(32) WHERE number = 12", "hash"),
        ("CREATE TABLE more (x)", "tables"),
        ("CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END", "tables"),
        ("DROP TABLE entry", "tables"),
        ("PRAGMA user_version = 0", "version"),
    ] {
        fs::write(&file, &good).unwrap();
        rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        let error = Ledger::open(&file).unwrap_err();
        assert_eq!(kind(&error), LedgerFault::Damaged, "{sql}: {error}");
        assert!(error.to_string().contains(expected), "{sql}: {error}");
    }
    fs::write(&file, &good).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    assert_eq!(kind(&Ledger::open(&file).unwrap_err()), LedgerFault::Newer);
    // Turned into a write-ahead log and back.
    fs::write(&file, &good).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("PRAGMA journal_mode = WAL").unwrap();
    Ledger::open(&file).unwrap().reserve(&request(&["ann"], "0.1")).unwrap().cancel().unwrap();
    assert!(!folder.0.join("budget.ledger-wal").exists());
    // A chain that was computed anew, for a release that was not allowed.
    fs::write(&file, &good).unwrap();
    let db = rusqlite::Connection::open(&file).unwrap();
    let last: [u8; 32] =
        db.query_row("SELECT hash FROM entry WHERE number = 12", [], |row| row.get(0)).unwrap();
    let body: String =
        db.query_row("SELECT body FROM entry WHERE number = 3", [], |row| row.get(0)).unwrap();
    let body = body.replace("100000000000", "600000000000");
    let hash = entry::link(&last, 13, body.as_bytes());
    db.execute("INSERT INTO entry VALUES (13, ?1, ?2)", rusqlite::params![body, hash]).unwrap();
    drop(db);
    let error = Ledger::open(&file).unwrap_err().to_string();
    assert!(error.contains("entry 13 breaks a rule"), "{error}");
}

/// Bytes changed and files cut off at random: refused, or nothing that counts is different.
#[test]
fn damaged_files_are_refused_or_read_the_same() {
    let seed: u64 =
        std::env::var("PRIVITY_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("seed {seed}: PRIVITY_SEED={seed} runs it again");
    let rng = &mut StdRng::seed_from_u64(seed);
    let folder = Folder::new();
    let file = folder.file();
    let ledger = begin(&folder, &terms("10").recipient("ann", loss("9")));
    hasty(&ledger);
    for i in 0..60 {
        let made = ledger.reserve(&request(&["ann"], "0.1")).unwrap();
        match i % 3 {
            0 => made.cancel().unwrap(),
            1 => made.begin().commit().unwrap(),
            _ => drop(made),
        }
    }
    let read = |ledger: &Ledger| {
        (ledger.balances().unwrap(), ledger.history(None).unwrap(), ledger.head().unwrap())
    };
    let before = read(&ledger);
    drop(ledger);
    fs::remove_file(folder.0.join("budget.ledger-journal")).unwrap();
    let good = fs::read(&file).unwrap();
    let mut refused = 0;
    let lengths = [0, 1, 15, 16, 99, 100, 101, 511, 512, 4095, 4096, 4097, 8192, good.len() - 1];
    for round in 0..400 {
        let mut bytes = good.clone();
        if let Some(&length) = lengths.get(round) {
            bytes.truncate(length);
        } else if round < 60 {
            bytes.truncate(rng.random_range(0..bytes.len()));
        } else {
            for _ in 0..rng.random_range(1..4) {
                let at = match round % 4 {
                    0 => rng.random_range(0..100),
                    _ => rng.random_range(0..bytes.len()),
                };
                bytes[at] ^= 1 << rng.random_range(0..8);
            }
        }
        fs::write(&file, &bytes).unwrap();
        match Ledger::open(&file) {
            Ok(ledger) => assert_eq!(read(&ledger), before, "seed {seed}, round {round}"),
            Err(error) => {
                let kind = kind(&error);
                let named = matches!(
                    kind,
                    LedgerFault::Damaged | LedgerFault::Foreign | LedgerFault::Newer
                );
                // Formats of SQLite that are to come are opened for reading only.
                assert!(
                    named || kind == LedgerFault::Denied,
                    "seed {seed}, round {round}: {error}"
                );
                refused += 1;
            }
        }
        let _ = fs::remove_file(folder.0.join("budget.ledger-journal"));
        let _ = fs::remove_file(folder.0.join("budget.ledger-wal"));
        let _ = fs::remove_file(folder.0.join("budget.ledger-shm"));
    }
    println!("{refused} of 400 refused");
    assert!(refused > 200);
}

#[test]
fn trouble_with_the_system_has_names() {
    let folder = Folder::new();
    let file = folder.file();
    let ledger = begin(&folder, &terms("1"));
    let head = ledger.head().unwrap();
    // Somebody else writes.
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let hurried = Ledger::open_waiting(&file, Duration::ZERO).unwrap();
    let error = hurried.reserve(&request(&["ann"], "0.1")).unwrap_err();
    assert_eq!(kind(&error), LedgerFault::Busy);
    other.execute_batch("ROLLBACK").unwrap();
    // No room.
    let pages: i64 =
        ledger.store().database().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    ledger.store().database().pragma_update(None, "max_page_count", pages).unwrap();
    let full = (0..100).find_map(|_| {
        let long = Request { note: "n".repeat(250), ..request(&["ann"], "0.001") };
        ledger.reserve(&long).err()
    });
    assert_eq!(kind(&full.unwrap()), LedgerFault::Full);
    let spent = ledger.balance("loans").unwrap();
    assert_eq!(hurried.balance("loans").unwrap(), spent);
    hurried.reserve(&request(&["ann"], "0.1")).unwrap().cancel().unwrap();
    // No leave to write.
    ledger.store().database().pragma_update(None, "query_only", true).unwrap();
    let error = ledger.reserve(&request(&["ann"], "0.1")).unwrap_err();
    assert_eq!(kind(&error), LedgerFault::Denied);
    // An older copy, while it is open and afterwards.
    drop(ledger);
    let newer = hurried.head().unwrap();
    hurried.check_head(&head).unwrap();
    hurried.check_head(&newer.to_string().parse().unwrap()).unwrap();
    let other = Head { hash: "00".repeat(32), ..head.clone() };
    assert_eq!(kind(&hurried.check_head(&other).unwrap_err()), LedgerFault::Undone);
    fs::remove_file(&file).unwrap();
    let error = hurried.reserve(&request(&["ann"], "0.1")).unwrap_err();
    assert_eq!(kind(&error), LedgerFault::Moved);
    let anew = begin(&folder, &terms("1"));
    assert_eq!(kind(&hurried.balance("loans").unwrap_err()), LedgerFault::Moved);
    assert_eq!(kind(&anew.check_head(&newer).unwrap_err()), LedgerFault::Undone);
}

#[test]
fn heads_are_read_as_they_are_printed() {
    for wrong in ["", "1", "1:", "1:xyz", "0:", ":aa", &format!("0:{}", "a".repeat(64))] {
        assert!(wrong.parse::<Head>().is_err(), "{wrong}");
    }
}
