//! `privity budget` from beginning to end.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{fs, path::Path, process::Command};

/// Whether the command did what it says, and what it wrote.
fn privity(folder: &Path, line: &str) -> (bool, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_privity"))
        .args(line.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    let text = if out.status.success() { out.stdout } else { out.stderr };
    (out.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn budgets_are_granted_and_shown() {
    let folder = std::env::temp_dir().join(format!("privity-budget-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let good = |line: &str| {
        let (ok, text) = privity(&folder, line);
        assert!(ok, "{line}: {text}");
        text
    };
    let bad = |line: &str, word: &str| {
        let (ok, text) = privity(&folder, line);
        assert!(!ok && text.contains(word), "{line}: {text}");
    };
    let loans = "budget grant loans --ledger b.ledger --unit customer --neighbours add-remove";
    bad(&format!("{loans} --epsilon 1"), "there is no ledger");
    good(&format!("{loans} --epsilon 1 --delta 1e-6 --recipient beta=0.5:5e-7 --new"));
    bad(&format!("{loans} --epsilon 1 --new"), "a file already");
    bad(&format!("{loans} --epsilon 1 --recipient beta=2"), "not below");
    bad(&format!("{loans} --epsilon one"), "'one'");
    bad(&format!("{loans} --epsilon 1 --rho 1"), "cannot be used");
    bad(loans, "required");
    good("budget grant stays --ledger b.ledger --unit patient --neighbours replace --rho 0.1");
    let shown = good("budget show --ledger b.ledger");
    for part in ["left epsilon 0.5, delta 5e-7 of", "unit patient", "at delta 1e-6: at most"] {
        assert!(shown.contains(part), "{shown}");
    }
    let head = shown.lines().last().unwrap().strip_prefix("head ").unwrap();
    good(&format!("budget show --ledger b.ledger --head {head}"));
    bad("budget show nothing --ledger b.ledger", "no data set 'nothing'");
    let json: serde_json::Value =
        serde_json::from_str(&good("budget show loans --ledger b.ledger --json")).unwrap();
    assert_eq!(json["data_sets"][0]["total"]["left"]["epsilon"], 1.0);
    assert_eq!(json["data_sets"][0]["recipients"]["beta"]["cap"]["delta"], 5e-7);
    let history = good("budget history --ledger b.ledger --json");
    assert_eq!(history.lines().count(), 3);
    assert!(good("budget history stays --ledger b.ledger").contains("granted rho 0.1"));
    // Begun anew, it does not go on from the head that was noted.
    fs::remove_file(folder.join("b.ledger")).unwrap();
    good(&format!("{loans} --epsilon 1 --new"));
    bad(&format!("budget show --ledger b.ledger --head {head}"), "an older copy");
    fs::write(folder.join("b.ledger"), "text").unwrap();
    bad("budget show --ledger b.ledger", "b.ledger: this is no budget ledger");
    fs::remove_dir_all(&folder).unwrap();
}
