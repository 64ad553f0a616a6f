//! What rejection leaves behind, and what it leaves alone: the watermark above all.

use serde_json::Value;

use crate::bad_input::command::{World, original, view};

/// `view` with a messageId and an own time.
fn stamped(user: &str, message: &str, time: &str) -> String {
    view(user, 0).replace("2026-03-05T09:00:00Z", time).replacen(
        "\"type\"",
        &format!("\"messageId\":\"{message}\",\"type\""),
        1,
    )
}

/// The time at which u2's segment `seen` changed: the watermark when its event came, where that is later than its own.
fn entered_at(world: &World, second_line: &str) -> Value {
    let lines = [
        stamped("u1", "m1", "2026-03-05T09:00:00Z"),
        second_line.to_owned(),
        stamped("u2", "m2", "2026-03-05T09:00:00Z"),
    ];
    let (journal, _) = world.journal(lines.join("\n").as_bytes(), &[]);
    let records = crate::bad_input::command::lines_of(&journal, "u2");
    records.iter().find(|record| record["segment"] == "seen").expect("u2 is seen")["at"].clone()
}

#[test]
fn rejected_lines_do_not_move_the_watermark() {
    let world = World::new();
    let ahead = stamped("u1", "m9", "2026-03-05T12:00:00Z");
    for rejected in [
        ahead.replace("track", "groop"),
        ahead.replace("\"u1\"", "7.5"),
        ahead.replace("\"u1\"", "\"undefined\""),
        ahead.replace("\"u1\"", "\"\""),
        ahead.replace(":60", ":01e400"),
        ahead.replace("2026-03-05T12:00:00Z", "2026-03-06T00:00:01Z"),
        format!("{ahead}{ahead}"),
        format!("{{\"batch\":[{ahead},{{\"a\":tru]}}"),
        format!("{{\"batch\":[{{\"a\":tru}},{}]}}", ahead.replace("\"u1\"", "\"\"")),
    ] {
        assert_eq!(entered_at(&world, &rejected), "2026-03-05T09:00:00.000Z", "{rejected}");
    }
    assert_eq!(entered_at(&world, &ahead), "2026-03-05T11:59:55.000Z", "an accepted one does");
}

#[test]
fn a_duplicate_moves_the_watermark() {
    let world = World::new();
    let duplicate = stamped("u1", "m1", "2026-03-05T09:05:00Z");
    assert_eq!(entered_at(&world, &duplicate), "2026-03-05T09:04:55.000Z");
    let (_, letters) = world.journal(format!("{duplicate}\n{duplicate}\n").as_bytes(), &["--summary", "s.json"]);
    assert!(letters.is_empty(), "a duplicate is no rejection: {letters:?}");
    let summary: Value = serde_json::from_str(&world.read("s.json")).expect("JSON");
    assert_eq!(summary["duplicates"], 1, "{summary}");
}

#[test]
fn rejections_are_counted_by_reason() {
    let world = World::new();
    let lines = ["{", "7", "{}", "", "}", &view("u1", 0)].join("\n");
    world.write("events.jsonl", lines);
    let run = world.replay(&["events.jsonl", "--summary", "summary.json"]);
    assert_eq!(run.code, Some(0), "bad events are no failure: {}", run.stderr);
    for said in
        ["1 accepted, 4 rejected", "rejected not_json: 2", "rejected not_an_object: 1", "rejected unknown_type: 1"]
    {
        assert!(run.stderr.contains(said), "{said}: {}", run.stderr);
    }
    let summary: Value = serde_json::from_str(&world.read("summary.json")).expect("JSON");
    let expected = serde_json::json!({"not_json": 2, "not_an_object": 1, "unknown_type": 1});
    assert_eq!(summary["rejected_by_reason"], expected);
}

#[test]
fn every_dead_letter_says_what_is_wrong_and_where() {
    let world = World::new();
    world.write("one.jsonl", format!("{}\nnonsense", view("u1", 0)));
    world.write("two.jsonl", format!("\n\n{}\n{{\"type\":\"groop\"}}\n", view("u2", 1)));
    let run = world.replay(&["one.jsonl", "two.jsonl", "--dead-letters", "rejects.jsonl"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let letters: Vec<Value> =
        world.read("rejects.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let places: Vec<_> = letters.iter().map(|letter| (letter["file"].as_str(), letter["line"].as_u64())).collect();
    assert_eq!(places, [(Some("one.jsonl"), Some(2)), (Some("two.jsonl"), Some(4))]);
    assert_eq!(letters[1]["detail"], "`type` is groop; it must be track, identify, alias, page, screen or group");
    assert_eq!(original(&letters[0]), b"nonsense");
}

#[test]
fn rejected_events_mended_and_fed_again_are_whole() {
    let world = World::new();
    let odd = format!("{}\r", view("ü\\u0000\\n", 0).replace("track", "Track!"));
    let (_, letters) = world.journal(format!("{odd}\n").as_bytes(), &[]);
    let mended = String::from_utf8(original(&letters[0])).expect("text").replace("Track!", "track");
    let (journal, letters) = world.journal(mended.as_bytes(), &[]);
    assert!(letters.is_empty() && journal.contains("\"seen\""), "{journal}");
}

/// A line of a file is what a message is on NATS: what it holds makes no more letters than a batch has calls.
#[test]
fn one_line_makes_a_hundred_letters_and_a_count_and_many_lines_make_one_each() {
    let world = World::new();
    let calls = vec!["1"; 20_000].join(",");
    let lines = format!("{{\"batch\":[{calls}]}}\n{}", "2\n".repeat(50));
    let (_, letters) = world.journal(lines.as_bytes(), &["--summary", "s.json"]);
    let of = |line: u64| letters.iter().filter(move |letter| letter["line"] == line);
    assert_eq!((letters.len(), of(1).count()), (151, 101));
    let rest = of(1).next_back().expect("the rest");
    assert_eq!((&rest["count"], &rest["reasons"]["not_an_object"]), (&19_900.into(), &19_900.into()));
    assert!((2..52).all(|line| of(line).count() == 1), "a line is never left out");
    let summary: Value = serde_json::from_str(&world.read("s.json")).expect("JSON");
    assert_eq!(summary["rejected_by_reason"]["not_an_object"], 20_050);
}
