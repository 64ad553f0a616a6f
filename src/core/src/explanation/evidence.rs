//! The events behind the values of a condition: those that were recorded and that each value is made of.

use crate::engine::evaluate::EvaluationContext;
use crate::engine::explained_condition::{ConditionExplanation, EventReference, OperandEvents, operand_terms};
use crate::features::{CoveredMatches, FeatureClock};
use crate::partition::{RecordedEvent, RecordedMatch};
use crate::rules::dependencies::{each_in_term, features_of};
use crate::rules::ruleset::{Condition, Feature, FeatureSource, NameId, PerId, Term};
use crate::time::Timestamp;

/// The most events of one value that are named: the latest.
const EVENTS_MAX: usize = 20;

/// The events of one user, in the order of the log.
#[derive(Clone, Copy, Debug)]
pub struct EventHistory<'h> {
    /// Those that were applied to the user, and to visitors that became the user.
    pub events: &'h [&'h RecordedEvent],
    /// There were no others.
    pub is_complete: bool,
}

/// Finds the events behind one value.
#[derive(Clone, Copy)]
struct EventSearch<'h, 's> {
    history: EventHistory<'h>,
    scope: EvaluationContext<'s>,
}

/// Events with how often each counts.
#[derive(Default)]
struct FoundEvents<'h> {
    found: Vec<(&'h RecordedEvent, u64)>,
    /// Something was asked that events alone do not tell.
    is_more: bool,
}

/// Adds the events behind each value of a condition to its explanation.
pub(super) fn add_events(
    explained: &mut ConditionExplanation,
    condition: &Condition,
    scope: &EvaluationContext<'_>,
    history: EventHistory<'_>,
) {
    let parts: &[Condition] = match condition {
        Condition::Not(inner) => std::slice::from_ref(&**inner),
        Condition::All(parts) | Condition::Any(parts) => parts,
        _ => &[],
    };
    for (explained, part) in explained.parts.iter_mut().zip(parts) {
        add_events(explained, part, scope, history);
    }
    let search = EventSearch { history, scope: *scope };
    for (operand, term) in explained.operands.iter_mut().zip(operand_terms(condition)) {
        operand.events = search.behind(term);
    }
}

impl<'h> EventSearch<'h, '_> {
    /// `None`: it is made of nothing that events tell.
    fn behind(&self, term: &Term) -> Option<OperandEvents> {
        let mut found = FoundEvents::default();
        let mut asks_events = false;
        each_in_term(term, &mut |inner| asks_events |= self.add(inner, &mut found));
        (asks_events && !found.is_more).then(|| found.into_events(self.history.is_complete))
    }

    /// Adds what a term itself is made of; whether it is made of events.
    fn add(&self, term: &Term, found: &mut FoundEvents<'h>) -> bool {
        match term {
            Term::Idle => found.add_one(self.latest(|_| true)),
            Term::Age => found.add_one(self.earliest(|_| true)),
            Term::InstanceIdle => found.add_one(self.latest(|event| self.has_key(event))),
            Term::InstanceAge => found.add_one(self.earliest(|event| self.has_key(event))),
            Term::Trait(id) => {
                let (mut winner, mut latest) = (None, Timestamp::MIN);
                for event in self.history.events.iter().filter(|event| !event.traits.is_empty()) {
                    let has_it = event.traits.contains(id);
                    if has_it && (event.ts >= latest || winner.is_none()) {
                        winner = Some(*event);
                    }
                    latest = latest.max(event.ts);
                }
                found.add_one(winner)
            }
            Term::Balance(_) | Term::Expiring { .. } | Term::KeysIn(_) | Term::Ranked { .. } => {
                found.is_more = true;
                false
            }
            _ => {
                let mut asks_events = false;
                features_of(term, &mut |id| {
                    asks_events = true;
                    self.add_feature(&self.scope.rules.features[usize::from(id.0)], found);
                });
                asks_events
            }
        }
    }

    fn add_feature(&self, feature: &Feature, found: &mut FoundEvents<'h>) {
        let FeatureSource::Matches(name) = feature.source else {
            found.is_more = true;
            return;
        };
        // What was told is no event of the user's.
        let is_told = |name: NameId| self.scope.rules.names[usize::from(name.0)].is_told();
        if is_told(name) || feature.second.is_some_and(is_told) {
            found.is_more = true;
            return;
        }
        let clock = FeatureClock { now: self.scope.now, calendar: &self.scope.rules.calendar };
        let (fields, numeric) = (feature.kind.fields(), feature.kind.numeric_fields());
        let is_it = |of: &RecordedMatch| {
            let is_named = of.name == name && of.has_fields(&fields, &numeric) || feature.second == Some(of.name);
            is_named && feature.per.is_none_or(|per| self.is_of_instance(per, of))
        };
        let held = self.history.events.iter().filter(|event| {
            let is_of_its_life = feature.per.is_none() || self.scope.instance.is_some_and(|it| event.ts >= it.first);
            is_of_its_life && feature.kind.holds(event.ts, clock)
        });
        let matching = held.filter_map(|event| {
            let count = event.matches.iter().filter(|of| is_it(of)).count();
            (count > 0).then_some((*event, count as u64))
        });
        let mut matching: Vec<(&RecordedEvent, u64)> = matching.collect();
        match feature.kind.covered() {
            CoveredMatches::All => {}
            CoveredMatches::Latest(most) => {
                matching.sort_by_key(|(event, _)| event.ts);
                matching.drain(..matching.len().saturating_sub(most));
                matching.iter_mut().for_each(|(_, count)| *count = 1);
            }
            CoveredMatches::Earliest => {
                matching.sort_by_key(|(event, _)| event.ts);
                matching.truncate(1);
                matching.iter_mut().for_each(|(_, count)| *count = 1);
            }
        }
        found.found.extend(matching);
    }

    fn has_key(&self, event: &RecordedEvent) -> bool {
        let per = self.scope.instance.map(|instance| instance.per);
        per.is_some_and(|per| event.matches.iter().any(|of| self.is_of_instance(per, of)))
    }

    fn is_of_instance(&self, per: PerId, of: &RecordedMatch) -> bool {
        let key = self.scope.instance.map(|instance| &instance.key);
        key.is_some_and(|key| of.keys.iter().any(|(of, its)| *of == per && its == key))
    }

    fn latest(&self, is_it: impl Fn(&RecordedEvent) -> bool) -> Option<&'h RecordedEvent> {
        self.history.events.iter().filter(|event| is_it(event)).max_by_key(|event| event.ts).copied()
    }

    fn earliest(&self, is_it: impl Fn(&RecordedEvent) -> bool) -> Option<&'h RecordedEvent> {
        self.history.events.iter().filter(|event| is_it(event)).min_by_key(|event| event.ts).copied()
    }
}

impl<'h> FoundEvents<'h> {
    fn add_one(&mut self, event: Option<&'h RecordedEvent>) -> bool {
        self.found.extend(event.map(|event| (event, 1)));
        true
    }

    /// Each event once: an event may stand behind two parts of a value.
    fn into_events(mut self, is_complete: bool) -> OperandEvents {
        self.found.sort_by_key(|(event, _)| (event.ts, event.position));
        self.found.dedup_by_key(|(event, _)| event.position);
        let matches = self.found.iter().map(|(_, count)| count).sum();
        let latest = self
            .found
            .iter()
            .rev()
            .take(EVENTS_MAX)
            .map(|(event, _)| EventReference { message_id: event.message_id.clone(), ts: event.ts });
        OperandEvents { matches, latest: latest.collect(), is_complete }
    }
}
