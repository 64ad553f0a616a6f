//! Groups: what several users do together (semantics §17). Pure.
//!
//! There is a group for each value that the key of a `[groups.G]` has in anybody's matches. A group has a clock, features
//! and segments like a user, but no traits, no campaigns and no events of its own: the matches that bear its key come to it
//! at the end of the beat in which they happened, in the order of the log ([`GroupBook::end_beat`]). A change of a segment may
//! tell users something ([`ToldNotice`]); who delivers that is not decided here.
//!
//! What a group keeps is bounded: a feature of it as one of a user, and the first 1,000 of those who are told.

mod book;
mod counters;
mod group;

pub use book::{GroupBeat, GroupBook, GroupKeysPage, GroupOutcome, GroupRules, RecomputedGroups, StoredGroups};
pub use counters::GroupTotals;
pub(crate) use counters::carry;
pub use group::Group;

use std::sync::Arc;

use crate::event::{FieldId, Scalar};
use crate::rules::ruleset::{GroupId, NameId, SegmentId, TransitionKind};
use crate::time::Timestamp;

/// A match on its way to a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupMatch {
    /// The end of the beat in which it happened.
    pub beat: Timestamp,
    /// The position of its event in the log.
    pub position: u64,
    /// Whose groups.
    pub group: GroupId,
    /// The key.
    pub key: Arc<str>,
    /// The name.
    pub name: NameId,
    /// The time of its event.
    pub ts: Timestamp,
    /// What the group's features read of it.
    pub values: Vec<(FieldId, Scalar<'static>)>,
}

/// What a group tells.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldNotice {
    /// The name of `[events]`.
    pub name: NameId,
    /// The group's key.
    pub key: Arc<str>,
    /// When the segment changed.
    pub at: Timestamp,
    /// What tells it from other matches.
    pub message_id: Arc<str>,
    /// To whom, by their first match; each is an id that a user had.
    pub to: Vec<Arc<str>>,
    /// The values of the match.
    pub values: Vec<(FieldId, Scalar<'static>)>,
}

/// A group entered or left a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChange {
    /// Whose groups.
    pub group: GroupId,
    /// The key.
    pub key: Arc<str>,
    /// The segment.
    pub segment: SegmentId,
    /// Which way.
    pub change: TransitionKind,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: GroupCause,
}

/// Why a group entered or left a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupCause {
    /// A match came.
    Match,
    /// Time passed.
    Time,
    /// It was forgotten, `ttl` after its latest match.
    Ttl,
    /// Other rules took effect.
    Rules,
}

impl GroupCause {
    /// Its name in the journal.
    pub fn name(self) -> &'static str {
        match self {
            GroupCause::Match => "match",
            GroupCause::Time => "time",
            GroupCause::Ttl => "ttl",
            GroupCause::Rules => "rules",
        }
    }

    /// Whether users are told.
    fn tells(self) -> bool {
        matches!(self, GroupCause::Match | GroupCause::Time)
    }
}
