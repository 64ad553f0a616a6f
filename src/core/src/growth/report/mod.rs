//! The growth numbers of one moment, computed from the rollup.
//!
//! A file for each group of numbers, with their types. All figures are exact: whole numbers of users, events or millionths of
//! the currency, unless their description says otherwise; rates are left to [`Ratio`](super::Ratio), so that nothing is
//! rounded before it is shown. Days and hours are those of [`GrowthNumbers::timezone`]. A day is *complete* once the watermark
//! reached its end.

mod commerce;
mod context;
mod days;
mod funnels;
mod lifecycle;
mod promotions;
mod retention;
mod targets;
mod users;

pub use commerce::{CommerceNumbers, PickSales, SalesFigures};
pub use days::{CategoryNumbers, DayNumbers, HourNumbers, StageFlow};
pub use funnels::{FunnelDay, FunnelNumbers, StepNumbers};
pub use lifecycle::LifecycleNumbers;
pub use promotions::{PromotionNumbers, WeekOverWeek};
pub use retention::{Cohort, Retention, RetentionRates};
pub(crate) use targets::figure;
pub use targets::{TargetNumbers, daily_figure};
pub use users::{PeriodGrowth, UserNumbers};

use serde::Serialize;

use super::calendar::Day;
use super::plan::GrowthPlan;
use super::rollup::Rollup;
use crate::rules::growth::{Currency, Stage};
use crate::time::Timestamp;
use context::ReportContext;

/// Complete days of the window that most numbers cover.
const WINDOW_DAYS: usize = 30;

/// The growth numbers of a log, as of one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GrowthNumbers {
    /// The moment: the watermark of the log, or the end time of a replay. RFC 3339, UTC.
    pub as_of: String,
    /// The IANA time zone of days and hours.
    pub timezone: String,
    /// The currency of amounts, an ISO 4217 code; null: the rules name none.
    pub currency: Option<Currency>,
    /// The business day of `as_of`. It is not complete.
    pub today: Day,
    /// The names of the first-touch channels, `direct` and `other` last. Everything "by channel" is in this order.
    pub channels: Vec<String>,
    /// The stages of the lifecycle, in the order of the rules; none if the rules define no lifecycle.
    pub stages: Vec<Stage>,
    /// Every day from the first with events (at most 400 days ago) to `today`, without gaps, oldest first.
    pub days: Vec<DayNumbers>,
    /// Every hour with events of those days, oldest first; an hour that is not listed had none.
    pub hours: Vec<HourNumbers>,
    /// The figures of the day before `today`, and what they are compared with.
    pub users: UserNumbers,
    /// Retention by cohort.
    pub retention: Retention,
    /// The lifecycle; null if the rules define none.
    pub lifecycle: Option<LifecycleNumbers>,
    /// The funnels, in the order of the rules.
    pub funnels: Vec<FunnelNumbers>,
    /// Sales; null if the rules define no order.
    pub commerce: Option<CommerceNumbers>,
    /// The promotions, in the order of the rules.
    pub promotions: Vec<PromotionNumbers>,
    /// The targets, in the order of the rules.
    pub targets: Vec<TargetNumbers>,
}

impl GrowthNumbers {
    /// The numbers as of a moment, which is earlier than no merged event by more than the disorder of the log.
    pub fn new(plan: &GrowthPlan, rollup: &Rollup, as_of: Timestamp) -> GrowthNumbers {
        let context = ReportContext::new(plan, rollup, as_of);
        GrowthNumbers {
            as_of: as_of.to_string(),
            timezone: plan.rules.timezone_name.clone(),
            currency: plan.rules.currency,
            today: context.today,
            channels: plan.channel_names(),
            stages: plan.rules.stages.iter().map(|stage| stage.stage).collect(),
            hours: days::hours(&context),
            users: users::users(&context),
            retention: retention::retention(&context),
            lifecycle: (!plan.rules.stages.is_empty()).then(|| lifecycle::lifecycle(&context)),
            funnels: funnels::funnels(&context),
            commerce: plan.rules.orders.as_ref().map(|_| commerce::commerce(&context)),
            promotions: promotions::promotions(&context),
            targets: targets::targets(&context),
            days: context.days,
        }
    }
}
