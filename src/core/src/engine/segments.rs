//! One evaluation of a user's segments, and the changes it finds.

use super::dispatch::{DispatchIndex, SegmentSet};
use super::evaluate::EvaluationContext;
use super::profile::UserProfile;
use crate::rules::ruleset::{Ruleset, SegmentId, TransitionKind};
use crate::time::Timestamp;

/// What an evaluation found.
#[derive(Debug, Default)]
pub struct SegmentChanges {
    /// The segments that changed, in file order.
    pub changed: Vec<(SegmentId, TransitionKind)>,
}

/// Evaluates the segments of `stale` at the user's clock, in file order, and those that read one that changed. The
/// user's memberships are brought up to date. Returns the first instant at which time alone can change one of those
/// evaluated.
pub fn reevaluate(
    rules: &Ruleset,
    dispatch: &DispatchIndex,
    profile: &mut UserProfile,
    stale: &mut SegmentSet,
    changes: &mut SegmentChanges,
) -> Timestamp {
    let mut until = Timestamp::NEVER;
    let mut from = 0;
    while let Some(id) = stale.next_from(from) {
        let segment = &rules.segments[usize::from(id.0)];
        let scope = EvaluationContext::new(rules, profile, profile.now);
        let outlook = scope.outlook(&segment.when);
        until = until.min(outlook.until);
        if outlook.holds != profile.members.contains(id) {
            profile.members.set(id, outlook.holds);
            changes.changed.push((id, if outlook.holds { TransitionKind::Enter } else { TransitionKind::Exit }));
            stale.extend(dispatch.readers(id));
        }
        from = id.0 + 1;
    }
    until
}
