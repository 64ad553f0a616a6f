//! HTTP: metrics, health, and the API.
//!
//! [`Routes`] say what is served: [`Routes::metrics_only`] for a demo, [`Routes::new`] for the daemon. A
//! [`HttpServer`](rekindle_web::HttpServer) serves them on a socket until it is stopped. The path of a request: the server (limits
//! of connections, in all and per address, timeouts for the head and for writing) → `problem` (every error becomes a problem document) → `access`
//! (who makes the request, and may) → `roles` (what they may ask for) → `limits` (concurrency, size, duration) → one of the handlers.
//!
//! It promises that `/healthz` and `/readyz` answer whatever other clients do, also those that open connections and neither
//! send nor read; that `/metrics` answers however busy the API is, and costs no more for many clients than for one; that
//! everything else needs the token, or a session that was begun with it, where there is one, and a loopback address where there is
//! none; that who may only read changes nothing; and that `openapi` describes every route of the API. The console's files (`console`)
//! are there for everybody who could sign in.
//!
//! Deliberately absent: TLS (a proxy's job), HTTP/2, CORS, and any change of a user other than through the log.

mod access;
mod audit;
mod backtest;
mod budgets;
mod campaigns;
mod consent;
mod console;
mod cursor;
mod error;
mod explain;
mod export;
mod forget;
mod from_log;
mod groups;
mod growth;
mod history;
mod keys;
mod limits;
mod live;
mod models;
mod observe;
mod openapi;
mod params;
mod partners;
mod picks;
mod points;
mod problem;
mod roles;
mod routes;
mod rules;
mod rules_check;
mod rules_update;
mod rules_versions;
mod search;
mod segment_history;
mod segments;
mod session;
mod sessions;
mod stats;
mod tables;
mod timeline;
mod uplift;
mod user_requests;
mod users;

pub use audit::{AuditLog, AuditUnavailable};
pub use error::ApiError;
pub use history::{HistoryRequests, HistoryUnavailable, LoggedStory, NoHistory, StoryRequest};
pub use observe::MetricsCache;
pub use routes::{ApiServices, Routes};
pub use rules::{RulesProblem, RulesProvider};
pub use user_requests::{ConsentChange, LoggedPosition, NotLogged, UserRequests};
