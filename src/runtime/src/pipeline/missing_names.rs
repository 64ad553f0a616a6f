//! Names that the rules read and that do not occur in the log, with the most similar name that does: a misspelt event, a
//! property that nobody sends.
//!
//! It only reports; nothing is rejected or corrected.

use std::collections::BTreeSet;
use std::fmt;

use super::{ObservedNames, PipelineTotals};
use rekindle_core::diagnostics::nearest;
use rekindle_core::event::{CallType, FieldId};
use rekindle_core::rules::ruleset::{CampaignTrigger, EventName, Ledger, MatchValueSource, Ruleset};
use rekindle_core::rules::{dependencies, notation};

/// If no name is similar to a missing one, this number of the most frequent names is listed.
const FREQUENT_NAMES_LISTED: usize = 3;

/// A name that the rules read and that does not occur.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingName {
    /// Its kind.
    pub kind: MissingNameKind,
    /// The name of an event in the rules, or the path of a property, a context field or a trait.
    pub name: String,
    /// Details; may be empty.
    pub detail: String,
}

/// The kinds of missing names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingNameKind {
    /// An event of `[events]`.
    Event,
    /// A property of an event, or a field of its context.
    Field,
    /// A trait.
    Trait,
}

/// The missing names, in the order of the rules: events of which none matched since the counts of `before` (empty: since the
/// beginning), and the properties, context fields and traits that events which did match lack. `log` is what messages call the
/// log: `the file`.
pub fn missing_names(rules: &Ruleset, totals: &PipelineTotals, before: &[u64], log: &str) -> Vec<MissingName> {
    let seen = &totals.seen;
    let matched = |index: usize| {
        let count = totals.counts.by_name.get(index).copied().unwrap_or(0);
        count.saturating_sub(before.get(index).copied().unwrap_or(0))
    };
    let mut found = Vec::new();
    // What groups tell is no event of the log.
    let of_log = rules.names.iter().enumerate().filter(|(_, name)| !name.is_told());
    for (_, name) in of_log.filter(|(index, _)| matched(*index) == 0) {
        let detail = unmatched(name, occurrences(name, totals), seen, log);
        found.push(MissingName { kind: MissingNameKind::Event, name: name.id.clone(), detail });
    }
    let mut read: BTreeSet<FieldId> = BTreeSet::new();
    for feature in &rules.features {
        let Some(name) = feature.name().map(|name| usize::from(name.0)).filter(|name| matched(*name) > 0) else {
            continue;
        };
        let name = &rules.names[name];
        read.extend(feature.kind.fields().into_iter().filter_map(|field| field_of_event(name, field)));
    }
    for campaign in &rules.campaigns {
        if let CampaignTrigger::Match(name) = campaign.on
            && matched(usize::from(name.0)) > 0
        {
            let name = &rules.names[usize::from(name.0)];
            read.extend(campaign.reads.iter().filter_map(|field| field_of_event(name, *field)));
        }
    }
    for entry in rules.ledgers.iter().flat_map(Ledger::entries).filter(|entry| matched(usize::from(entry.on.0)) > 0) {
        let name = &rules.names[usize::from(entry.on.0)];
        read.extend(entry.reads.iter().filter_map(|field| field_of_event(name, *field)));
    }
    for name in rules.names.iter().filter(|name| !name.is_told() && occurrences(name, totals) > 0) {
        read.extend(name.filter.iter().flat_map(dependencies::fields_in));
        read.extend(name.lets.iter().flat_map(|value| dependencies::fields_in_term(&value.term)));
    }
    for id in read.into_iter().filter(|id| !seen.fields.contains(&id.0)) {
        let name = notation::field(rules, id);
        // `E.user` of a group is whose match it was, and no field of an event.
        if !name.starts_with('#') {
            found.push(MissingName { kind: MissingNameKind::Field, name, detail: String::new() });
        }
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

/// The field of the event that a value of a match is. `None`: it is worked out, or looked for in an element first.
fn field_of_event(name: &EventName, field: FieldId) -> Option<FieldId> {
    match name.values.iter().find(|value| value.field == field).map(|value| value.source) {
        None => Some(field),
        Some(MatchValueSource::Property { item: None, property }) => Some(property),
        Some(MatchValueSource::Property { item: Some(_), .. } | MatchValueSource::Let(_)) => None,
    }
}

/// The number of events that a name may select, regardless of its `where`.
fn occurrences(name: &EventName, totals: &PipelineTotals) -> u64 {
    match &name.event {
        Some(event) => totals.seen.names.get(event).copied().unwrap_or(0),
        None => totals.by_call[name.call as usize],
    }
}

fn unmatched(name: &EventName, occurrences: u64, seen: &ObservedNames, log: &str) -> String {
    let selects =
        name.event.as_ref().map_or_else(|| format!("{} calls", name.call.name()), |event| format!("{event:?}"));
    let count = |(name, count): (&str, u64)| format!("{name:?} {}", times(count));
    if occurrences > 0 {
        let why = match name {
            EventName { filter: Some(_), .. } => "and its `where` never held",
            EventName { each: Some(_), .. } => "and its `each` found no element",
            _ => "and each is a repetition of an earlier event",
        };
        return format!(" ({selects}); {log} has that {}, {why}", times(occurrences));
    }
    let Some(event) = &name.event else { return format!(" ({selects}); {log} has none") };
    let others = || seen.names.iter().filter(|(other, _)| *other != event).map(|(name, count)| (name.as_str(), *count));
    if let Some(near) = nearest(event, others().map(|(name, _)| name)) {
        return format!(" ({selects}); {log} has {}", count((near, seen.names.get(near).copied().unwrap_or(0))));
    }
    let mut frequent: Vec<(&str, u64)> = others().collect();
    frequent.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    frequent.truncate(FREQUENT_NAMES_LISTED);
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
    use super::super::observed_names::{MAX_NAME_BYTES, MAX_NAMES};
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
        line = { event = "Product Viewed", each = "products" }
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
    fn missing_names_are_reported_with_the_most_similar_ones() {
        let identify = r#"{"type":"identify","userId":"u","timestamp":"2026-03-02T10:00:00Z","traits":{"tier":null}}"#
            .to_owned()
            + "\n";
        let views = track("Product Viewed", r#""price":2,"category":"hats""#).repeat(3);
        let lines = track("Order Completed", r#""total":1"#).repeat(1_234) + &views + &identify;
        for workers in [1, 2] {
            let (rules, totals) = totals(&lines, workers);
            let reported: Vec<String> =
                missing_names(&rules, &totals, &[], "the file").iter().map(ToString::to_string).collect();
            let expected = [
                r#"no event matched `order` ("Order Complete"); the file has "Order Completed" 1,234 times"#,
                r#"no event matched `shoes` ("Product Viewed"); the file has that 3 times, and its `where` never held"#,
                "no event matched `home` (page calls); the file has none",
                r#"no event matched `line` ("Product Viewed"); the file has that 3 times, and its `each` found no element"#,
                r#"no event matched `odd` ("Wishlist"); the file has "Order Completed" 1,234 times, "Product Viewed" 3 times …"#,
                "no event had properties.colour",
                "no event had properties.prise",
                "no identify had traits.tier",
            ];
            let (mut reported_sorted, mut expected_sorted) = (reported.clone(), expected.map(str::to_owned).to_vec());
            reported_sorted.sort();
            expected_sorted.sort();
            assert_eq!(reported_sorted, expected_sorted);
            assert_eq!(reported[..5], expected[..5]);
        }
    }

    #[test]
    fn a_value_that_a_match_has_of_its_own_is_not_missing() {
        let rules = r#"
            [groups.basket]
            key = "basket_id"
            ttl = "1d"
            [[segments]]
            id = "g"
            of = "basket"
            when = "distinct(order.user, '7d') > 1"
            [events]
            line = { event = "Order", each = "products", let = { worth = "item.price * properties.rate" } }
            order = { event = "Order", let = { net = "properties.total * 2" } }
            [[segments]]
            id = "s"
            when = "sum(line.worth, '7d') > 5 || last(line.sku) == 'a' || sum(order.net, '7d') > 5 || last(order.note) == 'x'"
        "#;
        let compiled = rules::compile(rules).unwrap_or_else(|problems| panic!("{problems:?}"));
        let mut pipeline = Pipeline::new(Arc::new(ExecutionPlan::new(compiled.clone())), PipelineOptions::default())
            .expect("threads start");
        let order = track("Order", r#""total":1,"products":[{"price":2,"sku":"a"}]"#);
        pipeline.feed(order.as_bytes(), &mut |_| {}, &mut Vec::new());
        let missing = missing_names(&compiled, &pipeline.totals(), &[], "the file");
        let mut missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        missing.sort();
        assert_eq!(missing, ["no event had properties.note", "no event had properties.rate"]);
    }

    #[test]
    fn matches_before_the_given_counts_are_ignored() {
        let (rules, totals) = totals(&track("Product Viewed", r#""price":1,"prise":2"#), 1);
        let names = |before: &[u64]| -> Vec<String> {
            let all = missing_names(&rules, &totals, before, "the log").into_iter();
            all.filter(|missing| missing.kind == MissingNameKind::Event).map(|missing| missing.name).collect()
        };
        assert_eq!(names(&[]), ["order", "shoes", "home", "line", "odd"]);
        assert_eq!(names(&totals.counts.by_name), ["order", "view", "shoes", "home", "line", "odd"]);
    }

    #[test]
    fn memory_is_bounded_for_any_log() {
        let many: String = (0..3 * MAX_NAMES).map(|number| track(&format!("event {number}"), "")).collect();
        let long = track(&"x".repeat(MAX_NAME_BYTES + 1), "");
        let (_, totals) = totals(&(many + &long + &track("Product Viewed", "")), 2);
        assert!(totals.seen.names() <= MAX_NAMES + 4, "{}", totals.seen.names());
        assert_eq!(totals.seen.names.get("Product Viewed"), Some(&1), "names of the rules are always counted");
    }
}
