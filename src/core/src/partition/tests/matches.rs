//! Names with `each` and `let`: which matches an event has, and with which values.

use super::*;

const EACH: &str = "[events]\n\
    order = { event = \"Order\", let = { net = \"properties.total - properties.shipping\" } }\n\
    line = { event = \"Order\", each = \"products\", let = { worth = \"item.price * item.quantity\" } }\n\
    shoe = { event = \"Order\", each = \"products\", where = \"item.category == 'shoes'\" }\n\
    nested = { event = \"Order\", each = \"cart.lines\" }\n";

const TWO_ITEMS: &str = r#""total":100,"shipping":10,"order_id":"o1","products":[
    {"price":20,"quantity":2,"category":"shoes"},7,null,"x",[1],{"price":"9","quantity":3,"order_id":"item"}]"#;

fn story(when: &str) -> Story {
    Story::under(&format!("{EACH}[[segments]]\nid = \"s\"\nwhen = \"\"\"{when}\"\"\"\n"))
}

/// Whether a condition holds after one order.
fn holds(when: &str, properties: &str) -> bool {
    let mut story = story(when);
    story.track(0, "Order", &properties.replace('\n', " "));
    story.is_in("s")
}

#[test]
fn a_name_with_each_matches_once_for_each_element_that_is_an_object() {
    assert!(holds("total(line) == 2 && count(line, '1h') == 2 && total(order) == 1 && total(shoe) == 1", TWO_ITEMS));
    for none in
        ["\"products\":null", "\"products\":{\"price\":1}", "\"products\":\"x\"", "\"products\":[]", "\"total\":1"]
    {
        assert!(holds("total(line) == 0 && total(order) == 1", none), "{none}");
    }
}

#[test]
fn a_value_is_that_of_let_then_the_elements_then_the_events() {
    assert!(holds("total(order.net) == 90 && total(line.worth) == 40", TWO_ITEMS));
    assert!(holds("last(line.order_id) == 'item' && last(shoe.order_id) == 'o1'", TWO_ITEMS));
    assert!(holds("total(line.total) == 200 && total(line.price) == 20", TWO_ITEMS), "a text is no price");
    assert!(holds("last(nested.sku) == 'b' && total(nested) == 2", r#""cart":{"lines":[{"sku":"a"},{"sku":"b"}]}"#));
}

#[test]
fn an_events_matches_are_applied_in_one_step() {
    let mut story = story("total(line) >= 2");
    story.track(0, "Order", &TWO_ITEMS.replace('\n', " "));
    assert_eq!(story.told(), ["0 enter s"]);
    assert_eq!(story.partition.counts().by_name, [1, 1, 1, 0], "events by name");
}

#[test]
fn of_equal_keys_the_last_array_counts() {
    assert!(holds("total(line.price) == 5", r#""products":[{"price":1}],"products":[{"price":3,"price":5}]"#));
    assert!(holds("total(line) == 0", r#""products":[{"price":1}],"products":4"#));
}

#[test]
fn elements_beyond_the_first_thousand_are_ignored() {
    let items = |objects: usize, others: usize| {
        let all = std::iter::repeat_n("1", others).chain(std::iter::repeat_n(r#"{"price":1}"#, objects));
        format!("\"products\":[{}]", all.collect::<Vec<_>>().join(","))
    };
    assert!(holds("total(line) == 1000 && total(line.price) == 1000", &items(1_500, 0)));
    assert!(holds("total(line) == 600", &items(1_500, 400)));
    assert!(holds("total(line) == 1000", &items(50_000, 0)));
}

#[test]
fn an_array_may_be_longer_than_a_value_but_an_elements_value_may_not() {
    let long = "y".repeat(9_000);
    let properties = format!(r#""products":[{{"price":1,"sku":"{long}"}},{{"price":2,"sku":"z","\u0071uantity":4}}]"#);
    assert!(holds("total(line.price) == 3 && total(line.worth) == 8", &properties));
    assert!(holds("last(line.sku) == 'z'", &properties));
}

#[test]
fn keys_with_escapes_in_elements_are_read() {
    assert!(holds("total(line.price) == 2.5", r#""\u0070roducts":[{"\u0070rice":2.5}]"#));
}
