//! Rules from the console, or another program: a text that replaces that of the rules file.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::from_log::FromLogResponse;
use super::params::JsonBody;
use super::problem::{ProblemDocument, document};
use super::roles::Requester;
use super::routes::ApiServices;
use super::rules::{self, ReloadResponse};
use super::rules_check::DiagnosticEntry;
use crate::audit::{AuditRecord, AuditedChange};
use crate::reload::{ReloadError, RulesUpdate, UpdateOutcome};
use rekindle_core::diagnostics;

/// A text that is to be the rules file's.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RulesUpdate)]
#[schema(example = json!({
    "text": "[events]\nview = \"Product Viewed\"\n", "replaces": "5e9b1a33928a1318", "from": null
}))]
pub(super) struct RulesUpdateRequest {
    /// The text.
    text: String,
    /// The version that it is a change of, which must be in force still.
    replaces: String,
    /// `log`: with the state that they would have had all along; null: what is new in them begins empty.
    from: Option<UpdateStart>,
    /// Also if all events, segments or campaigns are gone from it: else such a text counts as cut short.
    #[serde(default)]
    allow_empty: bool,
}

/// What rules know of the past when they take effect.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum UpdateStart {
    /// All that the log has.
    Log,
}

/// What is wrong with a text (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RulesRefused)]
#[schema(example = json!({
    "type": "about:blank", "title": "Unprocessable Entity", "status": 422,
    "detail": "the rules were not changed, because the text has mistakes", "count": 1,
    "diagnostics": [{
        "severity": "error", "line": 6, "column": 9, "end_line": 6, "end_column": 13, "message": "there is no function `totl`",
        "help": "did you mean `total`?"
    }]
}))]
pub(super) struct RulesRefusedResponse {
    #[serde(flatten)]
    problem: ProblemDocument,
    /// How many mistakes there are.
    count: usize,
    /// Each of the first 100.
    diagnostics: Vec<DiagnosticEntry>,
}

/// Other rules are in force than those that were changed (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RulesSuperseded)]
pub(super) struct RulesSupersededResponse {
    #[serde(flatten)]
    problem: ProblemDocument,
    /// The version in force; missing: it is not that which keeps the text from taking effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_force: Option<String>,
}

/// Change the rules
///
/// The text is checked, written into the rules file as one step, and takes effect as a reload does: correct rules between two events,
/// rules with mistakes not at all. If they do not take effect, the file is put back. With `from` the log is read under them first; the
/// answer comes when that has begun, and if it fails or is cancelled, the file is put back then. A text has 1 MiB at most.
#[utoipa::path(put, path = "/v1/rules", tag = "rules", request_body = RulesUpdateRequest, responses(
    (status = 200, description = "They took effect, or are those in use", body = ReloadResponse),
    (status = 202, description = "The log is being read for it", body = FromLogResponse),
    (status = 400, description = "The body is no such document", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 409, description = "Other rules are in force than those that it is a change of, or the rules file can't be written or has an edit that was not reloaded, or there is no log, or it is being read for another reload; nothing changed", body = RulesSupersededResponse, content_type = "application/problem+json"),
    (status = 415, description = "The body is not said to be JSON", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The text has mistakes, or was cut short; nothing changed", body = RulesRefusedResponse, content_type = "application/problem+json"),
    (status = 503, description = "The file can't be read, or the engine does not answer; nothing changed", body = ProblemDocument, content_type = "application/problem+json")
))]
pub(super) async fn update(
    State(services): State<Arc<ApiServices>>,
    Extension(requester): Extension<Requester>,
    JsonBody(request): JsonBody<RulesUpdateRequest>,
) -> Result<Response, Response> {
    let RulesUpdateRequest { text, replaces, from, allow_empty } = request;
    let update = RulesUpdate { text, replaces, from_log: from.is_some(), allow_empty, by: requester.name.clone() };
    // On a task of its own: a client that disconnects does not leave a change half done.
    let updating = tokio::spawn(async move {
        let (is_from_log, replaced) = (update.from_log, update.replaces.clone());
        let updated = services.rules.update(update).await;
        services.audit.record(record_of(&requester, is_from_log, &replaced, &updated));
        updated
    });
    match updating.await {
        Ok(Ok(outcome)) => Ok(rules::answered(outcome)),
        Ok(Err(error)) => Err(refused(error)),
        Err(_) => Err(rules::failed_unexpectedly()),
    }
}

fn record_of(
    requester: &Requester,
    is_from_log: bool,
    replaced: &str,
    updated: &Result<UpdateOutcome, ReloadError>,
) -> AuditRecord {
    let what = if is_from_log { AuditedChange::RulesChangedFromLog } else { AuditedChange::RulesChanged };
    let replaced = Some(replaced.to_owned());
    match updated {
        Ok(UpdateOutcome::Reloaded(outcome)) => requester.applied_record(what, outcome),
        Ok(UpdateOutcome::FromLog(begun)) => AuditRecord { previous: replaced, ..requester.begun_record(what, begun) },
        Err(error) => AuditRecord { previous: replaced, ..requester.refused_record(what, error) },
    }
}

fn refused(error: ReloadError) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    match error {
        ReloadError::Mistakes { text, problems, .. } => {
            let problem = ProblemDocument::new(status, "the rules were not changed, because the text has mistakes");
            let shown = problems.iter().take(diagnostics::SHOWN_MAX);
            let diagnostics = shown.map(|problem| DiagnosticEntry::new(&text, problem)).collect();
            document(status, &RulesRefusedResponse { problem, count: problems.len(), diagnostics })
        }
        ReloadError::Emptied { lost, .. } => {
            let detail = format!(
                "the text has no {lost} any more, and the rules in force have: it may be cut short, and the state behind them would be \
                 lost; if this is intended, say \"allow_empty\": true"
            );
            let problem = ProblemDocument::new(status, detail);
            document(status, &RulesRefusedResponse { problem, count: 0, diagnostics: Vec::new() })
        }
        error @ ReloadError::Superseded { .. } => {
            let detail = error.to_string();
            let ReloadError::Superseded { in_force, .. } = error else { return rules::rejected(error) };
            let problem = ProblemDocument::new(StatusCode::CONFLICT, detail);
            document(StatusCode::CONFLICT, &RulesSupersededResponse { problem, in_force: Some(in_force) })
        }
        other => rules::rejected(other),
    }
}
