//! The load tests themselves: small runs of each, and one measurement that is run by hand.

mod chaos;
mod checkpoint_cost;
mod measures;
mod peers;
