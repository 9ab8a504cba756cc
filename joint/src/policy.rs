//! What a party allows to be done with its columns, for whom. Nothing is
//! allowed unless a rule says so.
//!
//! ```toml
//! min_rows = 100        # smallest number of rows of a joint table; 20 if absent
//! min_cell = 5          # smallest count to open, and rows per class; 5 if absent
//!
//! [[allow]]
//! operation = "align"
//! columns = ["customer_id"]
//! to = ["beta", "bureau"]
//!
//! [[allow]]
//! operation = "fit"
//! columns = ["income", "age"]
//! to = ["beta", "bureau"]   # who learns whether the fit converged
//!
//! [[allow]]
//! operation = "release"
//! what = ["metrics", "model"]
//! columns = ["income", "age"]   # results that these columns went into
//! to = ["alpha", "beta"]
//!
//! [[allow]]
//! operation = "count"
//! columns = ["income", "age"]
//! to = ["beta", "bureau"]
//! budget = "customers"          # the data set of the ledger that pays for it
//! ```
//!
//! Counts are opened with noise, and paid for from the [`ledger`](crate::ledger) of each
//! owner whose columns are used: only a rule with a `budget` allows them, and a column has
//! one budget.
//!
//! An operation is allowed if **one** rule names it and all of this party's
//! columns that it uses or that its input was made of, and all others who learn
//! something by it (`to`). `"*"` stands for every name. By a release its
//! recipients learn something; by split with a fraction, select and transform
//! nobody does; by all other operations everybody does, if only that a column is
//! not constant: [`Op::reveals`](crate::Op::reveals) says what.
//!
//! Of `min_rows` and `min_cell`, the largest of all parties holds for all. No
//! table has fewer rows than `min_rows`, neither an owner's, nor the common one,
//! nor a part of a split. A label needs `min_cell` rows of either class.
//!
//! # What no rule prevents
//! Two tables of many rows may differ in one. Whoever may run operations on both
//! and see the results can take one result from the other. A party also chooses
//! the labels and the split that it brings, and bands may be counted again with
//! other numbers of bands. All parties see and record every operation: agree on
//! one program, and compare it with the record.

use crate::{
    error::{Error, Result},
    op::TELLING,
};
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// The policy of one party.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    min_rows: u64,
    min_cell: u64,
    allow: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    operation: String,
    #[serde(default)]
    what: Vec<String>,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    to: Vec<String>,
    /// The data set of the ledger that is charged.
    budget: Option<String>,
    /// Of [`Policy::allow_all`] alone: counts cost nothing.
    #[serde(skip)]
    free: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_min_rows")]
    min_rows: u64,
    #[serde(default = "default_min_cell")]
    min_cell: u64,
    #[serde(default)]
    allow: Vec<Rule>,
}

fn default_min_rows() -> u64 {
    20
}

fn default_min_cell() -> u64 {
    5
}

/// What is asked of a policy.
pub(crate) struct Request<'a> {
    pub(crate) operation: &'a str,
    /// For releases: "model", "scores", "metrics", "information_values".
    pub(crate) what: Option<&'a str>,
    /// This party's columns.
    pub(crate) columns: BTreeSet<String>,
    /// Others who learn something.
    pub(crate) to: BTreeSet<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self::deny_all()
    }
}

impl Policy {
    /// Refuses every operation.
    pub fn deny_all() -> Self {
        Self { min_rows: default_min_rows(), min_cell: default_min_cell(), allow: Vec::new() }
    }

    /// Allows everything to everybody, for any number of rows: for learning
    /// and for tests.
    pub fn allow_all() -> Self {
        let all = || vec![ANY.to_owned()];
        let rule = Rule {
            operation: ANY.into(),
            what: all(),
            columns: all(),
            to: all(),
            budget: None,
            free: true,
        };
        Self { min_rows: 1, min_cell: 0, allow: vec![rule] }
    }

    /// Reads TOML text.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_from(text, Path::new("policy"))
    }

    /// Reads a TOML file.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::File { file: path.into(), reason: e.to_string() })?;
        Self::parse_from(&text, path)
    }

    fn parse_from(text: &str, path: &Path) -> Result<Self> {
        let file: File = toml::from_str(text).map_err(|e| Error::Config {
            file: PathBuf::from(path),
            rule: e.to_string().trim_end().to_owned(),
            fix:
                "the keys are min_rows, min_cell and [[allow]] with operation, what, columns, to, \
                  budget"
                    .into(),
        })?;
        for rule in &file.allow {
            if rule.operation != ANY && !crate::op::KINDS.contains(&rule.operation.as_str()) {
                return Err(Error::Config {
                    file: PathBuf::from(path),
                    rule: format!("there is no operation '{}'", rule.operation),
                    fix: format!("the operations are: {}", crate::op::KINDS.join(", ")),
                });
            }
            for (word, used, list) in [
                ("to", TELLING.contains(&rule.operation.as_str()), &rule.to),
                ("what", rule.operation == "release", &rule.what),
            ] {
                if rule.operation != ANY && !used && !list.is_empty() {
                    return Err(Error::Config {
                        file: PathBuf::from(path),
                        rule: format!("operation '{}' has no '{word}'", rule.operation),
                        fix: format!("remove '{word}' from this rule"),
                    });
                }
            }
        }
        check_budgets(&file.allow).map_err(|(rule, fix)| Error::Config {
            file: PathBuf::from(path),
            rule,
            fix: fix.into(),
        })?;
        Ok(Self { min_rows: file.min_rows, min_cell: file.min_cell, allow: file.allow })
    }

    /// Smallest number of rows of a joint table.
    pub fn min_rows(&self) -> u64 {
        self.min_rows
    }

    /// Counts below this are not opened, and labels with fewer rows of a class
    /// not used.
    pub fn min_cell(&self) -> u64 {
        self.min_cell
    }

    /// The data set of the ledger that the rule which allows a request charges.
    pub(crate) fn budget(&self, request: &Request<'_>) -> Option<&str> {
        self.allow.iter().find(|rule| rule.covers(request))?.budget.as_deref()
    }

    /// The name of the rule that allows a request, or the refusal of `party`.
    pub(crate) fn check(&self, party: &str, request: &Request<'_>) -> Result<String> {
        if let Some(i) = self.allow.iter().position(|rule| rule.covers(request)) {
            return Ok(format!("allow {}: {}", i + 1, self.allow[i].operation));
        }
        let mut rule = format!(
            "no rule allows operation '{}'{}",
            request.operation,
            request.what.map_or(String::new(), |w| format!(" of '{w}'"))
        );
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
        // Say what stands in the way if a rule for the operation exists.
        let same: Vec<&Rule> = self
            .allow
            .iter()
            .filter(|r| r.operation == ANY || r.operation == request.operation)
            .filter(|r| r.missing(request) > 0)
            .collect();
        if let Some(closest) = same
            .iter()
            .min_by_key(|r| (request.what.is_some_and(|w| !named(&r.what, w)), r.missing(request)))
        {
            rule = format!("the rule for '{}' does not cover", request.operation);
            if let Some(what) = request.what.filter(|w| !named(&closest.what, w)) {
                rule += &format!(" '{what}'");
            }
            let columns = absent(&closest.columns, &request.columns);
            if !columns.is_empty() {
                rule += &format!(" column {}", list(&columns));
            }
            let to = absent(&closest.to, &request.to);
            if !to.is_empty() {
                rule += &format!(" recipient {}", list(&to));
            }
        } else if !request.columns.is_empty() {
            rule += &format!(" on {}", list(&request.columns));
        }
        Err(Error::Refused {
            op: request.operation.into(),
            party: party.into(),
            rule,
            fix: request.toml(),
        })
    }
}

impl Rule {
    fn covers(&self, request: &Request<'_>) -> bool {
        // Counts of this party's columns are paid for, whichever rule comes first.
        let unpaid = request.operation == "count" && !request.columns.is_empty();
        (self.operation == ANY || self.operation == request.operation)
            && self.missing(request) == 0
            && (!unpaid || self.free || self.budget.is_some())
    }

    /// How many names of the request this rule does not cover.
    fn missing(&self, request: &Request<'_>) -> usize {
        usize::from(request.what.is_some_and(|what| !named(&self.what, what)))
            + absent(&self.columns, &request.columns).len()
            + absent(&self.to, &request.to).len()
    }
}

impl Request<'_> {
    /// A rule that would allow this and nothing more.
    fn toml(&self) -> String {
        let quoted = |names: &mut dyn Iterator<Item = &String>| {
            let names: Vec<String> =
                names.map(|n| toml::Value::from(n.as_str()).to_string()).collect();
            format!("[{}]", names.join(", "))
        };
        let mut text = format!("[[allow]]\noperation = \"{}\"\n", self.operation);
        if let Some(what) = self.what {
            text += &format!("what = [\"{what}\"]\n");
        }
        if !self.columns.is_empty() {
            text += &format!("columns = {}\n", quoted(&mut self.columns.iter()));
        }
        if !self.to.is_empty() {
            text += &format!("to = {}\n", quoted(&mut self.to.iter()));
        }
        if self.operation == "count" && !self.columns.is_empty() {
            text += "budget = \"NAME\"\n";
        }
        text
    }
}

/// Rules for counts, and only these, say who pays; and each column has one budget.
fn check_budgets(rules: &[Rule]) -> std::result::Result<(), (String, &'static str)> {
    for rule in rules {
        let counts = rule.operation == "count";
        if rule.budget.is_some() && !counts && rule.operation != ANY {
            return Err((
                format!("operation '{}' has no 'budget'", rule.operation),
                "remove 'budget' from this rule",
            ));
        }
        if rule.budget.is_none() && counts && !rule.columns.is_empty() {
            return Err((
                "a rule for 'count' says which columns and not which budget".into(),
                "add budget = \"NAME\", a data set of this party's ledger: privity budget grant NAME",
            ));
        }
    }
    let paying: Vec<&Rule> = rules.iter().filter(|rule| rule.budget.is_some()).collect();
    for (i, a) in paying.iter().enumerate() {
        for b in paying[i + 1..].iter().filter(|b| a.budget != b.budget) {
            // "*" of either rule meets every column of the other.
            let shared = a.columns.iter().find(|c| *c == ANY || named(&b.columns, c));
            if let Some(column) = shared {
                return Err((
                    format!("counts of column '{column}' are paid from two budgets"),
                    "one budget per column: programs could choose the one that has more left",
                ));
            }
        }
    }
    Ok(())
}

fn named(list: &[String], name: &str) -> bool {
    list.iter().any(|n| n == ANY || n == name)
}

fn absent(list: &[String], wanted: &BTreeSet<String>) -> BTreeSet<String> {
    wanted.iter().filter(|w| !named(list, w)).cloned().collect()
}

const ANY: &str = "*";

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|n| n.to_string()).collect()
    }

    fn request<'a>(
        operation: &'a str,
        what: Option<&'a str>,
        columns: &[&str],
        to: &[&str],
    ) -> Request<'a> {
        Request { operation, what, columns: set(columns), to: set(to) }
    }

    const POLICY: &str = r#"
        min_rows = 100
        [[allow]]
        operation = "fit"
        columns = ["income", "age"]
        [[allow]]
        operation = "release"
        what = ["metrics"]
        columns = ["*"]
        to = ["beta"]
    "#;

    fn refusal(policy: &Policy, r: &Request<'_>) -> (String, String) {
        match policy.check("alpha", r) {
            Err(Error::Refused { rule, fix, .. }) => (rule, fix),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        let (rule, fix) = refusal(&Policy::deny_all(), &request("fit", None, &["age"], &[]));
        assert!(rule.contains("no rule allows operation 'fit' on age"), "{rule}");
        let opened = Policy::parse(&fix).unwrap();
        assert!(opened.check("alpha", &request("fit", None, &["age"], &[])).is_ok());
        assert!(opened.check("alpha", &request("fit", None, &["age", "job"], &[])).is_err());
    }

    #[test]
    fn each_part_of_a_rule_refuses() {
        let policy = Policy::parse(POLICY).unwrap();
        assert_eq!((policy.min_rows(), policy.min_cell()), (100, 5));
        assert!(policy.check("alpha", &request("fit", None, &["age"], &[])).is_ok());
        let release = |what, to: &[&str]| request("release", Some(what), &["age"], to);
        assert!(policy.check("alpha", &release("metrics", &["beta"])).is_ok());
        for (r, word) in [
            (request("fit", None, &["job"], &[]), "column job"),
            (release("model", &["beta"]), "'model'"),
            (release("metrics", &["beta", "gamma"]), "recipient gamma"),
            (request("align", None, &["id"], &["beta"]), "'align'"),
        ] {
            let (rule, fix) = refusal(&policy, &r);
            assert!(rule.contains(word), "{rule}");
            assert!(Policy::parse(&fix).unwrap().check("alpha", &r).is_ok(), "{fix}");
        }
    }

    #[test]
    fn counts_name_a_budget() {
        let rule =
            |more: &str| format!("[[allow]]\noperation = \"count\"\ncolumns = [\"age\"]\n{more}");
        assert!(Policy::parse(&rule("")).is_err());
        let policy = Policy::parse(&rule("budget = \"b\"")).unwrap();
        assert_eq!(policy.budget(&request("count", None, &["age"], &[])), Some("b"));
        assert_eq!(policy.budget(&request("count", None, &["job"], &[])), None);
        // Whatever stands before it.
        let first =
            "[[allow]]\noperation = \"*\"\nwhat = [\"*\"]\ncolumns = [\"*\"]\nto = [\"*\"]\n";
        let policy = Policy::parse(&format!("{first}{}", rule("budget = \"b\""))).unwrap();
        assert_eq!(policy.budget(&request("count", None, &["age"], &[])), Some("b"));
        assert!(
            Policy::parse(first)
                .unwrap()
                .check("a", &request("count", None, &["age"], &[]))
                .is_err()
        );
        assert!(Policy::allow_all().check("a", &request("count", None, &["age"], &[])).is_ok());
        // One budget per column.
        let two = format!("{}\n{}", rule("budget = \"b\""), rule("budget = \"c\""));
        assert!(Policy::parse(&two).unwrap_err().to_string().contains("two budgets"));
        // A party without columns pays nothing.
        assert!(Policy::parse("[[allow]]\noperation = \"count\"\nto = [\"beta\"]").is_ok());
        assert!(Policy::parse("[[allow]]\noperation = \"fit\"\nbudget = \"b\"").is_err());
        let (_, fix) = refusal(&Policy::deny_all(), &request("count", None, &["age"], &[]));
        assert!(Policy::parse(&fix).is_ok(), "{fix}");
    }

    #[test]
    fn unknown_keys_and_operations_are_refused() {
        assert!(Policy::parse("min_row = 3").is_err());
        assert!(Policy::parse("[[allow]]\noperation = \"fitt\"").is_err());
        assert!(Policy::parse("[[allow]]\noperation = \"fit\"\ncolumn = [\"a\"]").is_err());
    }
}
