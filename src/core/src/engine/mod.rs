//! The engine: one user's state, and what it says about their segments. Pure.
//!
//! A [`Profile`](profile::UserProfile) is everything stored of one user. Events are added to it at their own time
//! ([`Profile::record`](profile::UserProfile::record)); a [`Scope`](evaluate::EvaluationContext) reads conditions off it at an instant,
//! and says until when, events apart, the answer stands. [`segments::reevaluate`] turns that into transitions.
//!
//! No clock, no IO, no randomness; time is an argument. Many users, their timers and their order are `partition`'s.

pub mod dedup;
pub mod dispatch;
pub mod evaluate;
pub mod membership;
pub mod profile;
pub mod segments;
#[cfg(test)]
mod tests;
pub mod traits;
