//! What an action says: numbers with all their digits, arrays and objects as they came.

use rstest::rstest;

use crate::event::MAX_VALUE_BYTES;
use crate::partition::OutputKind;
use crate::testing::Story;

/// The payload of the only action that is sent when a customer with these traits does this, by the terms.
fn payload(terms: &str, traits: &str, happened: &[(&str, &str)]) -> String {
    let mut story = Story::under(&format!(
        "[events]\nview = 'View'\norder = 'Order'\nend = 'End'\nnone = 'None'\n[[segments]]\nid = 's'\nwhen = 'total(end) == 1'\n\
         [[campaigns]]\nid = 'c'\non = 'enter:s'\nchannel = 'email'\npayload_from = {{ {terms} }}\n"
    ));
    story.identify(0, traits);
    for (at, (event, properties)) in (1..).zip(happened) {
        story.track(at, event, properties);
    }
    story.track(1_000, "End", "");
    let payloads: Vec<_> = story
        .outputs()
        .iter()
        .filter_map(|output| match &output.decided {
            OutputKind::Decision(decision) => serde_json::to_string(decision.payload.as_ref()?).ok(),
            _ => None,
        })
        .collect();
    assert_eq!(payloads.len(), 1);
    payloads.concat()
}

#[test]
fn ids_and_amounts_keep_their_digits() {
    let order = r#""id":820982911946154508,"gid":"820982911946154508","small":9007199254740993,"total":64.07"#;
    let terms = "id = 'last(order.id)', gid = 'last(order.gid)', small = 'last(order.small)', cid = 'traits.cid', \
                 net = 'total(order.total) - total(view.total)', half = 'total(order.total) / 2', seven = 'total(end) * 7 / 2'";
    assert_eq!(
        payload(terms, r#""cid":7000000000000000123"#, &[("Order", order), ("View", r#""total":14.07"#)]),
        "{\"cid\":7000000000000000123,\"gid\":\"820982911946154508\",\"half\":32.035,\"id\":820982911946154508,\
         \"net\":50,\"seven\":3.5,\"small\":9007199254740993}"
    );
}

#[test]
fn arrays_and_objects_go_out_as_they_came() {
    let order = r#""products" : [ {"sku": "A\u0041", "price": 10.50, "quantity": 2e0}, {"sku":"B"} ], "ids": ["A", null, {"x": 1}, 3.0],
                   "shipping": {"zip": "1", "city": "Ulm"}, "none": [], "empty": { }"#;
    let terms = "items = 'last(order.products)', first = 'last(order.products.sku)', ids = 'last(order.ids)', \
                 ship = 'last(order.shipping)', city = 'last(order.shipping.city)', none = 'last(order.none)', \
                 empty = 'last(order.empty)', tags = 'traits.tags'";
    assert_eq!(
        payload(terms, r#""tags": [ 1 , "x" ]"#, &[("Order", order)]),
        concat!(
            r#"{"city":"Ulm","empty":{},"first":null,"ids":["A",null,{"x":1},3.0],"#,
            r#""items":[{"sku":"A\u0041","price":10.50,"quantity":2e0},{"sku":"B"}],"none":[],"#,
            r#""ship":{"zip":"1","city":"Ulm"},"tags":[1,"x"]}"#
        )
    );
}

#[test]
fn durations_go_out_as_milliseconds() {
    let terms = "idle = 'since(view)', ratio = 'since(view) / since(order)', never = 'since(none)', \
                 left = 'until(traits.day)', half = 'age() / 2 + idle() * 3'";
    assert_eq!(
        payload(terms, r#""day":"2026-03-02T00:00:02Z""#, &[("View", ""), ("Order", "")]),
        r#"{"half":500,"idle":999,"left":1000,"never":null,"ratio":1.001002}"#
    );
}

#[rstest]
#[case::array("[", "1,", "1]")]
#[case::object("{\"a\":[", "1 , ", "1]}")]
#[case::text("\"", "é", "\"")]
#[case::text_with_escapes("\"\\n", "\\u00e9", "\"")]
#[case::number("1.", "0", "1")]
fn a_value_of_more_than_eight_kib_counts_as_missing(#[case] open: &str, #[case] part: &str, #[case] close: &str) {
    let bytes = |text: &str| text.bytes().filter(|byte| *byte != b' ').count();
    let parts = (MAX_VALUE_BYTES - bytes(open) - bytes(close)) / bytes(part);
    for (parts, is_kept) in [(parts, true), (parts + 1, false)] {
        let value = format!("{open}{}{close}", part.repeat(parts));
        let sent = payload(
            "x = 'last(order.x)', t = 'traits.x'",
            &format!("\"x\":{value}"),
            &[("Order", &format!("\"x\":{value}"))],
        );
        assert_eq!(sent == r#"{"t":null,"x":null}"#, !is_kept, "{open} {parts}: {}", &sent[..40.min(sent.len())]);
        let key_with_escapes = format!("\"\\u0078\" : {value}");
        assert_eq!(
            payload("x = 'last(order.x)', t = 'traits.x'", &key_with_escapes, &[("Order", &key_with_escapes)]),
            sent
        );
    }
}
