//! The connection to NATS, and the streams on it.
//!
//! [`NatsAccess::check`] reads what the settings name, every secret and certificate, and says all that is wrong before
//! anything connects. [`NatsAccess::connect`] then tries for ever; what stands in the way is said in one sentence, to
//! [`Health`](rekindle_runtime::health::Health) and once to the log. Once up, the connection comes back by itself, and secrets are
//! read anew each time, so they can be rotated. [`streams`] creates or checks the streams the daemon needs.
//!
//! What this room promises to those who use the connection:
//!
//! - A request to JetStream that the server does not permit fails at once and says so: the server itself just stays
//!   silent towards the request and tells of the violation apart from it ([`ConnectionStatus::denied`]).
//! - A subscription has room for twice what the source asks for at a time. What does not fit is dropped by async-nats
//!   with nothing but a count ([`ConnectionStatus::slow_consumers`]), so whoever reads must look for gaps.
//! - Every inbox begins with [`INBOX_PREFIX`], so permissions need not open everybody's.
//!
//! Deliberately absent: publishing of results (the sink's), and any memory of what was published. A message handed to
//! the client just before the connection breaks may be gone.

pub(crate) mod api;
mod connect;
mod credentials;
mod failure;
pub mod sink;
pub mod source;
mod status;
pub mod streams;
pub(crate) mod subjects;
mod tls;

pub use api::JetStreamError;
pub use connect::{NatsAccess, NatsConnection};
pub use credentials::CredentialsError;
pub use status::{ConnectionState, ConnectionStatus, PermissionDenial};

use std::time::SystemTime;

/// What the subjects of replies begin with. It falls under the customary permission for `_INBOX.>`.
pub const INBOX_PREFIX: &str = "_INBOX.rekindle";

/// From 0 to 1, and another each time: good enough to keep daemons from doing the same at the same moment.
pub fn chance() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    f64::from(now.subsec_nanos() % 1_000_000) / 1e6
}
