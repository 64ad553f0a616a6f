//! The loop of a destination.
//!
//! It takes in messages while the [window](crate::window) has room, starts requests while the rate, the circuit and the number in
//! flight allow it, and has what became of them settled. Requests, and everything else that waits, run in tasks; all state
//! belongs to the loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::LastRawMessageErrorKind;
use async_nats::jetstream::{self, AckKind};
use rekindle_core::time::Timestamp;
use rekindle_nats::NatsConnection;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, warn};

use super::{DestinationWorker, stopped};
use crate::answer::ReceiverAnswer;
use crate::circuit::CircuitBreaker;
use crate::client::SendError;
use crate::event::DeliverableEvent;
use crate::rate::RequestRate;
use crate::request::RequestError;
use crate::schedule::attempts_by_age;
use crate::settled::SettledSequences;
use crate::status::DeliveryResult;
use crate::stream::{ACK_WAIT, DeliveryMessages, DeliveryStream};
use crate::window::{DeliveryWindow, WindowMessage};

/// How often the server hears of messages that are held; well before [`ACK_WAIT`].
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// How long messages that an earlier process had are waited for, before others are sent.
const UNSETTLED_WAIT: Duration = ACK_WAIT.saturating_add(Duration::from_secs(5));
/// The loop looks around at least this often.
const IDLE: Duration = Duration::from_secs(1);
/// How many messages are read again at a time.
const READS_MAX: usize = 32;

/// The state of the loop.
pub(super) struct Delivery {
    pub(super) worker: DestinationWorker,
    pub(super) connection: NatsConnection,
    stream: DeliveryStream,
    pub(super) window: DeliveryWindow<jetstream::message::Acker>,
    pub(super) settled: SettledSequences,
    pub(super) rate: RequestRate,
    pub(super) circuit: CircuitBreaker,
    pub(super) tasks: JoinSet<TaskDone>,
    pub(super) requests: usize,
    /// Messages that are being read again.
    pub(super) reads: usize,
    /// Messages of an earlier process that have not come yet: until they have, the order of users is not known.
    unsettled: usize,
    unsettled_until: Instant,
    is_stopping: bool,
}

/// What a task did.
pub(super) enum TaskDone {
    /// A request was answered, or not.
    Request { sequences: Vec<u64>, answer: Result<ReceiverAnswer, SendError>, took: Duration },
    /// The event of a message was read again; `None`: it is gone.
    ReadAgain { sequence: u64, event: Option<DeliverableEvent> },
    /// A message is in the stream of those that could not be delivered.
    GivenUp { sequence: u64, reason: String },
    /// The log knows what became of a message.
    Reported { sequence: u64, result: DeliveryResult },
}

impl Delivery {
    pub(super) fn new(worker: DestinationWorker, connection: NatsConnection, stream: DeliveryStream) -> Delivery {
        let now = Instant::now();
        Delivery {
            rate: RequestRate::new(worker.settings.rate, now),
            unsettled: stream.unsettled,
            unsettled_until: now + UNSETTLED_WAIT,
            worker,
            connection,
            stream,
            window: DeliveryWindow::default(),
            settled: SettledSequences::default(),
            circuit: CircuitBreaker::default(),
            tasks: JoinSet::new(),
            requests: 0,
            reads: 0,
            is_stopping: false,
        }
    }

    pub(super) async fn run(
        mut self,
        mut messages: DeliveryMessages,
        mut stop: watch::Receiver<bool>,
        deadline: Duration,
    ) {
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
        let time = now();
        // Of those that an earlier process had it is not known how often they were sent.
        let attempts = if delivered > 1 && self.unsettled > 0 && self.window.get(sequence).is_none() {
            self.unsettled -= 1;
            attempts_by_age(Duration::from_millis(u64::try_from(time.0 - stored.0).unwrap_or(0)))
        } else {
            0
        };
        let lane = event.user.clone().unwrap_or_else(|| event.id.clone());
        let (bytes, due) = (message.payload.len(), stored.min(time));
        let event = Some(event);
        let message = WindowMessage { event, lane, attempts, stored, due, is_alone: false, bytes, acker };
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
            is_alone = message.is_alone;
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

    /// Tells the server that held messages are not lost, so that it does not deliver them again.
    async fn report_progress(&self) {
        for acker in self.window.ackers() {
            let _ = acker.ack_with(AckKind::Progress).await;
        }
    }
}

/// One that is lost is made good when the message comes again.
pub(super) async fn acknowledge(acker: &jetstream::message::Acker) {
    let _ = acker.ack().await;
}

pub(super) fn now() -> Timestamp {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
