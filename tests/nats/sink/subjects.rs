//! The subject, payload and headers of each kind of output.

use std::time::{SystemTime, UNIX_EPOCH};

use rekindle_core::campaigns::Outcome;
use rekindle_core::time::Timestamp;
use rekindle_core::{action, journal};
use rekindle_nats::sink::MessageKind;
use rekindle_runtime::output::batch::{OutputItem, RulesActivation};
use rekindle_settings::{ContentMode, OutputSettings as Settings};
use serde_json::{Value, json};

use super::outputs::{self, START, plan};
use super::{RunningSink, outputs_of, prepared, stored};

fn line(write: impl Fn(&mut Vec<u8>)) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes);
    String::from_utf8(bytes).expect("text").trim_end().to_owned()
}

fn header(message: &async_nats::jetstream::Message, name: &str) -> String {
    message.headers.as_ref().and_then(|headers| headers.get(name)).map_or_else(String::new, ToString::to_string)
}

#[tokio::test]
async fn every_kind_of_output_has_its_subject_and_the_journals_payload() {
    let (server, context) = prepared().await;
    let plan = plan();
    let sink = RunningSink::start(
        &server,
        Settings {
            decisions: true,
            batch_from: 1,
            cloudevents_source: "urn:shop:42".to_owned(),
            ..Settings::default()
        },
    )
    .await;
    let all = vec![
        outputs::transition("u 1", 2),
        outputs::action("u 1", 2),
        outputs::transition("u 1", 3),
        outputs::decision("u.*.>", 4, Outcome::Cooldown),
        outputs::earned("u 1", 4, 12),
        outputs::merged("u 1", "anon-7"),
    ];
    sink.send(outputs::output_item(&plan, all.clone(), Vec::new())).await;
    let (rules, previous) = ("new".to_owned(), "old".to_owned());
    let mut rules_activation = outputs::group(&plan, 1, 1, Vec::new(), Vec::new());
    let OutputItem::Batch(output_batch) = &mut rules_activation else { unreachable!("a group is one") };
    output_batch.rules_activation = Some(RulesActivation { at: START, rules, previous, from_log: false });
    sink.send(rules_activation).await;
    let figures = sink.finish().await.figures();
    assert_eq!(
        MessageKind::NAMES.into_iter().zip(figures.published).collect::<Vec<_>>(),
        [
            ("transition", 2),
            ("action", 1),
            ("decision", 2),
            ("points", 1),
            ("budget", 0),
            ("merged", 1),
            ("outcome", 0),
            ("shared", 0),
            ("weights", 0),
            ("rules", 1),
            ("letter", 0)
        ]
        .into_iter()
        .chain([("progress", figures.batches)])
        .collect::<Vec<_>>()
    );

    let found = outputs_of(&context).await;
    let journal = |number: usize| line(|out| journal::write_line(&plan.rules, &all[number], out).expect("written"));
    let expected = [
        ("rekindle.segments.active.enter", journal(0)),
        ("rekindle.decisions.hello-again_1.sent", journal(1)),
        (
            "rekindle.actions.email.hello-again_1",
            line(|out| action::write_line(&plan.rules, &all[1], out).expect("written"))
                .replace("/rekindle", "urn:shop:42"),
        ),
        ("rekindle.segments.active.exit", journal(2)),
        ("rekindle.decisions.hello-again_1.cooldown", journal(3)),
        ("rekindle.points.stars.earned", journal(4)),
        ("rekindle.merged", journal(5)),
        (
            "rekindle.rules",
            r#"{"at":"2026-03-02T00:00:00.000Z","kind":"rules","previous":"old","rules":"new"}"#.to_owned(),
        ),
    ];
    let said = found.iter().map(|m| (m.subject.as_str(), String::from_utf8_lossy(&m.payload).into_owned()));
    assert_eq!(said.collect::<Vec<_>>(), expected);
    // All but the action, which is one in structured mode here, are CloudEvents in binary mode: their data is the payload.
    let types = ["transition", "decision", "", "transition", "decision", "points", "merged", "rules"];
    for (message, kind) in found.iter().zip(types).filter(|(_, kind)| !kind.is_empty()) {
        let data: Value = serde_json::from_slice(&message.payload).expect("JSON");
        let id = header(message, "ce-id");
        for (name, value) in [
            ("content-type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-type", &format!("rekindle.{kind}.v1")),
            ("ce-source", "urn:shop:42"),
            ("ce-time", data["at"].as_str().expect("an instant")),
            ("ce-subject", &data["user"].as_str().unwrap_or_default().replace(' ', "%20")),
            (rekindle_nats::sink::ID, &id),
        ] {
            assert_eq!(header(message, name), value, "{name} of {kind}");
        }
        assert_eq!(uuid::Uuid::parse_str(&id).expect("a UUID").get_version_num(), 8, "{id}");
    }
    let event: Value = serde_json::from_slice(&found[2].payload).expect("JSON");
    assert_eq!(header(&found[2], "content-type"), "application/cloudevents+json");
    assert_eq!((&event["subject"], &event["specversion"]), (&json!("u 1"), &json!("1.0")));
    assert_eq!(header(&found[2], rekindle_nats::sink::ID), event["id"].as_str().expect("an id"));
}

#[tokio::test]
async fn decisions_are_published_only_if_enabled() {
    let (server, context) = prepared().await;
    let sink = RunningSink::start(&server, Settings::default()).await;
    let all = vec![outputs::action("u", 1), outputs::decision("u", 2, Outcome::Capped)];
    sink.send(outputs::output_item(&plan(), all, Vec::new())).await;
    sink.finish().await;
    let found = outputs_of(&context).await;
    let subjects: Vec<&str> = found.iter().map(|message| message.subject.as_str()).collect();
    assert_eq!(subjects, ["rekindle.actions.email.hello-again_1"]);
}

#[tokio::test]
async fn a_binary_cloud_event_has_its_attributes_in_headers() {
    let (server, context) = prepared().await;
    let settings = Settings { cloudevents: ContentMode::Binary, ..Settings::default() };
    let sink = RunningSink::start(&server, settings).await;
    let output = outputs::action("ü \"100%\"", 5);
    let plan = plan();
    sink.send(outputs::output_item(&plan, vec![output.clone()], Vec::new())).await;
    sink.finish().await;
    let found = outputs_of(&context).await;
    let whole = line(|out| action::write_line(&plan.rules, &output, out).expect("written"));
    let whole: Value = serde_json::from_str(&whole).expect("JSON");
    assert_eq!(serde_json::from_slice::<Value>(&found[0].payload).expect("JSON"), whole["data"]);
    for (name, value) in [
        ("ce-id", whole["id"].as_str().expect("an id")),
        ("ce-source", "/rekindle"),
        ("ce-specversion", "1.0"),
        ("ce-type", "rekindle.action.v1"),
        ("ce-time", "2026-03-02T00:00:00.005Z"),
        ("ce-subject", "%C3%BC%20%22100%25%22"),
        ("content-type", "application/json"),
        ("ce-datacontenttype", "application/json"),
    ] {
        assert_eq!(header(&found[0], name), value, "{name}");
    }
}

#[tokio::test]
async fn a_dead_letter_names_reason_place_and_original() {
    let (server, context) = prepared().await;
    let sink = RunningSink::start(&server, Settings::default()).await;
    let twice = outputs::dead_letter(7, 2, b"[]");
    let dead_letters = vec![
        outputs::dead_letter(7, 1, b"[1]"),
        outputs::dead_letter(7, 2, b"[]"),
        twice,
        outputs::dead_letter(8, 1, b"\xff"),
    ];
    sink.send(outputs::output_item(&plan(), Vec::new(), dead_letters)).await;
    sink.send(outputs::output_item(&plan(), Vec::new(), vec![outputs::dead_letter(9, 1, &[b'x'; 2_000_000])])).await;
    let figures = sink.finish().await.figures();
    assert_eq!(figures.published[MessageKind::DeadLetter as usize], 5);
    let found = stored(&context, "REKINDLE_DEAD").await;
    let said: Vec<Value> = found.iter().map(|m| serde_json::from_slice(&m.payload).expect("JSON")).collect();
    let expected = json!({"reason": "not_an_object", "detail": "valid JSON, but not an object", "sequence": 7, "line": 1,
        "original": "[1]"});
    assert_eq!(said[0], expected);
    assert_eq!((&said[1], said[1]["line"].as_u64()), (&said[2], Some(2)), "two calls of one line, alike");
    for (name, value) in [("ce-type", "rekindle.dead_letter.v1"), ("ce-source", "/rekindle"), ("ce-subject", "")] {
        assert_eq!(header(&found[0], name), value, "{name}");
    }
    assert_eq!(header(&found[0], "ce-id"), header(&found[0], "Nats-Msg-Id"));
    assert_eq!((&said[3]["original_base64"], said[3].get("original")), (&json!("/w=="), None));
    let cut = said[4]["original"].as_str().expect("text");
    assert!(said[4]["truncated"] == json!(true) && (900_000..1_048_576).contains(&cut.len()), "{}", cut.len());
}

#[tokio::test]
async fn latency_counts_from_the_brokers_receipt_of_the_event_that_caused_an_action() {
    let (server, _context) = prepared().await;
    let sink = RunningSink::start(&server, Settings::default()).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let outputs = vec![outputs::action("u", 10), outputs::transition("u", 10), outputs::action("u", 12)];
    let received = vec![Timestamp(now - 3_000), Timestamp(now)];
    let mut group = outputs::output_item(&plan(), outputs, Vec::new());
    let OutputItem::Batch(output_batch) = &mut group else { unreachable!("a group is one") };
    (output_batch.first_position, output_batch.received) = (10, received);
    sink.send(group).await;
    let status = sink.finish().await;
    let latencies = status.take_latencies();
    assert_eq!(latencies.len(), 1, "the other action's position is not of this batch: time brought it about");
    assert!((3_000_000..13_000_000).contains(&latencies.max()), "{} us", latencies.max());
    assert_eq!(status.take_latencies().len(), 0, "what was taken is gone");
}
