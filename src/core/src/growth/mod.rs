//! The growth numbers: who came, who came back, who bought, and what it was worth. Pure.
//!
//! Per user a small [`Record`]; per day and hour a row of counts in the [`Book`]. An event changes its user's record,
//! and what that adds to the counts goes into the partition's [`Ledger`], which is entered into the book after each
//! batch. All of it are sums of whole numbers over users, so the numbers are the same for any number of partitions and
//! any batches, and nothing ever looks through the users.
//!
//! **Late events and merges.** A late event counts on its own day, and a visitor's past becomes the user's, as if it had
//! always been so: users, sign-ups, activity, cohorts, orders and amounts come out the same in whatever order the events
//! arrived, over the last 512 days of each user. Three things are told in the order of arrival: sessions (an event older
//! than the user's latest begins none, and belongs to the one under way if it is at most the `session_gap` older), funnels
//! (a step is never joined to one that arrived before it and lies after it), and stages (what segments a user was in).
//! Sessions count for the channel that the user was known to have come by then, and so do starts of funnels more than a month
//! before the user's latest; everything else for the one known now.
//!
//! **What shows.** [`Book::numbers`] tells of the last 400 business days; older ones are folded into what is known of all
//! time. Users who are dropped (`state_ttl`) or forgotten stay in the counts of the past, and are new if they come back.

mod book;
pub mod calendar;
mod categories;
mod channel;
mod days;
mod funnels;
mod ledger;
mod lines;
pub mod models;
pub mod numbers;
mod orders;
mod packed;
mod plan;
mod record;
mod stored;
mod tell;
mod tell_sales;
mod tell_windows;
mod translate;
mod visit;

pub use book::{Book, DAYS_KEPT};
pub use ledger::{Ledger, OrderPart, Sale, Sighting};
pub use numbers::Numbers;
pub use plan::Plan;
pub use record::Record;
pub use stored::{SparseRow, StoredBook, StoredCategories};
pub use tell_windows::metric;
pub use translate::Translation;
pub use visit::{Visit, leave, settle, unite, visit};
