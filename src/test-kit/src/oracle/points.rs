//! Points: what users earn, spend and let expire.

use serde_json::{Value as Json, json};

use super::calendar::later_day;
use super::evaluate::EvaluationScope;
use super::expression::{OracleExpression, OracleWindow};
use super::history::OracleMatch;
use super::log::{json_number, print_time};
use super::rules::{OracleLedger, OracleRules};
use super::user::OracleUser;
use super::value::{OracleValue, number_or_none};
use crate::decoder_oracle::decimal::OracleDecimal;

/// How many days before today's a ledger with a `daily_max` still lets somebody earn.
const LATE_DAYS_MAX: i32 = 30;

/// What is left of an earning.
#[derive(Clone)]
struct OracleLot {
    /// `None`: never.
    expires: Option<i64>,
    left: i128,
}

/// That points were earned or spent.
#[derive(Clone)]
struct OracleMovement {
    at: i64,
    amount: i128,
}

/// What a user has in one ledger.
#[derive(Clone, Default)]
pub(crate) struct OracleAccount {
    lots: Vec<OracleLot>,
    debt: i128,
    earned: Vec<OracleMovement>,
    spent: Vec<OracleMovement>,
}

/// Which of the movements of an account are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OraclePointsDirection {
    Earned,
    Spent,
}

impl OracleAccount {
    pub(crate) fn balance(&self) -> i128 {
        self.lots.iter().map(|lot| lot.left).sum::<i128>() - self.debt
    }

    /// Takes from the lots that expire first; what they lack is returned.
    fn take(&mut self, amount: i128) -> i128 {
        self.lots.sort_by_key(|lot| lot.expires.unwrap_or(i64::MAX));
        let mut lacks = amount;
        for lot in &mut self.lots {
            let taken = lot.left.min(lacks);
            lot.left -= taken;
            lacks -= taken;
        }
        self.lots.retain(|lot| lot.left > 0);
        lacks
    }

    fn pay_debt(&mut self) {
        let debt = std::mem::take(&mut self.debt);
        self.debt = self.take(debt);
    }

    fn movements(&self, direction: OraclePointsDirection) -> &[OracleMovement] {
        match direction {
            OraclePointsDirection::Earned => &self.earned,
            OraclePointsDirection::Spent => &self.spent,
        }
    }
}

impl OracleUser {
    /// What the matches of an event earn and spend: by ledgers, then by entries, then by matches.
    pub(crate) fn move_points(&mut self, matches: &[OracleMatch], rules: &OracleRules, journal: &mut Vec<Json>) {
        for (index, ledger) in rules.ledgers.iter().enumerate() {
            for entry in &ledger.earn {
                for one in matches.iter().filter(|one| one.name == entry.on) {
                    let amount = self.points_of(&entry.amount, one, rules);
                    let granted = self.may_earn(index, one.at, amount, rules);
                    if granted < 1 {
                        continue;
                    }
                    let account = &mut self.accounts[index];
                    account.lots.push(OracleLot { expires: ledger.expires.map(|after| one.at + after), left: granted });
                    account.earned.push(OracleMovement { at: one.at, amount: granted });
                    account.pay_debt();
                    self.tell_points(ledger, index, "earned", granted, journal);
                }
            }
            for entry in &ledger.spend {
                for one in matches.iter().filter(|one| one.name == entry.on) {
                    let amount = self.points_of(&entry.amount, one, rules);
                    if amount < 1 {
                        continue;
                    }
                    let is_refused = !entry.debt && self.accounts[index].balance() < amount;
                    if !is_refused {
                        self.spend(index, one.at, amount);
                    }
                    self.tell_points(ledger, index, if is_refused { "refused" } else { "spent" }, amount, journal);
                }
            }
        }
    }

    /// Spends the price of a campaign.
    pub(crate) fn pay(&mut self, index: usize, price: i128, rules: &OracleRules, journal: &mut Vec<Json>) {
        self.spend(index, self.now, price);
        self.has_paid = true;
        self.tell_points(&rules.ledgers[index], index, "spent", price, journal);
    }

    /// Whether it has points, or a debt, in any ledger.
    pub(crate) fn has_points(&self) -> bool {
        self.accounts.iter().any(|account| !account.lots.is_empty() || account.debt > 0)
    }

    /// When the first of the lots expires.
    pub(crate) fn next_expiry(&self) -> Option<i64> {
        self.accounts.iter().flat_map(|account| &account.lots).filter_map(|lot| lot.expires).min()
    }

    /// Removes what has expired.
    pub(crate) fn expire_points(&mut self, rules: &OracleRules, journal: &mut Vec<Json>) {
        for (index, ledger) in rules.ledgers.iter().enumerate() {
            let now = self.now;
            let is_over = |lot: &OracleLot| lot.expires.is_some_and(|expires| expires <= now);
            let account = &mut self.accounts[index];
            let gone: i128 = account.lots.iter().filter(|lot| is_over(lot)).map(|lot| lot.left).sum();
            account.lots.retain(|lot| !is_over(lot));
            if gone > 0 {
                self.tell_points(ledger, index, "expired", gone, journal);
            }
        }
    }

    /// Unites what the user has with what a visitor has.
    pub(crate) fn merge_points(&mut self, visitor: Vec<OracleAccount>) {
        for (own, theirs) in self.accounts.iter_mut().zip(visitor) {
            own.lots.extend(theirs.lots);
            own.debt += theirs.debt;
            own.earned.extend(theirs.earned);
            own.spent.extend(theirs.spent);
            own.pay_debt();
        }
    }

    fn spend(&mut self, index: usize, at: i64, amount: i128) {
        let account = &mut self.accounts[index];
        let lacks = account.take(amount);
        account.debt += lacks;
        account.spent.push(OracleMovement { at, amount });
    }

    fn points_of(&self, amount: &OracleExpression, one: &OracleMatch, rules: &OracleRules) -> i128 {
        let scope = EvaluationScope { matched: Some(one), ..EvaluationScope::of_user(self, rules) };
        whole_points(&scope.value(amount)).unwrap_or(0)
    }

    /// How much of an amount can be earned for something that happened at `at`.
    fn may_earn(&self, index: usize, at: i64, amount: i128, rules: &OracleRules) -> i128 {
        let (ledger, calendar) = (&rules.ledgers[index], &rules.calendar);
        if ledger.expires.is_some_and(|after| at + after <= self.now) {
            return 0;
        }
        let Some(max) = ledger.daily_max else { return amount };
        let (day, today) = (calendar.day_of(at), calendar.day_of(self.now));
        if day < later_day(today, -LATE_DAYS_MAX) {
            return 0;
        }
        let on_day = |movement: &&OracleMovement| calendar.day_of(movement.at) == day;
        let earned: i128 = self.accounts[index].earned.iter().filter(on_day).map(|movement| movement.amount).sum();
        amount.min(max - earned)
    }

    fn tell_points(&self, ledger: &OracleLedger, index: usize, change: &str, amount: i128, journal: &mut Vec<Json>) {
        journal.push(json!({
            "kind": "points", "user": self.id, "ledger": ledger.id, "change": change, "amount": json_number(&amount.to_string()),
            "balance": json_number(&self.accounts[index].balance().to_string()), "at": print_time(self.now),
        }));
    }
}

impl EvaluationScope<'_> {
    pub(crate) fn balance(&self, ledger: &str) -> OracleValue {
        points(self.account(ledger).balance())
    }

    pub(crate) fn moved(&self, direction: OraclePointsDirection, ledger: &str, window: OracleWindow) -> OracleValue {
        let movements = self.account(ledger).movements(direction).iter();
        points(movements.filter(|one| self.is_within(window, one.at)).map(|one| one.amount).sum())
    }

    /// What expires until this many milliseconds from now.
    pub(crate) fn expiring(&self, ledger: &str, within: i64) -> OracleValue {
        let soon = |lot: &&OracleLot| lot.expires.is_some_and(|expires| expires <= self.now + within);
        points(self.account(ledger).lots.iter().filter(soon).map(|lot| lot.left).sum())
    }

    /// The times of what an account has earned or spent.
    pub(crate) fn movement_times(&self, direction: OraclePointsDirection, ledger: &str) -> Vec<i64> {
        self.account(ledger).movements(direction).iter().map(|one| one.at).collect()
    }

    /// When the lots of an account expire.
    pub(crate) fn expiries(&self, ledger: &str) -> Vec<i64> {
        self.account(ledger).lots.iter().filter_map(|lot| lot.expires).collect()
    }

    fn account(&self, ledger: &str) -> &OracleAccount {
        let place = self.rules.ledgers.iter().position(|other| other.id == ledger);
        &self.user.accounts[place.unwrap_or_else(|| panic!("no ledger `{ledger}`"))]
    }
}

/// A number cut to whole points; `None`: it is no number.
pub(crate) fn whole_points(value: &OracleValue) -> Option<i128> {
    let OracleValue::Number(number) = value else { return None };
    Some(number.millionths().parse::<i128>().expect("at most 10^36") / 1_000_000)
}

fn points(number: i128) -> OracleValue {
    number_or_none(OracleDecimal::of_millionths(number * 1_000_000).bounded())
}
