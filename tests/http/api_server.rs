//! The API over a real engine, in this process: rules, some users, and a client that shows answers as they are.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rekindle::api::{ApiServices, Routes};
use rekindle::api::{ConsentChange, LoggedPosition, MetricsCache, NoHistory, NotLogged, UserRequests};
use rekindle::audit::AuditMemory;
use rekindle::metrics::ExpositionFormat;
use rekindle_core::campaigns::StepRecording;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::health::Health;
use rekindle_runtime::live::{self, EngineHandle};
use rekindle_runtime::log::{LogRecord, RecordBatch, RecordKind};
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use rekindle_settings::HttpSettings;
use rekindle_web::HttpServer;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::past_log::{FedLog, backtests};
use crate::rules_file::RulesFile;

pub(crate) const RULES: &str = r#"
[events]
view = "View"
cart = "Cart"

[[segments]]
id = "seen"
when = "total(view) >= 1"

[[segments]]
id = "cart_abandoned"
description = "A cart untouched for 30 minutes"
when = "total(cart) >= 1 && since(cart) >= duration('30m') && traits.plan != 'none'"

[[campaigns]]
id = "reminder"
on = "enter:seen"
channel = "email"
cooldown = "7d"

[growth]
orders = "cart"

[[funnels]]
id = "purchase"
steps = ["view", "cart"]
within = "1d"
"#;

/// When the log begins: 2026-03-05T09:00:00Z.
pub(crate) const START: Timestamp = Timestamp(1_772_701_200_000);

/// A served API.
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) health: Health,
    pub(crate) rules: Arc<RulesFile>,
    pub(crate) log: Arc<Log>,
    pub(crate) past: Arc<FedLog>,
    pub(crate) live: EngineHandle,
    pub(crate) scrapes: Arc<Scrapes>,
    pub(crate) serving: Option<std::thread::JoinHandle<()>>,
    batches: Option<mpsc::Sender<RecordBatch>>,
    stop: Option<oneshot::Sender<()>>,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

/// The metrics: a page of one number, and how often one was made.
#[derive(Default)]
pub(crate) struct Scrapes {
    pub(crate) made: AtomicU64,
    /// How long it takes to make one.
    pub(crate) delay_ms: AtomicU64,
    /// How many bytes a page has, beside its number.
    pub(crate) padding: AtomicU64,
}

impl Scrapes {
    fn page(&self, format: ExpositionFormat) -> Vec<u8> {
        let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        std::thread::sleep(Duration::from_millis(self.delay_ms.load(Ordering::Relaxed)));
        let padding = "#".repeat(usize::try_from(self.padding.load(Ordering::Relaxed)).expect("it fits"));
        match format {
            ExpositionFormat::Text => format!("rekindle_x {number}\n{padding}").into_bytes(),
            ExpositionFormat::Protobuf => b"binary".to_vec(),
        }
    }
}

/// The log, as far as the API writes into it: what is asked for takes effect before the answer.
pub(crate) struct Log {
    /// Why nothing can be put into it.
    pub(crate) broken: Mutex<Option<String>>,
    live: EngineHandle,
    batches: Mutex<Option<mpsc::Sender<RecordBatch>>>,
}

impl UserRequests for Log {
    fn forget(&self, user: &str) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>> {
        let broken = self.broken.lock().expect("not poisoned").clone();
        let batches = self.batches.lock().expect("not poisoned").clone();
        let (user, received) = (user.to_owned(), self.live.stats().watermark);
        async move {
            if let Some(why) = broken {
                return Err(NotLogged { source: why.into() });
            }
            let lines = Bytes::from(serde_json::json!({ "user": user }).to_string());
            let message = LogRecord { sequence: 42, received, kind: RecordKind::Forget, lines };
            batches.expect("the source has not ended").send(vec![message]).await.expect("the engine runs");
            while matches!(self.live.export(&user).await, Ok(Some(_))) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(LoggedPosition { sequence: Some(42) })
        }
        .boxed()
    }

    fn consent(&self, said: ConsentChange) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>> {
        let broken = self.broken.lock().expect("not poisoned").clone();
        let batches = self.batches.lock().expect("not poisoned").clone();
        // After all that was fed.
        let received = self.live.stats().watermark + Span(60_000);
        async move {
            if let Some(why) = broken {
                return Err(NotLogged { source: why.into() });
            }
            let lines = Bytes::from(said.to_call(received).to_string());
            let message = LogRecord { sequence: 43, received, kind: RecordKind::Events, lines };
            batches.expect("the source has not ended").send(vec![message]).await.expect("the engine runs");
            Ok(LoggedPosition { sequence: Some(43) })
        }
        .boxed()
    }
}

impl Api {
    /// On a port of its own.
    pub(crate) fn start(settings: &HttpSettings) -> Api {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rules.toml");
        fs::write(&path, RULES).expect("a rules file");
        let compiled = rules::compile(RULES).expect("no mistake");
        let (plan, past) = (Arc::new(ExecutionPlan::new(compiled)), Arc::default());
        // As `run` has them.
        let decision_steps = StepRecording::Numbers;
        let options = PipelineOptions { workers: 1, partitions: 2, decision_steps, ..PipelineOptions::default() };
        let pipeline = Pipeline::new(plan, options.clone()).expect("threads start");
        let mut ends =
            live::start(pipeline, live::EngineStart::default(), runtime.handle().clone()).expect("a thread starts");
        runtime.block_on(ends.live.recover(live::Recovery::default())).expect("the engine runs");
        runtime.block_on(ends.live.recovered());
        runtime.spawn(async move { while ends.output_items.recv().await.is_some() {} });
        let (live, health) = (ends.live, Health::default());
        let rules = Arc::new(RulesFile::new(path, live.clone()));
        let log = Arc::new(Log {
            broken: Mutex::default(),
            live: live.clone(),
            batches: Mutex::new(Some(ends.batches.clone())),
        });
        let services = ApiServices {
            live: live.clone(),
            health: health.clone(),
            rules: Arc::<RulesFile>::clone(&rules),
            requests: Arc::<Log>::clone(&log),
            audit: Arc::new(AuditMemory::default()),
            history: Arc::new(NoHistory),
            backtests: backtests(&live, options, &past),
            started: Instant::now(),
            clock: None,
        };
        let scrapes = Arc::new(Scrapes::default());
        let making = Arc::clone(&scrapes);
        let metrics = MetricsCache::new(move |format| making.page(format));
        let routes = Routes::new(services, metrics, settings).expect("the settings are good");
        let server = runtime.block_on(HttpServer::bind(SocketAddr::from(([127, 0, 0, 1], 0)))).expect("a free port");
        let (address, (stop, stopped)) = (server.address(), oneshot::channel());
        let handle = runtime.handle().clone();
        let serving = std::thread::spawn(move || {
            let stopped = stopped.map(|_| ());
            handle.block_on(routes.serve(server, stopped)).expect("loopback may be served");
        });
        Api {
            address,
            health,
            rules,
            log,
            past,
            live,
            scrapes,
            serving: Some(serving),
            batches: Some(ends.batches),
            stop: Some(stop),
            runtime,
            _folder: folder,
        }
    }

    /// Feeds lines, one second after the other, and waits until the engine has taken them in.
    pub(crate) fn feed(&self, lines: &[String]) {
        let message = |(index, line): (usize, &String)| LogRecord {
            sequence: index as u64 + 1,
            received: Timestamp(START.0 + 1_000 * index as i64),
            kind: RecordKind::Events,
            lines: Bytes::from(line.clone()),
        };
        let (before, batches) = (self.taken_in(), self.batches.as_ref().expect("the source has not ended"));
        let records: Vec<LogRecord> = lines.iter().enumerate().map(message).collect();
        self.past.add(&records);
        batches.blocking_send(records).expect("the engine runs");
        let started = Instant::now();
        while self.taken_in() < before + lines.len() as u64 {
            assert!(started.elapsed() < Duration::from_secs(10), "the engine takes nothing in");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn taken_in(&self) -> u64 {
        let totals = &self.live.stats().totals;
        totals.events + totals.rejected.iter().sum::<u64>()
    }

    /// Ends the engine, as when the daemon is about to stop.
    pub(crate) fn end_engine(&mut self) {
        self.batches = None;
        *self.log.batches.lock().expect("not poisoned") = None;
        while self.runtime.block_on(self.live.describe("x")).is_ok() {}
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().expect("stopped once").send(());
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "")
    }

    /// A request without a body, with these lines in its head (each with its line end).
    pub(crate) fn request(&self, method: &str, path: &str, head: &str) -> Answer {
        self.raw(&format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{head}\r\n", self.address))
    }

    /// What comes back for these bytes, until the server closes.
    pub(crate) fn raw(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        // The server may refuse before it has read all.
        let _ = stream.write_all(request.as_bytes());
        Answer::read(&mut stream)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        stream
    }
}

/// An answer, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// What it sets as cookies, as it is.
    pub(crate) cookies: Vec<String>,
}

impl Answer {
    /// Reads until the server closes.
    pub(crate) fn read(stream: &mut TcpStream) -> Answer {
        let mut bytes = Vec::new();
        // A reset after the answer is as good as an end.
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let cookies = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let cookies = cookies.map(|(_, cookie)| cookie.to_owned()).collect();
        Answer { status, head: head.to_lowercase(), body: body.to_owned(), cookies }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Holds that it is a problem document of this status, and returns its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.head.contains("\r\ncontent-type: application/problem+json\r\n"), "{self:?}");
        let problem = self.json();
        assert_eq!((&problem["type"], &problem["status"]), (&"about:blank".into(), &status.into()), "{self:?}");
        assert!(!problem["title"].as_str().unwrap_or_default().is_empty(), "{self:?}");
        problem["detail"].as_str().expect("a detail").to_owned()
    }
}

/// A line in which a user does something.
pub(crate) fn track(user: &str, event: &str, id: u64) -> String {
    serde_json::json!({"type": "track", "event": event, "userId": user, "messageId": format!("m{id}")}).to_string()
}

pub(crate) fn identify(user: &str, plan: &str) -> String {
    serde_json::json!({"type": "identify", "userId": user, "traits": {"plan": plan}}).to_string()
}
