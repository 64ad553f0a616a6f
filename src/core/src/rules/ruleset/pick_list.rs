//! `[[picks]]`: what to offer to a user (semantics §20).

use std::sync::Arc;

use super::{ColumnId, Condition, NameId, Ruleset, TableId};
use crate::event::FieldId;
use crate::features::SlidingWindow;
use crate::time::Span;

/// An entry of `[[picks]]`, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PickListId(pub u16);

/// A list of items to offer, and what it is made of.
#[derive(Clone, Debug)]
pub struct PickList {
    /// Its id.
    pub id: String,
    /// One line for people; empty if there is none.
    pub description: String,
    /// The names whose matches are touches, in the order in which it lists them.
    pub on: Vec<NameId>,
    /// The names whose items are not offered to who has matches of them.
    pub without: Vec<NameId>,
    /// The item of a match, as the rules write it: the property `product_id`.
    pub item: String,
    /// By `NameId`: the field that has the item of a match.
    pub item_fields: Vec<FieldId>,
    /// What candidates are taken from, one source after the other.
    pub sources: Vec<PickSource>,
    /// The table with the rows of items.
    pub table: Option<TableId>,
    /// What the row of an item must meet; `None`: nothing.
    pub filter: Option<Condition>,
    /// The columns by whose values items are alike.
    pub by: Vec<PickColumn>,
    /// When an index is made of what arrived until then.
    pub every: PickInterval,
    /// What the index looks back over.
    pub window: SlidingWindow,
    /// How far apart two touches of one session may be.
    pub gap: Span,
    /// How many items of the current session are asked about, 1 to 9.
    pub last: usize,
    /// How many sessions like the current one are looked at.
    pub near: usize,
    /// How many sessions of an item are looked at: those that began last.
    pub sessions: usize,
    /// How many items of a user are kept: those touched last.
    pub own: usize,
}

impl PickList {
    /// Whether it asks about sessions: only then are they kept.
    pub fn has_sessions(&self) -> bool {
        let asks = |source: &PickSource| matches!(source, PickSource::Kind(PickKind::Session | PickKind::Together));
        self.sources.iter().any(asks)
    }
}

/// A column of a list's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PickColumn {
    /// The column.
    pub column: ColumnId,
    /// What the rules call it.
    pub name: String,
}

/// What candidates are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickSource {
    /// By a score.
    Kind(PickKind),
    /// Another list, which stands above.
    List(PickListId),
}

/// The scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum PickKind {
    /// What sessions like this one went on to.
    Session,
    /// What is in sessions with the items of this one.
    Together,
    /// What most users touch.
    Popular,
    /// What the user touches time and again, when it is due.
    Again,
    /// What is like what the user touched, by the columns of `by`.
    Similar,
}

impl PickKind {
    /// Whether it offers other things than the one that it is asked about first.
    pub fn is_seeded(self) -> bool {
        !matches!(self, PickKind::Popular | PickKind::Again)
    }
}

/// When an index is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum PickInterval {
    /// As an hour begins.
    Hour,
    /// As a day begins, in the rules' time zone.
    Day,
}

impl PickList {
    /// The field that has the item of a match of this name.
    pub fn item_field(&self, name: NameId) -> FieldId {
        self.item_fields[usize::from(name.0)]
    }

    /// The columns of `by`, each with its table: what values of items an index has.
    pub fn value_columns(&self, rules: &Ruleset) -> Vec<Arc<str>> {
        let table = self.table.and_then(|table| rules.tables.get(usize::from(table.0)));
        let table = table.map_or("", |table| table.id.as_str());
        self.by.iter().map(|by| format!("{table}.{}", by.name).into()).collect()
    }

    /// How long before the index was made a touch may be, as long as nothing else is said.
    pub const WINDOW: Span = Span(30 * 86_400_000);
    /// How far apart two touches of a session may be, as long as nothing else is said.
    pub const GAP: Span = Span(30 * 60_000);
    /// The sizes as long as nothing else is said: `last`, `near`, `sessions`, `own`.
    pub const SIZES: [usize; 4] = [4, 100, 500, 1_000];
}
