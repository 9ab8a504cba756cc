//! What the ledger says after programs that spend from it were killed.
#![cfg(unix)]
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use privity_joint::{
    Error,
    ledger::{
        Event, Ledger, LedgerFault, Loss, Measure, Neighbours, Request, Round, Standing, Terms,
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

/// Where the programs of [`killed_programs_are_never_refunded`] find the ledger.
const FOLDER: &str = "PRIVITY_TEST_LEDGER";
/// For each thread the release that it holds back, from 1, or 0.
const HOLD: &str = "PRIVITY_TEST_HOLD";
const THREADS: usize = 4;
/// Programs at a time.
const PROGRAMS: usize = 2;
const ROUNDS: usize = 12;
/// Spends that fit.
const FIT: u64 = 1000;
/// What a thread wants in a round: all of them together nearly what fits.
const EACH: usize = FIT as usize / THREADS / PROGRAMS / ROUNDS;

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
    let hold = std::env::var(HOLD).unwrap();
    let ledger = Ledger::open(&folder.join("ledger")).unwrap();
    std::thread::scope(|scope| {
        for (thread, hold) in hold.split(',').map(|hold| hold.parse::<usize>().unwrap()).enumerate()
        {
            let (ledger, name) = (&ledger, format!("{}-{thread}", std::process::id()));
            let path = folder.join(name);
            scope.spawn(move || {
                let mut out = fs::File::create(path).unwrap();
                let mut note = |kind: u8, number: u64| {
                    let mut record = [kind; 9];
                    record[1..].copy_from_slice(&number.to_be_bytes());
                    out.write_all(&record).and_then(|()| out.sync_data()).unwrap();
                };
                let say = |word: &[u8]| {
                    let mut out = std::io::stdout().lock();
                    out.write_all(word).and_then(|()| out.flush()).unwrap();
                };
                for release in 1..=EACH {
                    let drawing = match ledger.reserve(&request()) {
                        Ok(reservation) => reservation.begin(),
                        Err(Error::Overspent { .. }) => return,
                        Err(error) => panic!("{error}"),
                    };
                    if release == hold {
                        // Charged, and never out: nothing comes, the program is killed.
                        say(b"?");
                        let nothing = std::io::stdin().read(&mut [0]).unwrap();
                        panic!("{nothing} bytes came");
                    }
                    note(b'r', drawing.number());
                    say(b"!");
                    drawing.commit().unwrap();
                    note(b'c', drawing.number());
                }
            });
        }
    });
}

fn spend(folder: &Path, hold: &[usize]) -> Child {
    let hold: Vec<String> = hold.iter().map(usize::to_string).collect();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "spender", "--nocapture", "--quiet"])
        .env(FOLDER, folder)
        .env(HOLD, hold.join(","))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads until so many releases are out and so many held back, or no more come; says how
/// many are held back.
fn wait_for(child: &mut Child, releases: usize, held: usize) -> u64 {
    let out = child.stdout.as_mut().unwrap();
    let (mut seen, mut byte) = ([0; 2], [0]);
    while (seen[0] < releases || seen[1] < held) && out.read(&mut byte).unwrap() == 1 {
        seen[0] += usize::from(byte == *b"!");
        seen[1] += usize::from(byte == *b"?");
    }
    seen[1] as u64
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
    // What was held back so far, and so is charged and not out.
    let mut held = 0;
    let mut most_in_flight = 0;
    for round in 0..ROUNDS {
        // In every other round, threads of both programs stop between the charge and the
        // release. In the others, all are killed at whatever they do.
        let holds: [[usize; THREADS]; PROGRAMS] = std::array::from_fn(|_| {
            let threads = if round % 2 == 0 { 0 } else { rng.random_range(1..=THREADS) };
            std::array::from_fn(|i| if i < threads { rng.random_range(1..5) } else { 0 })
        });
        let mut children: Vec<Child> = holds.iter().map(|hold| spend(&folder, hold)).collect();
        for (child, hold) in children.iter_mut().zip(&holds) {
            let stop = hold.iter().filter(|&&hold| hold > 0).count();
            // One of them decides when.
            let releases = match (round % 2, stop) {
                (0, _) => rng.random_range(1..20),
                (_, THREADS) => 0,
                _ => rng.random_range(1..5),
            };
            held += wait_for(child, releases, stop);
            if round % 2 == 0 {
                break;
            }
        }
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
            "seed {seed}, round {round}: charged {charged}, released {}, committed {committed}, \
             held back {held}",
            released.len()
        );
        println!("{say}");
        most_in_flight = most_in_flight.max(charged - released.len() as u64);
        assert!(charged >= released.len() as u64 + held && charged <= FIT, "{say}");
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
    assert!(most_in_flight >= held && held >= (ROUNDS / 2 * PROGRAMS) as u64);
    // Then the rest is spent, by as many threads at once, to the last unit and no further.
    let ledger = Ledger::open(&path).unwrap();
    let left = FIT - ledger.balance("d").unwrap().total.spent().units().0;
    let paid = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                while ledger.reserve(&request()).is_ok() {
                    paid.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(paid.into_inner(), left, "seed {seed}");
    assert_eq!(ledger.balance("d").unwrap().total.spent(), loss(FIT), "seed {seed}");
    drop(ledger);
    a_changed_file_is_refused_by_name(&path, rng);
    fs::remove_dir_all(&folder).unwrap();
}

/// Wherever a byte of an entry is changed. Some bytes are of copies that the database left
/// behind, and say nothing.
fn a_changed_file_is_refused_by_name(path: &Path, rng: &mut StdRng) {
    let head = Ledger::open(path).unwrap().head().unwrap();
    let good = fs::read(path).unwrap();
    let word = b"operation";
    let entries: Vec<usize> =
        (0..good.len() - word.len()).filter(|&at| good[at..].starts_with(word)).collect();
    let mut refused = 0;
    for _ in 0..30 {
        let at = entries[rng.random_range(0..entries.len())] + rng.random_range(0..word.len());
        let mut bad = good.clone();
        bad[at] ^= 1 << rng.random_range(0..7);
        fs::write(path, bad).unwrap();
        match Ledger::open(path) {
            Ok(ledger) => assert_eq!(ledger.head().unwrap(), head),
            Err(error) => {
                assert!(matches!(error, Error::Ledger { kind: LedgerFault::Damaged, .. }));
                assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
                refused += 1;
            }
        }
    }
    println!("{refused} of 30 changed files refused");
    assert!(refused >= 15);
    fs::write(path, good).unwrap();
    assert_eq!(Ledger::open(path).unwrap().head().unwrap(), head);
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
    for threads in [1, 8, 32] {
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
