//! Ids: anything that is a string of 1 to 256 bytes is one.

use crate::command::{accepts, lines_of, rejects, view};

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
        "0",
        "null",
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
