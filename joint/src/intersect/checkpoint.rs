//! Finished buckets on disk.
//!
//! One SQLite file per party and job, written with full synchronisation: what is
//! said to be finished is. It holds the id of the job, the digest of what was asked
//! for, a salt, both parties' commitments to each bucket, and the numbers of the own
//! rows that are common, never an identifier or an item.

use super::store::Groups;
use crate::error::{Error, Result};
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

/// The checkpoint of a job.
pub(super) struct Checkpoint {
    path: PathBuf,
    db: Connection,
    /// Hides what is committed to.
    pub(super) salt: [u8; 32],
    /// The id of the job and the digest of what was asked for, once they are known.
    pub(super) job: Option<([u8; 32], [u8; 32])>,
}

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS job (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        salt BLOB NOT NULL, session BLOB, asked BLOB
    );
    CREATE TABLE IF NOT EXISTS bucket (
        bucket INTEGER PRIMARY KEY, own BLOB NOT NULL, theirs BLOB NOT NULL,
        rows BLOB, ends BLOB
    );";

impl Checkpoint {
    /// Opens the checkpoint in a file, or begins one that only its owner may read.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).map_err(|e| Error::File { file: path.into(), reason: e.to_string() })?;
        let db = Connection::open(path).map_err(|e| failed(path, &e))?;
        let read = || -> rusqlite::Result<_> {
            // Two processes must not work the same part of a job.
            db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            db.execute_batch(SCHEMA)?;
            let fresh: [u8; 32] = rand::random();
            db.execute("INSERT OR IGNORE INTO job (one, salt) VALUES (1, ?1)", [fresh])?;
            db.query_row("SELECT salt, session, asked FROM job", [], |row| {
                let session: Option<[u8; 32]> = row.get(1)?;
                let asked: Option<[u8; 32]> = row.get(2)?;
                Ok((row.get::<_, [u8; 32]>(0)?, session.zip(asked)))
            })
        };
        let (salt, job) = read().map_err(|e| failed(path, &e))?;
        Ok(Self { path: path.into(), db, salt, job })
    }

    /// Notes the job, or refuses a checkpoint of another one.
    pub(super) fn begin(&mut self, session: [u8; 32], asked: [u8; 32]) -> Result<()> {
        match self.job {
            Some(job) if job == (session, asked) => return Ok(()),
            Some(_) => {
                return Err(Error::File {
                    file: self.path.clone(),
                    reason: "it is the checkpoint of another job: other columns, parties, sizes \
                             or options; name another file, or remove this one"
                        .into(),
                });
            }
            None => {}
        }
        self.write("UPDATE job SET session = ?1, asked = ?2", params![session, asked])?;
        self.job = Some((session, asked));
        Ok(())
    }

    /// The results so far, of buckets in `part` of a table of `table` rows.
    pub(super) fn found(&self, part: &Range<u64>, table: u64) -> Result<BTreeMap<u64, Groups>> {
        let read = || -> rusqlite::Result<_> {
            let mut found = BTreeMap::new();
            let sql = "SELECT bucket, rows, ends FROM bucket WHERE rows IS NOT NULL";
            let mut query = self.db.prepare(sql)?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let (bucket, rows, ends): (i64, Vec<u8>, Vec<u8>) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                let bucket = u64::try_from(bucket).ok().filter(|bucket| part.contains(bucket));
                let groups = numbers(&rows).zip(numbers(&ends));
                let groups = groups.map(|(rows, ends)| Groups { rows, ends });
                match bucket.zip(groups.filter(|groups| groups.are_of(table))) {
                    Some((bucket, groups)) => found.insert(bucket, groups),
                    None => return Ok(None),
                };
            }
            Ok(Some(found))
        };
        let found = read().map_err(|e| failed(&self.path, &e))?;
        found.ok_or_else(|| damaged(&self.path, "it names rows or buckets that there are not"))
    }

    /// Compares both parties' commitments with those of earlier attempts.
    pub(super) fn commitments(&mut self, bucket: u64, [own, theirs]: [[u8; 32]; 2]) -> Result<()> {
        let before: Option<[[u8; 32]; 2]> = self
            .db
            .query_row("SELECT own, theirs FROM bucket WHERE bucket = ?1", [bucket as i64], |row| {
                Ok([row.get(0)?, row.get(1)?])
            })
            .optional()
            .map_err(|e| failed(&self.path, &e))?;
        let changed = |whose: &str| {
            Err(Error::File {
                file: self.path.clone(),
                reason: format!(
                    "{whose} table is not the one that this job began with; bring that one back, \
                     or remove the checkpoint at both parties and begin anew"
                ),
            })
        };
        match before {
            Some([before, _]) if before != own => changed("this party's"),
            Some([_, before]) if before != theirs => changed("the other party's"),
            Some(_) => Ok(()),
            None => self.write(
                "INSERT INTO bucket (bucket, own, theirs) VALUES (?1, ?2, ?3)",
                params![bucket as i64, own, theirs],
            ),
        }
    }

    /// Keeps the result of a bucket.
    pub(super) fn finish(&mut self, bucket: u64, found: &Groups) -> Result<()> {
        self.write(
            "UPDATE bucket SET rows = ?2, ends = ?3 WHERE bucket = ?1",
            params![bucket as i64, bytes(&found.rows), bytes(&found.ends)],
        )
    }

    fn write(&self, sql: &str, values: impl rusqlite::Params) -> Result<()> {
        self.db.execute(sql, values).map(drop).map_err(|e| failed(&self.path, &e))
    }
}

fn failed(path: &Path, error: &rusqlite::Error) -> Error {
    let reason = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            "another process works with this checkpoint; wait, or name another file".into()
        }
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            "it is damaged or no checkpoint; name another file".into()
        }
        // What a column holds is not what was written there.
        _ if matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
        ) =>
        {
            return damaged(path, "a value has another type or length");
        }
        _ => error.to_string(),
    };
    Error::File { file: path.into(), reason }
}

fn damaged(path: &Path, rule: &str) -> Error {
    let fix = "remove the checkpoint at both parties and begin anew";
    Error::File { file: path.into(), reason: format!("it is damaged: {rule}; {fix}") }
}

fn bytes(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn numbers(bytes: &[u8]) -> Option<Vec<u32>> {
    let (numbers, rest) = bytes.as_chunks();
    rest.is_empty().then(|| numbers.iter().map(|b| u32::from_le_bytes(*b)).collect())
}
