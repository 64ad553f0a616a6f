//! Campaigns and caps: what a transition triggers, and how often.

use std::collections::BTreeMap;

use super::{Condition, SegmentId, Term};
use crate::json::JsonText;
use crate::time::Span;

/// A campaign: what is sent, to whom, when, and how often.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Its id.
    pub id: String,
    /// One line for people; empty if there is none.
    pub description: String,
    /// The segment whose change sets it off.
    pub segment: SegmentId,
    /// Which change.
    pub change: TransitionKind,
    /// The channel its actions go out on.
    pub channel: String,
    /// Decided before campaigns of lower priority; 0 unless said otherwise.
    pub priority: i64,
    /// `if`: what must hold at the moment of the decision.
    pub condition: Option<Condition>,
    /// Least time between two firings for one user.
    pub cooldown: Option<Span>,
    /// Most firings for one user, ever.
    pub max_per_user: Option<u32>,
    /// Local hours in which it holds its peace.
    pub quiet_hours: Option<QuietHours>,
    /// The share of users, 0 to 1, held out of this campaign.
    pub holdout: f64,
    /// The variants; may be empty.
    pub variants: Vec<Variant>,
    /// Fixed payload fields.
    pub payload: BTreeMap<String, JsonText>,
    /// Payload fields computed at the moment of the decision.
    pub payload_from: Vec<(String, Term)>,
    /// How long after the decision the action is still worth delivering. 24 hours unless `expires` says otherwise.
    pub expires: Span,
}

/// Which change of a segment sets a campaign off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransitionKind {
    /// The user entered the segment.
    Enter,
    /// The user left it.
    Exit,
}

/// `quiet_hours = "22:00-08:00"`: minutes since local midnight; the end is exclusive and differs from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// First quiet minute of the day, 0 to 1439.
    pub start_minute: u16,
    /// First minute that is not quiet any more, 0 to 1439.
    pub end_minute: u16,
}

/// A variant of a campaign.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its id.
    pub id: String,
    /// Its share, relative to the other variants' weights; above 0, at most 1,000,000.
    pub weight: f64,
    /// Payload fields that replace the campaign's of the same name.
    pub payload: BTreeMap<String, JsonText>,
}

/// `[[caps]]`: at most `max` actions to one user within `per`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Most actions.
    pub max: u32,
    /// The length of time they are counted over.
    pub per: Span,
    /// Counts this channel only; `None`: all.
    pub channel: Option<String>,
}

impl TransitionKind {
    /// `enter` or `exit`.
    pub fn name(self) -> &'static str {
        match self {
            TransitionKind::Enter => "enter",
            TransitionKind::Exit => "exit",
        }
    }
}
