//! Tables of rows, right and wrong (semantics §18).

use rstest::rstest;

use super::{compiled, only_problem, problems};
use crate::rules::ruleset::{ColumnId, Condition, RowTable, TableId, Term};

const TABLE: &str = "[tables.products]\nevent = 'Product Updated'\nkey = 'product_id'\nkeep = ['price', 'in_stock']\n";
const PER: &str = "[per.product]\nkey = 'product_id'\nttl = '1d'\ntable = 'products'\n";

fn segment(when: &str) -> String {
    format!("[events]\nview = 'View'\n{TABLE}{PER}[[segments]]\nid = 's'\nper = 'product'\nwhen = \"{when}\"\n")
}

fn campaign(terms: &str) -> String {
    format!("[events]\nview = 'View'\n{TABLE}[[campaigns]]\nid = 'c'\non = 'event:view'\nchannel = 'push'\n{terms}\n")
}

#[test]
fn a_row_is_read_by_the_key_that_a_segment_is_about() {
    let rules = compiled(&segment("row.in_stock"));
    let table = &rules.tables[0];
    assert_eq!((table.max, rules.pers[0].table), (RowTable::MAX_ROWS, Some(TableId(0))));
    assert_eq!(rules.projection.row_events, ["Product Updated"]);
    assert!(rules.projection.tracked.contains(&table.event) && table.tracked.is_some());
    let Condition::IsTrue(Term::Row { table, column, key }) = &rules.segments[0].when else { panic!("it reads a row") };
    assert_eq!((*table, *column), (TableId(0), ColumnId(1)));
    assert!(matches!(**key, Term::Key));
}

#[test]
fn a_campaign_and_a_let_read_any_row() {
    compiled(&campaign("if = \"row('products', event.product_id).price < event.price\""));
    compiled(&format!(
        "[events]\nview = {{ event = 'View', let = {{ was = \"row('products', properties.id).price * 2\" }} }}\n{TABLE}"
    ));
}

#[rstest]
#[case::no_event("key = 'k'\nkeep = ['a']", "[tables.t] has no `event`", "t", "Product Updated")]
#[case::no_key("event = 'E'\nkeep = ['a']", "[tables.t] has no `key`", "t", "product_id")]
#[case::no_keep("event = 'E'\nkey = 'k'", "[tables.t] has no `keep`", "t", "price")]
#[case::nothing_kept("event = 'E'\nkey = 'k'\nkeep = []", "[tables.t] keeps nothing", "t", "keep = [")]
#[case::twice("event = 'E'\nkey = 'k'\nkeep = ['a', 'a']", "`a` is kept twice", "'a'", "leave one")]
#[case::properties(
    "event = 'E'\nkey = 'k'\nkeep = ['properties.a']",
    "`keep` names properties of the rows",
    "'properties.a'",
    "below"
)]
#[case::event_of_a_name(
    "event = 'View'\nkey = 'k'\nkeep = ['a']",
    "`View` cannot have a name: its calls are rows of [tables.t]",
    "'View'",
    "row.price"
)]
#[case::gone_of_a_user(
    "event = 'E'\nkey = 'k'\nkeep = ['a']\ngone = 'traits.vip'",
    "a row is no user's event, and sees no traits",
    "traits.vip",
    ""
)]
#[case::gone_of_history(
    "event = 'E'\nkey = 'k'\nkeep = ['a']\ngone = 'total(view) > 1'",
    "`gone` sees only one event and the traits, but total() reads the user's history",
    "total",
    ""
)]
fn a_mistake_in_a_table_is_reported_at_its_place(
    #[case] keys: &str,
    #[case] message: &str,
    #[case] place: &str,
    #[case] help: &str,
) {
    let problem = only_problem(&format!("[events]\nview = 'View'\n[tables.t]\n{keys}\n"));
    assert_eq!((problem.0.as_str(), problem.1.as_str()), (message, place));
    assert!(problem.2.contains(help), "{}", problem.2);
}

#[test]
fn a_table_has_from_one_to_a_million_rows() {
    for max in ["0", "1000001"] {
        let problem = only_problem(&format!("{TABLE}max = {max}\n"));
        assert!(problem.0.contains("max"), "{}", problem.0);
    }
    assert_eq!(compiled(&format!("{TABLE}max = 5\n")).tables[0].max, 5);
}

#[test]
fn two_tables_have_two_events() {
    let problem = only_problem(&format!("{TABLE}[tables.other]\nevent = 'Product Updated'\nkey = 'k'\nkeep = ['a']\n"));
    assert_eq!(problem.0, "the calls of `Product Updated` are rows of [tables.products] already");
}

#[rstest]
#[case::not_kept("row.colour == 'red'", "[tables.products] does not keep `colour`", "row.colour")]
#[case::alone("row == 1", "`row` is not a value by itself", "row")]
#[case::any_row("row('products', 'p').price > 1", "row(…) cannot be asked for here", "row")]
fn a_mistake_about_rows_in_a_segment_is_reported_at_its_place(
    #[case] when: &str,
    #[case] message: &str,
    #[case] place: &str,
) {
    let problem = only_problem(&segment(when));
    assert_eq!((problem.0.as_str(), problem.1.as_str()), (message, place));
}

#[rstest]
#[case::no_key("if = \"row.price > 1\"", "`row` is the row of a key, and there is no key here")]
#[case::no_table("if = \"row('prodcts', 'p').price > 1\"", "there is no table `prodcts`")]
#[case::no_column("if = \"row('products', 'p') == 1\"", "row(…) is a row, not a value")]
#[case::a_duration(
    "if = \"row('products', since(view)).price > 1\"",
    "a key is a text or a whole number, but this is a duration"
)]
#[case::no_id("if = \"row(event.table, 'p').price > 1\"", "the first argument must be the id of a table in quotes")]
#[case::one_argument("if = \"row('products').price > 1\"", "row is not used like this")]
fn a_mistake_about_rows_in_a_campaign_is_reported(#[case] terms: &str, #[case] message: &str) {
    assert_eq!(only_problem(&campaign(terms)).0, message);
}

#[test]
fn a_key_without_table_has_no_row() {
    let text = segment("row.price > 1").replace("table = 'products'\n", "");
    let problem = only_problem(&text);
    assert_eq!(problem.0, "[per.product] names no table whose rows these keys have");
    assert!(problem.2.contains("table = \"products\""), "{}", problem.2);
}

#[test]
fn a_table_that_is_not_there_is_named() {
    let found = problems("[events]\nview = 'View'\n[per.product]\nkey = 'k'\nttl = '1d'\ntable = 'products'\n");
    assert_eq!(found[0].0, "there is no [tables.products]");
}
