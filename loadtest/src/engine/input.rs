//! The events, in memory, cut into blocks of whole lines.

use std::fs;
use std::path::Path;

use rekindle_core::time::{Span, Timestamp};
use rekindle_simulator::{ShopScope, Simulator, SimulatorOptions};

use crate::error::Error;

/// How large a block is, at least: as `rekindle replay` reads files.
const BLOCK_BYTES: usize = 512 << 10;
/// When the simulated storefront opens.
const START: Timestamp = Timestamp(1_767_225_600_000);

/// Lines of events.
pub(crate) struct EventBlocks {
    bytes: Vec<u8>,
    /// How many lines there are.
    pub(crate) events: u64,
}

impl EventBlocks {
    /// A file as it is.
    pub(crate) fn read(path: &Path) -> Result<EventBlocks, Error> {
        let bytes = fs::read(path).map_err(Error::file("read", path))?;
        Ok(EventBlocks::new(bytes))
    }

    /// This number of events of a simulated storefront.
    pub(crate) fn generate(events: u64, shoppers: u32) -> EventBlocks {
        let mut simulator =
            Simulator::new(SimulatorOptions { seed: 1, shoppers, start: START, scope: ShopScope::Alone });
        let mut bytes = Vec::new();
        for _ in 0..events {
            let Some(arrival) = simulator.next(START + Span(i64::MAX / 4)) else { break };
            bytes.extend_from_slice(&arrival.line);
            bytes.push(b'\n');
        }
        EventBlocks::new(bytes)
    }

    /// Lines that are there.
    pub(crate) fn new(bytes: Vec<u8>) -> EventBlocks {
        let events = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        EventBlocks { bytes, events }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All of it, in blocks that end with a line.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let from = BLOCK_BYTES.min(rest.len());
            let end = rest[from..].iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| from + at + 1);
            let (block, after) = rest.split_at(end);
            rest = after;
            (!block.is_empty()).then_some(block)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_all_there_is_and_end_with_lines() {
        let input = EventBlocks::generate(20_000, 500);
        assert_eq!(input.events, 20_000);
        let blocks: Vec<_> = input.blocks().collect();
        assert!(blocks.len() > 1, "one block tests nothing");
        assert!(blocks.iter().all(|block| block.ends_with(b"\n")));
        assert_eq!(blocks.concat(), input.bytes());
    }
}
