//! The value at the latest event that had it.

use super::StoredFeature;
use crate::encoding::{StateReader, StateWriter};
use crate::event::Scalar;
use crate::rules::ruleset::Window;
use crate::time::Timestamp;

/// The value at the latest event that had it.
#[derive(Clone, Debug, PartialEq)]
pub struct LastValue {
    /// That event's time.
    pub at: Timestamp,
    /// Its position in the log: of two at the same time the later arrival counts.
    pub position: u64,
    /// The value.
    pub value: Scalar<'static>,
}

impl StoredFeature for LastValue {
    /// The later one; of two with the same time and position, the other one.
    fn merge(&mut self, other: Self) {
        if (other.at, other.position) >= (self.at, self.position) {
            *self = other;
        }
    }

    fn heap_bytes(&self) -> usize {
        self.value.heap_bytes()
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.record("last", 3, |writer| {
            writer.time("at", self.at);
            writer.position(self.position);
            writer.scalar("value", &self.value);
        });
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        reader.record(3, "a latest value")?;
        let (at, position) = (reader.time("a latest value's time")?, reader.position("a latest value's position")?);
        Ok(LastValue { at, position, value: reader.scalar("a latest value")? })
    }
}
