//! An HTTP server for any routes: it accepts connections within limits, in all and per address, gives every step on them a time,
//! and keeps a reserve of connections beyond the limits for questions about health.
//!
//! It promises that a client that sends nothing, or reads nothing, keeps no connection for ever; that what is served on the
//! reserve answers whatever other clients do; and that a stop answers the requests under way.
//!
//! Deliberately absent: TLS (a proxy's job), HTTP/2, and any idea of what is served.

mod connections;
mod server;
mod write_timeout;

pub use connections::ConnectionsMax;
pub use server::{BindError, ClientAddress, HttpServer, WebService};
