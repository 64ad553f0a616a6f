//! Which events, properties and traits a log has, so that what the rules wait for in vain can be told: a name that is written
//! otherwise, a property that nobody sends.
//!
//! Bounded whatever comes: names of up to 128 bytes are counted, the first 1,000 of them and those of the rules; fields and traits are those that the rules read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::PipelineTotals;
use rekindle_core::decode::Decoded;
use rekindle_core::diagnostics::nearest;
use rekindle_core::event::{CallType, FieldId};
use rekindle_core::rules::ruleset::{EventName, Ruleset};
use rekindle_core::rules::{dependencies, notation};

/// So many names of track events are told apart, beside those of the rules.
const NAMES_MAX: usize = 1_000;
/// Longer names are not counted.
const NAME_BYTES_MAX: usize = 128;
/// Where no name is like the one that is missing, so many are named.
const FREQUENT: usize = 3;

/// What a log has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedNames {
    /// How often each track event came, by its name.
    names: BTreeMap<String, u64>,
    /// Fields of the rules that some event had.
    fields: BTreeSet<u16>,
    /// Traits of the rules that some event had.
    traits: BTreeSet<u16>,
}

/// What a slice of a batch has.
#[derive(Debug, Default)]
pub(super) struct SliceObservations {
    /// By the track event that the rules name.
    tracked: Vec<u64>,
    /// Track events that they don't.
    others: HashMap<Box<str>, u64, foldhash::fast::FixedState>,
    fields: Vec<bool>,
    traits: Vec<bool>,
}

/// Something that the rules wait for and that has not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingName {
    /// What it is.
    pub kind: MissingNameKind,
    /// Its name: that of an event in the rules, or the path of a property, a context field or a trait.
    pub name: String,
    /// More about it; may be empty.
    pub detail: String,
}

/// What the rules may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingNameKind {
    /// An event of `[events]`.
    Event,
    /// A property of an event, or a field of its context.
    Field,
    /// A trait.
    Trait,
}

impl SliceObservations {
    pub(super) fn of(calls: &[Decoded<'_>]) -> SliceObservations {
        let mut seen = SliceObservations::default();
        for event in calls.iter().flatten() {
            match (event.tracked, &event.name) {
                (Some(id), _) => *at(&mut seen.tracked, id.0) += 1,
                (None, Some(name)) => seen.count(name),
                (None, None) => {}
            }
            for (FieldId(id), _) in &event.fields {
                *at(&mut seen.fields, *id) = true;
            }
            for (id, value) in &event.traits {
                *at(&mut seen.traits, id.0) |= value.is_some();
            }
        }
        seen
    }

    fn count(&mut self, name: &str) {
        if let Some(count) = self.others.get_mut(name) {
            *count += 1;
        } else if self.others.len() < NAMES_MAX && name.len() <= NAME_BYTES_MAX {
            self.others.insert(name.into(), 1);
        }
    }
}

/// The place of an id in a list that grows with them.
fn at<T: Default + Clone>(list: &mut Vec<T>, id: u16) -> &mut T {
    let index = usize::from(id);
    if list.len() <= index {
        list.resize(index + 1, T::default());
    }
    &mut list[index]
}

impl ObservedNames {
    /// Adds a slice; `tracked` are the names of the track events that the rules know.
    pub(super) fn add_slice(&mut self, slice: &SliceObservations, tracked: &[String]) {
        for (name, count) in tracked.iter().zip(&slice.tracked).filter(|(_, count)| **count > 0) {
            *self.names.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &slice.others {
            if let Some(known) = self.names.get_mut(&**name) {
                *known += count;
            } else if self.names.len() < NAMES_MAX + tracked.len() {
                self.names.insert(name.to_string(), *count);
            }
        }
        let set = |flags: &[bool]| {
            (0..).zip(flags.to_vec()).filter_map(|(id, is_there)| is_there.then_some(id)).collect::<Vec<u16>>()
        };
        self.fields.extend(set(&slice.fields));
        self.traits.extend(set(&slice.traits));
    }

    /// The rules have changed: fields and traits have other ids, and are looked for anew.
    pub(super) fn begin_anew(&mut self) {
        self.fields.clear();
        self.traits.clear();
    }

    /// Counts on from what was seen before, under the same rules.
    pub(super) fn add_before(&mut self, before: &ObservedNames) {
        for (name, count) in &before.names {
            *self.names.entry(name.clone()).or_default() += count;
        }
        self.fields.extend(&before.fields);
        self.traits.extend(&before.traits);
    }

    /// How many names are told apart.
    pub fn names(&self) -> usize {
        self.names.len()
    }
}

/// What the rules wait for and what has not come, in the order of the rules: events of which none came since `before` of each
/// had matched (nothing: since the beginning), and properties, context fields and traits of those that came. `log` is what it is
/// called: `the file`.
pub fn unseen(rules: &Ruleset, totals: &PipelineTotals, before: &[u64], log: &str) -> Vec<MissingName> {
    let seen = &totals.seen;
    let matched = |index: usize| {
        let count = totals.counts.by_name.get(index).copied().unwrap_or(0);
        count.saturating_sub(before.get(index).copied().unwrap_or(0))
    };
    let mut found = Vec::new();
    for (_, name) in rules.names.iter().enumerate().filter(|(index, _)| matched(*index) == 0) {
        let detail = unmatched(name, came(name, totals), seen, log);
        found.push(MissingName { kind: MissingNameKind::Event, name: name.id.clone(), detail });
    }
    let mut awaited: BTreeSet<FieldId> = BTreeSet::new();
    for feature in rules.features.iter().filter(|feature| matched(usize::from(feature.name.0)) > 0) {
        awaited.extend(feature.kind.field());
    }
    for name in rules.names.iter().filter(|name| came(name, totals) > 0) {
        awaited.extend(name.filter.iter().flat_map(dependencies::fields_in));
    }
    for id in awaited.into_iter().filter(|id| !seen.fields.contains(&id.0)) {
        found.push(MissingName {
            kind: MissingNameKind::Field,
            name: notation::field(rules, id),
            detail: String::new(),
        });
    }
    if totals.by_call[CallType::Identify as usize] > 0 {
        for id in dependencies::traits_in_rules(rules).into_iter().filter(|id| !seen.traits.contains(&id.0)) {
            found.push(MissingName {
                kind: MissingNameKind::Trait,
                name: notation::user_trait(rules, id),
                detail: String::new(),
            });
        }
    }
    found
}

/// How many events there were that a name may select, whatever its `where` says.
fn came(name: &EventName, totals: &PipelineTotals) -> u64 {
    match &name.event {
        Some(event) => totals.seen.names.get(event).copied().unwrap_or(0),
        None => totals.by_call[name.call as usize],
    }
}

fn unmatched(name: &EventName, came: u64, seen: &ObservedNames, log: &str) -> String {
    let selects =
        name.event.as_ref().map_or_else(|| format!("{} calls", name.call.name()), |event| format!("{event:?}"));
    let count = |(name, count): (&str, u64)| format!("{name:?} {}", times(count));
    if came > 0 {
        let why = if name.filter.is_some() { "and its `where` never held" } else { "all of them twice" };
        return format!(" ({selects}); {log} has that {}, {why}", times(came));
    }
    let Some(event) = &name.event else { return format!(" ({selects}); {log} has none") };
    let others = || seen.names.iter().filter(|(other, _)| *other != event).map(|(name, count)| (name.as_str(), *count));
    if let Some(near) = nearest(event, others().map(|(name, _)| name)) {
        return format!(" ({selects}); {log} has {}", count((near, seen.names.get(near).copied().unwrap_or(0))));
    }
    let mut frequent: Vec<(&str, u64)> = others().collect();
    frequent.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    frequent.truncate(FREQUENT);
    let frequent: Vec<String> = frequent.into_iter().map(count).collect();
    match frequent.len() {
        0 => format!(" ({selects}); {log} has no track events"),
        _ => format!(" ({selects}); {log} has {} …", frequent.join(", ")),
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{} times", rekindle_core::decimal::grouped(count)) }
}

impl MissingNameKind {
    /// `event`, `field`, `trait`
    pub fn name(self) -> &'static str {
        match self {
            MissingNameKind::Event => "event",
            MissingNameKind::Field => "field",
            MissingNameKind::Trait => "trait",
        }
    }
}

/// ``no event matched `order` ("Order Complete"); the file has "Order Completed" 69,659 times``
impl fmt::Display for MissingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MissingName { kind, name, detail } = self;
        match kind {
            MissingNameKind::Event => write!(f, "no event matched `{name}`{detail}"),
            MissingNameKind::Field => write!(f, "no event had {name}{detail}"),
            MissingNameKind::Trait => write!(f, "no identify had {name}{detail}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Pipeline, PipelineOptions};
    use rekindle_core::partition::ExecutionPlan;
    use rekindle_core::rules;
    use std::sync::Arc;

    const RULES: &str = r#"
        [events]
        order = "Order Complete"
        view = "Product Viewed"
        shoes = { event = "Product Viewed", where = "properties.category == 'shoes' && properties.colour == 'red'" }
        home = { type = "page" }
        odd = "Wishlist"
        [[segments]]
        id = "s"
        when = "sum(order.total, '7d') > 5.0 || sum(view.price, '7d') > 5.0 || last(view.prise) == 3 || traits.tier == 'gold'"
    "#;

    fn totals(lines: &str, workers: usize) -> (Ruleset, PipelineTotals) {
        let compiled = rules::compile(RULES).unwrap_or_else(|problems| panic!("{problems:?}"));
        let options = PipelineOptions { workers, ..PipelineOptions::default() };
        let mut pipeline =
            Pipeline::new(Arc::new(ExecutionPlan::new(compiled.clone())), options).expect("threads start");
        pipeline.feed(lines.as_bytes(), &mut |_| {}, &mut Vec::new());
        (compiled, pipeline.totals())
    }

    fn track(event: &str, properties: &str) -> String {
        format!(
            r#"{{"type":"track","event":"{event}","userId":"u","timestamp":"2026-03-02T10:00:00Z","properties":{{{properties}}}}}"#
        ) + "\n"
    }

    #[test]
    fn names_and_properties_that_never_come_are_told_with_what_is_like_them() {
        let identify = r#"{"type":"identify","userId":"u","timestamp":"2026-03-02T10:00:00Z","traits":{"tier":null}}"#
            .to_owned()
            + "\n";
        let views = track("Product Viewed", r#""price":2,"category":"hats""#).repeat(3);
        let lines = track("Order Completed", r#""total":1"#).repeat(1_234) + &views + &identify;
        for workers in [1, 2] {
            let (rules, totals) = totals(&lines, workers);
            let told: Vec<String> = unseen(&rules, &totals, &[], "the file").iter().map(ToString::to_string).collect();
            let expected = [
                r#"no event matched `order` ("Order Complete"); the file has "Order Completed" 1,234 times"#,
                r#"no event matched `shoes` ("Product Viewed"); the file has that 3 times, and its `where` never held"#,
                "no event matched `home` (page calls); the file has none",
                r#"no event matched `odd` ("Wishlist"); the file has "Order Completed" 1,234 times, "Product Viewed" 3 times …"#,
                "no event had properties.colour",
                "no event had properties.prise",
                "no identify had traits.tier",
            ];
            let (mut told_sorted, mut expected_sorted) = (told.clone(), expected.map(str::to_owned).to_vec());
            told_sorted.sort();
            expected_sorted.sort();
            assert_eq!(told_sorted, expected_sorted);
            assert_eq!(told[..4], expected[..4]);
        }
    }

    #[test]
    fn what_had_matched_before_does_not_count() {
        let (rules, totals) = totals(&track("Product Viewed", r#""price":1,"prise":2"#), 1);
        let names = |before: &[u64]| -> Vec<String> {
            let all = unseen(&rules, &totals, before, "the log").into_iter();
            all.filter(|unseen| unseen.kind == MissingNameKind::Event).map(|unseen| unseen.name).collect()
        };
        assert_eq!(names(&[]), ["order", "shoes", "home", "odd"]);
        assert_eq!(names(&totals.counts.by_name), ["order", "view", "shoes", "home", "odd"]);
    }

    #[test]
    fn no_log_makes_it_grow_without_end() {
        let many: String = (0..3 * NAMES_MAX).map(|number| track(&format!("event {number}"), "")).collect();
        let long = track(&"x".repeat(NAME_BYTES_MAX + 1), "");
        let (_, totals) = totals(&(many + &long + &track("Product Viewed", "")), 2);
        assert!(totals.seen.names() <= NAMES_MAX + 4, "{}", totals.seen.names());
        assert_eq!(totals.seen.names.get("Product Viewed"), Some(&1), "those of the rules always are");
    }
}
