//! What reaches a user at the end of a beat, all of it at once, as one event is handled (semantics §8).

use std::sync::Arc;

use super::matches::{EventMatch, MatchValues};
use super::picks::TouchPlaces;
use super::{EvaluationOrigin, EvaluationPoint, MatchedEvent, StepContext};
use crate::engine::evaluate::EvaluationContext;
use crate::event::{Event, Scalar};
use crate::groups::ToldNotice;
use crate::partition::io::Output;
use crate::partition::{ExecutionPlan, User};
use crate::rules::ruleset::RankId;
use crate::time::Timestamp;

impl StepContext {
    /// The first instant after now, or after `from`, at which anything that a segment of the user looks at may change by time alone.
    pub(in crate::partition) fn next_instant(&self, plan: &ExecutionPlan, user: &User, from: Timestamp) -> Timestamp {
        let now = user.profile.now.max(from);
        let scope = EvaluationContext::new(&plan.rules, &user.profile, now).with_rows(&self.rows);
        let mut first = Timestamp::NEVER;
        for segment in plan.rules.segments.iter().filter(|segment| segment.group.is_none()) {
            match segment.per {
                None => first = first.min(scope.next_instant(&segment.when)),
                Some(per) => {
                    for instance in user.profile.keys.iter().filter(|instance| instance.per == per) {
                        let scope = EvaluationContext { instance: Some(&*instance), ..scope };
                        first = first.min(scope.next_instant(&segment.when));
                    }
                }
            }
        }
        first
    }

    /// Adds notices as matches at the user's clock, by which everything due has fired, and evaluates once; of some ranks something
    /// else came than before.
    pub(in crate::partition) fn take_delivery(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        (notices, ranks): (&[&ToldNotice], &[RankId]),
        position: u64,
        out: &mut Vec<Output>,
    ) {
        // It is no event of the user's: it has no properties, and no messageId that could be a duplicate.
        let event = Event::blank();
        self.stale.clear();
        self.names.clear();
        self.matches.clear();
        let mut values = MatchValues::new();
        for notice in notices {
            let first = values.len();
            // What one group tells by one name at one instant is like several matches of one event.
            let is_same = |found: &&EventMatch| found.message_id.as_ref() == Some(&notice.message_id);
            let ordinal = u32::try_from(self.matches.iter().filter(is_same).count()).unwrap_or(u32::MAX);
            values.extend(notice.values.iter().map(|(field, value)| (*field, Scalar::borrowed(value))));
            if !self.names.contains(&notice.name) {
                self.names.push(notice.name);
            }
            let message_id = Arc::clone(&notice.message_id);
            self.matches.push(EventMatch::told(notice.name, ordinal, notice.at, message_id, first..values.len()));
        }
        for rank in ranks {
            self.stale.extend(plan.dispatch.segments_reading_rank(*rank));
        }
        for name in &self.names {
            self.counts.by_name[usize::from(name.0)] += 1;
            self.stale.extend(plan.dispatch.segments_reading_name(*name));
        }
        let matches = std::mem::take(&mut self.matches);
        let places = TouchPlaces::of_delivery(position);
        for (ordinal, found) in matches.iter().enumerate() {
            let fields = found.fields(&event, &values);
            self.record_match(plan, user, position, found, fields, out);
            self.record_touch(plan, user, places.of(ordinal), found, fields);
        }
        self.matches = matches;
        self.settle(plan, user, &event, &values, position, out);
        let matched = MatchedEvent { event: &event, values: &values };
        self.record_points(plan, user, matched, position, out);
        self.count_goals(plan, user, &event, &values);
        self.note_triggering_matches(plan);
        let point = EvaluationPoint {
            position,
            origin: EvaluationOrigin::Delivery,
            is_first: false,
            has_all_timed: false,
            matched: Some(matched),
        };
        self.evaluate(plan, user, &point, out);
    }
}
