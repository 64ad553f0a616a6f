//! Compares events with what the rules read of them: how often each event name occurs, and the types of its properties.
//!
//! A name counts here by its call and event alone, without its `where`.

use std::collections::BTreeSet;

use crate::decimal::Decimal;
use crate::event::{Event, FieldId, Scalar};
use crate::rules::products::ARRAY_HELP;
use crate::rules::ruleset::{CampaignTrigger, EventName, NameId, NumericProperty, Projection, Ruleset};

/// The most characters of a text that is shown as an example.
const EXAMPLE_CHARS_MAX: usize = 40;

/// Counts the properties of events that the rules read.
#[derive(Debug)]
pub struct PropertySurvey<'r> {
    rules: &'r Ruleset,
    projection: Projection,
    /// The number of events by name.
    events: Vec<u64>,
    properties: Vec<SurveyedProperty>,
}

/// A property of an event name that the rules read.
#[derive(Debug)]
struct SurveyedProperty {
    read: NumericProperty,
    /// Whether it is summed or averaged.
    is_amount: bool,
    /// The fields that enclose it, the innermost first.
    around: Vec<FieldId>,
    seen: PropertyObservations,
}

#[derive(Debug, Default)]
struct PropertyObservations {
    numbers: u64,
    /// Texts that are numbers.
    number_texts: u64,
    /// All other values.
    others: u64,
    /// The first value that was not a number.
    example: Option<String>,
    /// How often it was missing because an enclosing field is an array, and the first such field.
    in_arrays: Option<(FieldId, u64)>,
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

impl<'r> PropertySurvey<'r> {
    /// A survey without events.
    pub fn new(rules: &'r Ruleset) -> PropertySurvey<'r> {
        let mut projection = Projection { property_events: None, ..rules.projection.clone() };
        let amounts: BTreeSet<NumericProperty> = rules.amounts.iter().copied().collect();
        let of_features = rules.features.iter().flat_map(|feature| {
            let name = feature.name;
            feature.kind.fields().into_iter().map(move |field| NumericProperty { name, field })
        });
        let of_campaigns = rules.campaigns.iter().flat_map(|campaign| {
            let name = match campaign.on {
                CampaignTrigger::Match(name) => Some(name),
                CampaignTrigger::Transition { .. } => None,
            };
            name.into_iter()
                .flat_map(|name| campaign.reads.iter().map(move |field| NumericProperty { name, field: *field }))
        });
        let read: BTreeSet<NumericProperty> = of_features.chain(of_campaigns).chain(amounts.iter().copied()).collect();
        let properties = read.into_iter().map(|read| {
            let path = projection.fields[usize::from(read.field.0)].clone();
            let around = (2..path.len()).rev().filter_map(|length| field(&mut projection, &path[..length]));
            SurveyedProperty {
                read,
                is_amount: amounts.contains(&read),
                around: around.collect(),
                seen: PropertyObservations::default(),
            }
        });
        let properties = properties.collect();
        PropertySurvey { rules, projection, events: vec![0; rules.names.len()], properties }
    }

    /// The fields that the decoder must keep.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Adds an event.
    pub fn add(&mut self, event: &Event<'_>) {
        let matches = |name: &EventName| {
            name.call == event.call && (name.event.is_none() || name.event == event.name.as_deref().map(str::to_owned))
        };
        let names: Vec<bool> = self.rules.names.iter().map(matches).collect();
        for (count, matches) in self.events.iter_mut().zip(&names) {
            *count += u64::from(*matches);
        }
        let value = |id: FieldId| event.fields.iter().find(|(other, _)| *other == id).map(|(_, value)| value);
        for property in self.properties.iter_mut().filter(|property| names[usize::from(property.read.name.0)]) {
            match value(property.read.field) {
                Some(value) => property.seen.add(value),
                None => {
                    let is_array =
                        |id: &&FieldId| matches!(value(**id), Some(Scalar::Json(json)) if json.starts_with('['));
                    if let Some(array) = property.around.iter().find(is_array) {
                        property.seen.in_arrays.get_or_insert((*array, 0)).1 += 1;
                    }
                }
            }
        }
    }

    /// The number of events of each name, in the order of the rules.
    pub fn events(&self) -> impl Iterator<Item = (&str, u64)> {
        self.rules.names.iter().zip(&self.events).map(|(name, count)| (name.id.as_str(), *count))
    }

    /// The findings, in the order of the rules' names.
    pub fn findings(&self) -> Vec<SurveyFinding> {
        self.properties
            .iter()
            .flat_map(|property| [self.inside_arrays(property), self.not_numbers(property)])
            .flatten()
            .collect()
    }

    fn inside_arrays(&self, property: &SurveyedProperty) -> Option<SurveyFinding> {
        let (array, count) = property.seen.in_arrays?;
        let (name, events) = (self.rules.amount_name(property.read), self.events_of(property.read.name));
        let array = self.projection.fields[usize::from(array.0)][1..].join(".");
        let text = format!(
            "{name} reads into `{array}`, which is an array in {count} of {events} events: it has no value there"
        );
        Some(SurveyFinding { text, help: ARRAY_HELP.to_owned(), is_mistake: property.seen.all() == 0 })
    }

    fn not_numbers(&self, property: &SurveyedProperty) -> Option<SurveyFinding> {
        let seen = &property.seen;
        let none = seen.number_texts + seen.others;
        if !property.is_amount || none == 0 {
            return None;
        }
        let (name, all) = (self.rules.amount_name(property.read), seen.all());
        let example = seen.example.as_deref().map_or_else(String::new, |example| format!(" (such as {example})"));
        let text = format!("{name} is not a number in {none} of {all} events{example}: sums and means ignore it");
        let help = match seen.number_texts {
            0 => "send it as a number".to_owned(),
            _ => format!("send it as a number; number(last({name})) reads the text of the latest"),
        };
        Some(SurveyFinding { text, help, is_mistake: false })
    }

    fn events_of(&self, name: NameId) -> u64 {
        self.events[usize::from(name.0)]
    }
}

impl PropertyObservations {
    fn add(&mut self, value: &Scalar<'_>) {
        match value {
            Scalar::Number(_) => {
                self.numbers += 1;
                return;
            }
            Scalar::Text(text) if Decimal::from_text(text).is_some() => self.number_texts += 1,
            Scalar::Bool(_) | Scalar::Text(_) | Scalar::Json(_) => self.others += 1,
        }
        if self.example.is_none() {
            self.example = Some(shown(value));
        }
    }

    fn all(&self) -> u64 {
        self.numbers + self.number_texts + self.others
    }
}

/// A value as it is shown: truncated, and with control characters escaped.
fn shown(value: &Scalar<'_>) -> String {
    let truncated = |text: &str| {
        let shown: String = text.chars().take(EXAMPLE_CHARS_MAX).collect();
        let more = if shown.len() < text.len() { "…" } else { "" };
        (shown, more)
    };
    match value {
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => {
            let (shown, more) = truncated(text);
            format!("{shown:?}{more}")
        }
        Scalar::Json(json) => {
            let (shown, more) = truncated(json);
            format!("{}{more}", shown.escape_debug())
        }
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
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::decode::Decoder;
    use crate::rules;

    const RULES: &str = r#"
        [events]
        order = "Purchase"
        paid = { event = "Purchase", where = "properties.total > 0" }
        home = { type = "page" }

        [[segments]]
        id = "s"
        when = """sum(order.total, '7d') > 0 || total(order.products.price) > 1 || last(order.shipping.city) == 'Ulm'
                  || total(order.shipping.cost) > 1 || total(home.total) > 1 || last(order.total) == 1"""
    "#;

    fn findings(properties: &[&str]) -> Vec<String> {
        let rules = rules::compile(RULES).unwrap_or_else(|problems| panic!("{problems:?}"));
        let mut survey = PropertySurvey::new(&rules);
        let decoder = Decoder::new(survey.projection(), 1 << 20);
        for properties in properties {
            let line = format!(
                r#"{{"type":"track","event":"Purchase","userId":"u","timestamp":"2026-03-05T10:00:00Z","properties":{properties}}}"#
            );
            let mut decoded = Vec::new();
            decoder.decode(line.as_bytes(), &mut decoded);
            survey.add(decoded[0].as_ref().expect("an event"));
        }
        let events: BTreeMap<_, _> = survey.events().collect();
        assert_eq!(
            (events["order"], events["paid"], events["home"]),
            (properties.len() as u64, properties.len() as u64, 0)
        );
        survey.findings().iter().map(|finding| format!("{} {}", finding.is_mistake, finding.text)).collect()
    }

    #[test]
    fn events_that_match_have_no_findings() {
        assert!(findings(&[]).is_empty());
        assert!(
            findings(&[r#"{"total":10,"shipping":{"city":"Ulm","cost":1.5}}"#, "{}", r#"{"total":null}"#]).is_empty()
        );
    }

    #[test]
    fn amounts_that_are_not_numbers_are_reported_with_an_example() {
        let found = findings(&[
            r#"{"total":"109.30"}"#,
            r#"{"total":"gratis"}"#,
            r#"{"total":5}"#,
            r#"{"total":"\u001b[31mred"}"#,
        ]);
        assert_eq!(
            found,
            [r#"false order.total is not a number in 3 of 4 events (such as "109.30"): sums and means ignore it"#]
        );
        let found = findings(&[r#"{"shipping":{"cost":[ 1, "\u001b" ]}}"#]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("(such as [1,\\\"\\\\u001b\\\"])"), "{found:?}");
    }

    #[test]
    fn path_into_an_array_is_a_mistake_unless_some_events_have_a_value() {
        let array = r#"{"products":[{"price":1}],"shipping":[]}"#;
        let found = findings(&[array, array]);
        let said = |name: &str, array: &str| {
            format!("true order.{name} reads into `{array}`, which is an array in 2 of 2 events: it has no value there")
        };
        let mut wanted =
            [said("products.price", "products"), said("shipping.city", "shipping"), said("shipping.cost", "shipping")];
        wanted.sort();
        let mut found_sorted = found.clone();
        found_sorted.sort();
        assert_eq!(found_sorted, wanted);
        let found = findings(&[array, r#"{"products":{"price":1},"shipping":{"city":"Ulm","cost":0}}"#]);
        assert!(found.iter().all(|it| it.starts_with("false ")) && found.len() == 3, "{found:?}");
    }
}
