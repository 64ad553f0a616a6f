//! Dead letters of messages that are made to make many, or large ones.

use serde_json::Value;

use crate::streams::{settings, works};
use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, wait_until};
use rekindle_test_kit::nats_server::NatsServer;

async fn letters(broker: &Broker) -> Vec<Value> {
    let letters = broker.read("REKINDLE_DEAD").await;
    letters.iter().map(|letter| serde_json::from_slice(&letter.payload).expect("a letter is JSON")).collect()
}

fn published(daemon: &TestDaemon) -> f64 {
    daemon.metric("rekindle_published_messages_total{kind=\"letter\"}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_makes_few_dead_letters_that_count_all_its_rejections() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let daemon = settings(&server.url()).start();
    let sequence = broker.publish_one("1\n".repeat(50_000)).await;
    // Too many for the decoder are one reject.
    broker.publish_one("1\n".repeat(500_000)).await;
    broker.publish_one("2").await;
    wait_until("all letters", || published(&daemon) >= 13.0);
    let letters = letters(&broker).await;
    assert_eq!(letters.len(), 13);
    let lines: Vec<_> = letters[..11].iter().filter_map(|letter| letter["line"].as_u64()).collect();
    assert_eq!(lines, (1..=11).collect::<Vec<_>>());
    assert_eq!(letters[10]["count"], 49_990);
    assert_eq!(letters[10]["reasons"]["not_an_object"], 49_990);
    assert!(letters[..11].iter().all(|letter| letter["sequence"] == sequence && letter["original"] == "1"));
    assert_eq!((letters[9].get("count"), &letters[12]["original"]), (None, &"2".into()));
    assert!(
        letters[11]["original"].as_str().is_some_and(|original| original.len() > 400_000),
        "as much as there is room"
    );
    wait_until("all counted", || daemon.metric("rekindle_dead_letters_counted_total") == 49_990.0);
    assert_eq!(daemon.metric("rekindle_events_rejected_total{reason=\"not_an_object\"}"), 50_001.0);
    works(daemon, &broker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_that_would_be_too_large_is_shortened_and_none_is_lost() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let daemon = settings(&server.url()).start();
    let text = |piece: &str, bytes: usize| piece.repeat(bytes / piece.len());
    let hostile = [
        text("\\", 1_000_000),
        text("\u{1}", 1_000_000),
        text("\"", 500_000) + &text("a", 500_000),
        text("a", 500_000) + &text("\"", 500_000),
        text("ä", 1_000_000),
        // The reason quotes what stood there.
        format!(r#"{{"type":"{}"}}"#, text("x\\n", 1_000_000)),
        format!(r#"{{"type":"track","event":"View","userId":"{}"}}"#, text("ä", 1_000_000)),
    ];
    for message in &hostile {
        broker.publish_one(message.clone()).await;
    }
    broker.publish_one(b"\xff".repeat(1_000_000)).await;
    wait_until("all letters", || published(&daemon) >= 8.0);
    let letters = letters(&broker).await;
    assert_eq!(letters.len(), 8);
    for (message, letter) in hostile.iter().zip(&letters) {
        let kept = letter["original"].as_str().expect("text");
        assert!(message.starts_with(kept) && kept.len() > 100_000, "{} of {}", kept.len(), message.len());
        assert_eq!(letter["truncated"] == true, kept.len() < message.len());
    }
    let cut = letters.iter().filter(|letter| letter["truncated"] == true).count();
    assert!(cut >= 5, "{cut} were cut");
    wait_until("all counted", || daemon.metric("rekindle_dead_letters_cut_total") == cut as f64);
    assert_eq!(daemon.metric("rekindle_dead_letters_lost_total"), 0.0);
    works(daemon, &broker).await;
}
