//! What is remembered of one user for one feature.

use super::window::{Aggregate as _, DistinctPanes, Greatest, Least, MAX_DISTINCT, Micros, Panes, Tally};
use crate::event::Scalar;
use crate::rules::program::{FeatureId, FeatureKind, Window};
use crate::time::Timestamp;

/// A feature's memory.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// `WindowCount` and `WindowNumericCount`.
    Counts(Panes<Tally>),
    /// `WindowSum`.
    Sums(Panes<Micros>),
    /// `WindowMin`.
    Least(Panes<Least>),
    /// `WindowMax`.
    Greatest(Panes<Greatest>),
    /// `WindowDistinct`.
    Distinct(DistinctPanes),
    /// `TotalCount`.
    Count(u64),
    /// `TotalSum`.
    Sum(Box<Micros>),
    /// `LastValue`.
    Last(Box<LastValue>),
    /// `LatestTime`.
    Latest(Timestamp),
}

/// The value at the latest event that had it.
#[derive(Clone, Debug, PartialEq)]
pub struct LastValue {
    /// That event's time.
    pub at: Timestamp,
    /// Its position in the log: of two at the same time the later arrival counts.
    pub position: u64,
    /// The value.
    pub value: Scalar<'static>,
}

impl Cell {
    /// Drops the panes that have left the window at `now`; false when none is left.
    pub fn expire(&mut self, window: &Window, now: Timestamp) -> bool {
        match self {
            Cell::Counts(panes) => panes.expire(window, now),
            Cell::Sums(panes) => panes.expire(window, now),
            Cell::Least(panes) => panes.expire(window, now),
            Cell::Greatest(panes) => panes.expire(window, now),
            Cell::Distinct(panes) => panes.expire(window, now),
            Cell::Count(_) | Cell::Sum(_) | Cell::Last(_) | Cell::Latest(_) => true,
        }
    }

    /// The bytes it takes beside its own place.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Cell::Counts(panes) => panes.heap_bytes(),
            Cell::Sums(panes) => panes.heap_bytes(),
            Cell::Least(panes) => panes.heap_bytes(),
            Cell::Greatest(panes) => panes.heap_bytes(),
            Cell::Distinct(panes) => panes.entries().len() * DISTINCT_VALUE_BYTES,
            Cell::Count(_) | Cell::Latest(_) => 0,
            Cell::Sum(sum) => size_of_val(&**sum),
            Cell::Last(last) => size_of_val(&**last) + last.value.heap_bytes(),
        }
    }

    /// Takes in what another user remembers for the same feature. A latest value is `Profile`'s to decide about.
    pub fn absorb(&mut self, other: Cell) {
        match (self, other) {
            (Cell::Counts(ours), Cell::Counts(theirs)) => ours.absorb(theirs),
            (Cell::Sums(ours), Cell::Sums(theirs)) => ours.absorb(theirs),
            (Cell::Least(ours), Cell::Least(theirs)) => ours.absorb(theirs),
            (Cell::Greatest(ours), Cell::Greatest(theirs)) => ours.absorb(theirs),
            (Cell::Distinct(ours), Cell::Distinct(theirs)) => ours.absorb(theirs),
            (Cell::Count(ours), Cell::Count(theirs)) => *ours += theirs,
            (Cell::Sum(ours), Cell::Sum(theirs)) => ours.absorb(*theirs),
            (Cell::Latest(ours), Cell::Latest(theirs)) => *ours = theirs.max(*ours),
            _ => {}
        }
    }
}

/// Bytes that a value of `distinct` takes at most, in a search tree half full.
const DISTINCT_VALUE_BYTES: usize = 40;

impl FeatureKind {
    /// The most a feature of this kind takes of a user's memory, in bytes; a text, an array or an object in `last` comes on top (8 KiB at most). What the user
    /// never did takes nothing.
    pub fn bytes_max(&self) -> usize {
        let panes = self.window().map_or(0, |window| usize::try_from(window.panes).unwrap_or(usize::MAX));
        let beside = match self {
            FeatureKind::WindowCount(_) | FeatureKind::WindowNumericCount(..) => panes * size_of::<(i64, Tally)>(),
            FeatureKind::WindowSum(..) | FeatureKind::WindowMin(..) | FeatureKind::WindowMax(..) => {
                panes * size_of::<(i64, Micros)>()
            }
            FeatureKind::WindowDistinct(..) => MAX_DISTINCT * DISTINCT_VALUE_BYTES,
            FeatureKind::TotalSum(_) => size_of::<Micros>(),
            FeatureKind::LastValue(_) => size_of::<LastValue>(),
            FeatureKind::TotalCount | FeatureKind::LatestTime => 0,
        };
        size_of::<(FeatureId, Cell)>() + beside
    }
}
