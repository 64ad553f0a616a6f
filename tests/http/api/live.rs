//! The live feed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use rekindle_settings::HttpSettings;
use serde_json::Value;

use super::{open, with_token};
use crate::api_server::{Answer, Api, track};

/// A client of the feed.
struct Tab {
    reader: BufReader<TcpStream>,
}

impl Tab {
    /// Opens it, and waits until it watches.
    fn open(api: &Api, query: &str) -> Tab {
        let mut stream = api.connect();
        let request = format!("GET /v1/live{query} HTTP/1.1\r\nHost: {}\r\n\r\n", api.address);
        stream.write_all(request.as_bytes()).expect("sent");
        let mut tab = Tab { reader: BufReader::new(stream) };
        let head: Vec<String> = std::iter::from_fn(|| Some(tab.line()).filter(|line| !line.is_empty())).collect();
        assert!(head[0].starts_with("HTTP/1.1 200"), "{head:?}");
        assert!(head.iter().any(|line| line == "content-type: text/event-stream"), "{head:?}");
        tab
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a line in time");
        line.trim_end().to_owned()
    }

    /// The next event: its name and its data. Sizes of chunks stand between them.
    fn event(&mut self) -> (String, Value) {
        loop {
            let line = self.line();
            if let Some(name) = line.strip_prefix("event: ") {
                let data = self.line();
                let data = data.strip_prefix("data: ").expect("data");
                return (name.to_owned(), serde_json::from_str(data).expect("JSON in one line"));
            }
        }
    }

    fn next(&mut self, name: &str) -> Value {
        std::iter::from_fn(|| Some(self.event())).find(|(found, _)| found == name).expect("it comes").1
    }
}

#[test]
fn outputs_come_as_they_happen_and_rates_every_second() {
    let api = open();
    let mut tab = Tab::open(&api, "");
    let rates = tab.next("rates");
    assert_eq!((&rates["ready"], &rates["reasons"]), (&true.into(), &serde_json::json!([])));
    assert_eq!((&rates["lag_ms"], &rates["watermark"]), (&Value::Null, &Value::Null));
    api.feed(&[track("u42", "View", 1)]);
    let transition = tab.next("transition");
    assert_eq!(
        (&transition["user"], &transition["segment"], &transition["change"]),
        (&"u42".into(), &"seen".into(), &"enter".into())
    );
    let decision = tab.next("decision");
    assert_eq!((&decision["campaign"], &decision["outcome"]), (&"reminder".into(), &"sent".into()));
    let rates = tab.next("rates");
    assert!(rates["watermark"].as_str().is_some_and(|at| at.starts_with("2026-03-05T08:59:5")), "{rates}");
    api.health.part("source").failing("the stream is gone");
    let reasons = std::iter::repeat_with(|| tab.next("rates")).find(|rates| rates["ready"] == false);
    assert_eq!(reasons.expect("it is told")["reasons"], serde_json::json!(["source: the stream is gone"]));
}

#[test]
fn only_what_passes_every_filter_comes() {
    let api = open();
    let mut tabs = [
        "?kinds=decision",
        "?segment=seen&user=b",
        "?campaign=reminder",
        "?segment=nothing",
        "?kinds=transition&user=c",
    ]
    .map(|query| Tab::open(&api, query));
    let lines: Vec<String> = ["a", "b", "c"].iter().zip(1..).map(|(user, id)| track(user, "View", id)).collect();
    api.feed(&lines);
    let mut events = |tab: usize, count: usize| {
        let of = |(name, data): (String, Value)| format!("{name} {}", data["user"].as_str().unwrap_or_default());
        let outputs = std::iter::from_fn(|| Some(tabs[tab].event())).filter(|(name, _)| name != "rates").map(of);
        outputs.take(count).collect::<Vec<_>>()
    };
    assert_eq!(events(0, 3), ["decision a", "decision b", "decision c"]);
    assert_eq!(events(1, 2), ["transition b", "decision b"]);
    assert_eq!(events(2, 3), ["decision a", "decision b", "decision c"]);
    assert_eq!(events(4, 1), ["transition c"]);
    // What came for the others before is not for this one, which gets rates only.
    api.feed(&[track("d", "View", 9)]);
    assert_eq!(events(0, 1), ["decision d"]);
    assert_eq!([tabs[3].event().0, tabs[3].event().0], ["rates", "rates"]);
    for query in ["?kinds=nothing", "?kinds=decision,", "?users=a", "?kind=decision"] {
        api.get(&format!("/v1/live{query}")).problem(400);
    }
}

#[test]
fn a_flood_is_thinned_out_and_what_is_left_out_is_counted() {
    let api = open();
    let mut tab = Tab::open(&api, "?kinds=transition");
    tab.next("rates");
    let users = 5_000_u64;
    let lines: Vec<String> = (0..users).map(|user| track(&format!("u{user}"), "View", user)).collect();
    api.feed(&lines);
    let (mut shown, mut dropped) = (0, 0);
    while shown + dropped < users {
        match tab.event() {
            (name, _) if name == "transition" => shown += 1,
            (name, data) if name == "dropped" => dropped += data["count"].as_u64().expect("a count"),
            _ => {}
        }
    }
    assert_eq!(shown + dropped, users, "each is shown or counted");
    assert!((1..=600).contains(&shown), "{shown} of {users} are shown");
}

#[test]
fn only_so_many_watch_and_one_that_leaves_makes_room() {
    let settings =
        HttpSettings { max_connections: 2_000, max_connections_per_address: 2_000, ..HttpSettings::default() };
    let api = Api::start(&settings);
    let ask = || {
        let mut stream = api.connect();
        let request = format!("GET /v1/live HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", api.address);
        stream.write_all(request.as_bytes()).expect("sent");
        stream
    };
    let mut tabs: Vec<Tab> = (0..64).map(|_| Tab::open(&api, "")).collect();
    let mut more: Vec<TcpStream> = (64..1_000).map(|_| ask()).collect();
    for refused in &mut more {
        assert!(Answer::read(refused).problem(503).contains("64 watch already"));
    }
    assert_eq!(api.get("/v1/stats").status, 200, "the rest of the API goes on");
    api.feed(&[track("u", "View", 1)]);
    for tab in &mut tabs {
        assert_eq!(tab.next("transition")["user"], "u");
    }
    drop(tabs.pop());
    // The server notices at its next line for it.
    let started = std::time::Instant::now();
    while api.live.watch(Default::default()).is_err() {
        assert!(started.elapsed() < std::time::Duration::from_secs(15), "there is no room");
        std::thread::yield_now();
    }
}

#[test]
fn the_feed_needs_the_token_like_everything_else() {
    let api = with_token();
    api.get("/v1/live").problem(401);
}
