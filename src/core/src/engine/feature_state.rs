//! What is remembered of one user for one feature.

use super::window::{
    Aggregate as _, DISTINCT_VALUES_MAX, DecimalSum, DistinctPanes, EventCount, Maximum, Minimum, Panes,
};
use crate::event::Scalar;
use crate::rules::program::{FeatureId, FeatureKind, Window};
use crate::time::Timestamp;

/// A feature's memory.
#[derive(Clone, Debug, PartialEq)]
pub enum FeatureState {
    /// `WindowCount` and `WindowNumericCount`.
    Counts(Panes<EventCount>),
    /// `WindowSum`.
    Sums(Panes<DecimalSum>),
    /// `WindowMin`.
    Minimum(Panes<Minimum>),
    /// `WindowMax`.
    Maximum(Panes<Maximum>),
    /// `WindowDistinct`.
    Distinct(DistinctPanes),
    /// `TotalCount`.
    Count(u64),
    /// `TotalSum`.
    Sum(Box<DecimalSum>),
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

impl FeatureState {
    /// Drops the panes that have left the window at `now`; false when none is left.
    pub fn expire(&mut self, window: &Window, now: Timestamp) -> bool {
        match self {
            FeatureState::Counts(panes) => panes.expire(window, now),
            FeatureState::Sums(panes) => panes.expire(window, now),
            FeatureState::Minimum(panes) => panes.expire(window, now),
            FeatureState::Maximum(panes) => panes.expire(window, now),
            FeatureState::Distinct(panes) => panes.expire(window, now),
            FeatureState::Count(_) | FeatureState::Sum(_) | FeatureState::Last(_) | FeatureState::Latest(_) => true,
        }
    }

    /// The bytes it takes beside its own place.
    pub fn heap_bytes(&self) -> usize {
        match self {
            FeatureState::Counts(panes) => panes.heap_bytes(),
            FeatureState::Sums(panes) => panes.heap_bytes(),
            FeatureState::Minimum(panes) => panes.heap_bytes(),
            FeatureState::Maximum(panes) => panes.heap_bytes(),
            FeatureState::Distinct(panes) => panes.entries().len() * DISTINCT_VALUE_BYTES,
            FeatureState::Count(_) | FeatureState::Latest(_) => 0,
            FeatureState::Sum(sum) => size_of_val(&**sum),
            FeatureState::Last(last) => size_of_val(&**last) + last.value.heap_bytes(),
        }
    }

    /// Takes in what another user remembers for the same feature. A latest value is `Profile`'s to decide about.
    pub fn absorb(&mut self, other: FeatureState) {
        match (self, other) {
            (FeatureState::Counts(ours), FeatureState::Counts(theirs)) => ours.absorb(theirs),
            (FeatureState::Sums(ours), FeatureState::Sums(theirs)) => ours.absorb(theirs),
            (FeatureState::Minimum(ours), FeatureState::Minimum(theirs)) => ours.absorb(theirs),
            (FeatureState::Maximum(ours), FeatureState::Maximum(theirs)) => ours.absorb(theirs),
            (FeatureState::Distinct(ours), FeatureState::Distinct(theirs)) => ours.absorb(theirs),
            (FeatureState::Count(ours), FeatureState::Count(theirs)) => *ours += theirs,
            (FeatureState::Sum(ours), FeatureState::Sum(theirs)) => ours.absorb(*theirs),
            (FeatureState::Latest(ours), FeatureState::Latest(theirs)) => *ours = theirs.max(*ours),
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
            FeatureKind::WindowCount(_) | FeatureKind::WindowNumericCount(..) => panes * size_of::<(i64, EventCount)>(),
            FeatureKind::WindowSum(..) | FeatureKind::WindowMin(..) | FeatureKind::WindowMax(..) => {
                panes * size_of::<(i64, DecimalSum)>()
            }
            FeatureKind::WindowDistinct(..) => DISTINCT_VALUES_MAX * DISTINCT_VALUE_BYTES,
            FeatureKind::TotalSum(_) => size_of::<DecimalSum>(),
            FeatureKind::LastValue(_) => size_of::<LastValue>(),
            FeatureKind::TotalCount | FeatureKind::LatestTime => 0,
        };
        size_of::<(FeatureId, FeatureState)>() + beside
    }
}
