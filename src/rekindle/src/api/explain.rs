//! Why a user is in a segment, or is not, and what became of campaigns.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::history::{LoggedStory, StoryRequest};
use super::params::{ExplainedParts, JsonBody, PathId, moment};
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use super::rules::{RulesErrorsResponse, mistakes};
use rekindle_core::explanation::{
    DecisionExplanation, DecisionExplanationDocument, EventHistory, SegmentExplanation, SegmentExplanationDocument,
    UserHistory,
};
use rekindle_core::partition::{ExecutionPlan, Output, User};
use rekindle_core::rules::{self, ruleset::Segment};
use rekindle_runtime::live::EngineBusy;
use rekindle_runtime::pipeline::UserCopy;

/// Why a user is in segments, or is not, and what became of campaigns.
#[derive(Debug, Serialize)]
struct UserExplanation<'e> {
    user: &'e str,
    segments: Vec<SegmentExplanationDocument<'e>>,
    /// The latest times that campaigns were considered for the user, oldest first.
    campaigns: Vec<DecisionExplanationDocument<'e>>,
    /// Of `at`: what the log does not tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// Why a user is in segments, or is not
///
/// Each segment's condition as a tree, in the words of the rules: the values of each part, whether it holds and until when at
/// least, and whether the answer depends on it; when the segment changes if nothing happens, and which events would change it at
/// once. A segment with `per` once for each of the user's keys, the latest 100. Then the latest 10 times that a campaign was
/// considered: the outcome, the step that decided and those before it with their numbers. As of now; the engine is asked for a
/// copy of the user's state only.
#[utoipa::path(get, path = "/v1/users/{id}/explain", tag = "users",
    params(
        ("id" = String, Path, description = "The user's id, percent-encoded", example = "u42"),
        ("segment" = Option<String>, Query, description = "Only this segment, and what it set off"),
        ("campaign" = Option<String>, Query, description = "Only this campaign, and no segment but the one that is named"),
        ("at" = Option<String>, Query, description = "As of this time (RFC 3339, or a date), from the user's own events in the log")
    ),
    responses(
        (status = 200, description = "Every segment and campaign that was asked for", body = Object),
        (status = 400, description = "The id is no percent-encoded UTF-8, or the query asks for something else", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "Nothing is known of this user, or there is no such segment or campaign", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn explain(
    State(services): State<Arc<ApiServices>>,
    PathId(id): PathId,
    asked: ExplainedParts,
) -> Result<Response, ProblemDocument> {
    let busy = |busy: EngineBusy| ProblemDocument::unavailable(busy.to_string());
    if asked.at.is_none() {
        let copy = services.live.copy_of(&id).await.map_err(busy)?;
        return explained(&services, asked, copy, None).await;
    }
    let request = StoryRequest { user: id.clone(), until: asked.at, with_items: false, rules: None };
    let story = services.history.story(request).await?;
    explained(&services, asked, story.story.pipeline.copy_of(&id), Some(story)).await
}

/// Rules by which a user's past is to be explained.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExplainByRules)]
#[schema(example = json!({
    "text": "[events]\nview = \"Product Viewed\"\n[[segments]]\nid = \"seen\"\nwhen = \"total(view) > 0\"\n", "segment": "seen"
}))]
pub(super) struct ExplainByRulesRequest {
    /// As they would stand in the rules file.
    text: String,
    /// As of this time (RFC 3339, or a date); left out: now.
    at: Option<String>,
    /// Only this segment, and what it set off.
    segment: Option<String>,
    /// Only this campaign, and no segment but the one that is named.
    campaign: Option<String>,
}

/// Why a user would be in segments by other rules, or would not
///
/// As `GET`, by rules that are tried: as if they had been in force all along, from the user's own events in the log. So the people
/// for whom a backtest finds a difference can be explained by both rule sets. Nothing changes by it.
#[utoipa::path(post, path = "/v1/users/{id}/explain", tag = "users",
    params(("id" = String, Path, description = "The user's id, percent-encoded", example = "u42")),
    request_body = ExplainByRulesRequest,
    responses(
        (status = 200, description = "Every segment and campaign that was asked for", body = Object),
        (status = 400, description = "The id is no percent-encoded UTF-8, or the body is not what it must be", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "Nothing is known of this user, there is no such segment or campaign, or no stream keeps events", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "The rules have mistakes", body = RulesErrorsResponse, content_type = "application/problem+json")
    ))]
pub(super) async fn explain_by_rules(
    State(services): State<Arc<ApiServices>>,
    PathId(id): PathId,
    JsonBody(request): JsonBody<ExplainByRulesRequest>,
) -> Result<Response, ProblemDocument> {
    let ExplainByRulesRequest { text, at, segment, campaign } = request;
    let asked = ExplainedParts { segment, campaign, at: moment("at", at)? };
    let compiled = tokio::task::spawn_blocking(move || {
        let compiled = rules::compile(&text).map(|rules| Arc::new(ExecutionPlan::new(rules)));
        compiled.map_err(|problems| (text, problems))
    });
    let failed = |_| ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, "the rules could not be read");
    let plan = match compiled.await.map_err(failed)? {
        Ok(plan) => plan,
        Err((text, problems)) => {
            let detail = "nobody can be explained by these rules, because they have mistakes";
            return Ok(mistakes(detail, "rules", &text, &problems));
        }
    };
    let request = StoryRequest { user: id.clone(), until: asked.at, with_items: false, rules: Some(plan) };
    let story = services.history.story(request).await?;
    explained(&services, asked, story.story.pipeline.copy_of(&id), Some(story)).await
}

/// The answer about a user as the engine has it, or as its own events in the log make it.
async fn explained(
    services: &ApiServices,
    asked: ExplainedParts,
    copy: Option<UserCopy>,
    logged: Option<LoggedStory>,
) -> Result<Response, ProblemDocument> {
    let UserCopy { plan, user, at, rows } =
        copy.ok_or_else(|| ProblemDocument::not_found("nothing is known of this user"))?;
    let (story, notes) = logged.map_or((None, Vec::new()), |logged| (Some(logged.story), logged.notes));
    if asked.segment.as_ref().is_some_and(|asked| !plan.rules.segments.iter().any(|known| known.id == *asked)) {
        return Err(ProblemDocument::not_found("there is no such segment"));
    }
    if asked.campaign.as_ref().is_some_and(|asked| !plan.rules.campaigns.iter().any(|known| known.id == *asked)) {
        return Err(ProblemDocument::not_found("there is no such campaign"));
    }
    let decided = services.live.decisions_of(&user.id);
    let failed = || ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written");
    let written = tokio::task::spawn_blocking(move || {
        let is_asked = |segment: &Segment| asked.has_segment(&segment.id);
        let (explained, decisions) = match &story {
            None => {
                let explained = SegmentExplanation::of_user(&plan, &user, at, &rows, is_asked);
                (explained, recent_decisions(&decided, &plan, &user))
            }
            Some(story) => {
                let outputs: Vec<&Output> = story.outputs.iter().collect();
                let (events, is_complete) = story.pipeline.recorded_events_of(&user.id);
                let events = Some(EventHistory { events: &events, is_complete });
                let history = UserHistory { outputs: &outputs, events, rows: &rows };
                let explained = SegmentExplanation::with_history(&plan, &user, at, history, is_asked);
                (explained, DecisionExplanation::of_story(&plan.rules, &outputs, Some(&user)))
            }
        };
        let decisions: Vec<_> = decisions.into_iter().filter(|decision| asked.has_decision(decision)).collect();
        let segments = explained.iter().map(SegmentExplanation::document).collect();
        serde_json::to_vec(&UserExplanation {
            user: &user.id,
            segments,
            campaigns: decisions.iter().map(DecisionExplanation::document).collect(),
            notes,
        })
    });
    let body = written.await.map_err(|_| failed())?.map_err(|_| failed())?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// Those that the engine keeps.
fn recent_decisions(
    decided: &[(Arc<ExecutionPlan>, Output)],
    plan: &Arc<ExecutionPlan>,
    user: &User,
) -> Vec<DecisionExplanation> {
    let explained = decided.iter().flat_map(|(made_by, output)| {
        // What the state knows of goals is by the rules of now.
        let user = Arc::ptr_eq(made_by, plan).then_some(user);
        DecisionExplanation::of_story(&made_by.rules, &[output], user)
    });
    explained.collect()
}

impl ExplainedParts {
    fn has_segment(&self, id: &str) -> bool {
        match &self.segment {
            Some(asked) => asked == id,
            None => self.campaign.is_none(),
        }
    }

    fn has_decision(&self, decision: &DecisionExplanation) -> bool {
        let segment = self.segment.as_deref().is_none_or(|asked| decision.segment() == Some(asked));
        segment && self.campaign.as_ref().is_none_or(|asked| decision.campaign == *asked)
    }
}
