//! `[[ranks]]` and names with `rank`, right and wrong.

use rstest::rstest;

use super::{compiled, only_problem, problems};
use crate::rules::ruleset::{RankFigure, RankId, SegmentId, TakingInterval, Term};

const EVENTS: &str = "[events]\nview = 'V'\norder = 'O'\n";
const SEGMENTS: &str = "[per.cart]\nkey = 'cart_id'\nttl = '1d'\n[[segments]]\nid = 'buyers'\nwhen = 'total(order) > 0'\n[[segments]]\nid = 'carts'\nper = 'cart'\nwhen = 'total(view) > 0'\n";

/// A rank with these lines beside the needed ones that they do not have.
fn rules(lines: &str) -> String {
    let has = |key: &str| lines.lines().any(|line| line.split(' ').next() == Some(key));
    let needed = [("id", "'spend'"), ("of", "'total(order.total)'"), ("every", "'day'")];
    let missing: String =
        needed.iter().filter(|(key, _)| !has(key)).map(|(key, value)| format!("{key} = {value}\n")).collect();
    format!("{EVENTS}{SEGMENTS}[[ranks]]\n{missing}{lines}\n")
}

/// A rank, and a name of it with these keys.
fn told(keys: &str) -> String {
    let rank = "[[ranks]]\nid = 'spend'\nof = 'total(order.total)'\nevery = 'day'\n";
    format!("{EVENTS}winner = {{ {keys} }}\n{rank}")
}

#[test]
fn a_rank_has_a_number_a_segment_and_an_interval() {
    let rules = compiled(&rules("among = 'buyers'\nevery = 'week'\ndescription = 'who spends most'"));
    let rank = &rules.ranks[0];
    assert_eq!((rank.id.as_str(), rank.among, rank.every), ("spend", Some(SegmentId(0)), TakingInterval::Week));
    assert!(matches!(rank.of, Term::Feature(_)), "{:?}", rank.of);
    assert_eq!(rank.description, "who spends most");
}

#[test]
fn a_name_with_a_rank_is_told_by_it_and_no_event_has_matches_of_it() {
    let text = told("rank = 'spend', where = \"rank('spend') <= 3\", let = { place = \"rank('spend')\" }");
    let rules = compiled(&text);
    let name = &rules.names[2];
    assert_eq!((name.rank, name.event.as_deref(), name.is_told()), (Some(RankId(0)), None, true));
    assert!(name.filter.is_some());
    assert!(matches!(name.lets[0].term, Term::Ranked { rank: RankId(0), figure: RankFigure::Rank }));
    assert_eq!(rules.projection.tracked, ["O", "V"]);
}

#[test]
fn what_moves_with_time_may_be_asked_at_a_taking() {
    compiled(&rules("of = \"duration('1d') / since(order) + idle() / age()\""));
}

#[rstest]
#[case::no_number(
    "of = \"since(order)\"",
    "users are ordered by a number, but this is a duration",
    "since(order)",
    "divide"
)]
#[case::text("of = \"'spend'\"", "users are ordered by a number, but this is a text", "'spend'", "sum(order.total")]
#[case::truth(
    "of = 'total(order) > 3'",
    "users are ordered by a number, but this is true or false",
    "total(order) > 3",
    "sum("
)]
#[case::unknown_name("of = 'total(odrer)'", "there is no event `odrer` in [events]", "odrer", "did you mean `order`?")]
#[case::local_time(
    "of = 'hour()'",
    "hour() is asked when a campaign is decided, not in `of`",
    "hour",
    "campaign's `if`"
)]
#[case::unknown_segment("among = 'buyer'", "there is no segment `buyer`", "'buyer'", "did you mean `buyers`?")]
#[case::segment_of_keys(
    "among = 'carts'",
    "segment `carts` is not about users, and users are ordered",
    "'carts'",
    "without `per`"
)]
#[case::year("every = 'year'", "`year` is no interval", "'year'", "month")]
#[case::second("every = '1h'", "`1h` is no interval", "'1h'", "hour")]
#[case::unknown_rank("of = \"rank('spent')\"", "there is no rank `spent`", "'spent'", "did you mean `spend`?")]
fn a_mistake_in_a_rank_says_what_and_where(
    #[case] lines: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let (found, span, advice) = only_problem(&rules(lines));
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice}");
}

#[rstest]
#[case::unknown("rank = 'spent'", "there is no rank `spent`", "'spent'", "did you mean `spend`?")]
#[case::event(
    "rank = 'spend', event = 'O'",
    "`event` has no place here: with `rank` a name is what a rank tells users",
    "'O'",
    "leave it out"
)]
#[case::group(
    "rank = 'spend', to = 'order'",
    "`to` has no place here: with `rank` a name is what a rank tells users",
    "'order'",
    "rank, where, let"
)]
#[case::property(
    "rank = 'spend', where = \"properties.x > 1\"",
    "`properties` belongs to one event, and can only be used in its `where` and `let`",
    "properties.x",
    "last(E.x)"
)]
#[case::duration(
    "rank = 'spend', let = { age = 'age()' }",
    "a duration cannot be a value of `let`",
    "age()",
    "a number"
)]
fn a_mistake_in_what_a_rank_tells_says_what_and_where(
    #[case] keys: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let (found, span, advice) = only_problem(&told(keys));
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice}");
}

#[rstest]
#[case::unknown("rank('spent') < 3", "there is no rank `spent`")]
#[case::number("quantile(3) < 3", "the rank's id must be a literal in quotes")]
#[case::none("ranked() < 3", "ranked is not used like this")]
fn a_mistake_in_a_question_about_a_rank_says_what(#[case] when: &str, #[case] message: &str) {
    let (found, ..) = only_problem(&format!("{}[[segments]]\nid = 's'\nwhen = \"{when}\"\n", rules("")));
    assert_eq!(found, message);
}

#[test]
fn one_event_knows_no_rank_and_a_group_has_none() {
    let text = "[events]\nview = { event = 'V', where = \"rank('spend') == 1\" }\n[[ranks]]\nid = 'spend'\nof = '1'\nevery = 'day'\n";
    let (found, ..) = only_problem(text);
    assert_eq!(found, "`where` sees only one event and the traits, but rank() reads the user's history");
    let groups = "[groups.team]\nkey = 'team_id'\nttl = '1d'\n[[segments]]\nid = 'g'\nof = 'team'\nwhen = \"rank('spend') == 1\"\n";
    let (found, ..) = only_problem(&format!("{}{groups}", rules("")));
    assert_eq!(found, "rank() asks about a user, and this is about a group");
    let to =
        "[groups.team]\nkey = 'team_id'\nttl = '1d'\n[[segments]]\nid = 'g'\nof = 'team'\nwhen = 'total(view) > 1'\n";
    let text = format!("{}{to}", told("rank = 'spend'"))
        .replace("[events]\n", "[events]\ndone = { of = 'team', on = 'enter:g', to = 'winner' }\n");
    let (found, ..) = only_problem(&text);
    assert_eq!(found, "`winner` is told by a rank, and no group has a match of it");
}

#[test]
fn ranks_are_bounded_and_have_different_ids() {
    let rank = |id: usize| format!("[[ranks]]\nid = 'r{id}'\nof = '1'\nevery = 'day'\n");
    let many = |count| format!("{EVENTS}{}", (0..count).map(rank).collect::<String>());
    assert_eq!(compiled(&many(64)).ranks.len(), 64);
    assert_eq!(only_problem(&many(65)).0, "there are more than 64 ranks");
    assert_eq!(only_problem(&format!("{EVENTS}{}{}", rank(1), rank(1))).0, "rank `r1` is defined twice");
    let missing: Vec<String> =
        problems(&format!("{EVENTS}[[ranks]]\n")).into_iter().map(|(message, ..)| message).collect();
    assert_eq!(missing, ["this rank has no `id`", "this rank has no `of`", "this rank has no `every`"]);
}
