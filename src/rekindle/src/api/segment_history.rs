//! How large a segment was, hour by hour.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::params::{PathId, TimeRange};
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use rekindle_core::time::Timestamp;

/// A segment's sizes over time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SegmentHistory)]
#[schema(example = json!({"segment": "cart_abandoned", "points": [
    {"at": "2026-03-05T09:00:00.000Z", "size": 1_204, "entered": 88, "left": 61}
]}))]
pub(super) struct SegmentHistoryResponse {
    /// The segment.
    segment: String,
    /// The hours of the log that are known, oldest first; hours in which nothing was read are left out.
    points: Vec<SegmentHistoryPoint>,
}

/// A segment in one hour.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SegmentHistoryPoint)]
pub(super) struct SegmentHistoryPoint {
    /// When the hour begins.
    #[schema(format = DateTime)]
    at: String,
    /// How many users (with `per`: keys) were in it at its end, or are now.
    size: u64,
    /// How many entered in it.
    entered: u64,
    /// How many left in it.
    left: u64,
}

/// A segment's sizes over time
///
/// Hours of the last 92 days, since the daemon began to keep them.
#[utoipa::path(get, path = "/v1/segments/{id}/history", tag = "segments",
    params(
        ("id" = String, Path, description = "The segment's id", example = "cart_abandoned"),
        ("from" = Option<String>, Query, description = "The hours from this time on (RFC 3339, or a date)"),
        ("to" = Option<String>, Query, description = "The hours before this instant", format = DateTime),
    ),
    responses(
        (status = 200, description = "The hours", body = SegmentHistoryResponse),
        (status = 400, description = "The id or an instant can't be read", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There is no such segment", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn history(
    State(services): State<Arc<ApiServices>>,
    PathId(segment): PathId,
    TimeRange { from, to }: TimeRange,
) -> Result<Json<SegmentHistoryResponse>, ProblemDocument> {
    let stats = services.live.stats();
    if !stats.plan.rules.segments.iter().any(|known| known.id == segment) {
        return Err(ProblemDocument::not_found("there is no segment of that id; /v1/segments lists all"));
    }
    let hours = services.live.segment_history(&segment, from, to);
    let points = hours.into_iter().map(|hour| SegmentHistoryPoint {
        at: Timestamp(hour.at_ms).to_string(),
        size: hour.size,
        entered: hour.entered,
        left: hour.left,
    });
    Ok(Json(SegmentHistoryResponse { segment, points: points.collect() }))
}
