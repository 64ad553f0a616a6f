//! Time in a silent shop, which passes by ticks in the log, and while the source is stalled, when it does not.

use std::time::{Duration, SystemTime};

use rekindle_core::time::{Span, Timestamp};
use serde_json::Value;

use rekindle_test_kit::daemon::broker::{Broker, BrokerMessage};
use rekindle_test_kit::daemon::harness::TestDaemonSetup;
use rekindle_test_kit::nats_server::NatsServer;
use rekindle_test_kit::nats_server::proxy::Proxy;

const RULES: &str = "
[events]
cart = 'Product Added'
order = 'Order Completed'

[[segments]]
id = 'cart_left'
when = \"since(cart) >= duration('2s') && since(order) > since(cart)\"

[[campaigns]]
id = 'reminder'
on = 'enter:cart_left'
channel = 'email'
";
const LEFT: &str = "rekindle.segments.cart_left.enter";
const REMINDER: &str = "rekindle.actions.email.reminder";

/// After a cart was last touched.
const DUE: Span = Span(2_000);
const MAX_DISORDER: Span = Span(500);
/// How long after its due time and `max_disorder` an action may come.
const PROMISED: Span = Span(1_000);
/// How often a slow machine may be late before it counts.
const ATTEMPTS: usize = 4;

fn settings(server: &str) -> TestDaemonSetup {
    TestDaemonSetup::new(server, RULES)
        .set("ENGINE_CLOCK", "log")
        .set("ENGINE_MAX_DISORDER", "500ms")
        .set("OUTPUT_DECISIONS", false)
}

/// Something a shopper does now.
fn does(user: &str, event: &str) -> (Timestamp, String) {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let now = Timestamp(i64::try_from(since.as_millis()).expect("it fits"));
    (now, format!(r#"{{"type":"track","event":"{event}","userId":"{user}","timestamp":"{now}"}}"#))
}

async fn all_on(broker: &Broker, subject: &str) -> Vec<BrokerMessage> {
    broker.read("REKINDLE").await.into_iter().filter(|stored| stored.subject == subject).collect()
}

fn text(stored: &BrokerMessage, name: &str) -> String {
    let fields: Value = serde_json::from_slice(&stored.payload).expect("JSON");
    fields[name].as_str().expect("text").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_is_found_abandoned_on_time_with_no_traffic_at_all() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let daemon = settings(&server.url()).start();
    daemon.wait_until_ready();
    let mut late = Vec::new();
    for attempt in 0..ATTEMPTS {
        let (touched, event) = does(&format!("u{attempt}"), "Product Added");
        broker.publish_one(event).await;
        let mut actions = Vec::new();
        for _ in 0..300 {
            actions = all_on(&broker, REMINDER).await;
            if actions.len() > attempt {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let action = actions.get(attempt).expect("an action for each cart that was left");
        let due = touched + DUE;
        assert_eq!(text(action, "time"), due.to_string(), "it bears the time at which it was due");
        assert!(action.time >= due + MAX_DISORDER, "it came before an order could no longer come");
        let after = Span(action.time.0 - (due + MAX_DISORDER).0);
        eprintln!("the action came {} ms after it was due and max_disorder had passed", after.0);
        if after <= PROMISED {
            daemon.stop();
            return;
        }
        late.push(after.0);
    }
    panic!("{ATTEMPTS} actions in a row came more than a second late: {late:?} ms");
}

/// One shopper orders in time, but the daemon hears of it only after the stall; another does not order. A daemon that
/// took the stall for silence would remind both of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_source_does_not_look_like_a_silent_shop() {
    let server = NatsServer::start();
    let proxy = Proxy::to(server.port());
    let broker = Broker::with_events(&server.url()).await;
    let daemon = settings(&proxy.url()).start();
    daemon.wait_until_ready();
    // A slow machine may take so long over this that the cart is left before the stall: then others have a try.
    for attempt in 0..ATTEMPTS {
        let (buyer, leaver) = (format!("buyer-{attempt}"), format!("leaver-{attempt}"));
        let (touched, event) = does(&leaver, "Product Added");
        broker.publish_one(event).await;
        broker.publish_one(does(&buyer, "Product Added").1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.pause();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let stands = daemon.metric("rekindle_watermark_timestamp_seconds");
        let (ordered, event) = does(&buyer, "Order Completed");
        broker.publish_one(event).await;
        if ordered >= touched + DUE || stands >= (touched + DUE).0 as f64 / 1_000.0 {
            proxy.resume();
            daemon.wait_until_ready();
            continue;
        }
        daemon.wait_for_log("the server shows no sign of life");
        assert!(does("", "").0 > touched + DUE + MAX_DISORDER, "by the clock on the wall both were due");
        assert_eq!(daemon.metric("rekindle_watermark_timestamp_seconds"), stands, "time stands still");
        proxy.resume();
        broker.wait_for_subject(LEFT).await;
        daemon.wait_until_ready();
        // Long enough for everybody whose cart was left.
        tokio::time::sleep(Duration::from_secs(1)).await;
        daemon.stop();
        let left: Vec<_> =
            all_on(&broker, LEFT).await.iter().map(|stored| (text(stored, "user"), text(stored, "at"))).collect();
        assert!(!left.iter().any(|(user, _)| *user == buyer), "{buyer} had ordered: {left:?}");
        assert!(left.contains(&(leaver, (touched + DUE).to_string())), "{left:?}");
        return;
    }
    panic!("this machine is too slow for this test");
}
