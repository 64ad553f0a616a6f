//! The daemon delivers: an action of the engine arrives at a receiver, once.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use rekindle_core::time::Timestamp;
use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{LIMIT, TestDaemonSetup, wait_until};
use rekindle_test_kit::nats_server::NatsServer;
use serde_json::Value;

const RULES: &str = "[events]\nview = 'View'\n[[segments]]\nid = 'seen'\nwhen = 'total(view) >= 1'\n
    [[campaigns]]\nid = 'hello'\non = 'enter:seen'\nchannel = 'email'\n";

const DELIVERED: &str = "rekindle_deliver_messages_total{destination=\"hook\",result=\"delivered\"}";

/// Receives requests on a port of this machine, and answers each with 204.
fn receiver() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut text, mut bytes) = (String::new(), [0; 4_096]);
            while !text.ends_with('}') {
                match stream.read(&mut bytes) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => text.push_str(&String::from_utf8_lossy(&bytes[..read])),
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            let _ = sender.send(text);
        }
    });
    (port, received)
}

/// The settings of a daemon that delivers to this port.
fn delivering(server: &NatsServer, port: u16) -> TestDaemonSetup {
    let section = format!(
        "[[deliver]]\nname = 'hook'\nurl = 'http://127.0.0.1:{port}/hook'\nallow_private = true\nchannels = ['email']\n"
    );
    TestDaemonSetup::new(&server.url(), RULES).set("ENGINE_CLOCK", "log").and(&section)
}

/// A call of now.
fn view() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let now = Timestamp(i64::try_from(since.as_millis()).expect("a time"));
    format!("{{\"type\":\"track\",\"event\":\"View\",\"userId\":\"u\",\"messageId\":\"m\",\"timestamp\":\"{now}\"}}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_of_the_engine_arrives_at_the_receiver() {
    let (server, (port, received)) = (NatsServer::start(), receiver());
    let broker = Broker::with_events(&server.url()).await;
    let daemon = delivering(&server, port).start();
    daemon.wait_until_ready();
    wait_until("delivery has started", || daemon.log().contains("delivery starts"));
    broker.publish_one(view()).await;
    let request = tokio::task::spawn_blocking(move || received.recv_timeout(LIMIT)).await.expect("no panic");
    let request = request.expect("a request");
    assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
    let (head, body) = request.split_once("\r\n\r\n").expect("a body");
    let action: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((&action["data"]["campaign"], &action["data"]["user"]), (&"hello".into(), &"u".into()));
    let id = action["id"].as_str().expect("an id");
    assert!(head.lines().any(|line| line.eq_ignore_ascii_case(&format!("idempotency-key: {id}"))), "{head}");
    wait_until("it is counted", || daemon.metric(DELIVERED) == 1.0);
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_can_be_left_to_a_process_of_its_own() {
    let (server, (port, received)) = (NatsServer::start(), receiver());
    let broker = Broker::with_events(&server.url()).await;
    let daemon = delivering(&server, port).start_with(&["--without-delivery"]);
    daemon.wait_until_ready();
    let delivery = delivering(&server, port).command("deliver").start();
    wait_until("delivery has started", || delivery.log().contains("delivery starts"));
    broker.publish_one(view()).await;
    let request = tokio::task::spawn_blocking(move || received.recv_timeout(LIMIT)).await.expect("no panic");
    assert!(request.expect("a request").contains("\"campaign\":\"hello\""));
    wait_until("it is counted", || delivery.metric(DELIVERED) == 1.0);
    assert!(!daemon.log().contains("delivery starts"), "the daemon does not deliver");
    delivery.stop();
    daemon.stop();
}
