//! Groups: one of them, and those in a segment.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::cursor;
use super::keys::texts;
use super::params::{PageRequest, PathId, PathIds};
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use super::users::FeatureEntry;
use rekindle_core::explanation::GroupConditionDocument;
use rekindle_core::partition::{GroupMembers, GroupReport};
use rekindle_runtime::live::EngineBusy;
use rekindle_runtime::live::membership_view::MembershipCursor;

/// Everything known of a group, at one instant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Group)]
#[schema(example = json!({
    "of": "team", "key": "t-17", "at": "2026-03-05T09:31:00.000Z", "first_match": "2026-03-05T08:00:00.000Z",
    "latest_match": "2026-03-05T09:00:00.000Z", "forgotten_at": "2026-04-04T09:00:00.000Z", "segments": ["team_open"],
    "members": [{"name": "join", "users": ["u42", "u7"]}],
    "features": [{"feature": "distinct(join.user, '24h')", "value": 2}, {"feature": "idle()", "value": 1_860_000}],
    "conditions": [{"segment": "team_open", "is_in": true, "condition": {
        "text": "distinct(join.user, '24h') < 3", "holds": true, "until": "2026-03-06T08:00:00.000Z", "is_needed": true,
        "operands": [{"text": "distinct(join.user, '24h')", "value": 2, "shown": "2"}]
    }}],
    "next_wake_up": "2026-03-06T08:00:00.000Z"
}))]
pub(super) struct GroupResponse {
    /// The `[groups.G]` of the rules.
    of: String,
    /// The key.
    key: String,
    /// The instant: the last end of a second of the log, or the group's own clock where that is ahead of it.
    #[schema(format = DateTime)]
    at: String,
    /// Time of its earliest match.
    #[schema(format = DateTime)]
    first_match: String,
    /// Time of its latest match.
    #[schema(format = DateTime)]
    latest_match: String,
    /// When it is forgotten if no match comes.
    #[schema(format = DateTime)]
    forgotten_at: String,
    /// The segments it is in, as the rules order them.
    segments: Vec<String>,
    /// Those whom it may tell something, for each name that is a `to` of the rules; nobody else is kept by id.
    members: Vec<GroupMembersEntry>,
    /// Every feature of groups of this `[groups.G]`.
    features: Vec<FeatureEntry>,
    /// Why it is in each of their segments, or is not: the condition as a tree, as `explain` of a user has it.
    #[schema(value_type = Vec<Object>)]
    conditions: Vec<Value>,
    /// The earliest instant at which time alone may change or forget it.
    #[schema(format = DateTime)]
    next_wake_up: String,
}

/// Those who have a match of a name in a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GroupMembers)]
pub(super) struct GroupMembersEntry {
    /// The name in `[events]`.
    name: String,
    /// The users that their ids stand for now, by their first such match; of the first 1,000.
    users: Vec<String>,
}

/// Some of the groups in a segment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SegmentGroups)]
#[schema(example = json!({"segment": "team_full", "groups": ["t-17", "t-3"], "next": "MDp0LTM"}))]
pub(super) struct SegmentGroupsResponse {
    /// The segment.
    segment: String,
    /// The keys of groups, ascending.
    groups: Vec<String>,
    /// The `cursor` of the next page; null: this was the last.
    next: Option<String>,
}

impl GroupResponse {
    fn new(report: GroupReport) -> Result<GroupResponse, serde_json::Error> {
        let conditions = report.conditions.iter().map(|known| serde_json::to_value(GroupConditionDocument::new(known)));
        Ok(GroupResponse {
            at: report.at.to_string(),
            first_match: report.first_match.to_string(),
            latest_match: report.latest_match.to_string(),
            forgotten_at: report.forgotten_at.to_string(),
            next_wake_up: report.next_wake_up.to_string(),
            conditions: conditions.collect::<Result<_, _>>()?,
            members: report.members.into_iter().map(GroupMembersEntry::new).collect(),
            features: report.features.into_iter().map(FeatureEntry::new).collect(),
            segments: report.segments,
            key: report.key.to_string(),
            of: report.of,
        })
    }
}

impl GroupMembersEntry {
    fn new(members: GroupMembers) -> GroupMembersEntry {
        GroupMembersEntry { name: members.name, users: texts(&members.ids) }
    }
}

/// Everything known of a group
///
/// Its people, its segments and why it is in them, and what is due. Answered by the engine between two batches: for looking into
/// one group, not for high rates.
#[utoipa::path(get, path = "/v1/groups/{kind}/{key}", tag = "segments",
    params(
        ("kind" = String, Path, description = "The `[groups.G]` of the rules", example = "team"),
        ("key" = String, Path, description = "The group's key, percent-encoded", example = "t-17")
    ),
    responses(
        (status = 200, description = "The group", body = GroupResponse),
        (status = 400, description = "The path is no percent-encoded UTF-8", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There is no such group", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn group(
    State(services): State<Arc<ApiServices>>,
    PathIds(of, key): PathIds,
) -> Result<Json<GroupResponse>, ProblemDocument> {
    let busy = |busy: EngineBusy| ProblemDocument::unavailable(busy.to_string());
    let report = services.live.describe_group(&of, &key).await.map_err(busy)?;
    let report = report.ok_or_else(|| ProblemDocument::not_found("there is no such group, or not any more"))?;
    let failed = |_| ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written");
    GroupResponse::new(report).map(Json).map_err(failed)
}

/// The groups in a segment, page by page
///
/// Of a segment with `of`: its members are groups. Answered by the engine between two batches. A page may have fewer groups than
/// `limit`, or none, and yet not be the last: of very many groups not all are looked at for one page.
#[utoipa::path(get, path = "/v1/segments/{id}/groups", tag = "segments",
    params(
        ("id" = String, Path, description = "The segment's id", example = "team_full"),
        ("limit" = Option<u32>, Query, description = "The most groups on the page", minimum = 1, maximum = 10_000, example = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the page before", pattern = "^[A-Za-z0-9_-]+$", example = "MDo"),
    ),
    responses(
        (status = 200, description = "A page", body = SegmentGroupsResponse),
        (status = 400, description = "The id, `limit` or `cursor` can't be read", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There is no such segment of groups", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn segment_groups(
    State(services): State<Arc<ApiServices>>,
    PathId(segment): PathId,
    paging: PageRequest,
) -> Result<Json<SegmentGroupsResponse>, ProblemDocument> {
    let from = cursor::of_page(&paging)?;
    let busy = |busy: EngineBusy| ProblemDocument::unavailable(busy.to_string());
    let page = services.live.group_keys(&segment, &from.after, paging.limit).await.map_err(busy)?;
    let unknown = "there is no segment of groups of that id; /v1/segments lists all, those of groups with `of`";
    let page = page.ok_or_else(|| ProblemDocument::not_found(unknown))?;
    let next = page.next.map(|after| cursor::encode(&MembershipCursor { part: 0, after: after.to_string() }));
    Ok(Json(SegmentGroupsResponse { segment, groups: texts(&page.keys), next }))
}
