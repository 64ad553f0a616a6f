//! The committed position: up to where all outputs are published. It is stored beside the outputs, in progress records.
//!
//! Every output in the stream carries a progress record or is followed by one. The last one states the committed position:
//! the outputs of every record of the log up to `sequence` are published, and of the next group the part that `open` states.
//! The outputs of a prefix of the log are a function of that prefix, so a start that knows the committed position computes
//! them again and publishes only what comes after it.

use serde::{Deserialize, Serialize};

use rekindle_core::partition::TimerMark;
use rekindle_core::time::Timestamp;

/// A progress record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressRecord {
    /// The epoch of the owner that wrote it: the highest epoch owns the stream.
    pub epoch: u64,
    /// Distinguishes two daemons of the same epoch.
    pub instance: String,
    /// The identity of the log: the stream's name and creation time, if the log is a stream that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The settings that the outputs depend on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
    /// The number of commits of that instance, with this one.
    pub commit: u64,
    /// The ordinal of the stream's last output (`Rekindle-Ordinal`).
    pub ordinal: u64,
    /// The time of that instance's takeover, by the server's clock, in milliseconds since 1970; `None`: with this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// That instance has released the stream: a successor need not wait.
    #[serde(default, skip_serializing_if = "is_false")]
    pub released: bool,
    /// The committed position.
    #[serde(flatten)]
    pub committed: CommittedPosition,
}

/// Up to where all outputs are published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedPosition {
    /// All outputs of the log's records up to this sequence are published.
    pub sequence: u64,
    /// The number of events accepted up to there.
    pub position: u64,
    /// The log's watermark there, in milliseconds since 1970.
    pub watermark_ms: i64,
    /// The outputs of all timers due at or before it are published; `None`: of all timers due at the watermark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fired_ms: Option<i64>,
    /// So are those of the timers due a millisecond later, of users whose [turn](rekindle_core::route::turn_of) is below this.
    #[serde(default, skip_serializing_if = "is_no_turn")]
    pub fired_turns: u32,
    /// The fingerprint of the rules that decided.
    pub rules: String,
    /// The number of rules changes at run time since the first start.
    pub generation: u64,
    /// The published part of the next group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<PartialGroup>,
}

/// A group (records, timers, or a rules change) whose outputs are published in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialGroup {
    /// The group's last record; equal to `sequence` for timers and a rules change.
    pub through: u64,
    /// The number of its outputs, from the first, that are published (or needed no message).
    pub sent: u64,
    /// The number of the messages after those that are published too, where messages are published one by one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub messages: u64,
    /// The group is the timers due up to this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fires_to_ms: Option<i64>,
    /// And those due a millisecond later, of users whose turn is below this.
    #[serde(default, skip_serializing_if = "is_no_turn")]
    pub fires_to_turns: u32,
    /// The group is the rules change with this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_rules_to: Option<u64>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_no_turn(turns: &u32) -> bool {
    *turns == 0
}

fn is_false(truth: &bool) -> bool {
    !truth
}

impl PartialGroup {
    /// A group of records of which nothing is published.
    pub fn messages_through(through: u64) -> PartialGroup {
        PartialGroup { through, sent: 0, messages: 0, fires_to_ms: None, fires_to_turns: 0, changes_rules_to: None }
    }

    /// Up to where the group's timers go; `None`: it is no group of timers.
    pub fn fires_to(&self) -> Option<TimerMark> {
        self.fires_to_ms.map(|ms| TimerMark { instant: Timestamp(ms), turns: self.fires_to_turns })
    }

    /// The same group, of timers if `to` says up to where.
    pub fn firing_to(self, to: Option<TimerMark>) -> PartialGroup {
        let (fires_to_ms, fires_to_turns) = (to.map(|to| to.instant.0), to.map_or(0, |to| to.turns));
        PartialGroup { fires_to_ms, fires_to_turns, ..self }
    }
}

impl CommittedPosition {
    /// The last record of the log that a published output was computed from.
    pub fn last_needed(&self) -> u64 {
        self.open.map_or(0, |open| open.through).max(self.sequence)
    }

    /// Up to where the outputs of all timers are published.
    pub fn fired(&self) -> TimerMark {
        self.fired_ms.map_or(TimerMark::NEVER, |ms| TimerMark { instant: Timestamp(ms), turns: self.fired_turns })
    }

    /// Nothing is published; the log begins after this sequence.
    pub fn before(sequence: u64) -> CommittedPosition {
        CommittedPosition { sequence, watermark_ms: Timestamp::MIN.0, ..CommittedPosition::default() }
    }
}
