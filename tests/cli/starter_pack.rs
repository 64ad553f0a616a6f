//! The starter pack on a month of the simulated storefront: `rekindle replay` writes what the naive oracle says.

use std::fs;
use std::process::Command;

use rekindle_core::time::Timestamp;
use rekindle_test_kit::daemon::log::{lines, starter_pack};
use rekindle_test_kit::oracle::{self, OracleInput, compare};
use serde_json::{Value, json};

/// One of this number of shoppers is kept: the oracle is slow.
const ONE_IN: usize = 12;

const UNTIL: &str = "2026-03-20T00:00:00Z";

/// The events of some of the shoppers.
fn month() -> Vec<u8> {
    let mut kept = Vec::new();
    for line in lines(3, 30) {
        // Every messageId begins with the shopper's number.
        let number = line.split('"').nth(3).and_then(|id| id.split('.').next());
        let number = number.and_then(|number| usize::from_str_radix(number, 16).ok()).expect("a number");
        if number.is_multiple_of(ONE_IN) {
            kept.extend_from_slice(line.as_bytes());
            kept.push(b'\n');
        }
    }
    kept
}

/// The lines of a journal.
fn replay(rules: &str, events: &[u8], more: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rules.toml"), rules).expect("the rules");
    fs::write(folder.path().join("events.jsonl"), events).expect("the events");
    let run = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .args(["replay", "--quiet", "--rules", "rules.toml", "--until", UNTIL, "--max-disorder", "5s"])
        .args(more)
        .arg("events.jsonl")
        .current_dir(folder.path())
        .output()
        .expect("the binary starts");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let journal = String::from_utf8(run.stdout).expect("text");
    journal.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[test]
fn the_starter_pack_does_to_a_month_of_the_storefront_what_the_oracle_says() {
    let (rules, events) = (starter_pack(), month());
    let mut expected = oracle::run(&OracleInput {
        rules_toml: &rules,
        events_jsonl: &events,
        until_ms: Timestamp::parse_rfc3339(UNTIL).expect("a time").0,
        max_disorder_ms: 5_000,
        ..OracleInput::default()
    });
    expected.sort_by_key(|line| line["at"].as_str().map(str::to_owned));
    assert!(expected.len() > 1_000, "{} lines are little", expected.len());
    for more in [&[][..], &["--partitions", "7", "--workers", "2"]] {
        if let Some(difference) = compare::difference(&expected, &replay(&rules, &events, more)) {
            panic!("with {more:?}, {difference}");
        }
    }
}

/// What becomes of a cart that is left behind, by what else is known of its owner.
fn reminder_after(more: &[Value]) -> String {
    let call = |at: &str, mut call: Value| {
        call["userId"] = "ana".into();
        call["timestamp"] = format!("2026-03-05T{at}Z").into();
        format!("{call}\n")
    };
    let mut events = String::new();
    for (minute, more) in more.iter().enumerate() {
        events += &call(&format!("09:{minute:02}:00"), more.clone());
    }
    let added =
        json!({ "type": "track", "event": "Product Added", "properties": { "cart_id": "c1", "product_id": "p" } });
    events += &call("10:00:00", added);
    let journal = replay(&starter_pack().replace("control = 0.05", ""), events.as_bytes(), &[]);
    let decided = journal.iter().find(|line| line["campaign"] == "cart_reminder" && line["kind"] == "decision");
    decided.expect("the reminder is decided")["outcome"].as_str().expect("an outcome").to_owned()
}

#[test]
fn an_e_mail_needs_consent_and_ends_with_an_unsubscription_a_complaint_or_a_hard_bounce() {
    let consent = json!({ "type": "identify", "traits": { "email": "ana@shop.example", "email_opt_in": true } });
    let event = |name: &str, properties: Value| json!({ "type": "track", "event": name, "properties": properties });
    let email = json!({ "channel": "email" });
    let bounce = |kind: &str| event("Message Bounced", json!({ "channel": "email", "kind": kind }));
    let gone = event("Unsubscribed", email.clone());
    let back = event("Subscribed", email.clone());
    let of_shopify = json!({ "type": "identify", "traits": { "email": "a@b.c", "email_consent": "subscribed" } });
    for sent in [
        vec![consent.clone()],
        vec![of_shopify],
        vec![consent.clone(), bounce("soft")],
        vec![consent.clone(), event("Unsubscribed", json!({ "channel": "push" }))],
        vec![consent.clone(), gone.clone(), back.clone()],
    ] {
        assert!(["sent", "holdout"].contains(&&*reminder_after(&sent)), "{sent:?}");
    }
    for silent in [
        vec![],
        vec![json!({ "type": "identify", "traits": { "email": "ana@shop.example" } })],
        vec![json!({ "type": "identify", "traits": { "email_opt_in": true } })],
        vec![json!({ "type": "identify", "traits": { "email": "a@b.c", "push_opt_in": true } })],
        vec![consent.clone(), gone.clone()],
        vec![consent.clone(), bounce("hard")],
        vec![consent.clone(), event("Message Complained", email)],
        vec![consent.clone(), back, gone],
    ] {
        assert_eq!(reminder_after(&silent), "condition", "{silent:?}");
    }
}
