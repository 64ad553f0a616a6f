//! Messages: documents over several lines, bodies that stay packed, limits of size, and where rejections occurred.

use super::*;

#[test]
fn rejections_state_their_entry_and_line() {
    let mut fixture = Fixture::new(Clock::Log);
    let lines = format!("{}\nnot json\n", cart("u", "10:00:00"));
    fixture.feed(&[("10:00:00", ""), ("10:00:00", &lines), ("10:00:00", "[7]")]);
    assert_eq!(fixture.rejected, [(1, 1, "not_json"), (2, 0, "not_an_object")]);
}

#[test]
fn a_message_that_is_one_document_over_lines_is_one() {
    let (one, two) = (cart("u", "10:00:00"), cart("v", "10:00:01"));
    let pretty = one.replace(',', ",\n  ").replace('{', "{\n  ");
    let mut plain = Fixture::new(Clock::Log);
    plain.feed(&[("10:00:02", &format!("{one}\n{two}\n{one}"))]);
    assert!(!plain.journal.is_empty());
    for message in [
        format!("[\n{pretty},\n{two}\n,{one}]\n"),
        format!("\u{feff}{{\"batch\":[\n{one}\n,{two}\n,{pretty}]\n}}"),
        format!("\n{one}\n\u{feff}{two}\n\u{feff}\n{one}\n"),
        format!("[{one}]\n[{two},{one}]\n"),
    ] {
        let mut fixture = Fixture::new(Clock::Log);
        fixture.feed(&[("10:00:02", &message)]);
        assert_eq!((&fixture.journal, &fixture.rejected), (&plain.journal, &vec![]), "{message}");
    }
    let mut lines = Fixture::new(Clock::Log);
    lines.feed(&[("10:00:02", &format!("{{\n[]\n{one}\n}}"))]);
    assert_eq!(lines.rejected, [(0, 0, "not_json"), (0, 3, "not_json")], "brackets that match are no document yet");
    let mut fixture = Fixture::new(Clock::Log);
    fixture.feed(&[
        ("10:00:02", &pretty),
        ("10:00:02", &format!("[\n{{}},\n{one},\n{{\"a\":1,}}\n]")),
        ("10:00:02", &two),
    ]);
    assert_eq!(fixture.pipeline.totals().events, 3);
    assert_eq!(fixture.rejected, [(1, 0, "unknown_type"), (1, 0, "not_json")]);
}

/// A body that could not be unpacked is one rejection, with the bytes as they came.
#[test]
fn a_body_that_stays_packed_is_one_rejection() {
    let mut fixture = Fixture::new(Clock::Log);
    for body in [&b"\x1f\x8b\x08\n\n{}\n"[..], b"\x28\xb5\x2f\xfd\n1\n2"] {
        let entry =
            InputEntry { kind: RecordKind::Events, lines: body, received: Some(at("10:00:02")), is_whole: true };
        let mut letters = Vec::new();
        fixture.pipeline.feed_entries(&[entry], &mut |letter| letters.push(letter.rejected), &mut Vec::new());
        let [letter] = letters.as_slice() else { panic!("{letters:?}") };
        assert!(letter.reason.to_string().contains("packed with gzip or zstd"), "{}", letter.reason);
        assert_eq!((letter.reason.code(), letter.original), ("not_json", body));
    }
}

/// What one message can cost is bounded: by its bytes, its lines, its calls, and what the calls share.
#[test]
fn a_message_too_large_is_one_rejection() {
    let limit = 1 << 10;
    let options = PipelineOptions { workers: 1, partitions: 3, max_event_bytes: limit, ..PipelineOptions::default() };
    let call = cart("u", "10:00:00");
    let many = |count: usize| vec![call.clone(); count];
    let context = format!("{{\"a\":\"{}\"}}", "x".repeat(600));
    for (message, events, rejected) in [
        (many(100).join("\n"), 100, 0),
        (format!("{{\"batch\":[{}]}}", many(100).join(",")), 100, 0),
        (format!("[{}]", many(100).join(",\n")), 100, 0),
        (many(16 * limit / call.len() + 1).join("\n"), 0, 1),
        (format!("{{\"batch\":[{}]}}", many(16 * limit / call.len()).join(",")), 0, 1),
        ("\n".repeat(16 * limit), 0, 0),
        (format!("{}{}", " ".repeat(16 * limit), call), 0, 1),
        (format!("{{\"context\":{context},\"batch\":[{}]}}", many(100).join(",")), 100, 0),
        (format!("{{\"context\":{context},\"batch\":[{}]}}", vec!["{}"; 200].join(",")), 0, 200),
    ] {
        let mut pipeline = Pipeline::new(plan(RULES), options.clone()).expect("threads start");
        let entry = InputEntry {
            kind: RecordKind::Events,
            lines: message.as_bytes(),
            received: Some(at("10:00:02")),
            is_whole: true,
        };
        let mut letters = 0;
        pipeline.feed_entries(&[entry], &mut |_| letters += 1, &mut Vec::new());
        let shown = &message[..message.len().min(100)];
        assert_eq!((pipeline.totals().events, letters), (events, rejected), "{} bytes: {shown}", message.len());
    }
}

/// Lines that a mapping made: calls, and behind a mark what it made none of.
#[test]
fn what_a_mapping_makes_no_call_of_is_a_rejection_with_the_original() {
    let mut fixture = Fixture::new(Clock::Log);
    let made = format!("{}\n!{{\"kind\":\"?\"}}\n{}\n", cart("u", "10:00:00"), cart("v", "10:00:01"));
    let mut letters = Vec::new();
    for lines in [made.as_str(), "!!<xml>\n</xml>", ""] {
        let entry = InputEntry {
            kind: RecordKind::Mapped,
            lines: lines.as_bytes(),
            received: Some(at("10:00:02")),
            is_whole: true,
        };
        fixture.pipeline.feed_entries(&[entry], &mut |letter| letters.push(letter), &mut Vec::new());
    }
    let found: Vec<_> =
        letters.iter().map(|letter| (letter.line, letter.rejected.reason.code(), letter.rejected.original)).collect();
    assert_eq!(found, [(1, "not_mapped", &b"{\"kind\":\"?\"}"[..]), (0, "not_mapped", b"<xml>\n</xml>")]);
    assert_eq!(fixture.pipeline.totals().events, 2);
}
