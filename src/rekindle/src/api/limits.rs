//! Limits of one request: concurrency, bytes and time. Refused early, with a problem document.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::problem::ProblemDocument;
use rekindle_settings::HttpSettings;

/// The paths that take the text of rules, beside that on which a user is explained by rules.
const TAKE_RULES: [&str; 3] = ["/v1/rules", "/v1/rules/check", "/v1/rules/backtest"];

/// The bytes that a body with rules may have, however few `max_body_bytes` are.
const RULES_BODY_BYTES_MAX: u64 = 1 << 20;

/// The limits of requests.
pub(super) struct RequestLimits {
    /// One permit for each request that may be in progress.
    slots: Semaphore,
    body_bytes_max: u64,
    /// How long a body may take to arrive, and then how long the answer may take.
    time: Duration,
}

impl RequestLimits {
    pub(super) fn new(settings: &HttpSettings) -> RequestLimits {
        RequestLimits {
            slots: Semaphore::new(settings.max_concurrency),
            body_bytes_max: settings.max_body_bytes as u64,
            time: time(settings),
        }
    }
}

/// How long a request may take.
pub(super) fn time(settings: &HttpSettings) -> Duration {
    Duration::from_millis(u64::try_from(settings.timeout.0).unwrap_or_default())
}

/// Answers a request within the limits.
pub(super) async fn within(
    State(limits): State<Arc<RequestLimits>>,
    request: Request,
    next: Next,
) -> Result<Response, ProblemDocument> {
    let Ok(_slot) = limits.slots.try_acquire() else {
        return Err(ProblemDocument::unavailable("too many requests are being worked on; try again"));
    };
    let (parts, body) = request.into_parts();
    let bytes_max = limits.body_bytes_max.max(least_bytes_max(&parts));
    let read = timeout(limits.time, read_whole(body, bytes_max)).await;
    let body = read.map_err(|_| {
        ProblemDocument::new(StatusCode::REQUEST_TIMEOUT, "the request's body took too long to come in")
    })??;
    let answer = timeout(limits.time, next.run(Request::from_parts(parts, body.into()))).await;
    answer.map_err(|_| ProblemDocument::unavailable("the answer took too long; try again"))
}

/// What a body may have whatever the settings say: rules must fit where rules are taken.
fn least_bytes_max(parts: &Parts) -> u64 {
    let path = parts.uri.path();
    let explains = path.starts_with("/v1/users/") && path.ends_with("/explain");
    let takes_rules = explains || TAKE_RULES.contains(&path);
    if takes_rules && parts.method != Method::GET { RULES_BODY_BYTES_MAX } else { 0 }
}

/// Reads a body to its end, also where no route takes it: the connection must be usable for the next request.
async fn read_whole(body: Body, bytes_max: u64) -> Result<Bytes, ProblemDocument> {
    let too_large =
        || ProblemDocument::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have {bytes_max} bytes"));
    if body.size_hint().lower() > bytes_max {
        return Err(too_large());
    }
    let (mut chunks, mut whole) = (body.into_data_stream(), BytesMut::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ProblemDocument::bad_request("the request's body is broken off or malformed"))?;
        if (whole.len() + chunk.len()) as u64 > bytes_max {
            return Err(too_large());
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}
