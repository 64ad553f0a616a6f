//! What is reported about budgets: the current period of each, and what was granted and refused in all.

use super::{BudgetBook, BudgetPeriod, period_end, period_of};
use crate::decimal::Decimal;
use crate::rules::ruleset::{BudgetId, Ruleset};
use crate::time::{CalendarUnit, Timestamp};

/// A budget at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetReport {
    /// Its id.
    pub id: String,
    /// One line for people; empty if there is none.
    pub description: String,
    /// The most that is spent and reserved in one period.
    pub limit: Decimal,
    /// The unit of its periods; `None`: all time is one.
    pub per: Option<CalendarUnit>,
    /// When the current period began; `None`: all time is one.
    pub from: Option<Timestamp>,
    /// When the current period ends; `None`: never.
    pub to: Option<Timestamp>,
    /// What is spent of the current period.
    pub spent: Decimal,
    /// What is reserved of the current period.
    pub reserved: Decimal,
    /// All that was granted, of all periods.
    pub granted: Decimal,
    /// How often it lacked what a campaign asked for, in all periods.
    pub refused: u64,
}

impl BudgetReport {
    /// All budgets, in file order, in the period that an instant lies in.
    pub fn all(rules: &Ruleset, book: &BudgetBook, at: Timestamp) -> Vec<BudgetReport> {
        let ids = (0..).map(BudgetId).take(rules.budgets.len());
        ids.map(|id| BudgetReport::new(rules, book, id, at)).collect()
    }

    fn new(rules: &Ruleset, book: &BudgetBook, id: BudgetId, at: Timestamp) -> BudgetReport {
        let budget = &rules.budgets[usize::from(id.0)];
        let start = period_of(rules, id, at);
        let BudgetPeriod { spent, reserved } = book.period(id, start);
        let account = book.account(id);
        BudgetReport {
            id: budget.id.clone(),
            description: budget.description.clone(),
            limit: budget.limit,
            per: budget.per,
            from: budget.per.map(|_| start),
            to: period_end(rules, id, start),
            spent: Decimal::from_millionths(spent),
            reserved: Decimal::from_millionths(reserved),
            granted: Decimal::from_millionths(account.map_or(0, |account| account.granted)),
            refused: account.map_or(0, |account| account.refused),
        }
    }

    /// The share of the limit that is spent or reserved: above 1 where a settlement overdrew it. A limit of 0 is always used up.
    pub fn used(&self) -> f64 {
        let used = self.spent.millionths().saturating_add(self.reserved.millionths());
        match self.limit.millionths() {
            0 => 1.0,
            limit => used as f64 / limit as f64,
        }
    }
}
