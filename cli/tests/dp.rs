//! `privity dp`: what is said is what the library does, and wrong parameters are named.
#![allow(missing_docs, clippy::unwrap_used)]

use serde_json::Value;
use std::process::Command;

fn privity(line: &str) -> (Option<i32>, String) {
    let out =
        Command::new(env!("CARGO_BIN_EXE_privity")).args(line.split_whitespace()).output().unwrap();
    let text = if out.status.success() { out.stdout } else { out.stderr };
    (out.status.code(), String::from_utf8(text).unwrap())
}

fn said(line: &str) -> String {
    let (code, text) = privity(&format!("dp {line}"));
    assert_eq!(code, Some(0), "{line}: {text}");
    text
}

fn json(line: &str) -> Value {
    serde_json::from_str(&said(&format!("{line} --json"))).unwrap()
}

fn close(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!((value / expected - 1.0).abs() < 0.02, "{value} is not {expected}");
}

#[test]
fn noise_and_intervals_are_said_before_anything_is_spent() {
    let text = said("explain mean --lower 0 --upper 100 --epsilon 1 --rows 10000");
    for part in ["neighbours add-remove", "cost: epsilon 1", "standard deviation 141.4,", "0.95"] {
        assert!(text.contains(part), "{text}");
    }
    // Two sums, each with scale 100: off by 100 ln(2 / 0.05) in the sums, by a ten
    // thousandth of that in the mean.
    let mean = json("explain mean --lower 0 --upper 100 --epsilon 1 --rows 10000");
    close(&mean["half_width"], 100.0 * 40f64.ln() / 1e4);
    let replace = "explain mean --lower -50 --upper 50 --epsilon 1 --rows 10000 --level 0.9";
    let mean = json(&format!("{replace} --neighbours replace"));
    close(&mean["half_width"], 100.0 * 10f64.ln() / 1e4);
    assert_eq!(mean["parts"][0]["coordinates"], 1);
    close(&mean["cost"]["epsilon"], 1.0);

    assert_eq!(json("explain count --epsilon 0.1")["half_width"], 30.0);
    close(&json("explain sum --lower 0 --upper 8 --rho 0.5")["half_width"], 8.0 * 1.96);
    let histogram = json("explain histogram --bins 50 --rho 0.1 --neighbours replace");
    assert!(histogram["half_width_of_all"].as_f64() > histogram["half_width"].as_f64());
    // Sigma^2 = 2 / (2 * 0.1) = 10: less than what rho alone says.
    assert!(histogram["at_delta"]["epsilon"].as_f64().unwrap() < 2.5);
    let quantile = json("explain quantile --lower 0 --upper 1e6 --epsilon 0.5 --rows 100000");
    assert!((1.0..200.0).contains(&quantile["rank_error"].as_f64().unwrap()));
    let variance = json("explain variance --lower 0 --upper 10 --epsilon 1 --rows 100000");
    assert!((1e-4..0.1).contains(&variance["half_width"].as_f64().unwrap()));
}

#[test]
fn gaussian_noise_keeps_the_epsilon_that_was_asked_for() {
    let count = json("explain count --epsilon 1 --delta 1e-6");
    let kept = count["at_delta"]["epsilon"].as_f64().unwrap();
    assert!((0.8..=1.0).contains(&kept), "{kept}");
    assert_eq!(count["at_delta"]["delta"], 1e-6);
}

#[test]
fn counts_of_joint_tables_are_explained() {
    let shares = json("explain counts --margins 64 --epsilon 0.5 --delta 1e-6 --cells 100");
    let joint = json("explain counts --margins 64 --epsilon 0.5 --delta 1e-6 --joint");
    let deviation = |said: &Value| said["deviation"].as_f64().unwrap();
    // Three parties, of which one knows its own share: 1.5 times the variance.
    close(&shares["deviation"], deviation(&joint) * 1.5f64.sqrt());
    close(&joint["half_width"], 1.96 * deviation(&joint));
    close(&shares["half_width"], 1.96 * deviation(&shares));
    close(&shares["half_width_of_all"], 3.48 * deviation(&shares));
    assert!(shares["loses"]["epsilon"].as_f64().unwrap() <= 0.5);
    let pure = said("explain counts --margins 1 --epsilon 1");
    assert!(pure.contains("discrete Laplace shares, of which scale 2"), "{pure}");
}

#[test]
fn many_uses_are_accounted() {
    let sgd = json("account --gaussian 1 --rate 0.01 --times 1000 --delta 1e-5");
    let epsilon = sgd["epsilon"].as_f64().unwrap();
    assert!((1.818..1.829).contains(&epsilon), "{epsilon}");
    let basic = json("account --pure 0.1 --times 20 --delta 1e-9 --method basic");
    close(&basic["epsilon"], 2.0);
    let delta = json("account --gaussian 1 --at-epsilon 1");
    close(&delta["delta"], 0.1269);
    assert!(said("account --laplace 2 --times 3 --delta 1e-6").contains("3 time(s)"));
}

#[test]
fn wrong_parameters_are_named() {
    for (line, code, word) in [
        ("explain mean --lower 1 --upper 0 --epsilon 1 --rows 5", 1, "lower must be below upper"),
        ("explain mean --lower 0 --upper 1 --epsilon 1 --rows 0", 2, "--rows"),
        ("explain mean --lower 0 --upper 1 --rows 5", 2, "--epsilon"),
        ("explain count --epsilon 1 --rho 1", 2, "cannot be used with"),
        ("explain count --epsilon 0", 1, "epsilon: it must be"),
        ("explain count --epsilon 1 --level 1", 1, "--level"),
        ("explain count --epsilon 1 --unit-rows 0", 1, "contributions"),
        ("explain histogram --bins 0 --epsilon 1", 1, "bins"),
        ("explain quantile --lower 0 --upper 1 --rho 1", 1, "must be pure"),
        ("explain counts --margins 0 --epsilon 1", 1, "number of margins"),
        ("explain counts --margins 1 --epsilon 1 --joint", 1, "--joint needs a --delta"),
        ("account --gaussian 1", 2, "--delta"),
        ("account --delta 1e-5", 2, "--gaussian"),
        ("account --gaussian -1 --delta 1e-5", 2, "--gaussian"),
        ("account --gaussian 1 --delta 2", 1, "delta"),
        ("account --gaussian 1 --rate 2 --delta 1e-5", 1, "rate"),
        ("account --gaussian 1 --delta 1e-5 --method basic", 1, "another method"),
        ("explain", 2, "Usage"),
    ] {
        let (status, text) = privity(&format!("dp {line}"));
        assert_eq!(status, Some(code), "{line}: {text}");
        assert!(text.contains(word), "{line}: {text}");
    }
    let (code, help) = privity("dp explain --help");
    assert_eq!(code, Some(0));
    assert!(help.contains("privity dp explain mean --lower 0"), "{help}");
}
