//! Batch envelopes: each call stands for itself.

use crate::bad_input::command::{World, accepts, original, rejects, view};

#[test]
fn good_calls_of_a_batch_are_applied_and_bad_ones_kept_with_their_own_bytes() {
    let bad: [(&str, &str); 12] = [
        ("{ \"type\" : \"groop\", \"userId\":\"u1\" }", "unknown_type"),
        ("{\"type\":\"track\",\"userId\":5.5}", "wrong_type"),
        ("{\"type\":\"track\",\"timestamp\":\"2026-03-05T09:00:00Z\"}", "no_id"),
        ("{\"type\":\"page\",\"userId\":\"é\",\"timestamp\":\"then\"}", "bad_time"),
        ("{\"type\":\"track\",\"userId\":\"u1\",\"properties\":{\"total\":1,}}", "not_json"),
        ("{'type':'track'}", "not_json"),
        ("{\"userId\":\"\\x41\"}", "not_json"),
        ("undefined", "not_json"),
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
fn one_call_that_is_no_text_costs_the_others_nothing() {
    let (one, two) = (view("u1", 0), view("u2", 1));
    for broken in [&b"{\"userId\":\"caf\xe9\"}"[..], b"{\"a\":\"\xff\xfe\"}", b"\x00"] {
        let batch = [b"{\"batch\":[", one.as_bytes(), b",", broken, b" ,", two.as_bytes(), b"]}"].concat();
        let (journal, letters) = World::new().journal(&batch, &[]);
        assert_eq!(journal, accepts(&[one.clone().into_bytes(), two.clone().into_bytes()]));
        assert_eq!(letters.iter().map(original).collect::<Vec<_>>(), [broken]);
    }
}

#[test]
fn what_clients_write_is_read_in_each_call() {
    let lenient = view("u1", 0).replace(":60", ":NaN").replace("shoes", "sho\tes\\ud83d");
    let strict = view("u1", 0).replace(":60", ":null").replace("shoes", "sho\\tes\\ufffd");
    let batch =
        |call: &str| format!("{{\"batch\":[{call},{}],\"context\":{{\"a\":Infinity}}}}", view("u2", 1)).into_bytes();
    assert_eq!(accepts(&[batch(&lenient)]), accepts(&[strict.into_bytes(), view("u2", 1).into_bytes()]));
}

#[test]
fn a_batch_whose_brackets_or_surroundings_are_wrong_is_rejected_once_and_whole() {
    let lines = [
        format!("{{\"batch\":[{},{{]}}", view("u1", 0)),
        format!("{{\"batch\":[{}", view("u1", 0)),
        format!("{{\"batch\":[{},]}}", view("u1", 0)),
        format!("{{\"batch\":[{},,{}]}}", view("u1", 0), view("u1", 1)),
        format!("{{\"batch\":[{},{{\"a\":\"}}]}}", view("u1", 0)),
        format!("{{\"batch\":[{}]}}}}", view("u1", 0)),
        format!("{{\"batch\":[{}],\"context\":{{,}}}}", view("u1", 0)),
        format!("{{'sentAt':0,\"batch\":[{}]}}", view("u1", 0)),
        format!("[{}", view("u1", 0)),
        format!("[{}]]", view("u1", 0)),
        format!("[{},]", view("u1", 0)),
    ];
    let lines: Vec<_> = lines.iter().map(|line| (line.as_bytes(), "not_json")).collect();
    rejects(&lines);
}

#[test]
fn an_array_of_calls_is_a_batch_without_an_envelope() {
    let calls = [view("u1", 0), view("u2", 1), view("u1", 2)];
    let expected = accepts(&calls.clone().map(String::into_bytes));
    assert_eq!(accepts(&[format!(" [ {} ] ", calls.join(" , ")).into_bytes()]), expected);
    let (journal, letters) = World::new().journal(format!("[{},7,[]]", calls.join(",{},")).as_bytes(), &[]);
    assert_eq!(journal, expected);
    let found: Vec<_> =
        letters.iter().map(|letter| (letter["reason"].as_str().unwrap_or(""), original(letter))).collect();
    let reasons = [("unknown_type", "{}"), ("unknown_type", "{}"), ("not_an_object", "7"), ("not_an_object", "[]")];
    assert_eq!(found, reasons.map(|(reason, text)| (reason, text.as_bytes().to_vec())));
}

#[test]
fn a_batch_of_another_shape_is_no_batch() {
    let lines = ["null", "{}", "\"calls\"", "7", "true"].map(|batch| format!("{{\"batch\":{batch}}}"));
    let lines: Vec<_> = lines.iter().map(|line| (line.as_bytes(), "unknown_type")).collect();
    rejects(&lines);
}

#[test]
fn an_empty_batch_is_nothing() {
    let journal = accepts(&[
        b"[]".to_vec(),
        b"[ ]".to_vec(),
        b"{\"batch\":[]}".to_vec(),
        b"{\"batch\":[ ],\"sentAt\":\"2026-03-05T10:00:00Z\"}".to_vec(),
    ]);
    assert_eq!(journal, "");
}
