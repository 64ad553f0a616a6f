//! Rules tried on the past: begun, looked at until they have a result, cancelled.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::params::{JsonBody, PathId};
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use super::rules::{RulesErrorsResponse, mistakes};
use crate::backtests::{BacktestEnd, BacktestJob, BacktestOrder, BacktestRefusal, PastLogError};
use rekindle_core::json::JsonText;
use rekindle_core::time::Timestamp;
use rekindle_runtime::backtest::BacktestPeriod;

/// Rules to try, and on which part of the past.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BacktestRequest)]
#[schema(example = json!({
    "text": "[events]\nview = \"Product Viewed\"\n", "from": "2026-03-01T00:00:00.000Z", "to": "2026-03-08T00:00:00.000Z"
}))]
pub(super) struct BacktestRequest {
    /// The edited rules, as they would stand in the rules file. They are compared with those in force.
    text: String,
    /// From when on it counts (RFC 3339, or a date); events before it count for what people have done. Null: from the log's beginning.
    #[serde(default)]
    #[schema(format = DateTime)]
    from: Option<String>,
    /// When it ends: later events are left out. Null: at the log's end.
    #[serde(default)]
    #[schema(format = DateTime)]
    to: Option<String>,
}

/// A backtest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Backtest)]
#[schema(example = json!({
    "id": "19cbd5e1f40-3", "state": "running", "version": "5e9b1a33928a1318", "started": "2026-03-08T09:31:00.000Z", "progress": 0.42,
    "events": 398_112, "state_bytes": 3_961_000, "watermark": "2026-02-11T17:02:44.120Z", "note": null, "error": null, "result": null
}))]
pub(super) struct BacktestResponse {
    /// Its id.
    id: String,
    /// Whether it runs, or how it ended.
    state: BacktestState,
    /// The fingerprint of the edited rules.
    version: String,
    /// When it began.
    #[schema(format = DateTime)]
    started: String,
    /// How much of the log is read, from 0 to 1.
    progress: f64,
    /// How many events it read.
    events: u64,
    /// The bytes of its engines' state.
    state_bytes: u64,
    /// Its watermark; null before the first event.
    #[schema(format = DateTime)]
    watermark: Option<String>,
    /// What the log lacks; null: nothing.
    note: Option<String>,
    /// Why it failed; null: it did not.
    error: Option<String>,
    /// What the rules would have done, as `rekindle backtest --json` prints it; null: it is not done.
    #[schema(value_type = Option<Object>)]
    result: Option<Arc<JsonText>>,
}

/// Whether a backtest runs, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum BacktestState {
    /// It reads the log.
    Running,
    /// It has a result.
    Done,
    /// It was cancelled.
    Cancelled,
    /// It failed.
    Failed,
}

impl From<BacktestJob> for BacktestResponse {
    fn from(BacktestJob { id, rules, started, figures, note, end }: BacktestJob) -> BacktestResponse {
        let (state, error, result) = match end {
            None => (BacktestState::Running, None, None),
            Some(BacktestEnd::Done(result)) => (BacktestState::Done, None, Some(result)),
            Some(BacktestEnd::Cancelled) => (BacktestState::Cancelled, None, None),
            Some(BacktestEnd::Failed(why)) => (BacktestState::Failed, Some(why), None),
        };
        BacktestResponse {
            id,
            state,
            version: rules,
            started: started.to_string(),
            progress: figures.progress,
            events: figures.events,
            state_bytes: figures.state_bytes,
            watermark: figures.watermark.map(|watermark| watermark.to_string()),
            note,
            error,
            result,
        }
    }
}

/// Try edited rules on the past
///
/// The edited rules and those in force are run over the log, as far back as it reaches, beside the engine; nothing is sent, and nothing
/// changes. The answer comes when that has begun; `GET /v1/rules/backtest/{id}` has the result in the end, for an hour. One at a time.
#[utoipa::path(post, path = "/v1/rules/backtest", tag = "rules", request_body = BacktestRequest, responses(
    (status = 202, description = "The log is being read for it", body = BacktestResponse),
    (status = 400, description = "The body is no such document, or nothing would count", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 409, description = "Another one is running, or there is no log", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 415, description = "The body is not said to be JSON", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The rules have mistakes", body = RulesErrorsResponse, content_type = "application/problem+json"),
    (status = 503, description = "The log can't be read, or the engine is recovering", body = ProblemDocument, content_type = "application/problem+json")
))]
pub(super) async fn begin(
    State(services): State<Arc<ApiServices>>,
    JsonBody(BacktestRequest { text, from, to }): JsonBody<BacktestRequest>,
) -> Result<Response, Response> {
    let period = period(from.as_deref(), to.as_deref()).map_err(IntoResponse::into_response)?;
    begun(services, text, period).await
}

/// Begins one of these rules against those in force.
pub(super) async fn begun(
    services: Arc<ApiServices>,
    text: String,
    period: BacktestPeriod,
) -> Result<Response, Response> {
    let order = BacktestOrder { text, against: services.rules.active().text, period };
    // On a task of its own: a client that disconnects does not leave it half begun.
    let begun = tokio::spawn(async move { services.backtests.begin(order).await });
    match begun.await {
        Ok(Ok(job)) => Ok((StatusCode::ACCEPTED, Json(BacktestResponse::from(job))).into_response()),
        Ok(Err(refusal)) => Err(refused(refusal)),
        Err(_) => {
            let detail = "the backtest could not be begun because of a mistake in this program";
            Err(ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response())
        }
    }
}

fn period(from: Option<&str>, to: Option<&str>) -> Result<BacktestPeriod, ProblemDocument> {
    let moment = |name: &str, text: Option<&str>| {
        let wrong = || {
            let detail = format!("`{name}` must be a time as RFC 3339 (2026-03-09T10:00:00Z), or a date");
            ProblemDocument::bad_request(detail)
        };
        text.map(|text| Timestamp::parse_moment(text).ok_or_else(wrong)).transpose()
    };
    let period = BacktestPeriod { from: moment("from", from)?, to: moment("to", to)? };
    match (period.from, period.to) {
        (Some(from), Some(to)) if from >= to => {
            Err(ProblemDocument::bad_request(format!("nothing can be counted: `from` {from} is not before `to` {to}")))
        }
        _ => Ok(period),
    }
}

fn refused(refusal: BacktestRefusal) -> Response {
    match refusal {
        BacktestRefusal::Mistakes { text, problems } => {
            mistakes("the rules can't be tried, because they have mistakes", "rules", &text, &problems)
        }
        refusal @ (BacktestRefusal::Running { .. } | BacktestRefusal::Log(PastLogError::NoLog)) => {
            ProblemDocument::new(StatusCode::CONFLICT, refusal.to_string()).into_response()
        }
        other => ProblemDocument::unavailable(other.to_string()).into_response(),
    }
}

fn unknown() -> ProblemDocument {
    ProblemDocument::not_found(
        "there is no such backtest: results are kept for an hour, the latest few; POST /v1/rules/backtest begins one",
    )
}

/// A backtest, with its result once it is done
#[utoipa::path(get, path = "/v1/rules/backtest/{id}", tag = "rules", params(
    ("id" = String, Path, description = "Its id", example = "19cbd5e1f40-3")
), responses(
    (status = 200, description = "How far it is, and its result", body = BacktestResponse),
    (status = 400, description = "The id is no percent-encoded UTF-8", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such backtest, or it is kept no longer", body = ProblemDocument, content_type = "application/problem+json")
))]
pub(super) async fn backtest(
    State(services): State<Arc<ApiServices>>,
    PathId(id): PathId,
) -> Result<Json<BacktestResponse>, ProblemDocument> {
    services.backtests.find(&id).map(|job| Json(job.into())).ok_or_else(unknown)
}

/// Cancel a backtest
///
/// It ends as soon as possible. The request has no body.
#[utoipa::path(delete, path = "/v1/rules/backtest/{id}", tag = "rules", params(
    ("id" = String, Path, description = "Its id", example = "19cbd5e1f40-3")
), responses(
    (status = 202, description = "It is being cancelled", body = BacktestResponse),
    (status = 400, description = "The id is no percent-encoded UTF-8", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such backtest, or it is kept no longer", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 409, description = "It has ended", body = ProblemDocument, content_type = "application/problem+json")
))]
pub(super) async fn cancel(
    State(services): State<Arc<ApiServices>>,
    PathId(id): PathId,
) -> Result<(StatusCode, Json<BacktestResponse>), ProblemDocument> {
    let was_running = services.backtests.cancel(&id);
    let job = services.backtests.find(&id).ok_or_else(unknown)?;
    match was_running {
        true => Ok((StatusCode::ACCEPTED, Json(job.into()))),
        false => Err(ProblemDocument::new(StatusCode::CONFLICT, "it has ended: there is nothing to cancel")),
    }
}
