//! Ledgers against a list of all that happened.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::lots::{LOTS_MAX, Lot};
use super::{Earning, Points, PointsBalance, UserPoints};
use crate::rules::ruleset::{Ledger, LedgerId};
use crate::time::{Span, Timestamp, ZoneCalendar};

const DAY: i64 = 86_400_000;
const ID: LedgerId = LedgerId(0);

fn ledger(expires: Option<i64>, daily_max: Option<u64>) -> Ledger {
    Ledger { id: "points".to_owned(), expires: expires.map(Span), daily_max, earn: Vec::new(), spend: Vec::new() }
}

fn earn(points: &mut UserPoints, rules: &Ledger, amount: u64, ts: i64, now: i64) -> u64 {
    let calendar = ZoneCalendar::new(TimeZone::UTC);
    let earning = Earning { amount: amount.into(), ts: Timestamp(ts), now: Timestamp(now), calendar: &calendar };
    points.earn(ID, rules, earning).saturated()
}

fn spend(points: &mut UserPoints, amount: u64, debt: bool) -> bool {
    points.spend(ID, Points::from(amount), debt)
}

fn balance(points: &UserPoints) -> i64 {
    points.balance(ID).saturated()
}

#[test]
fn what_expires_first_is_spent_first() {
    let mut points = UserPoints::default();
    assert_eq!(earn(&mut points, &ledger(Some(10 * DAY), None), 100, 0, 0), 100);
    assert!(spend(&mut points, 60, false));
    assert_eq!(earn(&mut points, &ledger(Some(24 * DAY), None), 50, 6 * DAY, 6 * DAY), 50);
    assert_eq!((balance(&points), points.due()), (90, Timestamp(10 * DAY)));
    assert_eq!(points.expire(ID, Timestamp(10 * DAY - 1)), Points::ZERO);
    assert_eq!(points.expire(ID, Timestamp(10 * DAY)), Points::from(40));
    assert_eq!((balance(&points), points.due()), (50, Timestamp(30 * DAY)));
}

#[test]
fn debts_are_paid_from_the_next_earnings() {
    let (mut points, rules) = (UserPoints::default(), ledger(None, None));
    earn(&mut points, &rules, 50, 0, 0);
    assert!(spend(&mut points, 50, true) && points.is_empty());
    earn(&mut points, &rules, 21, 1, 1);
    assert!(spend(&mut points, 21, true));
    earn(&mut points, &rules, 50, 2, 2);
    assert_eq!(balance(&points), 50);
    assert!(!spend(&mut points, 51, false) && spend(&mut points, 80, true));
    assert_eq!((balance(&points), points.ledger(ID).map(|ledger| ledger.debt())), (-30, Some(Points::from(30))));
    assert_eq!(earn(&mut points, &rules, 40, 3, 3), 40, "what is earned counts whole");
    assert_eq!((balance(&points), points.ledger(ID).map(|ledger| ledger.debt())), (10, Some(Points::ZERO)));
}

#[test]
fn a_day_earns_no_more_than_its_most_by_the_times_of_the_events() {
    let (mut points, rules) = (UserPoints::default(), ledger(None, Some(100)));
    assert_eq!(earn(&mut points, &rules, 70, DAY - 1, DAY - 1), 70);
    assert_eq!(earn(&mut points, &rules, 70, DAY - 1, DAY), 30, "of the day before");
    assert_eq!(earn(&mut points, &rules, 70, DAY, DAY), 70);
    assert_eq!(earn(&mut points, &rules, 1, 0, 2 * DAY), 0, "a late event belongs to its own day");
    assert_eq!(earn(&mut points, &rules, 5, -29 * DAY, DAY + 1), 5, "thirty days before today");
    assert_eq!(earn(&mut points, &rules, 5, -29 * DAY - 1, DAY + 1), 0, "31 days before");
    assert_eq!(balance(&points), 175);
    let without = ledger(None, None);
    assert_eq!(earn(&mut points, &without, 5, -900 * DAY, DAY + 1), 5, "without daily_max a day has no end");
}

#[test]
fn an_earning_that_would_have_expired_by_now_is_none() {
    let (mut points, rules) = (UserPoints::default(), ledger(Some(DAY), None));
    assert_eq!(earn(&mut points, &rules, 5, 0, DAY), 0);
    assert!(points.is_empty());
    assert_eq!(earn(&mut points, &rules, 5, 1, DAY), 5);
    assert_eq!(points.due(), Timestamp(DAY + 1));
}

#[test]
fn merging_pays_debts_from_the_lots_of_the_other() {
    let (mut user, mut visitor) = (UserPoints::default(), UserPoints::default());
    earn(&mut user, &ledger(Some(2 * DAY), None), 40, 0, 0);
    earn(&mut user, &ledger(None, None), 5, 0, 0);
    spend(&mut visitor, 30, true);
    let mut owed = visitor.clone();
    let mut united = user.clone();
    united.merge(visitor);
    assert_eq!((balance(&united), united.due()), (15, Timestamp(2 * DAY)));
    owed.merge(user);
    assert_eq!(owed, united, "the same in both directions");
}

#[test]
fn amounts_may_be_as_large_as_numbers_and_sums_stop_beyond() {
    let largest = crate::value::Value::Number(crate::decimal::Decimal::from_millionths(10_i128.pow(36)));
    let (mut points, rules, calendar) = (UserPoints::default(), ledger(None, None), ZoneCalendar::new(TimeZone::UTC));
    let earning = Earning { amount: Points::of(&largest), ts: Timestamp(0), now: Timestamp(0), calendar: &calendar };
    for _ in 0..99 {
        points.earn(ID, &rules, earning);
    }
    assert!(points.spend(ID, Points::of(&largest), false));
    assert_eq!(points.balance(ID).to_string(), format!("98{}", "0".repeat(30)));
    assert_eq!(points.balance(ID).to_value(), crate::value::Value::Missing, "beyond 10^30 it is no number");
    for _ in 0..9 {
        points.earn(ID, &rules, earning);
    }
    assert_eq!(points.balance(ID).to_string(), Points::MAX.to_string());
}

#[test]
fn many_lots_are_united_a_little_later_and_never_lost() {
    let (mut points, rules) = (UserPoints::default(), ledger(Some(365 * DAY), None));
    let (every, rounds) = (60_000, 20_000);
    for round in 0..rounds {
        earn(&mut points, &rules, 1, round * every, round * every);
        assert!(points.ledger(ID).expect("points").lots().iter().len() <= LOTS_MAX);
    }
    assert_eq!(balance(&points), rounds);
    let (mut expired, mut now) = (0, 365 * DAY);
    while points.has_balance() {
        expired += i64::try_from(points.expire(ID, Timestamp(now)).saturated()).expect("small");
        let exact = ((now - 365 * DAY) / every + 1).min(rounds);
        // Never more than would have, and never a five-hundredth of the year fewer.
        assert!(expired <= exact && expired + 365 * DAY / 500 / every >= exact, "{expired} of {exact} at {now}");
        now += every * 7;
    }
    assert_eq!(expired, rounds);
}

/// What happened to a ledger without a limit of lots: every earning by itself.
#[derive(Debug, Default)]
struct NaiveLedger {
    lots: Vec<(i64, i64)>,
    debt: i64,
}

impl NaiveLedger {
    fn spend(&mut self, mut amount: i64) {
        self.lots.sort_unstable();
        for (_, left) in &mut self.lots {
            let taken = amount.min(*left);
            (*left, amount) = (*left - taken, amount - taken);
        }
        self.debt += amount;
    }

    fn earn(&mut self, expires: i64, amount: i64) {
        let paid = amount.min(self.debt);
        self.debt -= paid;
        self.lots.push((expires, amount - paid));
    }

    fn expire(&mut self, now: i64) -> i64 {
        let gone = self.lots.iter().filter(|(expires, _)| *expires <= now).map(|(_, left)| left).sum();
        self.lots.retain(|(expires, _)| *expires > now);
        gone
    }

    fn balance(&self) -> i64 {
        self.lots.iter().map(|(_, left)| left).sum::<i64>() - self.debt
    }
}

#[derive(Clone, Debug)]
enum Step {
    Earn { amount: u16, late: u16 },
    Spend { amount: u16, debt: bool },
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u16..100, 0u16..50).prop_map(|(amount, late)| Step::Earn { amount, late }),
        (1u16..150, any::<bool>()).prop_map(|(amount, debt)| Step::Spend { amount, debt }),
        (1u16..60).prop_map(Step::Wait),
    ]
}

proptest! {
    /// earned - spent - expired = balance at every position, with the lots of a list of all earnings.
    #[test]
    fn lots_conserve_points(steps in prop::collection::vec(step(), 1..120), expires in 10i64..200) {
        let rules = ledger(Some(expires), None);
        let (mut points, mut naive, mut now) = (UserPoints::default(), NaiveLedger::default(), 1_000i64);
        let mut conserved = 0;
        for step in steps {
            match step {
                Step::Wait(ms) => now += i64::from(ms),
                Step::Earn { amount, late } => {
                    let ts = now - i64::from(late);
                    let earned = earn(&mut points, &rules, amount.into(), ts, now);
                    prop_assert_eq!(earned, if ts + expires > now { u64::from(amount) } else { 0 });
                    conserved += i64::try_from(earned).expect("small");
                    if earned > 0 {
                        naive.earn(ts + expires, amount.into());
                    }
                }
                Step::Spend { amount, debt } => {
                    let is_spent = spend(&mut points, amount.into(), debt);
                    prop_assert_eq!(is_spent, debt || naive.balance() >= i64::from(amount));
                    if is_spent {
                        naive.spend(amount.into());
                        conserved -= i64::from(amount);
                    }
                }
            }
            let expired = i64::try_from(points.expire(ID, Timestamp(now)).saturated()).expect("small");
            prop_assert_eq!(expired, naive.expire(now));
            conserved -= expired;
            prop_assert_eq!((balance(&points), conserved), (naive.balance(), conserved));
            prop_assert_eq!(balance(&points), conserved);
            for within in [0, 1, 30, 500] {
                let (amount, next) = points.ledger(ID).map_or((Points::ZERO, Timestamp::NEVER), |ledger| {
                    ledger.lots().expiring(Timestamp(now + within))
                });
                let of = |lot: &&(i64, i64)| lot.0 <= now + within;
                let expected: i64 = naive.lots.iter().filter(of).map(|(_, left)| left).sum();
                prop_assert_eq!(amount, Points::from(u64::try_from(expected).expect("positive")));
                let beyond = naive.lots.iter().filter(|lot| lot.1 > 0 && !of(lot)).map(|(expires, _)| *expires).min();
                prop_assert_eq!(next, beyond.map_or(Timestamp::NEVER, Timestamp));
            }
        }
    }

    /// In whatever order lots are added, two users united are the same.
    #[test]
    fn uniting_keeps_every_point(ours in prop::collection::vec((0i64..500, 1u64..9), 0..60), theirs in prop::collection::vec((0i64..500, 1u64..9), 0..60)) {
        let with = |lots: &[(i64, u64)]| {
            let mut points = UserPoints::default();
            for (ts, amount) in lots {
                earn(&mut points, &ledger(Some(1_000), None), *amount, *ts, *ts);
            }
            points
        };
        let (mut one, mut other) = (with(&ours), with(&theirs));
        let (first, second) = (one.clone(), other.clone());
        one.merge(second);
        other.merge(first);
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(&one, &with(&[ours, theirs].concat()));
    }
}

#[test]
fn a_lot_is_no_larger_than_an_instant_and_a_number() {
    assert_eq!((size_of::<Lot>(), size_of::<PointsBalance>()), (24, 16));
}
