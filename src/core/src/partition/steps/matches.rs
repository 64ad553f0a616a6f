//! The matches of an event: which names of `[events]` it matches, how often, and with which values (semantics §9).

use std::ops::Range;
use std::sync::Arc;

use super::StepContext;
use crate::engine::evaluate::EvaluationContext;
use crate::event::{Event, FieldId, ItemFieldId, Scalar, field_value};
use crate::partition::{ExecutionPlan, User};
use crate::rules::ruleset::{MatchValueSource, NameId};
use crate::time::Timestamp;

/// One match of the event that is being applied.
#[derive(Clone, Debug)]
pub(in crate::partition) struct EventMatch {
    /// The name that it matches.
    pub(in crate::partition) name: NameId,
    /// How many matches of that name the event had before.
    pub(in crate::partition) ordinal: u32,
    /// When it happened.
    pub(in crate::partition) ts: Timestamp,
    /// What tells it from others, if that is not the event's messageId.
    pub(in crate::partition) message_id: Option<Arc<str>>,
    /// Where its values are among those of all matches; `None`: they are the event's.
    values: Option<Range<usize>>,
}

/// The values of all matches of an event that are not just the event's.
pub(in crate::partition) type MatchValues<'a> = Vec<(FieldId, Scalar<'a>)>;

impl EventMatch {
    /// A match that no event has, with where its values are.
    pub(super) fn told(
        name: NameId,
        ordinal: u32,
        ts: Timestamp,
        message_id: Arc<str>,
        values: Range<usize>,
    ) -> EventMatch {
        EventMatch { name, ordinal, ts, message_id: Some(message_id), values: Some(values) }
    }

    /// Its values, by field.
    pub(in crate::partition) fn fields<'v, 'a>(
        &self,
        event: &'v Event<'a>,
        values: &'v [(FieldId, Scalar<'a>)],
    ) -> &'v [(FieldId, Scalar<'a>)] {
        self.values.clone().map_or(&event.fields, |range| &values[range])
    }
}

/// What a match is found in: the event, and an element of its array where the name has `each`.
#[derive(Clone, Copy)]
struct MatchCandidate<'e> {
    fields: &'e [(FieldId, Scalar<'e>)],
    item: &'e [(ItemFieldId, Scalar<'e>)],
    ordinal: u32,
    ts: Timestamp,
}

impl StepContext {
    /// Finds the matches of an event, by file order of names, then by the array's order, and returns their values; `where` and
    /// `let` see the traits as they are before the event.
    pub(super) fn find_matches<'e>(
        &mut self,
        plan: &ExecutionPlan,
        user: &User,
        event: &'e Event<'_>,
        ts: Timestamp,
    ) -> MatchValues<'e> {
        self.names.clear();
        self.matches.clear();
        let mut values = Vec::new();
        let rows = Arc::clone(&self.rows);
        let scope = EvaluationContext::new(&plan.rules, &user.profile, user.profile.now).with_rows(&rows);
        let candidate = MatchCandidate { fields: &event.fields, item: &[], ordinal: 0, ts };
        for id in plan.dispatch.candidate_names(event) {
            let first = self.matches.len();
            match plan.rules.names[usize::from(id.0)].each {
                None => {
                    self.add_match(*id, &scope, candidate, &mut values);
                }
                Some(array) => {
                    for item in event.items(array) {
                        let ordinal = u32::try_from(self.matches.len() - first).unwrap_or(u32::MAX);
                        let candidate = MatchCandidate { item, ordinal, ..candidate };
                        self.add_match(*id, &scope, candidate, &mut values);
                    }
                }
            }
            if self.matches.len() > first {
                self.names.push(*id);
            }
        }
        values
    }

    /// Adds a match of a name where `where` holds.
    fn add_match<'e>(
        &mut self,
        id: NameId,
        scope: &EvaluationContext<'_>,
        candidate: MatchCandidate<'e>,
        values: &mut MatchValues<'e>,
    ) {
        let MatchCandidate { fields, item, ordinal, ts } = candidate;
        let scope = EvaluationContext { fields, item, ..*scope };
        let name = &scope.rules.names[usize::from(id.0)];
        if !name.filter.as_ref().is_none_or(|filter| scope.holds(filter)) {
            return;
        }
        let own = name.has_own_values().then(|| {
            let first = values.len();
            for value in &name.values {
                let found = match value.source {
                    MatchValueSource::Let(index) => {
                        scope.value(&name.lets[usize::from(index)].term).to_scalar().map(Scalar::into_owned)
                    }
                    MatchValueSource::Property { item: of_item, property } => {
                        candidate.item_value(of_item).or_else(|| field_value(fields, property)).map(Scalar::borrowed)
                    }
                };
                values.extend(found.map(|found| (value.field, found)));
            }
            first..values.len()
        });
        self.matches.push(EventMatch { name: id, ordinal, ts, message_id: None, values: own });
    }
}

impl<'e> MatchCandidate<'e> {
    fn item_value(&self, id: Option<ItemFieldId>) -> Option<&'e Scalar<'e>> {
        let id = id?;
        self.item.iter().find(|(other, _)| *other == id).map(|(_, value)| value)
    }
}
