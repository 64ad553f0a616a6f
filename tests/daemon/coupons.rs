//! Codes of coupons are worth money: they stand in payloads, and nowhere else.

use bytes::Bytes;
use serde_json::Value;

use rekindle_test_kit::daemon::broker::{Broker, BrokerMessage};
use rekindle_test_kit::daemon::harness::{TestDaemonSetup, wait_until};
use rekindle_test_kit::daemon::log::{THE_END, with_the_end};
use rekindle_test_kit::nats_server::NatsServer;

const COUPONS: &str = r#"
[events]
want = "Want"
order = "Order Completed"
[[budgets]]
id = "summer"
limit = 100
[[campaigns]]
id = "coupon"
on = "event:want"
channel = "email"
spends = [{ budget = "summer", cost = "5" }]
coupon = { kind = "fixed", value = 10, valid = "1h", prefix = "SUN-" }
settle = { on = "order", when = "event.coupon == code()" }
"#;

const ACTIONS: &str = "rekindle.actions.email.coupon";

fn call(event: &str, user: &str, time: &str, properties: &str) -> Bytes {
    Bytes::from(format!(
        r#"{{"type":"track","event":"{event}","userId":"{user}","timestamp":"2026-03-02T{time}Z","properties":{{{properties}}}}}"#
    ))
}

fn codes(stored: &[BrokerMessage]) -> Vec<(String, String)> {
    let actions = stored.iter().filter(|message| message.subject == ACTIONS);
    let code = |message: &BrokerMessage| {
        let action: Value = serde_json::from_slice(&message.payload).expect("JSON");
        let text = |pointer: &str| action.pointer(pointer).and_then(Value::as_str).expect("a text").to_owned();
        (text("/subject"), text("/data/payload/coupon/code"))
    };
    actions.map(code).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_of_coupons_are_in_no_line_of_the_log_metric_subject_or_progress_record() {
    let server = NatsServer::start();
    let rules = with_the_end(COUPONS);
    let setup = TestDaemonSetup::new(&server.url(), &rules).set("LOG_LEVEL", "trace");
    let daemon = setup.start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let wants: Vec<Bytes> = (0..30).map(|user| call("Want", &format!("u{user}"), "10:00:00.500", "")).collect();
    broker.publish(&wants, None).await;
    // Time goes on to the end of the second.
    broker.publish_one(call("Nothing", "clock", "10:00:10", "")).await;
    broker.wait_for_subject("rekindle.budgets.summer.reserved").await;
    let mut granted = Vec::new();
    while granted.len() < 20 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        granted = codes(&broker.read("REKINDLE").await);
    }
    // One is redeemed, one by somebody else, one too late; one call is no JSON, one is no event.
    let coupon = |at: usize| format!(r#""coupon":"{}""#, granted[at].1);
    broker.publish_one(call("Order Completed", &granted[0].0, "10:10:00", &coupon(0))).await;
    broker.publish_one(call("Order Completed", &granted[1].0, "10:10:00", &coupon(2))).await;
    broker.publish_one(call("Order Completed", "", "10:10:00", &coupon(3))).await;
    broker.publish_one(format!("{{{}", coupon(4))).await;
    daemon.reload(&rules.replace("limit = 100", "limit = 120"));
    broker.publish_one(call("Order Completed", &granted[5].0, "11:30:00", &coupon(5))).await;
    broker.wait_for_subject("rekindle.budgets.summer.settled").await;
    broker.wait_for_subject("rekindle.budgets.summer.released").await;
    wait_until("the budget is reported", || daemon.metric("rekindle_budget_spent{budget=\"summer\"}") == 5.0);
    let mut said = vec![daemon.metrics(), daemon.ask("GET", "/v1/budgets").1, daemon.ask("GET", "/v1/stats").1];
    let exit = daemon.stop();
    let daemon = exit.settings.start();
    daemon.wait_until_ready();
    let end = r#"{"type":"identify","userId":"last","timestamp":"2026-03-02T12:00:00Z","traits":{"the_end":true}}"#;
    broker.publish_one(end).await;
    broker.wait_for_subject(THE_END).await;
    let spent = "rekindle_budget_spent_by_campaign{campaign=\"coupon\",budget=\"summer\"}";
    assert_eq!(daemon.metric(spent), 5.0, "after a restart");
    let brought = daemon.ask("GET", "/v1/campaigns/coupon/uplift").1;
    assert!(brought.contains(r#""costs":[{"budget":"summer","spent":5.0,"per_message":0.25}]"#), "{brought}");
    said.extend([daemon.metrics(), exit.log, daemon.stop().log]);
    assert!(said[4].contains("\"level\":\"TRACE\"") || said[4].contains("\"level\":\"DEBUG\""), "the log says little");

    let stored = broker.read("REKINDLE").await;
    let (actions, others): (Vec<_>, Vec<_>) = stored.iter().partition(|message| message.subject == ACTIONS);
    let progress = others.iter().filter(|message| message.subject.contains("progress")).count();
    assert!(actions.len() == 20 && progress > 0, "{} actions, {progress} progress records", actions.len());
    said.extend(others.iter().map(|message| String::from_utf8_lossy(&message.payload).into_owned()));
    for name in ["REKINDLE", "REKINDLE_DEAD", "EVENTS"] {
        said.extend(broker.read(name).await.into_iter().map(|message| message.subject));
    }
    let stream = broker.stream("REKINDLE").await;
    for sequence in 1..=stored.len() as u64 {
        let message = stream.get_raw_message(sequence).await.expect("it is there");
        said.push(format!("{:?}", message.headers));
    }
    assert!(said.iter().any(|headers| headers.contains("Rekindle-Progress")), "no progress record in a header");
    for (user, code) in &granted {
        // Without its prefix, too.
        let secret = code.strip_prefix("SUN-").expect("the prefix");
        let found = said.iter().flat_map(|text| text.lines()).find(|line| line.contains(secret));
        assert_eq!(found, None, "the code {code} of {user} stands in it");
    }
}
