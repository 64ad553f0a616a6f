//! Picks (semantics §20): what to offer to a user, by what users like it went on to, bought together, touch most, or touch
//! time and again. Pure.
//!
//! Touches of a user are kept with the user ([`UserTouches`]); the sessions that they make, anyone's, in a [`SessionStore`].
//! At a taking these become a [`PickIndex`], which stands until the next one and is only read. A [`PickQuery`] asks indexes
//! about a user and gives a list, each item with its score and what gave most of it. A [`PickBook`] follows a whole log for
//! one list. [`PickEvaluation`] measures lists by what users did next.
//!
//! Scores are whole millionths, so that they are the same on every machine; only the logarithm is a double, by `libm`.
//!
//! # Bounds
//! A user keeps at most `own` items with 20 times each; a session 50 items; the store the last 10,000,000 sessions. A
//! query looks at most at 9 · `sessions` sessions, and at `near` of them item by item.

mod book;
mod evaluation;
mod index;
mod index_builder;
mod item_table;
mod query;
mod scores;
mod sessions;
#[cfg(test)]
mod tests;
mod touches;

pub use book::PickBook;
pub use evaluation::{OfferedItems, PickEvaluation, PickFigures, PickTarget};
pub use index::PickIndex;
pub use query::{Pick, PickQuery, PickSubject};
pub use sessions::{SessionNumber, SessionStore};
pub use touches::{Touch, UserTouches};

/// The most candidates of one source.
const DEPTH: usize = 1_000;
