//! `[per.K]`: state for each value of a property of a user's matches (semantics §11).

use super::{NameId, TableId};
use crate::event::FieldId;
use crate::time::Span;

/// One `[per.K]`, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerId(pub u16);

/// `[per.K]`: each value that the key has in a user's matches has an instance of its own.
#[derive(Clone, Debug)]
pub struct PerKey {
    /// Its id, `K`.
    pub id: String,
    /// The key, as the rules write it: the property `cart_id` of a match of any name.
    pub key: String,
    /// How long after its latest match an instance is forgotten.
    pub ttl: Span,
    /// The table whose rows have the same keys; `None`: it names none.
    pub table: Option<TableId>,
    /// How many instances a user has at most, 1 to [`MAX_INSTANCES`](PerKey::MAX_INSTANCES).
    pub max: u16,
    /// By `NameId`: the field that has the key of a match.
    pub fields: Vec<FieldId>,
}

impl PerKey {
    /// The largest `max`.
    pub const MAX_INSTANCES: i64 = 1_000;
    /// The `max` of a `[per.K]` that says nothing else.
    pub const DEFAULT_INSTANCES: u16 = 20;

    /// The field that has the key of a match of this name.
    pub fn field(&self, name: NameId) -> FieldId {
        self.fields[usize::from(name.0)]
    }
}
