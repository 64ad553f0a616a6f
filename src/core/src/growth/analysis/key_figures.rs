//! The key figures of a report, each beside the same figure of the period before.
//!
//! What each is compared with is said: a day with the same weekday of the week before, since weekdays differ; windows with the
//! windows before them. A figure without a complete period before has no change, and says how many complete days it takes; one
//! that stands on fewer than thirty people or orders is marked, since its change is as likely chance.

use serde::Serialize;

use super::headline::REASONED_FROM;
use crate::growth::calendar::Day;
use crate::growth::money::Ratio;
use crate::growth::report::{Cohort, DayNumbers, GrowthNumbers};
use crate::growth::{DayTotals, WindowTotals};

/// Days of the window that most figures cover, and cohorts of a retention rate.
const WINDOW: usize = 30;

/// A key figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyFigure {
    /// Its id, which is kept.
    pub id: &'static str,
    /// Its name for people.
    pub name: String,
    /// What it is in; a change of shares is a difference, of all others a rate.
    pub unit: FigureUnit,
    /// Its value; null: it is undefined.
    pub value: Option<f64>,
    /// Its value in the period before; null: that is not complete, or it was undefined.
    pub before: Option<f64>,
    /// The change: `value` less `before`, for all but shares over `before`; null where either is missing.
    pub change: Option<f64>,
    /// What it is compared with.
    pub against: &'static str,
    /// Complete days that a comparison needs.
    pub needed_days: usize,
    /// Whether it stands on too few people or orders for its change to mean anything.
    pub is_few: bool,
    /// Whether more of it is better, and not less.
    pub is_more_better: bool,
    /// What it is, or what belongs to it.
    pub about: String,
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FigureUnit {
    /// A number of people, orders or the like.
    Count,
    /// An amount of the currency.
    Money,
    /// A share, 0 to 1.
    Share,
    /// A number with decimals.
    Number,
}

/// A figure of one period: its value, and how many people or orders it stands on.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    value: Option<f64>,
    of: i128,
}

/// What a figure is called and compared with.
struct FigureKind {
    id: &'static str,
    name: String,
    unit: FigureUnit,
    against: &'static str,
    needed_days: usize,
    is_more_better: bool,
    about: String,
}

impl Measured {
    fn count(count: u64) -> Measured {
        Measured { value: Some(count as f64), of: count.into() }
    }

    fn share(ratio: Ratio) -> Measured {
        Measured { value: ratio.rate(), of: ratio.whole }
    }
}

/// The key figures of numbers, in the order in which they are shown.
pub fn key_figures(numbers: &GrowthNumbers) -> Vec<KeyFigure> {
    let days: Vec<&DayNumbers> = numbers.days.iter().filter(|day| day.complete).collect();
    let mut figures = Vec::new();
    if let Some(last) = days.last() {
        users(&days, last, &mut figures);
    }
    retention(numbers, days.len(), &mut figures);
    if numbers.commerce.is_some() && !days.is_empty() {
        sales(numbers, &days, &mut figures);
    }
    figures
}

fn users(days: &[&DayNumbers], last: &DayNumbers, figures: &mut Vec<KeyFigure>) {
    let back = |by: usize| days.len().checked_sub(by + 1).map(|at| days[at]);
    let of_day = |of: &dyn Fn(&DayNumbers) -> Measured, by: usize| [Some(of(last)), back(by).map(of)];
    let mut add = |id, name: &str, unit, against, needed_days, pair, about: String| {
        let is_more_better = true;
        let kind = FigureKind { id, name: name.to_owned(), unit, against, needed_days, is_more_better, about };
        figures.push(kind.figure(pair));
    };
    let on = format!("on {}", last.day);
    let (count, share) = (FigureUnit::Count, FigureUnit::Share);
    let same_weekday = "the same weekday a week before";
    let pair = of_day(&|day| Measured::count(day.all.active), 7);
    add("daily_active", "Daily active users", count, same_weekday, 8, pair, on.clone());
    let pair = of_day(&|day| Measured::count(day.all.active_7d), 7);
    add(
        "weekly_active",
        "Weekly active users",
        count,
        "the 7 days before",
        14,
        whole(days, 14, pair),
        "in 7 days".into(),
    );
    let pair = of_day(&|day| Measured::count(day.all.active_30d), WINDOW);
    add(
        "monthly_active",
        "Monthly active users",
        count,
        "the 30 days before",
        60,
        whole(days, 60, pair),
        "in 30 days".into(),
    );
    let stickiness = |day: &DayNumbers| Measured::share(Ratio::new(day.all.active, day.all.active_30d));
    add("stickiness", "Stickiness", share, same_weekday, 8, of_day(&stickiness, 7), "daily over monthly active".into());
    let new = |back: usize| -> Option<Measured> {
        let end = days.len().checked_sub(back * 7)?;
        let from = end.checked_sub(7).or((back == 0).then_some(0))?;
        Some(Measured::count(days[from..end].iter().map(|day| day.all.new_users).sum()))
    };
    add("new_users", "New users", count, "the 7 days before", 14, [new(0), new(1)], span(days.len(), 7));
    let known = of_day(&|day| Measured::count(day.known_users), WINDOW);
    let signed_up = format!("{} of them signed up", last.known_sign_ups);
    add("known_users", "Known users", count, "30 days earlier", 31, known, signed_up);
}

fn retention(numbers: &GrowthNumbers, complete: usize, figures: &mut Vec<KeyFigure>) {
    let rates = [
        (1, "retention_day_1", "Back the next day"),
        (7, "retention_day_7", "Back after 7 days"),
        (30, "retention_day_30", "Back after 30 days"),
    ];
    for (after, id, name) in rates {
        let rate = |back: i64| Measured::share(cohort_rate(numbers, after, back));
        let needed_days = 2 * WINDOW + after;
        let before = (complete >= needed_days).then(|| rate(WINDOW as i64));
        let kind = FigureKind {
            id,
            name: name.to_owned(),
            unit: FigureUnit::Share,
            against: "the 30 cohorts before",
            needed_days,
            is_more_better: true,
            about: "of the last 30 cohorts by day".to_owned(),
        };
        figures.push(kind.figure([Some(rate(0)), before]));
    }
}

/// Users active this number of days after their first, over all, of the 30 cohorts that end `back` days before the last whose
/// day is complete.
fn cohort_rate(numbers: &GrowthNumbers, after: usize, back: i64) -> Ratio {
    let last = numbers.today.plus(-1 - after as i64 - back);
    let is_of =
        |cohort: &&Cohort| (0..WINDOW as i64).contains(&last.since(cohort.start)) && cohort.active.len() > after;
    let cohorts = numbers.retention.days.iter().filter(is_of);
    let (part, whole) =
        cohorts.fold((0, 0), |(part, whole), cohort| (part + cohort.active[after], whole + cohort.users));
    Ratio::new(part, whole)
}

fn sales(numbers: &GrowthNumbers, days: &[&DayNumbers], figures: &mut Vec<KeyFigure>) {
    let now = &days[days.len().saturating_sub(WINDOW)..];
    let before = days.len().checked_sub(2 * WINDOW).map(|from| &days[from..from + WINDOW]);
    let covered = span(days.len(), WINDOW);
    let mut add = |id, name: &str, unit, is_more_better, about: String, of: &dyn Fn(&SalesWindow) -> Measured| {
        let pair = [Some(now), before].map(|days| days.map(|days| of(&SalesWindow::new(days))));
        let (name, against) = (name.to_owned(), "the 30 days before");
        let kind = FigureKind { id, name, unit, against, needed_days: 2 * WINDOW, is_more_better, about };
        figures.push(kind.figure(pair));
    };
    let (count, money, share) = (FigureUnit::Count, FigureUnit::Money, FigureUnit::Share);
    let amount = |value: f64, of: u64| Measured { value: Some(value), of: of.into() };
    add("gmv", "GMV", money, true, covered.clone(), &|window| amount(window.sum.gmv.to_number(), window.sum.orders));
    if numbers.commerce.as_ref().is_some_and(|commerce| commerce.all.revenue.is_some()) {
        let net = |window: &SalesWindow| (window.sum.gmv - window.sum.refunded).to_number();
        add("revenue", "Net of refunds", money, true, covered.clone(), &|window| {
            amount(net(window), window.sum.orders)
        });
    }
    add("orders", "Orders", count, true, covered.clone(), &|window| Measured::count(window.sum.orders));
    add("buyers", "Buyers", count, true, covered.clone(), &|window| Measured::count(window.last.buyers_30d));
    add("aov", "Average order", money, true, "GMV over orders".into(), &|window| Measured {
        value: (window.sum.orders > 0).then(|| window.sum.gmv.to_number() / window.sum.orders as f64),
        of: window.sum.orders.into(),
    });
    add("orders_per_buyer", "Orders per buyer", FigureUnit::Number, true, covered, &|window| {
        Measured::share(Ratio::new(window.sum.orders, window.last.buyers_30d))
    });
    add("conversion", "Visitors who buy", share, true, "buyers over active users".into(), &|window| {
        Measured::share(Ratio::new(window.last.buyers_30d, window.last.active_30d))
    });
    if now.iter().any(|day| day.all.cart_sessions > 0) {
        add("cart_abandonment", "Carts left", share, false, "sessions with a cart and no order".into(), &|window| {
            let all = window.sum.cart_sessions;
            Measured::share(Ratio::new(all.saturating_sub(window.sum.cart_order_sessions), all))
        });
    }
    if numbers.commerce.as_ref().is_some_and(|commerce| commerce.picks.is_some()) {
        let about = "of GMV: items that were shown from a list before".into();
        add("gmv_of_picks", "Sold by picks", share, true, about, &|window| {
            let hours = numbers.hours.iter().filter(|hour| window.covers(hour.hour.day()));
            let sum: WindowTotals = hours.map(|hour| hour.totals).sum();
            Measured { of: window.sum.orders.into(), ..Measured::share(Ratio::new(sum.gmv_of_picks.0, sum.gmv.0)) }
        });
    }
    add("repeat_purchase", "Buy again", share, true, "of all buyers ever".into(), &|window| {
        Measured::share(Ratio::new(window.known_repeat_buyers, window.known_buyers))
    });
}

/// The sums of a window, its last day, and what was known at its end.
struct SalesWindow {
    /// The first day and the last; `None`: there are no days.
    days: Option<(Day, Day)>,
    sum: DayTotals,
    last: DayTotals,
    known_buyers: u64,
    known_repeat_buyers: u64,
}

impl SalesWindow {
    fn new(days: &[&DayNumbers]) -> SalesWindow {
        let last = days.last();
        SalesWindow {
            days: days.first().zip(last).map(|(first, last)| (first.day, last.day)),
            sum: days.iter().map(|day| day.all).sum(),
            last: last.map_or_else(DayTotals::default, |day| day.all),
            known_buyers: last.map_or(0, |day| day.known_buyers),
            known_repeat_buyers: last.map_or(0, |day| day.known_repeat_buyers),
        }
    }

    fn covers(&self, day: Day) -> bool {
        self.days.is_some_and(|(first, last)| (first..=last).contains(&day))
    }
}

/// A pair whose period before counts only once this number of days is complete.
fn whole(days: &[&DayNumbers], needed: usize, [now, before]: [Option<Measured>; 2]) -> [Option<Measured>; 2] {
    [now, before.filter(|_| days.len() >= needed)]
}

/// `in 30 days`, or fewer where there are not as many.
fn span(complete: usize, days: usize) -> String {
    match complete.min(days) {
        1 => "on 1 day".to_owned(),
        known => format!("in {known} days"),
    }
}

impl FigureKind {
    fn figure(self, [now, before]: [Option<Measured>; 2]) -> KeyFigure {
        let FigureKind { id, name, unit, against, needed_days, is_more_better, about } = self;
        let now = now.unwrap_or_default();
        let was = before.unwrap_or_default();
        let change = now.value.zip(was.value).and_then(|(value, before)| match unit {
            FigureUnit::Share => Some(value - before),
            _ => (before != 0.0).then(|| (value - before) / before.abs()),
        });
        let is_few = match unit {
            FigureUnit::Count => now.of + was.of < REASONED_FROM,
            _ => now.of.min(was.of) < REASONED_FROM,
        };
        KeyFigure {
            id,
            name,
            unit,
            value: now.value,
            before: was.value,
            change,
            against,
            needed_days,
            is_few: is_few && change.is_some(),
            is_more_better,
            about,
        }
    }
}
