//! The time of the latest event.

use super::StoredFeature;
use crate::encoding::{StateReader, StateWriter};
use crate::rules::ruleset::Window;
use crate::time::Timestamp;

impl StoredFeature for Timestamp {
    fn merge(&mut self, other: Self) {
        *self = other.max(*self);
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.time("value", *self);
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        reader.time("a latest time")
    }
}
