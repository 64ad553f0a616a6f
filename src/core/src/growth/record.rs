//! What the growth numbers remember of one user, and what that adds up to.
//!
//! Every count by user is a sum over users of a function of their records: `contribute` enters a whole record, with a
//! plus or with a minus. An event in its usual order enters only what it adds; one that changes what stands already (an
//! event of an earlier day, an earlier first touch, a visitor who turns out to be somebody) has the old record taken out
//! and the new one put in, and so comes to the same.

use thin_vec::ThinVec;

use super::calendar::Day;
use super::days::Days;
use super::funnels::{self, Step};
use super::ledger::Ledger;
use super::orders::Orders;
use super::plan::{COHORT_DAYS, COHORT_WEEKS, Count, HourCount, OUTSIDE, Plan, StageNumber};
use crate::time::Timestamp;

/// What stands for the time of a funnel's step that was not reached.
pub(super) const NEVER_BEFORE: i64 = i64::MIN;

/// What is remembered of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The days with events, up to `latest`.
    pub(super) days: Days,
    /// The first step of each funnel, then the steps after it, funnel by funnel. Only as long as it has to be.
    pub(super) steps: ThinVec<Step>,
    /// What was bought.
    pub(super) orders: Option<Box<Orders>>,
    /// In the session: four bits for each funnel, how many steps were reached.
    pub(super) depths: u32,
    /// The latest day with events.
    pub(super) latest: Day,
    /// The day of the first event.
    pub(super) first: Day,
    /// The day of the first sign-up.
    pub(super) signed_up: Option<SignUp>,
    /// The day the session began.
    pub(super) session_day: Day,
    /// The latest day on which the stage changed.
    pub(super) moved: Day,
    /// The channel of the first event.
    pub(super) channel: u8,
    pub(super) stage: StageNumber,
    /// The stage as the day `moved` began.
    pub(super) stage_before: StageNumber,
    /// What happened in the session: [`CART`], [`CHECKOUT`], [`CART_ORDER`].
    pub(super) session: u8,
}

/// A day of a sign-up; days count from 1.
pub(super) type SignUp = std::num::NonZeroU16;

pub(super) const CART: u8 = 1;
pub(super) const CHECKOUT: u8 = 2;
pub(super) const CART_ORDER: u8 = 4;

/// The bytes a thin vector takes on the heap: what it says of itself, and its items.
pub(super) fn thin_bytes<T>(items: &ThinVec<T>) -> usize {
    if items.capacity() == 0 { 0 } else { 16 + items.capacity() * size_of::<T>() }
}

/// Enters where a user begins and ceases to be active within 7 and 30 days, for a day after `previous` one.
pub(super) fn add_windows(ledger: &mut Ledger, [week, month]: [u16; 2], day: Day, previous: Option<Day>, sign: i64) {
    for (column, length) in [(week, 7), (month, 30)] {
        let start = previous.map_or(day, |previous| day.max(previous.plus(length)));
        ledger.add(start, column, sign);
        ledger.add(day.plus(length), column, -sign);
    }
}

impl Record {
    /// Somebody whose first event was on a day.
    pub(super) fn new(first: Day, channel: u8) -> Record {
        Record {
            days: Days::new(),
            steps: ThinVec::new(),
            orders: None,
            depths: 0,
            latest: first,
            first,
            signed_up: None,
            session_day: first,
            moved: first,
            channel,
            stage: OUTSIDE,
            stage_before: OUTSIDE,
            session: 0,
        }
    }

    /// What is remembered, in words, for whoever has a right to it.
    pub fn export(&self, plan: &Plan) -> serde_json::Value {
        let days = |day: &mut dyn Iterator<Item = Day>| day.map(|day| day.to_string()).collect::<Vec<_>>();
        let at = |at: Timestamp| at.to_string();
        let orders = self.orders.as_ref().map(|orders| {
            let day = |held: &super::orders::OrderDay| {
                serde_json::json!({
                    "day": held.day.to_string(), "orders": held.orders, "coupon_orders": held.coupon_orders,
                    "refunds": held.refunds, "value": held.gmv as f64 / 1e6, "refunded": held.refunded as f64 / 1e6,
                    "discount": held.discount as f64 / 1e6,
                })
            };
            serde_json::json!({
                "first": orders.first.map(|(first, _)| at(first)),
                "second": orders.second.map(at),
                "days": orders.days.iter().map(day).collect::<Vec<_>>(),
                "order_id_hashes": orders.ids.iter().map(|id| format!("{id:016x}")).collect::<Vec<_>>(),
            })
        });
        let steps = self.steps.iter().map(|step| {
            let starts = || (at(Timestamp(step.start)), at(Timestamp(step.time)));
            step.is_reached()
                .then(starts)
                .map(|(start, reached)| serde_json::json!({"start": start, "reached": reached}))
        });
        serde_json::json!({
            "channel": plan.channel_names().get(usize::from(self.channel)),
            "stage": plan.stage_name(usize::from(self.stage)),
            "first_day": self.first.to_string(),
            "active_days": days(&mut self.days.iter(self.latest)),
            "signed_up": self.signed_up.map(|day| Day(day.get()).to_string()),
            "session": {"day": self.session_day.to_string(), "seen": self.session, "steps": self.depths},
            "funnel_steps": steps.collect::<Vec<_>>(),
            "orders": orders,
        })
    }

    /// The bytes it takes, its own place included.
    pub fn heap_bytes(&self) -> usize {
        size_of::<Record>()
            + self.days.heap_bytes()
            + thin_bytes(&self.steps)
            + self.orders.as_ref().map_or(0, |orders| size_of::<Orders>() + orders.heap_bytes())
    }

    /// Enters all that counts for the user's channel, with a plus (1) or a minus (−1).
    pub(super) fn contribute(&self, plan: &Plan, sign: i64, ledger: &mut Ledger) {
        ledger.add(self.first, plan.layout.count(self.channel, Count::NewUsers, 0), sign);
        if let Some(day) = self.signed_up {
            ledger.add(Day(day.get()), plan.layout.count(self.channel, Count::SignUps, 0), sign);
        }
        let mut previous = None;
        for day in self.days.iter(self.latest) {
            self.contribute_day(plan, day, previous, sign, ledger);
            previous = Some(day);
        }
        if let Some(orders) = &self.orders {
            orders.contribute(plan, self.channel, sign, ledger);
        }
        funnels::contribute(plan, self, sign, ledger);
    }

    /// Enters a day with events after `previous` one.
    fn contribute_day(&self, plan: &Plan, day: Day, previous: Option<Day>, sign: i64, ledger: &mut Ledger) {
        let count = |count, offset| plan.layout.count(self.channel, count, offset);
        ledger.add(day, count(Count::Active, 0), sign);
        add_windows(ledger, [count(Count::Active7d, 0), count(Count::Active30d, 0)], day, previous, sign);
        if let Ok(after @ ..=COHORT_DAYS) = usize::try_from(day.since(self.first)) {
            ledger.add(self.first, count(Count::CohortDay, after), sign);
        }
        let week = day.monday();
        if previous.is_none_or(|previous| previous < week)
            && let Ok(after @ ..=COHORT_WEEKS) = usize::try_from(week.since(self.first.monday()) / 7)
        {
            ledger.add(self.first.monday(), count(Count::CohortWeek, after), sign);
        }
    }

    /// An event on a day that is not before the user's first.
    pub(super) fn be_active(&mut self, plan: &Plan, day: Day, ledger: &mut Ledger) {
        if day > self.latest {
            let previous = self.latest;
            self.days.insert(&mut self.latest, day);
            self.contribute_day(plan, day, Some(previous), 1, ledger);
            self.stay(plan, day, ledger);
        } else if !self.days.contains(self.latest, day) {
            self.contribute(plan, -1, ledger);
            let is_new = self.days.insert(&mut self.latest, day);
            self.contribute(plan, 1, ledger);
            if is_new {
                self.stay(plan, day, ledger);
            }
        }
    }

    /// The user is active on a day that began in a stage. Of a day before the latest change of stages, what is known is the
    /// stage before that.
    fn stay(&self, plan: &Plan, day: Day, ledger: &mut Ledger) {
        let stage = if day > self.moved { self.stage } else { self.stage_before };
        if stage != OUTSIDE {
            ledger.add(day, plan.layout.stay_column(stage), 1);
        }
    }

    /// The first event turns out to have been another.
    pub(super) fn begin_earlier(&mut self, plan: &Plan, first: Day, channel: u8, ledger: &mut Ledger) {
        if (first, channel) != (self.first, self.channel) {
            self.contribute(plan, -1, ledger);
            (self.first, self.channel) = (first, channel);
            self.days.insert(&mut self.latest, first);
            self.contribute(plan, 1, ledger);
        }
    }

    pub(super) fn sign_up(&mut self, plan: &Plan, day: Day, ledger: &mut Ledger) {
        let Some(signed_up) = SignUp::new(day.0) else { return };
        if self.signed_up.is_some_and(|before| before <= signed_up) {
            return;
        }
        let column = plan.layout.count(self.channel, Count::SignUps, 0);
        if let Some(before) = self.signed_up.replace(signed_up) {
            ledger.add(Day(before.get()), column, -1);
        }
        ledger.add(day, column, 1);
    }

    /// The user moves to a stage, at an instant.
    pub(super) fn move_to(&mut self, plan: &Plan, stage: StageNumber, at: Timestamp, ledger: &mut Ledger) {
        if stage != self.stage {
            let day = ledger.day(&plan.calendar, at);
            ledger.add(day, plan.layout.flow_column(self.stage, stage), 1);
            if day > self.moved {
                (self.moved, self.stage_before) = (day, self.stage);
            }
            self.stage = stage;
        }
    }

    /// Takes in the past of a visitor; each with the times of the first and latest event.
    pub(super) fn unite(
        &mut self,
        plan: &Plan,
        (first, latest): (Timestamp, Timestamp),
        mut visitor: Record,
        (visitor_first, visitor_latest): (Timestamp, Timestamp),
        ledger: &mut Ledger,
    ) {
        funnels::align(self, &mut visitor);
        for record in [&*self, &visitor] {
            record.contribute(plan, -1, ledger);
        }
        ledger.add_hour(plan.calendar.hour(first.max(visitor_first)), HourCount::NewUsers as u16, -1);
        funnels::unite(plan, self, &visitor);
        if visitor_first < first {
            (self.first, self.channel) = (visitor.first, visitor.channel);
        }
        self.signed_up = [self.signed_up, visitor.signed_up].into_iter().flatten().min();
        for day in visitor.days.iter(visitor.latest) {
            self.days.insert(&mut self.latest, day);
        }
        if visitor_latest > latest {
            (self.session_day, self.session, self.depths) = (visitor.session_day, visitor.session, visitor.depths);
        }
        match (&mut self.orders, visitor.orders.take()) {
            (Some(orders), Some(theirs)) => orders.unite(*theirs),
            (orders @ None, theirs) => *orders = theirs,
            _ => {}
        }
        self.contribute(plan, 1, ledger);
    }
}
