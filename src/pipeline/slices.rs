//! The first stride: a batch cut into slices of about equal size, and the slices decoded in parallel.

use rayon::prelude::*;

use super::{Entry, PARALLEL_FROM};
use crate::decode::{Decoded, Decoder};

/// One decoded slice of a batch.
pub(super) struct DecodedSlice<'a> {
    pub(super) calls: Vec<Decoded<'a>>,
    /// How many of the calls stand before the end of each line.
    pub(super) line_ends: Vec<u32>,
    /// The entries, or parts of entries, that the lines come from.
    pub(super) parts: Vec<Part>,
}

/// Some lines of one entry.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// Index of the entry in its batch.
    pub(super) entry: usize,
    /// How many lines.
    pub(super) lines: usize,
}

/// Decodes a batch. The slices, and the lines in them, are in the log's order.
pub(super) fn decode<'a>(decoder: &Decoder, pool: &rayon::ThreadPool, entries: &[Entry<'a>]) -> Vec<DecodedSlice<'a>> {
    let bytes: usize = entries.iter().map(|entry| entry.lines.len()).sum();
    let workers = pool.current_num_threads();
    if workers == 1 || bytes < PARALLEL_FROM * 256 {
        let whole: Vec<_> = entries.iter().map(|entry| entry.lines).enumerate().collect();
        return vec![decode_slice(decoder, &whole)];
    }
    let slices = cut(entries, bytes.div_ceil(workers * 2).max(1));
    pool.install(|| slices.par_iter().map(|slice| decode_slice(decoder, slice)).collect())
}

fn decode_slice<'a>(decoder: &Decoder, slice: &[(usize, &'a [u8])]) -> DecodedSlice<'a> {
    let lines = slice.iter().map(|(_, lines)| lines.len()).sum::<usize>() / 256 + slice.len();
    let mut decoded = DecodedSlice {
        calls: Vec::with_capacity(lines),
        line_ends: Vec::with_capacity(lines),
        parts: Vec::with_capacity(slice.len()),
    };
    for (entry, lines) in slice {
        let before = decoded.line_ends.len();
        for line in whole_lines(lines) {
            decoder.decode(line, &mut decoded.calls);
            let calls = u32::try_from(decoded.calls.len()).expect("a batch holds fewer than 2^32 calls");
            decoded.line_ends.push(calls);
        }
        decoded.parts.push(Part { entry: *entry, lines: decoded.line_ends.len() - before });
    }
    decoded
}

/// Cuts a batch into slices of about `size` bytes, between entries where it can, between lines where it must.
fn cut<'a>(entries: &[Entry<'a>], size: usize) -> Vec<Vec<(usize, &'a [u8])>> {
    let mut slices = Vec::new();
    let (mut slice, mut room) = (Vec::new(), size);
    for (index, entry) in entries.iter().enumerate() {
        let mut rest = entry.lines;
        while rest.len() > room {
            let Some(at) = memchr::memchr(b'\n', &rest[room..]) else { break };
            let (lines, after) = rest.split_at(room + at + 1);
            slice.push((index, lines));
            slices.push(std::mem::take(&mut slice));
            (rest, room) = (after, size);
        }
        // An entry without lines has its place too: time passes with it.
        if !rest.is_empty() || entry.lines.is_empty() {
            slice.push((index, rest));
            room = room.saturating_sub(rest.len()).max(1);
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
    use crate::source::message::Kind;

    /// Every way of cutting gives each entry's lines whole and in order, and no slice is much larger than asked for.
    #[test]
    fn cutting_loses_nothing_and_keeps_lines_whole() {
        let texts = ["a\nbb\nccc\n", "", "dddddddd\n", "e", "ff\ngg", "\n\n", "h\n"];
        let entries: Vec<_> =
            texts.map(|text| Entry { kind: Kind::Events, lines: text.as_bytes(), received: None }).into();
        for size in 1..40 {
            let mut found = vec![Vec::new(); texts.len()];
            let mut seen = Vec::new();
            for (entry, lines) in cut(&entries, size).into_iter().flatten() {
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
