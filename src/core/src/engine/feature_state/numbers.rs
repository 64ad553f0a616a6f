//! Counts and sums of all time.

use super::StoredFeature;
use crate::encoding::{StateReader, StateWriter};
use crate::engine::window::{Aggregate as _, DecimalSum, EventCount};
use crate::rules::ruleset::Window;

impl StoredFeature for EventCount {
    fn merge(&mut self, other: Self) {
        self.add(other);
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.count("value", self.0);
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        reader.count("a total count").map(EventCount)
    }
}

impl StoredFeature for DecimalSum {
    fn merge(&mut self, other: Self) {
        self.add(other);
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.sum("value", self.0);
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        reader.sum("a total sum").map(DecimalSum)
    }
}
