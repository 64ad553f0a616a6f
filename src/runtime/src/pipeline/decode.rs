//! Stage 1, decode: a batch is divided into slices of about equal size, which are decoded in parallel.
//!
//! Slices and lines keep the log's order. Nothing is checked here that needs more than the bytes of one call.

use rayon::prelude::*;

use super::InputEntry;
use super::observed_names::SliceObservations;
use crate::log::{NOT_MAPPED, RecordKind};
use rekindle_core::decode::{Decoded, Decoder, Framing, RejectedCall, RejectionReason};

/// Batches with fewer bytes are decoded on the calling thread: distributing them would cost more than it gains.
const PARALLEL_BYTES_MIN: usize = 512 * 256;

/// One decoded slice of a batch.
pub(super) struct DecodedSlice<'a> {
    pub(super) calls: Vec<Decoded<'a>>,
    /// For each line, the number of calls up to its end.
    pub(super) line_ends: Vec<u32>,
    /// The entries, or parts of entries, that the lines belong to.
    pub(super) parts: Vec<SlicePart>,
    /// The names and fields that occur in the calls.
    pub(super) seen: SliceObservations,
}

/// Some lines of one entry.
#[derive(Clone, Copy)]
pub(super) struct SlicePart {
    /// The index of the entry in its batch.
    pub(super) entry: usize,
    /// The number of lines.
    pub(super) lines: usize,
}

/// Decodes a batch. The slices, and the lines in them, are in the log's order.
pub(super) fn decode<'a>(
    decoder: &Decoder,
    pool: &rayon::ThreadPool,
    entries: &[InputEntry<'a>],
) -> Vec<DecodedSlice<'a>> {
    let bytes: usize = entries.iter().map(|entry| entry.lines.len()).sum();
    let parts = entries.iter().enumerate().map(|(index, entry)| EntrySlice::of(decoder, index, entry));
    let workers = pool.current_num_threads();
    if workers == 1 || bytes < PARALLEL_BYTES_MIN {
        return vec![decode_slice(decoder, &parts.collect::<Vec<_>>())];
    }
    let slices = divide(parts, bytes.div_ceil(workers * 2).max(1));
    pool.install(|| slices.par_iter().map(|slice| decode_slice(decoder, slice)).collect())
}

/// An entry, or some of its lines.
#[derive(Clone)]
struct EntrySlice<'a> {
    /// The index of the entry in its batch.
    entry: usize,
    bytes: &'a [u8],
    /// Lines or a document; or why it is rejected.
    framing: Result<Framing, RejectionReason>,
    /// A mapping made the lines.
    is_mapped: bool,
}

impl<'a> EntrySlice<'a> {
    fn of(decoder: &Decoder, index: usize, entry: &InputEntry<'a>) -> EntrySlice<'a> {
        if entry.kind == RecordKind::Mapped {
            return EntrySlice::of_mapped(index, entry.lines);
        }
        if entry.kind == RecordKind::Audit {
            return EntrySlice { entry: index, bytes: &[], framing: Ok(Framing::Lines), is_mapped: false };
        }
        let framing = match (entry.is_whole, entry.received) {
            (false, _) => Ok(Framing::Lines),
            (true, Some(_)) => decoder.framing(entry.lines),
            // The source distinguishes documents from lines, and bounds their size.
            (true, None) => Ok(Framing::Document),
        };
        EntrySlice { entry: index, bytes: entry.lines, framing, is_mapped: false }
    }

    fn of_mapped(entry: usize, lines: &'a [u8]) -> EntrySlice<'a> {
        match lines.strip_prefix(&[NOT_MAPPED, NOT_MAPPED]) {
            Some(message) => {
                EntrySlice { entry, bytes: message, framing: Err(RejectionReason::NotMapped), is_mapped: true }
            }
            None => EntrySlice { entry, bytes: lines, framing: Ok(Framing::Lines), is_mapped: true },
        }
    }
}

/// The decoded calls of a slice take less than 512 KiB: a larger allocation goes to the operating system and back each time.
const _: () = assert!(size_of::<Decoded<'static>>() <= 248);

fn decode_slice<'a>(decoder: &Decoder, slice: &[EntrySlice<'a>]) -> DecodedSlice<'a> {
    let lines = slice.iter().map(|part| part.bytes.len()).sum::<usize>() / 256 + slice.len();
    let mut decoded = DecodedSlice {
        calls: Vec::with_capacity(lines),
        line_ends: Vec::with_capacity(lines),
        parts: Vec::with_capacity(slice.len()),
        seen: SliceObservations::default(),
    };
    for part in slice {
        let before = decoded.line_ends.len();
        match &part.framing {
            Ok(Framing::Lines) => {
                for line in whole_lines(part.bytes) {
                    match line.strip_prefix(&[NOT_MAPPED]).filter(|_| part.is_mapped) {
                        Some(original) => {
                            decoded.calls.push(Err(RejectedCall { reason: RejectionReason::NotMapped, original }));
                        }
                        None => decoder.decode(line, &mut decoded.calls),
                    }
                    decoded.end_line();
                }
            }
            Ok(Framing::Document) => {
                decoder.decode_document(part.bytes, &mut decoded.calls);
                decoded.end_line();
            }
            Err(reason) => {
                decoded.calls.push(Err(RejectedCall { reason: reason.clone(), original: part.bytes }));
                decoded.end_line();
            }
        }
        decoded.parts.push(SlicePart { entry: part.entry, lines: decoded.line_ends.len() - before });
    }
    decoded.seen = SliceObservations::of(&decoded.calls);
    decoded
}

impl DecodedSlice<'_> {
    fn end_line(&mut self) {
        let calls = u32::try_from(self.calls.len()).expect("a batch holds fewer than 2^32 calls");
        self.line_ends.push(calls);
    }
}

/// Divides a batch into slices of about `size` bytes: between entries, and within an entry between lines.
fn divide<'a>(parts: impl Iterator<Item = EntrySlice<'a>>, size: usize) -> Vec<Vec<EntrySlice<'a>>> {
    let mut slices = Vec::new();
    let (mut slice, mut room) = (Vec::new(), size);
    for part in parts {
        let mut rest = part.bytes;
        while rest.len() > room && part.framing == Ok(Framing::Lines) {
            let Some(at) = memchr::memchr(b'\n', &rest[room..]) else { break };
            let (lines, after) = rest.split_at(room + at + 1);
            slice.push(EntrySlice { bytes: lines, ..part.clone() });
            slices.push(std::mem::take(&mut slice));
            (rest, room) = (after, size);
        }
        // An entry without lines is kept: its broker time counts.
        if !rest.is_empty() || part.bytes.is_empty() {
            room = room.saturating_sub(rest.len()).max(1);
            slice.push(EntrySlice { bytes: rest, ..part });
        }
    }
    if !slice.is_empty() {
        slices.push(slice);
    }
    slices
}

/// The lines of a block, without their newlines. (The `\r` of Windows files stays: it is white space to JSON.)
pub(super) fn whole_lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let body = block.strip_suffix(b"\n").unwrap_or(block);
    let mut rest = Some(body).filter(|_| !block.is_empty());
    std::iter::from_fn(move || {
        let bytes = rest?;
        let (line, after) = match memchr::memchr(b'\n', bytes) {
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
            None => (bytes, None),
        };
        rest = after;
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For every size of slice.
    #[test]
    fn slices_have_each_entrys_lines_complete_and_in_order() {
        let texts = ["a\nbb\nccc\n", "", "dddddddd\n", "e", "ff\ngg", "\n\n", "h\n"];
        for size in 1..40 {
            let mut found = vec![Vec::new(); texts.len()];
            let mut seen = Vec::new();
            let parts = texts.iter().enumerate();
            let parts = parts.map(|(entry, text)| EntrySlice {
                entry,
                bytes: text.as_bytes(),
                framing: Ok(Framing::Lines),
                is_mapped: false,
            });
            for EntrySlice { entry, bytes: lines, .. } in divide(parts, size).into_iter().flatten() {
                let is_whole = lines.ends_with(b"\n") || texts[entry].as_bytes().ends_with(lines);
                assert!(is_whole, "size {size}: {lines:?} of entry {entry}");
                found[entry].extend_from_slice(lines);
                seen.push(entry);
            }
            assert!(seen.is_sorted(), "size {size}: {seen:?}");
            assert_eq!(seen.iter().collect::<std::collections::BTreeSet<_>>().len(), texts.len(), "size {size}");
            assert_eq!(found, texts.map(|text| text.as_bytes().to_vec()), "size {size}");
        }
    }
}
