//! Picks (semantics §20): what to offer to a user, by what users like it went on to, bought together, touch most, or touch
//! time and again, or by what is like what it touched. Pure.
//!
//! What a user touches, and the sessions that this makes, are kept with the user ([`UserPicks`]), so that they are merged,
//! forgotten and stored with it. Each partition also counts what its users touch as they do ([`TouchTable`]), so that a taking need not
//! go through the users: what the partitions counted ([`TouchScan`]) becomes a [`PickIndex`], which stands until the next one and is
//! only read; with it stand the values that the rows of items had then. A [`PickQuery`] asks indexes about a user and gives a list, each
//! item with its score and what gave most of it. [`PickEvaluation`] measures lists by what users did next.
//!
//! Scores are whole millionths, so that they are the same on every machine; only the logarithm is a double, by `libm`.
//!
//! # Bounds
//! A user keeps at most `own` items with 20 times each, and those of its sessions that a taking may still look at; a session 50
//! items; an index the last 10,000,000 sessions. A query looks at most at 9 · `sessions` sessions, and at `near` of them item by
//! item.

mod begun;
mod evaluation;
mod index;
mod index_builder;
mod item_table;
mod item_values;
mod query;
mod scores;
mod sessions;
mod shown;
mod stored;
#[cfg(test)]
mod tests;
mod touch_table;
mod touches;
mod user_picks;

pub use begun::BegunSessions;
pub use evaluation::{OfferedItems, PickEvaluation, PickFigures, PickTarget};
pub use index::PickIndex;
pub use query::{ItemFilter, Pick, PickQuery, PickSubject, picks_json};
pub use sessions::SessionNumber;
pub use shown::ShownItems;
pub use stored::{PickRecord, StoredPicks};
pub use touch_table::{TouchScan, TouchTable};
pub use touches::{Touch, UserTouches};
pub use user_picks::UserPicks;

/// The most candidates of one source.
const DEPTH: usize = 1_000;
