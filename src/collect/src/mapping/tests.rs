use serde_json::{Value, json};

use super::*;

fn calls(table: &str, body: Value) -> Vec<Value> {
    MappingTable::parse(table).expect("a table").calls(&body, &json!({"topic": "t"}))
}

#[test]
fn the_first_source_that_gives_something_counts() {
    let table = "calls = [{ type = 'track', event = \"'E'\", user_id = 'id | shop-{customer} | email', \
                 timestamp = 'at as micros', properties = { fields = { topic = '@request.topic', all = '@body.x' } } }]";
    let user = |body: Value| calls(table, body)[0].get("userId").cloned();
    assert_eq!(user(json!({"id": "", "customer": 7, "email": "e"})), Some(json!("shop-7")));
    assert_eq!(user(json!({"id": null, "customer": 0, "email": "e"})), Some(json!("e")));
    assert_eq!(user(json!({"id": 820982911946154508_u64})), Some(json!("820982911946154508")));
    assert_eq!(user(json!({"customer": {}})), None);
    let call = calls(table, json!({"at": "1772704800123456", "x": [1]})).remove(0);
    assert_eq!(call["timestamp"], 1_772_704_800_123_i64);
    assert_eq!(call["properties"], json!({"topic": "t", "all": [1]}));
}

#[test]
fn amounts_that_are_texts_become_numbers_and_others_nothing() {
    let table = "calls = [{ type = 'track', properties = { fields = { price = 'price as number' } } }]";
    let price = |price: Value| calls(table, json!({"price": price}))[0]["properties"].clone();
    assert_eq!(price(json!("199.00")), json!({"price": 199.0}));
    assert_eq!(price(json!(5)), json!({"price": 5}));
    assert_eq!(price(json!("much")), json!({}));
}

#[test]
fn a_table_with_an_unknown_key_or_form_is_refused() {
    assert!(MappingTable::parse("calls = [{ type = 'track', evnt = 'x' }]").is_err());
    assert!(MappingTable::parse("calls = [{ type = 'track', event = 'x as shout' }]").is_err());
    assert!(MappingTable::parse("calls = [{ type = 'track', event = 'a-{x' }]").is_err());
}
