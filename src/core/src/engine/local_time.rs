//! The user's local time: in its own zone where that is known.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::evaluate::EvaluationContext;
use crate::decimal::Decimal;
use crate::event::Scalar;
use crate::rules::time_zones;
use crate::value::Value;

/// The user's zone, and its name: trait `timezone`, else the `context.timezone` that arrived last, else the rules'
/// zone. A name that is no zone counts as the rules' zone.
pub fn zone_of(scope: &EvaluationContext<'_>) -> (TimeZone, String) {
    let (rules, profile) = (scope.rules, scope.profile);
    let of_trait = rules.projection.timezone_trait.and_then(|id| profile.trait_value(id));
    let name = match of_trait {
        Some(Scalar::Text(name)) => Some(name.as_ref()),
        _ => profile.zone.as_ref().map(|held| held.1.as_ref()),
    };
    name.and_then(time_zones::named).unwrap_or_else(|| (rules.timezone.clone(), rules.timezone_name.clone()))
}

impl<'a> EvaluationContext<'a> {
    /// `hour()`: 0 to 23.
    pub(super) fn local_hour(&self) -> Value<'a> {
        self.local_time().map_or(Value::Missing, |local| Value::Number(Decimal::from(i64::from(local.hour()))))
    }

    /// `weekday()`: 1 (Monday) to 7.
    pub(super) fn local_weekday(&self) -> Value<'a> {
        let weekday = |local: DateTime| i64::from(local.weekday().to_monday_one_offset());
        self.local_time().map_or(Value::Missing, |local| Value::Number(Decimal::from(weekday(local))))
    }

    /// What the user's clock shows; `None` outside the years that clocks have.
    fn local_time(&self) -> Option<DateTime> {
        let instant = jiff::Timestamp::from_millisecond(self.now.0).ok()?;
        Some(zone_of(self).0.to_datetime(instant))
    }
}
