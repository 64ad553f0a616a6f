//! The engine without a process around it: the conformance cases, the oracle, and what must not change a result.

mod audit_records;
mod backtesting;
mod conformance;
mod explained_causes;
mod explaining;
mod forgetting;
mod generator_covers;
mod growth;
mod history;
mod metamorphic;
mod oracle_agreement;
mod oracle_by_hand;
mod oracle_conformance;
mod picks;
mod recomputed;
mod snapshots;
