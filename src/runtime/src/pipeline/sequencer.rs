//! Stage 2, order: one thread goes through the decoded calls in the log's order. It decides each event's time, resolves the
//! user, advances the watermark, and puts the event into the queue of the user's partition.
//!
//! One thread, because the watermark and the links are functions of the order of the whole log. It changes no user's state;
//! that is left to the partition tasks.

use std::borrow::Cow;

use super::decode::DecodedSlice;
use super::meetings::TakenRow;
use super::partition_task::{PartitionOperation, PartitionQueues, SequencedEvent};
use super::{InputEntry, Pipeline, Rejection, event_time};
use rekindle_core::decode::{Decoded, RejectedCall, RejectionReason};
use rekindle_core::event::{Event, Scalar, field_value};
use rekindle_core::partition::{ExecutionPlan, LogInstant, Output, TimerMark};
use rekindle_core::route::partition_of;
use rekindle_core::rules::ruleset::TableId;
use rekindle_core::time::{Clock, Timestamp};

/// Decoded entries without forget requests among them.
pub(super) struct DecodedEntries<'e, 'a> {
    /// The slices that the entries were decoded in, in the log's order.
    pub(super) slices: &'e [DecodedSlice<'a>],
    /// The entries.
    pub(super) entries: &'e [InputEntry<'a>],
    /// The index of the first of them in its batch.
    pub(super) first_entry: usize,
}

/// An event with its time; of a row, the table and the key.
type SequencedCall<'e, 'a> = (&'e Event<'a>, Timestamp, Option<(TableId, Cow<'e, str>)>);

/// The line that is being sequenced.
#[derive(Default)]
struct SequencerCursor {
    entry: usize,
    /// The number of lines of the entry that are done.
    line: u64,
}

impl Pipeline {
    /// Puts every accepted event into its partition's queue, and hands the others to `reject`.
    ///
    /// Outputs arise here only with `state_ttl`, when users expire before an event that could meet them.
    pub(super) fn sequence_all<'e, 'a>(
        &mut self,
        plan: &ExecutionPlan,
        batch: &DecodedEntries<'e, 'a>,
        reject: &mut dyn FnMut(Rejection<'a>),
        out: &mut Vec<Output>,
    ) -> PartitionQueues<'e, 'a> {
        let &DecodedEntries { slices, entries, first_entry } = batch;
        let mut queues = PartitionQueues::new(self.partitions.len());
        let mut at = SequencerCursor::default();
        for slice in slices {
            self.seen.add_slice(&slice.seen, &plan.rules.projection.tracked);
            let (mut first_line, mut first_call) = (0, 0);
            for part in &slice.parts {
                self.go_to_entry(entries, &mut at, part.entry);
                for end in &slice.line_ends[first_line..first_line + part.lines] {
                    for call in &slice.calls[first_call..*end as usize] {
                        match self.accept(plan, call, entries[part.entry].received) {
                            Ok((event, ts, row)) => {
                                self.received.extend(entries[part.entry].received);
                                // The event's own time moves the watermark before it happens to its user.
                                self.latest_read = self.latest_read.max(ts);
                                self.begin_takings();
                                let to = TimerMark::through(self.watermark());
                                self.end_crossed_beats(plan, &mut queues, to, out);
                                if let Some((table, key)) = row {
                                    self.hand_in_row(plan, TakenRow { table, key: &key, event, ts });
                                    self.count_accepted(event);
                                    continue;
                                }
                                self.expire_before(plan, event, ts, &mut queues, out);
                                self.note_crossing(plan, event);
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
        self.go_to_entry(entries, &mut at, entries.len());
        queues
    }

    /// Moves the cursor to another entry. The broker times of the entries before it count from here on.
    fn go_to_entry(&mut self, entries: &[InputEntry<'_>], at: &mut SequencerCursor, next: usize) {
        if next == at.entry {
            return;
        }
        for entry in &entries[at.entry..next] {
            self.note_received(entry);
        }
        *at = SequencerCursor { entry: next, line: 0 };
    }

    /// Advances the greatest time read to an entry's broker time, for everything after the entry.
    pub(super) fn note_received(&mut self, entry: &InputEntry<'_>) {
        if let (Clock::Log, Some(received)) = (self.options.clock, entry.time()) {
            self.latest_read = self.latest_read.max(received);
            self.begin_takings();
        }
    }

    /// The last checks, which need more than the decoder knows: the event's time (semantics §2), and the end of the log; of a row
    /// of a table, its key (§18).
    fn accept<'e, 'a>(
        &mut self,
        plan: &ExecutionPlan,
        call: &'e Decoded<'a>,
        received: Option<Timestamp>,
    ) -> Result<SequencedCall<'e, 'a>, RejectedCall<'a>> {
        let event = call.as_ref().map_err(RejectedCall::clone)?;
        let reject = |reason| RejectedCall { reason, original: event.original };
        let row = row_of(plan, event).map_err(reject)?;
        let resolved = event_time::resolve(&self.options, event, received).map_err(reject)?;
        self.from_future += u64::from(resolved.is_bounded);
        Ok((event, resolved.at, row))
    }

    fn sequence<'e, 'a>(&mut self, event: &'e Event<'a>, ts: Timestamp, queues: &mut PartitionQueues<'e, 'a>) {
        let resolved = self.links.resolve(event);
        let own_id = event.user_id.as_deref().or(event.anonymous_id.as_deref()).unwrap_or_default();
        let user = resolved.linked_user.as_deref().unwrap_or(own_id);
        let visitor = event.anonymous_id.as_deref().filter(|_| resolved.links_visitor);
        self.note_queued(user, visitor);
        let (to, watermark) = (partition_of(user, self.partitions.len()), self.watermark());
        let instant = LogInstant { at: watermark, position: self.position };
        let handover =
            visitor.map(|visitor| queues.detach(partition_of(visitor, self.partitions.len()), visitor, instant));
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
        self.count_accepted(event);
    }

    fn count_accepted(&mut self, event: &Event<'_>) {
        self.position += 1;
        self.events += 1;
        self.by_call[event.call as usize] += 1;
        self.placeholder_ids += u64::from(event.placeholder_ids);
        self.oversized_values += u64::from(event.oversized);
    }
}

/// The table and the key of a row; `None`: it is a user's event.
fn row_of<'e>(plan: &ExecutionPlan, event: &'e Event<'_>) -> Result<Option<(TableId, Cow<'e, str>)>, RejectionReason> {
    let Some(table) = plan.dispatch.table_of(event) else {
        // Other rules that read the same log may take it for a row.
        let is_nobodys = event.user_id.is_none() && event.anonymous_id.is_none();
        let reason = RejectionReason::NoId { placeholders: event.placeholder_ids };
        return if is_nobodys { Err(reason) } else { Ok(None) };
    };
    let definition = &plan.rules.tables[usize::from(table.0)];
    match field_value(&event.fields, definition.key_field).and_then(Scalar::as_key) {
        Some(key) => Ok(Some((table, key))),
        None => Err(RejectionReason::NoKey { key: definition.key.clone() }),
    }
}
