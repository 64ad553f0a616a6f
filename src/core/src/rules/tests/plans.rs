//! Right rules and the plans they compile to.

use std::path::Path;

use super::{compiled, condition, rules_with};
use crate::event::{FieldId, Scalar, TraitId};
use crate::features::{LastValue, WindowCount, WindowNumericCount, WindowSum};
use crate::rules::ruleset::{
    Arithmetic, Comparison, Condition, ConditionDependencies, FeatureId, NameId, SegmentId, Term, TextTest, Window,
};
use crate::time::Span;

#[test]
fn every_conformance_rules_file_compiles() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance");
    let mut compiled_files = 0;
    for case in std::fs::read_dir(folder).unwrap() {
        let file = case.unwrap().path().join("rules.toml");
        if file.exists() {
            compiled(&std::fs::read_to_string(&file).unwrap());
            compiled_files += 1;
        }
    }
    assert!(compiled_files >= 24, "only {compiled_files} cases");
}

#[test]
fn a_comparison_of_a_window_reads_its_event_and_time() {
    let rules = compiled(&rules_with("count(view, '30m') >= 2"));
    let window = Window::new(Span(1_800_000));
    assert_eq!(rules.features[0].kind, WindowCount { window }.into());
    let Window::Sliding(sliding) = window else { panic!("a length of time is a sliding window") };
    assert_eq!((sliding.pane_ms, sliding.panes), (30_000, 60));
    let reads = &rules.segments[0].reads;
    assert_eq!(
        *reads,
        ConditionDependencies { names: vec![NameId(0)], time: true, ..ConditionDependencies::default() }
    );
}

#[test]
fn features_and_properties_are_shared() {
    let rules = compiled(&rules_with(
        "sum(order.total, '7d') > 100 && avg(order.total, '7d') > 20.5 && last(order.total) > 3 || count(order, '7d') == 1 && count(order, '168h') == 1",
    ));
    let kinds: Vec<_> = rules.features.iter().map(|feature| feature.kind).collect();
    let week = Window::new(Span(604_800_000));
    let total = FieldId(0);
    assert_eq!(
        kinds,
        [
            WindowSum { field: total, window: week }.into(),
            WindowNumericCount { field: total, window: week }.into(),
            LastValue { field: total }.into(),
            WindowCount { window: week }.into(),
        ]
    );
    assert_eq!(rules.projection.fields, [["properties", "total"]]);
}

#[test]
fn chains_are_flat() {
    let Condition::Any(items) = condition("total(view) > 1 || total(view) > 2 || (total(view) > 3 || total(view) > 4)")
    else {
        panic!("not an Any");
    };
    assert_eq!(items.len(), 4);
    let Condition::All(items) = condition("true && (false && true) && true") else { panic!("not an All") };
    assert_eq!(items.len(), 4);
}

#[test]
fn numbers_keep_their_digits_and_their_sign() {
    let Condition::Compare { op, left, right } = condition("-3 < -2.5") else { panic!() };
    assert_eq!(op, Comparison::Less);
    assert!(matches!(left, Term::Constant(Scalar::Number(n)) if n.to_string() == "-3"));
    assert!(matches!(right, Term::Constant(Scalar::Number(n)) if n.to_string() == "-2.5"));
    let Condition::Compare { left, right, .. } = condition("-(-99999999999999999999) == 0.10") else { panic!() };
    assert!(matches!(left, Term::Constant(Scalar::Number(n)) if n.to_string() == "99999999999999999999"));
    assert!(matches!(right, Term::Constant(Scalar::Number(n)) if n.to_string() == "0.1"));
    let Condition::Compare { left, .. } = condition("0x1F == -0x10") else { panic!() };
    assert!(matches!(left, Term::Constant(Scalar::Number(n)) if n.to_string() == "31"));
}

#[test]
fn traits_are_read_by_dots_and_by_brackets() {
    let rules = compiled(&rules_with("traits['vip level'] == 3 && traits.address.city == traits['address'].city"));
    assert_eq!(rules.projection.traits, [vec!["vip level"], vec!["address", "city"]]);
    assert_eq!(rules.segments[0].reads.traits, [TraitId(0), TraitId(1)]);
    assert!(!rules.segments[0].reads.time);
}

#[test]
fn something_dynamic_alone_asks_whether_it_is_true() {
    assert!(matches!(condition("traits.vip"), Condition::IsTrue(Term::Trait(TraitId(0)))));
    assert!(matches!(condition("!last(order.gift)"), Condition::Not(inner) if matches!(*inner, Condition::IsTrue(_))));
    assert!(matches!(condition("has(traits.vip)"), Condition::Has(Term::Trait(TraitId(0)))));
}

#[test]
fn conditions_can_be_compared() {
    let rules = compiled(
        "[[segments]]\nid = 'a'\nwhen = 'idle() > duration(\"1h\")'\n\
         [[segments]]\nid = 'b'\nwhen = 'in_segment(\"a\") == true'\n",
    );
    let Condition::Compare { left: Term::Condition(inner), .. } = &rules.segments[1].when else { panic!() };
    assert!(matches!(**inner, Condition::InSegment(SegmentId(0))));
    assert_eq!(rules.segments[1].reads.segments, [SegmentId(0)]);
    assert!(rules.segments[0].reads.any_event && rules.segments[0].reads.time);
}

#[test]
fn texts_are_tested() {
    let Condition::Text { test, .. } = condition("traits.email.endsWith('.de')") else { panic!() };
    assert_eq!(test, TextTest::EndsWith);
    let Condition::Matches { pattern, .. } = condition("last(order.coupon).matches(r'^VIP-\\\\d+$')") else { panic!() };
    assert!(pattern.is_match("VIP-12"));
}

#[test]
fn lists_are_of_values() {
    let Condition::In { list: Term::List(items), .. } = condition("traits.n in [1, -2, 'x', true]") else { panic!() };
    assert_eq!(items.len(), 4);
    assert!(matches!(condition("'gold' in traits.tiers"), Condition::In { list: Term::Trait(_), .. }));
}

#[test]
fn durations_add_and_subtract() {
    let rules = compiled(&rules_with("since(cart) - since(order) > duration('1h') + duration('30m')"));
    let Condition::Compare { left: Term::Arithmetic { op, .. }, .. } = &rules.segments[0].when else { panic!() };
    assert_eq!(*op, Arithmetic::Subtract);
    assert_eq!(rules.segments[0].reads.names, [NameId(1), NameId(2)]);
}

#[test]
fn events_have_filters_and_types() {
    let rules = compiled(
        "[events]\n\
         shoes = { event = 'Product Viewed', where = \"properties.category == 'shoes' && context.page.path.contains('/s') && traits.vip\" }\n\
         home = { type = 'page' }\n",
    );
    assert_eq!(rules.names[0].event.as_deref(), Some("Product Viewed"));
    assert!(matches!(rules.names[0].filter, Some(Condition::All(_))));
    assert_eq!((rules.names[1].call, rules.names[1].event.clone()), (crate::event::CallType::Page, None));
    assert_eq!(rules.projection.fields[1], ["context", "page", "path"]);
}

#[test]
fn campaigns_have_defaults() {
    let rules = compiled(
        "[[segments]]\nid = 'a'\nwhen = 'idle() > duration(\"1h\")'\n\
         [[campaigns]]\nid = 'c'\non = 'exit:a'\nchannel = 'email'\n",
    );
    let campaign = &rules.campaigns[0];
    assert_eq!((campaign.priority, campaign.holdout, campaign.expires), (0, 0.0, Span(86_400_000)));
    assert!(campaign.condition.is_none() && campaign.cooldown.is_none() && campaign.max_per_user.is_none());
    assert_eq!((rules.control, rules.dedup_window, rules.timezone_name.as_str()), (0.0, Span(86_400_000), "UTC"));
    assert_eq!(rules.projection.timezone_field, None);
    assert_eq!(rules.version.len(), 16);
}

#[test]
fn campaigns_carry_everything_they_say() {
    let rules = compiled(
        r#"
timezone = "asia/shanghai"
control = 0.05

[events]
cart = "Product Added"

[[segments]]
id = "a"
when = "idle() > duration('1h')"

[[campaigns]]
id = "c"
on = "enter:a"
channel = "push"
priority = -2
cooldown = "3d"
max_per_user = 2
if = "in_segment('a') && total(cart) > 0"
quiet_hours = "22:00-08:30"
holdout = 0.25
expires = "2h"
variants = [{ id = "x", weight = 1 }, { id = "y", weight = 2.5, payload = { code = "Y" } }]
payload = { code = "HI", off = 10, until = 2026-12-24, tags = ["a", 1] }
payload_from = { product = "last(cart.product_id)", n = "total(cart) + 1" }

[[caps]]
max = 2
per = "1d"
channel = "push"
"#,
    );
    let campaign = &rules.campaigns[0];
    let quiet = campaign.quiet_hours.unwrap();
    assert_eq!((quiet.start_minute, quiet.end_minute), (22 * 60, 8 * 60 + 30));
    assert_eq!(
        serde_json::to_string(&campaign.payload).unwrap(),
        r#"{"code":"HI","off":10,"tags":["a",1],"until":"2026-12-24"}"#
    );
    assert_eq!(campaign.variants[1].weight, 2.5);
    assert_eq!(campaign.payload_from[0].0, "product");
    assert!(matches!(campaign.payload_from[0].1, Term::Feature(FeatureId(1))));
    assert_eq!(rules.timezone_name, "Asia/Shanghai");
    assert_eq!(rules.projection.timezone_trait, Some(TraitId(0)));
    let field = rules.projection.timezone_field.unwrap();
    assert_eq!(rules.projection.fields[usize::from(field.0)], ["context", "timezone"]);
    assert_eq!((rules.caps[0].max, rules.caps[0].per), (2, Span(86_400_000)));
}

#[test]
fn time_changes_what_asks_about_dates_and_what_moves() {
    for (when, time, time_of_traits) in [
        ("until(traits.x) < duration('1d')", true, true),
        ("until(last(order.x)) < duration('1d') && traits.y == 1", true, false),
        ("since(order) + until(traits.x) > duration('1d')", false, true),
        ("anniversary(traits.x)", true, true),
        ("anniversary(last(order.x)) == traits.y", true, false),
        ("since(order) * 2 > duration('1d')", true, false),
        ("since(order) - since(view) > duration('1d') * 2", false, false),
        ("duration('1d') * traits.x > duration('1h')", false, false),
    ] {
        let reads = compiled(&rules_with(when)).segments.remove(0).reads;
        assert_eq!((reads.time, reads.time_of_traits), (time, time_of_traits), "{when}");
    }
}

#[test]
fn a_campaign_on_an_event_reads_the_properties_that_its_terms_name() {
    let text = r#"
        [events]
        event = "Other"
        spin = "Wheel Spun"
        [[campaigns]]
        id = "prize"
        on = "event:spin"
        channel = "push"
        chance = 0.25
        if = "event.wheel == 'gold' && total(event) == 0"
        payload_from = { coins = "event.coins * 2", nested = "event.place.city", coins_again = "number(event.coins)",
                         left = "until(event.ends)" }
    "#;
    let rules = compiled(text);
    let campaign = &rules.campaigns[0];
    assert_eq!((rules.trigger_name(campaign.on).as_str(), campaign.chance), ("event:spin", Some(0.25)));
    let paths: Vec<String> =
        campaign.reads.iter().map(|id| rules.projection.fields[usize::from(id.0)].join(".")).collect();
    assert_eq!(paths, ["properties.wheel", "properties.coins", "properties.place.city", "properties.ends"]);
    assert_eq!(rules.projection.property_events.as_deref(), Some(["Wheel Spun".to_owned()].as_slice()));
}
