//! `followed(A, B, W)`.

use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::state::StoredFeature;
use super::window::Window;
use crate::decimal::Decimal;
use crate::encoding::{StateReader, StateWriter};
use crate::event::FieldId;
use crate::time::{Span, Timestamp};
use crate::value::{TermResult, Value};

/// How many events of the second name came, ever, at most so long after the latest one of the first name that was known
/// then. An event of both names is the second's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FollowedCount {
    /// How long after.
    pub within: Span,
}

/// The latest event of the first name, and how many of the second followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FollowedState {
    latest: Timestamp,
    followed: u64,
}

impl AggregateFunction for FollowedCount {
    type State = FollowedState;
    type Input<'e> = Timestamp;

    const STORED_NAME: &'static str = "followed";
    const NAME: &'static str = "followed";

    fn definition(&self, _path: &dyn Fn(FieldId) -> String, _zone: &str) -> String {
        format!("{} {}", Self::STORED_NAME, self.within.0)
    }

    fn arguments(&self, events: &str, _property: &dyn Fn(FieldId) -> String) -> String {
        format!("{events}, {}", self.within)
    }

    fn heap_bytes_max(&self) -> usize {
        0
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<Timestamp> {
        Some(event.ts)
    }

    fn add(&self, state: &mut FollowedState, ts: Timestamp, event: &FeatureInput<'_, '_>) {
        if event.is_second {
            let after = ts - state.latest;
            state.followed += u64::from((Span(0)..=self.within).contains(&after));
        } else {
            state.latest = state.latest.max(ts);
        }
    }

    fn result<'s>(&self, state: Option<&'s FollowedState>, _clock: FeatureClock<'_>) -> TermResult<'s> {
        TermResult::constant(Value::Number(Decimal::from(state.map_or(0, |state| state.followed))))
    }
}

impl StoredFeature for FollowedState {
    fn empty() -> Self {
        FollowedState { latest: Timestamp::MIN, followed: 0 }
    }

    fn merge(&mut self, other: Self) {
        self.latest = self.latest.max(other.latest);
        self.followed = self.followed.saturating_add(other.followed);
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.record("", 2, |writer| {
            writer.time("latest", self.latest);
            writer.count("value", self.followed);
        });
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        reader.record(2, "what was followed")?;
        Ok(FollowedState { latest: reader.time("a latest time")?, followed: reader.count("a count")? })
    }
}
