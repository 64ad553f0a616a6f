//! Campaigns on segments of keys: what their decisions and actions tell, how often they fire, and what is held.

use serde_json::{Value, json};

use crate::action;
use crate::partition::{UserReport, UserStateExport};
use crate::rules::ruleset::Ruleset;
use crate::testing::{START, Story, USER};
use crate::time::Timestamp;

const HOUR: i64 = 3_600_000;

fn story(campaign: &str) -> Story {
    Story::under(&format!(
        "[events]\nadd = \"Add\"\norder = \"Order\"\n[per.cart]\nkey = \"cart\"\nttl = \"30d\"\n\
         [[segments]]\nid = \"open\"\nper = \"cart\"\nwhen = \"since(add) < since(order)\"\n\
         [[campaigns]]\nid = \"c\"\non = \"enter:open\"\nchannel = \"email\"\n{campaign}\n"
    ))
}

fn cart(story: &mut Story, at: i64, event: &str, cart: &str) {
    story.track(at, event, &format!("\"cart\":\"{cart}\""));
}

fn actions(story: &mut Story) -> Vec<Value> {
    let outputs = story.outputs();
    let rules: &Ruleset = &story.plan.rules;
    let of_output = |output| serde_json::to_value(action::action(rules, output, action::SOURCE)?).ok();
    outputs.iter().filter_map(of_output).collect()
}

#[test]
fn an_action_tells_the_key_and_the_segment_that_it_is_about() {
    let mut story = story("payload_from = { key = \"key()\" }");
    cart(&mut story, 0, "Add", "a");
    cart(&mut story, 0, "Add", "b");
    let actions = actions(&mut story);
    let told: Vec<&Value> = actions.iter().map(|action| &action["data"]["key"]).collect();
    assert_eq!(told, ["a", "b"]);
    assert_ne!(actions[0]["id"], actions[1]["id"], "two actions of one campaign at one instant");
    let data = &actions[1]["data"];
    assert_eq!(data["trigger"], json!({"cause": null, "change": "enter", "segment": "open"}));
    assert_eq!((&data["payload"], &actions[1]["subject"]), (&json!({"key": "b"}), &json!(USER)));
}

#[test]
fn a_campaign_fires_so_often_for_one_key() {
    let mut story = story("max_per_key = 1");
    for (at, event, id) in [(0, "Add", "a"), (1, "Order", "a"), (2, "Add", "a"), (3, "Add", "b")] {
        cart(&mut story, at, event, id);
    }
    let keys: Vec<Value> = actions(&mut story).iter().map(|action| action["data"]["key"].clone()).collect();
    assert_eq!(keys, ["a", "b"]);
    let report: UserReport = story.partition.report(&story.plan, USER, Timestamp(START)).expect("a user");
    let fired: Vec<_> = report.keys.iter().map(|it| (&*it.key, it.fired[0].count, it.latest_match.0 - START)).collect();
    assert_eq!(fired, [("a", 1, 2), ("b", 1, 3)]);
}

#[test]
fn reports_and_exports_tell_the_key_of_a_held_decision() {
    let mut story = story("quiet_hours = \"22:00-08:00\"");
    cart(&mut story, HOUR, "Add", "a");
    let report: UserReport = story.partition.report(&story.plan, USER, Timestamp(START)).expect("a user");
    let held: Vec<_> = report.held.iter().map(|held| (held.on.as_deref(), held.key.as_deref())).collect();
    assert_eq!(held, [(Some("enter:open"), Some("a"))]);
    let export = UserStateExport::new(&story.plan, &story.user());
    assert_eq!(export.memory["held"][0]["key"], "a");
    let profile = export.profile.to_value();
    assert_eq!((&profile["keys"][0]["per"], &profile["keys"][0]["segments"]), (&json!("cart"), &json!(["open"])));
}

#[test]
fn a_report_has_the_latest_keys_as_far_as_there_is_room() {
    let functions: Vec<String> = (1..=60).map(|days| format!("count(add, '{days}d') > 0")).collect();
    let mut story = Story::under(&format!(
        "[events]\nadd = \"Add\"\n[per.cart]\nkey = \"cart\"\nttl = \"90d\"\nmax = 1000\n\
         [[segments]]\nid = \"s\"\nper = \"cart\"\nwhen = \"{}\"\n",
        functions.join(" || ")
    ));
    for number in 0..100 {
        cart(&mut story, number, "Add", &format!("c{}", 99 - number));
    }
    let report: UserReport = story.partition.report(&story.plan, USER, Timestamp(START)).expect("a user");
    assert_eq!((report.keys.len(), report.keys_left_off), (81, 19), "each takes 61 of 5,000 values");
    assert_eq!((&*report.keys[0].key, &*report.keys[80].key), ("c0", "c9"), "by key, without the oldest");
    assert!(!report.keys.iter().any(|it| &*it.key == "c99"));
}
