//! Reloads from the log: how far the one is that is running, and cancelling it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::ProblemDocument;
use super::roles::Requester;
use super::routes::ApiServices;
use crate::audit::{AuditOutcome, AuditRecord, AuditedChange};
use crate::reload::{FromLogEnd, FromLogReload};
use rekindle_core::time::Timestamp;
use rekindle_runtime::live::recomputation::{RecomputationFigures, RecomputationPhase};
use rekindle_runtime::output::batch::RulesActivation;

/// A reload from the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReloadFromLog)]
#[schema(example = json!({
    "state": "reading", "version": "5e9b1a33928a1318", "started": "2026-03-05T09:31:00.000Z", "progress": 0.42,
    "first_sequence": 1, "sequence": 420_000, "live_sequence": 1_000_000, "events": 398_112, "state_bytes": 3_961_000,
    "watermark": "2026-02-11T17:02:44.120Z", "at": null, "previous": null, "error": null
}))]
pub(super) struct FromLogResponse {
    /// What it does, or how it ended.
    state: FromLogState,
    /// The fingerprint of its rules.
    version: String,
    /// When it began.
    #[schema(format = DateTime)]
    started: String,
    /// How much of the log is read, from 0 to 1.
    progress: f64,
    /// The first message of the stream that it read; null: none yet.
    first_sequence: Option<u64>,
    /// The last; null: none yet.
    sequence: Option<u64>,
    /// The last message that the live engine has applied.
    live_sequence: u64,
    /// How many events it read.
    events: u64,
    /// Bytes of the second engine's state.
    state_bytes: u64,
    /// Its watermark; null before the first event.
    #[schema(format = DateTime)]
    watermark: Option<String>,
    /// The watermark at which its rules took effect; null: they have not, or no event had come in.
    #[schema(format = DateTime)]
    at: Option<String>,
    /// The fingerprint of the rules before; null: they have not taken effect.
    previous: Option<String>,
    /// Why it failed; null: it did not.
    error: Option<String>,
}

/// What a reload from the log does, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromLogState {
    /// It reads the log.
    Reading,
    /// It stores what its rules made of the log.
    Storing,
    /// It reads what came in meanwhile, and takes over.
    TakingOver,
    /// The rules took effect.
    Applied,
    /// It was cancelled; nothing changed.
    Cancelled,
    /// It failed; nothing changed.
    Failed,
}

impl From<FromLogReload> for FromLogResponse {
    fn from(reload: FromLogReload) -> FromLogResponse {
        let FromLogReload { rules, started, figures, end } = reload;
        let RecomputationFigures { phase, first, sequence, live_sequence, events, state_bytes, watermark } = figures;
        let state = match (&end, phase) {
            (None, RecomputationPhase::Reading) => FromLogState::Reading,
            (None, RecomputationPhase::Storing) => FromLogState::Storing,
            (None, RecomputationPhase::TakingOver) => FromLogState::TakingOver,
            (Some(FromLogEnd::Applied(_)), _) => FromLogState::Applied,
            (Some(FromLogEnd::Cancelled), _) => FromLogState::Cancelled,
            (Some(FromLogEnd::Failed { .. }), _) => FromLogState::Failed,
        };
        let (at, previous, error) = match end {
            Some(FromLogEnd::Applied(RulesActivation { at, previous, .. })) => (Some(at), Some(previous), None),
            Some(FromLogEnd::Failed { why }) => (None, None, Some(why)),
            Some(FromLogEnd::Cancelled) | None => (None, None, None),
        };
        FromLogResponse {
            state,
            version: rules,
            started: started.to_string(),
            progress: figures.progress(),
            first_sequence: (first > 0).then_some(first),
            sequence: (sequence > 0).then_some(sequence),
            live_sequence,
            events,
            state_bytes,
            watermark: watermark.map(|watermark| watermark.to_string()),
            at: at.filter(|at| *at > Timestamp::MIN).map(|at| at.to_string()),
            previous,
            error,
        }
    }
}

/// The reload from the log that is running, or else the latest
#[utoipa::path(get, path = "/v1/rules/reload", tag = "engine", responses(
    (status = 200, description = "The reload", body = FromLogResponse),
    (status = 404, description = "There was none since the daemon started", body = ProblemDocument, content_type = "application/problem+json")
))]
pub(super) async fn from_log(
    State(services): State<Arc<ApiServices>>,
) -> Result<Json<FromLogResponse>, ProblemDocument> {
    match services.rules.latest_from_log() {
        Some(reload) => Ok(Json(reload.into())),
        None => {
            let detail = "no reload from the log has begun since the daemon started: POST /v1/rules/reload?from=log";
            Err(ProblemDocument::new(StatusCode::NOT_FOUND, detail))
        }
    }
}

/// Cancel the reload from the log
///
/// It ends as soon as possible, and nothing changes; unless its rules take effect before. The request has no body.
#[utoipa::path(delete, path = "/v1/rules/reload", tag = "engine", responses(
    (status = 202, description = "It is being cancelled", body = FromLogResponse),
    (status = 409, description = "None is running", body = ProblemDocument, content_type = "application/problem+json")
))]
pub(super) async fn cancel(
    State(services): State<Arc<ApiServices>>,
    Extension(requester): Extension<Requester>,
) -> Result<(StatusCode, Json<FromLogResponse>), ProblemDocument> {
    let is_running = services.rules.cancel_from_log();
    match services.rules.latest_from_log().filter(|_| is_running) {
        Some(reload) => {
            let record = requester.record(AuditedChange::ReloadCancelled, AuditOutcome::Done);
            services.audit.record(AuditRecord { version: Some(reload.rules.clone()), ..record });
            Ok((StatusCode::ACCEPTED, Json(reload.into())))
        }
        None => Err(ProblemDocument::new(StatusCode::CONFLICT, "no reload from the log is running")),
    }
}
