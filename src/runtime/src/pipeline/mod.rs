//! The pipeline: blocks of lines in, outputs out, on all workers.
//!
//! # The path of a block
//!
//! ```text
//!  block ──► 1 decode ────► 2 order ──────► 3 partition tasks ──► 4 outputs ──► journal, sink
//!            decode.rs      sequencer.rs    partition_task.rs     outputs.rs
//!            read_ahead.rs  event_time.rs   queues per partition
//!            all workers    one thread      all workers           one thread
//! ```
//!
//! 1. **Decode**: the block is divided into slices of whole lines, which are decoded in parallel. A replay decodes the next
//!    block while this one is applied ([`ReadAhead`]).
//! 2. **Order**: in the log's order each event gets its time, its user and the watermark before it, and is queued for the
//!    user's partition. What is linked hands the visitor's state over to the user's partition.
//! 3. **Partition tasks**: each partition applies its queue, and fires its due timers, on one thread at a time.
//! 4. **Outputs**: those of all tasks are appended, and what they counted of growth and goals is added up.
//!
//! Each block passes all stages before the next one is ordered, so outputs depend neither on the size of the blocks nor on
//! the number of partitions or workers. A request to forget a user divides a batch: what precedes it is applied first.
//!
//! # Beside the path
//!
//! `timers` (when timers fire), `forget` and `expiry` (how users are removed), `rules_change`, `growth`, `uplift`; `queries` and `totals`
//! only read. `snapshot` copies the state in parts while processing goes on; `checkpoint` encodes it at once, and `restore`
//! builds a pipeline from what was stored.
//!
//! # What it does not do
//!
//! It reads no files or streams, publishes nothing, and has no clock. What happens to one user's state is decided in
//! `rekindle_core::partition`.

mod beats;
mod checkpoint;
mod decode;
mod event_time;
mod expiry;
mod forget;
mod group_queries;
mod growth;
mod input;
mod meetings;
mod missing_names;
mod observed_names;
mod options;
mod outputs;
mod partition_task;
mod past;
mod queries;
mod rank_takings;
mod read_ahead;
mod recent_history;
mod restore;
mod row_queries;
mod rules_change;
mod search;
mod sequencer;
mod snapshot;
mod takings;
#[cfg(test)]
mod tests;
mod timers;
mod totals;
mod uplift;
mod weight_takings;

use std::sync::Arc;

use crate::log::RecordKind;
use beats::SharedState;
pub(crate) use event_time::resolve as resolve_time;
pub use expiry::ExpiredLink;
pub use forget::ForgottenUser;
pub use input::{InputEntry, Rejection};
pub use missing_names::{MissingName, MissingNameKind, missing_names};
pub use observed_names::ObservedNames;
pub use options::PipelineOptions;
pub use queries::{UserCopy, UserExport};
pub use rank_takings::RankTotals;
pub use read_ahead::{ParallelDecoder, ReadAhead};
pub use recent_history::{RecentHistory, RecentHistoryPart};
use rekindle_core::checkpoint::KnownPast;
use rekindle_core::decode::RejectionReason;
use rekindle_core::event::CallType;
use rekindle_core::goals::UpliftCounts;
use rekindle_core::growth::Rollup;
use rekindle_core::identity::IdentityLinks;
use rekindle_core::partition::{ExecutionPlan, ExpiredUser, Output, Partition, TimerMark};
use rekindle_core::time::Timestamp;
pub use restore::{RestoreError, RestoredPipeline};
pub use row_queries::{RowReport, RowWatcher, WATCHERS_COUNTED_MAX, WATCHERS_NAMED_MAX};
pub use search::{FoundUser, FoundUsers, UserMatch};
use sequencer::DecodedEntries;
pub use snapshot::SnapshotHeader;
use snapshot::SnapshotProgress;
pub use takings::AskedPicks;
pub use totals::{BudgetTotals, PickTotals, PipelineTotals};

/// Batches with fewer operations are applied on the calling thread: distributing them would cost more than it gains.
const PARALLEL_OPERATIONS_MIN: usize = 512;

/// Decoder, links, partitions and watermark of one log.
pub struct Pipeline {
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    decoder: ParallelDecoder,
    links: IdentityLinks,
    partitions: Vec<Partition>,
    /// The greatest time read, of an event or (with [`Clock::Log`](rekindle_core::time::Clock::Log)) of the broker; the
    /// watermark is `max_disorder` before it.
    latest_read: Timestamp,
    /// All timers before it have fired.
    fired: TimerMark,
    /// Batches fire no timers after it, except those of users who have events in the batch.
    timer_limit: TimerMark,
    position: u64,
    /// The number of rules changes, and the greatest time read at the last one.
    rules_changes: (u64, Timestamp),
    /// How far back the state knows the log.
    known: KnownPast,
    /// It reads the log from the first record that there ever was, whenever that was received.
    reads_whole_log: bool,
    /// Outputs of a rules change during a restore, until the next batch.
    pending_outputs: Vec<Output>,
    seen: ObservedNames,
    events: u64,
    by_call: [u64; CallType::ALL.len()],
    rejected: [u64; RejectionReason::CODES.len()],
    from_future: u64,
    placeholder_ids: u64,
    oversized_values: u64,
    forgotten_count: u64,
    /// When the broker received each accepted event of the last batch.
    received: Vec<Timestamp>,
    /// Users that the last batch forgot.
    forgotten: Vec<ForgottenUser>,
    /// Users that expired in the last batch.
    expired: Vec<ExpiredUser>,
    /// Links that expired in the last batch.
    expired_links: Vec<ExpiredLink>,
    /// The number of rounds of partition tasks, from 1.
    round: u64,
    snapshot: SnapshotProgress,
    /// The rollup of the growth numbers; only if the rules define some.
    rollup: Option<Box<Rollup>>,
    /// The counts of goals.
    uplift: Arc<UpliftCounts>,
    /// What users share; only if the rules have budgets, groups, ranks or picks.
    shared: Option<Box<SharedState>>,
    /// What the checkpoint had beside the state that it was restored from.
    recent: RecentHistory,
}

impl Pipeline {
    /// Builds the partitions and starts the workers.
    ///
    /// # Errors
    /// The system refuses to start the threads.
    pub fn new(plan: Arc<ExecutionPlan>, options: PipelineOptions) -> Result<Pipeline, rayon::ThreadPoolBuildError> {
        let partition = |_| {
            let partition = Partition::new(&plan)
                .with_state_ttl(options.state_ttl)
                .with_secret(options.secret.clone())
                .with_decision_steps(options.decision_steps)
                .with_recorded_events(options.recorded_events.clone());
            match options.resident_users {
                Some(resident) => partition.with_resident_users(resident),
                None => partition,
            }
        };
        Ok(Pipeline {
            shared: SharedState::new(&plan.rules),
            rollup: plan.growth.as_ref().map(|growth| Box::new(Rollup::new(growth))),
            decoder: ParallelDecoder::new(options.decoder(&plan.rules), options.workers)?,
            partitions: (0..options.partitions.max(1)).map(partition).collect(),
            plan,
            options,
            links: IdentityLinks::default(),
            latest_read: Timestamp::MIN,
            fired: TimerMark::MIN,
            timer_limit: TimerMark::NEVER,
            position: 0,
            rules_changes: (0, Timestamp::MIN),
            known: KnownPast::default(),
            reads_whole_log: false,
            pending_outputs: Vec::new(),
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
            expired_links: Vec::new(),
            round: 1,
            snapshot: SnapshotProgress::default(),
            uplift: Arc::default(),
            recent: RecentHistory::default(),
        })
    }

    /// Applies some complete lines of a log without a broker; otherwise like [`feed_entries`](Pipeline::feed_entries).
    pub fn feed<'a>(&mut self, lines: &'a [u8], reject: &mut dyn FnMut(Rejection<'a>), out: &mut Vec<Output>) {
        let entry = InputEntry { kind: RecordKind::Events, lines, received: None, is_whole: false };
        self.feed_entries(&[entry], reject, out);
    }

    /// Applies some entries of the log, and fires the timers that became due. Outputs are appended to `out`, in order per
    /// user; rejections are handed to `reject`, in the log's order.
    pub fn feed_entries<'a>(
        &mut self,
        entries: &[InputEntry<'a>],
        reject: &mut dyn FnMut(Rejection<'a>),
        out: &mut Vec<Output>,
    ) {
        self.begin_batch();
        self.note_beginning(entries);
        let (mut rest, mut first) = (entries, 0);
        loop {
            // What precedes a forget request in the log is applied before the user is forgotten.
            let before = rest.iter().take_while(|entry| entry.kind != RecordKind::Forget).count();
            let request = rest.get(before);
            // Between two requests no timer is due that would not be due after them.
            if before > 0 || request.is_none() {
                let entries = &rest[..before];
                let slices = self.decoder.decode_entries(entries);
                self.apply(&DecodedEntries { slices: &slices, entries, first_entry: first }, reject, out);
            }
            let Some(entry) = request else { return };
            self.apply_forget(entry, first + before, reject, out);
            (rest, first) = (&rest[before + 1..], first + before + 1);
        }
    }

    /// What the checkpoint that it was restored from had beside the state, once.
    pub fn take_recent_history(&mut self) -> RecentHistory {
        std::mem::take(&mut self.recent)
    }

    /// The decoder, for reading ahead.
    pub fn decoder(&self) -> ParallelDecoder {
        self.decoder.clone()
    }

    /// Applies lines that this pipeline's [decoder](Pipeline::decoder) has decoded under the rules in force; otherwise like
    /// [`feed`](Pipeline::feed).
    pub fn feed_decoded<'a>(
        &mut self,
        decoded: &ReadAhead<'a>,
        reject: &mut dyn FnMut(Rejection<'a>),
        out: &mut Vec<Output>,
    ) {
        self.begin_batch();
        let entries = DecodedEntries { slices: &decoded.slices, entries: &decoded.entries, first_entry: 0 };
        self.apply(&entries, reject, out);
    }

    /// What the batch before left for its caller is no longer needed.
    fn begin_batch(&mut self) {
        self.received.clear();
        self.forgotten.clear();
        self.expired.clear();
        self.expired_links.clear();
    }

    /// Stages 2 to 4.
    fn apply<'a>(
        &mut self,
        batch: &DecodedEntries<'_, 'a>,
        reject: &mut dyn FnMut(Rejection<'a>),
        out: &mut Vec<Output>,
    ) {
        let (plan, first_position) = (Arc::clone(&self.plan), self.position);
        let mut queues = self.sequence_all(&plan, batch, reject, out);
        let accepted = self.position - first_position;
        let fire_to = TimerMark::through(self.watermark()).min(self.timer_limit);
        self.end_crossed_beats(&plan, &mut queues, fire_to, out);
        self.run_tasks(&plan, queues, fire_to, accepted >= PARALLEL_OPERATIONS_MIN as u64, out);
    }
}
