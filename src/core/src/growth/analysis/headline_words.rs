//! The words of a [headline](super::headline): English, with the figures as reports show them.

use super::decomposition::Contribution;
use super::headline::{DAYS, HeadlineMetric, REASONED_FROM, WeekComparison};
use crate::growth::report::DayNumbers;
use crate::rules::growth::{Currency, amount_in_words, amount_in_words_beside, grouped_decimal};

/// A change below this counts as none.
const SAME: f64 = 0.005;
/// A contribution is worth mentioning from this share of the largest on.
const MENTIONED_FROM: f64 = 0.1;
/// A rate is written with one decimal below this, and as a multiple from the other on.
const WHOLE_FROM: f64 = 0.095;
const MULTIPLE_FROM: f64 = 9.0;

/// What a sentence is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadlineWording<'n> {
    pub(super) currency: Option<Currency>,
    pub(super) metric: HeadlineMetric,
    pub(super) timezone: &'n str,
}

/// The orders of the two weeks of a headline.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NeighbourWeeks {
    pub(super) orders_before: i128,
    pub(super) orders_after: i128,
}

impl HeadlineWording<'_> {
    /// The sentence where weeks cannot be compared yet.
    pub(super) fn of_few_days(self, days: &[&DayNumbers]) -> String {
        if days.is_empty() {
            return format!("No day is complete yet: the first figures come after midnight of {}.", self.timezone);
        }
        let shown = &days[days.len().saturating_sub(DAYS)..];
        let value = match self.metric {
            HeadlineMetric::Gmv => {
                let gmv = shown.iter().map(|day| day.all.gmv.to_number()).sum();
                let orders = shown.iter().map(|day| i128::from(day.all.orders)).sum();
                format!(
                    "GMV of the last {} {}, from {}",
                    plural_days(shown.len()),
                    self.amount(gmv),
                    orders_in_words(orders)
                )
            }
            HeadlineMetric::ActiveUsers => {
                let active = shown.last().map_or(0, |day| day.all.active_7d);
                format!("Active users of the last {} {}", plural_days(shown.len()), grouped_decimal(active as f64, 0))
            }
        };
        let needed = 2 * DAYS;
        format!("{value}. Weeks are compared once there are {needed} complete days; there {}.", are(days.len()))
    }

    /// The sentence about two weeks.
    pub(super) fn of_weeks(self, weeks: &WeekComparison, orders: NeighbourWeeks) -> String {
        let (before, after) = (weeks.split.before.to_number(), weeks.split.after.to_number());
        // All totals of the sentence have the same decimals.
        let largest = before.abs().max(after.abs());
        let [before, after] = [before, after].map(|value| self.value(value, largest));
        let name = match self.metric {
            HeadlineMetric::Gmv => "GMV",
            HeadlineMetric::ActiveUsers => "Active users",
        };
        if self.metric == HeadlineMetric::Gmv {
            let NeighbourWeeks { orders_before, orders_after } = orders;
            match (orders_before, orders_after) {
                (0, 0) => return format!("No orders in the last {} days.", 2 * DAYS),
                (_, 0) => {
                    let was = format!("{}, GMV {before}", orders_in_words(orders_before));
                    return format!("No orders in the last 7 days; in the 7 days before {was}.");
                }
                (0, _) => {
                    let is = format!("{after}, from {}", orders_in_words(orders_after));
                    return format!("GMV of the last 7 days {is}; there were no orders in the 7 days before.");
                }
                _ => {}
            }
        }
        let all_of = format!("{name} of the last 7 days {after}");
        if weeks.is_few {
            let of = match self.metric {
                HeadlineMetric::Gmv => {
                    let [after, before_it] = [orders.orders_after, orders.orders_before].map(orders_in_words);
                    format!(" from {after}, after {before} from {before_it} in the 7 days before")
                }
                HeadlineMetric::ActiveUsers => format!(" after {before} in the 7 days before"),
            };
            return format!("{all_of}{of}: too few to give a reason.");
        }
        let Some(rate) = weeks.rate else { return format!("{all_of}, after {before} in the 7 days before.") };
        let parts = by_size(&weeks.split.parts);
        let least = parts.first().map_or(0.0, |part| part.contribution.to_number().abs() * MENTIONED_FROM);
        let mentioned = parts.iter().filter(|part| part.contribution.to_number().abs() >= least);
        let (with, against): (Vec<_>, Vec<_>) =
            mentioned.copied().partition(|part| (part.contribution.0 > 0) == (weeks.split.change.0 > 0));
        let mut sentence = match rate.abs() < SAME {
            true => format!("{all_of}, about as much as in the 7 days before ({before})"),
            false => format!("{all_of}, {} on the 7 days before", rate_in_words(rate)),
        };
        // Where nothing changed, only what made up for each other is worth a word.
        let small = 2.0 * SAME * weeks.split.before.to_number().abs();
        if rate.abs() >= SAME || parts.first().is_some_and(|part| part.contribution.to_number().abs() >= small) {
            let offset = if rate.abs() < SAME { "offset by" } else { "partly offset by" };
            sentence += &self.reason(&with, offset, &against, largest);
        }
        sentence.push('.');
        if let Some(usual) = weeks.usual_rate {
            sentence += &format!(" From one week to the next it usually changes by {}.", percent_in_words(usual));
        }
        sentence
    }

    /// How the sentence was reasoned.
    pub(super) fn source(self, weeks: Option<&WeekComparison>) -> String {
        let Some(weeks) = weeks else {
            return "Days are complete once the log has reached their end.".to_owned();
        };
        let windows =
            format!("{} to {} after {} to {}", weeks.to.first, weeks.to.last, weeks.from.first, weeks.from.last);
        let formula = match self.metric {
            HeadlineMetric::Gmv => {
                "GMV = buyers × orders per buyer × average order; the amounts in brackets are what each of the three \
                 contributed to the change (Shapley values), and add up to it"
            }
            HeadlineMetric::ActiveUsers => "active users = new + returning; each contributed its own change",
        };
        let usual = match weeks.usual_rate {
            Some(_) => {
                format!(". Usual: the median change, up or down, of the {} pairs of weeks before", weeks.usual_pairs)
            }
            None => String::new(),
        };
        let few = match (weeks.is_few, self.metric) {
            (false, _) => String::new(),
            (true, HeadlineMetric::Gmv) => format!(". A reason needs {REASONED_FROM} orders in the two weeks together"),
            (true, HeadlineMetric::ActiveUsers) => {
                format!(". A reason needs {REASONED_FROM} users in the two weeks together")
            }
        };
        format!("{windows}. {formula}{usual}{few}.")
    }

    /// `: fewer buyers (…) and smaller orders (…), partly offset by …`
    fn reason(self, with: &[&Contribution], offset: &str, against: &[&Contribution], largest: f64) -> String {
        let list = |parts: &[&Contribution]| {
            let words: Vec<String> = parts.iter().map(|part| self.part(part, largest)).collect();
            match words.split_last() {
                Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
                Some((last, _)) => last.clone(),
                None => String::new(),
            }
        };
        match (with.is_empty(), against.is_empty()) {
            (true, true) => String::new(),
            (false, true) => format!(": {}", list(with)),
            (true, false) => format!(": {}", list(against)),
            (false, false) => format!(": {}, {offset} {}", list(with), list(against)),
        }
    }

    /// `fewer buyers (412 after 498, −€5,100)`
    fn part(self, part: &Contribution, largest: f64) -> String {
        let is_up = part.contribution.0 > 0;
        let words = match (part.name.as_str(), is_up) {
            ("buyers", true) => "more buyers",
            ("buyers", false) => "fewer buyers",
            ("orders_per_buyer", true) => "more orders per buyer",
            ("orders_per_buyer", false) => "fewer orders per buyer",
            ("aov", true) => "larger orders",
            ("aov", false) => "smaller orders",
            ("new", true) => "more new users",
            ("new", false) => "fewer new users",
            (_, true) => "more returning users",
            (_, false) => "fewer returning users",
        };
        let larger = part.before.unwrap_or(0.0).abs().max(part.after.unwrap_or(0.0).abs());
        let value = |value: Option<f64>| match (value, part.name.as_str()) {
            (None, _) => "–".to_owned(),
            (Some(value), "orders_per_buyer") => grouped_decimal(value, 2),
            (Some(value), "aov") => amount_in_words_beside(self.currency, value, larger),
            (Some(value), _) => grouped_decimal(value.abs(), 0),
        };
        let share = part.contribution.to_number();
        let sign = if is_up { "+" } else { "−" };
        let share = match self.metric {
            HeadlineMetric::Gmv => format!(", {sign}{}", amount_in_words_beside(self.currency, share.abs(), largest)),
            HeadlineMetric::ActiveUsers => String::new(),
        };
        format!("{words} ({} after {}{share})", value(part.after), value(part.before))
    }

    fn value(self, value: f64, largest: f64) -> String {
        match self.metric {
            HeadlineMetric::Gmv => amount_in_words_beside(self.currency, value, largest),
            HeadlineMetric::ActiveUsers => grouped_decimal(value.abs(), 0),
        }
    }

    fn amount(self, value: f64) -> String {
        amount_in_words(self.currency, value)
    }
}

/// `−20 %`, `+3.4 %`, `12 times as much`
fn rate_in_words(rate: f64) -> String {
    if rate >= MULTIPLE_FROM {
        return format!("{} times as much as", grouped_decimal(rate + 1.0, 0));
    }
    let sign = if rate < 0.0 { "−" } else { "+" };
    format!("{sign}{}", percent_in_words(rate.abs()))
}

fn percent_in_words(share: f64) -> String {
    let decimals = if share < WHOLE_FROM { 1 } else { 0 };
    format!("{} %", grouped_decimal(share * 100.0, decimals))
}

/// The contributions that have a direction, largest first.
fn by_size(parts: &[Contribution]) -> Vec<&Contribution> {
    let mut parts: Vec<&Contribution> = parts.iter().filter(|part| part.contribution.0 != 0).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.contribution.0.unsigned_abs()));
    parts
}

fn orders_in_words(orders: i128) -> String {
    format!("{} {}", grouped_decimal(orders as f64, 0), if orders == 1 { "order" } else { "orders" })
}

/// `day`, `5 days`
fn plural_days(days: usize) -> String {
    if days == 1 { "day".to_owned() } else { format!("{days} days") }
}

fn are(days: usize) -> String {
    if days == 1 { "is 1".to_owned() } else { format!("are {days}") }
}
