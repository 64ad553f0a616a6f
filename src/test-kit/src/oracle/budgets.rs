//! Budgets and coupons: what users share, and what they hold of it.

use serde_json::{Value as Json, json};
use toml::Table;

use super::calendar::CalendarPeriod;
use super::campaign::{OracleDecision, OracleQuestion};
use super::evaluate::EvaluationScope;
use super::expression::OracleExpression;
use super::fields::{required, string};
use super::history::OracleMatch;
use super::log::{json_number, print_time};
use super::rules::{OracleCampaign, OracleRules};
use super::share::hmac;
use super::user::OracleUser;
use super::value::OracleValue;
use crate::decoder_oracle::decimal::OracleDecimal;

/// The letters of Crockford's base32.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

const SECOND_MS: i64 = 1_000;

/// An entry of `[[budgets]]`.
pub(crate) struct OracleBudget {
    pub(crate) id: String,
    pub(crate) limit: OracleDecimal,
    pub(crate) per: Option<CalendarPeriod>,
}

/// The `coupon` of a campaign.
pub(crate) struct OracleCoupon {
    pub(crate) valid: i64,
    pub(crate) prefix: String,
    pub(crate) length: usize,
}

/// The `settle` of a campaign.
pub(crate) struct OracleSettlement {
    /// Index of the name.
    pub(crate) on: usize,
    pub(crate) when: Option<OracleExpression>,
    pub(crate) amount: Option<OracleExpression>,
    pub(crate) within: Option<i64>,
}

/// The end of the beat that is under way at an instant; at a whole second, the beat that ends there.
pub(crate) fn beat_at(instant: i64) -> i64 {
    -(-instant).div_euclid(SECOND_MS) * SECOND_MS
}

/// The end of the beat that begins at, or is under way after, an instant.
pub(crate) fn beat_after(instant: i64) -> i64 {
    (instant.div_euclid(SECOND_MS) + 1) * SECOND_MS
}

/// That what is spent or reserved of a budget changed.
#[derive(Clone)]
pub(crate) struct OracleBudgetChange {
    share: OracleShare,
    spent: OracleDecimal,
    reserved: OracleDecimal,
    /// The end of the beat in which it happened.
    beat: i64,
}

/// Part of a budget in one of its periods.
#[derive(Clone, PartialEq)]
pub(crate) struct OracleShare {
    /// Index of the budget.
    budget: usize,
    /// When the period begins.
    period: i64,
    cost: OracleDecimal,
}

/// What is kept for a user until an event settles it or its time is over.
#[derive(Clone)]
pub(crate) struct OracleReservation {
    campaign: usize,
    at: i64,
    pub(crate) due: i64,
    code: String,
    shares: Vec<OracleShare>,
}

/// A campaign that waits for the end of a beat.
#[derive(Clone)]
pub(crate) struct OracleAsk {
    pub(crate) question: OracleQuestion,
    /// The user's clock when it was set off.
    pub(crate) at: i64,
    /// The end of the beat.
    pub(crate) beat: i64,
}

/// Everything that ever changed in budgets.
#[derive(Default)]
pub(crate) struct OracleBooks {
    changes: Vec<OracleBudgetChange>,
    /// The end of the latest beat that counts.
    pub(crate) until_beat: i64,
}

impl OracleBooks {
    /// Takes over what a user has changed.
    pub(crate) fn enter(&mut self, user: &mut OracleUser) {
        self.changes.append(&mut user.budget_changes);
    }

    fn has_room(&self, share: &OracleShare, rules: &OracleRules) -> bool {
        let of_share = |change: &&OracleBudgetChange| {
            (change.share.budget, change.share.period) == (share.budget, share.period) && change.beat <= self.until_beat
        };
        let taken = self
            .changes
            .iter()
            .filter(of_share)
            .fold(share.cost.clone(), |sum, change| sum.plus(&change.spent).plus(&change.reserved));
        taken <= rules.budgets[share.budget].limit
    }
}

impl OracleUser {
    /// Waits for the end of the beat.
    pub(crate) fn ask(&mut self, question: OracleQuestion) {
        self.asks.push(OracleAsk { question, at: self.now, beat: self.beat() });
    }

    /// Decides what has waited for the end of a beat.
    pub(crate) fn answer(
        &mut self,
        question: OracleQuestion,
        books: &OracleBooks,
        rules: &OracleRules,
        journal: &mut Vec<Json>,
    ) {
        let decision = if self.still_holds(&question.cause) {
            self.decide(&question, rules, books)
        } else {
            OracleDecision::of("stale")
        };
        self.record(question, decision, rules, journal);
        self.evaluate_what_payments_change(rules, journal);
    }

    /// Whether all that a campaign spends can be had.
    pub(crate) fn is_granted(&self, question: &OracleQuestion, rules: &OracleRules, books: &OracleBooks) -> bool {
        self.shares(question, rules).is_some_and(|shares| shares.iter().all(|share| books.has_room(share, rules)))
    }

    /// What a campaign spends now; `None`: a cost is missing or below 0.
    pub(crate) fn shares(&self, question: &OracleQuestion, rules: &OracleRules) -> Option<Vec<OracleShare>> {
        let scope = EvaluationScope::caused(self, &question.cause, rules);
        let share = |(budget, cost): &(usize, _)| {
            let period = rules.budgets[*budget]
                .per
                .map_or(0, |per| rules.calendar.period_start(per, rules.calendar.day_of(self.now), 0));
            Some(OracleShare { budget: *budget, period, cost: amount(&scope.value(cost))? })
        };
        rules.campaigns[question.campaign].spends.iter().map(share).collect()
    }

    /// Takes what was granted; the decision is told already, and counted.
    pub(crate) fn take(
        &mut self,
        shares: Vec<OracleShare>,
        campaign: usize,
        rules: &OracleRules,
        journal: &mut Vec<Json>,
    ) {
        let settle = rules.campaigns[campaign].settle.as_ref();
        let coupon = rules.campaigns[campaign].coupon.as_ref();
        for share in &shares {
            let (spent, reserved) =
                if settle.is_some() { (zero(), share.cost.clone()) } else { (share.cost.clone(), zero()) };
            // What is answered at the end of a beat counts for all that is answered later.
            self.budget_changes.push(OracleBudgetChange { share: share.clone(), spent, reserved, beat: i64::MIN });
            let change = if settle.is_some() { "reserved" } else { "spent" };
            self.tell_budget(share, campaign, change, &share.cost, rules, journal);
        }
        if let Some(settle) = settle {
            let within = settle.within.or(coupon.map(|coupon| coupon.valid)).expect("a `within` or a `valid`");
            let (at, due) = (self.now, self.now + within);
            let fired = self.exposures.iter().filter(|one| one.campaign == campaign).count();
            let code = coupon.map(|_| rules.coupon_code(campaign, &self.id, fired)).unwrap_or_default();
            self.reservations.push(OracleReservation { campaign, at, due, code, shares });
        }
    }

    /// Settles what matches of an event settle: by campaigns, then by matches.
    pub(crate) fn settle(&mut self, matches: &[OracleMatch], rules: &OracleRules, journal: &mut Vec<Json>) {
        for (campaign, settle) in rules.campaigns.iter().enumerate().filter_map(|(i, c)| Some((i, c.settle.as_ref()?)))
        {
            for one in matches.iter().filter(|one| one.name == settle.on) {
                self.reservations.sort_by_key(|open| open.at);
                let fits = |open: &OracleReservation| {
                    open.campaign == campaign && one.at > open.at && self.fits(settle, one, open, rules)
                };
                let Some(place) = self.reservations.iter().position(fits) else { continue };
                let open = self.reservations.remove(place);
                let scope = self.settling(one, &open, rules);
                let said = settle.amount.as_ref().and_then(|term| amount(&scope.value(term)));
                for (index, share) in open.shares.iter().enumerate() {
                    let spent = said.clone().filter(|_| index == 0).unwrap_or_else(|| share.cost.clone());
                    let (beat, reserved) = (self.beat(), share.cost.negated());
                    let change = OracleBudgetChange { share: share.clone(), spent: spent.clone(), reserved, beat };
                    self.budget_changes.push(change);
                    self.tell_budget(share, campaign, "settled", &spent, rules, journal);
                }
            }
        }
    }

    /// Frees what is reserved and was not settled in time.
    pub(crate) fn release(&mut self, rules: &OracleRules, journal: &mut Vec<Json>) {
        self.reservations.sort_by_key(|open| open.at);
        let (over, open) = self.reservations.drain(..).partition(|open| open.due <= self.now);
        self.reservations = open;
        for open in over {
            self.free(&open);
            for share in &open.shares {
                self.tell_budget(share, open.campaign, "released", &share.cost, rules, journal);
            }
        }
    }

    /// Frees all that is reserved, when nobody has it any more.
    pub(crate) fn free_all(&mut self) {
        for open in std::mem::take(&mut self.reservations) {
            self.free(&open);
        }
    }

    fn free(&mut self, open: &OracleReservation) {
        let beat = self.beat();
        self.budget_changes.extend(open.shares.iter().map(|share| OracleBudgetChange {
            share: share.clone(),
            spent: zero(),
            reserved: share.cost.negated(),
            beat,
        }));
    }

    /// The end of the beat in which something happens to the user now.
    fn beat(&self) -> i64 {
        self.log_beat.unwrap_or_else(|| beat_at(self.now))
    }

    fn fits(
        &self,
        settle: &OracleSettlement,
        one: &OracleMatch,
        open: &OracleReservation,
        rules: &OracleRules,
    ) -> bool {
        settle.when.as_ref().is_none_or(|when| self.settling(one, open, rules).holds(when))
    }

    fn settling<'a>(
        &'a self,
        one: &'a OracleMatch,
        open: &'a OracleReservation,
        rules: &'a OracleRules,
    ) -> EvaluationScope<'a> {
        EvaluationScope { matched: Some(one), code: Some(&open.code), ..EvaluationScope::of_user(self, rules) }
    }

    fn tell_budget(
        &self,
        share: &OracleShare,
        campaign: usize,
        change: &str,
        amount: &OracleDecimal,
        rules: &OracleRules,
        journal: &mut Vec<Json>,
    ) {
        journal.push(json!({
            "kind": "budget", "budget": rules.budgets[share.budget].id, "campaign": rules.campaigns[campaign].id,
            "user": self.id, "change": change, "amount": json_number(&amount.written()), "at": print_time(self.now),
        }));
    }
}

impl OracleRules {
    /// The code of the coupon of a campaign that fires for a user the n-th time.
    pub(crate) fn coupon_code(&self, campaign: usize, user: &str, nth: usize) -> String {
        let OracleCampaign { id, coupon, .. } = &self.campaigns[campaign];
        let OracleCoupon { prefix, length, .. } = coupon.as_ref().expect("it has a coupon");
        let text = format!("coupon:{id}:{user}:{nth}");
        let bits: Vec<u8> =
            hmac(&self.secret, &text).iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
        let letter =
            |five: &[u8]| char::from(CROCKFORD[five.iter().fold(0, |number, bit| number * 2 + usize::from(*bit))]);
        let letters: String = bits.chunks(5).take(*length).map(letter).collect();
        format!("{prefix}{letters}")
    }
}

/// The codes that campaigns give away.
pub struct CouponCodes(OracleRules);

impl CouponCodes {
    /// Of these rules; panics on mistakes in them.
    pub fn new(rules_toml: &str, secret: &[u8]) -> CouponCodes {
        CouponCodes(OracleRules::parse(rules_toml, secret))
    }

    /// The code that a user gets when a campaign fires the n-th time: of the campaigns with coupons, the one at that place.
    pub fn nth(&self, place: usize, user: &str, nth: usize) -> Option<String> {
        let mut with_coupon =
            (0..self.0.campaigns.len()).filter(|campaign| self.0.campaigns[*campaign].coupon.is_some());
        with_coupon.nth(place).map(|campaign| self.0.coupon_code(campaign, user, nth))
    }
}

/// A number that is not below 0.
fn amount(value: &OracleValue) -> Option<OracleDecimal> {
    match value {
        OracleValue::Number(number) if *number >= zero() => Some(number.clone()),
        _ => None,
    }
}

fn zero() -> OracleDecimal {
    OracleDecimal::whole(0)
}

/// An entry of `[[budgets]]`.
pub(super) fn budget(table: &Table) -> OracleBudget {
    let per = string(table, "per").map(|per| match per.as_str() {
        "day" => CalendarPeriod::Day,
        "week" => CalendarPeriod::Week,
        "month" => CalendarPeriod::Month,
        "quarter" => CalendarPeriod::Quarter,
        "year" => CalendarPeriod::Year,
        other => panic!("`{other}` is no period"),
    });
    let limit = OracleDecimal::parse(&table["limit"].to_string()).expect("a limit is a number");
    OracleBudget { id: required(table, "id"), limit, per }
}
