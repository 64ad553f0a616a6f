//! The engine: one user's state, and what it says about their segments. Pure.
//!
//! A [`Profile`](profile::Profile) is everything remembered of one user. Events are added to it at their own time
//! ([`Profile::record`](profile::Profile::record)); a [`Scope`](evaluate::Scope) reads conditions off it at an instant,
//! and says until when, events apart, the answer stands. [`segments::reevaluate`] turns that into transitions.
//!
//! No clock, no IO, no randomness; time is an argument. Many users, their timers and their order are `partition`'s.

pub mod cell;
pub mod dispatch;
pub mod evaluate;
pub mod members;
pub mod profile;
pub mod seen;
pub mod segments;
#[cfg(test)]
mod tests;
pub mod traits;
pub mod value;
pub mod window;
