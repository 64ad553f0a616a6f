//! Wrong conditions: what is said, what is underlined, what is advised.

use rstest::rstest;

use super::{only_problem, problems, rules_with};

#[rstest]
#[case::empty("", "the condition is empty", "", "what must hold")]
#[case::unknown_name("viewed > 1", "unknown name `viewed`", "viewed", "did you mean `view`?")]
#[case::unknown_event("count(vew, '7d') > 1", "there is no event `vew` in [events]", "vew", "did you mean `view`?")]
#[case::unknown_function("cont(view, '7d') > 1", "there is no function `cont`", "cont", "did you mean `count`?")]
#[case::unknown_method(
    "traits.a.startswith('x')",
    "there is no function `startswith` after a dot",
    "startswith",
    "did you mean `startsWith`?"
)]
#[case::function_after_a_dot(
    "view.count('7d') > 1",
    "there is no function `count` after a dot",
    "count",
    "count(order, '7d')"
)]
#[case::sum_of_an_event("sum(order, '7d') > 1", "sum needs a property of `order`", "order", "sum(order.price, '7d')")]
#[case::count_of_a_property(
    "count(view.price, '7d') > 1",
    "count takes an event, not a property of it",
    "view.price",
    "distinct(view.price, '7d')"
)]
#[case::since_a_property(
    "since(view.price) > duration('1d')",
    "since takes an event, not a property of it",
    "view.price",
    "since(view)"
)]
#[case::no_window("count(view) > 1", "count needs a window", "count(view)", "count(view, '7d')")]
#[case::too_many_arguments("idle(view) > duration('1d')", "idle is not used like this", "idle(view)", "idle()")]
#[case::event_in_quotes("count('view', '7d') > 1", "a name of [events] is expected here", "'view'", "without quotes")]
#[case::window_from_a_trait("count(view, traits.w) > 1", "the window must be a literal in quotes", "traits.w", "'7d'")]
#[case::window_as_a_number("count(view, 7) > 1", "the window must be a literal in quotes", "7", "'7d'")]
#[case::window_as_a_duration(
    "count(view, duration('7d')) > 1",
    "a window is written without duration(…)",
    "duration('7d')",
    "'7d'"
)]
#[case::window_of_nothing("count(view, '0s') > 1", "`0s` is too short; a duration is at least 1ms", "'0s'", "30m")]
#[case::window_of_400_years("count(view, '146000d') > 1", "`146000d` is longer than 100 years", "'146000d'", "total")]
#[case::window_beyond_counting(
    "count(view, '99999999999999999d') > 1",
    "`99999999999999999d` is longer than 100 years",
    "'99999999999999999d'",
    ""
)]
#[case::window_in_an_unknown_unit(
    "count(view, '7y') > 1",
    "this is not a duration: `y` is not a unit of time; the units are ms, s, m, h, d (24 h), w (7 d)",
    "'7y'",
    "7d"
)]
#[case::bad_duration(
    "idle() > duration('half an hour')",
    "this is not a duration: `half an hour` is not a whole number followed by a unit (ms, s, m, h, d, w)",
    "'half an hour'",
    "30m"
)]
#[case::properties_outside_where(
    "properties.price > 1",
    "`properties` belongs to one event, and can only be used in its `where` and `let`",
    "properties.price",
    "last(E.price)"
)]
#[case::context_outside_where(
    "context.page.path == 'x'",
    "`context` belongs to one event, and can only be used in its `where` and `let`",
    "context.page.path",
    "where"
)]
#[case::event_as_a_value("order > 3", "`order` is an event, not a value", "order", "count(order, '7d')")]
#[case::property_as_a_value(
    "order.total > 3",
    "`order.total` has many values, one per event",
    "order.total",
    "last(order.total)"
)]
#[case::function_without_brackets("idle > duration('1d')", "`idle` is a function", "idle", "idle()")]
#[case::all_traits("traits == 3", "`traits` is not a value by itself", "traits", "traits.name")]
#[case::number_as_a_condition("count(view, '7d')", "this is a number, not a condition", "count(view, '7d')", "> 0")]
#[case::duration_as_a_condition("idle()", "this is a duration, not a condition", "idle()", "duration('30m')")]
#[case::text_as_a_condition("'yes'", "this is a text, not a condition", "'yes'", "==")]
#[case::duration_with_a_number("idle() > 30", "a duration is compared with a number", "30", "duration('30m')")]
#[case::duration_with_a_text("'30m' < idle()", "a duration is compared with a text", "'30m'", "write duration('30m')")]
#[case::duration_with_a_trait(
    "idle() > traits.limit",
    "a duration is compared with a trait or property",
    "traits.limit",
    "no trait"
)]
#[case::number_with_a_text(
    "total(view) == 'three'",
    "a number is compared with a text",
    "total(view) == 'three'",
    "never equal"
)]
#[case::number_in_quotes(
    "total(view) > '3'",
    "a number is compared with a text",
    "total(view) > '3'",
    "without quotes: 3"
)]
#[case::bools_have_no_order("traits.vip > true", "true and false have no order", "traits.vip > true", "==")]
#[case::chained_comparison("1 < total(view) < 5", "comparisons cannot be chained", "1 < total(view) < 5", "&&")]
#[case::null(
    "traits.email != null",
    "a value cannot be compared with null",
    "traits.email != null",
    "has(traits.name)"
)]
#[case::remainder("total(view) % 2 == 0", "`%` is not part of the language", "total(view) % 2", "")]
#[case::ternary("traits.vip ? true : false", "`? :` is not part of the language", "traits.vip ? true : false", "&&")]
#[case::map_literal("{'a': 1} == 2", "maps ({…}) are not part of the language", "{'a': 1}", "")]
#[case::comprehension(
    "traits.tags.exists(t, t == 'x')",
    "exists, exists_one, all, map and filter are not part of the language",
    "exists(t, t == 'x')",
    "count(E, W)"
)]
#[case::list_as_a_value("[1, 2] == traits.x", "a list can only be used to the right of `in`", "[1, 2]", "in")]
#[case::in_a_text("'a' in 'abc'", "`in` needs a list on its right, but this is a text", "'abc'", "list")]
#[case::in_an_empty_list("traits.x in []", "the list is empty, so nothing is in it", "[]", "")]
#[case::in_a_list_of_others("total(view) in ['a']", "a number is looked for in a list that has none", "['a']", "")]
#[case::computed_list(
    "traits.x in [1, traits.y]",
    "a list can only contain texts, numbers, true and false, written out",
    "traits.y",
    "=="
)]
#[case::place_in_a_list("traits.tags[0] == 'x'", "only a text in quotes can be used in [ ]", "traits.tags[0]", "")]
#[case::text_arithmetic("traits.a + 'x' == 'yx'", "arithmetic needs numbers, but this is a text", "'x'", "")]
#[case::minus_a_text("-'x' == 1", "a minus needs a number, but this is a text", "'x'", "")]
#[case::contains_on_a_number(
    "total(view).contains('1')",
    "a text is needed here, but this is a number",
    "total(view)",
    ""
)]
#[case::computed_pattern(
    "traits.x.matches(traits.y)",
    "the pattern of matches must be a literal in quotes",
    "traits.y",
    ""
)]
#[case::bad_pattern("traits.x.matches('(')", "this is not a regular expression: unclosed group", "'('", "")]
#[case::huge_pattern("traits.x.matches('(a{999}){999}')", "this pattern is too large", "'(a{999}){999}'", "")]
#[case::distinct_beyond_its_range(
    "distinct(view.sku, '7d') >= 1001",
    "distinct(…) is exact up to 1,000 only; above that it is 1,000",
    "distinct(view.sku, '7d') >= 1001",
    "1000"
)]
#[case::distinct_at_its_edge(
    "1000 < distinct(view.sku, '7d')",
    "distinct(…) is exact up to 1,000 only; above that it is 1,000",
    "1000 < distinct(view.sku, '7d')",
    "1000"
)]
#[case::itself("in_segment('s')", "segment `s` refers to itself", "'s'", "above")]
#[case::unknown_segment("in_segment('t')", "there is no segment `t`", "'t'", "did you mean `s`?")]
#[case::segment_without_quotes("in_segment(s)", "the argument must be the id of a segment in quotes", "s", "")]
#[case::has_of_an_event("has(order.total)", "has(…) cannot test past events", "order.total", "total(E)")]
#[case::has_of_a_name(
    "has(traits)",
    "has(…) tests whether a trait, a property or a context field is there",
    "traits",
    "has(traits.name)"
)]
#[case::unsigned("total(view) > 5u", "unsigned numbers (5u) are not part of the language", "5u", "")]
#[case::number_too_large(
    "total(view) > 9999999999999999999999999",
    "this number is too large",
    "9999999999999999999999999",
    "1e24"
)]
#[case::inside_products(
    "sum(order.products.price, '7d') > 0",
    "sum finds nothing in `order.products`, which is an array",
    "order.products.price",
    "each = \"products\""
)]
#[case::total_of_products(
    "total(order.products) > 0",
    "total finds nothing in `order.products`, which is an array",
    "order.products",
    "each = \"products\""
)]
#[case::single_equals("traits.a = 'x'", "`=` is not an operator", "=", "write `==`")]
#[case::single_ampersand("traits.a & traits.b", "`&` is not an operator", "&", "write `&&`")]
#[case::word_for_operator("traits.a and traits.b", "`and` is not an operator", "and", "write `&&`")]
#[case::duration_without_quotes(
    "since(order) > 30d",
    "the duration `30d` must be in quotes",
    "30d",
    "write duration('30d')"
)]
#[case::window_without_quotes(
    "count(view, 1h30m) > 1",
    "the duration `1h30m` must be in quotes",
    "1h30m",
    "write '1h30m'"
)]
#[case::duration_of_no_text(
    "since(order) > duration(30d)",
    "the duration `30d` must be in quotes",
    "30d",
    "write '30d'"
)]
#[case::percentage("total(view) > 50%", "`50%` is not a number", "50%", "write 0.5 if a share is meant")]
#[case::percentage_in_the_middle("traits.share >= 12.5% && traits.vip", "`12.5%` is not a number", "12.5%", "0.125")]
#[case::no_break_blank("traits.a\u{a0}== 'x'", "this only looks like a blank: it is U+00A0", "\u{a0}", "a plain blank")]
#[case::full_width_blank(
    "traits.a ==\u{3000}'x'",
    "this only looks like a blank: it is U+3000",
    "\u{3000}",
    "a plain blank"
)]
#[case::full_width_sign("total(view) ＞ 3", "`＞` is a full-width character", "＞", "write `>`")]
#[case::curly_quotes("traits.a == ‘x’ ", "the character `‘` does not belong here", "‘", "straight quotes")]
#[case::open_text("traits.a == 'x", "this text has no closing quote", "'x", "'")]
#[case::open_bracket("(traits.a", "this `(` is never closed", "(", "")]
#[case::stray_bracket("traits.a)", "this `)` has no opening bracket", ")", "remove it")]
#[case::crossed_brackets("(traits.a]", "`]` does not match the open `(`", "]", "")]
#[case::missing_operator("traits.a traits.b", "`traits` is not expected here", "traits", "an operator is missing")]
#[case::missing_value("traits.a == == 3", "`==` is not expected here", "==", "a value is missing")]
#[case::ends_early("traits.a &&", "the condition ends too early", "", "")]
#[case::reserved_word("while > 3", "`while` is a reserved word", "while", "")]
fn a_wrong_condition_says_what_and_where(
    #[case] when: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let all = problems(&rules_with(when));
    let (found, span, advice) = all[0].clone();
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice:?} has no {help:?}");
    assert_eq!(all.len(), 1, "{all:#?}");
}

#[test]
fn each_mistake_of_a_condition_is_found() {
    let found = problems(&rules_with(
        "cont(view, '7d') > 1 && (idle() > 30 || vew.x == 2) && count(order, '0s') > count(view.p, 'x')",
    ));
    let underlined: Vec<&str> = found.iter().map(|(_, span, _)| span.as_str()).collect();
    assert_eq!(underlined, ["cont", "30", "vew", "'0s'", "view.p", "'x'"]);
}

#[test]
fn mistakes_of_syntax_and_of_meaning_are_found_together() {
    let found = problems(&rules_with(
        "traits.a = 'x' && cont(view, '7d') > 1 || count(vew, 7d) > 1 and 'a' == ‘b’ && view view || vew.x > 50%",
    ));
    let underlined: Vec<&str> = found.iter().map(|(_, span, _)| span.as_str()).collect();
    assert_eq!(underlined, ["=", "cont", "vew", "7d", "and", "‘", "view", "view", "vew", "50%"]);
}

#[test]
fn places_are_right_behind_escapes_and_other_alphabets() {
    let text = "[[segments]]\nid = 's'\nwhen = \"traits.città == 3\"";
    assert_eq!(only_problem(text).1, "à");
    let text = "[[segments]]\nid = 's'\nwhen = \"traits.a == \\\"\\u00e4ß\\\" && vew\"";
    assert_eq!(only_problem(text).1, "vew");
    let text = "[[segments]]\nid = 's'\nwhen = '''\r\ntraits.a == \"日本\" // 語\r\n  && vew'''";
    assert_eq!(only_problem(text).1, "vew");
    let text = "[[segments]]\nid = 's'\nwhen = '''traits.a == \"日本\"\n && \"ü\" \"x\"'''";
    assert_eq!(only_problem(text).1, "\"x\"");
}

#[test]
fn history_is_not_seen_in_where() {
    let text = "[events]\na = { event = 'A', where = \"count(a, '7d') > 1 || in_segment('s') || a.x == 1 || idle() > duration('1d')\" }\n";
    let underlined: Vec<String> = problems(text).into_iter().map(|(_, span, _)| span).collect();
    assert_eq!(underlined, ["count", "in_segment", "a.x", "idle"]);
}
