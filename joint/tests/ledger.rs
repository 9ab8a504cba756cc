//! What the ledger says after programs that spend from it were killed.
#![cfg(unix)]
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use privity_joint::{
    Error,
    ledger::{Event, Ledger, Loss, Measure, Neighbours, Request, Round, Standing, Terms},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

/// Where the programs of [`killed_programs_are_never_refunded`] find the ledger.
const FOLDER: &str = "PRIVITY_TEST_LEDGER";
const THREADS: usize = 4;
/// Programs at a time.
const PROGRAMS: usize = 2;
/// Spends that fit; the programs want as many in each round.
const FIT: u64 = 1000;

fn loss(units: u64) -> Loss {
    Loss::read(Measure::Approximate, &format!("{units}e-12"), "0", Round::Up).unwrap()
}

fn request() -> Request {
    Request {
        data_set: "d".into(),
        recipients: vec!["r".into()],
        cost: loss(1),
        session: "s".into(),
        operation: [0; 32],
        note: String::new(),
    }
}

/// Not a test of its own: what the killed programs run.
#[test]
fn spender() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let ledger = Ledger::open(&folder.join("ledger")).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (ledger, name) = (&ledger, format!("{}-{thread}", std::process::id()));
            let path = folder.join(name);
            scope.spawn(move || {
                let mut out = fs::File::create(path).unwrap();
                let mut note = |kind: u8, number: u64| {
                    let mut record = [kind; 9];
                    record[1..].copy_from_slice(&number.to_be_bytes());
                    out.write_all(&record).and_then(|()| out.sync_data()).unwrap();
                };
                for _ in 0..FIT as usize / THREADS / PROGRAMS {
                    let drawing = match ledger.reserve(&request()) {
                        Ok(reservation) => reservation.begin(),
                        Err(Error::Overspent { .. }) => return,
                        Err(error) => panic!("{error}"),
                    };
                    // Now it is out.
                    note(b'r', drawing.number());
                    std::io::stdout().write_all(b"!").unwrap();
                    std::io::stdout().flush().unwrap();
                    drawing.commit().unwrap();
                    note(b'c', drawing.number());
                }
            });
        }
    });
}

fn spend(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "spender", "--nocapture", "--quiet"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads until so many releases are out, or no more come.
fn wait_for(child: &mut Child, releases: usize) {
    let out = child.stdout.as_mut().unwrap();
    let (mut seen, mut byte) = (0, [0]);
    while seen < releases && out.read(&mut byte).unwrap() == 1 {
        seen += usize::from(byte == *b"!");
    }
}

/// What the programs say is released, and committed.
fn noted(folder: &Path) -> [BTreeSet<u64>; 2] {
    let mut all = [BTreeSet::new(), BTreeSet::new()];
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        if file.file_name().to_string_lossy().starts_with("ledger") {
            continue;
        }
        for record in fs::read(file.path()).unwrap().as_chunks::<9>().0 {
            let number = u64::from_be_bytes(record[1..].try_into().unwrap());
            let new = all[usize::from(record[0] == b'c')].insert(number);
            assert!(new, "{number} was paid for once and released twice");
        }
    }
    all
}

#[test]
fn killed_programs_are_never_refunded() {
    let seed: u64 =
        std::env::var("PRIVITY_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("seed {seed}: PRIVITY_SEED={seed} runs it again");
    let rng = &mut StdRng::seed_from_u64(seed);
    let folder = std::env::temp_dir().join(format!("privity-killed-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("ledger");
    let terms = Terms::new("customer", Neighbours::AddRemove, loss(FIT));
    Ledger::create(&path).unwrap().grant("d", &terms).unwrap();
    for round in 0..10 {
        let mut children: Vec<Child> = (0..PROGRAMS).map(|_| spend(&folder)).collect();
        // One of them decides when; both are killed at whatever they do then.
        wait_for(&mut children[0], rng.random_range(1..30));
        children.iter_mut().for_each(|child| child.kill().unwrap()); // SIGKILL
        for child in &mut children {
            child.wait().unwrap();
        }
        let in_flight = ((round + 1) * PROGRAMS * THREADS) as u64;
        let ledger = Ledger::open(&path).unwrap();
        let total = ledger.balance("d").unwrap().total;
        let (charged, committed) = (total.spent().units().0, total.committed.units().0);
        let [released, finished] = noted(&folder);
        let say = format!(
            "seed {seed}, round {round}: charged {charged}, released {}, committed {committed}",
            released.len()
        );
        println!("{say}");
        assert!(charged >= released.len() as u64 && charged <= FIT, "{say}");
        assert!(charged <= released.len() as u64 + in_flight, "{say}");
        assert!(committed >= finished.len() as u64, "{say}");
        assert!(committed <= released.len() as u64, "{say}");
        // Whatever is out stands in the history, and is charged.
        let paid: BTreeSet<u64> = ledger
            .history(Some("d"))
            .unwrap()
            .into_iter()
            .filter(|e| matches!(e.event, Event::Reserved { .. }))
            .filter(|e| e.standing != Some(Standing::Cancelled))
            .map(|e| e.number)
            .collect();
        assert!(released.is_subset(&paid), "{say}");
        assert_eq!(paid.len() as u64, charged, "{say}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// How many releases a second the disk allows, each reserved and committed; and how long
/// opening takes.
#[test]
#[ignore = "measures"]
fn releases_per_second() {
    let folder = std::env::temp_dir().join(format!("privity-speed-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("ledger");
    let ledger = Ledger::create(&path).unwrap();
    ledger.grant("d", &Terms::new("customer", Neighbours::AddRemove, loss(1_000_000))).unwrap();
    for threads in [1, 8] {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..400 / threads {
                        ledger.reserve(&request()).unwrap().begin().commit().unwrap();
                    }
                });
            }
        });
        let rate = 400.0 / start.elapsed().as_secs_f64();
        println!("{threads} threads: {rate:.0} releases per second");
    }
    let entries = ledger.head().unwrap().entries;
    let start = Instant::now();
    Ledger::open(&path).unwrap();
    println!("opening {entries} entries: {:.1} ms", 1e3 * start.elapsed().as_secs_f64());
    fs::remove_dir_all(&folder).unwrap();
}
