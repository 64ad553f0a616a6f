//! Rules with mistakes, on the command line: all of them shown, at their places; nothing runs.

use crate::bad_input::command::{Run, World, view};

/// Both commands say the same of these rules.
fn refused(rules: &str, problems: usize, said: &[&str]) {
    let world = World::new();
    world.write("bad.toml", rules);
    world.write("events.jsonl", view("u1", 0));
    let until = "2026-03-06T00:00:00Z";
    let run =
        world.run(&["replay", "--rules", "bad.toml", "--until", until, "--output", "journal.jsonl", "events.jsonl"]);
    assert!(run.stdout.is_empty() && !world.has("journal.jsonl"));
    run.fails_saying(said);
    let check = world.run(&["check", "--rules", "bad.toml"]);
    let shown = Run { code: check.code, stdout: String::new(), stderr: check.stdout };
    shown.fails_saying(said);
    for shown in [&run.stderr, &shown.stderr] {
        let plural = if problems == 1 { "" } else { "s" };
        assert!(shown.trim_end().ends_with(&format!("bad.toml: {problems} problem{plural}")), "{shown}");
        assert_eq!(
            shown.lines().filter(|line| line.starts_with("bad.toml:") && line.matches(':').count() >= 3).count(),
            problems,
            "{shown}"
        );
    }
}

fn segment(id: &str, when: &str) -> String {
    format!("[[segments]]\nid = \"{id}\"\nwhen = \"{when}\"\n\n")
}

const EVENTS: &str = "[events]\nview = \"Viewed\"\n\n";

#[test]
fn a_hundred_errors_are_a_hundred_diagnostics() {
    let segments: String =
        (0..100).map(|at| segment(&format!("s{at}"), &format!("cuont(view, '{at}m') > 1"))).collect();
    refused(
        &format!("{EVENTS}{segments}"),
        100,
        &["bad.toml:6:9", "there is no function `cuont`", "bad.toml:402:9", "count"],
    );
}

#[test]
fn a_segment_below_or_in_a_circle_cannot_be_asked() {
    let forward = segment("first", "in_segment('second')") + &segment("second", "count(view, '1h') > 1");
    refused(&format!("{EVENTS}{forward}"), 1, &["bad.toml:6:", "second"]);
    let cyclic = segment("a", "in_segment('b')") + &segment("b", "in_segment('c')") + &segment("c", "in_segment('a')");
    refused(&format!("{EVENTS}{cyclic}"), 2, &["bad.toml:6:", "bad.toml:10:"]);
    refused(&format!("{EVENTS}{}", segment("own", "in_segment('own')")), 1, &["own"]);
}

#[test]
fn windows_of_nothing_and_of_centuries_are_refused() {
    let windows = ["0s", "0ms", "400y", "146100d", "99999999999999999999d", "", "-1h", "1.5h", "1h1h"];
    let segments: String = (0..)
        .zip(windows)
        .map(|(at, window)| segment(&format!("s{at}"), &format!("count(view, '{window}') > 1")))
        .collect();
    refused(&format!("{EVENTS}{segments}"), windows.len(), &["bad.toml:6:", "bad.toml:18:"]);
}

#[test]
fn an_id_is_given_once() {
    let twice = segment("same", "count(view, '1h') > 1").repeat(3);
    refused(&format!("{EVENTS}{twice}"), 2, &["bad.toml:9:", "bad.toml:13:", "same"]);
}

#[test]
fn text_that_is_no_rules_file_is_refused_with_a_place() {
    refused("this is not TOML", 1, &["bad.toml:1:"]);
    refused("[events]\nview = \"Viewed\n", 1, &["bad.toml:2:"]);
    let world = World::new();
    world.write("bad.toml", b"[events]\n\xff");
    let run = world.run(&["replay", "--rules", "bad.toml", "--until", "2026-03-06T00:00:00Z", "-"]);
    run.fails_saying(&["bad.toml", "not UTF-8"]);
}

#[test]
fn five_hundred_segments_are_none_too_many() {
    let segments: String =
        (0..500).map(|at| segment(&format!("s{at}"), &format!("count(view, '{}m') > {at}", at + 1))).collect();
    let world = World::new();
    world.write("rules.toml", format!("{EVENTS}{segments}"));
    world.write("events.jsonl", view("u1", 0));
    let run = world.replay(&["events.jsonl"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains(r#""segment":"s0","change":"enter""#), "{}", run.stdout);
    let check = world.run(&["check", "--rules", "rules.toml"]);
    assert_eq!(check.code, Some(0));
    assert!(check.stdout.contains("500 segments"), "{}", check.stdout);
}

#[test]
fn a_missing_rules_file_and_wrong_options_are_reported() {
    let world = World::new();
    let check = world.run(&["check", "--rules", "missing.toml"]);
    assert_eq!(check.code, Some(1));
    assert!(check.stdout.contains("cannot read missing.toml"), "{}", check.stdout);
    for wrong in [
        &["--max-event-bytes", "0"][..],
        &["--max-disorder", "soon"],
        &["--partitions", "0"],
        &["--workers", "-1"],
        &["--unknown"],
    ] {
        assert_eq!(world.replay(wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn a_missing_event_name_is_reported_with_the_similar_one_of_the_file() {
    let world = World::new();
    let rules = format!("{EVENTS}{}", segment("s", "total(view) > 1")).replace("Viewed", "Product Veiwed");
    world.write("rules.toml", &rules);
    let events = format!("{}\n{}\n", view("u1", 0), view("u2", 1));
    let name = events.split("\"event\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a track event");
    world.write("events.jsonl", events.replace(name, "Product Viewed"));
    let run = world.replay(&["events.jsonl"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let said = "no event matched `view` (\"Product Veiwed\"); the file has \"Product Viewed\" 2 times";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    world.write("rules.toml", rules.replace("Veiwed", "Viewed"));
    assert!(!world.replay(&["events.jsonl"]).stderr.contains("no event matched"));
}
