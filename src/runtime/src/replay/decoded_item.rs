//! What a file has next, decoded before it is applied.

use self_cell::self_cell;

use crate::files::source::{FileItem, LineBlock, LinePosition};
use crate::pipeline::{ParallelDecoder, ReadAhead};

self_cell! {
    /// A block with its decoded lines.
    pub(crate) struct DecodedBlock {
        owner: LineBlock,
        #[covariant]
        dependent: ReadAhead,
    }
}

/// A decoded item.
pub(crate) enum DecodedItem {
    Block(DecodedBlock),
    Oversized { place: LinePosition, bytes: u64, head: Vec<u8> },
}

impl DecodedItem {
    pub(crate) fn of(item: FileItem, decoder: &ParallelDecoder) -> DecodedItem {
        match item {
            FileItem::Block(block) => {
                DecodedItem::Block(DecodedBlock::new(block, |block| decoder.decode(&block.lines, block.is_document)))
            }
            FileItem::Oversized { place, bytes, head } => DecodedItem::Oversized { place, bytes, head },
        }
    }
}
