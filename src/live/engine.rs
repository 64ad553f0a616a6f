//! The engine's thread: takes batches in, hands emissions on, and answers questions in between.
//!
//! It owns the [`Pipeline`]; nobody else touches it. When the sink is slow it waits, taking no more in (so the source
//! stops asking for more), but goes on answering.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::state_bytes::StateBytes;
use super::view::View;
use super::{Shared, Stats};
use crate::partition::{Output, Plan, UserReport};
use crate::pipeline::{Entry, Pipeline};
use crate::sink::emission::{Emission, Emitted, Letter, Reloaded};
use crate::source::message::Batch;

/// How many messages that came in together are worked on at once.
const MESSAGES_MAX: usize = 20_000;

/// How old the published statistics may become.
const STATS_EVERY: Duration = Duration::from_millis(200);

/// Something somebody wants of the engine.
#[derive(Debug)]
pub(super) enum Request {
    /// All that is known of a user.
    Describe {
        /// The user.
        user: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Option<UserReport>>,
    },
    /// Other rules, from here on.
    ChangeRules {
        /// The rules.
        plan: Arc<Plan>,
        /// Where to say that it is done.
        reply: oneshot::Sender<Reloaded>,
    },
}

/// What the thread owns.
pub(super) struct Engine {
    pipeline: Pipeline,
    shared: Arc<Shared>,
    batches: mpsc::Receiver<Batch>,
    requests: mpsc::Receiver<Request>,
    emissions: mpsc::Sender<Emission>,
    /// Requests that came while the sink had no room, and must wait for it.
    waiting: VecDeque<Request>,
    stats_published: Instant,
    bytes: StateBytes,
}

/// What to do next.
enum Next {
    Take(Batch),
    Answer(Request),
    PublishStats,
    End,
}

/// Nobody takes what the engine emits any more.
struct SinkGone;

impl Engine {
    pub(super) fn new(
        pipeline: Pipeline,
        shared: Arc<Shared>,
        batches: mpsc::Receiver<Batch>,
        requests: mpsc::Receiver<Request>,
        emissions: mpsc::Sender<Emission>,
    ) -> Engine {
        Engine {
            pipeline,
            shared,
            batches,
            requests,
            emissions,
            waiting: VecDeque::new(),
            stats_published: Instant::now(),
            bytes: StateBytes::default(),
        }
    }

    /// Works until the source has ended and all of it is done, or until the sink is gone.
    pub(super) fn run(mut self, runtime: &tokio::runtime::Handle) {
        self.publish_stats();
        loop {
            let done = match runtime.block_on(self.next()) {
                Next::Take(batch) => {
                    let emission = self.take(batch);
                    runtime.block_on(self.emit(emission))
                }
                Next::Answer(request) => self.answer(request, runtime),
                Next::PublishStats => Ok(()),
                Next::End => break,
            };
            if done.is_err() {
                break;
            }
            if self.stats_published.elapsed() >= STATS_EVERY {
                self.publish_stats();
            }
        }
        self.publish_stats();
    }

    async fn next(&mut self) -> Next {
        if let Some(request) = self.waiting.pop_front() {
            return Next::Answer(request);
        }
        tokio::select! {
            biased;
            Some(request) = self.requests.recv() => Next::Answer(request),
            batch = self.batches.recv() => batch.map_or(Next::End, Next::Take),
            () = tokio::time::sleep(STATS_EVERY) => Next::PublishStats,
        }
    }

    /// Hands an emission on. While the sink has no room, users are described all the same.
    async fn emit(&mut self, emission: Emission) -> Result<(), SinkGone> {
        loop {
            tokio::select! {
                biased;
                permit = self.emissions.reserve() => {
                    permit.map_err(|_| SinkGone)?.send(emission);
                    return Ok(());
                }
                Some(request) = self.requests.recv() => match request {
                    Request::Describe { user, reply } => self.describe(&user, reply),
                    request @ Request::ChangeRules { .. } => self.waiting.push_back(request),
                },
            }
        }
    }

    /// Everything that a batch, and what came in behind it meanwhile, comes to.
    fn take(&mut self, mut batch: Batch) -> Emission {
        while batch.len() < MESSAGES_MAX
            && let Ok(more) = self.batches.try_recv()
        {
            batch.extend(more);
        }
        let entries: Vec<Entry<'_>> =
            batch.iter().map(|message| Entry { lines: &message.lines, received: Some(message.received) }).collect();
        let first_position = self.pipeline.position();
        let (mut outputs, mut letters) = (Vec::new(), Vec::new());
        let mut reject = |letter: crate::pipeline::DeadLetter<'_>| {
            letters.push(Letter {
                sequence: batch[letter.entry].sequence,
                line: letter.line + 1,
                reason: letter.rejected.reason,
                original: letter.rejected.original.to_vec(),
            });
        };
        self.pipeline.feed_entries(&entries, &mut reject, &mut outputs);
        let plan = Arc::clone(self.pipeline.plan());
        self.shared.view().follow(&outputs);
        self.shared.recent.note(&plan, &outputs);
        let received = self.pipeline.received().to_vec();
        Emission::Batch(Emitted { plan, outputs, letters, first_position, received })
    }

    fn answer(&mut self, request: Request, runtime: &tokio::runtime::Handle) -> Result<(), SinkGone> {
        match request {
            Request::Describe { user, reply } => self.describe(&user, reply),
            Request::ChangeRules { plan, reply } => {
                let (reloaded, outputs) = self.change_rules(Arc::clone(&plan));
                runtime.block_on(self.emit(Emission::Reloaded(reloaded.clone())))?;
                let (first_position, received) = (self.pipeline.position(), Vec::new());
                let emitted = Emitted { plan, outputs, letters: Vec::new(), first_position, received };
                runtime.block_on(self.emit(Emission::Batch(emitted)))?;
                // Whoever asked may have gone; that is nobody's loss.
                let _ = reply.send(reloaded);
            }
        }
        Ok(())
    }

    fn describe(&self, user: &str, reply: oneshot::Sender<Option<UserReport>>) {
        let _ = reply.send(self.pipeline.report(user));
    }

    /// Between two batches, and so between two events.
    fn change_rules(&mut self, plan: Arc<Plan>) -> (Reloaded, Vec<Output>) {
        let previous = self.pipeline.plan().rules.version.clone();
        let reloaded = Reloaded { at: self.pipeline.watermark(), rules: plan.rules.version.clone(), previous };
        let mut outputs = Vec::new();
        self.pipeline.change_rules(Arc::clone(&plan), &mut outputs);
        self.shared.recent.note(&plan, &outputs);
        self.shared.replace_view(View::new(plan, self.pipeline.users()));
        self.bytes = StateBytes::default();
        self.publish_stats();
        (reloaded, outputs)
    }

    fn publish_stats(&mut self) {
        self.bytes.count_on(&self.pipeline);
        self.shared.publish(Stats {
            plan: Arc::clone(self.pipeline.plan()),
            totals: self.pipeline.totals(),
            watermark: self.pipeline.watermark(),
            pending_timers: self.pipeline.pending_timers(),
            state_bytes: self.bytes.total(),
            queued_batches: self.batches.len(),
            queued_emissions: self.emissions.max_capacity() - self.emissions.capacity(),
        });
        self.stats_published = Instant::now();
    }
}
