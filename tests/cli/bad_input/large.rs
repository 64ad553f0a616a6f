//! Events larger than is allowed: never a reason to hold more than a few blocks in memory.

use serde_json::Value;

use crate::bad_input::command::{World, original, view};

/// A view with this number of bytes of padding.
fn padded(user: &str, second: u32, padding: usize) -> String {
    view(user, second).replacen("\"type\"", &format!("\"padding\":\"{}\",\"type\"", "x".repeat(padding)), 1)
}

/// Journal, dead letters and peak memory of a log.
fn replayed(events: &str, limit: Option<&str>) -> (String, Vec<Value>, u64) {
    let world = World::new();
    let mut arguments = vec!["--summary", "summary.json", "--workers", "1"];
    arguments.extend(limit.iter().flat_map(|bytes| ["--max-event-bytes", bytes]));
    let (journal, letters) = world.journal(events.as_bytes(), &arguments);
    let summary: Value = serde_json::from_str(&world.read("summary.json")).expect("JSON");
    (journal, letters, summary["peak_memory_bytes"].as_u64().unwrap_or(0))
}

#[test]
fn ten_megabytes_are_rejected_and_the_lines_around_them_read() {
    let (one, two) = (view("u1", 0), view("u2", 1));
    let (expected, ..) = replayed(&format!("{one}\n{two}\n"), None);
    let large = padded("u1", 0, 10 << 20);
    for events in
        [format!("{one}\n{large}\n{two}\n"), format!("{large}\n{one}\n{two}\n"), format!("{one}\n{two}\n{large}")]
    {
        let (found, letters, _) = replayed(&events, None);
        assert_eq!(found, expected);
        assert_eq!(letters.len(), 1);
        let letter = &letters[0];
        let line = 1 + events.lines().position(|line| line == large).expect("it is there");
        assert_eq!((&letter["reason"], &letter["line"]), (&"too_large".into(), &line.into()));
        let detail = format!("the event has {} bytes; `max_event_bytes` is 1048576", large.len());
        assert_eq!(letter["detail"], detail);
        assert_eq!(letter["truncated"], true, "it is never quoted whole");
        assert!(large.as_bytes().starts_with(&original(letter)) && original(letter).len() >= 1 << 16);
    }
}

#[test]
fn the_limit_can_be_raised_and_lowered() {
    let large = padded("u1", 0, 10 << 20);
    let (journal, letters, _) = replayed(&format!("{large}\n{}\n", view("u2", 1)), Some("20000000"));
    assert!(letters.is_empty() && journal.contains("\"u1\""), "{letters:?}");
    let small = view("u1", 0);
    let exact = small.len().to_string();
    let (journal, letters, _) = replayed(&format!("{small}\n{}\n", padded("u2", 1, 1)), Some(&exact));
    assert!(journal.contains("\"u1\"") && !journal.contains("\"u2\""), "{journal}");
    assert_eq!((letters.len(), &letters[0]["reason"]), (1, &"too_large".into()), "one byte too many");
    assert_eq!(original(&letters[0]), padded("u2", 1, 1).as_bytes(), "what fits a block is kept whole");
    let (_, letters, _) = replayed(&format!("{large}\n{small}\n{small}\n"), Some("10"));
    let lines: Vec<_> = letters.iter().map(|letter| letter["line"].as_u64()).collect();
    assert_eq!(lines, [Some(1), Some(2), Some(3)]);
}

#[test]
fn the_limit_is_that_of_each_call() {
    let (one, large, two) = (view("u1", 0), padded("u1", 1, 1_000), view("u2", 2));
    let expected = replayed(&format!("{one}\n{two}\n"), None).0;
    for batch in [
        format!("{{\"batch\":[{one},{large},{two}],\"context\":{{}}}}"),
        format!("{{\"sentAt\":null,\"batch\":[{one},{large}, {two} ]}}"),
        format!("[{one} ,{large},{two}]"),
    ] {
        let (journal, letters, _) = replayed(&batch, Some("200"));
        assert_eq!(journal, expected, "{batch}");
        let found: Vec<_> = letters.iter().map(|letter| (letter["reason"].clone(), original(letter))).collect();
        assert_eq!(found, [("too_large".into(), large.clone().into_bytes())]);
    }
    let many = vec![one.clone(); 30].join(",");
    for whole in [
        format!("{{\"batch\":[{one}],\"context\":{{\"a\":\"{}\"}}}}", "x".repeat(200)),
        format!("{{\"batch\":[{many}]}}"),
    ] {
        let (journal, letters, _) = replayed(&whole, Some("200"));
        assert!(journal.is_empty(), "the envelope is too large, and so is the line: {journal}");
        assert_eq!((letters.len(), &letters[0]["reason"]), (1, &"too_large".into()));
    }
}

#[test]
fn a_line_without_end_takes_no_memory() {
    let small = view("u1", 0);
    let (_, _, plain) = replayed(&format!("{small}\n"), Some("1000"));
    let (journal, letters, peak) = replayed(&format!("{}\n{small}\n", "{\"a\":".repeat(20 << 20)), Some("1000"));
    assert!(journal.contains("\"u1\"") && letters.len() == 1);
    assert!(
        letters[0]["detail"].as_str().is_some_and(|detail| detail.contains("104857600 bytes")),
        "{}",
        letters[0]["detail"]
    );
    assert!(peak < plain + (48 << 20), "100 MiB on one line took {} MiB more", (peak - plain) >> 20);
}
