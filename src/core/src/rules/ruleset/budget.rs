//! Budgets: how much campaigns may spend, and what one of them spends when it is sent.

use std::collections::BTreeMap;

use super::{Condition, NameId, Term};
use crate::decimal::Decimal;
use crate::json::JsonText;
use crate::time::{CalendarUnit, Span};

/// A budget, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetId(pub u16);

/// `[[budgets]]`: how much may be spent in a period.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Its id.
    pub id: String,
    /// One line for people; empty if there is none.
    pub description: String,
    /// The most that is spent and reserved in one period.
    pub limit: Decimal,
    /// The period; `None`: all time is one.
    pub per: Option<CalendarUnit>,
}

/// What a campaign takes of a budget when it is sent.
#[derive(Clone, Debug)]
pub struct Spend {
    /// The budget.
    pub budget: BudgetId,
    /// How much: a number of at least 0.
    pub cost: Term,
}

/// `coupon` of a campaign: its action bears a code that cannot be guessed.
#[derive(Clone, Debug, PartialEq)]
pub struct Coupon {
    /// Everything that the rules say of it, for the payload.
    pub fields: BTreeMap<String, JsonText>,
    /// How long it is valid.
    pub valid: Span,
    /// What its codes begin with.
    pub prefix: String,
    /// How many characters follow, 6 to 26.
    pub length: usize,
}

/// `settle` of a campaign: the costs are reserved until a match of `on` says what was spent, or the time is over.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The name whose matches settle a reservation.
    pub on: NameId,
    /// What must hold for a match to settle one; `None`: each does.
    pub when: Option<Condition>,
    /// What is spent of the first budget; `None`, and where it has no value or is below 0: its whole cost.
    pub amount: Option<Term>,
    /// How long the costs are reserved.
    pub within: Span,
}

impl Coupon {
    /// The number of characters after the prefix unless the rules say another.
    pub const DEFAULT_LENGTH: usize = 10;
    /// The most characters after the prefix.
    pub const LENGTH_MAX: usize = 26;
}
