//! Compares events with what the rules read of them (`rekindle check --against`): how often each name, property, key and
//! trait is there, as what type, and which are never there.
//!
//! A name counts here by its call and event alone, without its `where`.

mod keys;
mod observations;
mod reads;

use crate::decimal::grouped;
use crate::engine::evaluate::EvaluationContext;
use crate::engine::profile::UserProfile;
use crate::event::{CallType, Event, FieldId, Scalar, TraitId, field_value};
use crate::rules::notation;
use crate::rules::products::ARRAY_HELP;
use crate::rules::ruleset::{EventName, NameId, Projection, RowTable, Ruleset};
use crate::time::Timestamp;
use keys::SurveyedKey;
use observations::ValueObservations;
use reads::{ValueRead, ValueSource};

/// Counts what the rules read of events.
#[derive(Debug)]
pub struct EventSurvey<'r> {
    rules: &'r Ruleset,
    projection: Projection,
    /// By `NameId`.
    names: Vec<SurveyedName>,
    traits: Vec<(TraitId, ValueObservations)>,
    identifies: u64,
    /// For `let`, which sees no user here.
    nobody: UserProfile,
}

/// A name of `[events]`, and what the rules read of it.
#[derive(Debug, Default)]
struct SurveyedName {
    events: u64,
    /// The events that have the array of `each`.
    arrays: u64,
    /// Their elements that are objects; without `each`, the events.
    elements: u64,
    values: Vec<SurveyedValue>,
    /// By `PerId`.
    keys: Vec<SurveyedKey>,
}

/// A value that the rules read of a name.
#[derive(Debug)]
struct SurveyedValue {
    read: ValueRead,
    /// The fields that enclose it, the innermost first.
    around: Vec<FieldId>,
    seen: ValueObservations,
}

/// A disagreement of rules and events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyFinding {
    /// What was found.
    pub text: String,
    /// How to fix it.
    pub help: String,
    /// Whether the property never occurs, so that the rules must be wrong.
    pub is_mistake: bool,
}

impl<'r> EventSurvey<'r> {
    /// A survey without events.
    pub fn new(rules: &'r Ruleset) -> EventSurvey<'r> {
        let mut projection = Projection { property_events: None, ..rules.projection.clone() };
        let ids = (0..).map(NameId).take(rules.names.len());
        let names = ids.map(|id| {
            let mut surveyed = |read| SurveyedValue::new(read, &mut projection);
            SurveyedName {
                values: reads::values_of(rules, id).into_iter().map(&mut surveyed).collect(),
                keys: reads::keys_of(rules, id).into_iter().map(|read| SurveyedKey::new(surveyed(read))).collect(),
                ..SurveyedName::default()
            }
        });
        let names = names.collect();
        let traits = reads::traits(rules).into_iter().map(|id| (id, ValueObservations::default())).collect();
        EventSurvey { rules, projection, names, traits, identifies: 0, nobody: UserProfile::new(Timestamp::MIN) }
    }

    /// The fields that the decoder must keep.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Adds an event.
    pub fn add(&mut self, event: &Event<'_>) {
        let is_row = |table: &RowTable| event.call == CallType::Track && event.name.as_deref() == Some(&*table.event);
        if self.rules.tables.iter().any(is_row) {
            return;
        }
        if event.call == CallType::Identify {
            self.identifies += 1;
            for (id, seen) in &mut self.traits {
                let found = event.traits.iter().find(|(other, _)| other == id);
                found.iter().filter_map(|(_, value)| value.as_ref()).for_each(|value| seen.add(value));
            }
        }
        let scope = EvaluationContext::new(self.rules, &self.nobody, self.nobody.now);
        for (name, surveyed) in self.rules.names.iter().zip(&mut self.names) {
            let is_selected = !name.is_told()
                && name.call == event.call
                && (name.event.is_none() || name.event.as_deref() == event.name.as_deref());
            if is_selected {
                surveyed.add(name, event, scope);
            }
        }
    }

    /// What is there of everything that the rules read, line by line. `matched` is by name how many events met its `where`, or
    /// had an element that did.
    pub fn lines(&self, matched: &[u64]) -> Vec<String> {
        let mut lines = Vec::new();
        for ((name, surveyed), matched) in self.rules.names.iter().zip(&self.names).zip(matched) {
            lines.push(format!("{}: {}", selected_by(self.rules, name), surveyed.described(name, *matched)));
            for value in surveyed.values.iter().filter(|_| surveyed.events > 0) {
                lines.push(format!("  {}: {}", value.read.written, surveyed.described_value(value)));
            }
        }
        lines.extend(self.key_lines());
        if !self.traits.is_empty() {
            lines.push(format!("identify: {}", times(self.identifies, "call")));
        }
        for (id, seen) in self.traits.iter().filter(|_| self.identifies > 0) {
            lines.push(format!("  {}: {}", notation::user_trait(self.rules, *id), seen.described(self.identifies)));
        }
        lines
    }

    /// The findings, in the order of the rules' names. That a name never occurs is none of them.
    pub fn findings(&self) -> Vec<SurveyFinding> {
        let mut found = Vec::new();
        for (name, surveyed) in self.rules.names.iter().zip(&self.names).filter(|(_, it)| it.events > 0) {
            found.extend(self.no_array(name, surveyed));
            for value in surveyed.values.iter().filter(|value| surveyed.of(value) > 0) {
                found.extend(self.inside_arrays(surveyed, value));
                found.extend(not_numbers(name, surveyed, value));
                found.extend(never(name, value));
            }
        }
        found.extend(self.key_findings());
        for (id, _) in self.traits.iter().filter(|(_, seen)| self.identifies > 0 && seen.all() == 0) {
            let text = format!("no identify had {}", notation::user_trait(self.rules, *id));
            found.push(SurveyFinding { text, help: SPELLING_HELP.to_owned(), is_mistake: false });
        }
        found
    }

    fn no_array(&self, name: &EventName, surveyed: &SurveyedName) -> Option<SurveyFinding> {
        let array = self.rules.projection.arrays[usize::from(name.each?.0)].path.join(".");
        let text = match (surveyed.arrays, surveyed.elements) {
            (0, _) => format!("no event of `{}` had an array `{array}`", name.id),
            (_, 0) => format!("the array `{array}` of `{}` never had an object as an element", name.id),
            _ => return None,
        };
        Some(SurveyFinding { text, help: SPELLING_HELP.to_owned(), is_mistake: false })
    }

    fn inside_arrays(&self, surveyed: &SurveyedName, value: &SurveyedValue) -> Option<SurveyFinding> {
        let (array, count) = value.seen.in_arrays?;
        let array = self.projection.fields[usize::from(array.0)][1..].join(".");
        let text = format!(
            "{} reads into `{array}`, which is an array in {count} of {} events: it has no value there",
            value.read.written, surveyed.events
        );
        Some(SurveyFinding { text, help: ARRAY_HELP.to_owned(), is_mistake: value.seen.all() == 0 })
    }
}

const SPELLING_HELP: &str = "write it exactly as the site sends it";

fn not_numbers(name: &EventName, surveyed: &SurveyedName, value: &SurveyedValue) -> Option<SurveyFinding> {
    let (none, number_texts) = value.seen.not_numbers();
    if !value.read.is_amount || none == 0 {
        return None;
    }
    let (written, all, example) = (&value.read.written, value.seen.all(), value.seen.example());
    let unit = surveyed.unit(name, value);
    let text = format!("{written} is not a number in {none} of {all} {unit}{example}: sums and means ignore it");
    let help = match number_texts {
        0 => "send it as a number".to_owned(),
        _ => format!("send it as a number; number(last({written})) reads the text of the latest"),
    };
    Some(SurveyFinding { text, help, is_mistake: false })
}

fn never(name: &EventName, value: &SurveyedValue) -> Option<SurveyFinding> {
    if !value.read.source.is_known() || value.seen.all() > 0 || value.seen.in_arrays.is_some() {
        return None;
    }
    let written = &value.read.written;
    let whose =
        if written.starts_with(&format!("{}.", name.id)) { String::new() } else { format!(" of `{}`", name.id) };
    let text = match value.read.source {
        ValueSource::Let(_) => format!("{written} never has a value"),
        ValueSource::Item(_) => format!("no element{whose} had {written}"),
        _ => format!("no event{whose} had {written}"),
    };
    Some(SurveyFinding { text, help: SPELLING_HELP.to_owned(), is_mistake: false })
}

impl SurveyedName {
    fn add(&mut self, name: &EventName, event: &Event<'_>, scope: EvaluationContext<'_>) {
        self.events += 1;
        self.add_values(name, event, EvaluationContext { fields: &event.fields, ..scope }, false);
        let Some(array) = name.each else {
            self.elements += 1;
            return self.add_values(name, event, EvaluationContext { fields: &event.fields, ..scope }, true);
        };
        self.arrays += u64::from(event.arrays.iter().any(|found| found.array == array));
        for item in event.items(array) {
            self.elements += 1;
            self.add_values(name, event, EvaluationContext { fields: &event.fields, item, ..scope }, true);
        }
    }

    /// Adds what is read of an event, or of an element of its array.
    fn add_values(&mut self, name: &EventName, event: &Event<'_>, scope: EvaluationContext<'_>, is_element: bool) {
        for value in self.values.iter_mut().filter(|value| value.read.source.is_of_elements() == is_element) {
            match value.read.source.find(name, &scope) {
                Some(found) => value.seen.add(&found),
                None => value.look_for_arrays(event),
            }
        }
        for key in self.keys.iter_mut().filter(|key| key.value.read.source.is_of_elements() == is_element) {
            key.value.read.source.find(name, &scope).iter().for_each(|found| key.add(found));
        }
    }

    /// How many there could be of a value.
    fn of(&self, value: &SurveyedValue) -> u64 {
        if value.read.source.is_of_elements() { self.elements } else { self.events }
    }

    fn described_value(&self, value: &SurveyedValue) -> String {
        match value.read.source.is_known() {
            true => value.seen.described(self.of(value)),
            false => "depends on the user's traits".to_owned(),
        }
    }

    fn unit(&self, name: &EventName, value: &SurveyedValue) -> &'static str {
        if name.each.is_some() && value.read.source.is_of_elements() { "elements" } else { "events" }
    }

    fn described(&self, name: &EventName, matched: u64) -> String {
        let mut text = times(self.events, "event");
        if name.each.is_some() && self.events > 0 {
            let arrays = grouped(self.arrays);
            let elements = if self.elements == 0 { "no elements".to_owned() } else { times(self.elements, "element") };
            text = format!("{text}, {arrays} with the array, {elements}");
        }
        if (name.filter.is_some() || name.each.is_some()) && self.events > 0 {
            text = format!("{text}; {} match", grouped(matched));
        }
        text
    }
}

impl SurveyedValue {
    fn new(read: ValueRead, projection: &mut Projection) -> SurveyedValue {
        let path = read.source.field().map(|field| projection.fields[usize::from(field.0)].clone()).unwrap_or_default();
        let around = (2..path.len()).rev().filter_map(|length| field(projection, &path[..length])).collect();
        SurveyedValue { read, around, seen: ValueObservations::default() }
    }

    /// Notes that an enclosing field of a value that is not there is an array.
    fn look_for_arrays(&mut self, event: &Event<'_>) {
        let is_array = |id: &&FieldId| matches!(field_value(&event.fields, **id), Some(Scalar::Json(json)) if json.starts_with('['));
        if let Some(array) = self.around.iter().find(is_array) {
            self.seen.in_arrays.get_or_insert((*array, 0)).1 += 1;
        }
    }
}

/// `line ("Order Completed", each products)`, `home (page)`
fn selected_by(rules: &Ruleset, name: &EventName) -> String {
    let event = name.event.as_ref().map_or_else(|| name.call.name().to_owned(), |event| format!("{event:?}"));
    let each = name.each.map(|array| rules.projection.arrays[usize::from(array.0)].path.join("."));
    let each = each.map_or_else(String::new, |each| format!(", each {each}"));
    format!("{} ({event}{each})", name.id)
}

/// `never`, `1 event`, `1,234 events`
fn times(count: u64, unit: &str) -> String {
    match count {
        0 => "never".to_owned(),
        1 => format!("1 {unit}"),
        _ => format!("{} {unit}s", grouped(count)),
    }
}

/// The field of a path, added if it is missing.
fn field(projection: &mut Projection, path: &[String]) -> Option<FieldId> {
    let at = projection.fields.iter().position(|other| other == path).unwrap_or_else(|| {
        projection.fields.push(path.to_vec());
        projection.fields.len() - 1
    });
    u16::try_from(at).ok().map(FieldId)
}

#[cfg(test)]
mod tests;
