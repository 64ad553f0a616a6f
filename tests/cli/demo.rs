//! The demo, as a newcomer runs it: actions within seconds, metrics open, an end with a summary.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

fn demo(seconds: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .args(["demo", "--listen", "127.0.0.1:0", "--shoppers", "300", "--speed", "12h", "--seconds", seconds])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the demo listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer is text");
    answer
}

#[test]
fn the_demo_shows_actions_serves_metrics_and_ends_with_a_summary() {
    let mut demo = demo("4");
    let mut lines = BufReader::new(demo.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    let opening = lines.next().expect("the demo says where metrics are");
    let address =
        opening.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").to_owned();
    // The show has begun once the history is there; until then metrics are incomplete.
    let history = lines.next().expect("the demo says when the show begins");
    assert!(history.starts_with("75 days of history simulated"), "{history}");
    let first_action =
        lines.find(|line| !line.starts_with("──")).expect("an action, perhaps after a line about all of it");
    let metrics = get(&address, "/metrics");
    assert!(get(&address, "/healthz").ends_with("ok\n"));
    assert!(opening.contains(&format!("console at http://{address}/,")), "{opening}");
    assert!(get(&address, "/").contains("content-security-policy: default-src 'none'"));
    let json = |path: &str| -> serde_json::Value {
        let answer = get(&address, path);
        serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
    };
    let segments = json("/v1/segments")["segments"].as_array().expect("segments").clone();
    assert!(segments.iter().any(|segment| segment["users"].as_u64() > Some(0)));
    let points = json("/v1/segments/new_visitor/history")["points"].as_array().expect("hours").clone();
    assert!(points.len() > 100 && points.iter().any(|hour| hour["entered"].as_u64() > Some(0)), "{}", points.len());
    assert_eq!(json("/v1/session"), serde_json::json!({"role": "operator", "sign_in": false}));
    let rest: Vec<String> = lines.collect();
    assert!(demo.wait().expect("it ends").success());

    let verbs = [" who entered ", " who left ", " who did "];
    assert!(verbs.iter().any(|verb| first_action.contains(verb)), "{first_action}");
    let actions = rest.iter().filter(|line| line.contains(" to ") && line.contains(" who ")).count();
    assert!(actions >= 5, "only {actions} actions in\n{}", rest.join("\n"));
    for name in ["events", "segments", "campaigns", "took"] {
        assert!(rest.iter().any(|line| line.starts_with(name)), "no `{name}` in the summary:\n{}", rest.join("\n"));
    }
    for name in ["rekindle_growth_active_users", "rekindle_growth_cohort_users", "rekindle_growth_funnel_users"] {
        assert!(metrics.contains(&format!("\n{name}{{")), "{name} is missing:\n{metrics}");
    }
    for name in ["rekindle_events_total", "rekindle_segment_users", "rekindle_decisions_total", "rekindle_build_info"] {
        assert!(metrics.contains(&format!("\n{name}{{")), "{name} is missing:\n{metrics}");
    }
    assert!(metrics.contains("# HELP rekindle_transitions_total "), "no HELP:\n{metrics}");
    let events = metrics.lines().find_map(|line| line.strip_prefix("rekindle_events_total{call=\"track\"} "));
    assert!(events.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count > 1_000), "{events:?}");
}

/// With an explicit address, no other port is used.
#[test]
fn a_port_that_is_asked_for_and_taken_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_rekindle"));
    let done =
        demo.args(["demo", "--seconds", "1", "--shoppers", "10", "--listen", &address]).output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("could not listen on {address}")) && said.contains("--listen"), "{said}");
}

#[test]
fn ctrl_c_ends_the_demo_with_a_summary() {
    let mut demo = demo("120");
    let mut lines = BufReader::new(demo.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    lines.find(|line| line.contains(" who ")).expect("an action");
    let killed = Command::new("kill").args(["-INT", &demo.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let rest: Vec<String> = lines.collect();
    assert!(demo.wait().expect("it ends").success());
    assert!(rest.iter().any(|line| line.starts_with("campaigns")), "no summary:\n{}", rest.join("\n"));
}
