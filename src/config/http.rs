//! `[http]`: metrics, health and the API.

use std::net::SocketAddr;

use super::nats::Secret;
use crate::time::Span;

/// `[http]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// What clients must show as `Authorization: Bearer …` for anything but metrics and health. Without one, the API is
    /// served on a loopback address only.
    pub token: Option<Secret>,
    /// The largest request body, in bytes; 0 to 16 MiB.
    pub max_body_bytes: usize,
    /// How long a request may take; 100 ms to 1 minute.
    pub timeout: Span,
    /// How many requests are worked on at a time; 1 to 10,000.
    pub max_concurrency: usize,
}

impl Default for Http {
    fn default() -> Self {
        Http {
            listen: SocketAddr::from(([127, 0, 0, 1], 9464)),
            token: None,
            max_body_bytes: 65_536,
            timeout: Span(10_000),
            max_concurrency: 64,
        }
    }
}
