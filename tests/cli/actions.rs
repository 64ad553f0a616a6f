//! Actions as they go out: CloudEvents that say whom, what, why and until when, the same in every run.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

const RULES: &str = r#"
[events]
cart = "Product Added"
order = "Order Completed"

[[segments]]
id = "left_behind"
when = "since(cart) >= duration('30m') && since(order) > since(cart)"

[[segments]]
id = "buyer"
when = "total(order) >= 1"

[[campaigns]]
id = "reminder"
on = "enter:left_behind"
channel = "email"
variants = [{ id = "coupon", weight = 1, payload = { percent = 10 } }, { id = "plain", weight = 1 }]
payload = { template = "cart", percent = 0 }
payload_from = { product = "last(cart.product_id)", carts = "count(cart, '1d')", spent = "total(order.total)", coupon = "last(order.coupon)" }
expires = "2h"

[[campaigns]]
id = "thanks"
on = "enter:buyer"
channel = "push"
"#;

fn event(name: &str, user: &str, time: &str, id: &str, properties: &Value) -> String {
    json!({"type": "track", "event": name, "userId": user, "timestamp": time, "messageId": id, "properties": properties})
        .to_string()
}

fn events() -> String {
    let mut lines = Vec::new();
    for number in 0..40 {
        let user = format!("u{number}");
        let product = json!({"product_id": format!("p{number}")});
        lines.push(event("Product Added", &user, "2026-03-05T09:00:00.000Z", &format!("a{number}"), &product));
    }
    lines.push(event("Order Completed", "buyer", "2026-03-05T09:00:00.000Z", "o1", &json!({"total": 19.5})));
    lines.join("\n")
}

fn actions(options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rules.toml"), RULES).expect("written");
    fs::write(folder.path().join("events.jsonl"), events()).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .args(["replay", "--rules", "rules.toml", "--until", "2026-03-06T00:00:00Z", "--actions", "actions.jsonl"])
        .args(options)
        .arg("events.jsonl")
        .current_dir(folder.path())
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let journal = String::from_utf8(output.stdout).expect("text");
    let actions = fs::read(folder.path().join("actions.jsonl")).expect("the actions");
    // Every action stands in the journal under its id, in the same order.
    let ids = |text: &str, key: &str| -> Vec<Value> {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.filter_map(|line| line.get(key).cloned()).collect()
    };
    assert_eq!(ids(&journal, "action"), ids(&String::from_utf8_lossy(&actions), "id"));
    actions
}

fn parsed(actions: &[u8]) -> Vec<Value> {
    let lines = actions.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect()
}

#[test]
fn an_action_triggered_by_time_has_all_fields() {
    let actions = parsed(&actions(&[]));
    let action = actions.iter().find(|action| action["subject"] == "u7").expect("u7 left a cart behind");
    assert_eq!(action["specversion"], "1.0");
    assert_eq!(action["source"], "/rekindle");
    assert_eq!(action["type"], "rekindle.action.v1");
    assert_eq!(action["datacontenttype"], "application/json");
    assert_eq!(action["time"], "2026-03-05T09:30:00.000Z", "the instant it became due");
    let data = &action["data"];
    assert_eq!(data["user"], "u7");
    assert_eq!(data["campaign"], "reminder");
    assert_eq!(data["channel"], "email");
    assert_eq!(data["trigger"], json!({"segment": "left_behind", "change": "enter", "cause": "time"}));
    assert_eq!(data["expires"], "2026-03-05T11:30:00.000Z");
    let percent = if data["variant"] == "coupon" { 10 } else { 0 };
    assert_eq!(
        data["payload"],
        json!({"template": "cart", "percent": percent, "product": "p7", "carts": 1, "spent": 0, "coupon": null})
    );
}

#[test]
fn an_action_triggered_by_an_event_has_its_message_id() {
    let actions = parsed(&actions(&[]));
    let action = actions.iter().find(|action| action["subject"] == "buyer").expect("the buyer is thanked");
    assert_eq!(action["data"]["trigger"], json!({"segment": "buyer", "change": "enter", "cause": "o1"}));
    assert_eq!(action["data"]["variant"], Value::Null);
    assert_eq!(action["data"]["payload"], json!({}));
    assert_eq!(action["data"]["expires"], "2026-03-06T09:00:00.000Z", "a day, unless the rules say otherwise");
}

#[test]
fn ids_are_unique_and_the_same_in_every_run() {
    let first = actions(&["--partitions", "64", "--workers", "1"]);
    let ids: BTreeSet<String> = parsed(&first).iter().map(|action| action["id"].to_string()).collect();
    assert_eq!(ids.len(), 41, "forty reminders and a thank-you");
    for action in parsed(&first) {
        let id = uuid::Uuid::parse_str(action["id"].as_str().expect("text")).expect("a UUID");
        assert_eq!((id.get_version_num(), id.get_variant()), (8, uuid::Variant::RFC4122));
    }
    for options in [["--partitions", "1", "--workers", "2"], ["--partitions", "7", "--workers", "2"]] {
        assert!(first == actions(&options), "other bytes with {options:?}");
    }
}

#[test]
fn two_firings_in_one_millisecond_have_two_ids() {
    let rules = "[events]\na = \"A\"\n[[segments]]\nid = \"odd\"\nwhen = \"total(a) == 1 || total(a) == 3\"\n\
                 [[campaigns]]\nid = \"c\"\non = \"enter:odd\"\nchannel = \"push\"\n";
    let line = |id: &str| event("A", "u", "2026-03-05T09:00:00.000Z", id, &json!({}));
    let events = [line("1"), line("2"), line("3")].join("\n");
    let until = rekindle_core::time::Timestamp::parse_rfc3339("2026-03-06T00:00:00Z").expect("a time");
    let options = rekindle_runtime::pipeline::PipelineOptions::default();
    let journal =
        rekindle_runtime::replay::replay_bytes(rules, events.as_bytes(), until, options, 0).expect("the rules compile");
    let sent: Vec<Value> = parsed(&journal).into_iter().filter(|record| record["outcome"] == "sent").collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(sent[0]["at"], sent[1]["at"]);
    assert_ne!(sent[0]["action"], sent[1]["action"]);
}
