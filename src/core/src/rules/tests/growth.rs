//! `[growth]` and what belongs to it: what comes of right ones, and every mistake at its place.

use rstest::rstest;

use super::{compiled, only_problem, problems};
use crate::rules::growth::{Channel, GrowthRules, Stage};
use crate::rules::ruleset::{NameId, SegmentId};

const BASE: &str = "timezone = 'Asia/Tokyo'\n[events]\nview = 'Product Viewed'\norder = 'Order Completed'\n\
    big = { event = 'Product Added', where = 'properties.price > 5' }\n[[segments]]\nid = 's'\nwhen = 'total(view) > 0'\n";

fn growth(more: &str) -> GrowthRules {
    compiled(&format!("{BASE}{more}")).growth.expect("growth numbers")
}

#[test]
fn an_empty_section_takes_segments_names_and_the_rules_zone() {
    let growth = growth("[growth]\n");
    assert_eq!(growth.timezone_name, "Asia/Tokyo");
    assert_eq!(growth.session_gap.0, 30 * 60_000);
    assert_eq!(growth.orders.map(|orders| orders.name), Some(NameId(1)));
    // What is filtered is not all of Segment's event.
    assert_eq!((growth.carts, growth.checkouts, growth.refunds), (None, None, None));
    assert_eq!(growth.channels[0].name, "search");
    assert!(growth.stages.is_empty() && growth.funnels.is_empty());
}

#[test]
fn without_a_section_nothing_is_computed() {
    assert!(compiled(BASE).growth.is_none());
}

#[test]
fn everything_that_is_said_is_taken() {
    let growth = growth(
        "[growth]\ntimezone = 'Europe/Berlin'\nsession_gap = '1h'\nown_hosts = ['Shop.Example']\norders = 'view'\ncarts = 'big'\n\
         order_value = 'sum.net'\nchannels = { b = ['Y'], a = ['X', 'z'] }\nlifecycle = { churned = 's', active = 's' }\n\
         [[funnels]]\nid = 'f'\nsteps = ['view', 'order']\nwithin = '2h'\n\
         [[promotions]]\nid = 'p'\nstarts = 2026-11-27\nends = '2026-11-28T18:00'\n\
         [[targets]]\nmetric = 'gmv'\nperiod = 'month'\nvalue = 12.5\n[[targets]]\nid = 'x'\nmetric = 'orders'\nperiod = 'day'\nvalue = 3\n",
    );
    assert_eq!((growth.timezone_name.as_str(), growth.session_gap.0), ("Europe/Berlin", 3_600_000));
    assert_eq!((growth.own_hosts, growth.carts), (vec!["shop.example".to_owned()], Some(NameId(2))));
    let channel = |name: &str, sources: &[&str]| Channel {
        name: name.to_owned(),
        sources: sources.iter().map(|source| (*source).to_owned()).collect(),
    };
    assert_eq!(growth.channels, [channel("b", &["y"]), channel("a", &["x", "z"])]);
    let stages: Vec<_> = growth.stages.iter().map(|stage| (stage.stage, stage.segment)).collect();
    assert_eq!(stages, [(Stage::Churned, SegmentId(0)), (Stage::Active, SegmentId(0))]);
    assert_eq!(growth.funnels[0].steps, [NameId(0), NameId(1)]);
    assert_eq!(growth.promotions[0].ends.to_string(), "2026-11-28T18:00:00");
    let targets: Vec<_> = growth.targets.iter().map(|target| (target.id.as_str(), target.value)).collect();
    assert_eq!(targets, [("gmv_month", 12_500_000), ("x", 3)]);
}

#[rstest]
#[case("[growth]\norder = 'order'\n", "unknown key `order` in [growth]", "order", "did you mean `orders`?")]
#[case("[growth]\norders = 'ordr'\n", "there is no event `ordr`", "'ordr'", "did you mean `order`?")]
#[case(
    "[growth]\ntimezone = 'Berlin'\n",
    "there is no time zone `Berlin`",
    "'Berlin'",
    "did you mean `Europe/Berlin`?"
)]
#[case("[growth]\ncurrency = 'eur'\n", "there is no currency `eur`", "'eur'", "did you mean `EUR`?")]
#[case("[growth]\ncurrency = 'Euro'\n", "there is no currency `Euro`", "'Euro'", "three capital letters of ISO 4217")]
#[case(
    "[growth]\norder_value = 'a..b'\n",
    "`a..b` is not a property",
    "'a..b'",
    "write the name of a property of the event"
)]
#[case("[growth]\nchannels = { direct = ['x'] }\n", "`direct` cannot have sources", "direct", "remove it")]
#[case("[growth]\nchannels = { a = ['x'], b = ['X'] }\n", "`X` is already a source of `a`", "'X'", "one channel")]
#[case(
    "[growth]\nlifecycle = { actve = 's' }\n",
    "unknown key `actve` in [growth.lifecycle]",
    "actve",
    "did you mean `active`?"
)]
#[case("[growth]\nlifecycle = { active = 'x' }\n", "there is no segment `x`", "'x'", "did you mean `s`?")]
#[case(
    "[growth]\n[[funnels]]\nid = 'f'\nsteps = ['view']\nwithin = '1h'\n",
    "a funnel has 2 to 8 steps, but this has 1",
    "['view']",
    ""
)]
#[case(
    "[growth]\n[[funnels]]\nid = 'f'\nsteps = ['view', 'cart']\nwithin = '1h'\n",
    "there is no event `cart`",
    "'cart'",
    ""
)]
#[case(
    "[growth]\n[[funnels]]\nid = 'f'\nsteps = ['view', 'order']\n",
    "this funnel has no `within`",
    "[[funnels]]",
    "add within"
)]
#[case(
    "[growth]\n[[promotions]]\nid = 'p'\nstarts = '2026-11-27'\nends = '2026-11-27'\n",
    "promotion `p` ends before it starts",
    "'2026-11-27'",
    ""
)]
#[case(
    "[growth]\n[[promotions]]\nid = 'p'\nstarts = '2026-11-27T00:30'\nends = '2026-11-28'\n",
    "`starts` must be on a full hour",
    "'2026-11-27T00:30'",
    ""
)]
#[case(
    "[growth]\n[[promotions]]\nid = 'p'\nstarts = 'soon'\nends = '2026-11-28'\n",
    "`soon` is not a date",
    "'soon'",
    "2026-11-27"
)]
#[case(
    "[growth]\n[[targets]]\nmetric = 'gvm'\nperiod = 'month'\nvalue = 1\n",
    "a target's metric is one of",
    "'gvm'",
    "did you mean `gmv`?"
)]
#[case("[growth]\n[[targets]]\nmetric = 'gmv'\nperiod = 'month'\nvalue = 0\n", "a target must be above 0", "0", "")]
#[case(
    "[growth]\n[[targets]]\nmetric = 'gmv'\nperiod = 'day'\nvalue = 1\n[[targets]]\nmetric = 'gmv'\nperiod = 'day'\nvalue = 2\n",
    "target `gmv_day` is defined twice",
    "[[targets]]",
    "another id"
)]
#[case(
    "[[funnels]]\nid = 'f'\nsteps = ['view', 'order']\nwithin = '1h'\n",
    "[[funnels]] belongs to the growth numbers",
    "",
    "add a section [growth]"
)]
fn a_mistake_is_shown_at_its_place(#[case] text: &str, #[case] message: &str, #[case] place: &str, #[case] help: &str) {
    let (found, underlined, said) = only_problem(&format!("{BASE}{text}"));
    assert!(found.contains(message), "{found}");
    assert!(underlined.contains(place), "{underlined}");
    assert!(said.contains(help), "{said}");
}

#[test]
fn a_currency_is_taken_and_none_is_assumed() {
    let of = |more: &str| growth(&format!("[growth]\n{more}")).currency.map(crate::rules::growth::Currency::code);
    assert_eq!((of("currency = 'CHF'\n"), of("")), (Some("CHF"), None));
}

#[test]
fn channels_and_funnels_have_a_maximum() {
    let many = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<String>();
    let channels = many(15, &|at| format!("c{at} = ['s{at}']\n"));
    assert!(problems(&format!("{BASE}[growth.channels]\n{channels}"))[0].0.contains("the maximum is 14"));
    let funnel = |at| format!("[[funnels]]\nid = 'f{at}'\nsteps = ['view', 'order']\nwithin = '1h'\n");
    assert!(problems(&format!("{BASE}[growth]\n{}", many(9, &funnel)))[0].0.contains("more than 8 funnels"));
}

const ITEMS: &str = "line = { event = 'Order Completed', each = 'products' }\n";

#[test]
fn the_items_of_orders_are_matches_of_a_name() {
    let text = BASE.replace("big =", &format!("{ITEMS}big ="));
    let growth =
        compiled(&format!("{text}[growth]\nitems = 'line'\nitem_id = 'sku'\n")).growth.expect("growth numbers");
    let orders = growth.orders.expect("orders");
    assert_eq!(orders.name, NameId(1), "not the name with each");
    let items = orders.items.expect("items");
    assert_eq!((items.name, items.id_property.as_str()), (NameId(2), "sku"));
}

#[rstest]
#[case("items = 'lines'", "there is no event `lines`", "'lines'", "did you mean `line`?")]
#[case("items = 'order'", "`order` has no `each`, so it has no items", "'order'", "each = \"products\"")]
#[case(
    "orders = 'view'\nitems = 'line'",
    "the items `line` are of another event than the orders, `view`",
    "'line'",
    "the same `event`"
)]
#[case("item_id = 'sku'", "`item_id` is of the items of orders, and there are none", "'sku'", "items = \"line\"")]
#[case("picks_within = '2d'", "`picks_within` is of lists of picks, and these rules have none", "'2d'", "[[picks]]")]
#[case(
    "orders = 'line'",
    "`line` matches once for each element of an array, but orders count once",
    "'line'",
    "items = \"line\""
)]
#[case("items = 'line'\nitem_price = 'a..b'", "`a..b` is not a property", "'a..b'", "")]
fn a_mistake_in_items_is_reported(#[case] more: &str, #[case] message: &str, #[case] span: &str, #[case] help: &str) {
    let text = BASE.replace("big =", &format!("{ITEMS}big ="));
    let (found, underlined, advice) = only_problem(&format!("{text}[growth]\n{more}\n"));
    assert_eq!((found.as_str(), underlined.as_str()), (message, span));
    assert!(advice.contains(help), "{advice:?} has no {help:?}");
}
