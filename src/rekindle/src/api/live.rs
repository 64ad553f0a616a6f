//! The live feed as server-sent events: outputs as they happen, and once a second how fast and how healthy everything is.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::params::FeedRequest;
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use rekindle_core::time::Timestamp;
use rekindle_runtime::live::EngineStats;
use rekindle_runtime::live::feed::FeedLines;

/// How often rates are told.
const RATES_INTERVAL: Duration = Duration::from_secs(1);

/// The most lines in one piece of the answer.
const LINES_PER_CHUNK: usize = 64;

/// Tells proxies not to hold back what comes.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How fast things happen, and whether it is all right.
#[derive(Debug, Serialize)]
struct RatesEvent {
    /// A second.
    events: f64,
    transitions: f64,
    decisions: f64,
    /// How far the watermark is behind the clock; null: nothing was read yet, or time is not the clock's here.
    lag_ms: Option<i64>,
    watermark: Option<String>,
    ready: bool,
    /// What is not.
    reasons: Vec<String>,
}

/// Outputs as they happen
///
/// Server-sent events: `transition`, `decision` and so on, each with a line of the journal; `rates` every second; `dropped` with how
/// many outputs passed the filter since the last one and were left out: there are 200 a second at most. Filters hold together. At most 64
/// clients can watch at a time.
#[utoipa::path(get, path = "/v1/live", tag = "engine",
    params(
        ("kinds" = Option<String>, Query, description = "Which outputs, with commas between: transition, decision, points, budget, merged, outcome; transitions and decisions if left out", example = "transition,decision"),
        ("segment" = Option<String>, Query, description = "Transitions of this segment, and decisions that they triggered"),
        ("campaign" = Option<String>, Query, description = "What this campaign did"),
        ("user" = Option<String>, Query, description = "Of this user"),
    ),
    responses(
        (status = 200, description = "The events, without an end", body = String, content_type = "text/event-stream"),
        (status = 400, description = "The query asks for something else", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many watch already", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn live(
    State(services): State<Arc<ApiServices>>,
    FeedRequest(filter): FeedRequest,
) -> Result<Response, ProblemDocument> {
    let lines = services.live.watch(filter).map_err(|error| ProblemDocument::unavailable(error.to_string()))?;
    let mut ticks = interval(RATES_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let feed = FeedStream { before: (Instant::now(), services.live.stats()), services, lines, ticks };
    let body = Body::from_stream(stream::unfold(feed, |mut feed| async move {
        let chunk = feed.next().await?;
        Some((Ok::<_, Infallible>(chunk), feed))
    }));
    Ok(([(CONTENT_TYPE, "text/event-stream"), (X_ACCEL_BUFFERING, "no")], body).into_response())
}

/// What one client gets.
struct FeedStream {
    services: Arc<ApiServices>,
    lines: FeedLines,
    ticks: Interval,
    /// When rates were last told, and the counts then.
    before: (Instant, Arc<EngineStats>),
}

impl FeedStream {
    /// The next piece; `None`: the engine has ended.
    async fn next(&mut self) -> Option<Bytes> {
        let mut chunk = Vec::new();
        tokio::select! {
            line = self.lines.next() => {
                let mut line = Some(line?);
                let mut left = LINES_PER_CHUNK;
                while let Some(next) = line {
                    write_event(&mut chunk, next.kind.name(), next.line.trim_ascii_end());
                    left -= 1;
                    line = if left > 0 { self.lines.try_next() } else { None };
                }
            }
            _ = self.ticks.tick() => {
                let dropped = self.lines.take_dropped();
                if dropped > 0 {
                    write_event(&mut chunk, "dropped", format!("{{\"count\":{dropped}}}").as_bytes());
                }
                let rates = serde_json::to_vec(&self.rates()).unwrap_or_default();
                write_event(&mut chunk, "rates", &rates);
            }
        }
        Some(chunk.into())
    }

    fn rates(&mut self) -> RatesEvent {
        let (now, stats) = (Instant::now(), self.services.live.stats());
        let (then, before) = std::mem::replace(&mut self.before, (now, Arc::clone(&stats)));
        let seconds = now.duration_since(then).as_secs_f64().max(0.001);
        let rate = |count: fn(&EngineStats) -> u64| {
            let more = count(&stats).saturating_sub(count(&before)) as f64;
            (more / seconds * 10.0).round() / 10.0
        };
        let failing = self.services.health.failing();
        let watermark = (stats.watermark > Timestamp::MIN).then_some(stats.watermark);
        RatesEvent {
            events: rate(|stats| stats.totals.events),
            transitions: rate(|stats| stats.totals.counts.transitions.iter().flatten().sum()),
            decisions: rate(|stats| stats.totals.counts.decisions.iter().flatten().sum()),
            lag_ms: watermark.and_then(|watermark| self.services.clock.map(|clock| (clock().0 - watermark.0).max(0))),
            watermark: watermark.map(|watermark| watermark.to_string()),
            ready: failing.is_empty(),
            reasons: failing.into_iter().map(|(part, why)| format!("{part}: {why}")).collect(),
        }
    }
}

/// Appends an event; `data` is one line.
fn write_event(chunk: &mut Vec<u8>, name: &str, data: &[u8]) {
    for part in [b"event: ", name.as_bytes(), b"\ndata: ", data, b"\n\n"] {
        chunk.extend_from_slice(part);
    }
}
