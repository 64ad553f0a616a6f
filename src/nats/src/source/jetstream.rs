//! A stream read by its numbers.
//!
//! The position is ours: the number of the last message handed on. Nothing is acknowledged, so nothing is redelivered;
//! whenever anything is odd, a new consumer is created one past the position, and what it repeats is dropped.
//!
//! # What is trusted
//!
//! - **A consumer numbers what it delivers, from 1 without holes.** A hole means that messages were lost on the way: a
//!   full subscription, a reconnection. They are asked for again. This holds for every consumer, filtered or not.
//! - **A stream numbers what it takes in, without holes.** Where every message of the stream is ours, a hole in these
//!   numbers is asked for again too; when a new consumer's first message still lies beyond it, the messages are gone from
//!   the stream (expired, purged, deleted) and are counted as missing.
//! - **Where the stream holds other subjects too**, the consumer is filtered and holes are normal. Then messages gone
//!   from the stream can't be told from messages that are not ours, and are not counted.
//! - **A stream is made once.** When it was created is asked whenever a consumer is made (at first, after a reconnection, at
//!   a gap), behind that: a consumer of another stream of the name is not read from. Nothing is read any more then, health
//!   says so, and the caller of the source is informed.
//! - **A stream's last number never falls.** Where it is below the position the log has lost data (an unclean end of a
//!   server, or a stream deleted and created again). Nothing is read then, and health says so. So it does where a stream
//!   that was read is gone: it is created only before the first read.
//!
//! The ordered consumer of async-nats 0.51 is not used: it can begin again from the start of the stream.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::consumer::{ConsumerEvent, ConsumerStart, PullConsumer, SILENCE};
use super::metadata::MessageMetadata;
use super::start_position::{StartPositionError, filters, resolve};
use super::status::add;
use super::stream_position::{SequenceCheck, StreamPosition};
use super::ticker::Ticker;
use super::{LogRecord, NatsSource, RecordBatch, RecordKind, StopSignal, is_full, ready};
use crate::chance;
use crate::streams::{StreamError, StreamRequirements, created_ms, ensure_stream, look_up};
use rekindle_core::time::Timestamp;

/// Waits between attempts grow from this …
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// … to this.
const BACKOFF_LAST: Duration = Duration::from_secs(5);
/// How often the stream is asked how far ahead it is.
const LAG_INTERVAL: Duration = Duration::from_secs(5);
/// How long publishing a tick may take; longer, and the connection is stuck.
const TICK_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads until told to stop.
pub(super) async fn run(source: NatsSource, mut stop: StopSignal) {
    let mut reader = JetStreamReader::new(source);
    let mut fruitless = 0;
    while let Some(consumer) = reader.establish(&mut stop, fruitless).await {
        let before = reader.source.status.messages();
        match reader.read(consumer, &mut stop).await {
            ConsumerEnd::Finished => return,
            ConsumerEnd::Broken(why) => {
                add(&reader.source.status.recreations, 1);
                fruitless = if reader.source.status.messages() > before { 0 } else { fruitless + 1 };
                let why = format!(
                    "reading stream {} again after message {}: {why}",
                    reader.stream(),
                    reader.position.last_read()
                );
                if reader.is_alive {
                    warn!("{why}");
                } else if reader.source.part.failing(why.clone()) {
                    error!("{why}");
                }
            }
        }
    }
}

/// How reading from a consumer ended.
enum ConsumerEnd {
    /// It was told to stop, or nobody takes the batches.
    Finished,
    /// Another consumer is needed, and why.
    Broken(String),
}

struct JetStreamReader {
    source: NatsSource,
    wanted: StreamRequirements,
    position: StreamPosition,
    /// Messages that wait in the stream, as of the last message.
    pending: u64,
    ticker: Ticker,
    ticks_fail: bool,
    /// Denials before these don't concern this consumer.
    denials_before: u64,
    /// The connection that this consumer was created on.
    link: u64,
    /// This consumer has shown a sign of life.
    is_alive: bool,
    /// What is odd about the stream, to be told once.
    notes: Vec<String>,
    /// When the stream was created that is read, in milliseconds since 1970.
    created_ms: Option<i64>,
}

impl JetStreamReader {
    fn new(source: NatsSource) -> JetStreamReader {
        let wanted = StreamRequirements::events(&source.settings);
        let ticker = Ticker::new(source.settings.tick_interval, Instant::now());
        let begin = source.after.map(|after| ConsumerStart::At(after + 1));
        JetStreamReader {
            created_ms: source.created_ms,
            source,
            wanted,
            position: StreamPosition::before(begin),
            pending: 0,
            ticker,
            ticks_fail: false,
            denials_before: 0,
            link: 0,
            is_alive: false,
            notes: Vec::new(),
        }
    }

    fn stream(&self) -> &str {
        &self.source.settings.stream
    }

    /// Tries until there is a consumer; `None` when told to stop.
    async fn establish(&mut self, stop: &mut StopSignal, fruitless: u32) -> Option<PullConsumer> {
        let mut failures = fruitless;
        let status = Arc::clone(&self.source.connection.status);
        loop {
            if failures > 0 {
                let wait = (BACKOFF_FIRST * 2_u32.pow(failures.min(10) - 1)).min(BACKOFF_LAST);
                tokio::select! {
                    () = stop.wanted() => return None,
                    () = tokio::time::sleep(wait) => {}
                }
            }
            tokio::select! {
                biased;
                () = stop.wanted() => return None,
                _ = status.up() => {}
            }
            let link = status.link().borrow().number;
            let attempt = tokio::select! {
                biased;
                () = stop.wanted() => return None,
                // A server that shuts down in order says so first, then goes: who asked it meanwhile waits in vain.
                () = status.lost(link) => continue,
                attempt = self.try_establish() => attempt,
            };
            match attempt {
                Ok(consumer) => return Some(consumer),
                Err(error) => {
                    let why = error.to_string();
                    if self.source.part.failing(why.clone()) {
                        error!("{why}; retrying");
                    }
                    failures = failures.saturating_add(1);
                }
            }
        }
    }

    async fn try_establish(&mut self) -> Result<PullConsumer, StartPositionError> {
        self.denials_before = self.source.connection.status.denials();
        self.link = self.source.connection.status.link().borrow().number;
        // A stream that was read and is gone is not created again: that would hide the loss. Nor is it safe, for
        // nats-server 2.15.1 may create it with the messages that it is about to delete.
        self.wanted.create &= self.position.begin.is_none();
        let stream = match ensure_stream(&self.source.connection, &self.wanted).await {
            Err(StreamError::Missing(_)) if self.position.begin.is_some() => {
                let (stream, last) = (self.stream().to_owned(), self.position.last_read());
                return Err(StartPositionError::Gone { stream, last });
            }
            stream => stream?,
        };
        let is_same = self.check_created(created_ms(&stream.info));
        let begin = resolve(&self.source.settings, self.position.begin, self.source.needed, &stream)?;
        is_same?;
        self.position.begin = Some(begin);
        let filters = filters(&self.wanted, &stream);
        let created =
            PullConsumer::create(&self.source.connection, self.stream(), begin, &filters, self.source.settings.batch);
        let created = created.await;
        let (consumer, pending) =
            created.map_err(|cause| StartPositionError::Consumer { stream: self.stream().to_owned(), cause })?;
        // The consumer may be of a stream that was made since: a stream that is the same now was so before.
        let look_up = look_up(&self.source.connection, self.stream()).await.map_err(|cause| StreamError::Api {
            stream: self.stream().to_owned(),
            attempt: "look up",
            cause,
        })?;
        self.check_created(created_ms(&look_up))?;
        self.position.consumer_created(begin, filters.is_empty());
        self.pending = pending;
        self.source.status.set_pending(pending);
        self.ticker.forget();
        self.ticks_fail = false;
        self.is_alive = false;
        self.notes = stream.notes;
        Ok(consumer)
    }

    /// Whether it is the stream that was read until now, or the first.
    fn check_created(&mut self, found: i64) -> Result<(), StartPositionError> {
        let expected = *self.created_ms.get_or_insert(found);
        if expected == found {
            return Ok(());
        }
        self.source.status.found_other_stream(found);
        let (stream, last) = (self.stream().to_owned(), self.position.last_read());
        Err(StartPositionError::OtherStream { stream, last, expected: Timestamp(expected), found: Timestamp(found) })
    }

    /// The consumer has shown a sign of life: only now it is known to work, for what is not permitted is told late.
    fn works(&mut self) {
        if std::mem::replace(&mut self.is_alive, true) || !self.source.part.works() {
            return;
        }
        for note in self.notes.drain(..) {
            warn!("{note}");
        }
        info!(
            "reading stream {} after message {}; {} messages are pending",
            self.stream(),
            self.position.last_read(),
            self.pending
        );
    }

    async fn read(&mut self, mut consumer: PullConsumer, stop: &mut StopSignal) -> ConsumerEnd {
        let status = Arc::clone(&self.source.connection.status);
        let mut lost = pin!(status.lost(self.link));
        let next = consumer.next.clone();
        let mut denied = pin!(status.denied(self.denials_before, |denial| denial.concerns_request(&next)));
        let _lag = self.watch_lag();
        let mut quiet = Instant::now() + SILENCE;
        self.ticker.heard(Instant::now(), 0.0);
        loop {
            if let Err(why) = consumer.ask_for_more().await {
                return ConsumerEnd::Broken(why);
            }
            let message = tokio::select! {
                biased;
                () = stop.wanted() => None,
                message = futures_util::StreamExt::next(&mut consumer.subscriber) => match message {
                    Some(message) => Some(message),
                    None => return ConsumerEnd::Broken("the connection was closed".to_owned()),
                },
                () = &mut lost => return ConsumerEnd::Broken("the connection was lost".to_owned()),
                denial = &mut denied => return ConsumerEnd::Broken(denial.to_string()),
                () = tokio::time::sleep_until(self.ticker.due().into()) => {
                    self.tick().await;
                    continue;
                }
                () = tokio::time::sleep_until(quiet.into()) => {
                    return ConsumerEnd::Broken("the server shows no sign of life".to_owned());
                }
            };
            let is_last = message.is_none();
            if let Some(ended) = self.take(message, &mut consumer, is_last).await {
                return ended;
            }
            quiet = Instant::now() + SILENCE;
        }
    }

    /// Hands on what has come in, beginning with `first`.
    async fn take(
        &mut self,
        first: Option<async_nats::Message>,
        consumer: &mut PullConsumer,
        is_last: bool,
    ) -> Option<ConsumerEnd> {
        let (mut batch, mut bytes, mut broken) = (RecordBatch::new(), 0, None);
        let mut next = first.or_else(|| ready(&mut consumer.subscriber));
        while let Some(message) = next {
            match consumer.take(message) {
                ConsumerEvent::SignOfLife => self.works(),
                ConsumerEvent::Broken(why) => broken = Some(why),
                ConsumerEvent::Message(metadata, message) => {
                    self.works();
                    let verdict = self.position.judge(&metadata);
                    if let SequenceCheck::KeepAfterGone(first, last) = verdict {
                        self.gone(first, last);
                    }
                    match verdict {
                        SequenceCheck::Keep | SequenceCheck::KeepAfterGone(..) => {
                            let message = self.keep(&metadata, message);
                            bytes += message.lines.len();
                            batch.push(message);
                        }
                        SequenceCheck::Repeated => {}
                        SequenceCheck::Gap(why) => {
                            add(&self.source.status.gaps, 1);
                            broken = Some(why);
                        }
                    }
                }
            }
            let is_done = broken.is_some() || (!is_last && is_full(&batch, bytes, self.source.settings.batch));
            next = if is_done { None } else { ready(&mut consumer.subscriber) };
        }
        if !batch.is_empty() {
            // While nobody takes them nothing is heard, and silence means nothing.
            let taken = self.source.hand_on(batch).await;
            self.source.status.set_pending(self.pending);
            self.ticker.heard(Instant::now(), chance());
            if !taken {
                return Some(ConsumerEnd::Finished);
            }
        }
        if is_last { Some(ConsumerEnd::Finished) } else { broken.map(ConsumerEnd::Broken) }
    }

    /// A new consumer, created at `first`, began after `last`: what is between is not in the stream.
    fn gone(&self, first: u64, last: u64) {
        let count = last - first + 1;
        add(&self.source.status.missing, count);
        error!(
            "{count} messages ({first} to {last}) are gone from stream {} and were never read: expired, purged or deleted",
            self.stream()
        );
    }

    fn keep(&mut self, metadata: &MessageMetadata, message: async_nats::Message) -> LogRecord {
        self.pending = metadata.pending;
        let kind = self.source.kind_of(&message);
        if kind == RecordKind::Tick {
            add(&self.source.status.ticks_received, 1);
            self.ticker.came_back();
            if std::mem::take(&mut self.ticks_fail) && self.source.part.works() {
                info!("ticks come back from stream {} again", self.stream());
            }
        }
        let lines = self.source.body(kind, message.payload);
        LogRecord { sequence: metadata.stream_sequence, received: metadata.received, kind, lines }
    }

    /// Publishes a tick, and sees to it that the last ones came back.
    async fn tick(&mut self) {
        let subject = self.source.settings.tick_subject.clone();
        let publish = self.source.connection.client.publish(subject, bytes::Bytes::new());
        if matches!(tokio::time::timeout(TICK_TIMEOUT, publish).await, Ok(Ok(()))) {
            add(&self.source.status.ticks_sent, 1);
        }
        let now = Instant::now();
        self.ticker.sent(now);
        // With messages to come before it, a tick may well be on its way.
        if self.pending == 0 && self.ticker.is_overdue(now) {
            self.ticks_fail = true;
            let why = self.why_no_ticks();
            if self.source.part.failing(why.clone()) {
                error!("{why}");
            }
        }
    }

    fn why_no_ticks(&self) -> String {
        let (stream, subject) = (self.stream(), &self.source.settings.tick_subject);
        let denial =
            self.source.connection.status.denial_since(self.denials_before, |denial| {
                denial.operation == "publish" && denial.subject == *subject
            });
        let why = denial.map_or_else(
            || format!("does stream {stream} take in {subject}, and is there room in it?"),
            |denial| denial.to_string(),
        );
        format!("ticks do not come back, so no time passes without events: {why}")
    }

    /// Looks now and then how far ahead the stream is, while this consumer lives.
    fn watch_lag(&self) -> JoinSet<()> {
        let mut task = JoinSet::new();
        if self.position.is_whole {
            let (connection, stream) = (self.source.connection.clone(), self.stream().to_owned());
            let status = self.source.status();
            task.spawn(async move {
                loop {
                    tokio::time::sleep(LAG_INTERVAL).await;
                    if let Ok(info) = look_up(&connection, &stream).await {
                        let read = status.sequence().max(info.state.first_sequence.saturating_sub(1));
                        status.set_pending(info.state.last_sequence.saturating_sub(read));
                    }
                }
            });
        }
        task
    }
}
