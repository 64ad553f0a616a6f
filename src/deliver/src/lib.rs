//! Rekindle's delivery: outputs from the stream to other tools over HTTP, and as mails over SMTP.
//!
//! [`DestinationWorker`](worker::DestinationWorker) serves one `[[deliver]]` of the settings: a durable consumer on the output
//! stream gives it messages, which it holds in a bounded [window](window), sends one at a time per user, and acknowledges when
//! it is settled what became of them. Destinations share nothing, so none holds up another, and none the engine.
//!
//! | module | |
//! |---|---|
//! | [`event`] | an output as it comes from the stream |
//! | [`request`], [`template`], [`signing`], [`secrets`] | the request that it becomes |
//! | [`client`], [`mail`], [`address`] | sending over HTTP and SMTP, and where to |
//! | [`answer`] | what the answer means |
//! | [`schedule`], [`circuit`], [`rate`] | when to send (again) |
//! | [`window`] | what is being delivered or waits for it |
//! | [`stream`], [`undelivered`], [`retry`] | the consumer, and what could not be delivered |
//! | [`report`] | what became of it, told to the log |
//! | [`worker`], [`status`] | one destination at work, and its counters |
//!
//! # Invariants
//! - Nothing is sent after it has expired.
//! - A message is acknowledged only when it was delivered, has expired, or is in the stream of undelivered messages. So each is
//!   sent at least once, and again only if an answer or an acknowledgement was lost, with the same id.
//! - What is held is bounded, however long a receiver takes.
//!
//! # Deliberately absent
//! State of its own: where it stands is the consumer's. After a restart the attempts so far are told by a message's age.

pub mod address;
pub mod answer;
pub mod circuit;
pub mod client;
pub mod event;
pub mod mail;
pub mod rate;
pub mod report;
pub mod request;
pub mod retry;
pub mod schedule;
pub mod secrets;
mod settled;
pub mod signing;
pub mod status;
pub mod stream;
pub mod template;
pub mod undelivered;
pub mod window;
pub mod worker;
