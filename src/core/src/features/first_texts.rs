//! Who is to be told what a group tells: the first different texts of a property, in the order of their arrival.

use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::sought_texts::SoughtTexts;
use super::state::StoredFeature;
use super::window::Window;
use crate::decimal::Decimal;
use crate::encoding::{ListShape, StateReader, StateWriter};
use crate::event::{FieldId, Scalar};
use crate::value::{TermResult, Value};

/// How many texts are kept at most.
pub(crate) const FIRST_TEXTS_MAX: usize = 1_000;

/// The first different texts that a property had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FirstTexts {
    /// The property.
    pub field: FieldId,
}

/// Different texts, by arrival; at most [`FIRST_TEXTS_MAX`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct TextsByArrival(Vec<Box<str>>);

impl TextsByArrival {
    /// The texts, the first to arrive first.
    pub(crate) fn texts(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|text| &**text)
    }

    fn add(&mut self, text: &str) {
        if self.0.len() < FIRST_TEXTS_MAX && !self.0.iter().any(|known| **known == *text) {
            self.0.push(text.into());
        }
    }
}

impl super::FeatureState {
    /// The texts of a feature that keeps them by arrival; empty of all others.
    pub(crate) fn texts_by_arrival(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            super::FeatureState::FirstTexts(texts) => Some(texts.texts()),
            _ => None,
        };
        texts.into_iter().flatten()
    }
}

impl AggregateFunction for FirstTexts {
    type State = TextsByArrival;
    type Input<'e> = &'e str;

    const STORED_NAME: &'static str = "first_texts";
    const NAME: &'static str = "members";

    fn fields(&self) -> Vec<FieldId> {
        vec![self.field]
    }

    fn heap_bytes_max(&self) -> usize {
        FIRST_TEXTS_MAX * size_of::<Box<str>>()
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<&'e str> {
        match event.value(self.field)? {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }

    fn add(&self, state: &mut TextsByArrival, text: &str, _event: &FeatureInput<'_, '_>) {
        state.add(text);
    }

    /// How many there are.
    fn result<'s>(&self, state: Option<&'s TextsByArrival>, _clock: FeatureClock<'_>) -> TermResult<'s> {
        let count = state.map_or(0, |state| state.0.len() as u64);
        TermResult::constant(Value::Number(Decimal::from(count)))
    }
}

impl StoredFeature for TextsByArrival {
    fn empty() -> Self {
        TextsByArrival::default()
    }

    /// The other's counts as the earlier arrival.
    fn merge(&mut self, mut other: Self) {
        self.0.iter().for_each(|text| other.add(text));
        *self = other;
    }

    fn forget_text(&mut self, text: &str) -> bool {
        self.0.retain(|known| **known != *text);
        !self.0.is_empty()
    }

    fn has_any_text(&self, texts: &SoughtTexts<'_>) -> bool {
        self.texts().any(|known| texts.has(known))
    }

    fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Box<str>>() + self.0.iter().map(|text| text.len()).sum::<usize>()
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.list("members", ListShape::Values, self.0.iter(), |writer, text| writer.text("user", text));
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        let texts = reader.list(ListShape::Values, "texts by arrival", |reader| {
            Ok(Box::<str>::from(reader.text("a text by arrival")?))
        })?;
        reader.verify(|| texts.len() <= FIRST_TEXTS_MAX, "more texts by arrival than are kept")?;
        Ok(TextsByArrival(texts))
    }
}
