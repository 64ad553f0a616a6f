//! Why a user is in a segment, or is not.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::history::{LoggedStory, StoryRequest};
use super::params::{ExplainedSegment, PathId};
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use rekindle_core::explanation::{SegmentExplanation, SegmentExplanationDocument};
use rekindle_runtime::live::EngineBusy;
use rekindle_runtime::pipeline::UserCopy;

/// Why a user is in segments, or is not.
#[derive(Debug, Serialize)]
struct UserExplanation<'e> {
    user: &'e str,
    segments: Vec<SegmentExplanationDocument<'e>>,
    /// Of `at`: what the log does not tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// Why a user is in segments, or is not
///
/// Each segment's condition as a tree, in the words of the rules: the values of each part, whether it holds and until when at
/// least, and whether the answer depends on it; when the segment changes if nothing happens, and which events would change it at
/// once. A segment with `per` once for each of the user's keys, the latest 100. As of now; the engine is asked for a copy of the
/// user's state only.
#[utoipa::path(get, path = "/v1/users/{id}/explain", tag = "users",
    params(
        ("id" = String, Path, description = "The user's id, percent-encoded", example = "u42"),
        ("segment" = Option<String>, Query, description = "Only this segment"),
        ("at" = Option<String>, Query, description = "As of this time (RFC 3339, or a date), from the user's own events in the log")
    ),
    responses(
        (status = 200, description = "Every segment that was asked for", body = Object),
        (status = 400, description = "The id is no percent-encoded UTF-8, or the query asks for something else", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "Nothing is known of this user, or there is no such segment", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn explain(
    State(services): State<Arc<ApiServices>>,
    PathId(id): PathId,
    ExplainedSegment { segment, at }: ExplainedSegment,
) -> Result<Response, ProblemDocument> {
    let busy = |busy: EngineBusy| ProblemDocument::unavailable(busy.to_string());
    let (copy, notes) = match at {
        None => (services.live.copy_of(&id).await.map_err(busy)?, Vec::new()),
        Some(_) => {
            let request = StoryRequest { user: id.clone(), until: at, with_texts: false };
            let LoggedStory { story, notes, .. } = services.history.story(request).await?;
            (story.pipeline.copy_of(&id), notes)
        }
    };
    let UserCopy { plan, user, at } =
        copy.ok_or_else(|| ProblemDocument::not_found("nothing is known of this user"))?;
    if let Some(segment) = &segment
        && !plan.rules.segments.iter().any(|known| known.id == *segment)
    {
        return Err(ProblemDocument::not_found("there is no such segment"));
    }
    let failed = || ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written");
    let written = tokio::task::spawn_blocking(move || {
        let is_asked = |of: &str| segment.as_ref().is_none_or(|asked| asked == of);
        let explained = SegmentExplanation::of_user(&plan, &user, at, |segment| is_asked(&segment.id));
        let segments = explained.iter().map(SegmentExplanation::document).collect();
        serde_json::to_vec(&UserExplanation { user: &user.id, segments, notes })
    });
    let body = written.await.map_err(|_| failed())?.map_err(|_| failed())?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}
