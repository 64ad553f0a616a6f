//! The API, as its clients see it.

mod access;
mod budgets;
mod connections;
mod engine;
mod keys;
mod limits;
mod points;
mod uplift;
mod users;

use rekindle_core::time::Span;
use rekindle_settings::{HttpSettings, Secret};

use crate::api_server::Api;

/// The token of an API that has one.
const TOKEN: &str = "s3cret-s3cret-s3cret";

fn open() -> Api {
    Api::start(&HttpSettings::default())
}

fn with_token() -> Api {
    Api::start(&HttpSettings { token: Some(Secret::Environment(format!(" {TOKEN}\n"))), ..HttpSettings::default() })
}

fn short_limits() -> HttpSettings {
    HttpSettings { timeout: Span(300), max_body_bytes: 1_000, max_concurrency: 1, ..HttpSettings::default() }
}
