//! What was there where the rules read something: how often, and of which types.

use crate::decimal::{Decimal, grouped};
use crate::event::{FieldId, Scalar};

/// The most characters of a text that is shown as an example.
const EXAMPLE_CHARS_MAX: usize = 40;

/// The values that were found.
#[derive(Debug, Default)]
pub(super) struct ValueObservations {
    numbers: u64,
    number_texts: u64,
    texts: u64,
    booleans: u64,
    arrays: u64,
    objects: u64,
    /// The first value that was not a number.
    example: Option<String>,
    /// How often it was missing because an enclosing field is an array, and the first such field.
    pub(super) in_arrays: Option<(FieldId, u64)>,
}

impl ValueObservations {
    pub(super) fn add(&mut self, value: &Scalar<'_>) {
        let count = match value {
            Scalar::Number(_) => &mut self.numbers,
            Scalar::Text(text) if Decimal::from_text(text).is_some() => &mut self.number_texts,
            Scalar::Text(_) => &mut self.texts,
            Scalar::Bool(_) => &mut self.booleans,
            Scalar::Json(json) if json.starts_with('[') => &mut self.arrays,
            Scalar::Json(_) => &mut self.objects,
        };
        *count += 1;
        if self.example.is_none() && !matches!(value, Scalar::Number(_)) {
            self.example = Some(shown(value));
        }
    }

    /// How many there were.
    pub(super) fn all(&self) -> u64 {
        self.by_type().iter().map(|(_, count)| count).sum()
    }

    /// How many were not numbers, and of these, how many are texts that say one.
    pub(super) fn not_numbers(&self) -> (u64, u64) {
        (self.all() - self.numbers, self.number_texts)
    }

    /// ` (such as "109.30")`; empty if all were numbers.
    pub(super) fn example(&self) -> String {
        self.example.as_deref().map_or_else(String::new, |example| format!(" (such as {example})"))
    }

    /// `300 of 310, as number 290, text 10`
    pub(super) fn described(&self, of: u64) -> String {
        let all = self.all();
        if all == 0 {
            return "never".to_owned();
        }
        let found: Vec<_> = self.by_type().into_iter().filter(|(_, count)| *count > 0).collect();
        let types = match &found[..] {
            [(name, _)] => (*name).to_owned(),
            several => {
                several.iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect::<Vec<_>>().join(", ")
            }
        };
        format!("{} of {}, as {types}", grouped(all), grouped(of))
    }

    fn by_type(&self) -> [(&'static str, u64); 6] {
        [
            ("number", self.numbers),
            ("number in quotes", self.number_texts),
            ("text", self.texts),
            ("true or false", self.booleans),
            ("array", self.arrays),
            ("object", self.objects),
        ]
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
