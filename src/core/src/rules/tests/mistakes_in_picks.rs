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
#[case::similar_without_by("kind = 'similar'", "picks `p` needs `by` for `similar`", "[[picks]]", "add by = [")]
#[case::by_without_table(
    "kind = 'similar'\nby = ['brand']",
    "`by` asks the rows of a table, and these picks name none",
    "['brand']",
    "add `table`"
)]
#[case::both(
    "kind = 'session'\nkinds = ['popular']",
    "`kind` and `kinds` say the same thing",
    "'session'",
    "keep `kinds`"
)]
#[case::no_such_table("table = 'goods'", "there is no [tables.goods]", "'goods'", "define it")]
#[case::where_without_table(
    "where = 'row.in_stock'",
    "`where` asks the rows of a table, and these picks name none",
    "'row.in_stock'",
    "add `table`"
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
#[case::not_asked(
    "kind = 'popular'\nby = ['price']",
    "only the kind `similar` asks `by`",
    "['price']",
    "add \"similar\""
)]
#[case::none("kind = 'similar'\nby = []", "nothing would ever be offered", "[]", "by = [\"category\"]")]
#[case::twice("kind = 'similar'\nby = ['price', 'price']", "`price` is listed twice", "'price'", "once")]
#[case::unknown("kind = 'similar'\nby = ['prize']", "[tables.products] does not keep `prize`", "'prize'", "`price`")]
fn a_mistake_in_by_says_what_and_where(
    #[case] lines: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let (found, span, advice) = only_problem(&format!("{}{TABLE}", rules(&format!("table = 'products'\n{lines}"))));
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice}");
}

#[test]
fn nine_columns_are_too_many_to_be_alike_by() {
    let nine: Vec<String> = (0..9).map(|column| format!("'c{column}'")).collect();
    let lines = format!("kind = 'similar'\ntable = 'products'\nby = [{}]", nine.join(", "));
    let table = TABLE.replace("'in_stock', 'price'", &nine.join(", "));
    assert_eq!(only_problem(&format!("{}{table}", rules(&lines))).0, "there are more than 8 columns");
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

const TABLE: &str = "[tables.products]\nevent = 'R'\nkey = 'sku'\nkeep = ['in_stock', 'price']\n";

#[rstest]
#[case::no_column("row.stock", "[tables.products] does not keep `stock`", "row.stock", "`in_stock`")]
#[case::a_trait(
    "traits.vip",
    "`where` of picks asks about the rows of items, and nothing else",
    "traits.vip",
    "row.in_stock"
)]
#[case::a_property(
    "properties.x == 1",
    "`where` of picks asks about the rows of items, and nothing else",
    "properties.x",
    "row.in_stock"
)]
fn a_mistake_in_where_of_picks_says_what_and_where(
    #[case] filter: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let (found, span, advice) =
        only_problem(&format!("{}{TABLE}", rules(&format!("table = 'products'\nwhere = '{filter}'"))));
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice}");
}

#[test]
fn where_and_by_of_picks_ask_the_table() {
    let lines = "table = 'products'\nwhere = 'row.in_stock && row.price < 10'\nkind = 'similar'\nby = ['price']";
    let rules = compiled(&format!("{}{TABLE}", rules(lines)));
    assert!(rules.picks[0].filter.is_some() && rules.picks[0].table.is_some());
    assert_eq!(rules.picks[0].value_columns(&rules), ["products.price".into()]);
}

/// A campaign whose payload has this, beside a list `p`.
fn bearing(expression: &str) -> String {
    let campaign = "[[campaigns]]\nid = 'c'\non = 'event:view'\nchannel = 'web'\n";
    format!("{}{campaign}payload_from = {{ items = \"{expression}\" }}\n", rules(""))
}

#[rstest]
#[case::no_such_list("picks('q', 3)", "there are no picks `q`", "'q'", "did you mean `p`?")]
#[case::none("picks('p', 0)", "this is no number of items", "0", "1 to 100 items")]
#[case::too_many("picks('p', 101)", "this is no number of items", "101", "1 to 100 items")]
#[case::a_million("picks('p', 1000000)", "this is no number of items", "1000000", "1 to 100 items")]
#[case::half("picks('p', 2.5)", "this is no number of items", "2.5", "1 to 100 items")]
#[case::computed("picks('p', 1 + 1)", "how many items must be written as a number", "1 + 1", "picks('for_you', 4)")]
#[case::no_id("picks(view, 3)", "picks are named by their id in quotes", "view", "picks('for_you', 4)")]
#[case::no_number("picks('p')", "picks is not used like this", "picks('p')", "picks('for_you', 4)")]
#[case::in_a_term("picks('p', 3) + 1", "picks() is a list of items, and no value", "picks", "stands alone")]
fn a_mistake_in_picks_of_a_payload_says_what_and_where(
    #[case] expression: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let (found, span, advice) = only_problem(&bearing(expression));
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice}");
}

#[test]
fn a_list_is_no_condition_of_a_segment() {
    let rules = format!("{}[[segments]]\nid = 's'\nwhen = \"picks('p', 3) == 1\"\n", rules(""));
    assert_eq!(only_problem(&rules).0, "picks() is a list of items, and no value");
}

#[test]
fn a_payload_bears_lists_of_1_to_100_items() {
    for items in [1, 100] {
        let rules = compiled(&bearing(&format!("picks('p', {items})")));
        let picks = &rules.campaigns[0].payload_picks[0];
        assert_eq!((picks.field.as_str(), picks.list, picks.items), ("items", PickListId(0), items));
    }
}
