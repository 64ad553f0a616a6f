//! A receiver that is slow, resets, fails, refuses, redirects and never stops talking: nothing is lost, nothing is sent after it
//! has expired, and what comes twice has the same id.

use std::collections::BTreeMap;
use std::future::IntoFuture as _;

use rekindle_deliver::retry::retry;
use rekindle_deliver::status::DeliveryResult;

use crate::harness::{Harness, destination, until};
use crate::receiver::{Answer, Receiver};

const LATER: &str = "2099-01-01T00:00:00.000Z";

fn plain(port: u16, more: &str) -> String {
    format!("name = 'd'\nurl = 'http://127.0.0.1:{port}/hook'\nallow_private = true\n{more}")
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_in_the_order_of_each_user_though_the_receiver_fails() {
    let harness = Harness::start().await;
    // The first attempt of every seventh message fails, each time in another way.
    let receiver = Receiver::start(|request, _| {
        let number = request.number();
        let is_first = request.header("x-attempt").is_none();
        match number {
            7 if is_first => Answer::With(500, "", "no"),
            _ => Answer::With(200, "", ""),
        }
    })
    .await;
    let running = harness.deliver(&destination(&plain(receiver.port, "concurrency = 8"))).await;
    for number in 0..100 {
        harness.publish(&format!("user {}", number % 10), number, LATER).await;
    }
    // Number 7 fails, and holds user 7 for at least five seconds; all others arrive meanwhile.
    until("the others arrive", async || running.status.results(DeliveryResult::Delivered) == 90).await;
    let numbers = receiver.numbers();
    assert!(numbers.contains(&99) && !numbers.contains(&17), "{numbers:?}");
    for user in 0..10 {
        let of_user: Vec<u64> = numbers.iter().copied().filter(|number| number % 10 == user).collect();
        assert!(of_user.is_sorted(), "{of_user:?}");
    }
    assert_eq!(running.status.waiting(), 10);
    running.stop().await;
    assert_eq!(harness.unacknowledged("d").await, 10, "nothing is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_has_the_same_id() {
    let harness = Harness::start().await;
    let receiver = Receiver::start(|request, before| match (request.number(), before) {
        (0, 0) => Answer::Reset,
        (1, _) if before < 4 => Answer::Silence,
        (2, 0..=3) => Answer::Endless,
        _ => Answer::With(204, "", ""),
    })
    .await;
    let running = harness.deliver(&destination(&plain(receiver.port, "timeout = '500ms'"))).await;
    for number in 0..4 {
        harness.publish(&format!("user {number}"), number, LATER).await;
    }
    until("all arrive", async || running.status.results(DeliveryResult::Delivered) == 4).await;
    let mut ids: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for request in receiver.requests() {
        let id = request.header("idempotency-key").expect("an id").to_owned();
        ids.entry(request.number()).or_default().push(id);
    }
    assert!(ids[&0].len() > 1 || ids[&1].len() > 1, "{ids:?}");
    assert!(ids.values().all(|ids| ids.windows(2).all(|pair| pair[0] == pair[1])), "{ids:?}");
    assert_eq!(ids[&2].len(), 1, "an answer of a gigabyte is an answer, of which the beginning is read");
    running.stop().await;
    assert_eq!(harness.unacknowledged("d").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_kept_and_does_not_hold_up_others() {
    let harness = Harness::start().await;
    let receiver = Receiver::start(|request, _| match request.number() {
        0 => Answer::With(302, "location: http://127.0.0.1:1/admin\r\n", ""),
        1 => Answer::With(400, "", "{\"error\": \"no such user\"}"),
        _ => Answer::With(200, "", ""),
    })
    .await;
    let running = harness.deliver(&destination(&plain(receiver.port, ""))).await;
    for number in 0..4 {
        harness.publish("one user", number, LATER).await;
    }
    until("all are settled", async || running.status.results(DeliveryResult::Delivered) == 2).await;
    running.stop().await;
    assert_eq!(receiver.numbers(), [0, 1, 2, 3], "no redirect is followed, and nothing comes twice");
    let undelivered = harness.undelivered().await;
    let reasons: Vec<_> = undelivered.iter().map(|message| message["reason"].as_str().unwrap_or_default()).collect();
    assert_eq!(reasons, ["status 302", "status 400: {\"error\": \"no such user\"}"]);
    assert_eq!(undelivered[1]["event"]["data"]["n"], 1);
    assert_eq!(harness.unacknowledged("d").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_after_it_has_expired() {
    let harness = Harness::start().await;
    let receiver = Receiver::start(|_, _| Answer::With(503, "", "")).await;
    let running = harness.deliver(&destination(&plain(receiver.port, ""))).await;
    harness.publish("a", 0, "2020-01-01T00:00:00.000Z").await;
    let soon = rekindle_core::time::Timestamp(epoch_ms() + 3_000).to_string();
    harness.publish("b", 1, &soon).await;
    until("both have expired", async || running.status.results(DeliveryResult::Expired) == 2).await;
    assert_eq!(receiver.numbers(), [1], "the next attempt would have been after it has expired");
    running.stop().await;
    assert_eq!(harness.unacknowledged("d").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_left_alone() {
    let harness = Harness::start().await;
    let receiver = Receiver::start(|_, _| Answer::With(410, "", "")).await;
    let running = harness.deliver(&destination(&plain(receiver.port, "concurrency = 1"))).await;
    for number in 0..5 {
        harness.publish(&format!("user {number}"), number, LATER).await;
    }
    until("it is switched off", async || running.status.is_switched_off()).await;
    running.stop().await;
    assert_eq!(receiver.requests().len(), 1);
    assert_eq!(running_total(&harness).await, 5, "nothing is lost");
}

async fn running_total(harness: &Harness) -> u64 {
    let stream = harness.connection.jetstream.get_stream(&harness.output.stream).await.expect("the stream");
    let consumer = stream.get_consumer::<async_nats::jetstream::consumer::pull::Config>("rekindle_deliver_d").await;
    let consumer = consumer.expect("the consumer");
    let info = consumer.cached_info();
    info.num_pending + info.num_ack_pending as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_opens_the_circuit_and_one_that_hangs_holds_a_bounded_number() {
    let harness = Harness::start().await;
    let failing = Receiver::start(|_, _| Answer::With(500, "", "")).await;
    let hanging = Receiver::start(|_, _| Answer::Silence).await;
    let open = harness.deliver(&destination(&plain(failing.port, "concurrency = 1"))).await;
    let other = format!(
        "name = 'other'\nurl = 'http://127.0.0.1:{}/'\nallow_private = true\nconcurrency = 4\ntimeout = '2m'",
        hanging.port
    );
    let hung = harness.deliver(&destination(&other)).await;
    for number in 0..30 {
        harness.publish(&format!("user {number}"), number, LATER).await;
    }
    until("the circuit opens", async || open.status.is_circuit_open()).await;
    until("the other has requests", async || hung.status.in_flight() == 4).await;
    assert_eq!(failing.requests().len(), 10);
    assert_eq!(hanging.requests().len(), 4);
    open.stop().await;
    hung.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_makes_the_stream_hold_what_comes_and_not_the_process() {
    let harness = Harness::start().await;
    let hanging = Receiver::start(|_, _| Answer::Silence).await;
    let running = harness.deliver(&destination(&plain(hanging.port, "timeout = '2m'"))).await;
    let padding = "x".repeat(16_384);
    let (mut stored, mut bytes) = (Vec::new(), 0);
    for number in 0..2_600 {
        let data = serde_json::json!({ "user": format!("user {number}"), "padding": padding });
        let event = serde_json::json!({ "id": format!("{number}"), "data": data }).to_string();
        bytes = event.len();
        let sent = harness.connection.jetstream.publish("rekindle.actions.push.hello", event.into()).await;
        stored.push(sent.expect("sent").into_future());
    }
    for ack in stored {
        ack.await.expect("stored");
    }
    let most = (32 << 20) / bytes as u64 + 1;
    until("it holds what it may", async || running.status.waiting() >= most - 10).await;
    until("the rest is known to wait in the stream", async || running.status.backlog() > 0).await;
    assert!(running.status.waiting() <= most, "{} of {most}", running.status.waiting());
    assert_eq!(running.status.in_flight(), 8);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_wants_to_be_left_alone_is() {
    let harness = Harness::start().await;
    let receiver = Receiver::start(|_, before| match before {
        0 => Answer::With(429, "retry-after: 2\r\n", ""),
        _ => Answer::With(200, "", ""),
    })
    .await;
    let running = harness.deliver(&destination(&plain(receiver.port, "concurrency = 1"))).await;
    let started = std::time::Instant::now();
    harness.publish("a", 0, LATER).await;
    until("it was refused", async || running.status.retries() == 1).await;
    harness.publish("b", 1, LATER).await;
    until("the other arrives", async || running.status.results(DeliveryResult::Delivered) >= 1).await;
    assert!(started.elapsed().as_millis() >= 1_900, "{:?}", started.elapsed());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_refused_by_name_and_by_number() {
    let harness = Harness::start().await;
    for url in ["https://127.0.0.1:9/", "https://localhost:9/", "https://[::1]:9/", "https://169.254.169.254/"] {
        let settings = destination(&format!("name = 'd'\nurl = '{url}'"));
        let client = rekindle_deliver::client::DestinationClient::new(&settings).expect("a client");
        let request = rekindle_deliver::request::OutboundRequest {
            method: settings.method,
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let error = client.send(request, rekindle_core::time::Timestamp(0)).await.expect_err(url);
        assert!(error.to_string().contains("private address"), "{url}: {error}");
    }
    drop(harness);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_it_stood() {
    let harness = Harness::start().await;
    let receiver = Receiver::start(|_, before| match before {
        0 => Answer::With(500, "", ""),
        _ => Answer::With(200, "", ""),
    })
    .await;
    let settings = destination(&plain(receiver.port, ""));
    let running = harness.deliver(&settings).await;
    harness.publish("a", 0, LATER).await;
    until("it failed", async || running.status.retries() == 1).await;
    running.stop().await;
    harness.publish("a", 1, LATER).await;
    let running = harness.deliver(&settings).await;
    until("both arrive", async || running.status.results(DeliveryResult::Delivered) == 2).await;
    let numbers = receiver.numbers();
    assert!(numbers.is_sorted(), "the one that failed goes first: {numbers:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_batch_that_is_refused_each_message_is_tried_alone() {
    let harness = Harness::start().await;
    let receiver = Receiver::start(|request, _| match request.body.as_array().map(Vec::as_slice) {
        Some([one]) if one["data"]["n"] == 3 => Answer::With(400, "", "bad"),
        Some([_]) => Answer::With(200, "", ""),
        _ => Answer::With(400, "", "one of them is bad"),
    })
    .await;
    let running = harness.deliver(&destination(&plain(receiver.port, "batch = { size = 5, wait = '10s' }"))).await;
    for number in 0..5 {
        harness.publish(&format!("user {number}"), number, LATER).await;
    }
    until("all are settled", async || {
        running.status.results(DeliveryResult::Delivered) == 4 && running.status.results(DeliveryResult::Failed) == 1
    })
    .await;
    running.stop().await;
    assert_eq!(receiver.requests().len(), 6);
    assert_eq!(harness.undelivered().await[0]["event"]["data"]["n"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_told_what_became_of_messages_before_the_next_one_of_the_user_is_sent() {
    let harness = Harness::start().await;
    let config = async_nats::jetstream::stream::Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["events.>".to_owned()],
        ..Default::default()
    };
    let mut log = harness.connection.jetstream.create_stream(config).await.expect("a log");
    let receiver = Receiver::start(|request, _| match request.number() {
        0 => Answer::With(400, "", ""),
        _ => Answer::With(200, "", ""),
    })
    .await;
    let running = harness.deliver(&destination(&plain(receiver.port, "report = true"))).await;
    harness.publish("a", 0, LATER).await;
    harness.publish("a", 1, LATER).await;
    harness.publish("b", 2, "2020-01-01T00:00:00.000Z").await;
    until("all are settled", async || {
        let settled = DeliveryResult::ALL.map(|result| running.status.results(result));
        settled.iter().sum::<u64>() == 3
    })
    .await;
    running.stop().await;
    assert_eq!(log.info().await.expect("its state").state.messages, 3);
    let mut subjects = Vec::new();
    for sequence in 1..=3 {
        let message = log.get_raw_message(sequence).await.expect("a report");
        subjects.push(message.subject.to_string());
        let call: serde_json::Value = serde_json::from_slice(&message.payload).expect("JSON");
        assert_eq!(call["type"], "track");
    }
    let of_a: Vec<_> = subjects.iter().filter(|subject| !subject.ends_with(".expired")).collect();
    assert_eq!(of_a, ["events.delivery.d.failed", "events.delivery.d.delivered"]);
    assert!(subjects.contains(&"events.delivery.d.expired".to_owned()), "{subjects:?}");
    assert_eq!(harness.unacknowledged("d").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_delivered_is_sent_again_when_asked_for() {
    let harness = Harness::start().await;
    let receiver = Receiver::start(|request, before| match (request.number(), before) {
        (_, 0..3) | (1, _) => Answer::With(403, "", "the key is wrong"),
        _ => Answer::With(200, "", ""),
    })
    .await;
    let settings = destination(&plain(receiver.port, ""));
    let running = harness.deliver(&settings).await;
    for number in 0..3 {
        harness.publish("a", number, LATER).await;
    }
    until("all have failed", async || running.status.results(DeliveryResult::Failed) == 3).await;
    running.stop().await;
    let summary = retry(&harness.connection, &[settings], &harness.output).await.expect("it is tried");
    assert_eq!((summary.delivered, summary.expired, summary.others), (2, 0, 0));
    assert_eq!(summary.failed, BTreeMap::from([("status 403: the key is wrong".to_owned(), 1)]));
    assert_eq!(receiver.numbers(), [0, 1, 2, 0, 1, 2]);
    let left = harness.undelivered().await;
    assert_eq!((left.len(), &left[0]["event"]["data"]["n"]), (1, &serde_json::json!(1)));
}

fn epoch_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("a time")
}
