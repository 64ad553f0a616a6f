//! Checkpoints: the state of users and links as bytes, and back. Pure; who stores the bytes is no concern here.
//!
//! **What it promises.** One checkpoint is one run of bytes, a *file*: a *base* holds everything, a *delta* what changed
//! since the file it continues. Any change of its bytes, and any end before its end, is found and said
//! ([`CodecError`]); no bytes make it panic, or take more memory than a multiple of what they hold.
//!
//! **What survives a change of the rules.** Nothing is stored by its index in the rules: features go by their
//! definition (what is kept of which events, see `definition`), traits by path, segments and campaigns by id, caps by
//! what they count. So under other rules the state of unchanged features is kept, that of features no longer there is
//! dropped, and a new feature starts empty. Every user is then evaluated again as soon as time moves.
//!
//! The growth numbers go by the names of channels and stages, and by what funnels are made of.
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
//! 0   1  what it holds: 1 head, 2 keys, 3 users, 4 removed, 5 links, 6 unlinked, 7 end, 8 growth numbers
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
//! the keys that everything is stored by (see `dictionary`); then users, removed ids, links, visitors unlinked, and the growth numbers whole where the rules ask for them, in
//! any order; last, once, how many of each there are. Nothing may follow. Of a file's own contents, what is removed is
//! removed before what is there is added.

mod block;
mod definition;
mod dictionary;
mod encoder;
mod error;
mod file;
mod growth;
mod header;
mod merge;
mod rules_comparison;
mod state_format;
#[cfg(test)]
mod tests;
mod translate;
mod user;
mod wire;

pub use block::FORMAT_VERSION;
pub use encoder::CheckpointEncoder;
pub use error::CodecError;
pub use file::{CheckpointFile, CheckpointPart, CheckpointReader, PartContent};
pub use header::{CheckpointHeader, CheckpointKind, CheckpointTotals, StreamIdentity};
pub use merge::{PartitionDelta, merge};
pub use rules_comparison::{ColdStart, RulesComparison, WarmUp, compare};
pub use translate::translate;
