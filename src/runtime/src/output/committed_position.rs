//! How far the outputs have got: what is written beside them, and what a new start makes of it.
//!
//! Every output in the stream bears a progress record or is followed by one, and the last of them says what is out: the
//! outputs of every message of the source up to `sequence`, and a part of those that come next where `open` says so.
//! What a prefix of the log comes to is a function of that prefix, so a start that knows how far the outputs have got
//! computes them again and leaves out those.

use serde::{Deserialize, Serialize};

use rekindle_core::time::Timestamp;

/// A progress record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressRecord {
    /// Which start of a daemon wrote it: the higher one owns the stream.
    pub epoch: u64,
    /// Tells two daemons of the same epoch apart.
    pub instance: String,
    /// Which log it goes by: the stream's name and when it was made, where the log is a stream that was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The settings that decide what comes of a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
    /// How many commits that instance had made with this one.
    pub commit: u64,
    /// How many outputs there are in the stream: the `Rekindle-Ordinal` of the last.
    pub ordinal: u64,
    /// When that instance took the stream over, by the server's clock, in milliseconds since 1970; `None`: with this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// That instance writes no more: whoever waits for the stream need not wait any longer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub released: bool,
    /// What is out.
    #[serde(flatten)]
    pub committed: CommittedPosition,
}

/// What is out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedPosition {
    /// Every output of the source's messages up to this one is out.
    pub sequence: u64,
    /// How many events were accepted by then.
    pub position: u64,
    /// The log's watermark by then, in milliseconds since 1970.
    pub watermark_ms: i64,
    /// What was due at or before it, by time alone, is out, for everyone; `None`: all that the watermark had reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fired_ms: Option<i64>,
    /// The fingerprint of the rules that decided.
    pub rules: String,
    /// How often the rules had been changed while the daemon ran, since its first start.
    pub generation: u64,
    /// What is out of the group of messages that comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<PartialGroup>,
}

/// A group of messages, a while that passed, or a change of the rules, whose outputs are not all out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialGroup {
    /// The group's last message; that of `sequence` where time passes or the rules change.
    pub through: u64,
    /// How many of its outputs, from the first, are out (or were no messages).
    pub sent: u64,
    /// How many messages of those that come next are out too: where they go one by one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub messages: u64,
    /// The group is what became due by this instant, by time alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fires_to_ms: Option<i64>,
    /// The group is the change of the rules to this generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_rules_to: Option<u64>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(truth: &bool) -> bool {
    !truth
}

impl PartialGroup {
    /// A group of messages that begins.
    pub fn messages_through(through: u64) -> PartialGroup {
        PartialGroup { through, sent: 0, messages: 0, fires_to_ms: None, changes_rules_to: None }
    }
}

impl CommittedPosition {
    /// The last message of the source that what is out came of.
    pub fn last_needed(&self) -> u64 {
        self.open.map_or(0, |open| open.through).max(self.sequence)
    }

    /// Up to when what is due by time alone is out, for everyone.
    pub fn fired(&self) -> Timestamp {
        self.fired_ms.map_or(Timestamp::NEVER, Timestamp)
    }

    /// Nothing, before a log that begins after a message.
    pub fn before(sequence: u64) -> CommittedPosition {
        CommittedPosition { sequence, watermark_ms: Timestamp::MIN.0, ..CommittedPosition::default() }
    }
}
