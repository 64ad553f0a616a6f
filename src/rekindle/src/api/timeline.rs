//! What happened to a user, newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::history::{LoggedStory, StoryRequest};
use super::params::{PathId, TimelineRequest};
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use crate::timeline::TimelinePage;

/// What happened to a user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Timeline)]
#[schema(example = json!({
    "entries": [
        {"at": "2026-03-05T09:30:00.000Z", "kind": "decision", "user": "u42", "campaign": "cart_reminder", "outcome": "sent"},
        {"at": "2026-03-05T09:00:00.000Z", "kind": "event", "type": "track", "event": "Product Added", "id": "m7", "user": "u42"}
    ],
    "next": null
}))]
pub(super) struct TimelineResponse {
    /// Newest first: `at`, `kind` (`event`, `delivery`, `transition`, `decision`, `points`, `budget`, `outcome`, `merge`), and what else
    /// there is to say.
    #[schema(value_type = Vec<Object>)]
    entries: Vec<Value>,
    /// Where the next page begins; null: there is no more.
    next: Option<String>,
    /// What the log does not tell; left out: nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// What happened to a user
///
/// The user's events, and those of visitors who became the user, read from the log; with what the rules in force make of them:
/// transitions, decisions, points. Events `Message …` tell what became of messages: they are deliveries. The first request makes the
/// daemon index the log by user: until that is done the answer is 503 and says how far it is.
#[utoipa::path(get, path = "/v1/users/{id}/timeline", tag = "users",
    params(
        ("id" = String, Path, description = "The user's id, percent-encoded", example = "u42"),
        ("before" = Option<String>, Query, description = "Only what happened before this time (RFC 3339), or the `next` of the page before"),
        ("limit" = Option<u32>, Query, description = "How many entries, 1 to 1,000; 100 unless said", minimum = 1, maximum = 1000)
    ),
    responses(
        (status = 200, description = "A page", body = TimelineResponse),
        (status = 400, description = "The id is no percent-encoded UTF-8, or the query asks for something else", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "Nothing is known of this user, or events are read from plain NATS", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn timeline(
    State(services): State<Arc<ApiServices>>,
    PathId(id): PathId,
    TimelineRequest { before, limit }: TimelineRequest,
) -> Result<Json<TimelineResponse>, ProblemDocument> {
    let request = StoryRequest { user: id, until: None, with_items: true, rules: None };
    let LoggedStory { plan, story, notes } = services.history.story(request).await?;
    if story.items.is_empty() {
        return Err(ProblemDocument::not_found("nothing is known of this user"));
    }
    let paged = tokio::task::spawn_blocking(move || TimelinePage::of(&plan.rules, story.items, before, limit));
    let failed = |_| ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written");
    let page = paged.await.map_err(failed)?;
    let entries = page.entries.into_iter().map(Value::Object).collect();
    Ok(Json(TimelineResponse { entries, next: page.next.map(|next| next.to_string()), notes }))
}
