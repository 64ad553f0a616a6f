//! The book of all budgets: what is spent and reserved, by period.

use std::collections::BTreeMap;

use super::{BudgetChange, BudgetHistory, CostShare, TimedBudgetChange};
use crate::decimal::Decimal;
use crate::rules::ruleset::{Budget, BudgetId, CampaignId, Ruleset};
use crate::time::Timestamp;

/// How many periods of a budget are kept at least. Older ones go once nothing is reserved of them.
const PERIODS_KEPT: usize = 64;

/// All budgets of some rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BudgetBook {
    accounts: Vec<BudgetAccount>,
    /// What became of each period, if that is kept.
    history: Option<Box<BudgetHistory>>,
}

/// What is known of one budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetAccount {
    /// Its periods, by their beginning; those in which nothing was asked for are missing.
    pub periods: BTreeMap<Timestamp, BudgetPeriod>,
    /// All that was granted, in millionths.
    pub granted: i128,
    /// How often the budget lacked what a campaign asked for.
    pub refused: u64,
    /// What each campaign took, of all periods; those that the rules do not have any more are missing.
    pub by_campaign: BTreeMap<CampaignId, CampaignSpending>,
}

/// What a campaign took of a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CampaignSpending {
    /// How many of its actions were granted a cost.
    pub actions: u64,
    /// What they spent, in millionths. What is only reserved is not spent.
    pub spent: i128,
}

/// What is known of one period of a budget, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetPeriod {
    /// What is spent.
    pub spent: i128,
    /// What is reserved.
    pub reserved: i128,
}

/// What is stored of a budget. What is reserved is not: it is the sum of the users' open reservations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredBudget {
    /// The periods by their beginning, with what is spent.
    pub spent: Vec<(Timestamp, i128)>,
    /// All that was granted.
    pub granted: i128,
    /// How often the budget lacked what a campaign asked for.
    pub refused: u64,
    /// What each campaign took, of all periods.
    pub by_campaign: Vec<(CampaignId, CampaignSpending)>,
}

/// What is stored of all budgets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredBook {
    /// Each budget.
    pub budgets: Vec<(BudgetId, StoredBudget)>,
    /// What changed in beats that have not ended.
    pub changes: Vec<TimedBudgetChange>,
}

impl BudgetBook {
    /// Nothing spent yet, of the budgets of these rules.
    pub fn new(rules: &Ruleset) -> BudgetBook {
        BudgetBook { accounts: vec![BudgetAccount::default(); rules.budgets.len()], history: None }
    }

    /// From here on keeps what becomes of each period, however many there are. It is not stored.
    pub fn keep_history(&mut self) {
        self.history.get_or_insert_default();
    }

    /// What became of each period; `None`: that is not kept.
    pub fn history(&self) -> Option<&BudgetHistory> {
        self.history.as_deref()
    }

    /// What was stored. Nothing is reserved: the users' open reservations are to be added.
    pub fn restored(rules: &Ruleset, stored: impl IntoIterator<Item = (BudgetId, StoredBudget)>) -> BudgetBook {
        let mut book = BudgetBook::new(rules);
        for (budget, stored) in stored {
            let StoredBudget { spent, granted, refused, by_campaign } = stored;
            let Some(account) = book.accounts.get_mut(usize::from(budget.0)) else { continue };
            let periods = spent.into_iter().map(|(start, spent)| (start, BudgetPeriod { spent, reserved: 0 }));
            let (periods, by_campaign) = (periods.collect(), by_campaign.into_iter().collect());
            *account = BudgetAccount { periods, granted, refused, by_campaign };
        }
        book
    }

    /// What is to be stored.
    pub fn stored(&self) -> impl Iterator<Item = (BudgetId, StoredBudget)> {
        (0..).map(BudgetId).zip(&self.accounts).map(|(budget, account)| {
            let spent = account.periods.iter().filter(|(_, period)| period.spent != 0);
            let spent = spent.map(|(start, period)| (*start, period.spent)).collect();
            let by_campaign = account.by_campaign.iter().map(|(campaign, taken)| (*campaign, *taken)).collect();
            let &BudgetAccount { granted, refused, .. } = account;
            (budget, StoredBudget { spent, granted, refused, by_campaign })
        })
    }

    /// The same by the ids of other rules, where the budget has the same period. Nothing is reserved: the users' open
    /// reservations are to be added.
    pub fn under(&self, rules: &Ruleset, next: &Ruleset) -> BudgetBook {
        let kept = |budget: &BudgetId| {
            let Budget { id, per, .. } = &rules.budgets[usize::from(budget.0)];
            let is_same = |other: &Budget| (&other.id, &other.per) == (id, per);
            next.budgets.iter().position(is_same).and_then(|place| u16::try_from(place).ok()).map(BudgetId)
        };
        let renumbered = |campaign: CampaignId| {
            let id = &rules.campaigns[usize::from(campaign.0)].id;
            let place = next.campaigns.iter().position(|other| other.id == *id)?;
            u16::try_from(place).ok().map(CampaignId)
        };
        let stored = self.stored().filter_map(|(budget, mut stored)| {
            let taken = stored.by_campaign.into_iter();
            stored.by_campaign = taken.filter_map(|(campaign, taken)| Some((renumbered(campaign)?, taken))).collect();
            Some((kept(&budget)?, stored))
        });
        BudgetBook::restored(next, stored)
    }

    /// What is known of a budget.
    pub fn account(&self, budget: BudgetId) -> Option<&BudgetAccount> {
        self.accounts.get(usize::from(budget.0))
    }

    /// What is spent and reserved of a budget in a period.
    pub fn period(&self, budget: BudgetId, period: Timestamp) -> BudgetPeriod {
        self.account(budget).and_then(|account| account.periods.get(&period)).copied().unwrap_or_default()
    }

    /// Whether a cost is within the limit of a budget, in a period.
    pub fn allows(&self, rules: &Ruleset, budget: BudgetId, period: Timestamp, cost: Decimal) -> bool {
        let BudgetPeriod { spent, reserved } = self.period(budget, period);
        let used = spent.saturating_add(reserved).saturating_add(cost.millionths());
        used <= rules.budgets[usize::from(budget.0)].limit.millionths()
    }

    /// Adds a change.
    pub fn add(&mut self, change: &BudgetChange) {
        let Some(account) = self.accounts.get_mut(usize::from(change.budget.0)) else { return };
        if let Some(history) = &mut self.history {
            history.add(change);
        }
        if let (Some(campaign), true) = (change.campaign, change.spent != 0) {
            let taken = account.by_campaign.entry(campaign).or_default();
            taken.spent = taken.spent.saturating_add(change.spent);
        }
        let period = account.periods.entry(change.period).or_default();
        period.spent = period.spent.saturating_add(change.spent);
        period.reserved = period.reserved.saturating_add(change.reserved);
        if *period == BudgetPeriod::default() {
            account.periods.remove(&change.period);
        }
        while account.periods.len() > PERIODS_KEPT
            && let Some(oldest) = account.periods.first_entry()
            && oldest.get().reserved == 0
        {
            oldest.remove();
        }
    }

    /// Counts what an action of a campaign was granted.
    pub fn count_granted(&mut self, campaign: CampaignId, share: &CostShare) {
        let CostShare { budget, period, cost } = *share;
        if let Some(history) = &mut self.history {
            history.count_granted(budget, period, cost);
        }
        if let Some(account) = self.accounts.get_mut(usize::from(budget.0)) {
            account.granted = account.granted.saturating_add(cost.millionths());
            account.by_campaign.entry(campaign).or_default().actions += 1;
        }
    }

    /// Counts that a budget lacked what was asked for, in a period.
    pub fn count_refused(&mut self, budget: BudgetId, period: Timestamp) {
        if let Some(history) = &mut self.history {
            history.count_refused(budget, period);
        }
        if let Some(account) = self.accounts.get_mut(usize::from(budget.0)) {
            account.refused += 1;
        }
    }
}
