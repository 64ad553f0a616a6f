//! The rules in force, and reloading them, by a [`RulesProvider`] that the daemon provides.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use super::backtest::{self, BacktestResponse};
use super::from_log::FromLogResponse;
use super::params::ReloadOptions;
use super::problem::{ProblemDocument, document};
use super::roles::Requester;
use super::routes::ApiServices;
use crate::audit::AuditedChange;
use crate::reload::{ActiveRules, FromLogReload, ReloadError, ReloadOutcome, RulesUpdate, UpdateOutcome};
use crate::versions::{RulesVersion, VersionsUnreadable};
use rekindle_core::checkpoint::ColdStart;
use rekindle_core::diagnostics;
use rekindle_core::diagnostics::Diagnostic;
use rekindle_core::time::Timestamp;
use rekindle_runtime::backtest::BacktestPeriod;

/// Provides the rules in force, and reloads them.
pub trait RulesProvider: Send + Sync + 'static {
    /// The rules in force.
    fn active(&self) -> ActiveRules;

    /// Reads the rules file, whose rules may take effect, and changes nothing.
    fn read(&self, allow_empty: bool) -> BoxFuture<'_, Result<String, ReloadError>>;

    /// Reads the rules file and lets it take effect between two events. If that fails, nothing changes; rules from which all
    /// events, segments or campaigns are gone are refused unless `allow_empty`. Concurrent reloads are served one by one.
    fn reload(&self, allow_empty: bool, by: String) -> BoxFuture<'_, Result<ReloadOutcome, ReloadError>>;

    /// Reads the rules file, and begins to read the log under its rules, which take effect when all of it is read, with the state
    /// that they would have had all along. If that fails, nothing changes. One at a time.
    fn reload_from_log(&self, allow_empty: bool, by: String) -> BoxFuture<'_, Result<FromLogReload, ReloadError>>;

    /// Writes a text into the rules file, and reloads it, or begins to read the log under it. If that fails, nothing changes.
    fn update(&self, update: RulesUpdate) -> BoxFuture<'_, Result<UpdateOutcome, ReloadError>>;

    /// The versions that are kept, oldest first; the last is in force.
    fn versions(&self) -> BoxFuture<'_, Result<Vec<RulesVersion>, VersionsUnreadable>>;

    /// The text of a version; `None`: it is not kept.
    fn version_text(&self, version: String) -> BoxFuture<'_, Result<Option<String>, VersionsUnreadable>>;

    /// The reload from the log that is running, or else the latest; `None`: there was none since the start.
    fn latest_from_log(&self) -> Option<FromLogReload>;

    /// Cancels the reload from the log that is running; false: none is.
    fn cancel_from_log(&self) -> bool;
}

/// Something that knows nothing of the time before the rules took effect
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BeginsEmpty)]
pub(super) struct ColdStartEntry {
    /// What: a feature, a trait, a cap.
    what: String,
    /// How long it does not know the past: a length of time, `for good`, `until an event says it`.
    blind: String,
    /// Who reads it; may be empty.
    read_by: Vec<String>,
}

impl From<ColdStart> for ColdStartEntry {
    fn from(ColdStart { what, blind, read_by }: ColdStart) -> ColdStartEntry {
        ColdStartEntry { what, blind: blind.to_string(), read_by }
    }
}

/// A mistake in the rules file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RulesProblem {
    /// What is wrong.
    message: String,
    /// What to do about it; may be empty.
    help: String,
    /// Its line, from 1.
    line: usize,
    /// Its column, in characters from 1.
    column: usize,
}

impl RulesProblem {
    fn new(text: &str, problem: &Diagnostic) -> RulesProblem {
        let (line, column) = diagnostics::position(text, problem.span.start);
        RulesProblem { message: problem.message.clone(), help: problem.help.clone(), line, column }
    }
}

/// The rules that run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadedRules)]
#[schema(example = json!({
    "version": "5e9b1a33928a1318", "path": "/etc/rekindle/rules.toml", "loaded_at": "2026-03-05T09:00:00.000Z", "by": "start",
    "text": "[events]\nview = \"Product Viewed\"\n", "reload": null
}))]
pub(super) struct RulesResponse {
    /// Their fingerprint.
    version: String,
    /// The file they were read from.
    path: String,
    /// When it was read.
    #[schema(format = DateTime)]
    loaded_at: String,
    /// Who put them in force: `start`, `signal`, or who asked for it over the API.
    by: String,
    /// What it said.
    text: String,
    /// The reload from the log that is running, or else the latest; null: there was none since the start.
    reload: Option<FromLogResponse>,
}

/// The result of a reload.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReloadedRules)]
#[schema(example = json!({
    "changed": true, "version": "5e9b1a33928a1318", "previous": "0d1f0ba3c2a9a1a7", "at": "2026-03-05T09:31:00.000Z",
    "begins_empty": [{"what": "since(order)", "blind": "for good", "read_by": ["segment win_back"]}]
}))]
pub(super) struct ReloadResponse {
    /// Whether other rules took effect; false: the file holds the rules in use, and nothing happened.
    changed: bool,
    /// The fingerprint of the rules since.
    version: String,
    /// The fingerprint of those before.
    previous: String,
    /// The watermark at which they took effect; null: no event had come in, or nothing changed.
    #[schema(format = DateTime)]
    at: Option<String>,
    /// What begins empty by the rules since.
    begins_empty: Vec<ColdStartEntry>,
}

/// What is wrong with the rules file (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RulesMistakes)]
#[schema(example = json!({
    "type": "about:blank", "title": "Unprocessable Entity", "status": 422,
    "detail": "the rules were not changed, because the file has mistakes",
    "count": 1, "problems": [{"message": "there is no function `totl`", "help": "did you mean `total`?", "line": 6, "column": 9}],
    "rendered": "rules.toml:6:9: there is no function `totl`\n"
}))]
pub(super) struct RulesErrorsResponse {
    #[serde(flatten)]
    problem: ProblemDocument,
    /// How many mistakes there are.
    count: usize,
    /// Each of the first 100.
    problems: Vec<RulesProblem>,
    /// The same, drawn as text.
    rendered: String,
}

/// What an answer is while the log is read: for a reload, or for a dry run.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes the two kinds of answers")]
enum LogIsRead {
    Reload(FromLogResponse),
    DryRun(BacktestResponse),
}

/// The rules that run, with their text
#[utoipa::path(get, path = "/v1/rules", tag = "engine", responses(
    (status = 200, description = "The rules", body = RulesResponse)
))]
pub(super) async fn rules(State(services): State<Arc<ApiServices>>) -> Json<RulesResponse> {
    let ActiveRules { path, text, version, since, by } = services.rules.active();
    let reload = services.rules.latest_from_log().map(FromLogResponse::from);
    Json(RulesResponse { version, path: path.display().to_string(), loaded_at: since.to_string(), by, text, reload })
}

/// Reload the rules file
///
/// Correct rules take effect between two events; rules with mistakes change nothing. Transitions that the rules themselves cause
/// are published with the cause `rules`, and trigger no campaign. The request has no body.
///
/// With `from=log` the log is read under the rules first, as far back as the stream reaches, beside the live engine; they take effect
/// when all of it is read, with the state that they would have had all along. The answer comes when that has begun.
///
/// With `from=log&dry_run=true` nothing changes: the rules of the file are tried on the log against those in force, as by
/// `POST /v1/rules/backtest`, and `GET /v1/rules/backtest/{id}` has the result in the end.
#[utoipa::path(post, path = "/v1/rules/reload", tag = "engine", params(
    ("from" = Option<String>, Query, description = "`log`: with the state that the rules would have had all along"),
    ("dry_run" = Option<String>, Query, description = "`true` (which it says alone, too) or `false`: with `from=log`, only find out what the rules would have done"),
    ("allow_empty" = Option<String>, Query, description = "`true` (which it says alone, too) or `false`: also rules from which all events, segments or campaigns are gone: else such a file counts as cut short")
), responses(
    (status = 200, description = "They took effect, or are those in use", body = ReloadResponse),
    (status = 202, description = "The log is being read for it", body = inline(LogIsRead)),
    (status = 400, description = "The query asks for something else", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 409, description = "The log is being read for another reload or backtest, or there is no log; nothing changed", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The file has mistakes, or was cut short; nothing changed", body = RulesErrorsResponse, content_type = "application/problem+json"),
    (status = 503, description = "The file can't be read, or the engine does not answer; nothing changed", body = ProblemDocument, content_type = "application/problem+json")
))]
pub(super) async fn reload(
    State(services): State<Arc<ApiServices>>,
    Extension(requester): Extension<Requester>,
    ReloadOptions { allow_empty, from_log, dry_run }: ReloadOptions,
) -> Result<Response, Response> {
    if dry_run {
        let text = services.rules.read(allow_empty).await.map_err(rejected)?;
        return backtest::begun(services, text, BacktestPeriod::default()).await;
    }
    // On a task of its own: a client that disconnects does not leave a reload half done.
    let reloading = tokio::spawn(async move {
        let by = requester.name.clone();
        if from_log {
            let begun = services.rules.reload_from_log(allow_empty, by).await;
            services.audit.record(requester.log_reload_record(AuditedChange::RulesReloadedFromLog, &begun));
            begun.map(UpdateOutcome::FromLog)
        } else {
            let reloaded = services.rules.reload(allow_empty, by).await;
            services.audit.record(requester.rules_record(AuditedChange::RulesReloaded, &reloaded));
            reloaded.map(UpdateOutcome::Reloaded)
        }
    });
    match reloading.await {
        Ok(Ok(outcome)) => Ok(answered(outcome)),
        Ok(Err(error)) => Err(rejected(error)),
        Err(_) => Err(failed_unexpectedly()),
    }
}

/// What became of rules that were not refused.
pub(super) fn answered(outcome: UpdateOutcome) -> Response {
    match outcome {
        UpdateOutcome::Reloaded(outcome) => Json(ReloadResponse::from(outcome)).into_response(),
        UpdateOutcome::FromLog(reload) => (StatusCode::ACCEPTED, Json(FromLogResponse::from(reload))).into_response(),
    }
}

impl From<ReloadOutcome> for ReloadResponse {
    fn from(outcome: ReloadOutcome) -> ReloadResponse {
        match outcome {
            ReloadOutcome::Applied { reloaded, compared } => ReloadResponse {
                changed: true,
                version: reloaded.rules,
                previous: reloaded.previous,
                at: (reloaded.at > Timestamp::MIN).then(|| reloaded.at.to_string()),
                begins_empty: compared.new.into_iter().map(ColdStartEntry::from).collect(),
            },
            ReloadOutcome::Unchanged { version } => {
                let (previous, begins_empty) = (version.clone(), Vec::new());
                ReloadResponse { changed: false, previous, version, at: None, begins_empty }
            }
        }
    }
}

pub(super) fn failed_unexpectedly() -> Response {
    ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, "the reload failed unexpectedly").into_response()
}

/// Says what is wrong with a text of rules, under this name.
pub(super) fn mistakes(detail: &str, name: &str, text: &str, problems: &[Diagnostic]) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let shown = problems.iter().take(diagnostics::SHOWN_MAX);
    let response = RulesErrorsResponse {
        problem: ProblemDocument::new(status, detail),
        count: problems.len(),
        problems: shown.map(|problem| RulesProblem::new(text, problem)).collect(),
        rendered: diagnostics::render(name, text, problems, false),
    };
    document(status, &response)
}

pub(super) fn rejected(error: ReloadError) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    match error {
        ReloadError::Mistakes { path, text, problems } => {
            let detail = "the rules were not changed, because the file has mistakes";
            mistakes(detail, &path.display().to_string(), &text, &problems)
        }
        error @ (ReloadError::Emptied { .. } | ReloadError::PublicRows(_)) => {
            let problem = ProblemDocument::new(status, error.to_string());
            document(status, &RulesErrorsResponse { problem, count: 0, problems: Vec::new(), rendered: String::new() })
        }
        error @ (ReloadError::Running { .. }
        | ReloadError::NoLog
        | ReloadError::Edited { .. }
        | ReloadError::NotWritten(_)
        | ReloadError::Superseded { .. }) => {
            ProblemDocument::new(StatusCode::CONFLICT, error.to_string()).into_response()
        }
        other => ProblemDocument::unavailable(other.to_string()).into_response(),
    }
}
