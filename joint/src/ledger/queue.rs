//! Threads that wait for the disk, together.

use super::{entry::Event, file::Store};
use crate::error::{Error, Result};
use std::{
    collections::BTreeMap,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// A store, and the changes that threads wait for. One thread at a time writes all that
/// wait; changes that come meanwhile are for the next.
pub(super) struct Queue {
    store: Mutex<Store>,
    line: Mutex<Line>,
    moved: Condvar,
}

#[derive(Default)]
struct Line {
    writing: bool,
    /// How many changes there were.
    tickets: u64,
    waiting: Vec<(u64, Event)>,
    /// Of those that were written, until their threads take them.
    answers: BTreeMap<u64, Result<u64>>,
}

impl Queue {
    pub(super) fn new(store: Store) -> Self {
        Self { store: Mutex::new(store), line: Mutex::default(), moved: Condvar::new() }
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        // A panic rolls its transaction back, and the state follows what is on disk.
        lock(&self.store)
    }

    /// Adds an event, as [`Store::write`] does.
    pub(super) fn write(&self, event: Event) -> Result<u64> {
        let mut line = lock(&self.line);
        line.tickets += 1;
        let ticket = line.tickets;
        line.waiting.push((ticket, event));
        loop {
            if let Some(answer) = line.answers.remove(&ticket) {
                return answer;
            }
            if !line.writing {
                break;
            }
            line = self.moved.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
        line.writing = true;
        let (tickets, events): (Vec<u64>, Vec<Event>) =
            mem::take(&mut line.waiting).into_iter().unzip();
        drop(line);
        // What others are told if this thread panics: a charge may be there.
        let broken = || Err(Error::Internal("a thread that wrote the ledger ended"));
        let answers = tickets.iter().map(|&ticket| (ticket, broken())).collect();
        let mut turn = Turn { queue: self, answers };
        match self.store().write(&events) {
            Ok(results) => turn.answers.extend(tickets.into_iter().zip(results)),
            Err(error) => turn.answers.values_mut().for_each(|a| *a = Err(again(&error))),
        }
        turn.answers.remove(&ticket).unwrap_or_else(broken)
    }
}

/// A thread's turn to write. When it ends, in whatever way, all that took part are answered.
struct Turn<'a> {
    queue: &'a Queue,
    answers: BTreeMap<u64, Result<u64>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut line = lock(&self.queue.line);
        line.writing = false;
        line.answers.append(&mut self.answers);
        self.queue.moved.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The error of a transaction, for each that took part.
fn again(error: &Error) -> Error {
    match error {
        Error::Ledger { file, kind, rule, fix } => {
            Error::Ledger { file: file.clone(), kind: *kind, rule: rule.clone(), fix: fix.clone() }
        }
        _ => Error::Internal("a transaction failed for another reason than its file"),
    }
}
