//! Text that is not JSON, is JSON of another shape, or only just is JSON.

use crate::bad_input::command::{World, accepts, lines_of, original, rejects, view};

/// A view by u1 that would change its segments, with `more` among its members.
fn with(more: &str) -> Vec<u8> {
    view("u1", 3_600).replacen('{', &format!("{{{more},"), 1).into_bytes()
}

#[test]
fn what_is_not_json_is_rejected() {
    let cut_off = &view("u1", 9)[..40];
    rejects(&[
        (b"what is this", "not_json"),
        (b"{", "not_json"),
        (b"{}}", "not_json"),
        (b"{\"type\":\"track\",}", "not_json"),
        (b"{'type':'track'}", "not_json"),
        (b"{\"a\":[1,]}", "not_json"),
        (b"{\"a\":01}", "not_json"),
        (b"{\"a\":nan}", "not_json"),
        (b"{\"a\":nul}", "not_json"),
        (b"{\"a\":\"\\x41\"}", "not_json"),
        (b"// a comment", "not_json"),
        (cut_off.as_bytes(), "not_json"),
        (format!("{}{}", view("u1", 9), view("u1", 9)).as_bytes(), "not_json"),
        (format!("{},", view("u1", 9)).as_bytes(), "not_json"),
        (&with("\"unknown\":{\"a\":[tru]}"), "not_json"),
    ]);
}

#[test]
fn json_of_another_shape_is_rejected() {
    rejects(&[
        (b"null", "not_an_object"),
        (b"true", "not_an_object"),
        (b"7", "not_an_object"),
        (b"\"track\"", "not_an_object"),
        (b"{}", "unknown_type"),
        (b"{\"kind\":\"transition\",\"user\":\"u1\"}", "unknown_type"),
    ]);
}

#[test]
fn control_characters_are_rejected_but_in_texts_where_they_are_themselves() {
    let nul_in_key = view("u1", 9).replace("\"u1\"", "\"u1\",\0");
    rejects(&[(b"\0", "not_json"), (&[0; 64], "not_json"), (nul_in_key.as_bytes(), "not_json"), (b"\0{}", "not_json")]);
    for (raw, escaped) in [("\0", "\\u0000"), ("\t", "\\t"), ("\u{1b}[2J", "\\u001b[2J"), ("a\rb", "a\\rb")] {
        let journal = accepts(&[view(&format!("u{raw}"), 9).into_bytes()]);
        assert!(!lines_of(&journal, &format!("u{raw}")).is_empty(), "{journal}");
        assert_eq!(journal, accepts(&[view(&format!("u{escaped}"), 9).into_bytes()]));
        assert!(!journal.contains(raw), "the journal escapes it");
    }
}

#[test]
fn invalid_utf8_is_rejected_and_kept_as_base64() {
    let with_bytes = |bytes: &[u8]| [b"{\"userId\":\"", bytes, b"\",\"type\":\"track\"}"].concat();
    // A stray byte, an overlong slash, a surrogate, a cut-off character, one beyond Unicode's end, Latin-1.
    let invalid: [&[u8]; 6] = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82", b"\xf4\x90\x80\x80", b"caf\xe9"];
    let mut lines: Vec<_> = invalid.iter().map(|bytes| with_bytes(bytes)).collect();
    lines.push(b"\xff\xfe{\0}\0".to_vec());
    lines.push([&with("\"unknown\":1")[..], b" \xa0"].concat());
    let lines: Vec<_> = lines.iter().map(|line| (line.as_slice(), "not_json")).collect();
    rejects(&lines);
}

#[test]
fn half_a_surrogate_pair_is_a_replacement_character_wherever_it_stands() {
    let lines = [
        with(r#""unknown":"\udc00""#),
        with(r#""unknown":["a\ud800\ud800"]"#),
        with(r#""unknown":"\ud800\u0041""#),
        with(r#""\udfff":1"#),
        with(r#""context":{"page":{"path":"\ud83d"}}"#),
    ];
    let journal = accepts(&lines);
    assert_eq!(journal, accepts(&vec![view("u1", 3_600).into_bytes(); lines.len()]));
    let journal = accepts(&[view(r"x\ud83d", 9).into_bytes(), view(r"\ud83d\ude00", 9).into_bytes()]);
    assert!(!lines_of(&journal, "x\u{fffd}").is_empty(), "{journal}");
    assert!(!lines_of(&journal, "😀").is_empty(), "a pair is a character: {journal}");
}

#[test]
fn no_number_and_one_beyond_a_double_are_null_wherever_they_stand() {
    let lines = [
        view("u1", 9).replace(":60", ":null"),
        view("u1", 9).replace(":60", ":NaN"),
        view("u1", 9).replace(":60", ":Infinity"),
        view("u1", 9).replace(":60", ":-Infinity"),
        view("u1", 9).replace(":60", ":1e400"),
        view("u1", 9).replace(":60", ":-1e400"),
        view("u1", 9).replace(":60", ":null,\"unread\":[1e309,NaN]"),
        view("u1", 9).replace(":60", ":null,\"unread\":1e99999999999999999999"),
    ];
    let plain = accepts(&[lines[0].clone().into_bytes()]);
    for line in lines {
        assert_eq!(accepts(&[line.clone().into_bytes()]), plain, "{line}");
    }
    rejects(&[
        (b"1e400", "not_an_object"),
        (&with("\"unknown\":+1e400"), "not_json"),
        (&with("\"unknown\":01e400"), "not_json"),
    ]);
}

#[test]
fn the_largest_and_smallest_numbers_are_numbers() {
    let priced = |user: &str, price: &str| view(user, 9).replace(":60", &format!(":{price}")).into_bytes();
    let prices = ["1e24", "1e-400", "-1e308", "0e999999", "123456789012345678901234"];
    let users = ["huge", "tiny", "debt", "nought", "long"];
    let twice = users.iter().zip(prices).flat_map(|(user, price)| [priced(user, price), priced(user, price)]);
    let journal = accepts(&twice.collect::<Vec<_>>());
    let is_pricey = |user: &str| lines_of(&journal, user).iter().any(|record| record["segment"] == "pricey");
    assert_eq!(users.map(is_pricey), [true, false, false, false, true], "{journal}");
}

#[test]
fn ten_thousand_levels_are_rejected_and_127_are_read() {
    let arrays = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let lines = [
        "[".repeat(10_000).into_bytes(),
        objects(10_000).into_bytes(),
        with(&format!("\"unknown\":{}", arrays(10_000))),
        with(&format!("\"unknown\":{}", objects(10_000))),
        with(&format!("\"properties\":{{\"price\":{}}}", arrays(10_000))),
        with(&format!("\"context\":{{\"page\":{}}}", objects(10_000))),
        with(&format!("\"userId\":{}", arrays(10_000))),
        with(&format!("\"unknown\":{}", arrays(127))),
    ];
    let lines: Vec<_> = lines.iter().map(|line| (line.as_slice(), "not_json")).collect();
    rejects(&lines);
    accepts(&[with(&format!("\"unknown\":{}", arrays(126)))]);
    let deep = [arrays(10_000), format!("{{\"a\":{}}}", objects(10_000)), format!("{{\"a\":{}}}", objects(127))];
    let batch = format!("{{\"batch\":[{},{}]}}", deep.join(","), view("u1", 9));
    let (journal, letters) = World::new().journal(batch.as_bytes(), &[]);
    assert_eq!(journal, accepts(&[view("u1", 9).into_bytes()]), "a call of a batch may be as deep as one alone");
    let found: Vec<_> = letters.iter().map(original).collect();
    assert_eq!(found, deep.map(String::into_bytes));
}

#[test]
fn of_equal_keys_the_last_counts() {
    let lines = [
        with("\"userId\":{},\"type\":null,\"timestamp\":\"never\",\"properties\":7"),
        view("nobody", 10).replacen("\"properties\"", "\"userId\":\"u2\",\"properties\"", 1).into_bytes(),
    ];
    let journal = accepts(&lines);
    assert!(!lines_of(&journal, "u1").is_empty() && !lines_of(&journal, "u2").is_empty(), "{journal}");
    assert!(lines_of(&journal, "nobody").is_empty(), "{journal}");
    let properties_then =
        |last: &str| view("u1", 9).replacen("}}", &format!("}},\"properties\":{last}}}"), 1).into_bytes();
    rejects(&[(&properties_then("[1]"), "wrong_type")]);
    let journal = accepts(&[properties_then("{}"), properties_then("null"), properties_then("[]")]);
    assert!(journal.contains("\"seen\"") && !journal.contains("\"shoes\""), "{journal}");
}

#[test]
fn blank_lines_carriage_returns_and_a_byte_order_mark_are_no_events() {
    let world = World::new();
    let (one, two) = (view("u1", 9), view("u2", 10));
    let (expected, _) = world.journal(format!("{one}\n{two}\n").as_bytes(), &[]);
    for same in [
        format!("{one}\r\n{two}\r\n"),
        format!("\u{feff}{one}\n{two}\n"),
        format!("{one}\n\u{feff}{two}\n\u{feff}\n"),
        format!("\u{feff}\r\n\n  \t\n{one}\n\n\n{two}\n\n"),
        format!("  {one}\t\n \r\n{two}"),
    ] {
        let (found, letters) = world.journal(same.as_bytes(), &[]);
        assert!(letters.is_empty(), "{letters:#?}");
        assert_eq!(found, expected, "{same:?}");
    }
    let (_, letters) = world.journal(format!("{one}\u{feff}\n \u{feff}{two}\n").as_bytes(), &[]);
    assert_eq!(letters.len(), 2, "a byte order mark is one at the beginning of a line only");
}
