//! Wrong files: keys, ids, values, and what refers to what.

use rstest::rstest;

use super::{only_problem, problems};
use crate::diagnostics;
use crate::rules::compile;

#[rstest]
#[case::unknown_top_key("segment = 3", "unknown key `segment` in the rules", "segment", "did you mean `segments`?")]
#[case::unknown_zone(
    "timezone = 'Europe/Berln'",
    "there is no time zone `Europe/Berln`",
    "'Europe/Berln'",
    "did you mean `Europe/Berlin`?"
)]
#[case::zone_by_city(
    "timezone = 'new york'",
    "there is no time zone `new york`",
    "'new york'",
    "did you mean `America/New_York`?"
)]
#[case::zone_with_the_sign_that_iana_turns_round(
    "timezone = 'Etc/UTC+2'",
    "there is no time zone `Etc/UTC+2`",
    "'Etc/UTC+2'",
    "did you mean `+02:00`?"
)]
#[case::zone_beyond_a_day("timezone = 'GMT+24'", "there is no time zone `GMT+24`", "'GMT+24'", "did you mean `GMT")]
#[case::zone_that_is_none("timezone = 'Etc/Unknown'", "there is no time zone `Etc/Unknown`", "'Etc/Unknown'", "")]
#[case::control_above_one("control = 10", "`control` must be between 0 and 1", "10", "")]
#[case::control_not_a_number("control = nan", "`control` must be a finite number", "nan", "")]
#[case::dedup_window_of_nothing("dedup_window = '0s'", "`0s` is too short; a duration is at least 1ms", "'0s'", "")]
#[case::dedup_window_a_number(
    "dedup_window = 600",
    "`dedup_window` must be a string, but this is a whole number",
    "600",
    ""
)]
#[case::events_no_table("events = 3", "`events` must be a table, but this is a whole number", "3", "")]
#[case::event_no_text(
    "events.view = 3",
    "an event is defined by a string or a table, but this is a whole number",
    "3",
    "Product Viewed"
)]
#[case::event_empty("events.view = ''", "this event has no name", "''", "")]
#[case::event_named_like_the_language(
    "events.properties = 'P'",
    "`properties` is a word of the language and cannot name an event",
    "properties",
    "another name"
)]
#[case::event_named_in(
    "events.in = 'P'",
    "`in` is a word of the language and cannot name an event",
    "in",
    "another name"
)]
#[case::event_named_like_a_function(
    "events.count = 'P'",
    "`count` is a word of the language and cannot name an event",
    "count",
    "another name"
)]
#[case::event_no_identifier(
    "events.'Product Viewed' = 'P'",
    "`Product Viewed` cannot name an event in a condition",
    "'Product Viewed'",
    "letters"
)]
#[case::item_without_each(
    "events.v = { event = 'A', where = 'item.price > 1' }",
    "`item` is an element of an array, but this name has no `each`",
    "item.price",
    "each = \"products\""
)]
#[case::item_alone(
    "events.v = { event = 'A', each = 'products', where = 'item == 1' }",
    "`item` is not a value by itself",
    "item",
    "item.price"
)]
#[case::each_with_properties(
    "events.v = { event = 'A', each = 'properties.products' }",
    "`each` names an array of the event's properties",
    "'properties.products'",
    "below the properties"
)]
#[case::each_with_an_empty_part(
    "events.v = { event = 'A', each = 'cart..lines' }",
    "`each` names an array of the event's properties",
    "'cart..lines'",
    ""
)]
#[case::history_in_let(
    "events.v = { event = 'A', let = { n = 'total(v)' } }",
    "`let` sees only one event and the traits, but total() reads the user's history",
    "total",
    ""
)]
#[case::duration_in_let(
    "events.v = { event = 'A', let = { n = \"duration('1h')\" } }",
    "a duration cannot be a value of `let`",
    "duration('1h')",
    "a number, a text"
)]
#[case::let_with_another_let(
    "events.v = { event = 'A', let = { n = 'properties.a', m = 'n * 2' } }",
    "unknown name `n`",
    "n",
    ""
)]
#[case::let_with_a_number(
    "events.v = { event = 'A', let = { n = 3 } }",
    "a value of `let` is a term in quotes, but this is a whole number",
    "3",
    "net ="
)]
#[case::let_with_an_odd_name(
    "events.v = { event = 'A', let = { 'n-1' = 'properties.a' } }",
    "`n-1` cannot name a value of `let`",
    "'n-1'",
    "letters"
)]
#[case::event_without_event("events.v = { where = 'traits.a' }", "event `v` has no `event`", "v", "add event")]
#[case::event_type_unknown(
    "events.v = { type = 'pag' }",
    "an event's type is one of `track`, `page`, `screen`, not `pag`",
    "'pag'",
    "did you mean `page`?"
)]
#[case::page_with_event(
    "events.v = { type = 'page', event = 'Home' }",
    "only track calls have an `event`",
    "'Home'",
    "properties.name"
)]
#[case::event_unknown_key(
    "events.v = { event = 'A', when = 'true' }",
    "unknown key `when` in event `v`",
    "when",
    "did you mean `where`?"
)]
#[case::segments_no_array(
    "segments = 3",
    "`segments` must be an array of tables, each under a heading [[segments]], but this is a whole number",
    "3",
    ""
)]
#[case::segment_without_id("[[segments]]\nwhen = 'true'", "this segment has no `id`", "[[segments]]", "add id")]
#[case::segment_without_when("[[segments]]\nid = 'x'", "segment `x` has no `when`", "[[segments]]", "add when")]
#[case::segment_with_space(
    "[[segments]]\nid = 'big spender'\nwhen = 'true'",
    "`big spender` cannot be a segment id",
    "'big spender'",
    "letters"
)]
#[case::segment_with_dot("[[segments]]\nid = 'a.b'\nwhen = 'true'", "`a.b` cannot be a segment id", "'a.b'", "letters")]
#[case::segment_without_letters("[[segments]]\nid = ''\nwhen = 'true'", "this segment id is empty", "''", "letters")]
#[case::segment_twice(
    "[[segments]]\nid = 'x'\nwhen = 'true'\n[[segments]]\nid = 'x'\nwhen = 'true'",
    "segment `x` is defined twice",
    "'x'",
    "on line 1"
)]
#[case::cap_without_per("[[caps]]\nmax = 1", "this cap has no `per`", "[[caps]]", "add per")]
#[case::cap_of_nothing("[[caps]]\nmax = 0\nper = '1d'", "`max` must be between 1 and 4294967295", "0", "")]
#[case::cap_channel("[[caps]]\nmax = 1\nper = '1d'\nchannel = '*'", "`*` cannot be a channel", "'*'", "letters")]
fn a_wrong_file_says_what_and_where(
    #[case] text: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let (found, span, advice) = only_problem(text);
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice:?} has no {help:?}");
}

/// Segments with these ids and conditions.
fn segments(all: &[(&str, &str)]) -> String {
    all.iter().map(|(id, when)| format!("[[segments]]\nid = \"{id}\"\nwhen = \"{when}\"\n")).collect()
}

#[test]
fn a_segment_below_is_told_from_a_circle() {
    let text = segments(&[("a", "in_segment('b')"), ("b", "idle() > duration('1d')")]);
    let (message, span, help) = only_problem(&text);
    assert_eq!((message.as_str(), span.as_str()), ("segment `b` is defined below `a`", "'b'"));
    assert_eq!(help, "move `b` above `a`");
    let text = segments(&[("a", "in_segment('c')"), ("b", "in_segment('a')"), ("c", "in_segment('b')")]);
    let message = only_problem(&text).0;
    assert_eq!(message, "these segments refer to each other in a circle: `a` → `c` → `b` → `a`");
}

#[test]
fn a_broken_segment_still_counts_as_defined() {
    let text = segments(&[("a", "vew > 1"), ("b", "in_segment('a')")]);
    assert_eq!(only_problem(&text).1, "vew");
}

#[test]
fn broken_toml_is_one_mistake_and_hides_no_other() {
    let text = "control = 2\n[events]\nview = Product Viewed\n[[segments]]\nid = 's'\nwhen = 'total(view) > 0 &&'\n";
    let found = problems(text);
    assert!(found[0].0.contains("`control` must be"), "{found:#?}");
    assert!(found[1].0.contains("not TOML"), "{found:#?}");
    assert_eq!(found.last().unwrap().0, "the condition ends too early");
}

#[test]
fn duplicate_keys_are_mistakes() {
    let (message, span, _) = only_problem("control = 0.1\ncontrol = 0.2\n");
    assert!(message.contains("duplicate key"), "{message}");
    assert_eq!(span, "control");
}

#[test]
fn a_hundred_mistakes_are_a_hundred_problems_in_file_order() {
    let mut text = "[events]\nview = 'V'\n".to_owned();
    for number in 0..50 {
        text += &format!("[[segments]]\nid = 's {number}'\nwhen = 'total(vew) > 1'\n");
    }
    let found = compile(&text).unwrap_err();
    assert_eq!(found.len(), 100);
    assert!(found.is_sorted_by_key(|problem| problem.span.start));
}

#[test]
fn more_features_than_ids_is_a_problem() {
    let mut text = "[events]\nv = 'V'\n".to_owned();
    for number in 0..=65 {
        let sums: Vec<String> = (0..1_000).map(|n| format!("x.p{n}_")).collect();
        let list = sums.iter().map(|sum| format!("has(traits{}{number})", &sum[1..])).collect::<Vec<_>>();
        for (part, chunk) in list.chunks(200).enumerate() {
            text += &format!("[[segments]]\nid = 's{number}-{part}'\nwhen = '{}'\n", chunk.join("||"));
        }
    }
    assert_eq!(only_problem(&text).0, "these rules read more than 65,536 different traits");
}

#[test]
fn problems_are_drawn_with_file_line_and_column() {
    let text = "timezone = \"Mars/Base\"\n\n[events]\nview = \"Product Viewed\"\n\n[[segments]]\nid = \"hot intent\"\nwhen = \"\"\"\ncont(view, '30m') >= 3\n  && since(order) > 30\"\"\"\n\n[[campaigns]]\nid = \"nudge\"\non = \"enter:hot\"\nchanel = \"email\"\n";
    let drawn = diagnostics::render("rules.toml", text, &compile(text).unwrap_err(), false);
    assert!(drawn.contains("rules.toml:9:1: there is no function `cont`"), "{drawn}");
    assert!(!drawn.contains('\u{1b}'));
    insta::assert_snapshot!(drawn);
    assert!(diagnostics::render("rules.toml", text, &compile(text).unwrap_err(), true).contains('\u{1b}'));
}

#[rstest]
fn an_id_that_is_no_single_token_of_a_subject_is_refused_at_its_place(
    #[values("a.b", "*", ">", "a b", "a\tb", "", "ä", "$JS", "a>", &"x".repeat(65))] id: &str,
    #[values("segment id", "campaign id", "channel")] what: &str,
) {
    let [segment, campaign, channel] =
        ["segment id", "campaign id", "channel"].map(|o| if o == what { id } else { "ok" });
    let text = format!(
        "[[segments]]\nid = '{segment}'\nwhen = 'true'\n[[campaigns]]\nid = '{campaign}'\nchannel = '{channel}'\n\
         on = 'enter:{segment}'\n"
    );
    let problems = compile(&text).expect_err("it is refused");
    let at_place = problems.iter().find(|problem| text[problem.span.clone()] == format!("'{id}'"));
    let problem = at_place.unwrap_or_else(|| panic!("not at its place: {problems:?}"));
    assert!(problem.message.contains(what) && problem.help.contains("letters, digits, _ and -"), "{problem:?}");
}

/// Mistakes in the TOML itself, of which one stands for its echoes.
#[rstest]
#[case::quotes_in_quotes(
    "[[segments]]\nid = 's'\nwhen = \"traits.tier == \"gold\"\"\n",
    3,
    "in single quotes: when = "
)]
#[case::duration("[[caps]]\nmax = 3\nper = 30d\n", 3, "a duration is written in quotes: \"30d\"")]
#[case::duration_in_an_inline_table("caps = [{ max = 3, per = 7d }]\n", 1, "a duration is written in quotes: \"7d\"")]
#[case::duration_of_two_units("dedup_window = 1h30m\n", 1, "a duration is written in quotes: \"1h30m\"")]
#[case::percentage("control = 50%\n", 1, "a share is written as a number from 0 to 1: 0.5")]
#[case::no_break_blank("control =\u{a0}0.5\n", 1, "U+00A0, which only looks like a plain blank")]
#[case::full_width_blank("control\u{3000}= 0.5\n", 1, "U+3000, which only looks like a plain blank")]
#[case::full_width_sign("control ＝ 0.5\n", 1, "U+FF1D, which only looks like `=`")]
fn broken_toml_says_what_was_meant(#[case] text: &str, #[case] line: usize, #[case] help: &str) {
    let all = compile(text).expect_err("it is broken");
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(diagnostics::position(text, all[0].span.start).0, line);
    assert!(all[0].help.contains(help), "{:?}", all[0]);
}

/// 20,000 mistakes: 100 are shown, and none of them costs more than its own line and some words.
#[test]
fn of_very_many_mistakes_the_first_are_shown_and_the_rest_is_counted() {
    const MISTAKES: usize = 20_000;
    let names: String = (0..MISTAKES).map(|number| format!("event_{number} = \"E{number}\"\n")).collect();
    let segment = |number| format!("[[segments]]\nid = 's{number}'\nwhen = \"count(evnt_{number}, '7d') > 1\"\n");
    let text = format!("[events]\n{names}{}", (0..MISTAKES).map(segment).collect::<String>());
    let all = compile(&text).expect_err("there are mistakes");
    assert_eq!(all.len(), MISTAKES);
    let drawn = diagnostics::render("rules.toml", &text, &all, false);
    let heads =
        drawn.lines().filter(|line| line.starts_with("rules.toml:") && line.contains("there is no event")).count();
    assert_eq!(heads, 100);
    assert!(drawn.contains("rules.toml: and 19900 more"), "{}", &drawn[drawn.len() - 200..]);
    assert!(drawn.len() < 100_000, "{} bytes", drawn.len());
    // The same id many times: each names the line of the first.
    let twice: String = (0..MISTAKES).map(|_| "[[segments]]\nid = 's'\nwhen = 'true'\n").collect();
    let all = compile(&twice).expect_err("there are mistakes");
    assert_eq!(
        (all.len(), all[MISTAKES - 2].help.contains("already defined on line 1")),
        (MISTAKES - 1, true),
        "{:?}",
        all[0]
    );
    // One circle through all of them.
    let circle: String = (0..2_000)
        .map(|number| format!("[[segments]]\nid = 's{number}'\nwhen = \"in_segment('s{}')\"\n", (number + 1) % 2_000))
        .collect();
    let all = compile(&circle).expect_err("there are mistakes");
    assert!(all.iter().all(|problem| problem.message.len() < 300), "no circle is listed whole");
}
