//! The bytes of users' state, counted by the allocator.

use std::sync::Arc;

use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::Pipeline;
use serde::Serialize;

use super::input::EventBlocks;
use super::passes::{Journal, feed, pipeline};
use crate::error::Error;
use crate::table::grouped;
use crate::{counting, process};

/// When idle users were last seen.
pub(crate) const SEEN: Timestamp = Timestamp(1_772_409_600_000);
/// How long ago that is: longer than any window of the rules they are measured with.
const AWAY: Span = Span(90 * 86_400_000);

/// The size of the state.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct StateSize {
    pub(crate) users: u64,
    /// All bytes of the engine in the end, by the allocator's count.
    pub(super) bytes: u64,
    pub(crate) bytes_per_user: f64,
    /// The same without the bytes of the users' ids.
    pub(super) bytes_per_user_beyond_id: f64,
    /// The engine's own count.
    pub(crate) bytes_by_own_count: u64,
    /// The peak of resident memory, less that before.
    pub(super) peak_growth_bytes: u64,
}

impl StateSize {
    /// As a table or a line of text.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("users", grouped(self.users)),
            (
                "state",
                format!(
                    "{} bytes by the allocator, {} by its own count",
                    grouped(self.bytes),
                    grouped(self.bytes_by_own_count)
                ),
            ),
            (
                "per user",
                format!("{:.1} bytes, {:.1} beyond the id", self.bytes_per_user, self.bytes_per_user_beyond_id),
            ),
            ("peak growth", format!("{} MiB", grouped(self.peak_growth_bytes >> 20))),
        ]
    }
}

/// The state of all users in some events, after all of them.
pub(super) fn of_events(
    plan: &Arc<ExecutionPlan>,
    input: &EventBlocks,
    until: Option<Timestamp>,
) -> Result<StateSize, Error> {
    of(plan, |pipeline| feed(input, pipeline, until, &mut Journal::new(plan)))
}

/// The state of this number of users with a view and a cart event long ago.
pub(super) fn of_idle_users(plan: &Arc<ExecutionPlan>, users: u32) -> Result<StateSize, Error> {
    of_idle_events(plan, users, visits)
}

/// The state of this number of users with some events around [`SEEN`], which is long ago.
pub(crate) fn of_idle_events(
    plan: &Arc<ExecutionPlan>,
    users: u32,
    events: fn(std::ops::Range<u32>) -> Vec<u8>,
) -> Result<StateSize, Error> {
    of(plan, |pipeline| {
        let mut journal = Journal::new(plan);
        for first in (0..users).step_by(10_000) {
            let block = EventBlocks::new(events(first..users.min(first + 10_000)));
            feed(&block, pipeline, None, &mut journal);
        }
        feed(&EventBlocks::new(Vec::new()), pipeline, Some(SEEN + AWAY), &mut journal);
    })
}

fn visits(users: std::ops::Range<u32>) -> Vec<u8> {
    let mut text = String::new();
    for user in users {
        for (number, event) in ["Product Viewed", "Product Viewed", "Product Added"].into_iter().enumerate() {
            let at = SEEN + Span(i64::from(user % 1_000) * 1_000 + number as i64 * 100);
            text += &format!(
                "{{\"type\":\"track\",\"event\":\"{event}\",\"messageId\":\"m{user}.{number}\",\"userId\":\"u{user:07}\",\
                 \"timestamp\":\"{at}\",\"properties\":{{\"product_id\":\"p1\",\"price\":5.0}}}}\n"
            );
        }
    }
    text.into_bytes()
}

fn of(plan: &Arc<ExecutionPlan>, run: impl FnOnce(&mut Pipeline)) -> Result<StateSize, Error> {
    process::reset_own_peak();
    let before = process::resident(std::process::id()).unwrap_or(0);
    counting::begin();
    let mut pipeline = pipeline(plan, None, 1)?;
    run(&mut pipeline);
    let bytes = u64::try_from(counting::held()).unwrap_or(0);
    counting::end();
    let peak = process::peak_resident(std::process::id()).unwrap_or(0);
    let users = pipeline.totals().users;
    let ids: usize = pipeline.users().map(|user| user.id.len()).sum();
    let per_user = |bytes: u64| bytes as f64 / users.max(1) as f64;
    Ok(StateSize {
        users,
        bytes,
        bytes_per_user: per_user(bytes),
        bytes_per_user_beyond_id: per_user(bytes.saturating_sub(ids as u64)),
        bytes_by_own_count: own_count(&pipeline),
        peak_growth_bytes: peak.saturating_sub(before),
    })
}

/// The engine's own count of the bytes of its users.
pub(crate) fn own_count(pipeline: &Pipeline) -> u64 {
    let own = |partition: &rekindle_core::partition::Partition| {
        partition.heap_bytes_of(0, usize::MAX).0 + partition.heap_bytes_beside_users()
    };
    pipeline.partitions().iter().map(own).sum()
}
