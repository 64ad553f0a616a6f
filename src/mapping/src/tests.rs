use serde_json::{Value, json};

use super::*;

fn calls(table: &str, body: Value) -> Vec<Value> {
    let table = MappingTable::parse(table).unwrap_or_else(|problems| panic!("{problems:?}"));
    table.calls(&body, &json!({"topic": "t"}))
}

/// The properties of the call that these fields make.
fn fields(fields: &str, body: Value) -> Value {
    let table = format!("calls = [{{ type = 'page', user_id = \"'u'\", properties = {{ fields = {{ {fields} }} }} }}]");
    calls(&table, body)[0]["properties"].clone()
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
fn numbers_are_read_strictly_and_amounts_as_the_table_says() {
    let read = |form: &str, text: &str| fields(&format!("x = 'x as {form}'"), json!({ "x": text }))["x"].clone();
    for (form, text, number) in [
        ("number", "199.00", json!(199.0)),
        ("number", "5", json!(5)),
        ("number", "1,234.50", Value::Null),
        ("number", "much", Value::Null),
        ("amount", "1,234.50", json!(1234.5)),
        ("amount", "$1,234,567.5", json!(1_234_567.5)),
        ("amount", "-€ 12", json!(-12)),
        ("amount", "1'000.00 CHF", json!(1000.0)),
        ("amount", "1\u{a0}234.50 kr", json!(1234.5)),
        ("amount", "12,50", Value::Null),
        ("amount", "1.234,50", Value::Null),
        ("amount", "free", Value::Null),
        ("amount", "0.00", json!(0.0)),
        ("amount_comma", "1.234,50 €", json!(1234.5)),
        ("amount_comma", "12,5", json!(12.5)),
        ("amount_comma", "1,234.50", Value::Null),
        ("seconds", "1511658000", json!(1_511_658_000_000_i64)),
        ("seconds", "1.5", json!(1_500)),
        ("millis", "1430636062541", json!(1_430_636_062_541_i64)),
        ("time", "2024-01-15 10:20:30 -0500", json!("2024-01-15T15:20:30.000Z")),
        ("time", "2019-10-01 00:00:00 UTC", json!("2019-10-01T00:00:00.000Z")),
        ("time", "2024-01-15T10:20:30.25", json!("2024-01-15T10:20:30.250Z")),
        ("time", "2024-01-15", json!("2024-01-15T00:00:00.000Z")),
        ("time", "01/02/2024", Value::Null),
        ("time", "2024", Value::Null),
        ("time(%d/%m/%Y)", "01/02/2024", json!("2024-02-01T00:00:00.000Z")),
        ("time(%Y%m%d)", "20160712", json!("2016-07-12T00:00:00.000Z")),
        ("time(%Y-%m-%d %H:%M:%S %z)", "2024-01-15 10:20:30 +0100", json!("2024-01-15T09:20:30.000Z")),
    ] {
        assert_eq!(read(form, text), number, "{text} as {form}");
    }
    assert_eq!(fields("x = 'x as number'", json!({"x": 5})), json!({"x": 5}));
}

#[test]
fn paths_find_odd_names_and_elements_of_lists() {
    let body = json!({"Unit price (a.b)": 1, "a \"b\"": 2, "p": [{"key": "k", "value": {"int_value": "7"}}, {"key": "n", "value": null}],
        "@x": 3, "[A] b": 4});
    let found = fields(
        r#"a = '"Unit price (a.b)" as number', b = '"a ""b"""', c = 'p.[key=k].value.int_value', d = 'p as key_values', e = '"@x"', f = 'p.0.key', g = '[A] b'"#,
        body,
    );
    let expected = json!({"a": 1, "b": 2, "c": "7", "d": {"k": 7, "n": null}, "e": 3, "f": "k", "g": 4});
    assert_eq!(found, expected);
    for name in ["a b", "a.b", "x | y", "p as q", "{x}", "'", "\"", "@body", "[k=v]", " x", "Ünï"] {
        let source = FieldSource::of_field(name, "").expect("a source");
        assert_eq!(source.text_in(&json!({ name: "v" })), Some("v".to_owned()), "{name}: {}", source.as_text());
    }
}

#[test]
fn a_value_that_is_not_what_it_should_be_is_noted() {
    let table = "calls = [{ type = 'track', event = \"'E'\", user_id = 'u', properties = { fields = { \
                 price = 'price as number | cost as number', name = 'name' } } }]";
    let table = MappingTable::parse(table).expect("a table");
    let noted = |item: Value| match table.outcome(&item, &item, &Value::Null) {
        ItemOutcome::Call(_, noted) => noted,
        other => panic!("{other:?}"),
    };
    let source = "price as number | cost as number".to_owned();
    assert_eq!(noted(json!({"u": "u", "price": "1,5"})), [(source, "1,5".to_owned())]);
    assert_eq!(noted(json!({"u": "u", "price": "1,5", "cost": "2"})), []);
    assert_eq!(noted(json!({"u": "u", "price": ""})), []);
}

#[test]
fn times_without_a_zone_are_of_the_tables() {
    let table = "time_zone = 'Europe/Berlin'\ncalls = [{ type = 'page', user_id = 'u', timestamp = 'at' }]";
    let time = |at: &str| calls(table, json!({"u": "u", "at": at}))[0]["timestamp"].clone();
    assert_eq!(time("2024-07-01 12:00:00"), "2024-07-01T10:00:00.000Z");
    assert_eq!(time("2024-07-01T12:00:00Z"), "2024-07-01T12:00:00.000Z");
    assert_eq!(time("noon"), "noon");
}

#[test]
fn successive_rows_become_one_event() {
    let table = "list = ['rows']\ngroup = ['order']\ncalls = [{ type = 'track', event = \"'Order Completed'\", user_id = 'u', \
                 message_id = 'o-{order}', properties = { arrays = { products = { each = 'rows', fields = { id = 'sku' } } } } }]";
    let rows = json!({"rows": [
        {"order": 1, "u": "a", "sku": "x"}, {"order": 1, "sku": "y"}, {"u": "b", "sku": "z"}, {"u": "b", "sku": "z"}, {"order": 2, "u": "c"}
    ]});
    let found = calls(table, rows);
    let ids: Vec<_> =
        found.iter().map(|call| (&call["userId"], call["properties"]["products"].as_array().map(Vec::len))).collect();
    assert_eq!(ids, [(&json!("a"), Some(2)), (&json!("b"), Some(1)), (&json!("b"), Some(1)), (&json!("c"), Some(1))]);
    assert_eq!(found[0]["properties"]["products"], json!([{"id": "x"}, {"id": "y"}]));
}

#[test]
fn what_no_call_fits_is_told_from_what_makes_none() {
    let table = "[[calls]]\nwhen = [{ field = 'e', is = ['ping'] }]\ntype = 'none'\n\
                 [[calls]]\nwhen = [{ field = 'e', is = ['buy'] }]\ntype = 'track'\nevent = 'e'\nuser_id = 'u'\nmessage_id = '@hash'";
    let table = MappingTable::parse(table).expect("a table");
    let body = json!([{"e": "ping"}, {"e": "sell"}, {"e": "buy", "u": "1"}]);
    let mapped = table.mapped(&body, &Value::Null);
    assert_eq!((&mapped[0].outcome, &mapped[1].outcome), (&ItemOutcome::Nothing, &ItemOutcome::NotMapped));
    let ItemOutcome::Call(call, _) = &mapped[2].outcome else { panic!("{mapped:?}") };
    assert_eq!(call["messageId"], value_hash(&json!({"u": "1", "e": "buy"})));
    assert_ne!(value_hash(&json!({"a": "b"})), value_hash(&json!({"ab": ""})));
}

#[test]
fn every_mistake_is_at_its_place() {
    let text = "name = 'A b'\ntime_zone = 'Berlin'\n[[calls]]\ntype = 'trak'\nuser_id = 'a-{x'\nevnt = 'e'\n[[calls]]\ntype = 'track'\n\
                properties = { fields = { p = 'p as numbr', q = 1 } }\n[[calls]]\ntype = 'page'\nuser_id = 'x as time(%Q)'\nwhen = [{ is = ['a'] }]";
    let problems = MappingTable::parse(text).expect_err("mistakes");
    let shown = rekindle_core::diagnostics::render("m.toml", text, &problems, false);
    for part in [
        "m.toml:1:8: this is not the name of a mapping",
        "m.toml:2:13: `Berlin` is no time zone",
        "m.toml:4:8: `type` must be one of",
        "m.toml:5:11: `a-{x` has a { without its }",
        "unknown key `evnt` in [[calls]]",
        "m.toml:7:1: this call says nothing of whose it is",
        "m.toml:7:1: this call says nothing of what happened",
        "m.toml:9:31: `numbr` is no form of a value",
        "each of `fields` must be a string",
        "`%Q` has no date in it",
        "a condition needs a `field`",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    assert!(MappingTable::parse("").is_err());
}

#[test]
fn a_row_says_its_event_and_key_and_nobody_is_meant() {
    let row = "[[calls]]\ntype = 'row'\nevent = \"'P'\"\nrow_key = 'sku'\n[calls.properties]\nall = '@item'\n";
    let table = MappingTable::parse(row).expect("a table");
    assert_eq!(table.rows().collect::<Vec<_>>(), [("P", "sku")]);
    let made = table.calls(&json!({"sku": 7}), &Value::Null);
    assert_eq!(made, [json!({"type": "track", "event": "P", "properties": {"sku": 7}})]);
    for (mistake, part) in [
        (row.replace("\"'P'\"", "'name'"), "the event of a row must be a fixed name"),
        (row.replace("row_key = 'sku'\n", ""), "this row says nothing of what its key is"),
        (row.replace("'row'", "'track'\nuser_id = 'u'"), "m.toml:5:11: only a call of the type row has a `row_key`"),
    ] {
        let problems = MappingTable::parse(&mistake).expect_err("a mistake");
        let shown = rekindle_core::diagnostics::render("m.toml", &mistake, &problems, false);
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
}

#[test]
fn stock_is_a_number_above_zero_or_a_word() {
    let read = |value: Value| fields("x = 'stock as stock'", json!({ "stock": value }))["x"].clone();
    for there in [json!(3), json!("0.5"), json!(true), json!("in_stock"), json!("In Stock"), json!("yes")] {
        assert_eq!(read(there.clone()), json!(true), "{there}");
    }
    for gone in [json!(0), json!("-2"), json!(false), json!("out_of_stock"), json!("preorder"), json!("sold out")] {
        assert_eq!(read(gone.clone()), json!(false), "{gone}");
    }
    assert_eq!((read(json!("maybe")), read(json!([1]))), (Value::Null, Value::Null));
}

#[test]
fn a_table_is_written_as_it_was_read() {
    let text = include_str!("builtin/shopify.toml");
    let table = MappingTable::parse(text).expect("a table");
    let written = toml::to_string(&table).expect("TOML");
    assert_eq!(MappingTable::parse(&written), Ok(table), "{written}");
}
