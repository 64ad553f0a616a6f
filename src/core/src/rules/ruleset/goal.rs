//! `[[goals]]`: what campaigns are to bring about (semantics §15).

use super::NameId;
use crate::event::FieldId;
use crate::time::Span;

/// A goal, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoalId(pub u16);

/// What users are to do after a campaign, counted in those who get it and those who do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// Its id.
    pub id: String,
    /// The name whose matches count.
    pub on: NameId,
    /// What of a match is added up; `None`: nothing is.
    pub value: Option<FieldId>,
    /// How long after the exposure matches count.
    pub within: Span,
}
