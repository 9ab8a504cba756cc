//! One party's view of joint work.

pub(crate) mod agree;
mod align;
mod columns;
pub(crate) mod context;
mod count;
mod hidden;
mod learn;
mod machine;
mod open;
mod ops;
mod results;
mod wire;

use crate::{
    audit::hex,
    error::{Error, Result},
    gate,
    handle::TableId,
    ledger::{self, Ledger, Loss, Measure, Neighbours, Reservation, Round},
    op::{Op, To},
    outcome::{ColumnInfo, Explained, Outcome, Progress, StepCost, Warning},
    party::Party,
    policy::{Policy, Request},
    table::{Schema, Table},
};
use context::Context;
use machine::{Demand, Machine};
use privity_core::{Cancel, params, transcript::Transcript};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, path::Path, time::Instant};
use wire::{Counters, Wire};

/// One party of a running program. Move it into the thread that runs the
/// program; keep a [`Session::cancel_flag`] outside to stop it.
pub struct Session {
    cx: Context,
    machine: Option<Box<dyn Machine>>,
    /// Why the session ended, if it did.
    ended: Option<String>,
    costs: Vec<StepCost>,
    explained: Vec<Explained>,
}

/// What a party would bring to a dry run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The party.
    pub party: Party,
    /// Its policy, against which `explain` checks.
    pub policy: Policy,
    /// Its table, if it owns data.
    pub schema: Option<Schema>,
    /// Rows of its table.
    pub rows: u64,
}

/// What a dry run assumes about the data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assume {
    /// Rows in the intersection; `None` for the smallest table's.
    pub common_rows: Option<u64>,
    /// Share of rows in the first part of a split by column.
    pub first_part: f64,
}

impl Default for Assume {
    fn default() -> Self {
        Self { common_rows: None, first_part: 0.7 }
    }
}

impl Session {
    /// Opens the session that a `party.toml` describes: connects to the
    /// peers, checks that all agree on session, suite and roles.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_cancellable(path, &Cancel::new())
    }

    /// [`Session::open`], which stops within a second when `cancel` is raised;
    /// the flag stays the session's.
    pub fn open_cancellable(path: &Path, cancel: &Cancel) -> Result<Self> {
        open::open(path, cancel)
    }

    /// One session per party, connected in memory. Run each in a thread of its
    /// own, or use [`run_local`].
    pub fn local(parties: &[(Party, Policy)]) -> Result<Vec<Self>> {
        open::local(parties)
    }

    /// One session per party, with neither peers nor data: the same program
    /// yields [`Session::explain`] and [`Session::costs`]. The sessions do not
    /// wait for one another and may run one after the other.
    pub fn dry_run(parties: &[Planned], assume: Assume) -> Result<Vec<Self>> {
        open::dry_run(parties, assume)
    }

    fn new(cx: Context, machine: Box<dyn Machine>) -> Self {
        Self { cx, machine: Some(machine), ended: None, costs: Vec::new(), explained: Vec::new() }
    }

    /// Pays for releases with noise from this ledger, for sessions that are not opened from
    /// a `party.toml`, which names it.
    pub fn pay_from(&mut self, ledger: Ledger) {
        self.cx.ledger = Some(ledger);
    }

    /// This party's name.
    pub fn name(&self) -> &str {
        self.cx.name()
    }

    /// All parties, in the order that all of them know.
    pub fn parties(&self) -> &[Party] {
        &self.cx.parties
    }

    /// Whether this is a dry run: nothing is ever opened.
    pub fn is_dry(&self) -> bool {
        self.cx.dry.is_some()
    }

    /// Takes this party's table in; it stays here. Every party calls it at the
    /// same point of the program: owners with a table, the others and dry runs
    /// with `None`.
    pub fn bind(&mut self, table: Option<Table>) -> Result<TableId> {
        let cx = &self.cx;
        machine(&mut self.machine, &self.ended)?.bind(cx, table)
    }

    /// Runs one operation with the peers: agreement, own policy, record,
    /// protocol, gate.
    ///
    /// If a policy refuses an operation, or all parties find the call wrong, all
    /// of them get an error and the session goes on. After any other error it is
    /// over; so it is after a refusal for what is in somebody's data, which
    /// would otherwise answer any number of questions about them.
    pub fn perform(&mut self, op: Op) -> Result<Outcome> {
        machine(&mut self.machine, &self.ended)?;
        let (start, before) = (Instant::now(), self.counters());
        self.cx.sequence += 1;
        self.cx.op = op.kind();
        let result = self.steps(&op);
        let used = self.counters().since(before);
        if let Err(error) = &result {
            let fatal = match error {
                Error::Data(_) => true,
                Error::Core(_) | Error::Psi(_) | Error::Net(_) => true,
                Error::Divergence { .. } | Error::Internal(_) | Error::File { .. } => true,
                Error::Argument { .. }
                | Error::Dp(_)
                | Error::Config { .. }
                | Error::Refused { .. }
                | Error::PeerStopped { .. }
                | Error::Closed(_)
                | Error::Ledger { .. }
                | Error::Overspent { .. }
                | Error::Audit { .. } => self.cx.data_refused,
            };
            if fatal {
                self.end(error.to_string());
            }
        }
        self.costs.push(StepCost {
            sequence: self.cx.sequence,
            op: op.kind().into(),
            sent: used.sent,
            received: used.received,
            rounds: used.rounds,
            seconds: match self.is_dry() {
                true => 0.0,
                false => start.elapsed().as_secs_f64(),
            },
        });
        result
    }

    /// The steps of `perform`, in the order in which they must happen.
    fn steps(&mut self, op: &Op) -> Result<Outcome> {
        let cx = &mut self.cx;
        let machine = machine(&mut self.machine, &self.ended)?;
        // 1. All parties run the same operation.
        agree::agree(cx, op)?;
        // 2. It can run on this party's data, and its policy allows it.
        let mut opens = BTreeSet::new();
        let (mut reserved, mut needed) = (None, true);
        let verdict = machine.check(cx, op).and_then(|demand| {
            if op.opens() {
                opens.clone_from(&demand.to);
            }
            let rule = allowed(cx, op, &demand);
            explain(cx, op, &demand, &rule, &mut self.explained);
            // A dry run shows what would be refused and goes on.
            if cx.dry.is_some() {
                return Ok("dry run".into());
            }
            let rule = rule?;
            // Without this party's messages nothing is opened, unless it does not compute
            // and its columns are shared already.
            needed = cx.parties[cx.me].computes || !demand.hidden;
            // It is paid for before any data is read.
            reserved = reserve(cx, op, &demand)?;
            Ok(rule)
        });
        // 3. It is on record before anything is sent.
        let recorded = match &verdict {
            Ok(rule) => charged(cx, reserved.as_ref()).and_then(|mut more| {
                more.push(("rule", rule.as_str().into()));
                record(cx, "begin", Some(op), &more)
            }),
            Err(error) => record(cx, "refused", Some(op), &[("reason", reason(error).into())]),
        };
        let consent = match agree::consent(cx, verdict.and(recorded)) {
            Ok(consent) => consent,
            Err(error) => {
                stopped_on_record(cx, &error);
                // This party may have told others that it takes part, and a vote of theirs may
                // be a lie. It has drawn no noise and sent no share: if they need its
                // messages, nothing was released. If the refund fails, it stays charged.
                if let Some(reserved) = reserved.filter(|_| needed) {
                    let _ = reserved.cancel();
                }
                return Err(error);
            }
        };
        let drawing = reserved.map(Reservation::begin);
        // 4. and 5. The protocol; what it opens goes through the gate.
        let permit = gate::permit(&consent, cx, opens);
        cx.report("start", 0.0);
        let result = machine.run(cx, op, permit);
        let outcome = match &result {
            Ok(_) => "done".to_owned(),
            Err(error) => format!("failed: {}", reason(error)),
        };
        let recorded = record(cx, "end", None, &[("outcome", outcome.into())]);
        let mut result = result?;
        recorded?;
        if let Some(Err(error)) = drawing.map(|drawing| drawing.commit()) {
            // The result is out and paid for.
            result.warnings.push(Warning {
                op: op.kind(),
                columns: Vec::new(),
                rule: format!("the ledger could not note that it is finished: {error}"),
                fix: "its history shows the release as unfinished; it is charged all the same"
                    .into(),
            });
        }
        cx.report("done", 1.0);
        Ok(result)
    }

    fn counters(&self) -> Counters {
        let engine = self.machine.as_ref().map(|m| m.counters());
        self.cx.wire.counters().plus(self.cx.used).plus(engine.unwrap_or_default())
    }

    /// Drops the links, so that peers notice at once.
    fn end(&mut self, why: String) {
        // Counters of a dead session would go backwards.
        self.cx.wire = Wire::Closed;
        self.machine = None;
        self.ended = Some(why);
    }

    /// What all parties know about the columns of a joint table.
    pub fn columns(&self, table: TableId) -> Result<Vec<ColumnInfo>> {
        let machine = self.machine.as_ref().ok_or_else(|| closed(&self.ended))?;
        machine.columns(&self.cx, table)
    }

    /// A column of this party's own, in the common order of a joint table, for
    /// instance the identifiers next to which scores are to be stored.
    pub fn own_column(&self, table: TableId, column: &str) -> Result<arrow::array::ArrayRef> {
        let machine = self.machine.as_ref().ok_or_else(|| closed(&self.ended))?;
        machine.own_column(table, column)
    }

    /// The flag that stops this party's work within a second.
    pub fn cancel_flag(&self) -> Cancel {
        self.cx.cancel.clone()
    }

    /// Calls `report` as work goes on, from the thread that runs the program.
    pub fn on_progress(&mut self, report: impl FnMut(Progress) + Send + 'static) {
        self.cx.progress = Some(Box::new(report));
    }

    /// What each operation cost so far.
    pub fn costs(&self) -> &[StepCost] {
        &self.costs
    }

    /// Chooses how to align by these columns: openly if all policies allow `align`,
    /// hidden if not and all allow `align_hidden`. All parties call this at the same
    /// point and get the same answer. They learn which of the two each other's policy
    /// allows.
    pub fn choose_alignment(&mut self, on: &[String]) -> Result<Choice> {
        machine(&mut self.machine, &self.ended)?;
        let chosen = choose(&mut self.cx, on);
        if let Err(error) = &chosen {
            self.end(error.to_string());
        }
        chosen
    }

    /// What each operation so far lets whom learn, and which of this party's
    /// rules allows it.
    pub fn explain(&self) -> &[Explained] {
        &self.explained
    }

    /// The audit record so far, one JSON object per line.
    pub fn audit(&self) -> Result<String> {
        self.cx.audit.text()
    }

    /// Ends the session in agreement with the peers: nobody hangs up on
    /// somebody who is still at work.
    pub fn close(mut self) -> Result<()> {
        if self.machine.is_none() {
            return Ok(());
        }
        self.cx.op = "close";
        self.cx.wire.exchange("joint/close", &[], 0, |_| Vec::new())?;
        record(&mut self.cx, "close", None, &[])
    }
}

/// How a table is to be aligned, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Whether nobody is to learn which rows are common.
    pub hidden: bool,
    /// In plain words.
    pub why: String,
}

fn choose(cx: &mut Context, on: &[String]) -> Result<Choice> {
    let owners = cx.owners();
    let everybody = cx.everybody();
    // Of this party, or of another one in a dry run: bit 0 for open, bit 1 for hidden.
    let may = |cx: &Context, party: usize, policy: &Policy| -> u8 {
        let others = everybody.iter().filter(|&&p| p != party);
        let to: BTreeSet<String> = others.map(|&p| cx.parties[p].name.clone()).collect();
        let columns: BTreeSet<String> = match owners.contains(&party) {
            true => on.iter().cloned().collect(),
            false => BTreeSet::new(),
        };
        let allows = |operation| {
            let request =
                Request { operation, what: None, columns: columns.clone(), to: to.clone() };
            u8::from(policy.check(&cx.parties[party].name, &request).is_ok())
        };
        allows("align") | allows("align_hidden") << 1
    };
    let mine = may(cx, cx.me, &cx.policy);
    let planned: Vec<u8> = match &cx.dry {
        Some(plan) => {
            plan.parties.iter().enumerate().map(|(p, party)| may(cx, p, &party.policy)).collect()
        }
        None => Vec::new(),
    };
    cx.op = "align";
    let told = cx.wire.exchange("joint/variants", &[mine], 1, |p| {
        planned.get(p).copied().into_iter().collect()
    })?;
    let bits: Vec<u8> = told.iter().map(|message| message.first().copied().unwrap_or(0)).collect();
    let first_without = |bit: u8| bits.iter().position(|b| b & bit == 0);
    let protocol = match owners.len() {
        2 => {
            "two owners by VOLE, whatever the sizes and the network: less work and fewer bytes than \
              Diffie-Hellman above a few thousand rows, and checked against a malicious owner"
        }
        _ => "three owners by Diffie-Hellman",
    };
    Ok(match (first_without(1), first_without(2)) {
        (Some(strict), None) if owners.len() == 2 => Choice {
            hidden: true,
            why: format!(
                "hidden: the policy of '{}' does not allow align, and all allow align_hidden; \
                 circuit PSI, then the engine",
                cx.parties[strict].name
            ),
        },
        (None, _) => {
            Choice { hidden: false, why: format!("open: all policies allow it; {protocol}") }
        }
        (Some(strict), _) => Choice {
            hidden: false,
            why: format!(
                "open, which the policy of '{}' does not allow, and hidden is not possible either",
                cx.parties[strict].name
            ),
        },
    })
}

/// Asks this party's policy.
fn allowed(cx: &Context, op: &Op, demand: &Demand) -> Result<String> {
    cx.policy.check(cx.name(), &request(cx, op, demand))
}

fn request<'a>(cx: &Context, op: &'a Op, demand: &Demand) -> Request<'a> {
    let own = demand.sources.iter().filter(|(owner, _)| *owner == cx.me);
    Request {
        operation: op.kind(),
        what: demand.what,
        columns: own.map(|(_, column)| column.clone()).collect(),
        to: cx.others(&demand.to),
    }
}

/// Charges this party's ledger for a release with noise, if it uses its columns.
fn reserve(cx: &Context, op: &Op, demand: &Demand) -> Result<Option<Reservation>> {
    let Some(noise) = op.noise() else { return Ok(None) };
    let request = request(cx, op, demand);
    if request.columns.is_empty() {
        return Ok(None);
    }
    // Only the policy that allows everything names none: it is for learning and for tests.
    let Some(budget) = cx.policy.budget(&request) else { return Ok(None) };
    let refused = |rule: String, fix: &str| Error::Refused {
        op: op.kind().into(),
        party: cx.name().into(),
        rule,
        fix: fix.into(),
    };
    let ledger = cx.ledger.as_ref().ok_or_else(|| {
        refused(
            format!("it charges budget '{budget}', and this party has no ledger"),
            "ledger = \"budget.ledger\"  # in party.toml, or give one to the session",
        )
    })?;
    let mut digest = Transcript::new("privity charged operation");
    digest.append("operation", agree::canonical(cx, op)?.as_bytes());
    let reserved = ledger.reserve(&ledger::Request {
        data_set: budget.into(),
        recipients: request.to.into_iter().collect(),
        // As decimal numbers, so that parts of a budget add up to it.
        cost: Loss::read(
            Measure::Approximate,
            &noise.epsilon.to_string(),
            &noise.delta.to_string(),
            Round::Up,
        )?,
        session: hex(&cx.session),
        operation: digest.digest(),
        note: format!("operation {} of the session: {}", cx.sequence, op.kind()),
    })?;
    // Now that something is charged, the terms cannot change any more.
    if ledger.balance(budget)?.terms.neighbours != Neighbours::Replace {
        reserved.cancel()?;
        return Err(refused(
            format!("the terms of budget '{budget}' are for units that come and go"),
            "# counts protect the values of a row, not its presence: grant the budget with \
             neighbours replace",
        ));
    }
    Ok(Some(reserved))
}

/// What the record says of a charge: its entry, and the end of the ledger's chain, which
/// an older copy of the file does not have.
fn charged(cx: &Context, reserved: Option<&Reservation>) -> Result<Vec<(&'static str, Value)>> {
    match (reserved, &cx.ledger) {
        (Some(reserved), Some(ledger)) => Ok(vec![
            ("charged", reserved.number().into()),
            ("ledger", ledger.head()?.to_string().into()),
        ]),
        _ => Ok(Vec::new()),
    }
}

fn explain(
    cx: &Context,
    op: &Op,
    demand: &Demand,
    rule: &Result<String>,
    explained: &mut Vec<Explained>,
) {
    let names = |parties: &mut dyn Iterator<Item = usize>| -> Vec<String> {
        parties.map(|p| cx.parties[p].name.clone()).collect()
    };
    for disclosure in op.reveals() {
        let to = match (&disclosure.to, op) {
            (_, Op::Release { .. }) => names(&mut demand.to.iter().copied()),
            (To::All, _) => names(&mut (0..cx.parties.len())),
            (To::Owners, _) => names(&mut cx.owners().into_iter()),
            (To::Parties(list), _) => list.clone(),
        };
        explained.push(Explained {
            sequence: cx.sequence,
            op: op.kind().into(),
            what: disclosure.what,
            to,
            allowed_by: rule.as_ref().ok().cloned(),
        });
    }
}

fn record(cx: &mut Context, event: &str, op: Option<&Op>, more: &[(&str, Value)]) -> Result<()> {
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.into(), value);
    put("session", hex(&cx.session).into());
    put("party", cx.name().into());
    put("sequence", cx.sequence.into());
    put("suite", params::SUITE.into());
    put("wire", params::WIRE_VERSION.into());
    put("computational_bits", params::COMPUTATIONAL_BITS.into());
    put("statistical_bits", params::STATISTICAL_BITS.into());
    if let Some(op) = op {
        let op = serde_json::to_value(op).map_err(|_| Error::Internal("no JSON form"))?;
        put("op", op);
    }
    for (key, value) in more {
        put(key, value.clone());
    }
    cx.audit.append(event, fields)
}

/// A peer's refusal ends an operation that this party had on record as begun.
fn stopped_on_record(cx: &mut Context, error: &Error) {
    if matches!(error, Error::PeerStopped { .. } | Error::Core(_)) {
        let outcome = format!("not run: {}", reason(error));
        // The error that is returned matters more than one about the record.
        let _ = record(cx, "end", None, &[("outcome", outcome.into())]);
    }
}

/// An error as the record keeps it: without this party's files and rows.
fn reason(error: &Error) -> String {
    match error {
        Error::PeerStopped { .. } | Error::Core(_) | Error::Psi(_) => error.to_string(),
        other => other.for_peers(),
    }
}

fn machine<'a>(
    machine: &'a mut Option<Box<dyn Machine>>,
    ended: &Option<String>,
) -> Result<&'a mut Box<dyn Machine>> {
    machine.as_mut().ok_or_else(|| closed(ended))
}

fn closed(ended: &Option<String>) -> Error {
    Error::Closed(ended.clone().unwrap_or_default())
}

/// Runs `program` for each party in a thread of its own and returns the
/// results in the order of the parties. If several fail, the error is the one
/// that says most: a party's own before the news of it at its peers.
pub fn run_local<T: Send>(
    parties: &[(Party, Policy)],
    program: impl Fn(&mut Session) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let sessions = Session::local(parties)?;
    let program = &program;
    let results: Vec<Result<T>> = std::thread::scope(|scope| {
        let threads: Vec<_> = sessions
            .into_iter()
            .map(|mut session| {
                scope.spawn(move || {
                    let result = program(&mut session)?;
                    session.close()?;
                    Ok(result)
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|result| result.unwrap_or(Err(Error::Internal("a party's thread panicked"))))
            .collect()
    });
    let mut values = Vec::new();
    let mut worst: Option<Error> = None;
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) if worst.as_ref().is_none_or(|w| rank(&error) < rank(w)) => {
                worst = Some(error);
            }
            Err(_) => {}
        }
    }
    match worst {
        Some(error) => Err(error),
        None => Ok(values),
    }
}

/// How far from the cause an error is.
fn rank(error: &Error) -> u8 {
    match error {
        Error::Closed(_) => 3,
        Error::PeerStopped { .. } => 2,
        Error::Core(e) if e.culprit().is_some() => 2,
        Error::Divergence { .. } => 1,
        _ => 0,
    }
}
