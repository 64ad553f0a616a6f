//! What a user's affairs change of budgets: asks and their answers, settlements, releases (semantics §13).

use std::sync::Arc;

use super::decisions::{DecisionOccasion, MadeDecision, ReachedOutcome};
use super::matches::MatchValues;
use super::{EvaluationOrigin, EvaluationPoint, StepContext};
use crate::budgets::{BudgetChange, BudgetChangeKind, CostShare, Reservation, TimedBudgetChange, period_of};
use crate::campaigns::{Ask, DeferredDecision, Funds, Outcome};
use crate::decimal::Decimal;
use crate::engine::evaluate::EvaluationContext;
use crate::event::Event;
use crate::partition::beats::{AskTicket, BeatEnd};
use crate::partition::io::{BudgetOutput, Output, OutputKind};
use crate::partition::{ExecutionPlan, User};
use crate::rules::ruleset::{BudgetId, CampaignId};
use crate::time::Timestamp;
use crate::value::Value;

impl StepContext {
    /// Whether the beat of the user's first ask has ended, so that nothing happens to the user before the answer.
    pub(in crate::partition) fn awaits_answer(&self, user: &User) -> bool {
        user.campaigns.asks.next_answer() <= self.watermark
    }

    /// Keeps a decision for the end of the beat. Its `until` and `at` are those of the ask.
    pub(super) fn ask(
        &mut self,
        user: &mut User,
        decision: DeferredDecision,
        deferred_at: Option<Timestamp>,
        position: u64,
    ) {
        let at = user.profile.now;
        self.asks.push(AskTicket { beat: self.beat, at, user: Arc::clone(&user.id), position });
        let decision = DeferredDecision { at, until: self.beat, ..decision };
        user.campaigns.asks.add(Ask { decision, deferred_at });
    }

    /// Decides about an ask at the user's clock, and takes from the book what the action costs.
    pub(in crate::partition) fn answer(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        ask: Ask,
        end: &mut BeatEnd<'_>,
        out: &mut Vec<Output>,
    ) {
        let Ask { decision, .. } = &ask;
        let mut funds = Funds::new(end.book);
        let reached = decision.trigger.as_ref().map_or_else(ReachedOutcome::stale, |trigger| {
            let occasion = DecisionOccasion::BeatEnd(&ask, &mut funds);
            self.decide(plan, user, trigger, decision.cause.as_deref(), occasion)
        });
        let ReachedOutcome { outcome, zone, steps } = reached;
        let Funds { costs, refused, .. } = funds;
        if let Some(budget) = refused {
            end.book.count_refused(budget, period_of(&plan.rules, budget, user.profile.now));
        }
        let made = MadeDecision::of_deferred(decision, outcome.clone(), end.position, steps);
        let code = self.report_decision(plan, user, made, out);
        match outcome {
            Outcome::Sent { ordinal, .. } => {
                let taken = TakenCosts { campaign: decision.campaign, ordinal, costs, code };
                self.take(plan, user, taken, end, out);
            }
            Outcome::Deferred { until } => {
                let deferred = DeferredDecision { at: user.profile.now, until, zone, ..ask.decision.clone() };
                user.campaigns.defer(deferred);
            }
            _ => {}
        }
        self.evaluate_if_paid(plan, user, ask.decision.cause.as_deref(), end.position, out);
    }

    /// Semantics §8: if the decision spent points, evaluation and campaigns follow. What they set off belongs to the next beat.
    fn evaluate_if_paid(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        message_id: Option<&str>,
        position: u64,
        out: &mut Vec<Output>,
    ) {
        if self.paid_ledgers.is_empty() {
            return;
        }
        let origin = message_id.map_or(EvaluationOrigin::Time, |id| EvaluationOrigin::Event(Some(id)));
        let point = EvaluationPoint { position, origin, is_first: false, has_all_timed: false, matched: None };
        self.evaluate_after_payments(plan, user, &point, out);
    }

    /// Spends or reserves the costs of an action that was just sent.
    fn take(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        taken: TakenCosts,
        end: &mut BeatEnd<'_>,
        out: &mut Vec<Output>,
    ) {
        let (TakenCosts { campaign, ordinal, costs, code }, at) = (taken, user.profile.now);
        let settle = plan.rules.campaigns[usize::from(campaign.0)].settle.as_ref();
        let kind = if settle.is_some() { BudgetChangeKind::Reserved } else { BudgetChangeKind::Spent };
        for share in &costs {
            let CostShare { budget, cost, .. } = *share;
            let (spent, reserved) = match kind {
                BudgetChangeKind::Reserved => (0, cost.millionths()),
                _ => (cost.millionths(), 0),
            };
            end.book.add(&share.change(campaign, spent, reserved));
            end.book.count_granted(campaign, share);
            let action = (at, ordinal);
            let told = BudgetOutput { budget, campaign, change: kind, amount: cost, action };
            tell(user, told, end.position, out);
        }
        if let Some(settle) = settle {
            user.reservations.add(Reservation { campaign, ordinal, at, due: at + settle.within, code, costs });
        }
    }

    /// Settles the reservations that the event's matches fit: by file order of campaigns, then by matches.
    pub(super) fn settle(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        event: &Event<'_>,
        values: &MatchValues<'_>,
        position: u64,
        out: &mut Vec<Output>,
    ) {
        if user.reservations.is_empty() {
            return;
        }
        let matches = std::mem::take(&mut self.matches);
        for (campaign, definition) in (0..).map(CampaignId).zip(&plan.rules.campaigns) {
            let Some(settle) = definition.settle.as_ref().filter(|settle| self.names.contains(&settle.on)) else {
                continue;
            };
            for found in matches.iter().filter(|found| found.name == settle.on) {
                let (profile, reservations) = (&user.profile, &mut user.reservations);
                let scope = EvaluationContext {
                    fields: found.fields(event, values),
                    ..EvaluationContext::new(&plan.rules, profile, profile.now)
                };
                let fits = |reservation: &Reservation| {
                    let scope = EvaluationContext { code: reservation.code.as_deref(), ..scope };
                    found.ts > reservation.at && settle.when.as_ref().is_none_or(|when| scope.holds(when))
                };
                let Some(reservation) = reservations.take_oldest(campaign, fits) else { continue };
                let scope = EvaluationContext { code: reservation.code.as_deref(), ..scope };
                let amount = settle.amount.as_ref().and_then(|amount| match scope.value(amount) {
                    Value::Number(amount) => {
                        Some(amount).filter(|it| (Decimal::ZERO..=Decimal::GIVEN_MAX).contains(it))
                    }
                    _ => None,
                });
                self.settle_one(user, &reservation, amount, position, out);
            }
        }
        self.matches = matches;
    }

    /// Of the first budget the amount is spent, if there is one; of the others, what was reserved.
    fn settle_one(
        &mut self,
        user: &User,
        reservation: &Reservation,
        amount: Option<Decimal>,
        position: u64,
        out: &mut Vec<Output>,
    ) {
        let mut amount = amount;
        for share in &reservation.costs {
            let spent = amount.take().unwrap_or(share.cost);
            self.change_budget(share.change(reservation.campaign, spent.millionths(), -share.cost.millionths()));
            tell(user, reservation.told(share.budget, BudgetChangeKind::Settled, spent), position, out);
        }
    }

    /// Frees what is due at the user's clock.
    pub(super) fn release_reservations(&mut self, user: &mut User, position: u64, out: &mut Vec<Output>) {
        while let Some(reservation) = user.reservations.take_due(user.profile.now) {
            self.free(&reservation);
            for share in &reservation.costs {
                tell(user, reservation.told(share.budget, BudgetChangeKind::Released, share.cost), position, out);
            }
        }
    }

    /// Frees all that a user who is forgotten has reserved; without output (semantics §2).
    pub(in crate::partition) fn free_all(&mut self, user: &mut User) {
        user.reservations.take_all().into_iter().for_each(|reservation| self.free(&reservation));
    }

    fn free(&mut self, reservation: &Reservation) {
        for share in &reservation.costs {
            self.change_budget(share.change(reservation.campaign, 0, -share.cost.millionths()));
        }
    }

    /// The book has it at the end of the beat.
    fn change_budget(&mut self, change: BudgetChange) {
        self.budget_changes.push(TimedBudgetChange { beat: self.beat, change });
    }
}

/// The costs of an action that was sent.
struct TakenCosts {
    campaign: CampaignId,
    ordinal: u64,
    costs: Vec<CostShare>,
    code: Option<Arc<str>>,
}

impl Reservation {
    fn told(&self, budget: BudgetId, change: BudgetChangeKind, amount: Decimal) -> BudgetOutput {
        BudgetOutput { budget, campaign: self.campaign, change, amount, action: (self.at, self.ordinal) }
    }
}

fn tell(user: &User, change: BudgetOutput, position: u64, out: &mut Vec<Output>) {
    let decided = OutputKind::Budget(Box::new(change));
    out.push(Output { at: user.profile.now, user: Arc::clone(&user.id), position, decided });
}
