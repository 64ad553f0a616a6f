//! `[groups.G]`: what the matches of several users, which bear the same key, come to (semantics §17); and the notices that a
//! group gives to users.

use super::{FeatureId, NameId, SegmentId, Term, TransitionKind};
use crate::event::FieldId;
use crate::time::Span;

/// One `[groups.G]`, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u16);

/// `[groups.G]`: there is a group for each value that the key has in any user's matches.
#[derive(Clone, Debug)]
pub struct GroupKind {
    /// Its id, `G`.
    pub id: String,
    /// The key, as the rules write it: the property `group_id` of a match of any name.
    pub key: String,
    /// How long after its latest match a group is forgotten.
    pub ttl: Span,
    /// By `NameId`: the field that has the key of a match.
    pub fields: Vec<FieldId>,
}

/// A name of `[events]` with `of`: what users are told when a group enters or leaves a segment.
#[derive(Clone, Debug)]
pub struct GroupNotice {
    /// Whose groups.
    pub group: GroupId,
    /// The segment.
    pub segment: SegmentId,
    /// Which way.
    pub change: TransitionKind,
    /// Who is told.
    pub to: NoticeAddressees,
}

/// To whom a notice goes.
#[derive(Clone, Debug)]
pub enum NoticeAddressees {
    /// All who have a match of a name in the group: the feature that remembers them.
    Members(FeatureId),
    /// The user whose id a term gives.
    User(Term),
}

impl GroupKind {
    /// The field that has the key of a match of this name.
    pub fn field(&self, name: NameId) -> FieldId {
        self.fields[usize::from(name.0)]
    }
}
