//! What real SDKs, servers and proxies send that is not what the specification's examples look like.

use crate::bad_input::command::{World, accepts, lines_of, original, view};

/// The segments that a user entered, in order.
fn entered(journal: &str, user: &str) -> Vec<String> {
    let records = lines_of(journal, user).into_iter();
    let entered = records.filter(|record| record["change"] == "enter" && record["cause"] != "time");
    entered.map(|record| record["segment"].as_str().unwrap_or_default().to_owned()).collect()
}

fn journal_under(rules: &str, lines: &[&str]) -> String {
    let world = World::new();
    world.write("rules.toml", rules);
    let (journal, letters) = world.journal(lines.join("\n").as_bytes(), &[]);
    assert!(letters.is_empty(), "{letters:#?}");
    journal
}

#[test]
fn traits_of_an_identify_may_stand_in_its_context() {
    let identify = |user: &str, fields: &str| {
        format!(r#"{{"type":"identify","userId":"{user}","timestamp":"2026-03-05T09:00:00Z",{fields}}}"#)
    };
    let lines = [
        identify("segment", r#""traits":{"tier":"gold"}"#),
        identify("rudder", r#""context":{"traits":{"tier":"gold"}}"#),
        identify("both", r#""traits":{"tier":"gold"},"context":{"traits":{"tier":"tin","a":1}}"#),
        identify("late", r#""context":{"traits":{"tier":"gold"}},"traits":{"tier":"tin"}"#),
        identify("nulled", r#""traits":{"tier":null},"context":{"traits":{"tier":"gold"}}"#),
        identify("empty", r#""traits":[],"context":{"traits":{"tier":"gold"}}"#),
        identify("twice", r#""context":{"traits":{"tier":"gold"}},"context":{"page":{}}"#),
        identify("odd", r#""context":{"traits":"gold"}"#),
        view("track", 0).replacen("\"type\"", r#""context":{"traits":{"tier":"gold"}},"type""#, 1),
    ];
    let journal = accepts(&lines.map(String::into_bytes));
    let gold = |user: &str| entered(&journal, user).contains(&"gold".to_owned());
    let users = ["segment", "rudder", "both", "late", "nulled", "empty", "twice", "odd", "track"];
    assert_eq!(users.map(gold), [true, true, true, false, false, true, false, false, false], "{journal}");
    let taken = [
        identify("u", r#""traits":{"tier":"gold"}"#),
        identify("u", r#""context":{"traits":{"tier":null}}"#).replace("09:00:00", "09:00:01"),
    ];
    let journal = accepts(&taken.map(String::into_bytes));
    assert!(journal.contains(r#""segment":"gold","change":"exit""#), "null takes a trait away: {journal}");
}

const CONTEXT: &str = r#"
[events]
mail = { event = "Viewed", where = "context.campaign.source == 'mail'" }
post = { event = "Viewed", where = "context.campaign.medium == 'post'" }
[[segments]]
id = "mail"
when = "total(mail) > 0"
[[segments]]
id = "post"
when = "total(post) > 0"
[[segments]]
id = "gold"
when = "traits.tier == 'gold'"
"#;

#[test]
fn a_call_takes_what_it_lacks_of_the_envelopes_context_key_by_key() {
    let with = |user: &str, context: &str| view(user, 0).replacen("\"type\"", &format!("{context}\"type\""), 1);
    let identify = r#"{"type":"identify","userId":"named","timestamp":"2026-03-05T09:00:00Z"}"#.to_owned();
    let other = identify.replace("named", "other").replacen('{', r#"{"context":{"traits":{}},"#, 1);
    let calls = [
        with("lacks", ""),
        with("nulls", r#""context":null,"#),
        with("array", r#""context":[],"#),
        with("page", r#""context":{"page":{}},"#),
        with("own", r#""context":{"campaign":{"medium":"post"}},"#),
        with("nulled", r#""context":{"campaign":null},"#),
        identify,
        other,
    ];
    let context = r#"{"campaign":{"source":"mail","a":"\u0041"},"traits":{"tier":"gold"}}"#;
    for envelope in [
        format!(r#"{{"batch":[{}],"context":{context}}}"#, calls.join(",")),
        format!(r#"{{"context":{context},"batch":[{}]}}"#, calls.join(",")),
        format!(r#"{{"context":{context},"a":NaN,"batch":[{}]}}"#, calls.join(" , ")),
    ] {
        let journal = journal_under(CONTEXT, &[&envelope]);
        let expected: [(&str, &[&str]); 8] = [
            ("lacks", &["mail"]),
            ("nulls", &["mail"]),
            ("array", &["mail"]),
            ("page", &["mail"]),
            ("own", &["post"]),
            ("nulled", &[]),
            ("named", &["gold"]),
            ("other", &[]),
        ];
        for (user, segments) in expected {
            assert_eq!(entered(&journal, user), segments, "{user}: {envelope}\n{journal}");
        }
    }
}

#[test]
fn name_and_category_of_a_page_are_properties_where_it_lacks_them() {
    let rules = "[events]\nhome = { type = \"page\", where = \"properties.name == 'Home'\" }\n\
                 shop = { type = \"screen\", where = \"properties.category == 'Shop'\" }\n\
                 [[segments]]\nid = \"home\"\nwhen = \"total(home) > 0\"\n\
                 [[segments]]\nid = \"shop\"\nwhen = \"total(shop) > 0\"\n";
    let call =
        |user: &str, fields: &str| format!(r#"{{{fields},"userId":"{user}","timestamp":"2026-03-05T09:00:00Z"}}"#);
    let lines = [
        call("top", r#""type":"page","name":"Home""#),
        call("before", r#""name":"Home","properties":{"name":null},"type":"Page""#),
        call("own", r#""type":"page","name":"Home","properties":{"name":"Other"}"#),
        call("inside", r#""type":"page","name":"Other","properties":{"name":"Home"}"#),
        call("nulled", r#""type":"page","name":null,"properties":{"name":"Home"}"#),
        call("screen", r#""type":"screen","category":"Shop","name":"Home""#),
        call("track", r#""type":"track","name":"Home","event":"Home""#),
        call("escaped", r#""type":"page","n\u0061me":"Home""#),
    ];
    let journal = journal_under(rules, &lines.each_ref().map(String::as_str));
    for (user, segments) in [
        ("top", &["home"][..]),
        ("before", &["home"]),
        ("own", &[]),
        ("inside", &["home"]),
        ("nulled", &["home"]),
        ("screen", &["shop"]),
        ("track", &[]),
        ("escaped", &["home"]),
    ] {
        assert_eq!(entered(&journal, user), segments, "{user}: {journal}");
    }
}

/// Both are looked into: what is known of one says nothing of the other.
#[test]
fn name_and_category_of_a_page_are_judged_each_for_itself() {
    let rules = "[events]\nhome = { type = \"page\", where = \"properties.name.a == 'x' || properties.category.b == 'y'\" }\n\
                 [[segments]]\nid = \"home\"\nwhen = \"total(home) > 0\"\n";
    let call = |user: &str, fields: &str| {
        format!(r#"{{"type":"page",{fields},"userId":"{user}","timestamp":"2026-03-05T09:00:00Z"}}"#)
    };
    let lines = [call("name", r#""name":{"a":"x"}"#), call("category", r#""category":{"b":"y"}"#)];
    let journal = journal_under(rules, &lines.each_ref().map(String::as_str));
    for user in ["name", "category"] {
        assert_eq!(entered(&journal, user), ["home"], "{user}: {journal}");
    }
}

#[test]
fn a_name_without_an_event_is_every_call_of_its_type() {
    let rules = "[events]\nany = { type = \"track\" }\ndear = { type = \"track\", where = \"properties.price > 50\" }\n\
                 view = \"Viewed\"\n[[segments]]\nid = \"two\"\nwhen = \"total(any) >= 2\"\n\
                 [[segments]]\nid = \"dear\"\nwhen = \"total(dear) >= 2\"\n[[segments]]\nid = \"seen\"\nwhen = \"total(view) >= 2\"\n";
    let journal = journal_under(rules, &[&view("u", 0), &view("u", 1).replace("Viewed", "Else")]);
    assert_eq!(entered(&journal, "u"), ["two", "dear"]);
}

/// Of a file that is one document, however it is laid out.
#[test]
fn a_file_may_be_one_document() {
    let calls: Vec<String> = (0..40).map(|at| view(&format!("u{}", at % 7), at)).collect();
    let pretty = |call: &String| call.replace(',', ",\n    ").replace('{', "{\n    ");
    let expected = accepts(&calls.iter().map(|call| call.clone().into_bytes()).collect::<Vec<_>>());
    let spread: Vec<String> = calls.iter().map(pretty).collect();
    for file in [
        format!("[\n{}\n]\n", calls.join(",\n")),
        format!("\u{feff}\n[{}]", spread.join(",")),
        format!("{{\"batch\": [\n{}\n]}}\n", spread.join("\n,\n")),
        spread.join("\n"),
        format!("[{}]", calls.join(",")),
    ] {
        let (journal, letters) = World::new().journal(file.as_bytes(), &[]);
        assert!(letters.is_empty(), "{file}: {letters:#?}");
        assert_eq!(journal, expected, "{file}");
    }
}

/// An array longer than is held at once; each wrong call has its own line and bytes, and costs nothing else.
#[test]
fn an_array_of_calls_is_read_however_long_it_is() {
    let good: Vec<String> = (0..12_000).map(|at| view(&format!("u{}", at % 50), at / 4)).collect();
    let expected = accepts(&good.iter().map(|call| call.clone().into_bytes()).collect::<Vec<_>>());
    let mut file = "[\n".to_owned();
    for (at, call) in good.iter().enumerate() {
        file += call;
        file += if at + 1 < good.len() { ",\n" } else { "\n]\n" };
        if at == 5_000 {
            file += "{\"a\":1,},\n";
        }
    }
    assert!(file.len() > 2 * (512 << 10), "it is cut into several parts");
    for (file, line) in [(file.clone(), 5_003), (file.replace('\n', " "), 1)] {
        let (journal, letters) = World::new().journal(file.as_bytes(), &["--max-event-bytes", "1000"]);
        assert_eq!(journal, expected);
        let found: Vec<_> = letters.iter().map(|letter| (letter["line"].as_u64(), original(letter))).collect();
        assert_eq!(found, [(Some(line), b"{\"a\":1,}".to_vec())]);
    }
}

/// What only begins like a document is lines: nothing behind it is lost.
#[test]
fn a_line_that_was_cut_off_hides_no_others() {
    let good: Vec<String> = (0..5_000).map(|at| view(&format!("u{}", at % 50), at / 4)).collect();
    let expected = accepts(&good.iter().map(|call| call.clone().into_bytes()).collect::<Vec<_>>());
    let first = view("cut", 0);
    for (cut, rejected) in [
        (&first[..first.len() - 1], &first[..first.len() - 1]),
        (&first[..30], &first[..30]),
        ("{\"a\":{", "{\"a\":{"),
        ("[{\"a\":1},", "{\"a\":1}"),
    ] {
        let file = format!("{cut}\n{}\n", good.join("\n"));
        let (journal, letters) = World::new().journal(file.as_bytes(), &["--max-event-bytes", "2000"]);
        assert_eq!(journal, expected, "{cut}");
        let found: Vec<_> = letters.iter().map(|letter| (letter["line"].as_u64(), original(letter))).collect();
        assert_eq!(found, [(Some(1), rejected.as_bytes().to_vec())], "{cut}");
    }
}
