//! Evaluates expressions by scanning everything that happened to the user, or to one of its keys.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::campaign::OracleCause;
use super::expression::{OracleExpression, OracleWindow, PathRoot};
use super::history::{OracleHistory, OracleMatch};
use super::instance::OracleInstance;
use super::rules::OracleRules;
use super::user::OracleUser;
use super::value::{OracleValue, number_or_none};
use crate::decoder_oracle::decimal::OracleDecimal;

/// What an expression is evaluated on.
#[derive(Clone, Copy)]
pub(crate) struct EvaluationScope<'a> {
    pub(crate) rules: &'a OracleRules,
    pub(crate) user: &'a OracleUser,
    pub(crate) now: i64,
    /// The instance that is asked, with its key; `None`: the user is.
    pub(crate) instance: Option<(&'a str, &'a OracleInstance)>,
    /// The event that a `where` or `let` looks at.
    pub(crate) call: Option<ScopedCall<'a>>,
    /// The match that set off a campaign.
    pub(crate) matched: Option<&'a OracleMatch>,
    /// The item, and the index of the table, whose row `where` of picks asks.
    pub(crate) asked_item: Option<(usize, &'a str)>,
    /// What `code()` is.
    pub(crate) code: Option<&'a str>,
}

/// What a `where` or `let` sees of an event.
#[derive(Clone, Copy)]
pub(crate) struct ScopedCall<'a> {
    pub(crate) properties: &'a Json,
    pub(crate) context: &'a Json,
    /// The element, with `each`.
    pub(crate) item: Option<&'a Json>,
}

impl<'a> EvaluationScope<'a> {
    /// The user, at its clock.
    pub(crate) fn of_user(user: &'a OracleUser, rules: &'a OracleRules) -> EvaluationScope<'a> {
        let (instance, call, matched, asked_item, code) = (None, None, None, None, None);
        EvaluationScope { rules, user, now: user.now, instance, call, matched, asked_item, code }
    }

    /// What a campaign asks: the instance whose change set it off, if it is there, or the user.
    pub(crate) fn caused(user: &'a OracleUser, cause: &'a OracleCause, rules: &'a OracleRules) -> EvaluationScope<'a> {
        let place = cause.instance().and_then(|place| user.instances.get_key_value(place));
        let matched = match cause {
            OracleCause::Match(found) => Some(&found.one),
            OracleCause::Change(_) => None,
        };
        let instance = place.map(|((_, key), instance)| (key.as_str(), instance));
        EvaluationScope { instance, matched, ..EvaluationScope::of_user(user, rules) }
    }

    /// Whether a condition is true.
    pub(crate) fn holds(&self, node: &OracleExpression) -> bool {
        self.value(node).is_true()
    }

    pub(crate) fn value(&self, node: &OracleExpression) -> OracleValue {
        match node {
            OracleExpression::Literal(value) => value.clone(),
            OracleExpression::List(items) => OracleValue::List(items.iter().map(|item| self.value(item)).collect()),
            OracleExpression::Not(condition) => OracleValue::Bool(!self.holds(condition)),
            OracleExpression::And(left, right) => OracleValue::Bool(self.holds(left) && self.holds(right)),
            OracleExpression::Or(left, right) => OracleValue::Bool(self.holds(left) || self.holds(right)),
            OracleExpression::Compare(operator, left, right) => {
                OracleValue::Bool(self.value(left).compare(operator, &self.value(right)))
            }
            OracleExpression::Arithmetic(operator, left, right) => {
                self.value(left).arithmetic(operator, &self.value(right))
            }
            OracleExpression::Negate(number) => self.value(number).negate(),
            OracleExpression::ToNumber(value) => self.value(value).to_number(),
            OracleExpression::In(item, list) => OracleValue::Bool(is_in(&self.value(item), &self.value(list))),
            OracleExpression::Text(test, subject, argument) => {
                OracleValue::Bool(text_test(test, &self.value(subject), &self.value(argument)))
            }
            OracleExpression::Matches(subject, pattern) => {
                OracleValue::Bool(matches!(self.value(subject), OracleValue::Text(text) if pattern.is_match(&text)))
            }
            OracleExpression::Field(root, path) => self.field(*root, path),
            OracleExpression::Has(root, path) => OracleValue::Bool(!self.field(*root, path).is_missing()),
            OracleExpression::InSegment(segment) => OracleValue::Bool(self.is_in_segment(*segment)),
            OracleExpression::KeysIn(segment) => {
                let per = self.rules.segments[*segment].per.expect("a segment with `per`");
                count(self.user.keys(per).filter(|(_, instance)| instance.member_of[*segment]).count())
            }
            OracleExpression::Key if self.asked_item.is_some() => {
                self.asked_item.map_or(OracleValue::Missing, |(_, item)| OracleValue::Text(item.to_owned()))
            }
            OracleExpression::Key => match (self.instance, self.user.group) {
                (Some((key, _)), _) => OracleValue::Text(key.to_owned()),
                (None, Some(_)) => OracleValue::Text(self.user.id.clone()),
                (None, None) => OracleValue::Missing,
            },
            OracleExpression::Part(parts) => self.part(&parts[0], &parts[1], &parts[2]),
            OracleExpression::Row(table, key, path) => self.row(table.as_deref(), key, path),
            OracleExpression::IsThere(inner) => OracleValue::Bool(!self.value(inner).is_missing()),
            OracleExpression::OfUser(function) => self.asking_user().value(function),
            OracleExpression::Window(function, name, path, window) => self.window(function, *name, path, *window),
            OracleExpression::Total(name, path) if path.is_empty() => count(self.history().named(*name).count()),
            OracleExpression::Total(name, path) => sum(&numbers(self.history().named(*name), path)),
            OracleExpression::Last(name, path) => value_of(self.having(*name, path).max_by_key(|one| one.at), path),
            OracleExpression::First(name, path) => value_of(self.having(*name, path).min_by_key(|one| one.at), path),
            OracleExpression::Since(name) => self.elapsed(self.history().named(*name).map(|one| one.at).max()),
            OracleExpression::Idle => self.elapsed(self.history().times.iter().copied().max()),
            OracleExpression::Age => self.elapsed(self.history().times.iter().copied().min()),
            OracleExpression::Gap(name) => self.gap(*name),
            OracleExpression::UsualGap(name) => self.usual_gap(*name),
            OracleExpression::Followed(first, second, within) => {
                count(self.history().named(*second).filter(|one| one.follows(*first, *within)).count())
            }
            OracleExpression::Days(name, days) => count(self.days(*name, *days)),
            OracleExpression::Streak(name) => count(self.streak(*name)),
            OracleExpression::Until(moment) => self.until(moment),
            OracleExpression::Anniversary(moment) => OracleValue::Bool(self.is_anniversary(moment)),
            OracleExpression::Balance(ledger) => self.balance(ledger),
            OracleExpression::Moved(direction, ledger, window) => self.moved(*direction, ledger, *window),
            OracleExpression::Expiring(ledger, within) => self.expiring(ledger, *within),
            OracleExpression::PAlive(model) => self.p_alive(model),
            OracleExpression::Expected(model, within) => self.expected(model, *within),
            OracleExpression::LifetimeValue(model, within) => self.lifetime_value(model, *within),
            OracleExpression::Ranking(figure, rank) => self.ranking(figure, rank),
            OracleExpression::HasValue(inner) => OracleValue::Bool(!self.value(inner).is_missing()),
            OracleExpression::Consent(purpose) => {
                self.user.consent(purpose).map_or(OracleValue::Missing, OracleValue::Bool)
            }
            OracleExpression::Code => self.code.map_or(OracleValue::Missing, |code| OracleValue::Text(code.to_owned())),
            OracleExpression::Hour => count(usize::try_from(self.local_time().hour()).expect("0 to 23")),
            OracleExpression::Weekday => {
                let weekday = self.local_time().weekday().to_monday_one_offset();
                count(usize::try_from(weekday).expect("1 to 7"))
            }
        }
    }

    /// Everything that happened to what is asked.
    pub(crate) fn history(&self) -> &'a OracleHistory {
        self.instance.map_or(&self.user.history, |(_, instance)| &instance.history)
    }

    /// The same, asking the user.
    pub(crate) fn asking_user(&self) -> EvaluationScope<'a> {
        EvaluationScope { instance: None, ..*self }
    }

    fn field(&self, root: PathRoot, path: &[String]) -> OracleValue {
        let of_call = |get: fn(ScopedCall<'a>) -> Option<&'a Json>| {
            self.call.and_then(get).map_or(OracleValue::Missing, |json| OracleValue::at_path(json, path))
        };
        match root {
            PathRoot::Properties => of_call(|call| Some(call.properties)),
            PathRoot::Context => of_call(|call| Some(call.context)),
            PathRoot::Item => of_call(|call| call.item),
            PathRoot::Event => self.matched.map_or(OracleValue::Missing, |one| one.value(path)),
            PathRoot::Traits => OracleValue::at_path(&self.user.traits, path),
        }
    }

    fn is_in_segment(&self, segment: usize) -> bool {
        match (self.rules.segments[segment].per, self.instance) {
            (None, _) => self.user.member_of[segment],
            (Some(_), Some((_, instance))) => instance.member_of[segment],
            (Some(_), None) => panic!("`in_segment` asks the user about a segment with `per`"),
        }
    }

    fn having(&self, name: usize, path: &[String]) -> impl Iterator<Item = &'a OracleMatch> {
        self.history().named(name).filter(|one| !one.value(path).is_missing())
    }

    fn window(&self, function: &str, name: usize, path: &[String], window: OracleWindow) -> OracleValue {
        let matches: Vec<&OracleMatch> =
            self.history().named(name).filter(|one| self.is_within(window, one.at)).collect();
        let values = numbers(matches.iter().copied(), path);
        match function {
            "count" => count(matches.len()),
            "sum" => sum(&values),
            "min" => number_or_none(values.into_iter().min()),
            "max" => number_or_none(values.into_iter().max()),
            "avg" => sum(&values).arithmetic("/", &count(values.len())),
            _ => {
                let keys = matches.iter().filter_map(|one| match one.value(path) {
                    OracleValue::Text(text) => Some((None, text)),
                    OracleValue::Number(number) => Some((Some(number), String::new())),
                    _ => None,
                });
                count(keys.collect::<BTreeSet<_>>().len())
            }
        }
    }

    pub(crate) fn is_within(&self, window: OracleWindow, at: i64) -> bool {
        match window {
            OracleWindow::Sliding(length) => {
                let (width, in_window) = panes(length);
                let (newest, pane) = (self.now.div_euclid(width), at.div_euclid(width));
                newest - in_window < pane && pane <= newest
            }
            OracleWindow::Calendar(period, later) => {
                let calendar = &self.rules.calendar;
                let today = calendar.day_of(self.now);
                calendar.period_start(period, today, later) <= at
                    && at < calendar.period_start(period, today, later + 1)
            }
        }
    }
}

/// Width in milliseconds and number of the panes of a window.
pub(crate) fn panes(length_ms: i64) -> (i64, i64) {
    let width = ((length_ms + 59) / 60).max(1);
    (width, (length_ms + width - 1) / width)
}

fn numbers<'e>(matches: impl Iterator<Item = &'e OracleMatch>, path: &[String]) -> Vec<OracleDecimal> {
    matches
        .filter_map(|one| match one.value(path) {
            OracleValue::Number(number) => Some(number),
            _ => None,
        })
        .collect()
}

fn value_of(found: Option<&OracleMatch>, path: &[String]) -> OracleValue {
    found.map_or(OracleValue::Missing, |one| one.value(path))
}

fn sum(values: &[OracleDecimal]) -> OracleValue {
    let total = values.iter().fold(OracleDecimal::whole(0), |total, value| total.plus(value));
    number_or_none(total.bounded())
}

fn count(things: usize) -> OracleValue {
    OracleValue::Number(OracleDecimal::whole(things))
}

fn is_in(item: &OracleValue, list: &OracleValue) -> bool {
    let OracleValue::List(items) = list else { return false };
    items.iter().any(|other| item.compare("==", other))
}

fn text_test(test: &str, subject: &OracleValue, argument: &OracleValue) -> bool {
    let (OracleValue::Text(subject), OracleValue::Text(argument)) = (subject, argument) else { return false };
    match test {
        "startsWith" => subject.starts_with(argument.as_str()),
        "endsWith" => subject.ends_with(argument.as_str()),
        _ => subject.contains(argument.as_str()),
    }
}
