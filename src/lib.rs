//! Rekindle: a real-time growth engine for e-commerce.
//!
//! A clickstream goes in; segment changes and campaign actions come out, as a pure function of the log. This page is
//! the map: the way of an event, the rooms, what always holds, and who may import whom.
//!
//! # The way of an event
//!
//! ```text
//!  bytes          Event               Event @ partition      Changes              Decision
//! source ──────► decode ──► identity ──► route ──────► engine ──────► campaigns ──────► journal, action ──► sink
//! NATS | file    JSON →     whose?       user → p      one user's      cooldown, caps,   wire forms        NATS |
//! | stdin        Event |    links        fixed hash    state and       quiet hours,                        file |
//! | simulator    Rejected                              segments        groups                              stdout
//!                                                      └──── partition: many users and their timers ────┘
//!                      rules: TOML + CEL → a checked, compiled plan that all of them read
//! ```
//!
//! [`pipeline`] wires it up: a batch is decoded in parallel, put in the log's order by one thread (watermark, links),
//! and applied in parallel, each partition by one thread at a time.
//!
//! # The rooms
//!
//! | room | job |
//! |---|---|
//! | [`event`], [`decimal`], [`json`], [`time`], [`health`], `compact` | the shared words: an event, a value, a number, text that is JSON, an instant, a span, what does not work, packed bytes |
//! | [`rules`] | text → [`rules::program::Ruleset`], or every mistake at its place; the language reference |
//! | [`decode`] | a line of JSON → events, of which only what the rules read is kept; or whom to forget; or a rejection |
//! | [`identity`] | which user an event is about; linking of anonymous visitors, for as long as the user is there |
//! | [`route`] | which partition a user belongs to |
//! | [`engine`] | one user: windows and other memory, conditions, and until when they stand |
//! | [`campaigns`] | what a segment's change sets off, for one user: the outcomes, in their order |
//! | [`growth`] | the growth numbers: who came, came back, bought, by business day and first-touch channel |
//! | [`partition`] | many users, their timers, merging; `Input` in, `Output`s out |
//! | [`journal`], [`action`] | outputs as journal lines, in one total order; as CloudEvents |
//! | [`nats`] | the connection to NATS, its streams: made, checked, watched |
//! | [`source`] | files, standard input, a simulated storefront, NATS: messages in the log's order |
//! | [`sink`] | files, dead letters, NATS: outputs committed with how far they have got, by one owner |
//! | [`checkpoint`] | the state of users and links as bytes, base and deltas, and back, also under other rules |
//! | [`pipeline`] | the wiring: batches, workers, hand-over of visitors between partitions |
//! | [`store`] | where checkpoints are kept: folder or bucket, manifest, fence, retention; finding one that can be used |
//! | [`live`] | the daemon's engine: a pipeline on its own thread, going through what is out, checkpoints, the membership view |
//! | [`daemon`] | the daemon's life: take over, recover, read, decide, publish; checkpoints; reload; finish |
//! | [`replay`] | a log with an end, from first event to `--until`; one that was killed goes on from its last commit |
//! | [`insight`] | what is asked of a file of events: why a number moved, what is bought together, the report |
//! | [`metrics`], [`api`], [`config`], [`logging`], [`cli`] | what operators see and say |
//!
//! # What always holds
//!
//! - **A user's journal is a function of that user's events, in their order, and of nothing else**: not of other users,
//!   batch sizes, partitions, workers. `tests/conformance.rs`, `tests/oracle_agreement.rs` and `tests/metamorphic.rs`
//!   hold it to that.
//! - `engine`, `campaigns`, `growth`, `partition`, `rules`, `identity`, `route` and the words know no clock, no IO, no threads, no
//!   randomness and no logging. Time is an argument. `Partition::apply` cannot fail.
//! - A room imports the words and the output type of a room before it, never one after it. `tests/rooms.rs` reads the
//!   `use` lines.
//! - **What is out is never sent again.** Outputs and the record of how far they have got are stored together; a start computes
//!   what a prefix of the log came to once more, and leaves it out. A checkpoint counts only when what came before it is out.
//!   `tests/nats_sink`, `tests/daemon/recovery.rs` and `loadtest chaos` hold it to that.
//! - Whether an event is accepted does not depend on the rules; a rejected one changes nothing and is never lost.
//! - Hashes that decide anything or are stored are xxh3, fixed for good.
//!
//! # Deliberately absent
//!
//! A database, a cluster, wall clocks on the hot path, JavaScript in rules, floating-point sums.

pub mod action;
pub mod api;
pub mod campaigns;
pub mod checkpoint;
pub mod cli;
mod compact;
pub mod config;
pub mod daemon;
pub mod decimal;
pub mod decode;
pub mod engine;
pub mod event;
pub mod growth;
pub mod health;
pub mod identity;
pub mod insight;
pub mod journal;
pub mod json;
pub mod live;
pub mod logging;
pub mod metrics;
pub mod nats;
pub mod partition;
pub mod pipeline;
pub mod replay;
pub mod route;
pub mod rules;
pub mod sink;
pub mod source;
pub mod store;
#[cfg(test)]
mod testing;
pub mod time;
