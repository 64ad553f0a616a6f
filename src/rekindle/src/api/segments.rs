//! Segments: their sizes and their users.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::cursor;
use super::keys::texts;
use super::params::{PageRequest, PathId};
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use rekindle_core::rules::ruleset::Segment;
use rekindle_runtime::live::membership_view::SegmentMember;

/// All segments, as the rules order them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Segments)]
#[schema(example = json!({"segments": [
    {"id": "cart_abandoned", "description": "A cart untouched for 30 minutes", "users": 1_204}
]}))]
pub(super) struct SegmentsResponse {
    /// The segments.
    segments: Vec<SegmentEntry>,
}

/// A segment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Segment)]
pub(super) struct SegmentEntry {
    /// Its id.
    id: String,
    /// One line for people; empty if the rules have none.
    description: String,
    /// The `[per.K]` whose keys are its members; left out: users are.
    #[serde(skip_serializing_if = "Option::is_none")]
    per: Option<String>,
    /// The `[groups.G]` whose groups are its members; left out: users are, or their keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    /// How many users (with `per`: keys of users; with `of`: groups) are in, as of a moment ago.
    users: u64,
}

/// Some of a segment's users.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SegmentUsers)]
#[schema(example = json!({"segment": "cart_abandoned", "users": ["u42", "u7"], "next": "MTI6dTc"}))]
pub(super) struct SegmentUsersResponse {
    /// The segment.
    segment: String,
    /// Users, in no order that means anything.
    users: Vec<SegmentMemberEntry>,
    /// The `cursor` of the next page; null: this was the last.
    next: Option<String>,
}

/// A user of a segment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SegmentUser)]
#[serde(untagged)]
pub(super) enum SegmentMemberEntry {
    /// The id.
    User(String),
    /// Of a segment with `per`, the id and the keys that are in.
    Keys(UserKeysEntry),
}

/// A user with keys in a segment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserKeys)]
#[schema(example = json!({"user": "u42", "keys": ["c-42", "c-7"]}))]
pub(super) struct UserKeysEntry {
    /// The user's id.
    user: String,
    /// The keys, ascending.
    keys: Vec<String>,
}

impl SegmentMemberEntry {
    fn new(member: &SegmentMember) -> SegmentMemberEntry {
        let user = member.user.to_string();
        if member.keys.is_empty() {
            return SegmentMemberEntry::User(user);
        }
        SegmentMemberEntry::Keys(UserKeysEntry { user, keys: texts(&member.keys) })
    }
}

/// All segments with their sizes
#[utoipa::path(get, path = "/v1/segments", tag = "segments", responses(
    (status = 200, description = "The segments", body = SegmentsResponse)
))]
pub(super) async fn segments(State(services): State<Arc<ApiServices>>) -> Json<SegmentsResponse> {
    let stats = services.live.stats();
    let sizes = stats.totals.counts.sizes.iter().copied().chain(std::iter::repeat(0));
    let segments = stats.plan.rules.segments.iter().zip(sizes).map(|(segment, users)| SegmentEntry {
        id: segment.id.clone(),
        description: segment.description.clone(),
        of: segment.group.map(|group| stats.plan.rules.groups[usize::from(group.0)].id.clone()),
        per: segment.per.map(|per| stats.plan.rules.pers[usize::from(per.0)].id.clone()),
        users,
    });
    Json(SegmentsResponse { segments: segments.collect() })
}

/// A segment's users, page by page
///
/// Users who stay in the segment while it is read are seen exactly once. Each page reads the view again, so large pages
/// are cheaper than many small ones.
///
/// Of a segment with `per`, each entry is an object with `user` and `keys`, all of the user that are in; `limit` is then the
/// most keys on the page, unless its only user has more.
#[utoipa::path(get, path = "/v1/segments/{id}/users", tag = "segments",
    params(
        ("id" = String, Path, description = "The segment's id", example = "cart_abandoned"),
        ("limit" = Option<u32>, Query, description = "The most users (with `per`: keys) on the page", minimum = 1, maximum = 10_000, example = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the page before", pattern = "^[A-Za-z0-9_-]+$", example = "MDo"),
    ),
    responses(
        (status = 200, description = "A page", body = SegmentUsersResponse),
        (status = 400, description = "The id, `limit` or `cursor` can't be read", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There is no such segment, or its members are groups", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn segment_users(
    State(services): State<Arc<ApiServices>>,
    PathId(segment): PathId,
    paging: PageRequest,
) -> Result<Json<SegmentUsersResponse>, ProblemDocument> {
    let from = cursor::of_page(&paging)?;
    let is_of_groups = |other: &Segment| other.id == segment && other.group.is_some();
    if services.live.stats().plan.rules.segments.iter().any(is_of_groups) {
        let detail = "the members of this segment are groups: /v1/segments/{id}/groups lists them";
        return Err(ProblemDocument::not_found(detail));
    }
    let view = services.live.view();
    // A page may read the whole view: on a blocking thread.
    let found = tokio::task::spawn_blocking(move || {
        let page = view.users_in(&segment, &from, paging.limit);
        page.map(|page| SegmentUsersResponse {
            users: page.users.iter().map(SegmentMemberEntry::new).collect(),
            next: page.next.as_ref().map(cursor::encode),
            segment,
        })
    });
    let failed = |_| ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be read");
    let page = found.await.map_err(failed)?;
    page.map(Json).ok_or_else(|| ProblemDocument::not_found("there is no segment of that id; /v1/segments lists all"))
}
