//! What follows from the numbers: what is usual and what is not, where a target will end, why a number moved, what is
//! bought together. Pure: functions of the numbers, with no memory of their own.
//!
//! Doubles stand only in what is told; every sum that is kept is one of whole numbers. What takes a history says how
//! much of it is missing (*warm-up*) instead of guessing.

pub mod baskets;
mod counts;
pub mod outlook;
mod robust;
pub mod series;
pub mod split;
pub mod target;
pub mod trend;

pub use baskets::{Baskets, PairFigures, PairRule};
pub use counts::Counts;
pub use outlook::{Outlook, TargetOutlook, TrendNow};
pub use split::{Part, Split};
pub use trend::{Reading, Trend};
