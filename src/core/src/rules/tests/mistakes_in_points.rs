//! Mistakes in ledgers, in prices, and in the functions of points.

use rstest::rstest;

use super::{compiled, only_problem};

const EVENTS: &str = "[events]\na = 'A'\nb = 'B'\n";

#[rstest]
#[case::no_id("earn = []", "this ledger has no `id`", "[[ledgers]]", "\"points\"")]
#[case::bad_id("id = 'my points'", "`my points` cannot be a ledger id", "'my points'", "letters")]
#[case::unknown_key(
    "id = 'l'\nexpire = '1d'",
    "unknown key `expire` in this ledger",
    "expire",
    "did you mean `expires`?"
)]
#[case::expires(
    "id = 'l'\nexpires = '1 year'",
    "this is not a duration: `1 year` is not a whole number followed by a unit (ms, s, m, h, d, w)",
    "'1 year'",
    ""
)]
#[case::expires_zero("id = 'l'\nexpires = '0d'", "`0d` is too short; a duration is at least 1ms", "'0d'", "")]
#[case::daily_max_zero("id = 'l'\ndaily_max = 0", "`daily_max` must be between 1 and 1000000000000000", "0", "")]
#[case::daily_max_negative("id = 'l'\ndaily_max = -5", "`daily_max` must be between 1 and 1000000000000000", "-5", "")]
#[case::daily_max_large(
    "id = 'l'\ndaily_max = 9000000000000000000",
    "`daily_max` must be between 1 and 1000000000000000",
    "9000000000000000000",
    ""
)]
#[case::daily_max_part(
    "id = 'l'\ndaily_max = 0.5",
    "`daily_max` must be a whole number, but this is a decimal number",
    "0.5",
    ""
)]
#[case::earn_of_nothing(
    "id = 'l'\nearn = [{ amount = '5' }]",
    "an entry of earn of ledger `l` has no `on`",
    "{ amount = '5' }",
    "\"order\""
)]
#[case::earn_without_amount(
    "id = 'l'\nearn = [{ on = 'a' }]",
    "an entry of earn of ledger `l` has no `amount`",
    "{ on = 'a' }",
    "event.total"
)]
#[case::unknown_event("id = 'l'\nearn = [{ on = 'c', amount = 'event.x' }]", "there is no event `c`", "'c'", "")]
#[case::debt_of_earning(
    "id = 'l'\nearn = [{ on = 'a', amount = '5', debt = true }]",
    "unknown key `debt` in an entry of earn of ledger `l`",
    "debt",
    ""
)]
#[case::debt_of_text(
    "id = 'l'\nspend = [{ on = 'a', amount = '5', debt = 'yes' }]",
    "`debt` must be true or false, but this is a string",
    "'yes'",
    ""
)]
#[case::amount_in_figures(
    "id = 'l'\nearn = [{ on = 'a', amount = 5 }]",
    "`amount` is an expression in quotes, but this is a whole number",
    "5",
    "amount = \"20\""
)]
#[case::amount_of_text(
    "id = 'l'\nearn = [{ on = 'a', amount = \"'five'\" }]",
    "`amount` must be a number, but this is a text",
    "\"'five'\"",
    ""
)]
#[case::amount_of_time(
    "id = 'l'\nearn = [{ on = 'a', amount = \"duration('5m')\" }]",
    "`amount` must be a number, but this is a duration",
    "\"duration('5m')\"",
    ""
)]
#[case::history(
    "id = 'l'\nearn = [{ on = 'a', amount = 'total(a)' }]",
    "`amount` sees only one event and the traits, but total() reads the user's history",
    "total",
    ""
)]
#[case::own_balance(
    "id = 'l'\nearn = [{ on = 'a', amount = \"balance('l')\" }]",
    "`amount` sees only one event and the traits, but balance() reads the user's history",
    "balance",
    ""
)]
#[case::segment(
    "id = 'l'\nearn = [{ on = 'a', amount = \"in_segment('s')\" }]",
    "`amount` sees the event and the traits, not segments",
    "in_segment",
    ""
)]
#[case::of_another_event(
    "id = 'l'\nearn = [{ on = 'a', amount = 'b.total' }]",
    "`amount` sees only one event, and cannot refer to events by name",
    "b.total",
    "event.total"
)]
#[case::properties(
    "id = 'l'\nearn = [{ on = 'a', amount = 'properties.total' }]",
    "`properties` belongs to one event, and can only be used in its `where` and `let`",
    "properties.total",
    "event.total"
)]
#[case::not_a_list(
    "id = 'l'\nearn = { on = 'a', amount = '5' }",
    "`earn` must be an array of tables, each under a heading [[earn]], but this is a table",
    "{ on = 'a', amount = '5' }",
    ""
)]
fn a_wrong_ledger_says_what_and_where(
    #[case] keys: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let (found, span, advice) = only_problem(&format!("{EVENTS}[[ledgers]]\n{keys}\n"));
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice:?} has no {help:?}");
}

#[rstest]
#[case::unknown("{ ledger = 'coins', amount = '5' }", "there is no ledger `coins`", "'coins'", "")]
#[case::no_ledger("{ amount = '5' }", "the price of campaign `c` has no `ledger`", "{ amount = '5' }", "\"points\"")]
#[case::no_amount(
    "{ ledger = 'points' }",
    "the price of campaign `c` has no `amount`",
    "{ ledger = 'points' }",
    "\"100\""
)]
#[case::figures("'100'", "`price` must be a table, but this is a string", "'100'", "")]
#[case::text("{ ledger = 'points', amount = \"'x'\" }", "`amount` must be a number, but this is a text", "\"'x'\"", "")]
#[case::key(
    "{ ledger = 'points', amount = '5', debt = true }",
    "unknown key `debt` in the price of campaign `c`",
    "debt",
    ""
)]
#[case::no_event(
    "{ ledger = 'points', amount = 'event.price' }",
    "`event` is the event that triggers a campaign, and there is none here",
    "event.price",
    ""
)]
fn a_wrong_price_says_what_and_where(
    #[case] price: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let (found, span, advice) = only_problem(&format!(
        "{EVENTS}[[ledgers]]\nid = 'points'\n[[segments]]\nid = 's'\nwhen = 'total(a) > 0'\n\
         [[campaigns]]\nid = 'c'\non = 'enter:s'\nchannel = 'email'\nprice = {price}\n"
    ));
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice:?} has no {help:?}");
}

#[rstest]
#[case::unknown("balance('point') > 0", "there is no ledger `point`", "'point'", "points")]
#[case::unquoted("balance(points) > 0", "the ledger's id must be a literal in quotes", "points", "balance('points')")]
#[case::no_ledger("balance() > 0", "balance is not used like this", "balance()", "balance('points')")]
#[case::no_window("earned('points') > 0", "earned is not used like this", "earned('points')", "365d")]
#[case::bad_window(
    "spent('points', '1x') > 0",
    "this is not a duration: `x` is not a unit of time; the units are ms, s, m, h, d (24 h), w (7 d)",
    "'1x'",
    ""
)]
#[case::period("expiring('points', 'today') > 0", "'today' is no length of time", "'today'", "1h")]
#[case::of_the_user(
    "user.balance('points') > 0",
    "`user.` belongs to conditions about a key: segments with `per`",
    "user",
    "balance"
)]
#[case::condition("balance('points')", "this is a number, not a condition", "balance('points')", "> 0")]
fn a_wrong_function_says_what_and_where(
    #[case] when: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let (found, span, advice) =
        only_problem(&format!("{EVENTS}[[ledgers]]\nid = 'points'\n[[segments]]\nid = 's'\nwhen = \"{when}\"\n"));
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice:?} has no {help:?}");
}

#[test]
fn two_ledgers_of_one_id_are_a_mistake() {
    let (found, span, advice) = only_problem("[[ledgers]]\nid = 'p'\n[[ledgers]]\nid = 'p'\n");
    assert_eq!((found.as_str(), span.as_str()), ("ledger `p` is defined twice", "'p'"));
    assert!(advice.contains("line 2"), "{advice}");
}

#[test]
fn without_ledgers_a_function_of_points_says_how_to_define_one() {
    let (found, _, advice) = only_problem("[[segments]]\nid = 's'\nwhen = \"balance('points') > 0\"\n");
    assert!(found == "there is no ledger `points`" && advice.contains("[[ledgers]]"), "{found}: {advice}");
}

#[test]
fn one_feature_serves_all_who_ask_the_same_of_a_ledger() {
    let when = "earned('points', '1d') > 5 || earned('points', '1d') > 9 || spent('points', '1d') > 5";
    let rules = compiled(&format!("{EVENTS}[[ledgers]]\nid = 'points'\n[[segments]]\nid = 's'\nwhen = \"{when}\"\n"));
    assert_eq!(rules.features.len(), 2);
    assert_eq!(crate::rules::notation::feature(&rules, crate::rules::ruleset::FeatureId(1)), "spent('points', 1d)");
}
