//! Who leaves segments without transitions: visitors who are merged, users who are forgotten or expire.
//!
//! Kept only for those who count segments over time ([`Partition::keep_departures`]).

use super::steps::StepContext;
use super::{Partition, User};
use crate::rules::ruleset::SegmentId;
use crate::time::Timestamp;

/// Somebody is in some segments no more, without a transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentDeparture {
    /// When.
    pub at: Timestamp,
    /// The segments; one with `per` once for each key.
    pub segments: Vec<SegmentId>,
}

impl Partition {
    /// From here on keeps who leaves segments without transitions, until that is taken.
    pub fn keep_departures(&mut self) {
        self.steps.departures = Some(Vec::new());
    }

    /// Takes them, in no particular order.
    pub fn take_departures(&mut self) -> Vec<SegmentDeparture> {
        self.steps.departures.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

impl StepContext {
    /// Keeps that somebody leaves all segments without transitions.
    pub(super) fn note_departure(&mut self, user: &User, at: Timestamp) {
        let Some(departures) = &mut self.departures else { return };
        let segments: Vec<SegmentId> = user.memberships().collect();
        if !segments.is_empty() {
            departures.push(SegmentDeparture { at, segments });
        }
    }
}
