//! What became of budgets in each of their periods: for an analysis of a log from its beginning, since it is not stored, and has
//! as many periods as the log.

use std::collections::BTreeMap;

use super::{BudgetChange, period_end, period_of};
use crate::decimal::Decimal;
use crate::rules::ruleset::{BudgetId, Ruleset};
use crate::time::{CalendarUnit, Timestamp};

/// The periods of all budgets, in which anything was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetHistory(BTreeMap<(BudgetId, Timestamp), PeriodFigures>);

/// What became of a budget in one period, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PeriodFigures {
    spent: i128,
    reserved: i128,
    granted: i128,
    refused: u64,
}

/// A budget in one of its periods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetPeriodReport {
    /// The budget's id.
    pub budget: String,
    /// The unit of its periods; `None`: all time is one.
    pub per: Option<CalendarUnit>,
    /// When the period began; `None`: all time is one.
    pub from: Option<Timestamp>,
    /// When it ends; `None`: never.
    pub to: Option<Timestamp>,
    /// The most that is spent and reserved in one period.
    pub limit: Decimal,
    /// What is spent.
    pub spent: Decimal,
    /// What is still reserved.
    pub reserved: Decimal,
    /// What was granted.
    pub granted: Decimal,
    /// What was granted, and is neither spent nor reserved: released, or not spent by the settlement. Below 0 where settlements
    /// spent more than was granted.
    pub freed: Decimal,
    /// How often the budget lacked what a campaign asked for.
    pub refused: u64,
}

impl BudgetHistory {
    /// Adds a change.
    pub(super) fn add(&mut self, change: &BudgetChange) {
        let figures = self.figures(change.budget, change.period);
        figures.spent = figures.spent.saturating_add(change.spent);
        figures.reserved = figures.reserved.saturating_add(change.reserved);
    }

    /// Counts what was granted.
    pub(super) fn count_granted(&mut self, budget: BudgetId, period: Timestamp, cost: Decimal) {
        let figures = self.figures(budget, period);
        figures.granted = figures.granted.saturating_add(cost.millionths());
    }

    /// Counts that the budget lacked what was asked for.
    pub(super) fn count_refused(&mut self, budget: BudgetId, period: Timestamp) {
        self.figures(budget, period).refused += 1;
    }

    fn figures(&mut self, budget: BudgetId, period: Timestamp) -> &mut PeriodFigures {
        self.0.entry((budget, period)).or_default()
    }

    /// The budgets in file order, each by its periods. Of each there is at least the period that `at` lies in.
    pub fn report(&self, rules: &Ruleset, at: Timestamp) -> Vec<BudgetPeriodReport> {
        let mut periods = self.0.clone();
        for budget in (0..).map(BudgetId).take(rules.budgets.len()) {
            periods.entry((budget, period_of(rules, budget, at))).or_default();
        }
        let known = periods.into_iter().filter(|((budget, _), _)| usize::from(budget.0) < rules.budgets.len());
        known.map(|((budget, period), figures)| BudgetPeriodReport::new(rules, budget, period, figures)).collect()
    }
}

impl BudgetPeriodReport {
    fn new(rules: &Ruleset, budget: BudgetId, period: Timestamp, figures: PeriodFigures) -> BudgetPeriodReport {
        let PeriodFigures { spent, reserved, granted, refused } = figures;
        let to = period_end(rules, budget, period);
        let budget = &rules.budgets[usize::from(budget.0)];
        BudgetPeriodReport {
            budget: budget.id.clone(),
            per: budget.per,
            from: budget.per.map(|_| period),
            to,
            limit: budget.limit,
            spent: Decimal::from_millionths(spent),
            reserved: Decimal::from_millionths(reserved),
            granted: Decimal::from_millionths(granted),
            freed: Decimal::from_millionths(granted.saturating_sub(spent).saturating_sub(reserved)),
            refused,
        }
    }
}
