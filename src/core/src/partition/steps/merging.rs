//! Merging a visitor into the user it is linked to.

use std::sync::Arc;

use super::sharing::ShareEnd;
use super::{StepContext, activity_span};
use crate::growth::{MergedVisitor, StateUpdater};
use crate::partition::io::{LogInstant, Output, OutputKind};
use crate::partition::{ExecutionPlan, User};

impl StepContext {
    /// Semantics §2, *Linking*: both clocks are advanced to the same time, then the visitor's state is merged. A visitor
    /// that has expired by then has none.
    pub(in crate::partition) fn merge(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        mut visitor: User,
        LogInstant { at, position }: LogInstant,
        out: &mut Vec<Output>,
    ) {
        let now = at.max(user.profile.now).max(visitor.profile.now);
        self.enter_segments(&visitor);
        let to = LogInstant { at: now, position };
        let expired = self.fire_due(plan, &mut visitor, to, out);
        if let Some(at) = expired {
            self.note_renewed(plan, &mut visitor, LogInstant { at, position }, out);
            self.leave_segments(&visitor);
            self.record_merge(&visitor.id, None, position);
            return;
        }
        self.end_shares(plan, &mut visitor, (to, ShareEnd::Request), out);
        self.leave_segments(&visitor);
        self.fire_due_or_renew(plan, user, to, out);
        user.profile.now = now;
        if let Some(growth) = &plan.growth {
            let activity = activity_span(user);
            let merged = MergedVisitor { state: visitor.growth.take(), activity: activity_span(&visitor) };
            StateUpdater::new(growth, &mut self.growth_deltas).merge(&mut user.growth, activity, merged, now);
        }
        visitor.memberships().for_each(|segment| self.counts.merged_out[usize::from(segment.0)] += 1);
        self.note_departure(&visitor, now);
        self.leave_segments(user);
        user.profile.merge(&plan.rules, visitor.profile);
        user.picks.merge(&plan.rules, visitor.picks);
        user.shown.merge(visitor.shown);
        self.enter_segments(user);
        user.campaigns.merge(visitor.campaigns, &plan.rules.caps, now);
        user.goals.merge(visitor.goals);
        user.reservations.merge(visitor.reservations);
        user.unsettled = true;
        self.counts.merged += 1;
        self.record_merge(&visitor.id, Some(&user.id), position);
        self.note_merged_picks(&visitor.id, &user.id, position);
        let decided = OutputKind::Merged { from: visitor.id };
        out.push(Output { at: now, user: Arc::clone(&user.id), position, decided });
        self.forget_surplus_keys(plan, user, position, out);
    }
}
