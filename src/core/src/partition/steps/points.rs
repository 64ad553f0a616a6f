//! Points: what an event earns and spends, what expires, and what decisions spend (semantics §14).

use std::sync::Arc;

use super::decisions::{instance_of, scope_of};
use super::{MatchedEvent, StepContext};
use crate::campaigns::{Outcome, Trigger};
use crate::engine::evaluate::EvaluationContext;
use crate::features::{FeatureClock, FeatureInput, PointsFlow};
use crate::partition::io::{Cause, Output, OutputKind, PointsChange, PointsOutput, PointsPrice};
use crate::partition::{ExecutionPlan, User};
use crate::points::{Earning, Points};
use crate::rules::ruleset::{CampaignId, LedgerEntry, LedgerId};
use crate::time::Timestamp;

/// Points of a ledger that change, and why.
struct PointsMovement {
    ledger: LedgerId,
    amount: Points,
    /// The time of the event; of a price, the user's clock.
    ts: Timestamp,
    position: u64,
    cause: Cause,
    /// How many changes the event made before.
    ordinal: u32,
    /// The price, if that is what is paid.
    price: Option<PointsPrice>,
}

/// Whether an entry of a ledger earns or spends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    Earn,
    Spend,
}

impl StepContext {
    /// Adds what the matches of an event earn and spend: ledger by ledger in file order, the entries of `earn`, then those of
    /// `spend`, each for every match.
    pub(super) fn record_points(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        matched: MatchedEvent<'_>,
        position: u64,
        out: &mut Vec<Output>,
    ) {
        let mut ordinal = 0;
        for (id, ledger) in (0..).map(LedgerId).zip(&plan.rules.ledgers) {
            let earn = ledger.earn.iter().map(|entry| (EntryKind::Earn, entry));
            let spend = ledger.spend.iter().map(|entry| (EntryKind::Spend, entry));
            for (kind, entry) in earn.chain(spend) {
                for index in 0..self.matches.len() {
                    let amount = self.amount_of(plan, user, matched, entry, index);
                    if amount == Points::ZERO {
                        continue;
                    }
                    let found = &self.matches[index];
                    let event_id = || matched.event.message_id.as_deref().map(Arc::from);
                    let (cause, ts) = (Cause::Event(found.message_id.clone().or_else(event_id)), found.ts);
                    let movement = PointsMovement { ledger: id, amount, ts, position, cause, ordinal, price: None };
                    let before = out.len();
                    match kind {
                        EntryKind::Earn => self.earn(plan, user, movement, out),
                        EntryKind::Spend => self.spend(plan, user, movement, entry.debt, out),
                    }
                    ordinal += u32::from(out.len() > before);
                }
            }
        }
    }

    /// The points that a match earns or spends by an entry.
    fn amount_of(
        &self,
        plan: &ExecutionPlan,
        user: &User,
        matched: MatchedEvent<'_>,
        entry: &LedgerEntry,
        index: usize,
    ) -> Points {
        let found = &self.matches[index];
        if found.name != entry.on {
            return Points::ZERO;
        }
        let fields = found.fields(matched.event, matched.values);
        let scope =
            EvaluationContext { fields, ..EvaluationContext::new(&plan.rules, &user.profile, user.profile.now) };
        Points::of(&scope.value(&entry.amount))
    }

    fn earn(&mut self, plan: &ExecutionPlan, user: &mut User, movement: PointsMovement, out: &mut Vec<Output>) {
        let PointsMovement { ledger: id, amount, ts, .. } = movement;
        let ledger = &plan.rules.ledgers[usize::from(id.0)];
        let earning = Earning { amount, ts, now: user.profile.now, calendar: &plan.rules.calendar };
        let earned = user.profile.points.earn(id, ledger, earning);
        if earned > Points::ZERO {
            self.tell_points(plan, user, PointsChange::Earned, PointsMovement { amount: earned, ..movement }, out);
        }
    }

    fn spend(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        movement: PointsMovement,
        debt: bool,
        out: &mut Vec<Output>,
    ) {
        let is_spent = user.profile.points.spend(movement.ledger, movement.amount, debt);
        let change = if is_spent { PointsChange::Spent } else { PointsChange::Refused };
        self.tell_points(plan, user, change, movement, out);
    }

    /// Takes out the points that expire at or before the user's clock: of one ledger they are told as one.
    pub(super) fn expire_points(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        position: u64,
        out: &mut Vec<Output>,
    ) {
        let now = user.profile.now;
        if user.profile.points.due() > now {
            return;
        }
        for ledger in (0..).map(LedgerId).take(plan.rules.ledgers.len()) {
            let amount = user.profile.points.expire(ledger, now);
            if amount > Points::ZERO {
                let movement =
                    PointsMovement { ledger, amount, ts: now, position, cause: Cause::Time, ordinal: 0, price: None };
                self.tell_points(plan, user, PointsChange::Expired, movement, out);
            }
        }
    }

    /// Spends the price of a campaign whose outcome is `no_luck` or `sent`. The decision has found that the balance covers it.
    pub(super) fn pay_price(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        paid: PaidDecision<'_>,
        out: &mut Vec<Output>,
    ) {
        let PaidDecision { campaign, outcome, trigger, cause, position } = paid;
        let Some(price) = &plan.rules.campaigns[usize::from(campaign.0)].price else { return };
        if !matches!(outcome, Outcome::NoLuck | Outcome::Sent { .. }) {
            return;
        }
        let instance = instance_of(plan, &user.profile, Some(trigger));
        let scope = scope_of(plan, &user.profile, Some(trigger), instance.as_deref()).with_rows(&self.rows);
        let (ledger, amount, ts) = (price.ledger, Points::of(&scope.value(&price.amount)), user.profile.now);
        let price = Some(PointsPrice { campaign, trigger: trigger.origin() });
        let movement = PointsMovement { ledger, amount, ts, position, cause: cause.clone(), ordinal: 0, price };
        self.spend(plan, user, movement, false, out);
        self.paid_ledgers.push(ledger);
    }

    /// Counts a change, adds it to the windows of what is earned and spent, and appends it to the outputs.
    fn tell_points(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        change: PointsChange,
        movement: PointsMovement,
        out: &mut Vec<Output>,
    ) {
        let PointsMovement { ledger, amount, ts, position, cause, ordinal, price } = movement;
        let flow = match change {
            PointsChange::Earned => Some(PointsFlow::Earned(amount.to_decimal())),
            PointsChange::Spent => Some(PointsFlow::Spent(amount.to_decimal())),
            PointsChange::Refused | PointsChange::Expired => None,
        };
        if flow.is_some() {
            let clock = FeatureClock { now: user.profile.now, calendar: &plan.rules.calendar };
            let input =
                FeatureInput { fields: &[], ts, position, clock, is_repeated: false, is_second: false, points: flow };
            user.profile.record_points(&plan.rules, plan.dispatch.features_of_ledger(ledger), &input);
        }
        self.counts.points[usize::from(ledger.0)].add(change, amount);
        if change != PointsChange::Refused {
            self.stale.extend(plan.dispatch.segments_reading_ledger(ledger));
        }
        let balance = user.profile.points.balance(ledger);
        let told = PointsOutput { ledger, change, amount, balance, cause, ordinal, price };
        let decided = OutputKind::Points(Box::new(told));
        out.push(Output { at: user.profile.now, user: Arc::clone(&user.id), position, decided });
    }
}

/// A decision whose price may have to be paid.
pub(super) struct PaidDecision<'d> {
    pub(super) campaign: CampaignId,
    pub(super) outcome: &'d Outcome,
    pub(super) trigger: &'d Trigger,
    pub(super) cause: &'d Cause,
    pub(super) position: u64,
}
