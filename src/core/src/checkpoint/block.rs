//! Blocks: what a file is made of. Framing, checksum and compression; what is in them is no concern here.

use std::io::Read as _;

use super::error::CodecError;

/// The version of the format written. All before it are read too. A change that an earlier reader could not follow raises
/// it.
///
/// - 1: of deferred decisions, neither the zone nor the trigger is known; numbers of traits and latest values are doubles; of
///   arrays and objects there is less than they were; when a user was identified is not known, and no trait is null.
/// - 2: all of that is known; numbers are decimals, arrays and objects stand as they came.
/// - 3: never written: of 4 no flipped bit makes a version that is read.
/// - 4: deferred decisions have the time of the deferral, and may be those of matches; there are keys of names and properties.
/// - 5 to 7: never written: of 8 no flipped bit makes a version that is read.
/// - 8: there are keys of budgets and goals, exposures to goals, and what was counted of them.
/// - 9 to 15: never written: of 16 no flipped bit makes a version that is read.
/// - 16: there may be the latest decisions, the hours of segments, keys of groups, picks, tables and ranks, groups, rows of tables, what waits
///   for the end of a beat, what users touched and were shown, what stands of picks, and when ranks are taken next.
pub const FORMAT_VERSION: u16 = 16;

/// What a file begins with, with its version.
pub(super) const PREAMBLE: [u8; 8] =
    [b'R', b'K', b'D', b'L', FORMAT_VERSION.to_le_bytes()[0], FORMAT_VERSION.to_le_bytes()[1], 0, 0];

/// Bytes of a block before its content.
const HEADER: usize = 20;

/// The largest content that is read.
pub(super) const CONTENT_MAX: usize = 1 << 30;

/// The greatest number of bytes that a stored byte may become; see [`unpacked_max`].
const EXPANSION_MAX: usize = 256;

/// Content of at most this many bytes may be stored in any smaller number.
const SMALL_CONTENT: usize = 16 * 1024;

/// What a frame of zstd that is passed over begins with: its magic number, and how many bytes follow.
const PASSED_OVER: [u8; 4] = 0x184D_2A50_u32.to_le_bytes();

/// Contents up to this are unpacked into memory reserved ahead; what claims to be larger has to prove it.
const RESERVED_MAX: usize = 1 << 20;

/// How hard zstd tries: state is written again and again, and levels above gain a few percent for twice the time.
const COMPRESSION: i32 = 1;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckpointBlockKind {
    Header = 1,
    Keys = 2,
    Users = 3,
    Removed = 4,
    Links = 5,
    Unlinked = 6,
    End = 7,
    Growth = 8,
    Uplift = 9,
    Budgets = 10,
    ForgottenDecisions = 11,
    Decisions = 12,
    SegmentHours = 13,
    Groups = 14,
    GroupMatches = 15,
    Picks = 16,
    Rows = 17,
    RemovedRows = 18,
    RowUpdates = 19,
    RankTakings = 20,
    Weights = 21,
}

impl CheckpointBlockKind {
    fn of(code: u8) -> Option<CheckpointBlockKind> {
        use CheckpointBlockKind::{Budgets, End, Growth, Header, Keys, Links, Removed, Unlinked, Uplift, Users};
        use CheckpointBlockKind::{Decisions, ForgottenDecisions, GroupMatches, Groups, Picks, SegmentHours};
        use CheckpointBlockKind::{RankTakings, RemovedRows, RowUpdates, Rows, Weights};
        let state = [Header, Keys, Users, Removed, Links, Unlinked, End, Growth, Uplift, Budgets];
        let recent = [ForgottenDecisions, Decisions, SegmentHours, Groups, GroupMatches, Picks];
        let shared = [Rows, RemovedRows, RowUpdates, RankTakings, Weights];
        state.into_iter().chain(recent).chain(shared).find(|kind| *kind as u8 == code)
    }
}

/// What a block holds, of which partition, and how many items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockSummary {
    pub(super) kind: CheckpointBlockKind,
    /// 0 where the items are of no partition.
    pub(super) partition: u16,
    pub(super) items: u32,
}

/// A block whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckpointBlock<'b> {
    pub(super) kind: CheckpointBlockKind,
    pub(super) partition: u16,
    pub(super) items: u32,
    /// Where it begins, in bytes of the file.
    pub(super) at: usize,
    content_bytes: usize,
    stored: &'b [u8],
}

/// Writes blocks.
pub(super) struct CheckpointBlockWriter(zstd::bulk::Compressor<'static>);

impl CheckpointBlockWriter {
    pub(super) fn new() -> CheckpointBlockWriter {
        CheckpointBlockWriter(zstd::bulk::Compressor::new(COMPRESSION).expect("zstd knows its own levels"))
    }

    /// Appends a block to `out`.
    pub(super) fn write(
        &mut self,
        BlockSummary { kind, partition, items }: BlockSummary,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let too_large = CodecError::TooLarge { bytes: content.len() };
        if content.len() > CONTENT_MAX {
            return Err(too_large);
        }
        let mut stored = self.0.compress(content).expect("compressing in memory cannot fail");
        fill_up(&mut stored, content.len());
        let (Ok(content_bytes), Ok(stored_bytes)) = (u32::try_from(content.len()), u32::try_from(stored.len())) else {
            return Err(too_large);
        };
        let start = out.len();
        out.extend_from_slice(&[kind as u8, 0]);
        out.extend_from_slice(&partition.to_le_bytes());
        for number in [items, content_bytes, stored_bytes] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&out[start..]), &stored);
        out.extend_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(&stored);
        Ok(())
    }
}

/// The most that stored bytes may become when they are unpacked: so that a small file takes little memory, whatever it contains.
fn unpacked_max(stored: usize) -> usize {
    stored.saturating_mul(EXPANSION_MAX).max(SMALL_CONTENT)
}

/// Adds a frame that is passed over to what was packed too well to be read again.
fn fill_up(stored: &mut Vec<u8>, content: usize) {
    if content > unpacked_max(stored.len()) {
        let filling = content.div_ceil(EXPANSION_MAX) - stored.len();
        stored.extend_from_slice(&PASSED_OVER);
        stored.extend_from_slice(&u32::try_from(filling).unwrap_or(u32::MAX).to_le_bytes());
        stored.resize(stored.len() + filling, 0);
    }
}

impl<'b> CheckpointBlock<'b> {
    /// The content, unpacked.
    pub(super) fn content(&self) -> Result<Vec<u8>, CodecError> {
        let wrong = |_| CodecError::Block { what: "its content cannot be unpacked", at: self.at };
        let mut content = Vec::with_capacity(self.content_bytes.min(RESERVED_MAX));
        let unpacked = zstd::stream::read::Decoder::with_buffer(self.stored).map_err(wrong)?;
        unpacked.take(self.content_bytes as u64 + 1).read_to_end(&mut content).map_err(wrong)?;
        if content.len() == self.content_bytes {
            Ok(content)
        } else {
            Err(CodecError::Block { what: "its content has another length than it says", at: self.at })
        }
    }
}

/// All blocks of a file, each with its checksum checked; whether they are the right ones is for others to see.
pub(super) fn blocks(bytes: &[u8]) -> Result<Vec<CheckpointBlock<'_>>, CodecError> {
    let Some((preamble, _)) = bytes.split_first_chunk::<{ PREAMBLE.len() }>() else {
        return Err(if PREAMBLE.starts_with(bytes) && !bytes.is_empty() {
            CodecError::Truncated { at: bytes.len() }
        } else {
            CodecError::NotACheckpoint
        });
    };
    if preamble[..4] != PREAMBLE[..4] {
        return Err(CodecError::NotACheckpoint);
    }
    let version = u16::from_le_bytes([preamble[4], preamble[5]]);
    if !(1..=FORMAT_VERSION).contains(&version) {
        return Err(CodecError::Version { found: version, supported: FORMAT_VERSION });
    }
    if preamble[6..] != PREAMBLE[6..] {
        return Err(CodecError::Damaged { at: 0 });
    }
    let (mut blocks, mut at) = (Vec::new(), PREAMBLE.len());
    while at < bytes.len() {
        let block = block_at(bytes, at)?;
        at += HEADER + block.stored.len();
        blocks.push(block);
    }
    Ok(blocks)
}

fn block_at(bytes: &[u8], at: usize) -> Result<CheckpointBlock<'_>, CodecError> {
    let truncated = CodecError::Truncated { at: bytes.len() };
    let Some((header, rest)) = bytes[at..].split_first_chunk::<HEADER>() else { return Err(truncated) };
    let number = |from: usize| u32::from_le_bytes([header[from], header[from + 1], header[from + 2], header[from + 3]]);
    // A length that is damaged may reach beyond the end: then it is said that bytes are missing, and so they are.
    let Some(stored) = rest.get(..number(12) as usize) else { return Err(truncated) };
    if crc32c::crc32c_append(crc32c::crc32c(&header[..16]), stored) != number(16) {
        return Err(CodecError::Damaged { at });
    }
    let Some(kind) = CheckpointBlockKind::of(header[0]) else {
        return Err(CodecError::Block { what: "a kind of block that is not known", at });
    };
    let content_bytes = number(8) as usize;
    if content_bytes > CONTENT_MAX {
        return Err(CodecError::Block { what: "a block larger than any", at });
    }
    if content_bytes > unpacked_max(stored.len()) {
        return Err(CodecError::Block { what: "more than so few bytes can hold", at });
    }
    let partition = u16::from_le_bytes([header[2], header[3]]);
    Ok(CheckpointBlock { kind, partition, items: number(4), at, content_bytes, stored })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(content: &[u8]) -> Vec<u8> {
        let mut file = PREAMBLE.to_vec();
        CheckpointBlockWriter::new()
            .write(BlockSummary { kind: CheckpointBlockKind::Users, partition: 0, items: 1 }, content, &mut file)
            .expect("it is no larger than blocks are");
        file
    }

    #[test]
    fn whatever_is_written_can_be_read_however_well_it_is_packed() {
        let mixed: Vec<u8> = (0..100_000u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 9).to_le_bytes()).collect();
        for content in [vec![], vec![7], vec![0; 16 * 1024], vec![0; 16 * 1024 + 1], vec![0; 3_000_000], mixed] {
            let file = written(&content);
            let blocks = blocks(&file).expect("sound");
            assert_eq!(blocks.len(), 1);
            assert!(blocks[0].content().expect("sound") == content, "{} bytes", content.len());
            assert!(file.len() < PREAMBLE.len() + HEADER + 64 + content.len() + content.len() / EXPANSION_MAX);
        }
    }

    /// 34 KB became 5 GB.
    #[test]
    fn a_block_that_says_it_holds_more_than_it_can_is_refused_before_it_is_unpacked() {
        for (content, claimed) in [(100 << 20, 100 << 20), (1 << 20, 1 << 30), (100, 20_000)] {
            let stored = zstd::bulk::compress(&vec![0; content], 1).expect("in memory");
            let mut file = PREAMBLE.to_vec();
            file.extend_from_slice(&[CheckpointBlockKind::Users as u8, 0, 0, 0]);
            for number in [1, claimed, u32::try_from(stored.len()).expect("few")] {
                file.extend_from_slice(&number.to_le_bytes());
            }
            let checksum = crc32c::crc32c_append(crc32c::crc32c(&file[PREAMBLE.len()..]), &stored);
            file.extend_from_slice(&checksum.to_le_bytes());
            file.extend_from_slice(&stored);
            let refused = blocks(&file).expect_err("nobody wrote it").to_string();
            assert_eq!(refused, "the checkpoint is malformed: more than so few bytes can hold, in the block at byte 8");
        }
    }

    #[test]
    fn what_unpacks_to_more_or_less_than_it_says_is_refused() {
        for claimed in [999u32, 1_001] {
            let mut file = written(&[7; 1_000]);
            let start = PREAMBLE.len();
            file[start + 8..start + 12].copy_from_slice(&claimed.to_le_bytes());
            let checksum = crc32c::crc32c_append(crc32c::crc32c(&file[start..start + 16]), &file[start + HEADER..]);
            file[start + 16..start + 20].copy_from_slice(&checksum.to_le_bytes());
            let refused = blocks(&file).expect("its checksum is right")[0].content().expect_err("another length");
            assert!(refused.to_string().contains("its content has another length than it says"), "{refused}");
        }
    }
}
