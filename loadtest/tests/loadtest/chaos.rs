//! Nothing is lost, doubled or out of order, whatever happens to the daemon, its broker or the network: a few faults of
//! each kind, with fixed seeds. `loadtest chaos` does more of the same.
//!
//! They need `rekindle` beside `loadtest`: `cargo test --workspace` builds both.

use std::process::Command;

use serde_json::Value;

/// Runs it; returns what it reports, after checking that all is as it must be.
fn chaos(args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["chaos", "--json", "--rate", "1000"])
        .args(args)
        .output()
        .expect("it starts");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}\n{complaints}"));
    assert!(output.status.success() && report["perfect"] == true, "{report:#}\n{complaints}");
    for wrong in ["duplicates", "lost", "foreign", "out_of_order", "dead_letters"] {
        assert_eq!(report[wrong], 0, "{wrong}");
    }
    assert_eq!(report["received"], report["expected"]);
    assert!(report["expected"].as_u64() > Some(2_000), "next to nothing was expected: {report:#}");
    report
}

#[test]
fn the_daemon_is_killed() {
    let report = chaos(&["--kills", "5", "--seed", "11"]);
    assert_eq!(report["kills"], 5);
}

#[test]
fn the_daemon_and_its_broker_are_killed() {
    let report = chaos(&["--kills", "5", "--broker", "--seed", "12"]);
    assert_eq!([&report["kills"], &report["broker_kills"]], [5, 5]);
}

#[test]
fn the_daemon_is_killed_and_its_network_fails() {
    let report = chaos(&["--kills", "5", "--network", "--seed", "13"]);
    let network: u64 = ["cuts", "stalls", "slowdowns"].iter().filter_map(|kind| report[kind].as_u64()).sum();
    assert_eq!((&report["kills"], network), (&5.into(), 5));
}

#[test]
fn a_daemon_that_was_taken_over_from_is_refused_when_it_wakes_up() {
    let report = chaos(&["--kills", "2", "--zombie=3", "--seed", "15"]);
    assert_eq!([&report["kills"], &report["zombies"], &report["zombies_refused"]], [2, 3, 3]);
}

#[test]
fn the_leader_of_the_outputs_is_killed_in_a_cluster() {
    let report = chaos(&["--kills", "2", "--cluster", "--broker=2", "--seed", "14"]);
    assert_eq!(report["broker_kills"], 2);
}

#[test]
fn options_that_cannot_be_had_are_told() {
    let refused = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_loadtest")).arg("chaos").args(args).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["--rekindle", "/nowhere/rekindle"]).contains("there is no rekindle at /nowhere/rekindle"));
    assert!(refused(&["--cluster", "--network"]).contains("cannot be used with"));
    assert!(refused(&["--rules", "/nowhere/rules.toml"]).contains("could not read /nowhere/rules.toml"));
}
