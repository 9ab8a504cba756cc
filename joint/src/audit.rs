//! The record of what was done: append-only, one JSON object per line, each
//! line bound to the one before it by SHA-256.
//!
//! A line is written before the protocol runs (`begin`) and after (`end`), or
//! once if the operation does not run (`refused`). A file is flushed to disk
//! with every line. Lines hold operations, column names, rules and counts,
//! never data or results.
//!
//! The chain is not signed: whoever can write the file can also make it anew, from
//! any line on. It shows every change to whoever kept a hash of it elsewhere,
//! [`Verified::head`], and accidents to everybody. One session at a time writes to
//! a file, which is locked meanwhile. If a crash cut the last line off, the next
//! session takes what is left of it into its first line, as `cut_off`.

use crate::error::{Error, Result};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// The record of one party.
pub(crate) struct Audit {
    head: String,
    lines: u64,
    store: Store,
}

enum Store {
    Memory(String),
    File {
        file: File,
        path: PathBuf,
        /// Length of the whole lines, and what a crash left behind them.
        cut: Option<(u64, String)>,
    },
}

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Number of lines.
    pub lines: u64,
    /// Hash of the last line.
    pub head: String,
}

impl Audit {
    /// A record in memory.
    pub(crate) fn in_memory() -> Self {
        Self { head: GENESIS.into(), lines: 0, store: Store::Memory(String::new()) }
    }

    /// Continues the record in a file, after checking what is in it, or starts one.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(|e| io(path, &e))?;
        file.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => Error::File {
                file: path.into(),
                reason: "another session writes to this record; wait until it has ended, or name \
                         another file"
                    .into(),
            },
            TryLockError::Error(e) => io(path, &e),
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| io(path, &e))?;
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |last| last + 1);
        let (lines, rest) = bytes.split_at(whole);
        // Bytes that are no text break the line that they are in.
        let lines = String::from_utf8_lossy(lines);
        let Verified { lines, head } = verify_lines(lines.lines(), path)?;
        let rest = String::from_utf8_lossy(rest).into_owned();
        let cut = (!rest.is_empty()).then_some((whole as u64, rest));
        Ok(Self { head, lines, store: Store::File { file, path: path.into(), cut } })
    }

    /// Adds a line with these fields.
    pub(crate) fn append(&mut self, event: &str, fields: Map<String, Value>) -> Result<()> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let mut line = Map::new();
        line.insert("line".into(), (self.lines + 1).into());
        line.insert("time".into(), time.into());
        line.insert("event".into(), event.into());
        line.extend(fields);
        if let Store::File { cut: Some((_, rest)), .. } = &self.store {
            line.insert("cut_off".into(), rest.clone().into());
        }
        line.insert("previous".into(), self.head.clone().into());
        let hash = hash(&line);
        line.insert("hash".into(), hash.clone().into());
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        match &mut self.store {
            Store::Memory(all) => all.push_str(&text),
            Store::File { file, path, cut } => cut
                .take()
                .map_or(Ok(()), |(whole, _)| file.set_len(whole))
                .and_then(|()| file.write_all(text.as_bytes()))
                .and_then(|()| file.sync_data())
                .map_err(|e| io(path, &e))?,
        }
        self.head = hash;
        self.lines += 1;
        Ok(())
    }

    /// Everything recorded so far.
    pub(crate) fn text(&self) -> Result<String> {
        match &self.store {
            Store::Memory(all) => Ok(all.clone()),
            Store::File { path, .. } => std::fs::read_to_string(path).map_err(|e| io(path, &e)),
        }
    }
}

/// Checks the chain of a record in a file.
pub fn verify(path: &Path) -> Result<Verified> {
    let file = File::open(path).map_err(|e| io(path, &e))?;
    let mut lines = Vec::new();
    for line in BufReader::new(file).lines() {
        lines.push(line.map_err(|e| io(path, &e))?);
    }
    verify_lines(lines.iter().map(String::as_str), path)
}

/// Checks the chain of a record that was read or never written.
pub fn verify_text(text: &str) -> Result<Verified> {
    verify_lines(text.lines(), Path::new("audit record"))
}

fn verify_lines<'a>(lines: impl Iterator<Item = &'a str>, path: &Path) -> Result<Verified> {
    let mut head = GENESIS.to_owned();
    let mut count = 0;
    for line in lines {
        count += 1;
        let broken =
            |rule: &str| Error::Audit { file: path.into(), line: count, rule: rule.into() };
        let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else {
            return Err(broken(
                "the line is not a JSON object: it was damaged, or cut off by a crash; if it is \
                 the last and has no end, the next session notes that and goes on",
            ));
        };
        let stated = fields.remove("hash");
        if fields.get("line").and_then(Value::as_u64) != Some(count) {
            return Err(broken("the line has another number: lines were removed or added"));
        }
        if fields.get("previous").and_then(Value::as_str) != Some(head.as_str()) {
            return Err(broken("the line does not follow the one before it"));
        }
        head = hash(&fields);
        if stated.as_ref().and_then(Value::as_str) != Some(head.as_str()) {
            return Err(broken("the line was changed: its hash does not match"));
        }
    }
    Ok(Verified { lines: count, head })
}

/// Over the canonical text: keys in alphabetical order, as serde_json's map keeps them.
fn hash(fields: &Map<String, Value>) -> String {
    let text = serde_json::to_string(fields).unwrap_or_default();
    hex(&Sha256::digest(text.as_bytes()))
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn io(path: &Path, error: &std::io::Error) -> Error {
    Error::File { file: path.into(), reason: error.to_string() }
}

const GENESIS: &str = "privity audit v1";

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> String {
        let mut audit = Audit::in_memory();
        for i in 0..4 {
            let mut fields = Map::new();
            fields.insert("op".into(), format!("op{i}").into());
            audit.append("begin", fields).unwrap();
        }
        audit.text().unwrap()
    }

    #[test]
    fn tampering_is_found_at_its_line() {
        let text = record();
        assert_eq!(verify_text(&text).unwrap().lines, 4);
        let line = |text: &str| match verify_text(text) {
            Err(Error::Audit { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        assert_eq!(line(&text.replace("op2", "op9")), 3);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(line(&[lines[0], lines[2], lines[3]].join("\n")), 2);
        assert_eq!(line(&[lines[0], lines[2], lines[1], lines[3]].join("\n")), 2);
        assert_eq!(line(&[lines[0], lines[1], lines[1]].join("\n")), 3);
        assert_eq!(line(&text[..text.len() - 5]), 4);
    }

    #[test]
    fn one_session_at_a_time_writes_and_a_cut_line_is_noted() {
        let path = std::env::temp_dir().join(format!("privity-cut-{}.jsonl", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut audit = Audit::open(&path).unwrap();
        match Audit::open(&path) {
            Err(Error::File { file, reason }) => {
                assert!(file == path && reason.contains("another session"), "{reason}");
            }
            _ => panic!(),
        }
        audit.append("open", Map::new()).unwrap();
        audit.append("begin", Map::new()).unwrap();
        drop(audit);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 9]).unwrap();
        assert!(verify(&path).is_err());
        let mut audit = Audit::open(&path).unwrap();
        audit.append("open", Map::new()).unwrap();
        audit.append("close", Map::new()).unwrap();
        assert_eq!(verify(&path).unwrap().lines, 3);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("cut_off").count(), 1);
        let _ = std::fs::remove_file(&path);
    }

    #[test]
    fn a_file_is_continued_and_refused_once_damaged() {
        let path = std::env::temp_dir().join(format!("privity-audit-{}.jsonl", std::process::id()));
        let _ = std::fs::remove_file(&path);
        for _ in 0..2 {
            let mut audit = Audit::open(&path).unwrap();
            audit.append("open", Map::new()).unwrap();
        }
        assert_eq!(verify(&path).unwrap().lines, 2);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("open", "shut")).unwrap();
        assert!(Audit::open(&path).is_err());
        let _ = std::fs::remove_file(&path);
    }
}
