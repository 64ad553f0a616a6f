//! The wiring: bytes in, outputs out, on as many threads as there are workers.
//!
//! A batch of lines goes through in three strides: decode (in parallel), sequence (one thread: the watermark and the
//! links are functions of the whole log's order), apply (in parallel, each partition on one thread at a time). Batches
//! are worked off whole, so nothing of this order shows in what comes out: not the batch size, not the number of
//! partitions or workers. Where a user is forgotten, a batch is cut in two.

mod checkpoint;
mod event_time;
mod expiry;
mod export;
mod forget;
mod observed_names;
mod partition_task;
mod read_ahead;
mod slices;
mod snapshot;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::log::RecordKind;
pub use checkpoint::{RestoreError, RestoredPipeline};
pub(crate) use event_time::timed;
pub use expiry::ExpiredLink;
pub use export::UserExport;
pub use forget::ForgottenUser;
pub use observed_names::{MissingName, MissingNameKind, ObservedNames, unseen};
use partition_task::{PartitionOperation, PartitionQueues, PartitionTask, SequencedEvent, StateHandover};
pub use read_ahead::{ParallelDecoder, ReadAhead};
use rekindle_core::decode::{Decoded, Decoder, PlaceholderIds, RejectedCall, RejectionReason};
use rekindle_core::event::{CallType, Event};
use rekindle_core::growth::{GrowthReport, ObservedEvent, Rollup};
use rekindle_core::identity::IdentityLinks;
use rekindle_core::partition::{ExecutionPlan, ExpiredUser, Output, Partition, PartitionCounters, User, UserReport};
use rekindle_core::route::partition_of;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::{Clock, Span, Timestamp};
use slices::DecodedSlice;
pub use snapshot::SnapshotHeader;
use snapshot::SnapshotProgress;

/// Batches smaller than this are applied on the calling thread: handing them out would cost more than it gains.
const PARALLEL_FROM: usize = 512;

/// How a pipeline is built.
#[derive(Clone, Debug)]
pub struct PipelineOptions {
    /// How many partitions; 64 unless there is a reason.
    pub partitions: usize,
    /// How many worker threads; 0: one per core.
    pub workers: usize,
    /// How late an event may be without counting as late.
    pub max_disorder: Span,
    /// Calls longer than this many bytes are rejected.
    pub max_event_bytes: usize,
    /// Ids that nobody means.
    pub placeholder_ids: PlaceholderIds,
    /// Events after this are rejected; `None`: no end is known.
    pub until: Option<Timestamp>,
    /// What moves time.
    pub clock: Clock,
    /// So many users of a partition are at hand before one is packed into fewer bytes; `None`: as many as is sensible.
    /// Changes nothing but memory and time taken.
    pub users_at_hand: Option<usize>,
    /// A user idle for so long is dropped once nothing is to come by time alone; `None`: never.
    pub state_ttl: Option<Span>,
}

impl PipelineOptions {
    /// Those of them that decide what comes of a log, as text: under others the same log gives other outputs.
    pub fn deciding(&self) -> String {
        let clock = match self.clock {
            Clock::Log => "log",
            Clock::Events => "events",
        };
        let state_ttl = self.state_ttl.unwrap_or(Span(0));
        format!(
            "clock {clock}, max_disorder {}, max_event_bytes {}, state_ttl {state_ttl}, placeholder_ids {}",
            self.max_disorder, self.max_event_bytes, self.placeholder_ids
        )
    }
}

impl PipelineOptions {
    /// What decodes events under these rules.
    pub(crate) fn decoder(&self, rules: &Ruleset) -> Decoder {
        Decoder::new(&rules.projection, self.max_event_bytes).with_placeholder_ids(self.placeholder_ids.clone())
    }

    /// The longest message, or line of a file, that is looked into, in bytes: it may be a batch.
    pub fn max_message_bytes(&self) -> usize {
        Decoder::max_message_bytes(self.max_event_bytes)
    }
}

impl Default for PipelineOptions {
    fn default() -> PipelineOptions {
        PipelineOptions {
            partitions: 64,
            workers: 0,
            max_disorder: Span(5_000),
            max_event_bytes: 1 << 20,
            placeholder_ids: PlaceholderIds::default(),
            until: None,
            clock: Clock::Log,
            state_ttl: None,
            users_at_hand: None,
        }
    }
}

/// Everything counted so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineTotals {
    /// Events accepted by the decoder, duplicates included.
    pub events: u64,
    /// The same by call, as in [`CallType::ALL`].
    pub by_call: [u64; CallType::ALL.len()],
    /// Rejections by reason, as in [`RejectionReason::CODES`].
    pub rejected: [u64; RejectionReason::CODES.len()],
    /// Accepted events whose own time was beyond the broker's, and was replaced by it.
    pub from_future: u64,
    /// Ids such as nobody means, which were taken for missing, of accepted events and of those that had no other.
    pub placeholder_ids: u64,
    /// Values of accepted events that the rules read and that were too large to be kept: they count as missing.
    #[serde(default)]
    pub oversized_values: u64,
    /// What the partitions counted.
    pub counts: PartitionCounters,
    /// Users with state.
    pub users: u64,
    /// Visitors linked to users.
    pub links: u64,
    /// Users and visitors forgotten because a message of the log said so, since the log's beginning.
    pub forgotten: u64,
    /// Which events, properties and traits there were.
    #[serde(default)]
    pub seen: ObservedNames,
}

impl PipelineTotals {
    /// Counts on from what was counted before a pipeline was restored. Users, links and sizes of segments are those of
    /// now, and who was forgotten is counted since the log's beginning.
    pub fn add_before(&mut self, before: &PipelineTotals) {
        self.events += before.events;
        self.from_future += before.from_future;
        self.placeholder_ids += before.placeholder_ids;
        self.oversized_values += before.oversized_values;
        let add_each = |ours: &mut [u64], theirs: &[u64]| ours.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        add_each(&mut self.by_call, &before.by_call);
        add_each(&mut self.rejected, &before.rejected);
        let sizes = std::mem::take(&mut self.counts.sizes);
        self.counts.add(&before.counts);
        self.counts.sizes = sizes;
        self.seen.add_before(&before.seen);
    }
}

/// Decoder, links, partitions and watermark of one log.
pub struct Pipeline {
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    decoding: ParallelDecoder,
    links: IdentityLinks,
    partitions: Vec<Partition>,
    /// The latest time read, of an event or (with [`Clock::Log`]) of the broker; the watermark lies `max_disorder`
    /// before it.
    latest_read: Timestamp,
    /// What was due at or before it has fired, for everyone.
    fired: Timestamp,
    /// Batches fire nothing by time alone that is due after it, but for users of whom they have events.
    hold: Timestamp,
    position: u64,
    /// How often other rules took effect, and the latest time that had been read when they did last.
    rules_changes: (u64, Timestamp),
    /// What rules other than those of its checkpoint came to, until somebody asks.
    pending: Vec<Output>,
    seen: ObservedNames,
    events: u64,
    by_call: [u64; CallType::ALL.len()],
    rejected: [u64; RejectionReason::CODES.len()],
    from_future: u64,
    placeholder_ids: u64,
    oversized_values: u64,
    forgotten_count: u64,
    /// Of the last batch: when the broker received each accepted event.
    received: Vec<Timestamp>,
    /// Of the last batch.
    forgotten: Vec<ForgottenUser>,
    /// Of the last batch.
    expired: Vec<ExpiredUser>,
    /// Of the last batch.
    unlinked: Vec<ExpiredLink>,
    /// Counts how often what was put in line was worked off, from 1.
    round: u64,
    cutting: SnapshotProgress,
    /// The rollup of the growth numbers; only if the rules ask for them.
    rollup: Option<Box<Rollup>>,
}

/// A message of the log, or some of its lines.
#[derive(Clone, Copy, Debug)]
pub struct InputEntry<'a> {
    /// What it is.
    pub kind: RecordKind,
    /// Whole lines; none in a tick.
    pub lines: &'a [u8],
    /// When the broker received them; `None`: the log has no broker.
    pub received: Option<Timestamp>,
    /// It is a whole message, or a whole document of a file: several lines may be one JSON document, if they are not JSON
    /// lines each.
    pub is_whole: bool,
}

/// A rejected line (or call of a batch envelope), by its place in the batch it came in.
#[derive(Debug)]
pub struct Rejection<'a> {
    /// Index of the entry in its batch.
    pub entry: usize,
    /// Index of the line in its entry, from 0.
    pub line: u64,
    /// Why, and what stood there.
    pub rejected: RejectedCall<'a>,
}

/// How far a batch has been sequenced.
#[derive(Default)]
struct SequencerCursor {
    entry: usize,
    /// Lines of the entry gone through.
    line: u64,
}

impl Pipeline {
    /// Builds the partitions and starts the workers.
    ///
    /// # Errors
    /// The system refuses to start the threads.
    pub fn new(plan: Arc<ExecutionPlan>, options: PipelineOptions) -> Result<Pipeline, rayon::ThreadPoolBuildError> {
        let decoder = options.decoder(&plan.rules);
        let partition = |_| {
            let partition = Partition::new(&plan).with_state_ttl(options.state_ttl);
            match options.users_at_hand {
                Some(at_hand) => partition.with_resident_users(at_hand),
                None => partition,
            }
        };
        let partitions = (0..options.partitions.max(1)).map(partition).collect();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.workers)
            .thread_name(|index| format!("worker-{index}"))
            .build()?;
        let rollup = plan.growth.as_ref().map(|growth| Box::new(Rollup::new(growth)));
        Ok(Pipeline {
            rollup,
            plan,
            options,
            decoding: ParallelDecoder::new(decoder, pool),
            links: IdentityLinks::default(),
            partitions,
            latest_read: Timestamp::MIN,
            fired: Timestamp::MIN,
            hold: Timestamp::NEVER,
            position: 0,
            rules_changes: (0, Timestamp::MIN),
            pending: Vec::new(),
            seen: ObservedNames::default(),
            events: 0,
            by_call: [0; CallType::ALL.len()],
            rejected: [0; RejectionReason::CODES.len()],
            from_future: 0,
            placeholder_ids: 0,
            oversized_values: 0,
            forgotten_count: 0,
            received: Vec::new(),
            forgotten: Vec::new(),
            expired: Vec::new(),
            unlinked: Vec::new(),
            round: 1,
            cutting: SnapshotProgress::default(),
        })
    }

    /// The rules it runs.
    pub fn plan(&self) -> &Arc<ExecutionPlan> {
        &self.plan
    }

    /// The log's watermark: the latest time read, less `max_disorder`. No output to come is due before it.
    pub fn watermark(&self) -> Timestamp {
        self.latest_read - self.options.max_disorder
    }

    /// What was due at or before this instant has fired, for everyone: the watermark, unless it is held.
    pub fn fired(&self) -> Timestamp {
        self.fired
    }

    /// From here on batches fire nothing by time alone that is due after `until`, but for users of whom they have events:
    /// that is left to [`fire`](Pipeline::fire).
    pub fn hold_time(&mut self, until: Timestamp) {
        self.hold = until;
    }

    /// An instant no later than the watermark by which about `most` wake-ups are due, or those of one instant.
    pub fn next_stop(&mut self, most: usize) -> Timestamp {
        let (watermark, each) = (self.watermark(), most / self.partitions.len());
        let stops = self.partitions.iter_mut().map(|partition| partition.next_stop(watermark, each.max(1)));
        stops.min().unwrap_or(watermark)
    }

    /// Fires what is due at or before `to`, which the log has reached.
    pub fn fire(&mut self, to: Timestamp, out: &mut Vec<Output>) {
        self.received.clear();
        self.begin_batch();
        let plan = Arc::clone(&self.plan);
        self.apply(&plan, PartitionQueues::new(self.partitions.len()), (to, true), out);
    }

    /// Takes in some whole lines of a log without a broker; else like [`feed_entries`](Pipeline::feed_entries).
    pub fn feed<'a>(&mut self, lines: &'a [u8], reject: &mut dyn FnMut(Rejection<'a>), out: &mut Vec<Output>) {
        self.feed_entries(
            &[InputEntry { kind: RecordKind::Events, lines, received: None, is_whole: false }],
            reject,
            out,
        );
    }

    /// Decodes lines before it is their turn.
    pub fn decoding(&self) -> ParallelDecoder {
        self.decoding.clone()
    }

    /// Takes in lines that were decoded ahead, by [`ParallelDecoder`] of this pipeline under the rules it has now; else like
    /// [`feed`](Pipeline::feed).
    pub fn feed_ahead<'a>(
        &mut self,
        ahead: &ReadAhead<'a>,
        reject: &mut dyn FnMut(Rejection<'a>),
        out: &mut Vec<Output>,
    ) {
        self.received.clear();
        self.begin_batch();
        self.feed_slices(&ahead.slices, &[ahead.entry], 0, reject, out);
    }

    /// Takes in some entries of the log, applies what they hold, and fires what has become due. Outputs are appended to
    /// `out` in order per user; rejections are handed to `reject` in the order of the log.
    pub fn feed_entries<'a>(
        &mut self,
        entries: &[InputEntry<'a>],
        reject: &mut dyn FnMut(Rejection<'a>),
        out: &mut Vec<Output>,
    ) {
        self.received.clear();
        self.begin_batch();
        let (mut rest, mut first) = (entries, 0);
        loop {
            // What stands before it in the log is worked off before a user is forgotten.
            let before = rest.iter().take_while(|entry| entry.kind != RecordKind::Forget).count();
            let request = rest.get(before);
            // Between two requests nothing is due that would not be due behind them.
            if before > 0 || request.is_none() {
                self.feed_events(&rest[..before], first, reject, out);
            }
            let Some(entry) = request else { return };
            self.take_forget(entry, first + before, reject, out);
            (rest, first) = (&rest[before + 1..], first + before + 1);
        }
    }

    /// Nothing of the batch before is told of any more.
    fn begin_batch(&mut self) {
        self.forgotten.clear();
        self.expired.clear();
        self.unlinked.clear();
    }

    /// Takes in entries that nobody is forgotten by; `first_entry` is the first one's index in the batch.
    fn feed_events<'a>(
        &mut self,
        entries: &[InputEntry<'a>],
        first_entry: usize,
        reject: &mut dyn FnMut(Rejection<'a>),
        out: &mut Vec<Output>,
    ) {
        let slices = self.decoding.slices(entries);
        self.feed_slices(&slices, entries, first_entry, reject, out);
    }

    fn feed_slices<'a>(
        &mut self,
        slices: &[DecodedSlice<'a>],
        entries: &[InputEntry<'a>],
        first_entry: usize,
        reject: &mut dyn FnMut(Rejection<'a>),
        out: &mut Vec<Output>,
    ) {
        let plan = Arc::clone(&self.plan);
        let mut queues = PartitionQueues::new(self.partitions.len());
        let mut at = SequencerCursor::default();
        let first_position = self.position;
        for slice in slices {
            self.seen.add_slice(&slice.seen, &plan.rules.projection.tracked);
            let (mut first_line, mut first_call) = (0, 0);
            for part in &slice.parts {
                self.move_on(entries, &mut at, part.entry);
                for end in &slice.line_ends[first_line..first_line + part.lines] {
                    for call in &slice.calls[first_call..*end as usize] {
                        match self.accept(call, entries[part.entry].received) {
                            Ok((event, ts)) => {
                                self.received.extend(entries[part.entry].received);
                                self.settle_links(&plan, (event, ts), &mut queues, out);
                                self.sequence(event, ts, &mut queues);
                            }
                            Err(rejected) => {
                                self.rejected[rejected.reason.index()] += 1;
                                self.placeholder_ids += u64::from(rejected.reason.placeholder_ids());
                                reject(Rejection { entry: first_entry + part.entry, line: at.line, rejected });
                            }
                        }
                    }
                    first_call = *end as usize;
                    at.line += 1;
                }
                first_line += part.lines;
            }
        }
        self.move_on(entries, &mut at, entries.len());
        let accepted = self.position - first_position;
        let to = self.watermark().min(self.hold);
        self.apply(&plan, queues, (to, accepted >= PARALLEL_FROM as u64), out);
    }

    /// All that is known of a user at the instant up to which time has [fired](Pipeline::fired); `None`: nothing, or it was a visitor who is somebody now.
    pub fn report(&self, user: &str) -> Option<UserReport> {
        self.partitions[partition_of(user, self.partitions.len())].report(&self.plan, user, self.fired)
    }

    /// A user's state.
    pub fn user(&self, user: &str) -> Option<Cow<'_, User>> {
        self.partitions[partition_of(user, self.partitions.len())].user(user)
    }

    /// How many wake-ups are pending; a user may have several, of which all but one are stale.
    pub fn pending_timers(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.pending_timers() as u64).sum()
    }

    /// Merges the deltas of the last batch into the rollup.
    fn merge_growth(&mut self, plan: &ExecutionPlan) {
        if let (Some(growth), Some(rollup)) = (&plan.growth, &mut self.rollup) {
            rollup.merge(growth, self.partitions.iter_mut().map(Partition::growth_deltas));
            rollup.compact(growth.today(self.latest_read - self.options.max_disorder));
        }
    }

    /// The growth report as of the watermark, or of a later moment; `None`: the rules ask for none, or nothing was read yet.
    pub fn growth(&self, as_of: Option<Timestamp>) -> Option<GrowthReport> {
        let watermark = self.watermark();
        let as_of = as_of.map_or(watermark, |as_of| as_of.max(watermark));
        let (growth, rollup) = (self.plan.growth.as_ref()?, self.rollup.as_ref()?);
        (as_of > Timestamp::MIN).then(|| GrowthReport::new(growth, rollup, as_of))
    }

    /// Keeps every event that is applied to the growth state from here on, until
    /// [`take_observed_growth`](Pipeline::take_observed_growth).
    pub fn observe_growth(&mut self) {
        self.partitions.iter_mut().for_each(|partition| partition.growth_deltas().observe_events());
    }

    /// Takes the events that were observed since, in log order.
    pub fn take_observed_growth(&mut self) -> Vec<ObservedEvent> {
        let partitions = self.partitions.iter_mut();
        let mut observed: Vec<_> = partitions.flat_map(|partition| partition.growth_deltas().take_observed()).collect();
        observed.sort_unstable_by_key(|event| event.position);
        observed
    }

    /// The bytes that the links of visitors take.
    pub fn links_bytes(&self) -> u64 {
        self.links.heap_bytes() as u64
    }

    /// The user that a visitor is known to be.
    pub fn linked_user(&self, visitor: &str) -> Option<&Arc<str>> {
        self.links.user_of(visitor)
    }

    /// The partitions.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Everyone with state, in no particular order.
    pub fn users(&self) -> impl Iterator<Item = Cow<'_, User>> {
        self.partitions.iter().flat_map(Partition::users)
    }

    /// The position in the log of accepted events: how many were accepted so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// When the broker received each event accepted by the last call of [`feed_entries`](Pipeline::feed_entries): the
    /// last is that of the event at `position() - 1`. Empty where there is no broker.
    pub fn received(&self) -> &[Timestamp] {
        &self.received
    }

    /// Leaves behind every entry before `next`: what the broker said of their time counts from here on.
    fn move_on(&mut self, entries: &[InputEntry<'_>], at: &mut SequencerCursor, next: usize) {
        if next == at.entry {
            return;
        }
        for entry in &entries[at.entry..next] {
            self.note_received(entry);
        }
        *at = SequencerCursor { entry: next, line: 0 };
    }

    /// What the broker said of an entry's time counts for all that comes behind it.
    fn note_received(&mut self, entry: &InputEntry<'_>) {
        if let (Clock::Log, Some(received)) = (self.options.clock, entry.received) {
            self.latest_read = self.latest_read.max(received);
        }
    }

    /// Counts a line too long to be read whole; it is in no block that is fed.
    pub fn count_oversized(&mut self, reason: &RejectionReason) {
        self.rejected[reason.index()] += 1;
    }

    /// Moves time on to `to` for everyone: what is due at or before it fires.
    pub fn advance_to(&mut self, to: Timestamp, out: &mut Vec<Output>) {
        self.move_time_to(to);
        self.fire(self.watermark(), out);
    }

    /// Moves the watermark on to `to`. What is due by then is left to [`fire`](Pipeline::fire).
    pub fn move_time_to(&mut self, to: Timestamp) {
        self.latest_read = self.latest_read.max(to + self.options.max_disorder);
    }

    /// Everything counted so far.
    pub fn totals(&self) -> PipelineTotals {
        let mut counts = PartitionCounters::new(&self.plan.rules);
        for partition in &self.partitions {
            counts.add(partition.counts());
        }
        PipelineTotals {
            events: self.events,
            by_call: self.by_call,
            rejected: self.rejected,
            from_future: self.from_future,
            placeholder_ids: self.placeholder_ids,
            oversized_values: self.oversized_values,
            counts,
            users: self.partitions.iter().map(|partition| partition.len() as u64).sum(),
            links: self.links.len() as u64,
            forgotten: self.forgotten_count,
            seen: self.seen.clone(),
        }
    }

    /// The last checks, which know more than the decoder: the event's time (semantics §2), and the end of the log.
    fn accept<'e, 'a>(
        &mut self,
        call: &'e Decoded<'a>,
        received: Option<Timestamp>,
    ) -> Result<(&'e Event<'a>, Timestamp), RejectedCall<'a>> {
        let event = call.as_ref().map_err(RejectedCall::clone)?;
        let reject = |reason| RejectedCall { reason, original: event.original };
        let timed = event_time::timed(&self.options, event, received).map_err(reject)?;
        self.from_future += u64::from(timed.is_bounded);
        Ok((event, timed.at))
    }

    fn sequence<'e, 'a>(&mut self, event: &'e Event<'a>, ts: Timestamp, queues: &mut PartitionQueues<'e, 'a>) {
        let resolved = self.links.resolve(event);
        let own_id = event.user_id.as_deref().or(event.anonymous_id.as_deref()).unwrap_or_default();
        let user = resolved.linked_user.as_deref().unwrap_or(own_id);
        let visitor = event.anonymous_id.as_deref().filter(|_| resolved.links_visitor);
        self.note_in_line(user, visitor);
        let handover = visitor.map(|visitor| queues.detach(partition_of(visitor, self.partitions.len()), visitor));
        let (to, watermark) = (partition_of(user, self.partitions.len()), self.watermark());
        queues.push(
            to,
            PartitionOperation::Event(SequencedEvent {
                event,
                linked_user: resolved.linked_user,
                own_id,
                ts,
                watermark,
                position: self.position,
                handover,
            }),
        );
        self.latest_read = self.latest_read.max(ts);
        self.position += 1;
        self.events += 1;
        self.by_call[event.call as usize] += 1;
        self.placeholder_ids += u64::from(event.placeholder_ids);
        self.oversized_values += u64::from(event.oversized);
    }

    /// Runs every partition's queue to its end, then fires what is due at or before `to`. A queue that needs a visitor whom another
    /// partition has not handed over yet pauses until the next round. There always is a next step somewhere: what
    /// stands first in the log waits for nothing.
    fn apply<'e, 'a>(
        &mut self,
        plan: &ExecutionPlan,
        queues: PartitionQueues<'e, 'a>,
        (to, in_parallel): (Timestamp, bool),
        out: &mut Vec<Output>,
    ) {
        out.append(&mut self.pending);
        let position = self.position;
        self.fired = self.fired.max(to);
        self.round += 1;
        let (queues, handovers) = queues.into_parts();
        let handovers: Vec<StateHandover> = (0..handovers).map(|_| StateHandover::default()).collect();
        let mut lanes: Vec<PartitionTask<'_, 'e, 'a>> = self
            .partitions
            .iter_mut()
            .zip(queues)
            .map(|(partition, queue)| PartitionTask::new(partition, queue))
            .collect();
        let in_parallel = in_parallel && self.decoding.workers() > 1;
        while lanes.iter().any(|lane| !lane.is_done()) {
            let run = |lane: &mut PartitionTask<'_, 'e, 'a>| lane.run(plan, &handovers, to, position);
            if in_parallel {
                self.decoding.install(|| lanes.par_iter_mut().for_each(run));
            } else {
                lanes.iter_mut().for_each(run);
            }
        }
        let first = out.len();
        for lane in lanes {
            out.extend(lane.into_outputs());
        }
        self.collect_expired();
        self.merge_growth(plan);
        // A visitor's last outputs come from the partition of the user it became, which may stand before its own.
        if !handovers.is_empty() {
            out[first..].sort_by_key(|output| output.position);
        }
    }
}
