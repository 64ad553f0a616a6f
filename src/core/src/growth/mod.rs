//! The growth numbers: users, retention, funnels, sales and targets by business day, hour and first-touch channel. Pure.
//!
//! ```text
//! event ─▶ state (one user's memory) ─▶ deltas ─▶ rollup (counts by day and hour) ─▶ report ─▶ analysis
//! ```
//!
//! - [`plan`](GrowthPlan): the compiled rules, the business calendar, and the column of every count in a row.
//! - `rollup`: [`RollupDeltas`], which the events of one batch and partition add, and the [`Rollup`] they are merged into.
//! - `state`: [`UserGrowthState`], the memory of one user, and [`StateUpdater`], which applies events to it and writes deltas.
//! - [`report`]: the numbers of one moment, computed from the rollup.
//! - [`analysis`]: models over those numbers: trends, forecasts, decompositions, market baskets.
//!
//! `plan` imports none of the others, `rollup` imports `plan`, `state` and `report` import both and not each other, and
//! `analysis` stands on top. `calendar`, `money` and `counts` are the vocabulary of all.
//!
//! **Invariant.** Every count is a sum of whole numbers over users, so the numbers are the same for any number of
//! partitions and any batch size, and no number requires a scan of all users.
//!
//! **Late events and merges.** A late event counts on its own day, and the history of a visitor becomes the history of the
//! user it is merged into: users, sign-ups, activity, cohorts, orders and amounts do not depend on the order of arrival,
//! within the last 512 days of each user. Three things do depend on it: sessions (an event older than the user's latest
//! starts none, and belongs to the current one if it is at most one `session_gap` older), funnels (a step is never combined
//! with one that arrived earlier and lies later), and stages (which segments a user was in). Sessions count for the channel
//! that was the user's first touch at that time, and so do funnel starts more than a month before the user's latest;
//! everything else counts for the first touch known now.
//!
//! **Retention.** [`GrowthNumbers`](report::GrowthNumbers) cover the last 400 business days; older days are summed into one
//! row. Users who expired (`state_ttl`) or were forgotten remain in past counts, and are new users if they return.

pub mod analysis;
pub mod calendar;
mod counts;
mod money;
mod plan;
pub mod report;
mod rollup;
mod state;

pub use analysis::GrowthReport;
pub use counts::{DayTotals, WindowTotals};
pub use money::{Figure, Money, Ratio};
pub use plan::{GrowthMigration, GrowthPlan, StageMembership};
pub use rollup::{
    DAYS_KEPT, ObservedEvent, OrderPart, PurchasedItem, Rollup, RollupDeltas, Sale, SparseRow, StoredCategories,
    StoredRollup,
};
pub use state::{
    ActivitySpan, EventMatches, GrowthEvent, MatchReader, MergedVisitor, StateUpdater, UserGrowthState,
    add_missing_funnel_windows,
};

/// A hasher with a fixed seed, so that iteration does not differ between runs.
pub(crate) type FixedHashBuilder = foldhash::fast::FixedState;
