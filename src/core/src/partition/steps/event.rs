//! Applying an event to a user.

use super::matches::{EventMatch, MatchValues};
use super::picks::TouchPlaces;
use super::{EvaluationOrigin, EvaluationPoint, MatchedEvent, StepContext, activity_span};
use crate::engine::consents::said;
use crate::engine::profile::ProfileUpdate;
use crate::event::{FieldId, Scalar, field_value};
use crate::features::{FeatureClock, FeatureInput};
use crate::growth::{EventMatches, GrowthEvent, MatchReader, StateUpdater};
use crate::partition::io::{LogInstant, Output};
use crate::partition::{ExecutionPlan, User};
use crate::rules::ruleset::NameId;
use crate::time::Timestamp;

impl StepContext {
    /// Semantics §3: what is due fires first, then the event is added and evaluated, unless it is a duplicate.
    pub(in crate::partition) fn take_event(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        arrival: ProfileUpdate<'_, '_>,
        watermark: Timestamp,
        out: &mut Vec<Output>,
    ) {
        let now = arrival.ts.max(user.profile.now).max(watermark);
        let to = LogInstant { at: now, position: arrival.position };
        let message_id = arrival.event.message_id.as_deref();
        let is_duplicate =
            |user: &User| message_id.is_some_and(|id| user.profile.is_duplicate(id, now, plan.rules.dedup_window));
        let (mut duplicate, mut is_first, mut values) = (is_duplicate(user), false, MatchValues::new());
        if self.state_ttl.is_some_and(|ttl| user.profile.latest + ttl <= now)
            && (!duplicate || self.expires_by(plan, user, now))
        {
            self.fire_due_or_renew(plan, user, to, out);
            duplicate = is_duplicate(user);
        }
        self.enter_beat(watermark);
        if duplicate {
            self.counts.duplicates += 1;
        } else {
            self.counts.applied += 1;
            self.counts.late += u64::from(arrival.ts < watermark);
            // A user that expires by now was replaced already.
            let _ = self.fire_due(plan, user, to, out);
            self.enter_beat(watermark);
            user.profile.now = now;
            is_first = user.profile.first == Timestamp::NEVER;
            values = self.record(plan, user, arrival, out);
        }
        if !duplicate || user.unsettled {
            let has_all_timed = self.stale.contains_all(&plan.dispatch.timed);
            let (position, origin) = (arrival.position, EvaluationOrigin::Event(message_id));
            let matched = Some(MatchedEvent { event: arrival.event, values: &values });
            let point = EvaluationPoint { position, origin, is_first, has_all_timed, matched };
            self.evaluate(plan, user, &point, out);
        }
    }

    /// Adds the event to the user's state, and adds to `stale` the segments that this can have changed. Returns the values of
    /// its matches.
    fn record<'e>(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        arrival: ProfileUpdate<'e, '_>,
        out: &mut Vec<Output>,
    ) -> MatchValues<'e> {
        self.stale.clear();
        self.stale.extend(&plan.dispatch.any_event);
        for (id, _) in &arrival.event.traits {
            self.stale.extend(plan.dispatch.segments_reading_trait(*id));
        }
        for (purpose, _) in said(&plan.rules.purposes, arrival.event) {
            self.stale.extend(plan.dispatch.segments_reading_purpose(purpose));
        }
        let values = self.find_matches(plan, user, arrival.event, arrival.ts);
        if let Some(growth) = &plan.growth {
            let ProfileUpdate { event, ts, position } = arrival;
            let activity = activity_span(user);
            let each_match = |name: NameId, see: MatchReader<'_>| {
                let found = self.matches.iter().filter(|found| found.name == name);
                found.for_each(|found| see(found.fields(event, &values)));
            };
            let matches = EventMatches(&each_match);
            let shown = &user.shown;
            let event =
                GrowthEvent { user: &user.id, event, names: &self.names, matches, ts, position, activity, shown };
            StateUpdater::new(growth, &mut self.growth_deltas).apply(&mut user.growth, &event);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.record(&plan.rules, &user.id, &arrival, &self.matches, &values);
        }
        self.try_picks(plan, user, &arrival, &values);
        user.profile.record(&plan.rules, arrival);
        for name in &self.names {
            self.counts.by_name[usize::from(name.0)] += 1;
            self.stale.extend(plan.dispatch.segments_reading_name(*name));
        }
        let matches = std::mem::take(&mut self.matches);
        let places = TouchPlaces::of_event(arrival.position);
        for (ordinal, found) in matches.iter().enumerate() {
            let fields = found.fields(arrival.event, &values);
            self.record_match(plan, user, arrival.position, found, fields, out);
            self.hand_in_match(plan, user, arrival.position, found, fields);
            self.record_touch(plan, user, places.of(ordinal), found, fields);
            self.record_shown(plan, user, found, fields);
        }
        self.matches = matches;
        let ProfileUpdate { event, position, .. } = arrival;
        self.settle(plan, user, event, &values, position, out);
        self.record_points(plan, user, MatchedEvent { event, values: &values }, position, out);
        self.count_goals(plan, user, event, &values);
        self.note_triggering_matches(plan);
        values
    }

    /// Adds one match to the features of its name.
    pub(super) fn record_match(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        position: u64,
        found: &EventMatch,
        fields: &[(FieldId, Scalar<'_>)],
        out: &mut Vec<Output>,
    ) {
        for (amount, field) in plan.dispatch.amounts(found.name) {
            match field_value(fields, *field) {
                None => {}
                Some(Scalar::Number(_)) => self.counts.amounts[*amount][0] += 1,
                Some(_) => self.counts.amounts[*amount][1] += 1,
            }
        }
        let clock = FeatureClock { now: user.profile.now, calendar: &plan.rules.calendar };
        let input = FeatureInput {
            fields,
            ts: found.ts,
            position,
            clock,
            is_repeated: found.ordinal > 0,
            is_second: false,
            points: None,
        };
        let features = [plan.dispatch.features(found.name), plan.dispatch.features_second(found.name)];
        user.profile.record_match(&plan.rules, features, &input);
        self.record_keys(plan, user, found, fields, &input, out);
    }
}
