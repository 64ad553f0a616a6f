//! A collector as a process, a client that shows answers as they are, and what is in the streams.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::broker::Broker;
use super::harness::{TestDaemon, TestDaemonSetup, wait_until};
use serde_json::Value;

/// The write keys of [`KEYS`].
pub const WEB: &str = "web-key";
pub const SHOP: &str = "shop-key";
pub const LIMITED: &str = "limited-key";
pub const BOUND: &str = "bound-key";

/// A browser's, a server's, one with limits, and one of a page.
pub const KEYS: &str = r#"
[collect]
row_events = ['Product Updated']
listen = "127.0.0.1:0"
[collect.keys.web]
sha256 = ["fe372517ad18bd4ef08c931b6f58a73a1e10ad754cc729a8ccd705be55c47fbd"]
identify = true
[collect.keys.shop]
sha256 = ["44cfdcdd88354fa1412781f5a01a901c9112db33bfa8b165fbec9b618d9cf112"]
trust = "server"
[collect.keys.limited]
sha256 = ["f33b2500796d61f96eeef0f5331ddc40c17e434aff139f4d9e00bfe75170d87a"]
calls = ["track"]
rate = 1
[collect.keys.bound]
sha256 = ["83de6f51d140f68150bcf8c26726a920379ddfda571aa07af1949af95c74d9ab"]
origins = ["https://shop.example"]
"#;

/// A collector that serves.
pub struct TestCollector {
    pub process: TestDaemon,
    address: String,
}

/// An answer, as it came.
#[derive(Debug)]
pub struct RawAnswer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl RawAnswer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// `rekindle collect` for this server, with these further settings.
pub fn setup(server: &str, more: &str) -> TestDaemonSetup {
    TestDaemonSetup::new(server, "").command("collect").and(KEYS).and(more)
}

impl TestCollector {
    /// Starts a process that collects.
    pub fn start(setup: TestDaemonSetup) -> TestCollector {
        let process = setup.start();
        let line: Value = serde_json::from_str(&process.wait_for_log("\"collect\":\"127")).expect("JSON");
        let address = line["collect"].as_str().expect("the address").to_owned();
        TestCollector { process, address }
    }

    /// The same, and waits until it takes calls.
    pub fn ready(setup: TestDaemonSetup) -> TestCollector {
        let collector = TestCollector::start(setup);
        wait_until("the collector is ready", || collector.request("GET", "/readyz", "", b"").status == 200);
        collector
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a request on a connection of its own; header lines end with `\r\n`.
    pub fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> RawAnswer {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        // It may answer before it has read all.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        RawAnswer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Posts JSON with a write key.
    pub fn post(&self, path: &str, key: &str, body: &Value) -> RawAnswer {
        self.request("POST", path, &format!("X-Write-Key: {key}\r\n"), body.to_string().as_bytes())
    }
}

/// The messages of a stream under subjects that begin like this, each with its subject.
pub fn messages(server: &str, stream: &str, prefix: &str) -> Vec<(String, Value)> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let broker = Broker::connect(server).await;
        let all = broker.read(stream).await;
        let ours = all.into_iter().filter(|message| message.subject.starts_with(prefix));
        ours.map(|message| (message.subject, serde_json::from_slice(&message.payload).expect("JSON"))).collect()
    })
}

/// The events in the log.
pub fn events(server: &str) -> Vec<Value> {
    messages(server, "EVENTS", "events.").into_iter().map(|(_, event)| event).collect()
}
