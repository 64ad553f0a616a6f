//! Limits of one request: concurrency, bytes and time. Refused early, with a problem document.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::problem::ProblemDocument;
use rekindle_settings::HttpSettings;

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
    let read = timeout(limits.time, read_off(body, limits.body_bytes_max)).await;
    read.map_err(|_| {
        ProblemDocument::new(StatusCode::REQUEST_TIMEOUT, "the request's body took too long to come in")
    })??;
    let answer = timeout(limits.time, next.run(Request::from_parts(parts, Body::empty()))).await;
    answer.map_err(|_| ProblemDocument::unavailable("the answer took too long; try again"))
}

/// Reads a body to its end and discards it: no route takes one, but the connection must be usable for the next request.
async fn read_off(body: Body, bytes_max: u64) -> Result<(), ProblemDocument> {
    let too_large =
        || ProblemDocument::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have {bytes_max} bytes"));
    if body.size_hint().lower() > bytes_max {
        return Err(too_large());
    }
    let (mut chunks, mut bytes) = (body.into_data_stream(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ProblemDocument::bad_request("the request's body is broken off or malformed"))?;
        bytes += chunk.len() as u64;
        if bytes > bytes_max {
            return Err(too_large());
        }
    }
    Ok(())
}
