//! Evaluating a user's segments at its clock, and what their changes trigger.

use std::sync::Arc;

use super::{EvaluationOrigin, EvaluationPoint, PendingTrigger, StepContext, TriggeredCampaign};
use crate::campaigns::TransitionTrigger;
use crate::engine::segments::{SegmentChange, SegmentRules, reevaluate};
use crate::growth::StateUpdater;
use crate::partition::io::{Cause, Output, OutputKind, RulesChange};
use crate::partition::{ExecutionPlan, User};
use crate::rules::ruleset::TransitionKind;

/// Each of these evaluations has a payment of at least one point before it, so that they end. Where more than this follow at one
/// instant, the rest waits for the user's next event or timer, which then evaluates all segments.
const PAYMENT_ROUNDS_MAX: u32 = 1_000;

impl StepContext {
    /// Semantics §6, *A change of rules*: the user is evaluated once by the new ones, at its clock, which is the watermark's at
    /// least, since everything due by the old ones has fired.
    pub(in crate::partition) fn change_rules(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        change: &RulesChange,
        out: &mut Vec<Output>,
    ) {
        user.profile.now = user.profile.now.max(change.watermark);
        user.unsettled = true;
        self.stale.clear();
        let (position, origin) = (change.position, EvaluationOrigin::Rules(change.number));
        self.evaluate(
            plan,
            user,
            &EvaluationPoint { position, origin, is_first: false, has_all_timed: true, matched: None },
            out,
        );
    }

    /// Evaluation at the user's clock: segments, the campaigns that their changes and the event's matches trigger, then
    /// deferred decisions that are due, then goals. Where a decision spends points, evaluation and campaigns follow once more,
    /// until none does.
    pub(super) fn evaluate(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        point: &EvaluationPoint<'_>,
        out: &mut Vec<Output>,
    ) {
        self.evaluate_once(plan, user, point, out);
        if !self.paid_ledgers.is_empty() {
            self.evaluate_after_payments(plan, user, point, out);
        }
    }

    /// Semantics §8: evaluations as long as decisions spend points.
    pub(super) fn evaluate_after_payments(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        point: &EvaluationPoint<'_>,
        out: &mut Vec<Output>,
    ) {
        let cause = point.cause();
        for round in 1.. {
            if self.paid_ledgers.is_empty() {
                return;
            }
            if round > PAYMENT_ROUNDS_MAX {
                self.paid_ledgers.clear();
                user.unsettled = true;
                return;
            }
            self.stale.clear();
            for ledger in self.paid_ledgers.drain(..) {
                self.stale.extend(plan.dispatch.segments_reading_ledger(ledger));
            }
            let origin = EvaluationOrigin::Points(round, &cause);
            let again = EvaluationPoint {
                position: point.position,
                origin,
                is_first: false,
                has_all_timed: false,
                matched: None,
            };
            self.evaluate_once(plan, user, &again, out);
        }
    }

    fn evaluate_once(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        point: &EvaluationPoint<'_>,
        out: &mut Vec<Output>,
    ) {
        let was_unsettled = user.unsettled;
        let covers_all = point.has_all_timed || was_unsettled;
        if user.unsettled {
            self.stale.extend(if point.is_first { &plan.dispatch.at_first } else { &plan.dispatch.all });
            user.unsettled = false;
        }
        let (stale, changes) = (&mut self.stale, &mut self.changes);
        let rules = SegmentRules { rules: &plan.rules, dispatch: &plan.dispatch, rows: &self.rows };
        let until = reevaluate(rules, &mut user.profile, was_unsettled, stale, changes);
        // If not every timed segment was evaluated, the old due time still holds for the rest.
        user.segments_due = if covers_all { until } else { until.min(user.segments_due) };
        if (was_unsettled || !self.changes.changed.is_empty())
            && let Some(growth) = &plan.growth
        {
            let members = &user.profile.members;
            let is_in = |segment| members.contains(segment);
            StateUpdater::new(growth, &mut self.growth_deltas).update_stage(&mut user.growth, is_in, user.profile.now);
        }
        if !self.changes.changed.is_empty() {
            let changed = std::mem::take(&mut self.changes.changed);
            self.report_changes(plan, user, &changed, point, out);
            self.changes.changed = changed;
        }
        if !(plan.rules.partners.is_empty() && user.shares.is_empty()) {
            self.share(plan, user, (point.position, &point.cause()), out);
        }
        if !self.triggered.is_empty() {
            self.decide_triggered(plan, user, point, out);
        }
        let by_rules = matches!(point.origin, EvaluationOrigin::Rules(_));
        if user.campaigns.next_release() <= user.profile.now && !by_rules {
            self.decide_deferred(plan, user, point.position, out);
        }
        if user.goals.due() <= user.profile.now && !by_rules {
            self.mature_goals(plan, user, point.position, out);
        }
    }

    /// Reports changes, and adds the campaigns that they trigger. A change of rules triggers none.
    fn report_changes(
        &mut self,
        plan: &ExecutionPlan,
        user: &User,
        changed: &[SegmentChange],
        point: &EvaluationPoint<'_>,
        out: &mut Vec<Output>,
    ) {
        let (cause, at) = (point.cause(), user.profile.now);
        for SegmentChange { segment, change, key } in changed {
            let (segment, change) = (*segment, *change);
            self.counts.transitions[usize::from(segment.0)][change as usize] += 1;
            let size = &mut self.counts.sizes[usize::from(segment.0)];
            *size = if change == TransitionKind::Enter { *size + 1 } else { *size - 1 };
            let decided = OutputKind::Transition { segment, change, key: key.clone(), cause: cause.clone() };
            out.push(Output { at, user: Arc::clone(&user.id), position: point.position, decided });
            if self.decides_nothing || matches!(cause, Cause::Rules { .. }) {
                continue;
            }
            for campaign in plan.dispatch.campaigns(segment, change) {
                let trigger = PendingTrigger::Transition(TransitionTrigger { segment, change, key: key.clone(), at });
                self.triggered.push(TriggeredCampaign { campaign: *campaign, trigger });
            }
        }
    }
}
