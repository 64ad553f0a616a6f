//! The first stride: a batch cut into slices of about equal size, and the slices decoded in parallel.

use rayon::prelude::*;

use super::observed_names::SliceObservations;
use super::{InputEntry, PARALLEL_FROM};
use rekindle_core::decode::{Decoded, Decoder, Framing, RejectedCall, RejectionReason};

/// One decoded slice of a batch.
pub(super) struct DecodedSlice<'a> {
    pub(super) calls: Vec<Decoded<'a>>,
    /// How many of the calls stand before the end of each line.
    pub(super) line_ends: Vec<u32>,
    /// The entries, or parts of entries, that the lines come from.
    pub(super) parts: Vec<SlicePart>,
    /// Which names and fields the calls have.
    pub(super) seen: SliceObservations,
}

/// Some lines of one entry.
#[derive(Clone, Copy)]
pub(super) struct SlicePart {
    /// Index of the entry in its batch.
    pub(super) entry: usize,
    /// How many lines.
    pub(super) lines: usize,
}

/// Decodes a batch. The slices, and the lines in them, are in the log's order.
pub(super) fn decode<'a>(
    decoder: &Decoder,
    pool: &rayon::ThreadPool,
    entries: &[InputEntry<'a>],
) -> Vec<DecodedSlice<'a>> {
    let bytes: usize = entries.iter().map(|entry| entry.lines.len()).sum();
    let pieces = entries.iter().enumerate().map(|(index, entry)| EntrySlice::of(decoder, index, entry));
    let workers = pool.current_num_threads();
    if workers == 1 || bytes < PARALLEL_FROM * 256 {
        return vec![decode_slice(decoder, &pieces.collect::<Vec<_>>())];
    }
    let slices = cut(pieces, bytes.div_ceil(workers * 2).max(1));
    pool.install(|| slices.par_iter().map(|slice| decode_slice(decoder, slice)).collect())
}

/// An entry, or some of its lines.
#[derive(Clone)]
struct EntrySlice<'a> {
    /// Index of the entry in its batch.
    entry: usize,
    bytes: &'a [u8],
    /// How it is read, or why not at all.
    framing: Result<Framing, RejectionReason>,
}

impl<'a> EntrySlice<'a> {
    fn of(decoder: &Decoder, index: usize, entry: &InputEntry<'a>) -> EntrySlice<'a> {
        let framing = match (entry.is_whole, entry.received) {
            (false, _) => Ok(Framing::Lines),
            (true, Some(_)) => decoder.framing(entry.lines),
            // The source has told it from lines, and it is no longer than a source holds.
            (true, None) => Ok(Framing::Document),
        };
        EntrySlice { entry: index, bytes: entry.lines, framing }
    }
}

fn decode_slice<'a>(decoder: &Decoder, slice: &[EntrySlice<'a>]) -> DecodedSlice<'a> {
    let lines = slice.iter().map(|piece| piece.bytes.len()).sum::<usize>() / 256 + slice.len();
    let mut decoded = DecodedSlice {
        calls: Vec::with_capacity(lines),
        line_ends: Vec::with_capacity(lines),
        parts: Vec::with_capacity(slice.len()),
        seen: SliceObservations::default(),
    };
    for piece in slice {
        let before = decoded.line_ends.len();
        match &piece.framing {
            Ok(Framing::Lines) => {
                for line in whole_lines(piece.bytes) {
                    decoder.decode(line, &mut decoded.calls);
                    decoded.end_line();
                }
            }
            Ok(Framing::Document) => {
                decoder.decode_document(piece.bytes, &mut decoded.calls);
                decoded.end_line();
            }
            Err(reason) => {
                decoded.calls.push(Err(RejectedCall { reason: reason.clone(), original: piece.bytes }));
                decoded.end_line();
            }
        }
        decoded.parts.push(SlicePart { entry: piece.entry, lines: decoded.line_ends.len() - before });
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

/// Cuts a batch into slices of about `size` bytes, between entries where it can, between lines where it must.
fn cut<'a>(pieces: impl Iterator<Item = EntrySlice<'a>>, size: usize) -> Vec<Vec<EntrySlice<'a>>> {
    let mut slices = Vec::new();
    let (mut slice, mut room) = (Vec::new(), size);
    for piece in pieces {
        let mut rest = piece.bytes;
        while rest.len() > room && piece.framing == Ok(Framing::Lines) {
            let Some(at) = memchr::memchr(b'\n', &rest[room..]) else { break };
            let (lines, after) = rest.split_at(room + at + 1);
            slice.push(EntrySlice { bytes: lines, ..piece.clone() });
            slices.push(std::mem::take(&mut slice));
            (rest, room) = (after, size);
        }
        // An entry without lines has its place too: time passes with it.
        if !rest.is_empty() || piece.bytes.is_empty() {
            room = room.saturating_sub(rest.len()).max(1);
            slice.push(EntrySlice { bytes: rest, ..piece });
        }
    }
    if !slice.is_empty() {
        slices.push(slice);
    }
    slices
}

/// The lines of a block, without their newlines (and without the `\r` of Windows files, which is white space).
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

    /// Every way of cutting gives each entry's lines whole and in order, and no slice is much larger than asked for.
    #[test]
    fn cutting_loses_nothing_and_keeps_lines_whole() {
        let texts = ["a\nbb\nccc\n", "", "dddddddd\n", "e", "ff\ngg", "\n\n", "h\n"];
        for size in 1..40 {
            let mut found = vec![Vec::new(); texts.len()];
            let mut seen = Vec::new();
            let pieces = texts.iter().enumerate();
            let pieces =
                pieces.map(|(entry, text)| EntrySlice { entry, bytes: text.as_bytes(), framing: Ok(Framing::Lines) });
            for EntrySlice { entry, bytes: lines, .. } in cut(pieces, size).into_iter().flatten() {
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
