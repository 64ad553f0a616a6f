//! What is asked of a file of events beside its numbers: why a number moved, what is bought together; and the report, a
//! page that shows it all; and what it has of what the rules read ([`survey`]). Fed with [`Sighting`](rekindle_core::growth::Sighting)s, in the log's order, or with events.
//!
//! Not here: reading files, and the models themselves ([`growth::models`](rekindle_core::growth::models)).

pub mod basket;
pub mod explain;
pub mod report;
mod sales;
pub mod survey;
pub mod window;

pub use basket::{BasketCounter, BasketReport};
pub use explain::{Explanation, explain};
pub use sales::{Sales, Settled};
pub use window::Window;
