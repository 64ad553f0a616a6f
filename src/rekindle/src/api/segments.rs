//! Segments: which there are, how large they are, who is in them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::cursor;
use super::params::{Id, Paging};
use super::problem::Problem;
use super::routes::Services;
use rekindle_runtime::live::view::Cursor;

/// All segments, as the rules order them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"segments": [
    {"id": "cart_abandoned", "description": "A cart untouched for 30 minutes", "users": 1_204}
]}))]
pub(super) struct Segments {
    /// The segments.
    segments: Vec<Segment>,
}

/// A segment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Segment {
    /// Its id.
    id: String,
    /// One line for people; empty if the rules have none.
    description: String,
    /// How many users are in, as of a moment ago.
    users: u64,
}

/// Some of a segment's users.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"segment": "cart_abandoned", "users": ["u42", "u7"], "next": "MTI6dTc"}))]
pub(super) struct SegmentUsers {
    /// The segment.
    segment: String,
    /// Ids, in no order that means anything.
    users: Vec<String>,
    /// The `cursor` of the next page; null: this was the last.
    next: Option<String>,
}

/// All segments with their sizes
#[utoipa::path(get, path = "/v1/segments", tag = "segments", responses(
    (status = 200, description = "The segments", body = Segments)
))]
pub(super) async fn segments(State(services): State<Arc<Services>>) -> Json<Segments> {
    let stats = services.live.stats();
    let sizes = stats.totals.counts.sizes.iter().copied().chain(std::iter::repeat(0));
    let segments = stats.plan.rules.segments.iter().zip(sizes).map(|(segment, users)| Segment {
        id: segment.id.clone(),
        description: segment.description.clone(),
        users,
    });
    Json(Segments { segments: segments.collect() })
}

/// A segment's users, page by page
///
/// Users who stay in the segment while it is read are seen exactly once. Each page reads the view anew, so large pages
/// are cheaper than many small ones.
#[utoipa::path(get, path = "/v1/segments/{id}/users", tag = "segments",
    params(
        ("id" = String, Path, description = "The segment's id", example = "cart_abandoned"),
        ("limit" = Option<u32>, Query, description = "The most users on the page", minimum = 1, maximum = 10_000, example = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the page before", pattern = "^[A-Za-z0-9_-]+$", example = "MDo"),
    ),
    responses(
        (status = 200, description = "A page", body = SegmentUsers),
        (status = 400, description = "The id, `limit` or `cursor` can't be read", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such segment", body = Problem, content_type = "application/problem+json")
    ))]
pub(super) async fn segment_users(
    State(services): State<Arc<Services>>,
    Id(segment): Id,
    paging: Paging,
) -> Result<Json<SegmentUsers>, Problem> {
    let from = match &paging.cursor {
        None => Cursor { part: 0, after: String::new() },
        Some(text) => cursor::decode(text)
            .ok_or_else(|| Problem::bad_request("`cursor` must be what `next` of the page before was, or left out"))?,
    };
    let view = services.live.view();
    // A page may read the whole view: not on a thread that others wait for.
    let found = tokio::task::spawn_blocking(move || {
        let page = view.users_in(&segment, &from, paging.limit);
        page.map(|page| SegmentUsers {
            users: page.users.iter().map(|user| user.to_string()).collect(),
            next: page.next.as_ref().map(cursor::encode),
            segment,
        })
    });
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be read");
    let page = found.await.map_err(failed)?;
    page.map(Json).ok_or_else(|| Problem::not_found("there is no segment of that id; /v1/segments lists all"))
}
