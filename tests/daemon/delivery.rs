//! The daemon delivers: an action of the engine arrives at a receiver, once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

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
        "[[deliver]]\nname = 'hook'\nurl = 'http://127.0.0.1:{port}/hook'\nallow_private = true\nchannels = ['email']\nconcurrency = 4\n"
    );
    TestDaemonSetup::new(&server.url(), RULES).set("ENGINE_CLOCK", "log").and(&section)
}

/// A call of now.
fn view() -> String {
    view_of("u")
}

fn view_of(user: &str) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let now = Timestamp(i64::try_from(since.as_millis()).expect("a time"));
    format!(
        "{{\"type\":\"track\",\"event\":\"View\",\"userId\":\"{user}\",\"messageId\":\"{user}\",\"timestamp\":\"{now}\"}}"
    )
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

/// The ids of the requests that came for each user.
type IdsByUser = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// A receiver that takes its time, and remembers what came.
fn slow_receiver() -> (u16, IdsByUser) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let ids = IdsByUser::default();
    let all = Arc::clone(&ids);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let all = Arc::clone(&all);
            std::thread::spawn(move || receive_slowly(stream, &all));
        }
    });
    (port, ids)
}

fn receive_slowly(mut stream: TcpStream, ids: &IdsByUser) {
    let (mut text, mut bytes) = (String::new(), [0; 4_096]);
    let action: Value = loop {
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(read) => text.push_str(&String::from_utf8_lossy(&bytes[..read])),
        }
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        if let Ok(action) = serde_json::from_str(body) {
            break action;
        }
    };
    let (user, id) = (action["data"]["user"].as_str().expect("a user"), action["id"].as_str().expect("an id"));
    ids.lock().unwrap_or_else(PoisonError::into_inner).entry(user.to_owned()).or_default().push(id.to_owned());
    std::thread::sleep(Duration::from_millis(20));
    let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
}

/// Waits longer than the broker does before it delivers again what a killed process had.
fn wait_for_redelivery(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_delivery_and_a_cut_broker_lose_nothing_and_repeat_only_what_was_under_way() {
    const USERS: usize = 200;
    const CONCURRENCY: usize = 4;
    let (mut server, (port, ids)) = (NatsServer::start(), slow_receiver());
    let broker = Broker::with_events(&server.url()).await;
    let daemon = delivering(&server, port).start_with(&["--without-delivery"]);
    daemon.wait_until_ready();
    let delivery = delivering(&server, port).command("deliver").start();
    wait_until("delivery has started", || delivery.log().contains("delivery starts"));
    for user in 0..USERS {
        broker.publish_one(view_of(&format!("u{user}"))).await;
    }
    let users = || ids.lock().unwrap_or_else(PoisonError::into_inner).len();
    wait_until("some have arrived", || users() >= USERS / 5);
    let delivery = delivery.kill().start();
    wait_for_redelivery("more have arrived", || users() >= USERS / 2);
    server.kill();
    let before = users();
    server.start_again();
    wait_for_redelivery("all have arrived", || users() == USERS);
    assert!(before < USERS, "the broker was cut while messages were under way");
    let all = ids.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for (user, ids) in &all {
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1, "{user}: {ids:?}");
    }
    let repeated: usize = all.values().map(|ids| ids.len() - 1).sum();
    assert!(repeated <= 2 * CONCURRENCY, "{repeated} came twice");
    delivery.stop();
    daemon.stop();
}
