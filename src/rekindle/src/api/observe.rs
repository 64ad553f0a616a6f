//! Liveness, readiness and metrics, for supervisors and Prometheus.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::problem::ProblemDocument;
use super::routes::ApiServices;
use crate::metrics::ExpositionFormat;

/// How long a page that was rendered for one scrape answers others too.
const PAGE_AGE_MAX: Duration = Duration::from_secs(1);

/// Answers scrapes: a page is rendered at most once a second, on a blocking thread. Cheap to clone.
#[derive(Clone)]
pub struct MetricsCache {
    make: Arc<PageRenderer>,
    made: [Arc<Mutex<Option<RenderedPage>>>; 2],
}

/// Renders the page.
type PageRenderer = dyn Fn(ExpositionFormat) -> Vec<u8> + Send + Sync;

/// A rendered page, shared by the requests that it answers.
struct RenderedPage {
    page: Bytes,
    at: Instant,
}

impl MetricsCache {
    /// `make` renders the metrics of the moment at which it is called.
    pub fn new(make: impl Fn(ExpositionFormat) -> Vec<u8> + Send + Sync + 'static) -> MetricsCache {
        MetricsCache { make: Arc::new(make), made: Default::default() }
    }

    /// A page that was rendered within the last second. `None`: rendering panicked.
    async fn page(&self, format: ExpositionFormat) -> Option<Bytes> {
        let (make, made) = (Arc::clone(&self.make), Arc::clone(&self.made[format as usize]));
        // A task of its own: if the client disconnects, the page is for the next one.
        let page = tokio::spawn(async move {
            let mut made = made.lock_owned().await;
            if let Some(RenderedPage { page, .. }) = made.as_ref().filter(|made| made.at.elapsed() < PAGE_AGE_MAX) {
                return Some(page.clone());
            }
            let page = Bytes::from(tokio::task::spawn_blocking(move || make(format)).await.ok()?);
            *made = Some(RenderedPage { page: page.clone(), at: Instant::now() });
            Some(page)
        });
        page.await.ok().flatten()
    }
}

impl fmt::Debug for MetricsCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsCache")
    }
}

/// Whether events are read and outputs published.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Readiness)]
#[schema(example = json!({"ready": false, "reasons": {"source": "the stream EVENTS does not exist; create it"}, "notes": {}}))]
pub(super) struct ReadinessResponse {
    /// Whether every part works.
    ready: bool,
    /// The parts that don't, and why.
    reasons: BTreeMap<&'static str, String>,
    /// What to know though it works: guarantees that are weaker than they could be, checkpoints that fail.
    notes: BTreeMap<&'static str, String>,
}

/// Metrics for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "observe", responses(
    (status = 200, description = "Every metric, in Prometheus's text format, at most a second old", body = String,
        content_type = "text/plain")
))]
pub(super) async fn metrics(
    State(metrics): State<MetricsCache>,
    headers: HeaderMap,
) -> Result<Response, ProblemDocument> {
    let format = ExpositionFormat::wanted(headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()));
    let page = metrics.page(format).await;
    let broken = || {
        ProblemDocument::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics could not be rendered; the log has the reason",
        )
    };
    Ok(([(CONTENT_TYPE, format.content_type())], page.ok_or_else(broken)?).into_response())
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
    (status = 200, description = "Every part works", body = ReadinessResponse, example = json!({"ready": true, "reasons": {}, "notes": {}})),
    (status = 503, description = "Some part does not work", body = ReadinessResponse)
))]
pub(super) async fn readyz(State(services): State<Arc<ApiServices>>) -> (StatusCode, Json<ReadinessResponse>) {
    let reasons: BTreeMap<_, _> = services.health.failing().into_iter().collect();
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ReadinessResponse { ready, reasons, notes: services.health.notes() }))
}
