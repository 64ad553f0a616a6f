//! Features: what is remembered per user.

use super::NameId;
use crate::event::FieldId;
use crate::time::Span;

/// What is remembered about an event, or a property of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Feature {
    /// Which events feed it.
    pub name: NameId,
    /// What is kept.
    pub kind: FeatureKind,
}

/// The kinds of memory. A `FieldId` here always is a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeatureKind {
    /// `count(E, W)`: events per pane.
    WindowCount(Window),
    /// `sum(E.p, W)`: the sum per pane, in millionths. With a `WindowNumericCount` it makes up `avg`.
    WindowSum(FieldId, Window),
    /// How many events per pane carry a number in the property.
    WindowNumericCount(FieldId, Window),
    /// `min(E.p, W)`.
    WindowMin(FieldId, Window),
    /// `max(E.p, W)`.
    WindowMax(FieldId, Window),
    /// `distinct(E.p, W)`: each value with the latest pane it was seen in.
    WindowDistinct(FieldId, Window),
    /// `total(E)`.
    TotalCount,
    /// `total(E.p)`.
    TotalSum(FieldId),
    /// `last(E.p)`.
    LastValue(FieldId),
    /// `since(E)`: the time of the latest event.
    LatestTime,
}

/// A paned window (semantics §4): an event at `ts` lies in pane `floor(ts / pane_ms)`; at `now` the window holds the
/// panes `p` with `floor(now / pane_ms) - panes < p <= floor(now / pane_ms)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The window as the rules wrote it.
    pub length: Span,
    /// Width of a pane in milliseconds, `max(1, ceil(length / 60))`.
    pub pane_ms: i64,
    /// How many panes the window holds, `ceil(length / pane_ms)`; 1 to 60.
    pub panes: i64,
}

impl FeatureKind {
    /// The property, for the kinds that read one.
    pub fn field(&self) -> Option<FieldId> {
        match self {
            FeatureKind::WindowSum(field, _)
            | FeatureKind::WindowNumericCount(field, _)
            | FeatureKind::WindowMin(field, _)
            | FeatureKind::WindowMax(field, _)
            | FeatureKind::WindowDistinct(field, _)
            | FeatureKind::TotalSum(field)
            | FeatureKind::LastValue(field) => Some(*field),
            FeatureKind::WindowCount(_) | FeatureKind::TotalCount | FeatureKind::LatestTime => None,
        }
    }

    /// The window, for the kinds that have one.
    pub fn window(&self) -> Option<Window> {
        match self {
            FeatureKind::WindowCount(window)
            | FeatureKind::WindowSum(_, window)
            | FeatureKind::WindowNumericCount(_, window)
            | FeatureKind::WindowMin(_, window)
            | FeatureKind::WindowMax(_, window)
            | FeatureKind::WindowDistinct(_, window) => Some(*window),
            FeatureKind::TotalCount
            | FeatureKind::TotalSum(_)
            | FeatureKind::LastValue(_)
            | FeatureKind::LatestTime => None,
        }
    }
}

impl Window {
    /// The panes of a window of this length; at least 1 ms.
    pub fn new(length: Span) -> Window {
        let pane_ms = (length.0 + 59).div_euclid(60).max(1);
        Window { length, pane_ms, panes: (length.0 + pane_ms - 1).div_euclid(pane_ms) }
    }

    /// The pane an event at `ms` lies in.
    pub fn pane_of(&self, ms: i64) -> i64 {
        ms.div_euclid(self.pane_ms)
    }
}
