//! The API, as its clients see it.

mod access;
mod audit;
mod backtest;
mod budgets;
mod connections;
mod console;
mod engine;
mod explain;
mod groups;
mod keys;
mod limits;
mod live;
mod partners;
mod picks;
mod points;
mod rules_editor;
mod rules_update;
mod search;
mod segments;
mod session;
mod tables;
mod uplift;
mod users;

use rekindle_core::time::Span;
use rekindle_settings::{HttpSettings, Secret};

use crate::api_server::Api;

/// The token of an API that has one.
const TOKEN: &str = "s3cret-s3cret-s3cret";

/// The token for reading of an API that has one.
const READ_TOKEN: &str = "readers-readers-readers";

fn open() -> Api {
    Api::start(&HttpSettings::default())
}

fn with_token() -> Api {
    Api::start(&HttpSettings { token: Some(Secret::Environment(format!(" {TOKEN}\n"))), ..HttpSettings::default() })
}

/// With the token of operators, and one of readers.
fn with_both_tokens() -> Api {
    let [token, read_token] = [TOKEN, READ_TOKEN].map(|token| Some(Secret::Environment(token.to_owned())));
    Api::start(&HttpSettings { token, read_token, ..HttpSettings::default() })
}

fn short_limits() -> HttpSettings {
    HttpSettings { timeout: Span(300), max_body_bytes: 1_000, max_concurrency: 1, ..HttpSettings::default() }
}
