//! Checkpoints: the state of users and links as bytes, and back. Pure; who stores the bytes is no concern here.
//!
//! **What it promises.** One checkpoint is one *file*: a *base* contains everything, a *delta* what changed since the file
//! that it continues. Damage and truncation are detected and reported ([`CodecError`]); no bytes make it panic, or take
//! more memory than a multiple of their own size.
//!
//! **What survives a change of the rules.** Nothing is stored by its index in the rules. The keys are definitions of
//! features (what is kept of which events, see `definition`), paths of traits, ids of segments and campaigns, and what caps
//! count; for the growth numbers, names of channels and stages and the steps of funnels. So under other rules the state of
//! unchanged features is kept, that of removed features is dropped, and a new feature starts empty. Every user is then
//! evaluated again as soon as time advances.
//!
//! **What is not state.** A file may have the latest decisions and the hours of segments too, to tell why and how many.
//! Nothing that is decided depends on them, and a file without them is as good.
//!
//! **What it does not do.** Counts and timers are not stored: counts begin at 0, timers are rebuilt from the users.
//! The committed position is not known yet when a file is written; it is in the store's manifest, beside the file's name.
//!
//! # The form
//!
//! ```text
//! 0  4  "RKDL"
//! 4  2  format version, little-endian
//! 6  2  zero
//! 8  …  blocks, one after another
//! ```
//!
//! A block (numbers little-endian):
//!
//! ```text
//! 0   1  kind: 1 header, 2 keys, 3 users, 4 removed, 5 links, 6 unlinked, 7 end, 8 growth numbers, 9 uplift,
//!        10 budgets, 11 forgotten decisions, 12 decisions, 13 hours of segments, 14 groups, 15 matches that wait for groups,
//!        16 picks, 17 rows of tables, 18 rows that are gone, 19 calls that wait for rows, 20 takings of ranks,
//!        21 weights of variants
//! 1   1  zero
//! 2   2  the partition, of users and removed; else zero
//! 4   4  how many items
//! 8   4  bytes of the content
//! 12  4  bytes of the content as it is stored, compressed by zstd
//! 16  4  crc32c of the 16 bytes before and of the stored content
//! 20  …  the stored content; at least a 256th of what it unpacks to, or that is at most 16 KiB
//! ```
//!
//! Contents are CBOR. First comes the [`CheckpointHeader`], a map with names for keys, of which unknown ones are ignored; then
//! the keys that everything is stored by (see `dictionary`); then users, removed ids, links, unlinked visitors and, where the
//! rules define growth numbers, goals, budgets, groups, picks or tables, all that is known of them, in any order (but decisions in theirs); last, once, how many of each there are. Nothing may follow.
//! Within a file, removals apply before additions.

mod block;
mod budgets;
mod decision_steps;
mod decisions;
mod definition;
mod dictionary;
mod encoder;
mod error;
mod file;
mod groups;
mod growth;
mod header;
mod known_past;
mod merge;
mod picks;
mod rank_takings;
mod rows;
mod rules_comparison;
mod segment_hours;
mod shared;
mod state_format;
#[cfg(test)]
mod tests;
mod translate;
mod uplift;
mod user;
mod weights;
mod wire;

pub use block::FORMAT_VERSION;
pub use decisions::ForgottenDecisions;
pub use encoder::CheckpointEncoder;
pub use error::CodecError;
pub use file::{CheckpointFile, CheckpointPart, CheckpointReader, PartContent};
pub use header::{CheckpointHeader, CheckpointKind, CheckpointTotals, StreamIdentity};
pub use known_past::KnownPast;
pub use merge::{PartitionDelta, merge};
pub use rules_comparison::{ColdStart, RulesComparison, WarmUp, compare};
pub use segment_hours::{SegmentHour, SegmentHours};
pub use shared::StoredShared;
pub use translate::{translate, translate_groups, translate_picks, translate_rank_takings};
