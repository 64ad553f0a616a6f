//! `rekindle run`, the real binary, against a real nats-server: what it publishes is what `replay` computes over the same
//! log, whatever happens to the broker, the connection or the rules meanwhile; and that faults are reported.
//!
//! Where the log moves time alone (`clock = "events"`), outputs are compared byte for byte, in order per user. Where the
//! broker's clock does, instants are compared to the millisecond. Speed is printed and never asserted.

mod access;
mod audit;
mod backtest;
mod coupons;
mod delivery;
mod ending;
mod equality;
mod faults;
mod forgetting;
mod from_log;
mod from_log_faults;
mod history;
mod letters;
mod mapped;
mod partners;
mod recovery;
mod reload;
mod restarts;
mod rules_update;
mod silence;
mod slowness;
mod streams;
mod takeover;
mod watched;
