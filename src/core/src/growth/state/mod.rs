//! The memory of one user, and what events, merges and changes of segments do to it.
//!
//! **Invariant.** What a user adds to the counts is a function of its state: `UserGrowthState::contribute` adds or
//! takes back all of it. An event in the usual order adds only the difference. One that changes what was counted (an event
//! of an earlier day, an earlier first touch, a visitor who is merged) takes the old state back and adds the new one, with the
//! same result.

mod active_days;
mod apply;
mod export;
mod form_1;
mod funnel_steps;
mod funnels;
mod heap_bytes;
mod merge;
mod order_lines;
mod orders;
mod packed;
mod purchases;
mod stored;
mod updater;
mod user_state;

pub use apply::{ActivitySpan, EventMatches, GrowthEvent, MatchReader};
pub use form_1::add_missing_funnel_windows;
pub use merge::MergedVisitor;
pub use updater::StateUpdater;
pub use user_state::UserGrowthState;
