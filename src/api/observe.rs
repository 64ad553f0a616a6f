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

/// Prometheus's text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Prometheus's binary format: the only one with native histograms.
const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// What renders the metrics, having brought them up to date. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    text: Arc<dyn Fn() -> String + Send + Sync>,
    protobuf: Option<Arc<dyn Fn() -> Vec<u8> + Send + Sync>>,
}

impl Metrics {
    /// Metrics as text.
    pub fn text(render: impl Fn() -> String + Send + Sync + 'static) -> Metrics {
        Metrics { text: Arc::new(render), protobuf: None }
    }

    /// And, for scrapers that ask for it, in the binary format.
    pub fn with_protobuf(self, render: impl Fn() -> Vec<u8> + Send + Sync + 'static) -> Metrics {
        Metrics { protobuf: Some(Arc::new(render)), ..self }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Whether events are taken in and outputs get out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"ready": false, "reasons": {"source": "the stream EVENTS does not exist; create it"}}))]
pub(super) struct Readiness {
    /// Whether every part works.
    ready: bool,
    /// The parts that don't, and why.
    reasons: BTreeMap<&'static str, String>,
}

/// Metrics for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "observe", responses(
    (status = 200, description = "Every metric, in Prometheus's text format", body = String, content_type = "text/plain")
))]
pub(super) async fn metrics(State(metrics): State<Metrics>, headers: HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    match &metrics.protobuf {
        Some(render) if accepted.contains("application/vnd.google.protobuf") => {
            ([(CONTENT_TYPE, PROTOBUF)], render()).into_response()
        }
        _ => ([(CONTENT_TYPE, TEXT)], (metrics.text)()).into_response(),
    }
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
    (status = 200, description = "Every part works", body = Readiness, example = json!({"ready": true, "reasons": {}})),
    (status = 503, description = "Some part does not work", body = Readiness)
))]
pub(super) async fn readyz(State(services): State<Arc<Services>>) -> (StatusCode, Json<Readiness>) {
    let reasons: BTreeMap<_, _> = services.health.failing().into_iter().collect();
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, reasons }))
}
