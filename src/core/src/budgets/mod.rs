//! Budgets (semantics §13): what campaigns may spend, what they have spent, and what is reserved. Pure.
//!
//! Users meet here, and only at the ends of beats. A [`BudgetBook`] holds what is known of all users; the
//! [`Reservations`] that are open are part of their user's state. What one user's affairs change of a budget in between is a
//! [`BudgetChange`], which reaches the book at the end of its beat.

mod book;
pub mod coupon;
mod history;
mod report;
mod reservation;

pub use book::{BudgetAccount, BudgetBook, BudgetPeriod, CampaignSpending, StoredBook, StoredBudget};
pub use history::{BudgetHistory, BudgetPeriodReport};
pub use report::BudgetReport;
pub use reservation::{CostShare, Reservation, Reservations};

use crate::rules::ruleset::{BudgetId, CampaignId, Ruleset};
use crate::time::Timestamp;

/// What one user's affairs change of a budget, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetChange {
    /// The budget.
    pub budget: BudgetId,
    /// The campaign; `None`: the rules do not have it any more.
    pub campaign: Option<CampaignId>,
    /// The beginning of the period; [`Timestamp::MIN`] of a budget without.
    pub period: Timestamp,
    /// What is spent of it.
    pub spent: i128,
    /// What is reserved of it; below 0: freed.
    pub reserved: i128,
}

/// What changed of a budget in a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedBudgetChange {
    /// The end of the beat.
    pub beat: Timestamp,
    /// The change.
    pub change: BudgetChange,
}

/// How a budget changed, as outputs tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetChangeKind {
    /// A cost was spent.
    Spent,
    /// A cost was reserved.
    Reserved,
    /// A match said what was spent of a reservation.
    Settled,
    /// A reservation ended without.
    Released,
}

impl BudgetChangeKind {
    /// All of them, in the order of the enum.
    pub const ALL: [BudgetChangeKind; 4] =
        [BudgetChangeKind::Spent, BudgetChangeKind::Reserved, BudgetChangeKind::Settled, BudgetChangeKind::Released];

    /// Its name in outputs.
    pub fn name(self) -> &'static str {
        match self {
            BudgetChangeKind::Spent => "spent",
            BudgetChangeKind::Reserved => "reserved",
            BudgetChangeKind::Settled => "settled",
            BudgetChangeKind::Released => "released",
        }
    }
}

/// The beginning of the period of a budget that an instant lies in.
pub fn period_of(rules: &Ruleset, budget: BudgetId, at: Timestamp) -> Timestamp {
    match rules.budgets[usize::from(budget.0)].per {
        None => Timestamp::MIN,
        Some(unit) => rules.calendar.start_of(unit, rules.calendar.unit_of(unit, at)),
    }
}

/// The end of the period of a budget that an instant lies in; `None`: all time is one.
fn period_end(rules: &Ruleset, budget: BudgetId, at: Timestamp) -> Option<Timestamp> {
    let unit = rules.budgets[usize::from(budget.0)].per?;
    Some(rules.calendar.start_of(unit, rules.calendar.unit_of(unit, at).saturating_add(1)))
}
