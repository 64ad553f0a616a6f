//! Ids: anything that is a string of 1 to 256 bytes is one, but for what nobody means; and so is a whole number.

use crate::bad_input::command::{World, accepts, lines_of, rejects, view};

#[test]
fn ids_may_hold_anything() {
    let ids = [
        " ",
        "a b",
        "a.b.c",
        "*",
        ">",
        "a.*.>",
        "用户-一",
        "é",
        "😀",
        "../../etc/passwd",
        "$SYS",
        "00",
        "nullable",
        "\u{202e}x",
    ];
    let lines: Vec<_> = ids.iter().map(|id| view(id, 9).into_bytes()).collect();
    let journal = accepts(&lines);
    for id in ids {
        assert!(lines_of(&journal, id).len() >= 3, "{id:?}: {journal}");
    }
    let escaped = [r"line\nbreak", r#"\"quoted\""#, r"back\\slash", r"\u0001", r"\u007f"];
    let journal = accepts(&escaped.map(|id| view(id, 9).into_bytes()));
    for id in ["line\nbreak", "\"quoted\"", "back\\slash", "\u{1}", "\u{7f}"] {
        assert!(!lines_of(&journal, id).is_empty(), "{id:?}: {journal}");
    }
}

#[test]
fn an_id_has_256_bytes_at_most() {
    let ids = ["x".repeat(256), "é".repeat(128), "用".repeat(85), "\\u0041".repeat(256), "😀".repeat(64)];
    accepts(&ids.map(|id| view(&id, 9).into_bytes()));
    let ids = [
        "x".repeat(257),
        "x".repeat(300),
        "é".repeat(129),
        "用".repeat(86),
        "\\u0041".repeat(257),
        "x".repeat(100_000),
    ];
    let lines = ids.map(|id| view(&id, 9));
    let anonymous = lines.clone().map(|line| line.replacen("userId", "anonymousId", 1));
    let beside = view("u1", 9).replacen("\"type\"", &format!("\"previousId\":\"{}\",\"type\"", "x".repeat(257)), 1);
    let lines: Vec<_> =
        lines.iter().chain(&anonymous).chain([&beside]).map(|line| (line.as_bytes(), "id_too_long")).collect();
    rejects(&lines);
}

#[test]
fn an_empty_id_is_none() {
    let anonymous = view("", 9).replacen("userId", "anonymousId", 1);
    let previous_only = view("p1", 9).replacen("userId", "previousId", 1);
    rejects(&[
        (view("", 9).as_bytes(), "no_id"),
        (anonymous.as_bytes(), "no_id"),
        (view("", 9).replacen("\"type\"", "\"anonymousId\":\"\",\"type\"", 1).as_bytes(), "no_id"),
        (previous_only.as_bytes(), "no_id"),
    ]);
    let journal = accepts(&[view("", 9).replacen("\"type\"", "\"anonymousId\":\"visitor\",\"type\"", 1).into_bytes()]);
    assert!(!lines_of(&journal, "visitor").is_empty(), "{journal}");
}

#[test]
fn a_previous_id_alone_is_enough_for_an_alias_only() {
    let alias = r#"{"type":"alias","previousId":"p1","timestamp":"2026-03-05T09:00:00Z"}"#;
    let journal = accepts(&[alias.as_bytes().to_vec()]);
    assert!(!lines_of(&journal, "p1").is_empty(), "{journal}");
}

#[test]
fn a_whole_number_is_the_id_of_its_digits() {
    let with_number = |number: &str| view("u1", 9).replace("\"u1\"", number).into_bytes();
    for (number, id) in [
        ("12345", "12345"),
        ("12345.0", "12345"),
        ("1.5e1", "15"),
        ("-7", "-7"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551616", "18446744073709551616"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ] {
        assert_eq!(accepts(&[with_number(number)]), accepts(&[view(id, 9).into_bytes()]), "{number}");
    }
    let repeated = view("u1", 9).replacen("\"type\"", "\"messageId\":77,\"type\"", 1);
    let priced = |line: &str| line.replace(":60", ":100").into_bytes();
    let journal = accepts(&[priced(&repeated), priced(&repeated.replace("77", "\"77\""))]);
    assert!(!journal.contains("\"pricey\""), "a message of the same number is the same: {journal}");
    rejects(&[(&with_number(&"9".repeat(257)), "id_too_long"), (&with_number("0"), "no_id")]);
}

#[test]
fn placeholder_ids_count_as_missing_and_link_no_users() {
    let world = World::new();
    let visited = |user: &str, visitor: &str, second| {
        view(user, second).replacen("\"userId\"", &format!("\"anonymousId\":\"{visitor}\",\"userId\""), 1)
    };
    let lines: Vec<_> = ["undefined", "null", "[object Object]", "NaN", "GUEST", "0"]
        .iter()
        .zip(0..)
        .map(|(user, second)| visited(user, &format!("a{second}"), second))
        .collect();
    let others = [visited("u1", "undefined", 10), visited("u2", "Undefined", 11), visited("Null", "0", 12)];
    let events = [lines, others.to_vec()].concat().join("\n");
    let (journal, letters) = world.journal(events.as_bytes(), &["--summary", "summary.json"]);
    assert!(!journal.contains("merged") && !journal.contains("\"undefined\""), "{journal}");
    for id in ["a0", "a1", "a2", "a3", "a4", "a5", "u1", "u2"] {
        assert!(!lines_of(&journal, id).is_empty(), "{id}: {journal}");
    }
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["reason"], "no_id");
    assert!(letters[0]["detail"].as_str().is_some_and(|detail| detail.contains("nobody means")), "{}", letters[0]);
    let summary: serde_json::Value = serde_json::from_str(&world.read("summary.json")).expect("JSON");
    assert_eq!(summary["placeholder_ids"], 10);
    let (journal, letters) = world.journal(events.as_bytes(), &["--placeholder-ids", "u1,U2"]);
    assert!(letters.is_empty() && journal.contains("\"undefined\"") && !journal.contains("\"u1\""), "{journal}");
    let (journal, _) = world.journal(events.as_bytes(), &["--placeholder-ids", ""]);
    assert!(journal.contains("\"undefined\"") && journal.contains("\"u1\""), "{journal}");
}
