//! Values that cannot be used: texts as amounts, values that are too large, large numbers as ids.

use super::*;

/// A call of a user at a second of a day, with what comes before its properties or traits.
fn call(second: i64, fields: &str) -> String {
    format!("{{\"userId\":\"u\",\"timestamp\":\"2026-03-02T10:00:{second:02}Z\",{fields}}}\n")
}

fn order(second: i64, properties: &str) -> String {
    call(second, &format!("\"type\":\"track\",\"event\":\"Order Completed\",\"properties\":{{{properties}}}"))
}

fn fed(rules: &str, lines: &[String]) -> Pipeline {
    let mut pipeline = Pipeline::new(plan(rules), PipelineOptions { workers: 1, ..PipelineOptions::default() })
        .expect("threads start");
    pipeline.feed(lines.concat().as_bytes(), &mut |_| {}, &mut Vec::new());
    pipeline
}

const AMOUNTS: &str = r#"
[events]
order = "Order Completed"
large = { event = "Order Completed", where = "number(properties.total) > 100" }
[[segments]]
id = "s"
when = """sum(order.total, '7d') > 1 || avg(order.total, '1d') > 1 || max(large.total, '1d') > 1
          || total(order.tax) > 1 || last(order.coupon) == 'X' || traits.tier in ['a']"""
"#;

#[test]
fn values_that_sums_ignore_are_counted_by_event_and_property() {
    let lines = [
        order(0, r#""total":"109.30","tax":1.5,"coupon":7"#),
        order(1, r#""total":50,"tax":null"#),
        order(2, r#""total":true,"tax":{}"#),
        order(3, ""),
    ];
    let pipeline = fed(AMOUNTS, &lines);
    let (rules, totals) = (&pipeline.plan().rules, pipeline.totals());
    let amounts = rules.amounts.iter().map(|amount| rules.amount_name(*amount)).zip(totals.counts.amounts.clone());
    let expected = [("order.total", [1, 2]), ("order.tax", [1, 1]), ("large.total", [0, 1])];
    assert_eq!(amounts.collect::<Vec<_>>(), expected.map(|(name, counts)| (name.to_owned(), counts)));
    let other = plan(&AMOUNTS.replace("total(order.tax) > 1 || ", ""));
    let carried = totals.counts.under(rules, &other.rules);
    assert_eq!(carried.amounts, [[1, 2], [0, 1]], "by the same names under other rules");
}

#[test]
fn values_that_are_too_large_are_counted_if_they_are_read_and_are_not_kept() {
    let list = format!("[{}1]", "1,".repeat(100_000));
    let lines = [
        call(0, &format!("\"type\":\"identify\",\"traits\":{{\"tier\":{list},\"other\":{list}}}")),
        order(1, &format!("\"coupon\":{list},\"unread\":{list}")),
        call(2, &format!("\"type\":\"page\",\"properties\":{{\"unread\":{list}}}")),
    ];
    let pipeline = fed(AMOUNTS, &lines);
    assert_eq!(pipeline.totals().oversized_values, 2);
    let bytes = pipeline.user("u").expect("a user").heap_bytes();
    assert!(bytes < 1_000, "{bytes} bytes");
}

#[test]
fn order_ids_of_64_bits_distinguish_orders_in_the_growth_numbers() {
    let of = |user: &str, second: i64, id: &str, total: &str| {
        order(second, &format!("\"order_id\":{id},\"total\":{total}"))
            .replace("\"userId\":\"u\"", &format!("\"userId\":\"{user}\""))
    };
    let lines = [
        of("u1", 0, "820982911946154508", "10.10"),
        of("u1", 1, "820982911946154509", "30"),
        of("u1", 2, "\"820982911946154509\"", "30"),
        of("u2", 3, "\"820982911946154508\"", "10.20"),
        of("u2", 4, "\"820982911946154509\"", "\"30\""),
    ];
    let pipeline = fed("[events]\norder = 'Order Completed'\n[growth]\n", &lines);
    let numbers = serde_json::to_value(pipeline.growth(None).expect("numbers")).expect("JSON");
    let today = &numbers["days"][0]["all"];
    assert_eq!((&today["orders"], &today["gmv"]), (&4.into(), &50.3.into()), "a number and its digits are one id");
    let totals = pipeline.totals();
    let rules = &pipeline.plan().rules;
    let total =
        rules.amounts.iter().position(|amount| rules.amount_name(*amount) == "order.total").expect("it is read");
    assert_eq!(totals.counts.amounts[total], [4, 1], "an amount that is a text is counted");
}
