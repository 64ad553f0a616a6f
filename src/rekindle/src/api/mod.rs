//! HTTP: metrics, health, and the API.
//!
//! [`Routes`] say what is served: [`Routes::metrics_only`] for a demo, [`Routes::new`] for the daemon. A [`HttpServer`] serves
//! them on a socket until it is told to stop. The way of a request: `server` (how many `connections`, in all and from where, how
//! slow a head may be, how slow who is answered: `write_timeout`) → `problem` (every error becomes a problem document) → `access` (who may ask) → `limits` (how many at a time, how
//! large, how long) → one of the handlers.
//!
//! It promises that `/healthz` and `/readyz` answer whatever others do, also those who open connections and neither ask nor
//! read; that `/metrics` answers however busy the API is, and costs no more for many than for one; that everything else needs
//! the token where there is one and a loopback address where there is none, and that `openapi` describes every route.
//!
//! Deliberately absent: TLS (a proxy's job), HTTP/2, cookies, CORS, anything that changes a user but through the log.

mod access;
mod connections;
mod cursor;
mod error;
mod export;
mod forget;
mod growth;
mod limits;
mod observe;
mod openapi;
mod params;
mod problem;
mod routes;
mod rules;
mod segments;
mod server;
mod stats;
mod users;
mod write_timeout;

pub use error::ApiError;
pub use forget::{ForgetError, ForgetRequests, LoggedPosition};
pub use observe::MetricsCache;
pub use routes::{ApiServices, Routes};
pub use rules::{RulesProblem, RulesProvider};
pub use server::HttpServer;
