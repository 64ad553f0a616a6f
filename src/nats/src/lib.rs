//! Rekindle on NATS: the connection, the streams, the source of events, and the sink that commits outputs.
//!
//! [`NatsAccess::check`] reads everything the settings name, every secret and certificate, and reports all mistakes before
//! anything connects. [`NatsAccess::connect`] then retries until it succeeds; the reason of a failure is reported in one
//! sentence, to [`Health`](rekindle_runtime::health::Health) and once to the log. An established connection reconnects by
//! itself, and reads secrets again each time, so that they can be rotated. [`streams`] creates or checks the streams that the
//! daemon needs.
//!
//! | module | |
//! |---|---|
//! | `connect`, `credentials`, `tls`, `connect_failure`, `status` | the connection |
//! | `jetstream_api` | every request to JetStream's API, with one error type |
//! | `retry` | every wait between two attempts |
//! | [`streams`], `subjects` | the streams, and what they take in |
//! | [`source`] | reading the log |
//! | [`sink`] | publishing outputs |
//!
//! # Invariants
//! - A request to JetStream that the server does not permit fails at once and names the permission: the server does not answer
//!   such a request, and reports the violation on the connection ([`ConnectionStatus::denied`]).
//! - A subscription has room for twice what the source requests at a time. What does not fit is dropped by async-nats, which
//!   only counts it ([`ConnectionStatus::slow_consumers`]), so readers must look for gaps.
//! - Every inbox begins with [`INBOX_PREFIX`], so permissions need not open the inboxes of other clients.
//!
//! # Deliberately absent
//! Any memory of what was published. A message that is handed to the client just before the connection breaks may be lost; the
//! sink's commits do not depend on it.

mod connect;
mod connect_failure;
mod credentials;
pub(crate) mod jetstream_api;
mod retry;
pub mod sink;
pub mod source;
mod status;
pub mod streams;
pub(crate) mod subjects;
mod tls;

pub use connect::{NatsAccess, NatsConnection};
pub use credentials::{CredentialsError, SecretError, ServerAddressError};
pub use jetstream_api::JetStreamError;
pub use retry::random_fraction;
pub use status::{ConnectionState, ConnectionStatus, PermissionDenial};

/// The prefix of reply subjects. It is covered by the usual permission for `_INBOX.>`.
pub const INBOX_PREFIX: &str = "_INBOX.rekindle";
