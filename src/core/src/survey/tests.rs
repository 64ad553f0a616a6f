//! What a survey of events tells.

use super::EventSurvey;
use crate::decode::Decoder;
use crate::rules;
use crate::rules::ruleset::Ruleset;

const RULES: &str = r#"
    [events]
    order = "Purchase"
    paid = { event = "Purchase", where = "properties.total > 0" }
    home = { type = "page" }

    [[segments]]
    id = "s"
    when = """sum(order.total, '7d') > 0 || total(order.products.price) > 1 || last(order.shipping.city) == 'Ulm'
              || total(order.shipping.cost) > 1 || total(home.total) > 1 || last(order.total) == 1"""
"#;

/// A survey of events under rules.
fn surveyed<'r>(rules: &'r Ruleset, calls: &[String]) -> EventSurvey<'r> {
    let mut survey = EventSurvey::new(rules);
    let decoder = Decoder::new(survey.projection(), 1 << 20);
    for call in calls {
        let mut decoded = Vec::new();
        decoder.decode(call.as_bytes(), &mut decoded);
        survey.add(decoded[0].as_ref().expect("an event"));
    }
    survey
}

fn compiled(rules: &str) -> Ruleset {
    rules::compile(rules).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn track(event: &str, properties: &str) -> String {
    format!(
        r#"{{"type":"track","event":"{event}","userId":"u","timestamp":"2026-03-05T10:00:00Z","properties":{properties}}}"#
    )
}

fn findings(properties: &[&str]) -> Vec<String> {
    let rules = compiled(RULES);
    let calls: Vec<String> = properties.iter().map(|properties| track("Purchase", properties)).collect();
    let found = surveyed(&rules, &calls).findings().into_iter();
    let found = found.filter(|finding| !finding.text.starts_with("no event "));
    found.map(|finding| format!("{} {}", finding.is_mistake, finding.text)).collect()
}

#[test]
fn events_that_match_have_no_findings() {
    assert!(findings(&[]).is_empty());
    assert!(findings(&[r#"{"total":10,"shipping":{"city":"Ulm","cost":1.5}}"#, "{}", r#"{"total":null}"#]).is_empty());
}

#[test]
fn amounts_that_are_not_numbers_are_reported_with_an_example() {
    let found =
        findings(&[r#"{"total":"109.30"}"#, r#"{"total":"gratis"}"#, r#"{"total":5}"#, r#"{"total":"\u001b[31mred"}"#]);
    assert_eq!(
        found,
        [r#"false order.total is not a number in 3 of 4 events (such as "109.30"): sums and means ignore it"#]
    );
    let found = findings(&[r#"{"shipping":{"cost":[ 1, "\u001b" ]}}"#]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("(such as [1,\\\"\\\\u001b\\\"])"), "{found:?}");
}

#[test]
fn path_into_an_array_is_a_mistake_unless_some_events_have_a_value() {
    let array = r#"{"products":[{"price":1}],"shipping":[]}"#;
    let found = findings(&[array, array]);
    let said = |name: &str, array: &str| {
        format!("true order.{name} reads into `{array}`, which is an array in 2 of 2 events: it has no value there")
    };
    let mut wanted =
        [said("products.price", "products"), said("shipping.city", "shipping"), said("shipping.cost", "shipping")];
    wanted.sort();
    let mut found_sorted = found.clone();
    found_sorted.sort();
    assert_eq!(found_sorted, wanted);
    let found = findings(&[array, r#"{"products":{"price":1},"shipping":{"city":"Ulm","cost":0}}"#]);
    assert!(found.iter().all(|it| it.starts_with("false ")) && found.len() == 3, "{found:?}");
}

#[test]
fn everything_that_the_rules_read_is_counted_by_its_types() {
    let rules = compiled(
        r#"
        [events]
        order = { event = "Order", let = { net = "properties.total - properties.shipping", flag = "traits.vip" } }
        line = { event = "Order", each = "products", where = "item.category == 'shoes' && has(context.page.url)", let = { worth = "item.price * item.quantity" } }
        gone = { event = "Order", each = "lost" }
        home = { type = "page" }
        [[segments]]
        id = "s"
        when = """sum(order.net, '7d') > 0 || last(order.coupon) == 'X' || sum(line.worth, '1d') > 1 || last(line.sku) == 'a'
                  || total(order.flag) > 1 || last(line.total) == 3 || last(gone.x) == 1 || total(home) > 1 || traits.tier == 'gold' || traits.age > 3"""
        "#,
    );
    let calls = [
        track(
            "Order",
            r#"{"total":10,"shipping":1,"products":[{"price":2,"quantity":3,"category":"shoes","sku":"a"},7]}"#,
        ),
        track(
            "Order",
            r#"{"total":"12.5","shipping":1,"products":[{"price":"2","sku":5},{"sku":null,"category":true}],"lost":[]}"#,
        ),
        track("Order", r#"{"total":[1],"products":{"sku":1}}"#),
        track("Other", r#"{"coupon":1}"#),
        r#"{"type":"identify","userId":"u","timestamp":"2026-03-05T10:00:00Z","traits":{"tier":"gold","age":null}}"#
            .to_owned(),
    ];
    let survey = surveyed(&rules, &calls);
    assert_eq!(
        survey.lines(&[3, 0, 0, 0]),
        [
            r#"order ("Order"): 3 events"#,
            "  order.net: 1 of 3, as number",
            "  order.coupon: never",
            "  order.flag: depends on the user's traits",
            "  properties.total: 3 of 3, as number 1, number in quotes 1, array 1",
            "  properties.shipping: 2 of 3, as number",
            r#"line ("Order", each products): 3 events, 2 with the array, 3 elements; 0 match"#,
            "  line.worth: 1 of 3, as number",
            "  line.sku: 2 of 3, as number 1, text 1",
            "  line.total: 3 of 3, as number 1, number in quotes 2",
            "  context.page.url: never",
            "  item.category: 2 of 3, as text 1, true or false 1",
            "  item.price: 2 of 3, as number 1, number in quotes 1",
            "  item.quantity: 1 of 3, as number",
            r#"gone ("Order", each lost): 3 events, 1 with the array, no elements; 0 match"#,
            "  gone.x: never",
            "home (page): never",
            "identify: 1 call",
            "  traits.vip: never",
            "  traits.tier: 1 of 1, as text",
            "  traits.age: never",
        ]
    );
    let found: Vec<String> = survey.findings().into_iter().map(|finding| finding.text).collect();
    assert_eq!(
        found,
        [
            "no event had order.coupon",
            "no event of `line` had context.page.url",
            "the array `lost` of `gone` never had an object as an element",
            "no identify had traits.vip",
            "no identify had traits.age",
        ]
    );
}

/// A survey sees no users.
#[test]
fn what_let_makes_of_traits_is_listed_and_no_finding_says_that_it_is_never_there() {
    let rules = compiled(
        r#"
        [events]
        add = { event = "Added", let = { cart = "traits.prefix + properties.id", vip = "traits.vip" } }
        [per.cart]
        key = "cart"
        ttl = "30d"
        [[segments]]
        id = "left"
        per = "cart"
        when = "total(add) > 0"
        [[segments]]
        id = "of_vips"
        when = "last(add.vip) == true"
        "#,
    );
    let identify =
        r#"{"type":"identify","userId":"u","timestamp":"2026-03-05T10:00:00Z","traits":{"prefix":1,"vip":true}}"#;
    let survey = surveyed(&rules, &[identify.to_owned(), track("Added", r#"{"id":1}"#)]);
    let lines = survey.lines(&[1]);
    assert!(lines.contains(&"  add.vip: depends on the user's traits".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"  add.cart: depends on the user's traits".to_owned()), "{lines:#?}");
    assert_eq!(survey.findings(), []);
}

#[test]
fn keys_are_counted_in_the_names_that_have_them() {
    let rules = compiled(
        r#"
        [events]
        add = "Added"
        bought = "Bought"
        view = "Viewed"
        line = { event = "Bought", each = "products" }
        [per.cart]
        key = "cart_id"
        ttl = "30d"
        [per.ticket]
        key = "ticket"
        ttl = "30d"
        [[segments]]
        id = "left"
        per = "cart"
        when = "total(add) > 0 && total(bought) == 0 && user.total(view) > 0"
        [[segments]]
        id = "open"
        per = "ticket"
        when = "total(view) > 0"
        "#,
    );
    let calls = [
        track("Added", r#"{"cart_id":"c1"}"#),
        track("Added", r#"{"cart_id":7}"#),
        track("Added", r#"{"cart_id":7.5}"#),
        track("Added", r#"{"cart_id":""}"#),
        track("Viewed", "{}"),
        track("Bought", r#"{"products":[{"cart_id":true},{"cart_id":"c2"}]}"#),
    ];
    let survey = surveyed(&rules, &calls);
    let lines = survey.lines(&[4, 1, 1, 1]);
    let of_keys = lines.iter().skip_while(|line| !line.starts_with("[per"));
    assert_eq!(
        of_keys.collect::<Vec<_>>(),
        [
            "[per.cart], key cart_id",
            "  add.cart_id: 4 of 4, as number 2, text 2; 2 cannot be keys",
            "  bought.cart_id: never",
            "  line.cart_id: 2 of 2, as text 1, true or false 1; 1 cannot be keys",
            "[per.ticket], key ticket",
            "  view.ticket: never",
        ]
    );
    let found: Vec<String> = survey.findings().into_iter().map(|finding| finding.text).collect();
    assert_eq!(
        found,
        [
            "2 values of add.cart_id cannot be keys (such as \"\"): [per.cart] ignores them",
            "1 value of line.cart_id cannot be keys (such as true): [per.cart] ignores them",
            "no event had a key ticket of [per.ticket]: nothing is remembered per ticket",
        ]
    );
}
