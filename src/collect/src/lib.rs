//! Events over HTTP: requests of the SDKs of Segment, RudderStack and Jitsu become calls in the log.
//!
//! The way of a request: `routes` (paths, write keys, cross-origin answers) → `body` (read within limits, decompressed) →
//! `batch` (the texts of its calls) → `call` (each checked, and stamped by what its key may do) → `publisher` (JetStream's
//! acknowledgement) → `answer`.
//!
//! | module | |
//! |---|---|
//! | `routes`, `vendor_routes`, `cors`, `credentials`, `sdk_settings`, `answer` | HTTP |
//! | `body`, `batch`, `json_object`, `call`, `stamp` | bytes → calls: pure |
//! | `adapters`, `webhooks`, `callbacks`, `mapped_routes` | other vendors' events, shops' webhooks, what mail tools call back, what own mappings are for → calls, by tables of `rekindle-mapping` |
//! | `write_keys`, `rate_limit` | who may send what, and how much of it |
//! | `publisher`, `status` | into the log, and what is counted |
//!
//! # Invariants
//! - A request is answered with 200 only when the broker has acknowledged all of its calls, and the dead letters of those that
//!   were rejected. Every other answer asks for the same request again, or says why it can never be taken.
//! - The same request sent again makes the same messages with the same ids: nothing counts twice.
//! - Whether a call is accepted is decided by the engine's own decoder, so none is taken that the engine would reject.
//! - Memory is bounded by settings, whatever comes and however slow the broker is.
//!
//! # Deliberately absent
//! State: any number of collectors may run beside each other. The log is the only source of truth.

mod adapters;
mod answer;
mod batch;
mod body;
mod call;
mod callbacks;
mod cors;
mod credentials;
mod json_object;
mod mapped_routes;
mod publisher;
mod rate_limit;
mod rejection;
mod routes;
mod sdk_settings;
mod service;
mod stamp;
mod status;
mod vendor_routes;
mod webhooks;
mod write_keys;

pub use callbacks::{CallbackSecretError, ProviderCallbacks};
pub use publisher::CallPublisher;
pub use rejection::CallRejection;
pub use routes::service;
pub use service::{CollectInputs, Collector};
pub use status::{CollectFigures, CollectStatus, SourceFigures};
pub use webhooks::{WebhookSecretError, Webhooks};
pub use write_keys::NewWriteKey;
