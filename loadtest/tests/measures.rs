//! The measurements measure: small ones, of which no figure is compared with a bound.

use std::process::Command;

use serde_json::Value;

fn loadtest(args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest")).args(args).output().expect("it starts");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complaints}");
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}\n{complaints}"))
}

fn is_positive(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.is_finite() && number > 0.0)
}

#[test]
fn engine_reports_every_pass_and_the_state() {
    let report = loadtest(&["engine", "--generate", "20000", "--users", "500", "--rounds", "2", "--json"]);
    assert_eq!([&report["events"], &report["rounds"]], [20_000, 2]);
    for pass in ["memory", "typed", "decode", "engine_1_worker", "engine_2_workers"] {
        assert!(is_positive(&report[pass]["events_per_second"]), "{pass}: {report:#}");
    }
    assert!(report["outputs"].as_u64() > Some(500), "{report:#}");
    let state = &report["state"];
    assert!(state["users"].as_u64() > Some(400) && is_positive(&state["bytes_per_user_beyond_id"]), "{report:#}");
    // What the engine says it holds is most of what the allocator says.
    let own = state["bytes_by_own_count"].as_f64().expect("a number") / state["bytes"].as_f64().expect("a number");
    assert!((0.5..=1.0).contains(&own), "{own}");
}

#[test]
fn engine_counts_idle_users() {
    let state = loadtest(&["engine", "--idle-users", "5000", "--json"]);
    assert_eq!(state["users"], 5_000);
    assert!(is_positive(&state["bytes_per_user_beyond_id"]), "{state:#}");
}

/// Nothing is lost or doubled, and every action that came has a latency.
#[test]
fn nats_reports_the_backlog_and_latencies() {
    let report =
        loadtest(&["nats", "--rate", "500", "--seconds", "4", "--backlog", "20000", "--users", "2000", "--json"]);
    for figure in ["daemon_events_per_second", "no_op_events_per_second", "ratio"] {
        assert!(is_positive(&report["backlog"][figure]), "{report:#}");
    }
    let step = &report["steps"][0];
    assert_eq!([&step["events"], &step["lost"], &step["duplicated"], &step["not_stored"]], [2_000, 0, 0, 0]);
    for latencies in ["action", "echo"] {
        assert!(step[latencies]["count"].as_u64() > Some(20) && is_positive(&step[latencies]["p99_ms"]), "{report:#}");
    }
}
