//! Time in a pipeline: the watermark, and when due timers fire.
//!
//! Timers fire at the end of a batch, up to the watermark; or up to a limit, where the caller fires the rest in steps of its
//! own. When they fire changes no output, only how many come at once.

use std::sync::Arc;

use super::Pipeline;
use super::partition_task::PartitionQueues;
use rekindle_core::partition::{Output, TimerMark};
use rekindle_core::time::Timestamp;

impl Pipeline {
    /// The log's watermark: the greatest time read, less `max_disorder`. No output that is still to come is due before it.
    pub fn watermark(&self) -> Timestamp {
        self.latest_read - self.options.max_disorder
    }

    /// All timers due at or before this instant have fired: the watermark, unless timers are [limited](Pipeline::limit_timers).
    pub fn fired(&self) -> Timestamp {
        self.fired.instant
    }

    /// All timers before this mark have fired: perhaps also some due right after [`fired`](Pipeline::fired).
    pub fn timer_mark(&self) -> TimerMark {
        self.fired
    }

    /// From here on batches fire no timers after `limit`, except those of users who have events in the batch.
    /// The rest is left to [`fire_timers`](Pipeline::fire_timers).
    pub fn limit_timers(&mut self, limit: TimerMark) {
        self.timer_limit = limit;
    }

    /// A mark no later than the watermark before which lie about `max_timers` timers, or fewer.
    pub fn next_timer_step(&mut self, max_timers: usize) -> TimerMark {
        let (until, each) = (TimerMark::through(self.watermark()), max_timers / self.partitions.len());
        let stops = self.partitions.iter_mut().map(|partition| partition.next_stop(until, each.max(1)));
        stops.min().unwrap_or(until)
    }

    /// Fires the timers before `to`, which the watermark has reached.
    pub fn fire_timers(&mut self, to: TimerMark, out: &mut Vec<Output>) {
        self.begin_batch();
        let plan = Arc::clone(&self.plan);
        let mut queues = PartitionQueues::new(self.partitions.len());
        self.end_crossed_beats(&plan, &mut queues, to, out);
        self.run_tasks(&plan, queues, to, true, out);
    }

    /// Advances the watermark to `to`, and fires all timers due by then.
    pub fn advance_to(&mut self, to: Timestamp, out: &mut Vec<Output>) {
        self.advance_watermark(to);
        self.fire_timers(TimerMark::through(self.watermark()), out);
        if self.options.until == Some(to) {
            self.end_log(out);
        }
    }

    /// The log ends at the watermark: beats end one after another until nothing is left to answer.
    pub fn end_log(&mut self, out: &mut Vec<Output>) {
        let plan = Arc::clone(&self.plan);
        self.end_last_beats(&plan, self.watermark(), out);
    }

    /// Advances the watermark to `to`, and leaves the timers due by then to [`fire_timers`](Pipeline::fire_timers).
    pub fn advance_watermark(&mut self, to: Timestamp) {
        self.latest_read = self.latest_read.max(to + self.options.max_disorder);
        self.begin_takings();
    }

    /// The number of pending timers; a user may have several, of which all but one are stale.
    pub fn pending_timers(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.pending_timers() as u64).sum()
    }
}
