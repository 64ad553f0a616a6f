//! What supervisors and Prometheus read: is it alive, is it ready, what did it count.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::routes::Services;

/// What a scrape is answered with: the content type and the body.
type Scraped = (&'static str, Vec<u8>);

/// What answers scrapes. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Answering>);

/// Answers a scrape, whose `Accept` header is given.
type Answering = dyn Fn(Option<&str>) -> Scraped + Send + Sync;

impl Metrics {
    /// `answer` is asked at each scrape, with the request's `Accept` header.
    pub fn new(answer: impl Fn(Option<&str>) -> Scraped + Send + Sync + 'static) -> Metrics {
        Metrics(Arc::new(answer))
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Whether events are taken in and outputs get out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"ready": false, "reasons": {"source": "the stream EVENTS does not exist; create it"}, "notes": {}}))]
pub(super) struct Readiness {
    /// Whether every part works.
    ready: bool,
    /// The parts that don't, and why.
    reasons: BTreeMap<&'static str, String>,
    /// What to know though it works: guarantees that are weaker than they could be, checkpoints that fail.
    notes: BTreeMap<&'static str, String>,
}

/// Metrics for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "observe", responses(
    (status = 200, description = "Every metric, in Prometheus's text format", body = String, content_type = "text/plain")
))]
pub(super) async fn metrics(State(metrics): State<Metrics>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let (content_type, body) = (metrics.0)(accept);
    ([(CONTENT_TYPE, content_type)], body).into_response()
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "observe", responses(
    (status = 200, description = "It does", body = String, content_type = "text/plain", example = "ok\n")
))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether it works, and what does not
#[utoipa::path(get, path = "/readyz", tag = "observe", responses(
    (status = 200, description = "Every part works", body = Readiness, example = json!({"ready": true, "reasons": {}, "notes": {}})),
    (status = 503, description = "Some part does not work", body = Readiness)
))]
pub(super) async fn readyz(State(services): State<Arc<Services>>) -> (StatusCode, Json<Readiness>) {
    let reasons: BTreeMap<_, _> = services.health.failing().into_iter().collect();
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, reasons, notes: services.health.notes() }))
}
