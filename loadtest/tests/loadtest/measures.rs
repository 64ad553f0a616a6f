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

/// Every size has every figure, nobody is lost in a recovery, and there is a picture of it.
#[test]
fn scale_reports_every_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let plot = folder.path().join("scale.svg");
    let small = ["--users", "1000,3000", "--active", "10", "--events", "20000", "--rounds", "1", "--interval", "0.3"];
    let to = ["--plot", plot.to_str().expect("a text"), "--folder", folder.path().to_str().expect("a text"), "--json"];
    let report = loadtest(&[&["scale"], &small[..], &to[..]].concat());
    assert_eq!([&report["sizes"][0]["users"], &report["sizes"][1]["users"]], [1_000, 3_000]);
    for size in report["sizes"].as_array().expect("sizes") {
        assert_eq!(size["recovered"]["users"], size["users"]);
        for figure in
            ["events_per_second", "resident_bytes", "live_resident_bytes", "peak_bytes", "state_bytes_per_user"]
        {
            assert!(is_positive(&size[figure]), "{figure}: {report:#}");
        }
        for figure in ["base_bytes_per_user", "base_seconds", "delta_bytes", "delta_seconds", "events_per_second"] {
            assert!(is_positive(&size["checkpoint"][figure]), "{figure}: {report:#}");
        }
        assert!(size["checkpoint"]["cost"].as_f64().is_some_and(|cost| cost < 1.0), "{report:#}");
        assert!(is_positive(&size["checkpoint"]["pauses"]["p99_ms"]), "{report:#}");
        assert!(is_positive(&size["recovered"]["seconds"]), "{report:#}");
        // What changed is what the active users are.
        let tenth = size["users"].as_u64().map_or(0, |users| users / 10);
        assert_eq!([&size["active_users"], &size["checkpoint"]["delta_users"]], [tenth; 2]);
    }
    let svg = std::fs::read_to_string(plot).expect("a picture");
    assert!(svg.starts_with("<svg") && svg.contains("Recovery (seconds)"), "{svg}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "checkpoints were left behind");
}

#[test]
fn scale_reports_how_long_events_wait_for_users_who_fall_due() {
    let report = loadtest(&["scale", "--due=20000", "--rate", "500", "--quiet", "1", "--json"]);
    for delays in ["without", "with", "after"] {
        assert!(report[delays]["count"].as_u64() >= Some(300) && is_positive(&report[delays]["p99_ms"]), "{report:#}");
    }
    assert!(is_positive(&report["seconds_until_all_out"]), "{report:#}");
}

#[test]
fn scale_compares_segments() {
    let report = loadtest(&["scale", "--segments", "50,5", "--events", "20000", "--rounds", "2", "--json"]);
    assert_eq!([&report["sizes"][0]["segments"], &report["sizes"][1]["segments"]], [5, 50]);
    assert!(is_positive(&report["ratio"]) && is_positive(&report["sizes"][0]["ns_per_event"]), "{report:#}");
}

/// Answers come both ways, while the engine goes on.
#[test]
fn watching_reports_what_tabs_cost_and_see() {
    let small = ["--tabs", "2", "--rate", "5000", "--users", "1000", "--seconds", "1", "--rounds", "2", "--json"];
    let report = loadtest(&[&["watching"], &small[..]].concat());
    for figure in ["events_per_second", "lines_per_second"] {
        assert!(is_positive(&report[figure]), "{figure}: {report:#}");
    }
    for spread in ["alone_ns_per_event", "watched_ns_per_event", "ratio"] {
        assert!(is_positive(&report[spread]["median"]), "{spread}: {report:#}");
    }
}

#[test]
fn membership_reports_both_ways_to_ask() {
    let small = ["--users", "5000", "--connections", "4", "--seconds", "0.5", "--rounds", "1", "--json"];
    let report = loadtest(&[&["membership"], &small[..]].concat());
    assert!(is_positive(&report["ingest_alone"]), "{report:#}");
    for way in ["in_process", "http"] {
        for figure in ["lookups_per_second", "p50_us", "p999_us", "ingest", "share_in_a_segment"] {
            assert!(is_positive(&report[way][figure]), "{way} {figure}: {report:#}");
        }
    }
}

/// The indexed file and the stream have the same answer, which is why there is a report at all.
#[test]
fn explain_reports_the_indexed_file_and_the_stream() {
    let report = loadtest(&["explain", "--own", "300", "--others", "3000", "--users", "50", "--rounds", "2", "--json"]);
    assert_eq!([&report["own_events"], &report["events"], &report["segments"]], [300, 3_300, 4]);
    for figure in ["start_ms", "file_ms", "stream_ms"] {
        assert!(is_positive(&report[figure]["median"]), "{figure}: {report:#}");
    }
    assert!(report["decisions"].as_u64() > Some(0), "{report:#}");
}

/// The two rule sets differ for somebody: without that it would have failed.
#[test]
fn backtest_reports_both_runs_and_their_ratio() {
    let report = loadtest(&["backtest", "--generate", "20000", "--users", "500", "--rounds", "2", "--json"]);
    assert_eq!([&report["events"], &report["rounds"]], [20_000, 2]);
    for figure in ["replay_seconds", "backtest_seconds", "ratio"] {
        assert!(is_positive(&report[figure]["median"]), "{figure}: {report:#}");
    }
    assert!(report["different_people"].as_u64() > Some(0), "{report:#}");
}

/// Both ways take in events, idle connections are kept, and a killed broker loses nothing.
#[test]
fn collect_reports_both_ways_to_publish() {
    let small = ["--batch", "10", "--clients", "4", "--seconds", "1", "--rounds", "1", "--idle", "50", "--kills", "1"];
    let report = loadtest(&[&["collect"], &small[..], &["--json"]].concat());
    for figure in ["collect_events_per_second", "straight_events_per_second", "ratio", "collect_p99_ms"] {
        assert!(is_positive(&report[figure]["median"]), "{figure}: {report:#}");
    }
    assert_eq!([&report["idle"]["connections"], &report["idle"]["answered"]], [50, 50]);
    let kills = &report["kills"];
    assert_eq!([&kills["kills"], &kills["lost"], &kills["duplicated"]], [1, 0, 0]);
    assert!(kills["acknowledged"].as_u64() > Some(100), "{report:#}");
}

/// Every action comes once and in order.
#[test]
fn deliver_reports_requests_and_memory() {
    let small = ["--messages", "2000", "--users", "300", "--rounds", "1", "--hang", "4"];
    let report = loadtest(&[&["deliver"], &small[..], &["--json"]].concat());
    for figure in ["missing", "duplicated", "out_of_order", "unacknowledged"] {
        assert_eq!(report[figure], 0, "{figure}: {report:#}");
    }
    for figure in ["requests_per_second", "bare_per_second", "processor_us_per_request"] {
        assert!(is_positive(&report[figure]["median"]), "{figure}: {report:#}");
    }
    assert!(
        report["hang"]["requests"].as_u64() > Some(0) && is_positive(&report["hang"]["last_quarter"]),
        "{report:#}"
    );
}

/// Teams are filled, prices fall for everybody, everybody is ranked, and every list has something on it: or it would have failed.
#[test]
fn sharing_reports_every_part() {
    let many =
        ["--events", "20000", "--rows", "2000", "--users", "5000", "--rate", "500", "--quiet", "1", "--rounds", "2"];
    let picks = ["--items", "500", "--touches", "40000", "--asks", "200", "--seconds", "1"];
    let report = loadtest(&[&["sharing"], &many[..], &picks[..], &["--json"]].concat());
    for spread in ["groups", "same_rows_seconds"] {
        assert!(is_positive(&report[spread]["median"]), "{spread}: {report:#}");
    }
    assert_eq!(report["watched"]["entries"], 5_000, "{report:#}");
    assert!(report["taking"]["entries"].as_u64() >= Some(500), "{report:#}");
    for burst in ["watched", "taking"] {
        for delays in ["without", "with", "after"] {
            assert!(is_positive(&report[burst][delays]["p99_ms"]), "{burst} {delays}: {report:#}");
        }
    }
    let picks = &report["picks"];
    assert_eq!([&picks["index_items"], &picks["people"]], [500, 2_000], "{report:#}");
    for figure in ["index_bytes", "state_bytes", "taking_seconds", "beside_events_per_second"] {
        assert!(is_positive(&picks[figure]), "{figure}: {report:#}");
    }
    assert!(picks["over_http"]["count"].as_u64() >= Some(150) && is_positive(&picks["asked"]["p99_ms"]), "{report:#}");
}

#[test]
fn tables_can_be_put_into_a_page() {
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["scale", "--segments", "5", "--events", "1000", "--rounds", "1", "--markdown"])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("`loadtest scale --segments 5") && said.contains("\n|---|---|\n"), "{said}");
}
