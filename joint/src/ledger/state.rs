//! Balances, as they follow from the events, and which event may come next.

use super::{
    entry::{Event, GENESIS, Head, Terms},
    loss::Loss,
};
use crate::{
    error::{Error, Result},
    table::{fit_to_print, listed},
};
use std::collections::BTreeMap;

/// What was spent of a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The cap; for a recipient without one, that of the data set.
    pub cap: Loss,
    /// Finished releases.
    pub committed: Loss,
    /// Charged and not finished: under way, or broken off.
    pub reserved: Loss,
    /// What may still be charged.
    pub left: Loss,
}

impl Account {
    /// Everything that is charged.
    pub fn spent(&self) -> Loss {
        self.committed.plus(&self.reserved)
    }
}

/// What was spent of a data set's budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The data set.
    pub data_set: String,
    /// Its terms.
    pub terms: Terms,
    /// Over all recipients.
    pub total: Account,
    /// By recipient: those with a cap, and those that received anything.
    pub recipients: BTreeMap<String, Account>,
}

/// What follows from the first `entries` rows.
#[derive(Clone)]
pub(super) struct State {
    pub(super) entries: u64,
    pub(super) hash: [u8; 32],
    sets: BTreeMap<String, DataSet>,
    open: BTreeMap<u64, Charge>,
}

#[derive(Clone)]
struct DataSet {
    terms: Terms,
    total: Tally,
    recipients: BTreeMap<String, Tally>,
}

#[derive(Clone, Copy)]
struct Tally {
    committed: Loss,
    reserved: Loss,
}

#[derive(Clone)]
struct Charge {
    data_set: String,
    recipients: Vec<String>,
    cost: Loss,
}

impl State {
    pub(super) fn new() -> Self {
        Self { entries: 0, hash: GENESIS, sets: BTreeMap::new(), open: BTreeMap::new() }
    }

    pub(super) fn head(&self) -> Head {
        Head { entries: self.entries, hash: crate::audit::hex(&self.hash) }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.sets.keys().map(String::as_str)
    }

    pub(super) fn is_open(&self, reservation: u64) -> bool {
        self.open.contains_key(&reservation)
    }

    /// Whether an event says something that is not on record. Terms may be stated again, and
    /// a commit repeated: nobody can have cancelled it, so what is not open was committed.
    pub(super) fn is_news(&self, event: &Event) -> bool {
        match event {
            Event::Granted { data_set, terms } => {
                self.sets.get(data_set).is_none_or(|set| set.terms != *terms)
            }
            Event::Committed { reservation } => self.is_open(*reservation),
            _ => true,
        }
    }

    fn set(&self, name: &str) -> Result<&DataSet> {
        self.sets.get(name).ok_or_else(|| {
            let known = match self.sets.is_empty() {
                true => "it has none yet".into(),
                false => format!("it has {}", listed(self.names())),
            };
            Error::argument(
                "budget",
                format!("the ledger has no data set '{name}'; {known}"),
                "correct the name, or state its terms: privity budget grant",
            )
        })
    }

    pub(super) fn balance(&self, name: &str) -> Result<Balance> {
        let set = self.set(name)?;
        let total = set.total.against(set.terms.cap);
        let names = set.terms.recipients.keys().chain(set.recipients.keys());
        let recipients = names.map(|name| {
            let mut account = set.tally(name).against(set.cap_of(name).unwrap_or(set.terms.cap));
            account.left = account.left.min(&total.left);
            (name.clone(), account)
        });
        Ok(Balance {
            data_set: name.into(),
            terms: set.terms.clone(),
            total,
            recipients: recipients.collect(),
        })
    }

    /// Whether an event may come next. Asked before it is written, and of every row that
    /// is read.
    pub(super) fn check(&self, event: &Event) -> Result<()> {
        match event {
            Event::Created { .. } if self.entries == 0 => Ok(()),
            _ if self.entries == 0 => Err(Error::Internal("a ledger that was never begun")),
            Event::Created { .. } => Err(Error::Internal("a ledger that was begun twice")),
            Event::Granted { data_set, terms } => self.check_terms(data_set, terms),
            Event::Reserved { data_set, recipients, cost, session, note, operation: _ } => {
                let texts = [("session", session), ("note", note)];
                let bad = texts.iter().find(|(_, text)| !text.is_empty() && !fit_to_print(text));
                if let Some((what, _)) = bad {
                    return Err(text_rule(what));
                }
                self.check_charge(data_set, recipients, cost)
            }
            Event::Cancelled { reservation } | Event::Committed { reservation } => {
                match self.is_open(*reservation) {
                    true => Ok(()),
                    false => Err(Error::Internal("a reservation that is not open was ended")),
                }
            }
        }
    }

    fn check_terms(&self, data_set: &str, terms: &Terms) -> Result<()> {
        let texts = [("name of the data set", data_set), ("unit", &terms.unit)];
        let names = terms.recipients.keys().map(|name| ("recipient", name.as_str()));
        if let Some((what, _)) = texts.into_iter().chain(names).find(|(_, t)| !fit_to_print(t)) {
            return Err(text_rule(what));
        }
        let wrong = |rule: String, fix: &str| Err(Error::argument("budget", rule, fix));
        if !terms.cap.in_range() {
            return wrong("the cap is out of range".into(), "give a smaller one");
        }
        if let Some((name, cap)) = terms.recipients.iter().find(|(_, cap)| !cap.fits(&terms.cap)) {
            return wrong(
                format!(
                    "the cap of '{name}', {cap}, is not below that of '{data_set}', {}",
                    terms.cap
                ),
                "lower it, in both coordinates and in the same measure, or raise that of the data set",
            );
        }
        let Some(set) = self.sets.get(data_set) else { return Ok(()) };
        let before = &set.terms;
        let same = (&before.unit, before.neighbours, before.measure())
            == (&terms.unit, terms.neighbours, terms.measure());
        if !same && !set.total.spent().is_zero() {
            return wrong(
                format!(
                    "something is spent of '{data_set}', so its unit, neighbouring relation and \
                     measure stay: unit '{}', {}, {}",
                    before.unit,
                    match before.neighbours {
                        super::Neighbours::AddRemove => "add-remove",
                        super::Neighbours::Replace => "replace",
                    },
                    before.measure().letter(),
                ),
                "state these again; other terms would need other data",
            );
        }
        Ok(())
    }

    /// (1) and (2) of the module.
    fn check_charge(&self, data_set: &str, recipients: &[String], cost: &Loss) -> Result<()> {
        let set = self.set(data_set)?;
        let wrong = |rule: String, fix: &str| Err(Error::argument("budget", rule, fix));
        if cost.measure != set.terms.measure() || !cost.in_range() {
            let rule = format!(
                "the cost of the release, {cost}, is not in the measure of '{data_set}', {}",
                set.terms.measure().letter()
            );
            return wrong(rule, "account for it in that measure");
        }
        if cost.is_zero() {
            let rule = "a release that costs nothing is to be charged".into();
            return wrong(rule, "state its cost; what reveals nothing needs no reservation");
        }
        if recipients.is_empty() {
            return wrong("the release has no recipient".into(), "name all who learn the result");
        }
        for (i, name) in recipients.iter().enumerate() {
            if !fit_to_print(name) {
                return Err(text_rule("recipient"));
            }
            if recipients[..i].contains(name) {
                return wrong(format!("'{name}' receives the release twice"), "name it once");
            }
            if !set.terms.recipients.is_empty() && !set.terms.recipients.contains_key(name) {
                let known = listed(set.terms.recipients.keys().map(String::as_str));
                return wrong(
                    format!("'{name}' has no share of the budget of '{data_set}'; {known} have"),
                    "leave it out, or grant it one: privity budget grant",
                );
            }
        }
        let caps = recipients
            .iter()
            .filter_map(|name| Some((Some(name), set.tally(name), set.cap_of(name)?)));
        for (who, tally, cap) in std::iter::once((None, set.total, set.terms.cap)).chain(caps) {
            if !tally.spent().plus(cost).fits(&cap) {
                let whose = match who {
                    Some(name) => format!("'{name}' of '{data_set}'"),
                    None => format!("'{data_set}'"),
                };
                // A delta that is 0 is said where another one is not: it may be what is missing.
                let left = cap.minus(&tally.spent());
                let text = |loss: &Loss| match loss.units().1 == 0 && cost.units().1 > 0 {
                    true => format!("{loss}, delta 0"),
                    false => loss.to_string(),
                };
                return Err(Error::Overspent {
                    whose,
                    cost: cost.to_string(),
                    left: text(&left),
                    cap: text(&cap),
                });
            }
        }
        Ok(())
    }

    /// Takes in row `entries + 1`, which [`State::check`] allowed.
    pub(super) fn apply(&mut self, event: Event, hash: [u8; 32]) {
        self.entries += 1;
        self.hash = hash;
        match event {
            Event::Created { .. } => {}
            Event::Granted { data_set, terms } => {
                let none = Tally::none(terms.cap);
                let set = self.sets.entry(data_set).or_insert_with(|| DataSet {
                    terms: terms.clone(),
                    total: none,
                    recipients: BTreeMap::new(),
                });
                if set.terms.measure() != terms.measure() {
                    // Nothing is spent, or it would not be allowed.
                    (set.total, set.recipients) = (none, BTreeMap::new());
                }
                set.terms = terms;
            }
            Event::Reserved { data_set, recipients, cost, .. } => {
                self.tallies(&data_set, &recipients, cost, |tally| {
                    tally.reserved = tally.reserved.plus(&cost);
                });
                self.open.insert(self.entries, Charge { data_set, recipients, cost });
            }
            Event::Cancelled { reservation } => {
                self.end(reservation, |tally, cost| {
                    tally.reserved = tally.reserved.minus(cost);
                });
            }
            Event::Committed { reservation } => {
                self.end(reservation, |tally, cost| {
                    tally.reserved = tally.reserved.minus(cost);
                    tally.committed = tally.committed.plus(cost);
                });
            }
        }
    }

    fn end(&mut self, reservation: u64, change: impl Fn(&mut Tally, &Loss)) {
        if let Some(Charge { data_set, recipients, cost }) = self.open.remove(&reservation) {
            self.tallies(&data_set, &recipients, cost, |tally| change(tally, &cost));
        }
    }

    fn tallies(
        &mut self,
        data_set: &str,
        recipients: &[String],
        cost: Loss,
        mut change: impl FnMut(&mut Tally),
    ) {
        if let Some(set) = self.sets.get_mut(data_set) {
            change(&mut set.total);
            for name in recipients {
                change(set.recipients.entry(name.clone()).or_insert(Tally::none(cost)));
            }
        }
    }
}

impl DataSet {
    fn tally(&self, recipient: &str) -> Tally {
        self.recipients.get(recipient).copied().unwrap_or(Tally::none(self.terms.cap))
    }

    fn cap_of(&self, recipient: &str) -> Option<Loss> {
        self.terms.recipients.get(recipient).copied()
    }
}

impl Tally {
    fn none(like: Loss) -> Self {
        let none = Loss::none(like.measure);
        Self { committed: none, reserved: none }
    }

    fn spent(&self) -> Loss {
        self.committed.plus(&self.reserved)
    }

    fn against(&self, cap: Loss) -> Account {
        let Self { committed, reserved } = *self;
        Account { cap, committed, reserved, left: cap.minus(&self.spent()) }
    }
}

fn text_rule(what: &str) -> Error {
    Error::argument(
        "budget",
        format!("the {what} is empty, longer than 256 bytes or not printable"),
        "give a short name without control characters",
    )
}
