//! A value of an event, with the time it is of.

use super::sought_texts::SoughtTexts;
use crate::encoding::{StateReader, StateWriter};
use crate::event::Scalar;
use crate::time::Timestamp;

/// A value with the time of its event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TimedValue {
    pub(super) at: Timestamp,
    /// The event's position in the log.
    pub(super) position: u64,
    pub(super) value: Scalar<'static>,
}

impl TimedValue {
    /// Whether it is this text.
    pub(super) fn is_text(&self, text: &str) -> bool {
        matches!(&self.value, Scalar::Text(own) if *own == text)
    }

    /// Whether it is one of these texts.
    pub(super) fn is_any_text(&self, texts: &SoughtTexts<'_>) -> bool {
        matches!(&self.value, Scalar::Text(own) if texts.has(own))
    }

    pub(super) fn write<W: StateWriter>(&self, name: &'static str, writer: &mut W) {
        writer.record(name, 3, |writer| {
            writer.time("at", self.at);
            writer.position(self.position);
            writer.scalar("value", &self.value);
        });
    }

    pub(super) fn read<R: StateReader>(reader: &mut R) -> Result<Self, R::Error> {
        reader.record(3, "a value with its time")?;
        let (at, position) = (reader.time("a value's time")?, reader.position("a value's position")?);
        Ok(TimedValue { at, position, value: reader.scalar("a value")? })
    }
}
