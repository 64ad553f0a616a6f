//! Campaigns on matches: their values, their lateness, what is held for quiet hours, and draws.

use super::rules;
use crate::checkpoint::translate;
use crate::partition::{Cause, Output, OutputKind, PackedUser, UserReport, UserStateExport};
use crate::secret::DrawSecret;
use crate::testing::{START, Story, USER};
use crate::time::Timestamp;

const HOUR: i64 = 3_600_000;

/// A campaign `c` on every order, with these lines.
fn on_order(lines: &str) -> Story {
    Story::under(&rules(&[("c", &format!("on = \"event:order\"\n{lines}"))], ""))
}

/// What was decided, without transitions.
fn decisions(story: &mut Story) -> Vec<String> {
    story.told().into_iter().filter(|line| !line.contains("enter") && !line.contains("exit")).collect()
}

fn payloads(outputs: &[Output]) -> Vec<String> {
    let payload = |output: &Output| match &output.decided {
        OutputKind::Decision(decision) => serde_json::to_string(decision.payload.as_ref()?).ok(),
        _ => None,
    };
    outputs.iter().filter_map(payload).collect()
}

#[test]
fn every_match_of_the_name_triggers_it() {
    let mut story = on_order("");
    story.track(1, "Order", "").track(2, "View", "").track(2, "Order", "");
    assert_eq!(decisions(&mut story), ["1 sent c", "2 sent c"]);
}

#[test]
fn the_condition_and_the_payload_read_the_match() {
    let mut story = on_order(
        "if = \"event.total > 10 && has(event.id)\"\npayload_from = { id = \"event.id\", twice = \"event.total * 2\" }",
    );
    story.track(1, "Order", r#""total":10,"id":"a""#).track(2, "Order", r#""total":11,"id":"b""#);
    story.track(3, "Order", r#""total":12"#);
    let outputs = story.outputs();
    assert_eq!(payloads(&outputs), [r#"{"id":"b","twice":22}"#]);
    let causes: Vec<_> = outputs
        .iter()
        .filter(|it| matches!(&it.decided, OutputKind::Decision(decision) if decision.cause == Cause::Event(None)))
        .collect();
    assert_eq!(causes.len(), 3);
}

#[test]
fn transitions_and_matches_of_one_event_are_decided_together_by_priority() {
    let campaigns = [
        ("low", "on = \"event:view\"\npriority = -1"),
        ("enter", "on = \"enter:on\""),
        ("match", "on = \"event:view\""),
        ("high", "on = \"enter:on\"\npriority = 3"),
    ];
    let mut story = Story::under(&rules(&campaigns, "[[caps]]\nmax = 3\nper = \"1h\"\n"));
    story.track(5, "View", "");
    assert_eq!(story.decided(), ["enter on", "sent high", "sent enter", "sent match", "capped low"]);
}

#[test]
fn an_event_that_sets_nothing_off_decides_nothing() {
    let mut story = on_order("");
    story.call(1, USER, r#""type":"track","event":"Order","messageId":"m""#);
    story.call(1, USER, r#""type":"track","event":"Order","messageId":"m""#);
    assert_eq!(decisions(&mut story), ["1 sent c"], "a duplicate is no match");
}

#[test]
fn a_match_is_too_late_when_it_is_longer_ago_than_expires() {
    let mut story = on_order("expires = \"10s\"\nif = \"event.ok\"");
    story.track(20_000, "View", "");
    story.track(10_000, "Order", r#""ok":true"#).track(9_999, "Order", r#""ok":false"#);
    assert_eq!(decisions(&mut story), ["20000 sent c", "20000 too_late c"], "too late comes before the condition");
    let mut story = on_order("");
    story.track(24 * HOUR + 1, "View", "").track(1, "Order", "").track(0, "Order", "");
    let now = 24 * HOUR + 1;
    assert_eq!(decisions(&mut story), [format!("{now} sent c"), format!("{now} too_late c")], "24 h unless said");
}

#[test]
fn a_change_is_never_too_late_but_what_was_held_is() {
    let lines = "quiet_hours = \"22:00-08:00\"\nexpires = \"2h\"";
    let mut story = Story::under(&rules(&[("c", lines)], ""));
    story.track(5 * HOUR, "View", "");
    assert_eq!(decisions(&mut story), [format!("{} deferred c", 5 * HOUR)]);
    story.wait(8 * HOUR);
    assert_eq!(decisions(&mut story), [format!("{} too_late c", 8 * HOUR)]);
    story.track(30 * HOUR - 1, "Order", "").track(30 * HOUR, "View", "").wait(32 * HOUR);
    assert_eq!(decisions(&mut story), [format!("{} deferred c", 30 * HOUR), format!("{} sent c", 32 * HOUR)]);
}

#[test]
fn what_was_held_is_late_by_when_it_was_held_and_not_by_the_event() {
    let mut story = on_order("quiet_hours = \"22:00-08:00\"\nexpires = \"2h\"");
    story.track(7 * HOUR, "View", "").track(5 * HOUR, "Order", "").wait(8 * HOUR);
    assert_eq!(decisions(&mut story), [format!("{} deferred c", 7 * HOUR), format!("{} sent c", 8 * HOUR)]);
}

#[test]
fn a_held_match_keeps_its_values_and_is_never_stale() {
    let lines = "quiet_hours = \"22:00-08:00\"\npayload_from = { id = \"event.id\", list = \"event.list\", none = \"event.none\" }";
    let mut story = on_order(lines);
    story.track(HOUR, "Order", r#""id":"first","list":[1, {"a": 2}],"more":"not read""#);
    story.track(2 * HOUR, "Order", r#""id":"second""#).track(3 * HOUR, "View", "");
    assert_eq!(decisions(&mut story), [format!("{HOUR} deferred c"), format!("{} pending c", 2 * HOUR)]);
    let held = story.user().campaigns.deferred()[0].clone();
    let trigger = held.trigger.as_ref().expect("the match");
    assert_eq!((held.at, trigger.values().len()), (Timestamp(START + HOUR), 2), "no more than the campaign reads");
    // Packed, and stored and read for the same rules, it is the same.
    assert_eq!(PackedUser::new(&story.user()).unpack(), *story.user());
    let stored = translate(&story.plan, &story.plan, [&*story.user()].into_iter()).expect("just written").remove(0);
    assert_eq!(stored.campaigns, story.user().campaigns);
    story.wait(8 * HOUR);
    assert_eq!(payloads(&story.outputs()), [r#"{"id":"first","list":[1,{"a":2}],"none":null}"#]);
}

#[test]
fn a_held_match_outlives_other_rules_that_have_the_campaign_and_the_name() {
    let lines = "on = \"event:order\"\nquiet_hours = \"22:00-08:00\"\npayload_from = { id = \"event.id\" }";
    let mut story = Story::under(&rules(&[("c", lines)], ""));
    story.track(HOUR, "Order", r#""id":"first""#);
    let under = |next: &str| {
        let next = Story::under(next);
        let user = translate(&story.plan, &next.plan, [&*story.user()].into_iter()).expect("just written").remove(0);
        user.campaigns.deferred().iter().map(|held| held.trigger.clone()).collect::<Vec<_>>()
    };
    let more = rules(&[("b", "payload_from = { x = \"last(view.x)\" }"), ("c", lines)], "");
    assert_eq!(under(&more)[0].as_ref().expect("the match").values().len(), 1);
    let without = rules(&[("c", "")], "")
        .replace("order = \"Order\"\n", "other = \"Order\"\n")
        .replace("since(order)", "since(other)");
    assert_eq!(under(&without), [None], "the name is gone");
    assert!(under(&rules(&[("d", lines)], "")).is_empty(), "the campaign is gone");
}

#[test]
fn reports_and_exports_tell_what_a_held_decision_was_triggered_by() {
    let lines = "on = \"event:order\"\nquiet_hours = \"22:00-08:00\"\nif = \"event.total > 1\"";
    let mut story = Story::under(&rules(&[("c", lines), ("d", "quiet_hours = \"22:00-08:00\"")], ""));
    story.track(HOUR, "Order", r#""total":5"#).track(HOUR + 1, "View", "");
    let report: UserReport = story.partition.report(&story.plan, USER, Timestamp(START)).expect("a user");
    let held: Vec<_> = report.held.iter().map(|held| (held.on.as_deref(), held.at.0 - START)).collect();
    assert_eq!(held, [(Some("event:order"), HOUR), (Some("enter:on"), HOUR + 1)]);
    let export = UserStateExport::new(&story.plan, &story.user()).memory;
    assert_eq!(export["held"][0]["values"].to_string(), r#"[{"property":"properties.total","value":5}]"#);
    assert_eq!(export["held"][0]["event"], "order");
}

#[test]
fn a_draw_goes_by_the_secret_and_the_messages_id_or_the_time() {
    let secret = || DrawSecret::of_file(b"a secret");
    let share = |cause: &str| secret().share(&format!("chance:c:u:{cause}"));
    for (cause, call) in [("m1", r#","messageId":"m1""#), ("2026-03-02T00:00:05.000Z", "")] {
        let share = share(cause);
        for (chance, outcome) in [(share, "no_luck"), (share + 1e-9, "sent"), (0.0, "no_luck"), (1.0, "sent")] {
            let mut story = on_order(&format!("chance = {chance:?}")).with_secret(secret());
            story.call(5_000, USER, &format!(r#""type":"track","event":"Order"{call}"#));
            assert_eq!(decisions(&mut story), [format!("5000 {outcome} c")], "{cause} {chance}");
        }
    }
}

#[test]
fn a_draw_on_a_change_goes_by_segment_change_and_time_however_late_it_is_decided() {
    let secret = || DrawSecret::of_file(b"a secret");
    let share = secret().share("chance:c:u:on:enter:2026-03-02T01:00:00.000Z");
    for (chance, outcome) in [(share, "no_luck"), (share + 1e-9, "sent")] {
        let lines = format!("chance = {chance:?}\nquiet_hours = \"22:00-08:00\"");
        let mut story = Story::under(&rules(&[("c", &lines)], "")).with_secret(secret());
        story.track(HOUR, "View", "").wait(8 * HOUR);
        assert_eq!(decisions(&mut story), [format!("{HOUR} deferred c"), format!("{} {outcome} c", 8 * HOUR)]);
    }
}

#[test]
fn a_lost_draw_fires_and_comes_before_the_groups_and_after_the_caps() {
    let lines = "on = \"event:order\"\nchance = 0.0\nmax_per_user = 2\nholdout = 1.0";
    let story = |caps: &str| Story::under(&format!("control = 1.0\n{}", rules(&[("c", lines)], caps)));
    let mut drawn = story("");
    drawn.track(1, "Order", "").track(2, "Order", "").track(3, "Order", "");
    assert_eq!(decisions(&mut drawn), ["1 no_luck c", "2 no_luck c", "3 max_per_user c"]);
    let campaigns = [("a", "on = \"event:order\"\npriority = 1"), ("c", "on = \"event:order\"\nchance = 0.0")];
    let mut capped = Story::under(&rules(&campaigns, "[[caps]]\nmax = 1\nper = \"1h\"\n"));
    capped.track(1, "Order", "");
    assert_eq!(decisions(&mut capped), ["1 sent a", "1 capped c"]);
}

const LINES: &str = r#"
    [events]
    line = { event = "Order", each = "products", where = "item.price > 1", let = { worth = "item.price * item.quantity" } }
    [[campaigns]]
    id = "c"
    on = "event:line"
    channel = "email"
    if = "event.worth < 100"
    payload_from = { id = "event.id", worth = "event.worth", order = "event.order" }
"#;

const PRODUCTS: &str = r#""order":"o","products":[{"id":"a","price":2,"quantity":3},{"id":"b","price":1},
    {"id":"c","price":50,"quantity":2},{"id":"d","price":9}]"#;

#[test]
fn each_element_triggers_the_campaign_with_its_own_values() {
    let mut story = Story::under(LINES);
    story.track(1, "Order", PRODUCTS);
    let outputs = story.outputs();
    let ordinal = |output: &Output| match &output.decided {
        OutputKind::Decision(decision) => Some((decision.outcome.name(), decision.trigger.ordinal)),
        _ => None,
    };
    let decided: Vec<_> = outputs.iter().filter_map(ordinal).collect();
    assert_eq!(decided, [("sent", 1), ("condition", 2), ("condition", 3)], "b is no match; of d, worth is missing");
    assert_eq!(payloads(&outputs), [r#"{"id":"a","order":"o","worth":6}"#]);
}

#[test]
fn each_match_of_an_event_has_a_draw_of_its_own() {
    let secret = || DrawSecret::of_file(b"a secret");
    let share = |cause: &str| secret().share(&format!("chance:c:u:{cause}"));
    let rules = LINES.replace("if = \"event.worth < 100\"", &format!("chance = {:?}", share("m1#2")));
    let mut story = Story::under(&rules).with_secret(secret());
    story.call(1, USER, &format!(r#""type":"track","event":"Order","messageId":"m1","properties":{{{PRODUCTS}}}"#));
    let outcome = |cause: &str| if share(cause) < share("m1#2") { "sent c" } else { "no_luck c" };
    assert_eq!(story.decided(), ["m1", "m1#2", "m1#3"].map(outcome));
}

#[test]
fn what_is_deferred_once_more_is_late_by_its_latest_deferral_and_draws_by_its_change() {
    let secret = || DrawSecret::of_file(b"a secret");
    let share = secret().share("chance:c:u:on:enter:2026-03-02T05:00:00.000Z");
    let lines = format!("quiet_hours = \"22:00-08:00\"\nexpires = \"4h\"\nchance = {:?}", share + 1e-9);
    let mut story = Story::under(&rules(&[("c", &lines)], "")).with_secret(secret());
    story.track(5 * HOUR, "View", "");
    // Three hours west of UTC it is 05:00 when the quiet hours of UTC end.
    story.identify(6 * HOUR, r#""timezone":"-03:00""#).wait(11 * HOUR);
    let hours = [(5, "deferred"), (8, "deferred"), (11, "sent")];
    assert_eq!(decisions(&mut story), hours.map(|(at, outcome)| format!("{} {outcome} c", at * HOUR)));
}
