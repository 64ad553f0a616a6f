//! One destination at work.
//!
//! A loop takes in messages while the [window](crate::window) has room, starts requests while the rate, the circuit and the
//! number in flight allow it, and settles what became of them. Requests, and everything else that waits, run in tasks; all
//! state belongs to the loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::LastRawMessageErrorKind;
use async_nats::jetstream::{self, AckKind};
use rekindle_core::time::Timestamp;
use rekindle_nats::NatsConnection;
use rekindle_settings::{DestinationSettings, OutputSettings};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::answer::{AnswerRules, AnswerVerdict, ReceiverAnswer};
use crate::circuit::CircuitBreaker;
use crate::client::{DestinationClient, SendError};
use crate::event::DeliverableEvent;
use crate::rate::RequestRate;
use crate::request::{RequestBuilder, RequestError};
use crate::schedule::{FailedAttempt, NextAttempt, attempts_by_age};
use crate::secrets::{DestinationSecrets, SecretFileReadError};
use crate::settled::SettledSequences;
use crate::status::{DeliveryResult, DestinationStatus};
use crate::stream::{ACK_WAIT, DeliveryMessages, DeliveryStream, DeliveryStreamError};
use crate::template::TemplateError;
use crate::undelivered::{self, UndeliveredMessage, UndeliveredStreamError};
use crate::window::{DeliveryWindow, WindowMessage};

/// How often the server hears of messages that are held; well before [`ACK_WAIT`].
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// How long messages that an earlier process had are waited for, before others are sent.
const UNSETTLED_WAIT: Duration = ACK_WAIT.saturating_add(Duration::from_secs(5));
/// The loop looks around at least this often.
const IDLE: Duration = Duration::from_secs(1);
/// How long the connection is to be left alone that asked for it without saying how long.
const TOO_MANY_REQUESTS_PAUSE: Duration = Duration::from_secs(1);
/// How many messages are read again at a time.
const READS_MAX: usize = 32;
/// How long a destination waits before it looks for its stream again.
const OPEN_PAUSE: Duration = Duration::from_secs(5);

/// Why a destination can't be served.
#[derive(Debug, Error)]
pub enum DestinationError {
    /// A template is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A secret can't be read.
    #[error(transparent)]
    Secret(#[from] SecretFileReadError),
    /// There is no HTTP client.
    #[error(transparent)]
    Client(#[from] SendError),
}

/// Why a destination has to wait before it can start.
#[derive(Debug, Error)]
enum OpenError {
    #[error(transparent)]
    Stream(#[from] DeliveryStreamError),
    #[error(transparent)]
    Undelivered(#[from] UndeliveredStreamError),
}

/// A destination of the settings, ready to be served.
pub struct DestinationWorker {
    settings: DestinationSettings,
    output: OutputSettings,
    builder: RequestBuilder,
    rules: AnswerRules,
    secrets: DestinationSecrets,
    client: Arc<DestinationClient>,
    status: Arc<DestinationStatus>,
}

impl DestinationWorker {
    /// Reads the secrets and compiles the templates.
    ///
    /// # Errors
    /// Something can't be used.
    pub fn new(settings: &DestinationSettings, output: &OutputSettings) -> Result<DestinationWorker, DestinationError> {
        Ok(DestinationWorker {
            builder: RequestBuilder::new(settings)?,
            rules: AnswerRules::new(settings)?,
            secrets: DestinationSecrets::open(settings)?,
            client: Arc::new(DestinationClient::new(settings)?),
            status: Arc::default(),
            settings: settings.clone(),
            output: output.clone(),
        })
    }

    /// The destination's name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Its counters.
    pub fn status(&self) -> Arc<DestinationStatus> {
        Arc::clone(&self.status)
    }

    /// Delivers until it is told to stop: then requests in flight are finished within the deadline, and everything else is
    /// given back to the server.
    pub async fn run(self, connection: NatsConnection, mut stop: watch::Receiver<bool>, deadline: Duration) {
        let stream = loop {
            match open(&connection, &self.settings, &self.output).await {
                Ok(stream) => break stream,
                Err(why) => warn!(destination = self.settings.name, "{why}; trying again"),
            }
            tokio::select! {
                () = tokio::time::sleep(OPEN_PAUSE) => {}
                () = stopped(&mut stop) => return,
            }
        };
        info!(destination = self.settings.name, unsettled = stream.unsettled, "delivery starts");
        let messages = stream.messages(self.settings.name.clone());
        let now = Instant::now();
        let delivery = Delivery {
            rate: RequestRate::new(self.settings.rate, now),
            unsettled: stream.unsettled,
            unsettled_until: now + UNSETTLED_WAIT,
            worker: self,
            connection,
            stream,
            window: DeliveryWindow::default(),
            settled: SettledSequences::default(),
            circuit: CircuitBreaker::default(),
            tasks: JoinSet::new(),
            requests: 0,
            reads: 0,
            is_stopping: false,
        };
        delivery.run(messages, stop, deadline).await;
    }
}

async fn open(
    connection: &NatsConnection,
    settings: &DestinationSettings,
    output: &OutputSettings,
) -> Result<DeliveryStream, OpenError> {
    undelivered::ensure_stream(connection, output).await?;
    Ok(DeliveryStream::open(connection, settings, output).await?)
}

/// The state of the loop.
struct Delivery {
    worker: DestinationWorker,
    connection: NatsConnection,
    stream: DeliveryStream,
    window: DeliveryWindow<jetstream::message::Acker>,
    settled: SettledSequences,
    rate: RequestRate,
    circuit: CircuitBreaker,
    tasks: JoinSet<TaskDone>,
    requests: usize,
    /// Messages that are being read again.
    reads: usize,
    /// Messages of an earlier process that have not come yet: until they have, the order of users is not known.
    unsettled: usize,
    unsettled_until: Instant,
    is_stopping: bool,
}

/// What a task did.
enum TaskDone {
    /// A request was answered, or not.
    Request { sequences: Vec<u64>, answer: Result<ReceiverAnswer, SendError>, took: Duration },
    /// The event of a message was read again; `None`: it is gone.
    ReadAgain { sequence: u64, event: Option<DeliverableEvent> },
    /// A message is in the stream of those that could not be delivered.
    GivenUp { sequence: u64 },
}

impl Delivery {
    async fn run(mut self, mut messages: DeliveryMessages, mut stop: watch::Receiver<bool>, deadline: Duration) {
        let mut progress = tokio::time::interval(PROGRESS_INTERVAL);
        progress.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut until = None;
        loop {
            let wake = self.start_requests();
            self.worker.status.set_held(self.window.len(), self.requests, self.window.oldest());
            if self.is_stopping && (self.tasks.is_empty() || until.is_some_and(|until| Instant::now() >= until)) {
                break;
            }
            let takes_in = !self.is_stopping && self.window.has_room() && !self.worker.status.is_switched_off();
            tokio::select! {
                message = messages.next(), if takes_in => match message {
                    Some(message) => self.take_in(message).await,
                    None => self.is_stopping = true,
                },
                Some(done) = self.tasks.join_next() => {
                    if let Ok(done) = done {
                        self.settle(done).await;
                    }
                }
                _ = progress.tick() => self.report_progress().await,
                () = stopped(&mut stop), if !self.is_stopping => {
                    self.is_stopping = true;
                    until = Some(Instant::now() + deadline);
                }
                () = tokio::time::sleep_until(wake.into()) => {}
            }
        }
        self.tasks.abort_all();
        // What is not settled comes again at once, here or elsewhere.
        messages.end().await;
        for acker in self.window.ackers() {
            let _ = acker.ack_with(AckKind::Nak(None)).await;
        }
        let _ = self.connection.client.flush().await;
    }

    async fn take_in(&mut self, message: jetstream::Message) {
        let Ok(info) = message.info() else { return };
        let (sequence, delivered, pending) = (info.stream_sequence, info.delivered, info.pending);
        let stored = Timestamp(i64::try_from(info.published.unix_timestamp_nanos() / 1_000_000).unwrap_or(0));
        self.worker.status.set_backlog(pending);
        let (message, acker) = message.split();
        if self.settled.contains(sequence) {
            acknowledge(&acker).await;
            return;
        }
        let event = match DeliverableEvent::read(message.headers.as_ref(), &message.payload) {
            Ok(event) => event,
            Err(why) => {
                error!(destination = self.worker.settings.name, sequence, "{why}; it is not sent");
                self.worker.status.count(DeliveryResult::Failed);
                acknowledge(&acker).await;
                return;
            }
        };
        let attempts = if delivered > 1 && self.window.get(sequence).is_none() {
            self.unsettled = self.unsettled.saturating_sub(1);
            attempts_by_age(Duration::from_millis(u64::try_from(now().0 - stored.0).unwrap_or(0)))
        } else {
            0
        };
        let lane = event.user.clone().unwrap_or_else(|| event.id.clone());
        let (bytes, due) = (message.payload.len(), stored);
        let message = WindowMessage { event: Some(event), lane, attempts, stored, due, bytes, acker };
        self.window.insert(sequence, message);
    }

    /// Starts what may be started. Returns when there may be more.
    fn start_requests(&mut self) -> Instant {
        let idle = Instant::now() + IDLE;
        if self.is_stopping || self.worker.status.is_switched_off() {
            return idle;
        }
        if self.unsettled > 0 && Instant::now() < self.unsettled_until {
            return idle.min(self.unsettled_until);
        }
        loop {
            let at = Instant::now();
            let circuit = self.circuit.ready_at(at).unwrap_or(idle);
            let ready = self.rate.ready_at().max(circuit);
            let limit = if self.circuit.is_open() { 1 } else { usize::from(self.worker.settings.concurrency) };
            if self.requests >= limit {
                return idle;
            }
            if ready > at {
                return ready.min(idle);
            }
            let time = now();
            let Some(due) = self.window.next_due() else { return idle };
            let wait = self.wait_for_more(due, time);
            if wait > time {
                let wait = Duration::from_millis(u64::try_from(wait.0 - time.0).unwrap_or(0));
                return idle.min(at + wait);
            }
            // What is read again is bounded like everything that is held.
            let may_read = self.reads < READS_MAX && (self.window.has_bytes() || self.reads + self.requests == 0);
            if self.window.next_is_read_again() && !may_read {
                return idle;
            }
            self.start_request(time);
        }
    }

    /// When the messages that are due are sent: at once, or with a batch once there are enough or the first waited enough.
    fn wait_for_more(&self, due: Timestamp, now: Timestamp) -> Timestamp {
        match &self.worker.settings.batch {
            Some(batch) if self.window.count_due(now, usize::from(batch.size)) < usize::from(batch.size) => {
                Timestamp(due.0.saturating_add(batch.wait.0))
            }
            _ => due,
        }
    }

    fn start_request(&mut self, time: Timestamp) {
        let size = self.worker.settings.batch.as_ref().map_or(1, |batch| usize::from(batch.size));
        let mut sequences = Vec::new();
        let mut is_alone = false;
        while sequences.len() < size
            && !is_alone
            && let Some(sequence) = self.window.take_due(time)
        {
            let Some(message) = self.window.get(sequence) else { continue };
            // What was refused in a batch goes alone, so that one bad message fails by itself.
            is_alone = message.attempts > 0;
            match &message.event {
                None => {
                    self.read_again(sequence);
                    break;
                }
                Some(event) if event.is_expired(time) => self.settle_soon(sequence, DeliveryResult::Expired),
                Some(event) => match self.worker.builder.missing(event) {
                    Ok(None) if is_alone => self.send(vec![sequence], time),
                    Ok(None) => sequences.push(sequence),
                    Ok(Some(_)) => self.settle_soon(sequence, DeliveryResult::Skipped),
                    Err(why) => self.give_up(sequence, why.to_string()),
                },
            }
        }
        if !sequences.is_empty() {
            self.send(sequences, time);
        }
    }

    fn send(&mut self, sequences: Vec<u64>, time: Timestamp) {
        let (secrets, problem) = self.worker.secrets.now();
        if let Some(problem) = problem {
            warn!(destination = self.worker.settings.name, "{problem}; the secret read before is used");
        }
        let events: Vec<&DeliverableEvent> =
            sequences.iter().filter_map(|sequence| self.window.get(*sequence)?.event.as_ref()).collect();
        let request = match self.worker.builder.build(&events, &secrets, time) {
            Ok(request) => request,
            Err(why) => return self.not_built(sequences, &why, time),
        };
        let client = Arc::clone(&self.worker.client);
        self.circuit.sent();
        self.rate.sent(Instant::now());
        self.requests += 1;
        self.tasks.spawn(async move {
            let started = Instant::now();
            let answer = client.send(request, time).await;
            TaskDone::Request { sequences, answer, took: started.elapsed() }
        });
    }

    /// A request that can't be built: of several messages, each is tried alone.
    fn not_built(&mut self, sequences: Vec<u64>, why: &RequestError, time: Timestamp) {
        match sequences.as_slice() {
            [one] => self.give_up(*one, why.to_string()),
            _ => sequences.into_iter().for_each(|sequence| self.send(vec![sequence], time)),
        }
    }

    fn read_again(&mut self, sequence: u64) {
        self.reads += 1;
        let (stream, name) = (self.stream.stream.clone(), self.worker.settings.name.clone());
        self.tasks.spawn(async move {
            loop {
                match stream.get_raw_message(sequence).await {
                    Ok(message) => {
                        let event = DeliverableEvent::read(Some(&message.headers), &message.payload).ok();
                        return TaskDone::ReadAgain { sequence, event };
                    }
                    Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                        return TaskDone::ReadAgain { sequence, event: None };
                    }
                    Err(error) => warn!(destination = name, "could not read a message again: {error}; trying again"),
                }
                tokio::time::sleep(IDLE).await;
            }
        });
    }

    async fn settle(&mut self, done: TaskDone) {
        match done {
            TaskDone::Request { sequences, answer, took } => {
                self.requests -= 1;
                self.worker.status.requested(took);
                self.settle_request(sequences, answer).await;
            }
            TaskDone::ReadAgain { sequence, event: Some(event) } => {
                self.reads -= 1;
                self.window.restore(sequence, event);
                let Some(message) = self.window.get(sequence) else { return };
                let (due, attempts) = (message.due, message.attempts);
                self.window.postpone(sequence, due, attempts, now());
            }
            TaskDone::ReadAgain { sequence, event: None } => {
                self.reads -= 1;
                error!(
                    destination = self.worker.settings.name,
                    sequence, "the stream no longer has a message that was to be sent"
                );
                self.finish(sequence, DeliveryResult::Failed).await;
            }
            TaskDone::GivenUp { sequence } => self.finish(sequence, DeliveryResult::Failed).await,
        }
    }

    async fn settle_request(&mut self, sequences: Vec<u64>, answer: Result<ReceiverAnswer, SendError>) {
        let (verdict, retry_after, reason, is_outage) = match &answer {
            Ok(answer) => {
                let verdict = self.worker.rules.judge(answer, sequences.len());
                (verdict, answer.retry_after, answer.excerpt(), answer.status >= 500)
            }
            Err(error @ (SendError::Private(_) | SendError::Address(_) | SendError::Client(_))) => {
                (AnswerVerdict::Failed, None, error.to_string(), false)
            }
            Err(error) => (AnswerVerdict::Retry, None, error.to_string(), true),
        };
        self.note_health(is_outage && verdict == AnswerVerdict::Retry, &reason);
        match verdict {
            AnswerVerdict::Delivered { failed } => {
                for (index, sequence) in sequences.into_iter().enumerate() {
                    match failed.contains(&index) {
                        true => self.give_up(sequence, format!("refused within a batch; {reason}")),
                        false => self.finish(sequence, DeliveryResult::Delivered).await,
                    }
                }
            }
            AnswerVerdict::Retry => {
                let is_limited = answer.as_ref().is_ok_and(|answer| answer.status == 429);
                if is_limited || retry_after.is_some() {
                    self.rate.pause(
                        Instant::now() + retry_after.unwrap_or(TOO_MANY_REQUESTS_PAUSE).min(Duration::from_secs(3_600)),
                    );
                }
                for sequence in sequences {
                    self.retry(sequence, retry_after, &reason);
                }
            }
            // One bad message must not fail the others: each is sent alone.
            AnswerVerdict::Failed if sequences.len() > 1 => {
                for sequence in sequences {
                    self.window.postpone(sequence, now(), 1, now());
                }
            }
            AnswerVerdict::Failed => sequences.into_iter().for_each(|sequence| self.give_up(sequence, reason.clone())),
            AnswerVerdict::SwitchOff => {
                let destination = &self.worker.settings.name;
                error!(
                    destination,
                    "the receiver answered that it is gone ({reason}): nothing more is sent until a restart"
                );
                self.worker.status.switch_off();
                sequences.into_iter().for_each(|sequence| self.window.postpone(sequence, now(), 0, now()));
            }
        }
    }

    fn note_health(&mut self, is_outage: bool, reason: &str) {
        let destination = &self.worker.settings.name;
        if is_outage {
            if let Some(pause) = self.circuit.failed(Instant::now()) {
                warn!(
                    destination,
                    "the destination fails ({reason}): nothing is sent for {pause:?}, then one request at a time"
                );
            }
        } else if self.circuit.succeeded() {
            info!(destination, "the destination answers again");
        }
        self.worker.status.set_circuit(self.circuit.is_open());
    }

    fn retry(&mut self, sequence: u64, retry_after: Option<Duration>, reason: &str) {
        let Some(message) = self.window.get(sequence) else { return };
        let expires = message.event.as_ref().and_then(|event| event.expires);
        let attempts = message.attempts + 1;
        let failed = FailedAttempt { at: now(), attempts, retry_after, expires };
        match failed.next(fastrand::f64()) {
            NextAttempt::At(due) => {
                self.worker.status.retried();
                self.window.postpone(sequence, due, attempts, failed.at);
            }
            NextAttempt::Expired => self.settle_soon(sequence, DeliveryResult::Expired),
            NextAttempt::Exhausted => {
                self.give_up(sequence, format!("no success in {attempts} attempts; the last: {reason}"))
            }
        }
    }

    /// Has the message stored among those that could not be delivered; it is settled then.
    fn give_up(&mut self, sequence: u64, reason: String) {
        let Some(message) = self.window.get(sequence) else { return };
        let undelivered = UndeliveredMessage {
            destination: self.worker.settings.name.clone(),
            reason,
            attempts: message.attempts + 1,
            sequence,
            time: now().to_string(),
            event: message.event.as_ref().map(|event| event.event.clone()).unwrap_or_default(),
        };
        let (connection, output) = (self.connection.clone(), self.worker.output.clone());
        self.tasks.spawn(async move {
            undelivered::publish(&connection, &output, &undelivered).await;
            TaskDone::GivenUp { sequence }
        });
    }

    /// Settles a message that is not sent.
    fn settle_soon(&mut self, sequence: u64, result: DeliveryResult) {
        if let Some(message) = self.window.finish(sequence) {
            self.settled.insert(sequence);
            self.worker.status.count(result);
            tokio::spawn(async move { acknowledge(&message.acker).await });
        }
    }

    async fn finish(&mut self, sequence: u64, result: DeliveryResult) {
        if let Some(message) = self.window.finish(sequence) {
            self.settled.insert(sequence);
            self.worker.status.count(result);
            acknowledge(&message.acker).await;
        }
    }

    /// Tells the server that held messages are not lost, so that it does not deliver them again.
    async fn report_progress(&self) {
        for acker in self.window.ackers() {
            let _ = acker.ack_with(AckKind::Progress).await;
        }
    }
}

/// Waits until it is told to stop, or nobody is left to tell.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// One that is lost is made good when the message comes again.
async fn acknowledge(acker: &jetstream::message::Acker) {
    let _ = acker.ack().await;
}

fn now() -> Timestamp {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
