//! What a file of events has of what the rules read: how often each name comes, and what its properties are.
//!
//! A name counts here by its call and event alone: whether its `where` holds is not asked.

use std::collections::BTreeSet;

use rekindle_core::decimal::Decimal;
use rekindle_core::event::{Event, FieldId, Scalar};
use rekindle_core::rules::products::each;
use rekindle_core::rules::program::{Amount, EventName, NameId, Projection, Ruleset};

/// Longer texts are cut where they are shown as an example.
const EXAMPLE_CHARS_MAX: usize = 40;

/// Looks at events for what the rules read of them.
#[derive(Debug)]
pub struct Survey<'r> {
    rules: &'r Ruleset,
    projection: Projection,
    /// By name: how many events.
    events: Vec<u64>,
    properties: Vec<Property>,
}

/// What was seen of a property that the rules read of a name.
#[derive(Debug)]
struct Property {
    read: Amount,
    /// It is added up or averaged.
    is_amount: bool,
    /// What encloses it, the innermost first.
    around: Vec<FieldId>,
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    numbers: u64,
    /// Texts that say a number.
    number_texts: u64,
    /// All other values.
    others: u64,
    /// The first value that was no number.
    example: Option<String>,
    /// It is not there, and something that encloses it is an array: which, and how often.
    in_arrays: Option<(FieldId, u64)>,
}

/// Something that rules and events don't agree about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub text: String,
    /// What to do about it.
    pub help: String,
    /// What the rules ask for never is there: they cannot be meant like this.
    pub is_mistake: bool,
}

impl<'r> Survey<'r> {
    /// Of nothing yet.
    pub fn new(rules: &'r Ruleset) -> Survey<'r> {
        let mut projection = Projection { property_events: None, ..rules.projection.clone() };
        let amounts: BTreeSet<Amount> = rules.amounts.iter().copied().collect();
        let of_features =
            rules.features.iter().filter_map(|it| Some(Amount { name: it.name, field: it.kind.field()? }));
        let read: BTreeSet<Amount> = of_features.chain(amounts.iter().copied()).collect();
        let properties = read.into_iter().map(|read| {
            let path = projection.fields[usize::from(read.field.0)].clone();
            let around = (2..path.len()).rev().filter_map(|length| field(&mut projection, &path[..length]));
            Property { read, is_amount: amounts.contains(&read), around: around.collect(), seen: Seen::default() }
        });
        let properties = properties.collect();
        Survey { rules, projection, events: vec![0; rules.names.len()], properties }
    }

    /// What the decoder has to keep of the events.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Looks at an event.
    pub fn take(&mut self, event: &Event<'_>) {
        let goes_by = |name: &EventName| {
            name.call == event.call && (name.event.is_none() || name.event == event.name.as_deref().map(str::to_owned))
        };
        let names: Vec<bool> = self.rules.names.iter().map(goes_by).collect();
        for (count, goes_by) in self.events.iter_mut().zip(&names) {
            *count += u64::from(*goes_by);
        }
        let value = |id: FieldId| event.fields.iter().find(|(other, _)| *other == id).map(|(_, value)| value);
        for property in self.properties.iter_mut().filter(|property| names[usize::from(property.read.name.0)]) {
            match value(property.read.field) {
                Some(value) => property.seen.take(value),
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

    /// How many events go by each name, in the order of the rules.
    pub fn events(&self) -> impl Iterator<Item = (&str, u64)> {
        self.rules.names.iter().zip(&self.events).map(|(name, count)| (name.id.as_str(), *count))
    }

    /// What is to be told, in the order of the rules' names.
    pub fn findings(&self) -> Vec<Finding> {
        self.properties
            .iter()
            .flat_map(|property| [self.inside_arrays(property), self.no_numbers(property)])
            .flatten()
            .collect()
    }

    fn inside_arrays(&self, property: &Property) -> Option<Finding> {
        let (array, count) = property.seen.in_arrays?;
        let (name, events) = (self.rules.amount_name(property.read), self.events_of(property.read.name));
        let array = self.projection.fields[usize::from(array.0)][1..].join(".");
        let text =
            format!("{name} reads into `{array}`, which is an array in {count} of {events} events: there is nothing");
        Some(Finding { text, help: each(&array), is_mistake: property.seen.all() == 0 })
    }

    fn no_numbers(&self, property: &Property) -> Option<Finding> {
        let seen = &property.seen;
        let none = seen.number_texts + seen.others;
        if !property.is_amount || none == 0 {
            return None;
        }
        let (name, all) = (self.rules.amount_name(property.read), seen.all());
        let example = seen.example.as_deref().map_or_else(String::new, |example| format!(" (such as {example})"));
        let text = format!("{name} is no number in {none} of {all} events{example}: sums and means pass it over");
        let help = match seen.number_texts {
            0 => "send it as a number".to_owned(),
            _ => format!("send it as a number; number(last({name})) reads the text of the latest"),
        };
        Some(Finding { text, help, is_mistake: false })
    }

    fn events_of(&self, name: NameId) -> u64 {
        self.events[usize::from(name.0)]
    }
}

impl Seen {
    fn take(&mut self, value: &Scalar<'_>) {
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

/// A value, short enough to be shown; what could trouble a terminal is escaped.
fn shown(value: &Scalar<'_>) -> String {
    let cut = |text: &str| {
        let shown: String = text.chars().take(EXAMPLE_CHARS_MAX).collect();
        let more = if shown.len() < text.len() { "…" } else { "" };
        (shown, more)
    };
    match value {
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => {
            let (shown, more) = cut(text);
            format!("{shown:?}{more}")
        }
        Scalar::Json(json) => {
            let (shown, more) = cut(json);
            format!("{}{more}", shown.escape_debug())
        }
    }
}

/// The field of a path, made where there is none.
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
    use rekindle_core::decode::Decoder;
    use rekindle_core::rules;

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
        let mut survey = Survey::new(&rules);
        let decoder = Decoder::new(survey.projection(), 1 << 20);
        for properties in properties {
            let line = format!(
                r#"{{"type":"track","event":"Purchase","userId":"u","timestamp":"2026-03-05T10:00:00Z","properties":{properties}}}"#
            );
            let mut decoded = Vec::new();
            decoder.decode(line.as_bytes(), &mut decoded);
            survey.take(decoded[0].as_ref().expect("an event"));
        }
        let events: BTreeMap<_, _> = survey.events().collect();
        assert_eq!(
            (events["order"], events["paid"], events["home"]),
            (properties.len() as u64, properties.len() as u64, 0)
        );
        survey.findings().iter().map(|finding| format!("{} {}", finding.is_mistake, finding.text)).collect()
    }

    #[test]
    fn what_fits_is_not_told() {
        assert!(findings(&[]).is_empty());
        assert!(
            findings(&[r#"{"total":10,"shipping":{"city":"Ulm","cost":1.5}}"#, "{}", r#"{"total":null}"#]).is_empty()
        );
    }

    #[test]
    fn amounts_that_are_no_numbers_are_told_with_an_example() {
        let told = findings(&[
            r#"{"total":"109.30"}"#,
            r#"{"total":"gratis"}"#,
            r#"{"total":5}"#,
            r#"{"total":"\u001b[31mred"}"#,
        ]);
        assert_eq!(
            told,
            [r#"false order.total is no number in 3 of 4 events (such as "109.30"): sums and means pass it over"#]
        );
        let told = findings(&[r#"{"shipping":{"cost":[ 1, "\u001b" ]}}"#]);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("(such as [1,\\\"\\\\u001b\\\"])"), "{told:?}");
    }

    #[test]
    fn paths_into_arrays_are_mistakes_unless_something_is_there_at_times() {
        let array = r#"{"products":[{"price":1}],"shipping":[]}"#;
        let told = findings(&[array, array]);
        let said = |name: &str, array: &str| {
            format!("true order.{name} reads into `{array}`, which is an array in 2 of 2 events: there is nothing")
        };
        let mut wanted =
            [said("products.price", "products"), said("shipping.city", "shipping"), said("shipping.cost", "shipping")];
        wanted.sort();
        let mut told_sorted = told.clone();
        told_sorted.sort();
        assert_eq!(told_sorted, wanted);
        let told = findings(&[array, r#"{"products":{"price":1},"shipping":{"city":"Ulm","cost":0}}"#]);
        assert!(told.iter().all(|it| it.starts_with("false ")) && told.len() == 3, "{told:?}");
    }
}
