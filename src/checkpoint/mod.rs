//! Checkpoints: the state of partitions and links as bytes, and back. Pure; who stores the bytes is no concern here.
//!
//! **What it promises.** The same state under the same rules gives the same bytes: users stand sorted by id, everything
//! else by the order of the rules. Reading them back and writing them again gives them again. Bytes that are not ours,
//! are damaged, or are of a version that is not known give a [`CodecError`]; no bytes make it panic, or take more memory
//! than a multiple of their own length.
//!
//! **What survives a change of the rules.** Nothing is stored by its index in the rules: features go by their
//! definition (what is kept of which events, see `definition`), traits by path, segments and campaigns by id, caps by
//! what they count. So under other rules the state of unchanged features is kept, that of features no longer there is
//! dropped, and a new feature starts empty. Every user is then evaluated anew as soon as time moves.
//!
//! **What it does not do.** Counts and timers are not stored: counts begin at 0, timers are rebuilt from the users. It
//! knows nothing of partition numbers, epochs or where outputs have got to.
//!
//! **The form** (see `envelope`): a fixed head with the format's version and a checksum, then CBOR.

mod cell;
mod definition;
mod dictionary;
mod envelope;
mod error;
mod links;
mod partition;
mod snapshot;
#[cfg(test)]
mod tests;
mod user;
mod wire;

pub use envelope::FORMAT_VERSION;
pub use error::CodecError;
pub use links::{decode_links, encode_links};
pub use partition::{decode_partition, decode_users, encode_partition};
pub use snapshot::Snapshot;
