//! Reports and exports of users, and the order of a visitor's outputs.

use super::*;

#[test]
fn a_report_has_the_features_and_the_next_timer() {
    let mut fixture = Fixture::new(Clock::Log);
    fixture.feed(&[("10:00:00", &cart("u", "10:00:00")), ("10:10:05", "")]);
    let report = fixture.pipeline.report("u").expect("a user");
    assert_eq!((report.at, report.next_wake_up), (at("10:10:00"), Some(at("10:30:00"))));
    let features: Vec<_> = report.features.iter().map(|f| (f.feature.as_str(), f.value.to_string())).collect();
    let expected = [
        ("count(cart, 2h)", "1"),
        ("since(cart)", "600000"),
        ("total(cart)", "1"),
        ("idle()", "600000"),
        ("age()", "600000"),
    ];
    assert_eq!(features, expected.map(|(name, value)| (name, value.to_owned())));
    assert_eq!(fixture.pipeline.report("nobody"), None);
}

/// The user's partition decides what was due for the visitor, and the visitor's own what came before.
#[test]
fn outputs_of_a_visitor_are_in_order_though_the_last_come_from_another_partition() {
    let visitors: Vec<String> = (0..20).map(|n| format!("v{n}")).collect();
    let carts =
        |time: &str| visitors.iter().map(|v| cart(v, time).replace("userId", "anonymousId")).collect::<Vec<_>>();
    let link =
        |v| format!(r#"{{"type":"page","userId":"u{v}","anonymousId":"{v}","timestamp":"2026-03-02T10:00:00Z"}}"#);
    let links: Vec<String> = visitors.iter().map(link).collect();
    let lines = [carts("09:00:00"), carts("09:00:01"), links].concat();
    let mut fixture = Fixture::new(Clock::Log);
    fixture.feed(&[("10:00:00", &lines.join("\n"))]);
    for v in visitors {
        let of_visitor: Vec<_> = fixture.journal.iter().filter(|line| line.contains(&format!(" {v} "))).collect();
        assert_eq!(of_visitor, [&format!("09:00:01 {v} enter carts"), &format!("09:30:01 {v} enter abandoned")]);
    }
}

#[test]
fn everything_stored_is_exported_and_nothing_after_it_was_forgotten() {
    let mut fixture = Fixture::new(Clock::Log);
    fixture.feed(&[("10:00:00", &cart("u", "10:00:00")), ("10:00:01", &link("u", "a", "10:00:01"))]);
    let export = fixture.pipeline.export("u").expect("a user");
    assert_eq!((export.visitors.as_slice(), export.linked_to), (&["a".into()][..], None));
    let state = export.state.expect("there is state");
    let profile = state.profile.to_value();
    let features = &profile["features"];
    assert_eq!(features[0]["feature"], "count(cart, 2h)");
    let pane = serde_json::json!({"from": "2026-03-02T10:00:00.000Z", "until": "2026-03-02T10:02:00.000Z", "value": 1});
    assert_eq!(features[0]["panes"], serde_json::json!([pane]));
    assert_eq!(features[2], serde_json::json!({"feature": "total(cart)", "value": 1}));
    let visitor = fixture.pipeline.export("a").expect("a link");
    assert_eq!((visitor.linked_to, visitor.state), (Some("u".into()), None));
    fixture.feed(&[("10:00:02", r#"{"user":"u"}"#)]);
    assert_eq!((fixture.pipeline.export("u"), fixture.pipeline.export("a")), (None, None));
}
