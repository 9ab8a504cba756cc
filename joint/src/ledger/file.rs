//! The file: one table of events, only ever added to.

use super::{
    entry::{Body, Entry, Event, Head, Standing, link},
    state::State,
};
use crate::error::{Error, Result};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Why a ledger cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LedgerFault {
    /// There is none.
    Missing,
    /// There is a file already where one was to begin.
    Exists,
    /// The file is something else.
    Foreign,
    /// A later version wrote it.
    Newer,
    /// It was damaged or changed.
    Damaged,
    /// It does not go on from a head that was noted.
    Undone,
    /// Its file was moved, removed or replaced while it was open.
    Moved,
    /// Another program held it for too long.
    Busy,
    /// The system does not allow writing it, or making files in its folder.
    Denied,
    /// The disk is full.
    Full,
    /// The disk failed.
    Disk,
    /// It was opened before this process was forked off.
    Forked,
}

/// "prlg", in the file's header.
const APPLICATION: i32 = 0x7072_6c67;
const VERSION: i32 = 1;
const TABLE: &str = "CREATE TABLE entry (\
    number INTEGER PRIMARY KEY, body TEXT NOT NULL, hash BLOB NOT NULL) STRICT";

/// An open ledger.
pub(super) struct Store {
    path: PathBuf,
    db: Connection,
    /// What follows from the rows that were read and checked.
    state: State,
    /// What tells the file from another one of this name.
    identity: Identity,
    process: u32,
}

impl Store {
    /// Makes a file with the first row. It gets its name when it is whole.
    pub(super) fn create(path: &Path) -> Result<()> {
        let wrong = |e: &std::io::Error| system(path, e);
        if fs::symlink_metadata(path).is_ok() {
            return Err(exists(path));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:016x}.new", rand::random::<u64>()));
        let new = path.with_file_name(name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        drop(options.open(&new).map_err(|e| wrong(&e))?);
        let made = fill(&new).map_err(|e| failed(path, &e)).and_then(|()| {
            // A link does not replace a file that came meanwhile.
            fs::hard_link(&new, path).map_err(|e| match e.kind() {
                std::io::ErrorKind::AlreadyExists => exists(path),
                _ => wrong(&e),
            })
        });
        let removed = fs::remove_file(&new).map_err(|e| wrong(&e));
        made.and(removed)?;
        // The name must survive a loss of power too.
        #[cfg(unix)]
        {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
            let folder = fs::File::open(folder.unwrap_or(Path::new(".")));
            folder.and_then(|f| f.sync_all()).map_err(|e| wrong(&e))?;
        }
        Ok(())
    }

    /// Opens a file and checks all of it.
    ///
    /// Nothing but SQLite may open the file: closing it once would drop the locks that
    /// SQLite holds on it elsewhere in this process.
    pub(super) fn open(path: &Path, wait: Duration) -> Result<Self> {
        let identity = Identity::of(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(path, flags).map_err(|e| failed(path, &e))?;
        let settings = || -> rusqlite::Result<()> {
            db.busy_timeout(wait)?;
            db.pragma_update(None, "synchronous", "FULL")?;
            db.pragma_update(None, "fullfsync", true)?;
            db.pragma_update(None, "cell_size_check", true)?;
            db.pragma_update(None, "trusted_schema", false)?;
            db.pragma_update(None, "mmap_size", 0)
        };
        settings().map_err(|e| failed(path, &e))?;
        let mut state = State::new();
        let tx = db.transaction().map_err(|e| failed(path, &e))?;
        check_form(&tx, path)?;
        catch_up(&tx, path, &mut state)?;
        if state.entries == 0 {
            return Err(damaged(path, "it has no rows"));
        }
        drop(tx);
        let mode = db.pragma_update_and_check(None, "journal_mode", "PERSIST", |row| {
            row.get::<_, String>(0)
        });
        if mode.map_err(|e| failed(path, &e))? != "persist" {
            return Err(damaged(path, "its journal mode was changed and cannot be changed back"));
        }
        let store = Self { path: path.into(), db, state, identity, process: std::process::id() };
        store.check_place()?;
        Ok(store)
    }

    /// Asks the balances, after taking in what others wrote.
    pub(super) fn read<T>(&mut self, ask: impl FnOnce(&State) -> Result<T>) -> Result<T> {
        self.check_place()?;
        let Self { path, db, state, .. } = self;
        let tx = db.transaction().map_err(|e| failed(path, &e))?;
        catch_up(&tx, path, state)?;
        ask(state)
    }

    /// Adds events, in one transaction, each that is allowed after those before it: the
    /// number of its row, or that of the last row if it says nothing new. When this
    /// returns, they are on disk. If the transaction fails, none of them is.
    pub(super) fn write(&mut self, events: &[Event]) -> Result<Vec<Result<u64>>> {
        self.check_place()?;
        let Self { path, db, state, .. } = self;
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate);
        let tx = tx.map_err(|e| failed(path, &e))?;
        catch_up(&tx, path, state)?;
        let mut after = state.clone();
        let mut results = Vec::with_capacity(events.len());
        for event in events {
            if !after.is_news(event) {
                results.push(Ok(after.entries));
                continue;
            }
            if let Err(e) = after.check(event) {
                results.push(Err(e));
                continue;
            }
            let hash = insert(&tx, &after, event).map_err(|e| failed(path, &e))?;
            after.apply(event.clone(), hash);
            results.push(Ok(after.entries));
        }
        if after.entries > state.entries {
            // If this fails, what is on disk decides, the next time it is read.
            tx.commit().map_err(|e| failed(path, &e))?;
            *state = after;
        }
        Ok(results)
    }

    /// The rows about one data set, or all of them.
    pub(super) fn history(&mut self, data_set: Option<&str>) -> Result<Vec<Entry>> {
        self.check_place()?;
        let Self { path, db, state, .. } = self;
        let tx = db.transaction().map_err(|e| failed(path, &e))?;
        catch_up(&tx, path, state)?;
        if let Some(name) = data_set {
            state.balance(name)?;
        }
        let mut entries: Vec<Entry> = Vec::new();
        // Places of reservations that are listed.
        let mut listed: BTreeMap<u64, usize> = BTreeMap::new();
        rows(&tx, path, 0, |number, body, _| {
            let Body { time, event } = parsed(path, number, body)?;
            let ours = |name: &String| data_set.is_none_or(|set| set == name);
            let (shown, standing) = match &event {
                Event::Created { .. } => (data_set.is_none(), None),
                Event::Granted { data_set, .. } => (ours(data_set), None),
                Event::Reserved { data_set, .. } => {
                    if ours(data_set) {
                        listed.insert(number, entries.len());
                    }
                    (ours(data_set), Some(Standing::Unfinished))
                }
                Event::Cancelled { reservation } | Event::Committed { reservation } => {
                    let at = listed.get(reservation).copied();
                    if let Some(entry) = at.and_then(|at| entries.get_mut(at)) {
                        entry.standing = Some(match event {
                            Event::Cancelled { .. } => Standing::Cancelled,
                            _ => Standing::Committed,
                        });
                    }
                    (at.is_some(), None)
                }
            };
            if shown {
                entries.push(Entry { number, time, event, standing });
            }
            Ok(())
        })?;
        Ok(entries)
    }

    pub(super) fn check_head(&mut self, noted: &Head) -> Result<()> {
        self.check_place()?;
        let Self { path, db, state, .. } = self;
        let tx = db.transaction().map_err(|e| failed(path, &e))?;
        catch_up(&tx, path, state)?;
        let undone = |rule: String| {
            let fix = "an older copy took its place, or the noted head is of another ledger; find \
                       the newest copy, and release nothing before";
            Err(fault(path, LedgerFault::Undone, rule, fix))
        };
        if noted.entries > state.entries {
            return undone(format!("it has {} entries and had {}", state.entries, noted.entries));
        }
        match hash_of(&tx, noted.entries).map_err(|e| failed(path, &e))? {
            Some(hash) if crate::audit::hex(&hash) == noted.hash => Ok(()),
            _ => undone(format!("its entry {} is not the one that was noted", noted.entries)),
        }
    }

    /// That this process opened the file, and that its name still means that file.
    fn check_place(&self) -> Result<()> {
        if std::process::id() != self.process {
            let rule = "it was opened before this process was forked off";
            return Err(fault(&self.path, LedgerFault::Forked, rule, "open it in this process"));
        }
        match Identity::of(&self.path) {
            Ok(now) if now == self.identity => Ok(()),
            Ok(_) | Err(_) => Err(fault(
                &self.path,
                LedgerFault::Moved,
                "it was moved, removed or replaced while it was open",
                "put it back in its place and open it again",
            )),
        }
    }

    #[cfg(test)]
    pub(super) fn database(&self) -> &Connection {
        &self.db
    }
}

/// Device and number of a file, where the system has such.
#[derive(PartialEq, Eq)]
struct Identity([u64; 2]);

impl Identity {
    fn of(path: &Path) -> Result<Self> {
        let found = fs::metadata(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => fault(
                path,
                LedgerFault::Missing,
                "there is no ledger",
                "correct the path, or bring back the file; only if there never was one, begin it: \
                 privity budget grant --new",
            ),
            _ => system(path, &e),
        })?;
        if !found.is_file() {
            return Err(foreign(path, "it is not a file"));
        }
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            [found.dev(), found.ino()]
        };
        #[cfg(not(unix))]
        let identity = [0, 0];
        Ok(Self(identity))
    }
}

/// Makes the table and the first row.
fn fill(path: &Path) -> rusqlite::Result<()> {
    let mut db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.pragma_update(None, "synchronous", "EXTRA")?;
    db.pragma_update(None, "fullfsync", true)?;
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.execute_batch(TABLE)?;
    let id = crate::audit::hex(&rand::random::<[u8; 16]>());
    insert(&tx, &State::new(), &Event::Created { id })?;
    tx.commit()?;
    db.close().map_err(|(_, e)| e)
}

/// Adds the row after those that `state` knows.
fn insert(tx: &Transaction<'_>, state: &State, event: &Event) -> rusqlite::Result<[u8; 32]> {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let body = serde_json::to_string(&Body { time, event: event.clone() })
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
    let number = state.entries + 1;
    let hash = link(&state.hash, number, body.as_bytes());
    tx.prepare("INSERT INTO entry (number, body, hash) VALUES (?1, ?2, ?3)")?.execute(params![
        number as i64,
        body,
        hash
    ])?;
    Ok(hash)
}

/// That the file is a ledger of this version, with sound structure and nothing beside the
/// one table.
fn check_form(tx: &Transaction<'_>, path: &Path) -> Result<()> {
    let number = |name| tx.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let number = |name| number(name).map_err(|e| failed(path, &e));
    if number("page_count")? == 0 {
        return Err(foreign(path, "it is empty"));
    }
    if number("application_id")? != APPLICATION {
        return Err(foreign(path, "it is another program's database"));
    }
    let version = number("user_version")?;
    if version > VERSION {
        let rule = format!("it has version {version}, and this program knows {VERSION}");
        return Err(fault(path, LedgerFault::Newer, rule, "use the program that wrote it"));
    }
    if version != VERSION {
        return Err(damaged(path, "its version was changed"));
    }
    let list = |sql| -> rusqlite::Result<Vec<String>> {
        tx.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    let list = |sql| list(sql).map_err(|e| failed(path, &e));
    if list("SELECT sql FROM sqlite_schema")? != [TABLE] {
        return Err(damaged(path, "its tables were changed"));
    }
    if list("PRAGMA quick_check(1)")? != ["ok"] {
        return Err(damaged(path, "its structure is broken"));
    }
    Ok(())
}

/// Takes in the rows after those that `state` knows, and checks them.
fn catch_up(tx: &Transaction<'_>, path: &Path, state: &mut State) -> Result<()> {
    if state.entries > 0 {
        let last = hash_of(tx, state.entries).map_err(|e| failed(path, &e))?;
        if last != Some(state.hash) {
            let rule = format!("entry {} was removed or changed since it was read", state.entries);
            return Err(damaged(path, rule));
        }
    }
    rows(tx, path, state.entries, |number, body, hash| {
        if number != state.entries + 1 {
            let rule = format!("entry {number} comes after {}", state.entries);
            return Err(damaged(path, rule));
        }
        let expected = link(&state.hash, number, body.as_bytes());
        if hash != expected {
            let rule = format!("entry {number} was changed: its hash does not match");
            return Err(damaged(path, rule));
        }
        let Body { event, .. } = parsed(path, number, body)?;
        let allowed = state.check(&event);
        allowed.map_err(|e| damaged(path, format!("entry {number} breaks a rule ({e})")))?;
        state.apply(event, expected);
        Ok(())
    })
}

fn hash_of(tx: &Transaction<'_>, number: u64) -> rusqlite::Result<Option<[u8; 32]>> {
    let mut query = tx.prepare("SELECT hash FROM entry WHERE number = ?1")?;
    query.query_row([number as i64], |row| row.get(0)).optional()
}

/// Gives the number, body and hash of each row after the first `after`, in order.
fn rows(
    tx: &Transaction<'_>,
    path: &Path,
    after: u64,
    mut take: impl FnMut(u64, &str, [u8; 32]) -> Result<()>,
) -> Result<()> {
    let wrong = |e: rusqlite::Error| failed(path, &e);
    // Every row of the table, also one with a number that none can have.
    let sql = match after {
        0 => "SELECT number, body, hash FROM entry ORDER BY number",
        _ => "SELECT number, body, hash FROM entry WHERE number > ?1 ORDER BY number",
    };
    let mut query = tx.prepare(sql).map_err(wrong)?;
    let mut found = match after {
        0 => query.query([]),
        after => query.query([after as i64]),
    }
    .map_err(wrong)?;
    while let Some(row) = found.next().map_err(wrong)? {
        let number: i64 = row.get(0).map_err(wrong)?;
        let body = row.get_ref(1).map_err(wrong)?;
        let hash = row.get(2).map_err(wrong)?;
        let number = u64::try_from(number).map_err(|_| damaged(path, "an entry has no number"))?;
        let Ok(body) = body.as_str() else {
            return Err(damaged(path, format!("entry {number} is no text")));
        };
        take(number, body, hash)?;
    }
    Ok(())
}

fn parsed(path: &Path, number: u64, body: &str) -> Result<Body> {
    serde_json::from_str(body).map_err(|_| damaged(path, format!("entry {number} is no event")))
}

fn fault(path: &Path, kind: LedgerFault, rule: impl Into<String>, fix: &str) -> Error {
    Error::Ledger { file: path.into(), kind, rule: rule.into(), fix: fix.into() }
}

fn exists(path: &Path) -> Error {
    fault(path, LedgerFault::Exists, "there is a file already", "open it, or name another one")
}

fn foreign(path: &Path, rule: &str) -> Error {
    let rule = format!("this is no budget ledger: {rule}");
    fault(path, LedgerFault::Foreign, rule, "correct the path; if it was one, bring back a copy")
}

fn damaged(path: &Path, rule: impl std::fmt::Display) -> Error {
    fault(
        path,
        LedgerFault::Damaged,
        format!("the ledger is damaged or was changed: {rule}"),
        "nothing can be spent from it; bring back the newest sound copy, and charge what was \
         released since",
    )
}

fn system(path: &Path, error: &std::io::Error) -> Error {
    use std::io::ErrorKind;
    let (kind, fix) = match error.kind() {
        ErrorKind::NotFound => (LedgerFault::Missing, "make its folder, or correct the path"),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => DENIED,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FULL,
        _ => DISK,
    };
    fault(path, kind, error.to_string(), fix)
}

const DENIED: (LedgerFault, &str) = (
    LedgerFault::Denied,
    "let this user write the file and make files in its folder, or run as the ledger's owner",
);
const FULL: (LedgerFault, &str) =
    (LedgerFault::Full, "free some space; nothing is released meanwhile");
const DISK: (LedgerFault, &str) =
    (LedgerFault::Disk, "check the disk; what was charged stays charged");

/// SQLite's errors. Those that say nothing about the system come from a file that is not
/// what it should be.
fn failed(path: &Path, error: &rusqlite::Error) -> Error {
    let text = error.to_string();
    let (kind, fix) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            let rule = "another program holds the ledger";
            let fix = "wait until it has ended its work, or end it";
            return fault(path, LedgerFault::Busy, rule, fix);
        }
        Some(ErrorCode::NotADatabase) => return foreign(path, "its beginning is something else"),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => DENIED,
        Some(ErrorCode::DiskFull) => FULL,
        Some(ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed) => DISK,
        Some(ErrorCode::OutOfMemory) => (LedgerFault::Disk, "free some memory"),
        _ => return damaged(path, text),
    };
    fault(path, kind, text, fix)
}
