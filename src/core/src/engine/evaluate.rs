//! Conditions and terms, evaluated against one user at one instant; and until when the answer stands.
//!
//! Between two events of a user only time moves, and it moves values in two ways: panes leave windows and days begin, at
//! known instants, durations (`since`, `idle`, `age`, `until`) change by a millisecond each millisecond, and `p_alive` falls. So for every
//! comparison the next instant at which its truth can change is worked out. It is exact for a window compared with a
//! constant, for durations, and for one of them under arithmetic (`moving`); for the rest (arithmetic on windows) it is
//! the next pane to leave, which may turn out to change nothing. It is never later than the true change.
//!
//! That holds for what stands in `when`. Where two durations are multiplied, which only campaigns may ask, at one instant,
//! until when the answer stands is not known.

use super::key_instance::KeyInstance;
use super::profile::UserProfile;
use crate::decimal::Decimal;
use crate::event::{FieldId, ItemFieldId, Scalar, field_value};
use crate::features::{FeatureClock, FeatureState};
use crate::rows::TableRows;
use crate::rules::ruleset::{ColumnId, Condition, Feature, FeatureId, Ruleset, SegmentId, TableId, Term, TextTest};
use crate::secret::DrawSecret;
use crate::time::{Span, Timestamp};
pub use crate::value::ConditionResult;
use crate::value::{Arithmetic, Comparison, TermResult, Value, arithmetic, compare, negate, number};

/// Into how many parts a total can be divided.
const PARTS_MAX: i128 = 1_000;

/// The largest part, in hundredths.
const HUNDREDTHS_MAX: f64 = 9_007_199_254_740_992.0;

/// What a condition can see.
#[derive(Clone, Copy, Debug)]
pub struct EvaluationContext<'a> {
    /// The rules it belongs to.
    pub rules: &'a Ruleset,
    /// The user.
    pub profile: &'a UserProfile,
    /// The instant.
    pub now: Timestamp,
    /// The instance of a key that is asked about; `None`: the user is.
    pub instance: Option<&'a KeyInstance>,
    /// The event's fields, or the values of a match; empty where a condition is about neither.
    pub fields: &'a [(FieldId, Scalar<'a>)],
    /// The values of the array's element; empty outside `where` and `let` of a name with `each`.
    pub item: &'a [(ItemFieldId, Scalar<'a>)],
    /// The group that is asked about; `None`: a user is.
    pub group: Option<GroupScope<'a>>,
    /// The code of the reservation that a match may settle; `None` elsewhere.
    pub code: Option<&'a str>,
    /// The rows of tables; `None`: there are none.
    pub rows: Option<&'a TableRows>,
    /// The item whose row is asked; `None` elsewhere.
    pub item_key: Option<&'a str>,
}

/// A group, of which the profile is.
#[derive(Clone, Copy, Debug)]
pub struct GroupScope<'a> {
    /// The id of its `[groups.G]`.
    pub id: &'a str,
    /// Its key.
    pub key: &'a str,
    /// What the parts of a total depend on.
    pub secret: &'a DrawSecret,
}

impl<'a> EvaluationContext<'a> {
    /// A user at an instant, without an event.
    pub fn new(rules: &'a Ruleset, profile: &'a UserProfile, now: Timestamp) -> EvaluationContext<'a> {
        EvaluationContext {
            rules,
            profile,
            now,
            instance: None,
            fields: &[],
            item: &[],
            group: None,
            code: None,
            rows: None,
            item_key: None,
        }
    }

    /// The same, seeing rows of tables.
    pub fn with_rows(self, rows: &'a TableRows) -> EvaluationContext<'a> {
        EvaluationContext { rows: Some(rows), ..self }
    }

    /// Whether the condition holds.
    pub fn holds(&self, condition: &'a Condition) -> bool {
        self.outlook(condition).holds
    }

    /// Whether the condition holds, and until when.
    pub fn outlook(&self, condition: &'a Condition) -> ConditionResult {
        let settled = |holds| ConditionResult { holds, until: Timestamp::NEVER };
        match condition {
            Condition::Constant(value) => settled(*value),
            Condition::Not(inner) => {
                let inner = self.outlook(inner);
                ConditionResult { holds: !inner.holds, until: inner.until }
            }
            Condition::All(parts) => self.joint_outlook(parts, true),
            Condition::Any(parts) => self.joint_outlook(parts, false),
            Condition::Compare { op, left, right } => self.comparison(*op, left, right),
            Condition::InSegment(segment) => settled(self.is_in(*segment)),
            Condition::Anniversary(date) => self.anniversary(date),
            Condition::Has(term) => settled(self.value(term) != Value::Missing),
            Condition::IsTrue(term) => {
                let reading = self.read(term);
                ConditionResult { holds: reading.value == Value::Bool(true), until: reading.until }
            }
            Condition::Text { test, subject, argument } => {
                let (subject, argument) = (self.read(subject), self.read(argument));
                let holds = match (subject.value, argument.value) {
                    (Value::Text(text), Value::Text(part)) => match test {
                        TextTest::StartsWith => text.starts_with(part),
                        TextTest::EndsWith => text.ends_with(part),
                        TextTest::Contains => text.contains(part),
                    },
                    _ => false,
                };
                ConditionResult { holds, until: subject.until.min(argument.until) }
            }
            Condition::Matches { subject, pattern } => {
                let reading = self.read(subject);
                let holds = matches!(reading.value, Value::Text(text) if pattern.is_match(text));
                ConditionResult { holds, until: reading.until }
            }
            Condition::In { item, list } => {
                let (item, list) = (self.read(item), self.read(list));
                ConditionResult { holds: list.value.lists(&item.value), until: item.until.min(list.until) }
            }
        }
    }

    /// A conjunction (`all`) or a disjunction. It can only change once every part that keeps it as it is has changed:
    /// the latest of those, if there are any, else the earliest of the rest.
    fn joint_outlook(&self, parts: &'a [Condition], all: bool) -> ConditionResult {
        let mut deciding_until = None;
        let mut other_until = Timestamp::NEVER;
        for part in parts {
            let outlook = self.outlook(part);
            if outlook.holds == all {
                other_until = other_until.min(outlook.until);
            } else if outlook.until == Timestamp::NEVER {
                return outlook;
            } else {
                deciding_until = deciding_until.max(Some(outlook.until));
            }
        }
        match deciding_until {
            Some(until) => ConditionResult { holds: !all, until },
            None => ConditionResult { holds: all, until: other_until },
        }
    }

    pub(super) fn comparison(&self, op: Comparison, left: &'a Term, right: &'a Term) -> ConditionResult {
        if let Some(outlook) = self.feature_against_constant(op, left, right) {
            return outlook;
        }
        if let Some(outlook) = self.feature_against_constant(op.mirrored(), right, left) {
            return outlook;
        }
        match (left, right) {
            (Term::Moving(moving), limit) => return self.moving_comparison(op, moving, limit),
            (limit, Term::Moving(moving)) => return self.moving_comparison(op.mirrored(), moving, limit),
            _ => {}
        }
        let (left, right) = (self.read(left), self.read(right));
        let mut until = left.until.min(right.until);
        if let (Value::Span(a), Value::Span(b)) = (left.value, right.value) {
            let crossing = next_crossing(op, a.saturating_sub(b), left.slope - right.slope);
            until = until.min(crossing.map_or(Timestamp::NEVER, |ms| Timestamp(self.now.0.saturating_add(ms))));
        }
        ConditionResult { holds: compare(op, &left.value, &right.value), until }
    }

    /// A feature, or `expiring`, compared with a constant, where it knows best when that changes.
    fn feature_against_constant(&self, op: Comparison, left: &Term, right: &Term) -> Option<ConditionResult> {
        let Term::Constant(constant) = right else { return None };
        let id = match left {
            Term::Feature(id) => id,
            Term::Expiring { ledger, within } => {
                let (by, constant) = (self.now + *within, Value::from(constant));
                let outlook = self.profile.points.expiring_comparison(*ledger, by, op, &constant);
                return Some(ConditionResult { until: comes_within(outlook.until, *within), ..outlook });
            }
            _ => return None,
        };
        let feature = &self.rules.features[usize::from(id.0)];
        feature.kind.comparison(self.state(feature, *id), self.clock(), op, &Value::from(constant))
    }

    /// The term's value.
    pub fn value(&self, term: &'a Term) -> Value<'a> {
        self.read(term).value
    }

    pub(super) fn read(&self, term: &'a Term) -> TermResult<'a> {
        match term {
            Term::Constant(scalar) => TermResult::constant(Value::from(scalar)),
            Term::List(items) => TermResult::constant(Value::List(items)),
            Term::Duration(span) => TermResult::constant(Value::Span(span.0)),
            Term::Feature(id) | Term::Since(id) => self.feature(*id),
            Term::Average { sum, count } => {
                let (sum, count) = (self.feature(*sum), self.feature(*count));
                // Of none, the count is 0, and nothing can be divided by it.
                let value = arithmetic(Arithmetic::Divide, &sum.value, &count.value);
                TermResult { value, slope: 0, until: sum.until.min(count.until) }
            }
            Term::Idle => TermResult::elapsed(self.profile.latest, self.now),
            Term::Age => TermResult::elapsed(self.profile.first, self.now),
            Term::Until(date) => self.until(date),
            Term::LocalHour => TermResult::constant(self.local_hour()),
            Term::LocalWeekday => TermResult::constant(self.local_weekday()),
            Term::Model(question) => TermResult::constant(self.model(*question)),
            Term::Moving(moving) => self.moving(moving),
            Term::InstanceIdle => TermResult::elapsed(self.instance.map_or(Timestamp::MIN, |it| it.latest), self.now),
            Term::InstanceAge => TermResult::elapsed(self.instance.map_or(Timestamp::NEVER, |it| it.first), self.now),
            Term::Key => {
                let key = self.instance.map(|it| &*it.key).or(self.group.map(|group| group.key)).or(self.item_key);
                TermResult::constant(key.map_or(Value::Missing, Value::Text))
            }
            Term::Part { total, parts, part } => TermResult::constant(self.part(total, parts, part)),
            Term::Row { table, column, key } => {
                let key = self.read(key);
                TermResult { value: self.row_value(*table, *column, &key.value), slope: 0, until: key.until }
            }
            Term::CouponCode => TermResult::constant(self.code.map_or(Value::Missing, Value::Text)),
            Term::KeysIn(segment) => {
                let count = self.profile.keys.count_in(*segment);
                TermResult::constant(Value::Number(Decimal::from(count)))
            }
            Term::Balance(ledger) => TermResult::constant(self.profile.points.balance(*ledger).to_value()),
            Term::Expiring { ledger, within } => {
                let reading = self.profile.points.expiring(*ledger, self.now + *within);
                TermResult { until: comes_within(reading.until, *within), ..reading }
            }
            Term::Consent(purpose) => {
                TermResult::constant(self.profile.consents.given(*purpose).map_or(Value::Missing, Value::Bool))
            }
            Term::Ranked { rank, figure } => TermResult::constant(self.profile.ranks.figure(*rank, *figure)),
            Term::Trait(id) => TermResult::constant(self.profile.trait_value(*id).map_or(Value::Missing, Value::from)),
            Term::Field(id) => TermResult::constant(field_value(self.fields, *id).map_or(Value::Missing, Value::from)),
            Term::Item { field, .. } => {
                let found = self.item.iter().find(|(other, _)| other == field);
                TermResult::constant(found.map_or(Value::Missing, |(_, value)| Value::from(value)))
            }
            Term::Arithmetic { op, left, right } => self.arithmetic(*op, left, right),
            Term::Negate(inner) => {
                let inner = self.read(inner);
                TermResult { value: negate(&inner.value), ..inner }
            }
            Term::Number(inner) => {
                let inner = self.read(inner);
                TermResult { value: number(&inner.value), slope: 0, until: inner.until }
            }
            Term::Condition(condition) => {
                let outlook = self.outlook(condition);
                TermResult { value: Value::Bool(outlook.holds), slope: 0, until: outlook.until }
            }
        }
    }

    fn arithmetic(&self, op: Arithmetic, left: &'a Term, right: &'a Term) -> TermResult<'a> {
        let (left, right) = (self.read(left), self.read(right));
        let value = arithmetic(op, &left.value, &right.value);
        let slope = match (value, op) {
            (Value::Span(_), Arithmetic::Add) => left.slope + right.slope,
            (Value::Span(_), Arithmetic::Subtract) => left.slope - right.slope,
            _ => 0,
        };
        TermResult { value, slope, until: left.until.min(right.until) }
    }

    /// A value of the row with a key; missing where there is no such row, or no key.
    fn row_value(&self, table: TableId, column: ColumnId, key: &Value<'a>) -> Value<'a> {
        let found = self.rows.and_then(|rows| match key {
            Value::Text(key) => rows.value(table, key, column),
            Value::Number(number) => rows.value(table, &number.whole_within_64_bits()?.to_string(), column),
            _ => None,
        });
        found.map_or(Value::Missing, Value::from)
    }

    /// The part of a total that the group gives (semantics §17); missing where there is no such part.
    fn part(&self, total: &'a Term, parts: &'a Term, part: &'a Term) -> Value<'a> {
        let whole = |term| match self.value(term) {
            Value::Number(number) => number.whole_within_64_bits(),
            _ => None,
        };
        let (Some(group), Value::Number(total)) = (self.group, self.value(total)) else { return Value::Missing };
        let (Some(parts), Some(part)) = (whole(parts), whole(part)) else { return Value::Missing };
        if !(1..=PARTS_MAX).contains(&parts) || !(1..=parts).contains(&part) {
            return Value::Missing;
        }
        let share = |number: i128| 1.0 + group.secret.share(&format!("part:{}:{}:{number}", group.id, group.key));
        let (mut before, mut through, mut all) = (0.0, 0.0, 0.0);
        for number in 1..=parts {
            if number == part {
                before = all;
            }
            all += share(number);
            if number == part {
                through = all;
            }
        }
        let hundredths = |sum: f64| (100.0 * total.to_double() * sum / all).round_ties_even();
        let part = hundredths(through) - hundredths(before);
        // Beyond that, doubles are not exact to hundredths.
        if part.abs() > HUNDREDTHS_MAX {
            return Value::Missing;
        }
        Value::Number(Decimal::from_millionths(part as i128 * 10_000))
    }

    fn feature(&self, id: FeatureId) -> TermResult<'a> {
        let feature = &self.rules.features[usize::from(id.0)];
        feature.kind.result(self.state(feature, id), self.clock())
    }

    /// The state of a feature: the user's, or the instance's.
    fn state(&self, feature: &Feature, id: FeatureId) -> Option<&'a FeatureState> {
        match feature.per {
            None => self.profile.feature(id),
            Some(_) => self.instance?.features.get(id),
        }
    }

    fn is_in(&self, segment: SegmentId) -> bool {
        match self.rules.segments[usize::from(segment.0)].per {
            None => self.profile.members.contains(segment),
            Some(_) => self.instance.is_some_and(|instance| instance.members.contains(segment)),
        }
    }

    fn clock(&self) -> FeatureClock<'a> {
        FeatureClock { now: self.now, calendar: &self.rules.calendar }
    }
}

/// When points that expire at an instant are at most `within` away from it.
fn comes_within(expiry: Timestamp, within: Span) -> Timestamp {
    if expiry == Timestamp::NEVER { Timestamp::NEVER } else { expiry - within }
}

/// In how many milliseconds `difference + slope * ms` next changes its answer to `op 0`; at least 1.
fn next_crossing(op: Comparison, difference: i64, slope: i64) -> Option<i64> {
    if slope == 0 {
        return None;
    }
    if slope < 0 {
        return next_crossing(op.mirrored(), difference.checked_neg()?, -slope);
    }
    let reaches_zero = difference.saturating_neg().div_euclid(slope) + i64::from(difference.rem_euclid(slope) != 0);
    let passes_zero = difference.saturating_neg().div_euclid(slope) + 1;
    let hits_zero = difference.rem_euclid(slope) == 0;
    let next = match op {
        Comparison::GreaterOrEqual | Comparison::Less => reaches_zero,
        Comparison::Greater | Comparison::LessOrEqual => passes_zero,
        Comparison::Equal | Comparison::NotEqual if difference == 0 => 1,
        Comparison::Equal | Comparison::NotEqual if hits_zero => reaches_zero,
        Comparison::Equal | Comparison::NotEqual => return None,
    };
    Some(next).filter(|ms| *ms >= 1)
}
