//! `[[picks]]`, right and wrong.

use rstest::rstest;

use super::{compiled, only_problem};
use crate::rules::ruleset::{PickListId, PickSource};
use crate::time::Span;

const EVENTS: &str = "[events]\nview = 'V'\norder = 'O'\n";

/// A list with these lines beside the needed ones that they do not have.
fn rules(lines: &str) -> String {
    let has = |key: &str| lines.lines().any(|line| line.split(' ').next() == Some(key));
    let needed = [("id", "'p'"), ("on", "['view']"), ("item", "'sku'"), ("kinds", "['session']"), ("every", "'day'")];
    let is_given = |key: &str| has(key) || (key == "kinds" && has("kind"));
    let missing = needed.iter().filter(|(key, _)| !is_given(key));
    let needed: String = missing.map(|(key, value)| format!("{key} = {value}\n")).collect();
    format!("{EVENTS}[[picks]]\n{needed}{lines}\n")
}

#[rstest]
#[case::unknown_name("on = ['vew']", "there is no event `vew` in [events]", "'vew'", "did you mean `view`?")]
#[case::no_names("on = []", "nothing would ever be offered", "[]", "on = [\"view\"")]
#[case::name_twice("on = ['view', 'view']", "`view` is listed twice", "'view'", "each event once")]
#[case::no_item("item = ''", "`item` names a property of the matches", "''", "item = \"product_id\"")]
#[case::whole_path("item = 'properties.sku'", "`item` names a property of the matches", "'properties.sku'", "below")]
#[case::no_kinds("kinds = []", "nothing would ever be offered", "[]", "kinds = [\"session\"")]
#[case::unknown_kind(
    "kind = 'sessions'",
    "there is no kind of picks, and none above, `sessions`",
    "'sessions'",
    "`session`"
)]
#[case::itself("kinds = ['p']", "there is no kind of picks, and none above, `p`", "'p'", "the kinds are")]
#[case::needs_rows(
    "kind = 'similar'",
    "there is no kind of picks, and none above, `similar`",
    "'similar'",
    "the kinds are"
)]
#[case::both(
    "kind = 'session'\nkinds = ['popular']",
    "`kind` and `kinds` say the same thing",
    "'session'",
    "keep `kinds`"
)]
#[case::week("every = 'week'", "`week` is no interval", "'week'", "hour")]
#[case::unknown_without(
    "without = ['odrer']",
    "there is no event `odrer` in [events]",
    "'odrer'",
    "did you mean `order`?"
)]
fn a_mistake_in_picks_says_what_and_where(
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
#[case::none_asked("last = 0", "0")]
#[case::too_many_asked("last = 10", "10")]
#[case::none_near("near = 0", "0")]
#[case::a_million_near("near = 1000000", "1000000")]
#[case::a_million_kept("own = 1000000", "1000000")]
#[case::negative("sessions = -1", "-1")]
fn a_size_out_of_range_is_refused(#[case] line: &str, #[case] underlined: &str) {
    assert_eq!(only_problem(&rules(line)).1, underlined);
}

#[rstest]
#[case("table = 'products'")]
#[case("where = 'row.in_stock'")]
#[case("by = ['brand']")]
fn what_needs_rows_of_products_is_refused(#[case] line: &str) {
    let (found, _, _) = only_problem(&rules(line));
    assert!(found.contains(line.split(' ').next().expect("a key")), "{found}");
}

#[test]
fn the_33rd_list_is_refused() {
    let entry =
        |id: usize| format!("[[picks]]\nid = 'p{id}'\non = ['view']\nitem = 'sku'\nkind = 'popular'\nevery = 'hour'\n");
    let of = |count| format!("{EVENTS}{}", (0..count).map(entry).collect::<String>());
    assert_eq!(compiled(&of(32)).picks.len(), 32);
    assert_eq!(only_problem(&of(33)).0, "there are more than 32 lists of picks");
}

#[test]
fn two_lists_with_one_id_are_refused() {
    let twice =
        format!("{}[[picks]]\nid = 'p'\non = ['view']\nitem = 'sku'\nkind = 'popular'\nevery = 'hour'\n", rules(""));
    let (found, span, _) = only_problem(&twice);
    assert_eq!((found.as_str(), span.as_str()), ("picks `p` are defined twice", "'p'"));
}

#[test]
fn kinds_may_name_picks_above_and_a_gap_may_be_none() {
    let rules = compiled(&format!(
        "{}[[picks]]\nid = 'q'\non = ['order']\nitem = 'sku'\nkinds = ['p', 'popular']\nevery = 'hour'\n",
        rules("gap = '0s'")
    ));
    assert_eq!(rules.picks[0].gap, Span(0));
    assert_eq!(rules.picks[1].sources[0], PickSource::List(PickListId(0)));
}
