//! Batch envelopes: each call stands for itself.

use crate::command::{World, accepts, original, rejects, view};

#[test]
fn good_calls_of_a_batch_are_applied_and_bad_ones_kept_with_their_own_bytes() {
    let bad: [(&str, &str); 8] = [
        ("{ \"type\" : \"group\", \"userId\":\"u1\" }", "unknown_type"),
        ("{\"type\":\"track\",\"userId\":5}", "wrong_type"),
        ("{\"type\":\"track\",\"timestamp\":\"2026-03-05T09:00:00Z\"}", "no_id"),
        ("{\"type\":\"page\",\"userId\":\"é\",\"timestamp\":\"then\"}", "bad_time"),
        ("7", "not_an_object"),
        ("null", "not_an_object"),
        ("[{}]", "not_an_object"),
        ("{\"batch\":[]}", "wrong_type"),
    ];
    let mut calls = vec![view("u1", 0)];
    for (at, (call, _)) in (1..).zip(&bad) {
        calls.extend([(*call).to_owned(), view(["u1", "u2"][at as usize % 2], at)]);
    }
    let batch = format!(
        "{{\"sentAt\":\"2026-03-05T10:00:00Z\", \"batch\": [ {} ], \"context\":{{}}}}",
        calls.join(" ,\n ").replace('\n', "")
    );
    let good: Vec<_> = calls.iter().step_by(2).map(|call| call.clone().into_bytes()).collect();
    let (journal, letters) = World::new().journal(batch.as_bytes(), &[]);
    assert_eq!(journal, accepts(&good));
    assert_eq!(letters.len(), bad.len(), "{letters:#?}");
    for (letter, (call, reason)) in letters.iter().zip(bad) {
        assert_eq!((&letter["reason"], &letter["line"]), (&reason.into(), &1.into()), "{call}");
        assert_eq!(String::from_utf8_lossy(&original(letter)), call);
    }
}

#[test]
fn a_batch_that_is_not_json_is_rejected_once_and_whole() {
    let lines = [
        format!("{{\"batch\":[{},{{]}}", view("u1", 0)),
        format!("{{\"batch\":[{}", view("u1", 0)),
        format!("{{\"batch\":[{},{{\"unknown\":1e400}}]}}", view("u1", 0)),
        format!("{{\"batch\":[{},{}]}}", view("u1", 0), view("\\ud800", 0)),
        format!("{{\"batch\":[{},]}}", view("u1", 0)),
        format!("{{\"batch\":[{}]}}}}", view("u1", 0)),
    ];
    let lines: Vec<_> = lines.iter().map(|line| (line.as_bytes(), "not_json")).collect();
    rejects(&lines);
}

#[test]
fn a_batch_of_another_shape_is_no_batch() {
    let lines = ["null", "{}", "\"calls\"", "7", "true"].map(|batch| format!("{{\"batch\":{batch}}}"));
    let lines: Vec<_> = lines.iter().map(|line| (line.as_bytes(), "unknown_type")).collect();
    rejects(&lines);
}

#[test]
fn an_empty_batch_is_nothing() {
    let journal =
        accepts(&[b"{\"batch\":[]}".to_vec(), b"{\"batch\":[ ],\"sentAt\":\"2026-03-05T10:00:00Z\"}".to_vec()]);
    assert_eq!(journal, "");
}
