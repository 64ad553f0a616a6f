//! Plain NATS: at most once, in the order of arrival, without a way to read anything again.
//!
//! What is published while there is no connection is lost, and how much is unknown. What the client drops because it is not
//! read fast enough is counted, at least in part: async-nats reports it through a queue that may overflow. The time of a message
//! is the local clock's when it comes in, and its sequence is counted here.
//!
//! Order holds within each configured subject (which may have wildcards). Between several it holds only roughly: each has a queue
//! of its own. Ticks and requests to forget users never overtake an event that came before them.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_nats::Subscriber;
use futures_util::StreamExt;
use tracing::{error, info, warn};

use super::status::add;
use super::ticker::Ticker;
use super::{NatsSource, StopSignal, is_full, ready};
use crate::PermissionDenial;
use crate::subjects::{covers, without_covered};
use rekindle_core::time::Timestamp;
use rekindle_runtime::log::{LogRecord, RecordBatch, RecordKind};

/// How long a command to the connection may take; longer, and it is stuck.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads until it is stopped.
pub(super) async fn run(source: NatsSource, mut stop: StopSignal) {
    warn!(
        "events are read from plain NATS subjects, at most once: what is published while this daemon is away or slow is \
         lost; use a JetStream stream ([source] kind = \"jetstream\") to lose nothing"
    );
    let Some(mut reader) = CoreNatsReader::subscribe(source).await else { return };
    // The server executes commands in order: when this tick comes back, the subscriptions are in place.
    reader.tick().await;
    while reader.step(&mut stop).await {}
}

struct CoreNatsReader {
    source: NatsSource,
    events: Vec<Subscriber>,
    /// Of ticks and of requests to forget users; none where the subjects of events cover theirs.
    control: Vec<Subscriber>,
    sequence: u64,
    dropped: u64,
    ticker: Ticker,
    ticks_fail: bool,
    denials_before: u64,
}

impl CoreNatsReader {
    /// `None` when the client has closed the connection for good.
    async fn subscribe(source: NatsSource) -> Option<CoreNatsReader> {
        let client = &source.connection.client;
        let (status, settings) = (Arc::clone(&source.connection.status), source.settings.clone());
        let denials_before = status.denials();
        let mut events = Vec::new();
        for subject in without_covered(&settings.subjects) {
            events.push(client.subscribe(subject).await.ok()?);
        }
        let mut control = Vec::new();
        for own in [&settings.tick_subject, &settings.forget_subject] {
            if !settings.subjects.iter().any(|subject| covers(subject, own)) {
                control.push(client.subscribe(own.clone()).await.ok()?);
            }
        }
        let ticker = Ticker::new(settings.tick_interval, Instant::now());
        let dropped = status.slow_consumers();
        Some(CoreNatsReader { source, events, control, sequence: 0, dropped, ticker, ticks_fail: true, denials_before })
    }

    /// Waits for the next event and handles it; false at the end.
    async fn step(&mut self, stop: &mut StopSignal) -> bool {
        let events = futures_util::future::select_all(self.events.iter_mut().map(StreamExt::next));
        let control = async {
            if self.control.is_empty() {
                return std::future::pending().await;
            }
            futures_util::future::select_all(self.control.iter_mut().map(StreamExt::next)).await.0
        };
        let mut first = None;
        let mut is_last = false;
        tokio::select! {
            biased;
            () = stop.wait() => is_last = true,
            // Control messages first: every event that came before is in its queue, and is handed on before it below.
            message = control => match message {
                Some(message) => {
                    let batch = self.take(None, true);
                    return self.finish(batch, Some(message)).await;
                }
                None => return false,
            },
            (event, _, _) = events => match event {
                Some(event) => first = Some(event),
                None => return false,
            },
            () = tokio::time::sleep_until(self.ticker.due().into()) => {
                self.tick().await;
                return true;
            }
        }
        if is_last {
            self.unsubscribe().await;
        }
        let batch = self.take(first, is_last);
        self.finish(batch, None).await && !is_last
    }

    /// Nothing more comes in; what has come in remains to be read.
    async fn unsubscribe(&mut self) {
        for subscriber in self.events.iter_mut().chain(&mut self.control) {
            // An error: the connection is closed, and nothing comes anyway.
            let _ = tokio::time::timeout(PUBLISH_TIMEOUT, subscriber.unsubscribe()).await;
        }
    }

    /// The events that have come in. `all`: without the limits of a batch.
    fn take(&mut self, first: Option<async_nats::Message>, all: bool) -> RecordBatch {
        let mut batch = RecordBatch::new();
        let mut bytes = 0;
        if let Some(message) = first {
            let message = self.record(message);
            bytes += message.lines.len();
            batch.push(message);
        }
        for at in 0..self.events.len() {
            while all || !is_full(&batch, bytes, self.source.settings.batch) {
                let Some(message) = ready(&mut self.events[at]) else { break };
                let message = self.record(message);
                bytes += message.lines.len();
                batch.push(message);
            }
        }
        batch
    }

    async fn finish(&mut self, mut batch: RecordBatch, last: Option<async_nats::Message>) -> bool {
        if let Some(last) = last {
            let last = self.record(last);
            batch.push(last);
        }
        let is_received = self.source.hand_on(batch).await;
        self.ticker.received(Instant::now(), 0.5);
        self.count_dropped();
        is_received
    }

    fn record(&mut self, message: async_nats::Message) -> LogRecord {
        self.sequence += 1;
        let kind = self.source.kind_of(&message.subject);
        if kind == RecordKind::Tick {
            add(&self.source.status.ticks_received, 1);
            self.ticker.came_back();
            if std::mem::take(&mut self.ticks_fail) && self.source.part.works() {
                info!("reading {}; ticks come back", self.source.settings.subjects.join(", "));
            }
        }
        let (kind, lines) = self.source.content(kind, &message.subject, message.payload);
        LogRecord { sequence: self.sequence, received: now(), kind, lines }
    }

    fn count_dropped(&mut self) {
        let dropped = self.source.connection.status.slow_consumers();
        let more = dropped.saturating_sub(self.dropped);
        if more > 0 {
            self.dropped = dropped;
            add(&self.source.status.missing, more);
            error!("at least {more} messages came faster than they were read, and are lost; use a JetStream stream");
        }
    }

    async fn tick(&mut self) {
        let now = Instant::now();
        self.ticker.sent(now);
        let status = &self.source.connection.status;
        if !status.is_up() {
            self.ticker.forget();
            return;
        }
        let subject = self.source.settings.tick_subject.clone();
        let concerns = |denial: &PermissionDenial| {
            denial.subject == subject || self.source.settings.subjects.contains(&denial.subject)
        };
        let denial = status.denial_since(self.denials_before, concerns);
        let publish = self.source.connection.client.publish(subject, bytes::Bytes::new());
        if matches!(tokio::time::timeout(PUBLISH_TIMEOUT, publish).await, Ok(Ok(()))) {
            add(&self.source.status.ticks_sent, 1);
        }
        if denial.is_some() || self.ticker.is_overdue(now) {
            self.ticks_fail = true;
            let why = denial.map_or_else(|| "does the server pass them on?".to_owned(), |denial| denial.to_string());
            let why = format!("neither events nor ticks arrive, so no time passes: {why}");
            if self.source.part.failing(why.clone()) {
                error!("{why}");
            }
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
