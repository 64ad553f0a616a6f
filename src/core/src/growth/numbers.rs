//! The growth numbers as data: what is counted, by business day, by hour, by first-touch channel.
//!
//! Everything in here is a whole number of people, events or millionths of the currency, exact unless its description
//! says otherwise; rates are left to [`Ratio`], so that nothing is rounded before it is shown. Days and hours are those
//! of [`Numbers::timezone`]. A day is *complete* once the log's time has got to its end.

use std::fmt;

use serde::{Serialize, Serializer};

use super::calendar::{Day, Hour};
use super::models::Outlook;

/// An amount of money in millionths of the currency the events speak of; different currencies are not told apart. In JSON
/// it is a decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Money(pub i128);

/// A figure of a metric: so many, or so much money. In JSON a number of the metric's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// So many.
    Count(i128),
    /// So much.
    Money(Money),
}

/// How much of a figure there is. In JSON like a [`Ratio`], in the figure's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What there is.
    pub part: Figure,
    /// Out of how much.
    pub whole: Figure,
}

/// A rate: the part and the whole it is a part of. In JSON `{"part", "whole", "rate"}`, `rate` null where the whole is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ratio {
    /// What the rate speaks of.
    pub part: i128,
    /// Out of how much.
    pub whole: i128,
}

/// All growth numbers of a log, as of one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Numbers {
    /// The moment: the log's watermark, or the end that a replay was given. RFC 3339, UTC.
    pub as_of: String,
    /// The IANA zone that days and hours are of.
    pub timezone: String,
    /// The business day of `as_of`. It is not complete.
    pub today: Day,
    /// The names of the first-touch channels, `direct` and `other` last. Whatever is "by channel" stands in this order.
    pub channels: Vec<String>,
    /// The names of the lifecycle's stages, in the order of the rules; none where the rules map none.
    pub stages: Vec<String>,
    /// Every day from the first with events (at most 400 days back) to `today`, without gaps, oldest first.
    pub days: Vec<DayNumbers>,
    /// Every hour with events of those days, oldest first; an hour that is not here had none.
    pub hours: Vec<HourNumbers>,
    /// The figures of the day before `today`, and what they are compared with.
    pub users: UserNumbers,
    /// Who comes back.
    pub retention: Retention,
    /// The lifecycle; null where the rules map no stages.
    pub lifecycle: Option<Lifecycle>,
    /// The funnels, as the rules order them.
    pub funnels: Vec<FunnelNumbers>,
    /// What was sold; null where the rules do not say what an order is.
    pub commerce: Option<CommerceNumbers>,
    /// The promotions, as the rules order them.
    pub promotions: Vec<PromotionNumbers>,
    /// The targets, as the rules order them.
    pub targets: Vec<TargetNumbers>,
    /// What follows from all that: the targets' pace and forecast, and what is out of the usual.
    pub outlook: Outlook,
}

/// One business day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DayNumbers {
    /// Which.
    pub day: Day,
    /// Whether the log's time has got to its end.
    pub complete: bool,
    /// Users known at the end of it: everyone whose first event was on it or before.
    pub known_users: u64,
    /// Users who signed up on it or before.
    pub known_sign_ups: u64,
    /// Buyers on it or before, ever.
    pub known_buyers: u64,
    /// Of those, the ones with two orders or more by its end.
    pub known_repeat_buyers: u64,
    /// Everybody.
    pub all: Tally,
    /// By first-touch channel; the sum of each count is that of `all`.
    pub by_channel: Vec<Tally>,
    /// The categories that sold most by value, highest first; at most 192, and exact where there were no more.
    pub categories: Vec<CategoryNumbers>,
    /// The value that may be missing from each of `categories`; 0: none is.
    pub category_error: Money,
    /// Users in each stage at the end of it.
    pub stage_sizes: Vec<u64>,
    /// Active users by the stage they were in when their day began. A visitor who became a known user later may count
    /// here once more.
    pub active_by_stage: Vec<u64>,
    /// Who moved where.
    pub flows: Vec<Flow>,
}

/// What is counted of a day, of everybody or of those who came by one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Users whose first event ever was on this day.
    pub new_users: u64,
    /// Users whose first `identify` with a `userId` was on this day.
    pub sign_ups: u64,
    /// DAU: users with an event on this day.
    pub active: u64,
    /// WAU: users with an event on this day or the 6 before.
    pub active_7d: u64,
    /// MAU: users with an event on this day or the 29 before.
    pub active_30d: u64,
    /// Sessions that began on this day: an event begins one when the user's event before it is older than the
    /// `session_gap`. Late events begin none.
    pub sessions: u64,
    /// Of those, with a cart event.
    pub cart_sessions: u64,
    /// Of those, with a checkout event.
    pub checkout_sessions: u64,
    /// Of those with a cart event, the ones with an order at or after it.
    pub cart_order_sessions: u64,
    /// Users with an order on this day.
    pub buyers: u64,
    /// Users with an order on this day or the 6 before.
    pub buyers_7d: u64,
    /// Users with an order on this day or the 29 before.
    pub buyers_30d: u64,
    /// Users whose first order ever was on this day.
    pub new_buyers: u64,
    /// Users whose second order ever was on this day.
    pub repeat_buyers: u64,
    /// Orders.
    pub orders: u64,
    /// Orders with a coupon.
    pub coupon_orders: u64,
    /// Refunds, by the day of the refund.
    pub refunds: u64,
    /// GMV: the values of the orders, as they were ordered: after discounts, before refunds.
    pub gmv: Money,
    /// Of that, the buyers' first orders ever.
    pub gmv_new: Money,
    /// The values of the refunds.
    pub refunded: Money,
    /// Discounts given with the orders.
    pub discount: Money,
}

/// A category of a day or of a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CategoryNumbers {
    /// Which.
    pub category: String,
    /// Orders of it.
    pub orders: u64,
    /// Their value.
    pub gmv: Money,
}

/// Users who moved between stages on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// The stage left; `outside`: the user was not known before; `none`: known, and in no stage.
    pub from: String,
    /// The stage entered; `outside`: a visitor became another user, or was forgotten; `none`: in no stage now.
    pub to: String,
    /// How many moves.
    pub users: u64,
}

/// One hour by the business's clocks. When clocks are set back, two hours are one here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HourNumbers {
    /// Which.
    pub hour: Hour,
    /// Events of any kind.
    pub events: u64,
    /// Whatever adds up.
    #[serde(flatten)]
    pub sums: WindowNumbers,
}

/// The last complete day's figures about users.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UserNumbers {
    /// Which day; null before the first is complete.
    pub day: Option<Day>,
    /// DAU over MAU.
    pub stickiness: Ratio,
    /// DAU over all known users.
    pub active_share: Ratio,
    /// New users of the day over the day before; of 7 days over the 7 before; of 30 over the 30 before. The growth is the
    /// rate less 1.
    pub new_users: Growth,
    /// Active users of the day over the day before, and WAU and MAU over those of 7 and 30 days earlier.
    pub active_users: Growth,
}

/// A period over the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Growth {
    /// The last complete day over the day before.
    pub day: Ratio,
    /// The last 7 complete days over the 7 before.
    pub week: Ratio,
    /// The last 30 complete days over the 30 before.
    pub month: Ratio,
}

/// Who comes back. A cohort is the users whose first event was on the same day, or in the same week (Monday to Sunday).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retention {
    /// Of cohorts of up to 30 complete days, ending with the last whose day after is complete: users active on the day
    /// after their first, over all of them.
    pub day_1: Ratio,
    /// The same on the 7th day after the first.
    pub day_7: Ratio,
    /// The same on the 30th day after the first.
    pub day_30: Ratio,
    /// The same three by channel.
    pub by_channel: Vec<RetentionRates>,
    /// The triangle of cohorts by day, oldest first.
    pub days: Vec<Cohort>,
    /// The triangle of cohorts by week, oldest first.
    pub weeks: Vec<Cohort>,
}

/// Retention of one channel's users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct RetentionRates {
    /// On the day after the first.
    pub day_1: Ratio,
    /// On the 7th day after.
    pub day_7: Ratio,
    /// On the 30th day after.
    pub day_30: Ratio,
}

/// A cohort, and how many of it were active later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cohort {
    /// Its day, or its week's Monday.
    pub start: Day,
    /// How many users it has.
    pub users: u64,
    /// Users active on the k-th day (0 to 30), or in the k-th week (0 to 4), after the first; `active[0]` is `users`. Only
    /// what is complete stands here, beside what has begun in a cohort of today or this week.
    pub active: Vec<u64>,
    /// The same by channel: `by_channel[channel][k]`.
    pub by_channel: Vec<Vec<u64>>,
}

/// The lifecycle now, and over the last complete day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lifecycle {
    /// Users in each stage now.
    pub sizes: Vec<u64>,
    /// Known users in no stage now.
    pub none: u64,
    /// Of the last complete day: users who left `dormant` or `churned` for another stage, over those who were in them as
    /// the day began.
    pub reactivation: Ratio,
}

/// A funnel over the last 30 complete days, and by day.
///
/// A step counts for the latest start from which it can be reached: for each event of step k, the user's latest event of
/// step k − 1 at or before it, with the start that one counts for; if it lies at most `within` after that start, step k is
/// reached from there. Users are people: a window (the 30 days, or one day) counts each once for a step that was reached from
/// a start in it, however many starts there were. Events older than the user's latest step before are passed over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunnelNumbers {
    /// Its id.
    pub id: String,
    /// How long after the start the last step may be, in milliseconds.
    pub within_ms: i64,
    /// The steps over the last 30 complete days.
    pub steps: Vec<StepNumbers>,
    /// By day of the start: how many users reached each step.
    pub days: Vec<FunnelDay>,
}

/// A step of a funnel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepNumbers {
    /// The event's name in the rules.
    pub name: String,
    /// Users who reached it from a start in those days, each counted once.
    pub users: u64,
    /// Sessions that reached it: those in which the steps so far happened in order.
    pub sessions: u64,
    /// Users over those of the step before; of the first step, over itself.
    pub from_previous: Ratio,
    /// Users over those of the first step.
    pub from_first: Ratio,
    /// The median time from the step before, in milliseconds, off by at most 6.25 % (times from 1 s; shorter ones count as
    /// 0); null for the first step, and where nobody got here.
    pub median_ms: Option<u64>,
    /// Users by channel.
    pub users_by_channel: Vec<u64>,
    /// Sessions by channel.
    pub sessions_by_channel: Vec<u64>,
}

/// A funnel on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunnelDay {
    /// The day of the starts.
    pub day: Day,
    /// Users who reached each step from a start on it, each counted once.
    pub users: Vec<u64>,
    /// Sessions that reached each step, by the day the session began.
    pub sessions: Vec<u64>,
}

/// What was sold in the last 30 complete days.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommerceNumbers {
    /// Over those days.
    pub all: Sales,
    /// By first-touch channel.
    pub by_channel: Vec<Sales>,
    /// The ten categories that sold most by value.
    pub categories: Vec<CategoryNumbers>,
    /// The value that may be missing from each of them; 0: none is.
    pub category_error: Money,
    /// Buyers ever with two orders or more, over all buyers ever, at the end of the last complete day.
    pub repeat_purchase: Ratio,
}

/// Sales of 30 days and what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Sales {
    /// Orders.
    pub orders: u64,
    /// Their value.
    pub gmv: Money,
    /// Net of refunds: `gmv` less what was refunded in these days; null where the rules do not say what a refund is.
    pub revenue: Option<Money>,
    /// AOV: value over orders, to the nearest millionth; null without orders.
    pub aov: Option<Money>,
    /// Users with an order.
    pub buyers: u64,
    /// Orders over buyers.
    pub orders_per_buyer: Ratio,
    /// Visitor → buyer: users with an order over active users.
    pub conversion: Ratio,
    /// Cart abandonment: sessions with a cart event and no order at or after it, over sessions with a cart event.
    pub cart_abandonment: Ratio,
    /// The value of first orders ever.
    pub gmv_new: Money,
    /// The value of all others.
    pub gmv_returning: Money,
    /// Orders with a coupon over orders.
    pub coupon_share: Ratio,
    /// Discounts given.
    pub discount: Money,
}

/// A promotion: the numbers of its time, of as long before and after it, and of each of the three a week earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PromotionNumbers {
    /// Its id.
    pub id: String,
    /// Its first hour.
    pub starts: Hour,
    /// The hour it ends with, exclusive.
    pub ends: Hour,
    /// The most that its discounts should come to; null: there is no such.
    pub budget: Option<Money>,
    /// The discounts of its orders so far, those of the hour that is not over among them.
    pub spent: Money,
    /// As long as the promotion, right before it.
    pub before: Compared,
    /// The promotion.
    pub during: Compared,
    /// As long as the promotion, right after it.
    pub after: Compared,
}

/// The hours of a window that are over, and as many one week (7 × 24 hours by the clock) earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Compared {
    /// How many hours of the window are over; both figures are of so many from its beginning on.
    pub hours: u32,
    /// How many hours the window has.
    pub of_hours: u32,
    /// The window; null where none of its hours is over, or where it is before all that is told of.
    pub now: Option<WindowNumbers>,
    /// The same hours a week earlier; null likewise, and where they begin before all that is told of.
    pub week_earlier: Option<WindowNumbers>,
}

/// Whatever adds up over hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct WindowNumbers {
    /// Sessions that began.
    pub sessions: u64,
    /// Users whose first event ever was in it.
    pub new_users: u64,
    /// Orders.
    pub orders: u64,
    /// Orders with a coupon.
    pub coupon_orders: u64,
    /// The values of the orders.
    pub gmv: Money,
    /// The values of the refunds.
    pub refunded: Money,
    /// Discounts given.
    pub discount: Money,
}

/// A target, and how far it has got.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetNumbers {
    /// Its id.
    pub id: String,
    /// What is counted: `gmv`, `revenue`, `orders`, `new_users`, `sign_ups`, `new_buyers` or `sessions`.
    pub metric: String,
    /// `day`, `week`, `month`, `quarter` or `year`.
    pub period: String,
    /// What is to be reached in each period.
    pub value: Figure,
    /// The first day of the period that `today` is in.
    pub period_starts: Day,
    /// The day after its last.
    pub period_ends: Day,
    /// How much of it there is by now.
    pub reached: Figure,
    /// `reached` over `value`.
    pub progress: Progress,
}

impl Money {
    /// The amount as a double.
    pub fn to_number(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl std::ops::Add for Money {
    type Output = Money;

    fn add(self, other: Money) -> Money {
        Money(self.0 + other.0)
    }
}

impl std::ops::Sub for Money {
    type Output = Money;

    fn sub(self, other: Money) -> Money {
        Money(self.0 - other.0)
    }
}

impl std::iter::Sum for WindowNumbers {
    fn sum<I: Iterator<Item = WindowNumbers>>(windows: I) -> WindowNumbers {
        windows.fold(WindowNumbers::default(), |sum, one| WindowNumbers {
            sessions: sum.sessions + one.sessions,
            new_users: sum.new_users + one.new_users,
            orders: sum.orders + one.orders,
            coupon_orders: sum.coupon_orders + one.coupon_orders,
            gmv: sum.gmv + one.gmv,
            refunded: sum.refunded + one.refunded,
            discount: sum.discount + one.discount,
        })
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money(0), |sum, amount| sum + amount)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_number())
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.to_number())
    }
}

impl Figure {
    /// Of what [`metric`](crate::growth::metric) says of a metric.
    pub fn of(metric: &str, figure: i128) -> Figure {
        if crate::rules::growth::is_money(metric) { Figure::Money(Money(figure)) } else { Figure::Count(figure) }
    }

    /// The figure as a double.
    pub fn to_number(self) -> f64 {
        match self {
            Figure::Count(count) => count as f64,
            Figure::Money(amount) => amount.to_number(),
        }
    }
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Figure::Count(count) => serializer.serialize_i128(*count),
            Figure::Money(amount) => amount.serialize(serializer),
        }
    }
}

impl Progress {
    /// Its value; `None` where the whole is 0.
    pub fn rate(self) -> Option<f64> {
        let whole = self.whole.to_number();
        (whole != 0.0).then(|| self.part.to_number() / whole)
    }
}

impl Serialize for Progress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_rate((&self.part, &self.whole, self.rate()), serializer)
    }
}

impl Ratio {
    /// A part of a whole.
    pub fn new(part: impl Into<i128>, whole: impl Into<i128>) -> Ratio {
        Ratio { part: part.into(), whole: whole.into() }
    }

    /// Its value; `None` where the whole is 0.
    pub fn rate(self) -> Option<f64> {
        (self.whole != 0).then(|| self.part as f64 / self.whole as f64)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_rate((&self.part, &self.whole, self.rate()), serializer)
    }
}

fn serialize_rate<S: Serializer, T: Serialize>(
    (part, whole, rate): (&T, &T, Option<f64>),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeStruct;
    let mut fields = serializer.serialize_struct("Ratio", 3)?;
    fields.serialize_field("part", part)?;
    fields.serialize_field("whole", whole)?;
    fields.serialize_field("rate", &rate)?;
    fields.end()
}
