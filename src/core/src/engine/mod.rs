//! The engine: one user's state, and which segments the user is in because of it. Pure.
//!
//! A [`UserProfile`](profile::UserProfile) is everything stored of one user, campaign and growth state apart. Events are
//! added to it at their own time ([`record`](profile::UserProfile::record)); an
//! [`EvaluationContext`](evaluate::EvaluationContext) evaluates conditions on it at an instant, and computes until when the
//! result holds if no event comes. [`segments::reevaluate`] turns that into transitions.
//!
//! No clock, no IO, no randomness; time is an argument. Many users, their timers and their order are `partition`'s.

pub mod consents;
mod dates;
pub mod dedup;
pub mod dispatch;
pub mod evaluate;
pub mod explained_condition;
pub(crate) mod feature_set;
pub mod group_dispatch;
pub mod instances;
mod instances_codec;
pub mod instants;
pub mod key_instance;
pub mod local_time;
pub mod membership;
pub mod model;
mod moving;
mod packed_instances;
pub mod profile;
pub mod recomputed;
mod segment_set;
pub mod segments;
#[cfg(test)]
mod tests;
pub mod traits;
