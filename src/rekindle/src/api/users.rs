//! One user: the whole state, and the segments alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::budgets::{UserAskEntry, UserReservationEntry};
use super::export::UserExportResponse;
use super::keys::{KeyInstanceEntry, SegmentKeysEntry};
use super::models::UserModelEntry;
use super::params::{PathId, UserDetail};
use super::points::UserLedgerEntry;
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use rekindle_core::journal;
use rekindle_core::json::JsonText;
use rekindle_core::partition::{ExecutionPlan, FeatureReport, GoalExposureReport, Output, UserReport};
use rekindle_runtime::live::EngineBusy;
use rekindle_runtime::live::membership_view::SegmentKeys;

/// The most keys of one user in an answer from the live view.
const KEYS_MAX: usize = 5_000;

/// Everything known of a user, at one instant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserState)]
#[schema(example = json!({
    "user": "u42", "at": "2026-03-05T09:31:00.000Z", "first_event": "2026-03-01T10:00:00.000Z",
    "latest_event": "2026-03-05T09:00:00.000Z", "segments": ["cart_abandoned"],
    "features": [{"feature": "count(view, '30m')", "value": 3}, {"feature": "idle()", "value": 1_860_000}],
    "traits": {"plan": "gold"}, "timezone": "Europe/Berlin", "next_wake_up": "2026-03-05T10:00:00.000Z",
    "fired": [{"campaign": "cart_reminder", "count": 1, "last": "2026-03-05T09:30:00.000Z"}], "held": [],
    "decisions": [{
        "kind": "decision", "user": "u42", "campaign": "cart_reminder", "outcome": "cooldown",
        "at": "2026-03-05T09:30:00.000Z", "cause": "time"
    }]
}))]
pub(super) struct UserStateResponse {
    /// The user's id.
    user: String,
    /// The instant: the watermark, or the user's own clock where that is ahead of it.
    #[schema(format = DateTime)]
    at: String,
    /// Time of the earliest event.
    #[schema(format = DateTime)]
    first_event: String,
    /// Time of the latest event.
    #[schema(format = DateTime)]
    latest_event: String,
    /// The segments the user is in, as the rules order them.
    segments: Vec<String>,
    /// Every feature of users; those of keys are in `keys`.
    features: Vec<FeatureEntry>,
    /// The state of each key of the user, where the rules have `[per]`: those with the latest matches, by key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<KeyInstanceEntry>,
    /// How many keys more there are; left out: none.
    #[serde(skip_serializing_if = "is_zero")]
    keys_left_off: usize,
    /// The points of each ledger of the rules; left out: the rules have none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    points: Vec<UserLedgerEntry>,
    /// What each model says of the user; left out: the rules have none, or the user did not buy yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    models: Vec<UserModelEntry>,
    /// The latest traits that the rules read, by path.
    #[schema(value_type = BTreeMap<String, Value>)]
    traits: BTreeMap<String, JsonText>,
    /// The time zone that arrived last, where the rules have quiet hours.
    timezone: Option<String>,
    /// The earliest instant at which time alone may change anything; null: it can't.
    #[schema(format = DateTime)]
    next_wake_up: Option<String>,
    /// The campaigns the user was exposed to: sent, control, holdout or a lost draw.
    fired: Vec<ExposureEntry>,
    /// The decisions that quiet hours defer.
    held: Vec<DeferredDecisionEntry>,
    /// The exposures to goals that are not mature yet; left out: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    goals: Vec<GoalExposureEntry>,
    /// What is reserved of budgets for the user until it is settled or released; left out: nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reservations: Vec<UserReservationEntry>,
    /// The decisions that wait for the end of their second, because they ask budgets; left out: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asks: Vec<UserAskEntry>,
    /// The latest decisions about the user, oldest first, as the journal writes them.
    #[schema(value_type = Vec<Object>)]
    decisions: Vec<Value>,
}

/// A feature and its value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Feature)]
pub(super) struct FeatureEntry {
    /// The feature, as the rules write it.
    feature: String,
    /// Its value: numbers with all their digits, durations in milliseconds; null where there is none.
    #[schema(value_type = Value)]
    value: JsonText,
}

/// The exposures of a campaign.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fired)]
pub(super) struct ExposureEntry {
    /// The campaign.
    campaign: String,
    /// How often.
    count: u32,
    /// When last.
    #[schema(format = DateTime)]
    last: String,
}

/// A deferred decision.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Held)]
pub(super) struct DeferredDecisionEntry {
    /// The campaign.
    campaign: String,
    /// What triggered it: `enter:SEGMENT`, `exit:SEGMENT` or `event:NAME`; null where the rules do not have that any more.
    on: Option<String>,
    /// The key whose state triggered it, of a segment with `per`.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// When it was deferred.
    #[schema(format = DateTime)]
    at: String,
    /// When the quiet hours end.
    #[schema(format = DateTime)]
    until: String,
    /// The time zone of the user by which they end; in another one, quiet hours are evaluated again.
    timezone: Option<String>,
}

/// An exposure to a goal of a campaign that is not mature yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GoalExposure)]
pub(super) struct GoalExposureEntry {
    /// The campaign.
    campaign: String,
    /// The goal.
    goal: String,
    /// `control`, `holdout` or `sent`.
    group: &'static str,
    /// The variant that was sent; left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    /// When the user was exposed.
    #[schema(format = DateTime)]
    exposed: String,
    /// When it is mature.
    #[schema(format = DateTime)]
    matures: String,
    /// How often the user has reached the goal since.
    count: u64,
    /// For how much.
    #[schema(value_type = Value)]
    value: JsonText,
}

/// A user, as asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Answer)]
#[serde(untagged)]
pub(super) enum UserResponse {
    /// What is known.
    State(Box<UserStateResponse>),
    /// What is held, with `?export`.
    Export(Box<UserExportResponse>),
}

/// The segments a user is in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserSegments)]
#[schema(example = json!({"user": "u42", "segments": ["cart_abandoned"]}))]
pub(super) struct UserSegmentsResponse {
    /// The user's id.
    user: String,
    /// The segments, as the rules order them; none for somebody nobody knows.
    segments: Vec<String>,
    /// The segments with `per` that keys of the user are in, as the rules order them; left out: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<SegmentKeysEntry>,
    /// How many keys more there are; left out: none.
    #[serde(skip_serializing_if = "is_zero")]
    keys_left_off: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Everything known of a user
///
/// Answered by the engine between two batches: for looking into one user, not for high rates. With `?export`, everything
/// that is held, for people who ask what that is: every pane of every window, and the links, whatever the rules make of it.
#[utoipa::path(get, path = "/v1/users/{id}", tag = "users",
    params(
        ("id" = String, Path, description = "The user's id, percent-encoded", example = "u42"),
        ("export" = Option<bool>, Query, description = "Everything that is held, as it is held; `?export` alone says true")
    ),
    responses(
        (status = 200, description = "The user", body = UserResponse),
        (status = 400, description = "The id is no percent-encoded UTF-8, or the query asks for something else", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "Nothing is known of this user", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn user(
    State(services): State<Arc<ApiServices>>,
    PathId(id): PathId,
    UserDetail { export }: UserDetail,
) -> Result<Json<UserResponse>, ProblemDocument> {
    let busy = |busy: EngineBusy| ProblemDocument::unavailable(busy.to_string());
    let unknown = || ProblemDocument::not_found("nothing is known of this user");
    let decisions = |ids: &[&str]| -> Vec<Value> {
        let mut decided: Vec<_> = ids.iter().flat_map(|id| services.live.decisions_of(id)).collect();
        decided.sort_by_key(|(_, output)| output.at);
        decided.iter().filter_map(|(plan, output)| line(plan, output)).collect()
    };
    let answer = if export {
        let held = services.live.export(&id).await.map_err(busy)?.ok_or_else(unknown)?;
        // What was decided about a visitor was decided about the user that it became.
        let visitors = held.visitors.iter().map(|visitor| &**visitor).filter(|visitor| *visitor != id);
        let decisions = decisions(&std::iter::once(id.as_str()).chain(visitors).collect::<Vec<_>>());
        UserResponse::Export(Box::new(UserExportResponse::new(id, held, decisions)))
    } else {
        let report = services.live.describe(&id).await.map_err(busy)?.ok_or_else(unknown)?;
        UserResponse::State(Box::new(UserStateResponse::new(report, decisions(&[&id]))))
    };
    Ok(Json(answer))
}

/// The segments a user is in
///
/// Answered from the live view without asking the engine: for high rates.
#[utoipa::path(get, path = "/v1/users/{id}/segments", tag = "users",
    params(("id" = String, Path, description = "The user's id, percent-encoded", example = "u42")),
    responses(
        (status = 200, description = "The segments; none for an unknown user", body = UserSegmentsResponse),
        (status = 400, description = "The id is no percent-encoded UTF-8", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn user_segments(
    State(services): State<Arc<ApiServices>>,
    PathId(user): PathId,
) -> Json<UserSegmentsResponse> {
    let view = services.live.view();
    let (segments, keys) = (view.segments_of(&user), view.keys_of(&user, KEYS_MAX));
    let entry = |SegmentKeys { segment, keys }| SegmentKeysEntry::new(segment, &keys);
    let (keys, keys_left_off) = (keys.segments.into_iter().map(entry).collect(), keys.left_off);
    Json(UserSegmentsResponse { user, segments, keys, keys_left_off })
}

/// The output's line of the journal, as JSON.
fn line(plan: &ExecutionPlan, output: &Output) -> Option<Value> {
    let mut line = Vec::new();
    journal::append_line(&plan.rules, output, &mut line);
    serde_json::from_slice(&line).ok()
}

impl FeatureEntry {
    pub(super) fn new(report: FeatureReport) -> FeatureEntry {
        FeatureEntry { feature: report.feature, value: report.value }
    }
}

impl GoalExposureEntry {
    fn new(report: GoalExposureReport) -> GoalExposureEntry {
        GoalExposureEntry {
            campaign: report.campaign.to_string(),
            goal: report.goal.to_string(),
            group: report.group,
            variant: report.variant.map(|variant| variant.to_string()),
            exposed: report.exposed.to_string(),
            matures: report.matures.to_string(),
            count: report.count,
            value: report.value,
        }
    }
}

impl UserStateResponse {
    fn new(report: UserReport, decisions: Vec<Value>) -> UserStateResponse {
        let fired = report.fired.into_iter().map(|fired| ExposureEntry {
            campaign: fired.campaign,
            count: fired.count,
            last: fired.last.to_string(),
        });
        let held = report.held.into_iter().map(|held| DeferredDecisionEntry {
            campaign: held.campaign,
            on: held.on,
            key: held.key,
            at: held.at.to_string(),
            until: held.until.to_string(),
            timezone: held.timezone,
        });
        UserStateResponse {
            user: report.user.to_string(),
            at: report.at.to_string(),
            first_event: report.first_event.to_string(),
            latest_event: report.latest_event.to_string(),
            segments: report.segments,
            features: report.features.into_iter().map(FeatureEntry::new).collect(),
            keys: report.keys.into_iter().map(KeyInstanceEntry::new).collect(),
            keys_left_off: report.keys_left_off,
            points: report.ledgers.into_iter().map(UserLedgerEntry::new).collect(),
            models: report.models.into_iter().map(UserModelEntry::new).collect(),
            traits: report.traits.into_iter().collect(),
            timezone: report.timezone,
            next_wake_up: report.next_wake_up.map(|at| at.to_string()),
            fired: fired.collect(),
            held: held.collect(),
            goals: report.goals.into_iter().map(GoalExposureEntry::new).collect(),
            reservations: report.reservations.into_iter().map(UserReservationEntry::new).collect(),
            asks: report.asks.into_iter().map(UserAskEntry::new).collect(),
            decisions,
        }
    }
}
