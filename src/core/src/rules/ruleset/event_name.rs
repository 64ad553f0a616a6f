//! Names of `[events]`: which events match, how often, and which values a match has.

use super::{Condition, GroupNotice, RankId, Term};
use crate::event::{ArrayId, CallType, FieldId, ItemFieldId};

/// A name that the rules give to some events.
#[derive(Clone, Debug)]
pub struct EventName {
    /// The name, as conditions write it.
    pub id: String,
    /// The call it selects: track, page or screen.
    pub call: CallType,
    /// Which `event` of a track call; `None`: pages, screens, and every track call.
    pub event: Option<String>,
    /// `each`: an event matches once for each element of this array; `None`: once.
    pub each: Option<ArrayId>,
    /// `where`: a further condition. It reads fields, the element and traits, not the user's history; of a name with `rank`, what
    /// the user is asked at the taking.
    pub filter: Option<Condition>,
    /// `let`, in file order.
    pub lets: Vec<LetTerm>,
    /// What gives its matches, if groups do and not events.
    pub notice: Option<GroupNotice>,
    /// The rank whose takings give its matches, if they do and not events.
    pub rank: Option<RankId>,
    /// The values of a match that something reads, where they are not just those of the event.
    pub values: Vec<MatchValue>,
}

/// A value that `let` gives to every match.
#[derive(Clone, Debug)]
pub struct LetTerm {
    /// Its name.
    pub name: String,
    /// What is computed: it reads fields, the element and traits; of what is told, the group or the user.
    pub term: Term,
}

/// A value of a match, under a field of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchValue {
    /// The field that features read.
    pub field: FieldId,
    /// Where the value comes from.
    pub source: MatchValueSource,
}

/// Where a value of a match comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchValueSource {
    /// The term of `let` at this index.
    Let(u16),
    /// The element's value, or else the event's.
    Property {
        /// The element's value; `None`: the name has no `each`.
        item: Option<ItemFieldId>,
        /// The event's property.
        property: FieldId,
    },
}

impl EventName {
    /// Whether its matches are told to users, at the ends of beats, and no event has any.
    pub fn is_told(&self) -> bool {
        self.notice.is_some() || self.rank.is_some()
    }

    /// Whether its matches have values of their own, and not just those of the event.
    pub fn has_own_values(&self) -> bool {
        self.each.is_some() || !self.lets.is_empty() || self.is_told()
    }
}
