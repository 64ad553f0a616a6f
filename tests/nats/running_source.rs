//! A running source in a test: connected, read from, stopped.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rekindle_core::time::Span;
use rekindle_nats::source::{NatsSource, SourceStatus};
use rekindle_nats::{NatsAccess, NatsConnection};
use rekindle_runtime::health::Health;
use rekindle_runtime::log::{LogRecord, RecordBatch};
use rekindle_settings::{NatsSettings, SourceSettings};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// How long a test waits for anything.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(30);

/// A running source and what a test observes of it.
pub(crate) struct RunningSource {
    pub(crate) batches: mpsc::Receiver<RecordBatch>,
    pub(crate) status: Arc<SourceStatus>,
    pub(crate) health: Health,
    pub(crate) connection: NatsConnection,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Settings for a server without authentication.
pub(crate) fn at(url: &str) -> NatsSettings {
    NatsSettings { servers: vec![url.to_owned()], ..NatsSettings::default() }
}

/// A source that creates its stream, `EVENTS` with `events.>`, and does not tick before ten seconds.
pub(crate) fn creating() -> SourceSettings {
    SourceSettings { create: true, tick_interval: Span(10_000), ..SourceSettings::default() }
}

impl RunningSource {
    pub(crate) async fn start(nats: &NatsSettings, source: SourceSettings) -> RunningSource {
        RunningSource::with_room(nats, source, 64).await
    }

    /// With room for this number of batches that were not received.
    pub(crate) async fn with_room(nats: &NatsSettings, source: SourceSettings, room: usize) -> RunningSource {
        // Shown when a test fails.
        let _ = tracing_subscriber::fmt().with_env_filter("info,async_nats=debug").with_test_writer().try_init();
        let health = Health::default();
        let access = NatsAccess::check(nats).expect("the settings are right");
        let connection = access.connect(source.batch, health.part("nats"));
        let connection = tokio::time::timeout(WAIT_MAX, connection).await.expect("a connection");
        let (out, batches) = mpsc::channel(room);
        let source = NatsSource::new(connection.clone(), source, out, health.part("source"));
        let (stop, stopped) = watch::channel(false);
        let status = source.status();
        let task = tokio::spawn(source.run(stopped));
        RunningSource { batches, status, health, connection, stop, task }
    }

    /// The next messages without ticks.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<LogRecord> {
        let mut found = Vec::new();
        while found.len() < count {
            let batch = tokio::time::timeout(WAIT_MAX, self.batches.recv()).await;
            let batch =
                batch.unwrap_or_else(|_| panic!("{} of {count} came; {:?}", found.len(), self.health.failing()));
            found.extend(batch.expect("the source runs").into_iter().filter(|message| !message.lines.is_empty()));
        }
        assert_eq!(found.len(), count, "more came than expected");
        found
    }

    pub(crate) async fn ready(&self) {
        until("ready", || self.health.failing().is_empty()).await;
    }

    /// Waits until a part fails for a reason that contains this.
    pub(crate) async fn failing(&self, part: &str, why: &str) -> String {
        failing(&self.health, part, why).await
    }

    /// Stops it. Returns what had not been received.
    pub(crate) async fn stop(mut self) -> Vec<LogRecord> {
        self.stop.send(true).expect("it runs");
        let mut rest = Vec::new();
        while let Some(batch) = tokio::time::timeout(WAIT_MAX, self.batches.recv()).await.expect("it ends") {
            rest.extend(batch);
        }
        self.task.await.expect("no panic");
        rest
    }
}

/// Waits until a part fails for a reason that contains this, and returns the reason.
pub(crate) async fn failing(health: &Health, part: &str, why: &str) -> String {
    let reason = || health.failing().into_iter().find(|(name, reason)| *name == part && reason.contains(why));
    let started = std::time::Instant::now();
    loop {
        if let Some((_, reason)) = reason() {
            return reason;
        }
        assert!(started.elapsed() < WAIT_MAX, "{part} does not fail for {why:?}: {:?}", health.failing());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !is_so() {
        assert!(started.elapsed() < WAIT_MAX, "not {what} in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Publishes numbered lines and waits until JetStream has the last.
pub(crate) async fn publish(connection: &NatsConnection, numbers: std::ops::Range<u64>) {
    let Some(last) = numbers.clone().last() else { return };
    for number in numbers {
        let payload = Bytes::from(format!("{number}\n"));
        if number == last {
            let ack = connection.jetstream.publish("events.track", payload).await.expect("published");
            ack.await.expect("stored");
        } else {
            connection.client.publish("events.track", payload).await.expect("published");
        }
    }
}

/// The numbers in the messages of [`publish`].
pub(crate) fn numbers(messages: &[LogRecord]) -> Vec<u64> {
    let text = |message: &LogRecord| std::str::from_utf8(&message.lines).expect("text").trim().to_owned();
    messages.iter().map(|message| text(message).parse().expect("a number")).collect()
}
