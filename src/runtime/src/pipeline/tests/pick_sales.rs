//! What lists of picks sold: what a campaign or the storefront showed, and was ordered soon after.

use super::ranks::options;
use super::*;
use crate::pipeline::RestoredPipeline;
use rekindle_core::growth::Money;
use rekindle_core::growth::report::PickSales;

/// Who asks for an offer is sent the two items that most people looked at.
const OFFERS: &str = r#"
[events]
view = "Product Viewed"
order = "Order Completed"
ask = "Offer Asked"
listed = { event = "Product List Viewed", each = "products" }
[[picks]]
id = "for_you"
on = ["view"]
item = "product_id"
kinds = ["popular"]
every = "hour"
[[campaigns]]
id = "offer"
on = "event:ask"
channel = "email"
payload_from = { items = "picks('for_you', 2)" }
[growth]
picks_shown = ["listed"]
picks_within = "2d"
"#;

fn call(event: &str, who: &str, time: &str, properties: &str) -> String {
    format!(
        "{{\"type\":\"track\",\"event\":\"{event}\",{who},\"timestamp\":\"2026-03-{time}Z\",\"properties\":{{{properties}}}}}\n"
    )
}

const ANA: &str = r#""userId":"ana""#;
const BOB: &str = r#""userId":"bob""#;
const X: &str = r#""anonymousId":"x""#;

/// Two look at a lamp, one at a chair and one at a table, on the morning of the second.
fn looked_at() -> Vec<String> {
    let view = |who: u32, item: &str| {
        call("Product Viewed", &format!("\"userId\":\"v{who}\""), "02T08:00:00", &format!("\"product_id\":\"{item}\""))
    };
    vec![view(1, "lamp"), view(2, "lamp"), view(3, "chair"), view(4, "table")]
}

fn order(who: &str, time: &str, total: u32, products: &str) -> String {
    call("Order Completed", who, time, &format!("\"total\":{total},\"products\":[{products}]"))
}

fn pipeline(rules: &str) -> Pipeline {
    Pipeline::new(plan(rules), options(3)).expect("threads start")
}

fn feed(pipeline: &mut Pipeline, lines: &[String]) {
    pipeline.feed(lines.concat().as_bytes(), &mut |rejection| panic!("{:?}", rejection.rejected), &mut Vec::new());
}

/// What picks sold by the beginning of the tenth.
fn sold(pipeline: &mut Pipeline) -> PickSales {
    let until = Timestamp::parse_rfc3339("2026-03-10T00:00:00Z").expect("a time");
    pipeline.advance_to(until, &mut Vec::new());
    let numbers = pipeline.growth(Some(until)).expect("there are numbers").numbers;
    numbers.commerce.expect("there are orders").picks.expect("there are lists")
}

fn sales_of(lines: Vec<String>) -> (u64, f64, Option<f64>) {
    let mut pipeline = pipeline(OFFERS);
    feed(&mut pipeline, &looked_at());
    feed(&mut pipeline, &lines);
    let PickSales { orders, gmv, share } = sold(&mut pipeline);
    (orders, gmv.to_number(), share.rate())
}

const LAMP: &str = r#"{"product_id":"lamp","price":30}"#;
const TABLE: &str = r#"{"product_id":"table","price":10,"quantity":2}"#;

#[test]
fn what_a_campaign_sent_and_was_ordered_within_the_time_is_sold_by_picks() {
    // The lamp and the chair are sent; 30 of 50 in the basket are the lamp, and the order is worth 100.
    let both = format!("{LAMP},{TABLE}");
    let asked = || call("Offer Asked", ANA, "02T10:00:00", "");
    assert_eq!(sales_of(vec![asked(), order(ANA, "04T10:00:00", 100, &both)]), (1, 60.0, Some(0.6)));
    let mut pipeline = pipeline(OFFERS);
    feed(&mut pipeline, &looked_at());
    feed(&mut pipeline, &[asked(), order(ANA, "04T10:00:00", 100, &both)]);
    let told = serde_json::to_value(sold(&mut pipeline)).expect("it is JSON");
    let share = serde_json::json!({"part": 60.0, "whole": 100.0, "rate": 0.6});
    assert_eq!(told, serde_json::json!({"orders": 1, "gmv": 60.0, "share": share}));
    // A millisecond later, before it was sent, by somebody else, and of something else: nothing.
    let others = [
        (vec![asked(), order(ANA, "04T10:00:00.001", 100, &both)], Some(0.0)),
        (vec![order(ANA, "02T09:59:59", 100, &both), asked()], Some(0.0)),
        (vec![asked(), order(BOB, "02T11:00:00", 100, &both)], Some(0.0)),
        (vec![asked(), order(ANA, "02T11:00:00", 100, TABLE)], Some(0.0)),
        (vec![asked()], None),
    ];
    for (lines, share) in others {
        assert_eq!(sales_of(lines.clone()), (0, 0.0, share), "{lines:?}");
    }
}

#[test]
fn what_the_storefront_showed_counts_and_what_a_visitor_saw_is_the_users() {
    let shown = |who: &str| call("Product List Viewed", who, "02T10:00:00", r#""products":[{"product_id":"table"}]"#);
    assert_eq!(sales_of(vec![shown(BOB), order(BOB, "02T10:00:00", 40, TABLE)]), (1, 40.0, Some(1.0)));
    let linked = format!("{BOB},{X}");
    let twice = vec![shown(X), order(&linked, "02T12:00:00", 40, TABLE), order(BOB, "02T13:00:00", 10, LAMP)];
    assert_eq!(sales_of(twice), (1, 40.0, Some(0.8)), "an order itself links them, and comes after that");
}

#[test]
fn the_items_of_orders_may_have_other_names() {
    let rules = OFFERS
        .replace("[[picks]]", "line = { event = \"Order Completed\", each = \"lines\" }\n[[picks]]")
        .replace("[growth]", "[growth]\nitems = \"line\"\nitem_id = \"sku\"\nitem_price = \"worth\"");
    let mut pipeline = pipeline(&rules);
    let lines = r#""total":10,"lines":[{"sku":7,"worth":1},{"sku":"8","worth":3}]"#;
    let shown = call("Product List Viewed", ANA, "02T10:00:00", r#""products":[{"sku":"7"}]"#);
    feed(&mut pipeline, &[shown, call("Order Completed", ANA, "02T11:00:00", lines)]);
    assert_eq!(sold(&mut pipeline).gmv, Money(2_500_000));
}

#[test]
fn a_restore_anywhere_changes_nothing() {
    let mut lines = looked_at();
    lines.push(call("Offer Asked", ANA, "02T10:00:00", ""));
    lines.push(call("Product List Viewed", X, "02T10:30:00", r#""products":[{"product_id":"table"}]"#));
    lines.push(order(&format!("{BOB},{X}"), "02T12:00:00", 40, TABLE));
    lines.push(order(ANA, "03T10:00:00", 100, LAMP));
    let expected = {
        let mut whole = pipeline(OFFERS);
        feed(&mut whole, &lines);
        sold(&mut whole)
    };
    assert_eq!((expected.orders, expected.gmv), (2, Money(140_000_000)));
    for at in 0..=lines.len() {
        let mut first = pipeline(OFFERS);
        feed(&mut first, &lines[..at]);
        let saved = first.encode_checkpoint();
        let plan = plan(OFFERS);
        let restored = RestoredPipeline::read(&plan, &[&saved]).expect("what was saved");
        let mut second = Pipeline::restore(plan, options(7), restored).expect("what was saved");
        feed(&mut second, &lines[at..]);
        assert_eq!(sold(&mut second), expected, "restored before line {at}");
    }
}
