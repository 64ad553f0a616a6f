//! What a compiled condition reads, and therefore what can change it.

mod properties;

pub(super) use properties::{PropertyReaders, amounts, property_events};

use std::collections::BTreeSet;

use super::ruleset::{
    Campaign, Condition, ConditionDependencies, EventName, Feature, FeatureId, FeatureSource, Ledger, RowTable,
    Ruleset, Settlement, Term,
};
use crate::event::{FieldId, TraitId};

/// What `condition` reads of the user, in all its terms and nested conditions.
pub(super) fn of(condition: &Condition, features: &[Feature]) -> ConditionDependencies {
    let mut walk = DependencyVisitor { features, reads: ConditionDependencies::default() };
    walk.condition(condition);
    let mut reads = walk.reads;
    reads.names.sort_unstable();
    reads.names.dedup();
    reads.traits.sort_unstable();
    reads.traits.dedup();
    reads.purposes.sort_unstable();
    reads.purposes.dedup();
    reads.ranks.sort_unstable();
    reads.ranks.dedup();
    reads.segments.sort_unstable();
    reads.segments.dedup();
    reads.ledgers.sort_unstable();
    reads.ledgers.dedup();
    reads
}

/// The track events that have names, or are rows, each once.
pub(super) fn tracked_events(names: &[EventName], tables: &[RowTable]) -> Vec<String> {
    let named = names.iter().filter_map(|name| name.event.as_ref());
    let events: BTreeSet<&String> = named.chain(tables.iter().map(|table| &table.event)).collect();
    events.into_iter().cloned().collect()
}

/// Calls `see` with every term in a condition, the outer before the inner.
pub(crate) fn each_term<'c>(condition: &'c Condition, see: &mut dyn FnMut(&'c Term)) {
    match condition {
        Condition::Constant(_) | Condition::InSegment(_) => {}
        Condition::Not(inner) => each_term(inner, see),
        Condition::All(items) | Condition::Any(items) => items.iter().for_each(|item| each_term(item, see)),
        Condition::Compare { left, right, .. } => {
            [left, right].map(|term| each_in_term(term, see)).into_iter().collect()
        }
        Condition::Anniversary(term)
        | Condition::Has(term)
        | Condition::IsTrue(term)
        | Condition::Matches { subject: term, .. } => {
            each_in_term(term, see);
        }
        Condition::Text { subject, argument, .. } => {
            each_in_term(subject, see);
            each_in_term(argument, see);
        }
        Condition::In { item, list } => {
            each_in_term(item, see);
            each_in_term(list, see);
        }
    }
}

/// Calls `see` with a term and every term in it.
pub(crate) fn each_in_term<'c>(term: &'c Term, see: &mut dyn FnMut(&'c Term)) {
    see(term);
    match term {
        Term::Arithmetic { left, right, .. } => {
            each_in_term(left, see);
            each_in_term(right, see);
        }
        Term::Part { total, parts, part } => [total, parts, part].into_iter().for_each(|it| each_in_term(it, see)),
        Term::Negate(inner) | Term::Number(inner) | Term::Until(inner) | Term::Row { key: inner, .. } => {
            each_in_term(inner, see);
        }
        Term::Moving(moving) => {
            each_in_term(&moving.function, see);
            moving.steps.iter().for_each(|step| each_in_term(&step.operand, see));
        }
        Term::Condition(inner) => each_term(inner, see),
        Term::Constant(_)
        | Term::List(_)
        | Term::Duration(_)
        | Term::Feature(_)
        | Term::Average { .. }
        | Term::Since(_)
        | Term::Idle
        | Term::Age
        | Term::LocalHour
        | Term::LocalWeekday
        | Term::Trait(_)
        | Term::Field(_)
        | Term::InstanceIdle
        | Term::InstanceAge
        | Term::Key
        | Term::CouponCode
        | Term::KeysIn(_)
        | Term::Model(_)
        | Term::Balance(_)
        | Term::Expiring { .. }
        | Term::Consent(_)
        | Term::Ranked { .. }
        | Term::Item { .. } => {}
    }
}

/// Calls `see` with every feature of a term itself (not of the terms in it).
pub(crate) fn features_of(term: &Term, see: &mut dyn FnMut(FeatureId)) {
    match term {
        Term::Feature(id) | Term::Since(id) => see(*id),
        Term::Model(question) => see(question.feature),
        Term::Average { sum, count } => {
            see(*sum);
            see(*count);
        }
        Term::Constant(_)
        | Term::List(_)
        | Term::Duration(_)
        | Term::Idle
        | Term::Age
        | Term::Until(_)
        | Term::LocalHour
        | Term::LocalWeekday
        | Term::Moving(_)
        | Term::Trait(_)
        | Term::Field(_)
        | Term::InstanceIdle
        | Term::InstanceAge
        | Term::Key
        | Term::Row { .. }
        | Term::CouponCode
        | Term::KeysIn(_)
        | Term::Balance(_)
        | Term::Expiring { .. }
        | Term::Consent(_)
        | Term::Ranked { .. }
        | Term::Item { .. }
        | Term::Part { .. }
        | Term::Arithmetic { .. }
        | Term::Negate(_)
        | Term::Number(_)
        | Term::Condition(_) => {}
    }
}

/// Calls `see` with every comparison in a condition, also those inside its terms.
pub(super) fn each_comparison<'c>(
    condition: &'c Condition,
    see: &mut dyn FnMut(super::ruleset::Comparison, &'c Term, &'c Term),
) {
    match condition {
        Condition::Not(inner) => each_comparison(inner, see),
        Condition::All(items) | Condition::Any(items) => items.iter().for_each(|item| each_comparison(item, see)),
        Condition::Compare { op, left, right } => see(*op, left, right),
        _ => {}
    }
    if matches!(condition, Condition::Not(_) | Condition::All(_) | Condition::Any(_)) {
        return;
    }
    each_term(condition, &mut |term| {
        if let Term::Condition(inner) = term {
            each_comparison(inner, see);
        }
    });
}

/// Whether time alone can change a comparison of two terms, other than by features in them: one side changes with every
/// millisecond, and the other does not change with it.
pub(super) fn crosses(left: &Term, right: &Term) -> bool {
    matches!(left, Term::Moving(_)) || matches!(right, Term::Moving(_)) || slope(left) != slope(right)
}

/// Calls `see` with what every `anniversary` in a condition asks about.
pub(super) fn anniversaries<'c>(condition: &'c Condition, see: &mut dyn FnMut(&'c Term)) {
    match condition {
        Condition::Anniversary(term) => see(term),
        Condition::Not(inner) => anniversaries(inner, see),
        Condition::All(items) | Condition::Any(items) => items.iter().for_each(|item| anniversaries(item, see)),
        _ => each_term(condition, &mut |term| {
            if let Term::Condition(inner) = term {
                anniversaries(inner, see);
            }
        }),
    }
}

/// The milliseconds by which a term grows each millisecond while no event arrives. The difference of two durations of equal
/// slope is constant: time alone never changes a comparison of them.
pub(super) fn slope(term: &Term) -> i64 {
    use super::ruleset::Arithmetic::{Add, Divide, Multiply, Subtract};
    match term {
        Term::Since(_) | Term::Idle | Term::Age | Term::InstanceIdle | Term::InstanceAge => 1,
        Term::Until(_) => -1,
        Term::Arithmetic { op: Add, left, right } => slope(left) + slope(right),
        Term::Arithmetic { op: Subtract, left, right } => slope(left) - slope(right),
        Term::Arithmetic { op: Multiply | Divide, .. }
        | Term::Constant(_)
        | Term::List(_)
        | Term::Duration(_)
        | Term::Feature(_)
        | Term::Average { .. }
        | Term::LocalHour
        | Term::LocalWeekday
        | Term::Moving(_)
        | Term::Trait(_)
        | Term::Field(_)
        | Term::Key
        | Term::Row { .. }
        | Term::CouponCode
        | Term::KeysIn(_)
        | Term::Model(_)
        | Term::Balance(_)
        | Term::Expiring { .. }
        | Term::Consent(_)
        | Term::Ranked { .. }
        | Term::Item { .. }
        | Term::Part { .. }
        | Term::Negate(_)
        | Term::Number(_)
        | Term::Condition(_) => 0,
    }
}

struct DependencyVisitor<'f> {
    features: &'f [Feature],
    reads: ConditionDependencies,
}

impl DependencyVisitor<'_> {
    fn condition(&mut self, condition: &Condition) {
        each_comparison(condition, &mut |_, left, right| self.reads.time |= crosses(left, right));
        anniversaries(condition, &mut |date| {
            self.reads.time = true;
            self.reads.time_of_traits |= reads_trait(date);
        });
        segments_of(condition, &mut |segment| self.reads.segments.push(segment));
        let mut terms = Vec::new();
        each_term(condition, &mut |term| terms.push(term));
        for term in terms {
            self.term(term);
        }
    }

    fn term(&mut self, term: &Term) {
        match term {
            Term::Trait(id) => self.reads.traits.push(*id),
            Term::Consent(purpose) => self.reads.purposes.push(*purpose),
            Term::Ranked { rank, .. } => self.reads.ranks.push(*rank),
            Term::Idle | Term::Age => self.reads.any_event = true,
            Term::Until(date) => self.reads.time_of_traits |= reads_trait(date),
            Term::KeysIn(segment) => self.reads.segments.push(*segment),
            Term::Balance(ledger) => self.reads.ledgers.push(*ledger),
            Term::Expiring { ledger, .. } => {
                self.reads.ledgers.push(*ledger);
                (self.reads.time, self.reads.time_of_points) = (true, true);
            }
            // Features follow; the terms inside are visited by themselves.
            Term::Constant(_)
            | Term::List(_)
            | Term::Duration(_)
            | Term::Feature(_)
            | Term::Average { .. }
            | Term::Since(_)
            | Term::LocalHour
            | Term::LocalWeekday
            | Term::Moving(_)
            | Term::Field(_)
            | Term::InstanceIdle
            | Term::InstanceAge
            | Term::Key
            | Term::Row { .. }
            | Term::CouponCode
            | Term::Model(_)
            | Term::Item { .. }
            | Term::Part { .. }
            | Term::Arithmetic { .. }
            | Term::Negate(_)
            | Term::Number(_)
            | Term::Condition(_) => {}
        }
        features_of(term, &mut |id| {
            let feature = &self.features[usize::from(id.0)];
            // An instance that an event touches is evaluated anyway.
            match feature.source {
                FeatureSource::Points(ledger) => self.reads.ledgers.push(ledger),
                FeatureSource::Matches(name) if feature.per.is_none() => {
                    self.reads.names.push(name);
                    self.reads.names.extend(feature.second);
                }
                FeatureSource::Matches(_) => {}
            }
            self.reads.time |= feature.kind.looks_back().is_some();
        });
    }
}

fn reads_trait(term: &Term) -> bool {
    let mut found = false;
    each_in_term(term, &mut |term| found |= matches!(term, Term::Trait(_)));
    found
}

/// Calls `see` with every segment that a condition refers to.
fn segments_of(condition: &Condition, see: &mut dyn FnMut(super::ruleset::SegmentId)) {
    match condition {
        Condition::InSegment(segment) => see(*segment),
        Condition::Not(inner) => segments_of(inner, see),
        Condition::All(items) | Condition::Any(items) => items.iter().for_each(|item| segments_of(item, see)),
        _ => each_term(condition, &mut |term| {
            if let Term::Condition(inner) = term {
                segments_of(inner, see);
            }
        }),
    }
}

/// The properties and context fields in a condition.
pub fn fields_in(condition: &Condition) -> Vec<FieldId> {
    let mut found = Vec::new();
    each_term(condition, &mut |term| {
        if let Term::Field(id) = term {
            found.push(*id);
        }
    });
    found
}

/// What a condition and some terms of a campaign or a ledger read of a match, ascending.
pub(super) fn fields_of_match<'c>(
    condition: Option<&Condition>,
    terms: impl Iterator<Item = &'c Term>,
) -> Vec<FieldId> {
    let mut found: BTreeSet<FieldId> = condition.map(fields_in).unwrap_or_default().into_iter().collect();
    found.extend(terms.flat_map(fields_in_term));
    found.into_iter().collect()
}

/// What a settlement reads of the match that may settle a reservation.
pub fn fields_of_settlement(settle: &Settlement) -> Vec<FieldId> {
    let mut found = settle.when.as_ref().map(fields_in).unwrap_or_default();
    found.extend(settle.amount.iter().flat_map(fields_in_term));
    found
}

/// The properties and context fields in a term.
pub fn fields_in_term(term: &Term) -> Vec<FieldId> {
    let mut found = Vec::new();
    each_in_term(term, &mut |term| {
        if let Term::Field(id) = term {
            found.push(*id);
        }
    });
    found
}

/// The traits that segments, names and campaigns read.
pub fn traits_in_rules(rules: &Ruleset) -> BTreeSet<TraitId> {
    let mut found = BTreeSet::new();
    let mut see = |term: &Term| {
        if let Term::Trait(id) = term {
            found.insert(*id);
        }
    };
    let filters = rules.names.iter().filter_map(|name| name.filter.as_ref());
    let conditions = rules.campaigns.iter().filter_map(|campaign| campaign.condition.as_ref());
    for condition in rules.segments.iter().map(|segment| &segment.when).chain(filters).chain(conditions) {
        each_term(condition, &mut |term| see(term));
    }
    let lets = rules.names.iter().flat_map(|name| &name.lets).map(|value| &value.term);
    let ranked = rules.ranks.iter().map(|rank| &rank.of);
    let subjects = rules.partners.iter().filter_map(|partner| partner.subject.as_ref());
    let decided = rules.campaigns.iter().flat_map(Campaign::terms);
    let settlements = rules.campaigns.iter().filter_map(|campaign| campaign.settle.as_ref());
    let amounts = settlements.clone().filter_map(|settle| settle.amount.as_ref());
    let points = rules.ledgers.iter().flat_map(Ledger::entries).map(|entry| &entry.amount);
    for term in decided.chain(amounts).chain(lets).chain(points).chain(subjects).chain(ranked) {
        each_in_term(term, &mut |term| see(term));
    }
    for condition in settlements.filter_map(|settle| settle.when.as_ref()) {
        each_term(condition, &mut |term| see(term));
    }
    found
}
