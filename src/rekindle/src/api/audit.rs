//! What was changed over the API, by whom: records, and how handlers make them. The daemon provides an [`AuditLog`].

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use futures_util::future::BoxFuture;
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use super::params::AuditPage;
use super::problem::ProblemDocument;
use super::roles::{ApiRole, Requester};
use super::routes::ApiServices;
use crate::audit::{AuditMemory, AuditOutcome, AuditRecord, AuditedChange, AuditedRequester, LoggedAudit};
use crate::reload::{FromLogReload, ReloadError, ReloadOutcome};
use rekindle_core::rules;

/// Takes records of changes, and has the newest.
pub trait AuditLog: Send + Sync + 'static {
    /// Takes a record. It never fails: a change that was made is not taken back because its record can't be written yet.
    fn record(&self, record: AuditRecord);

    /// The newest, newest first.
    fn newest(&self, limit: usize) -> BoxFuture<'_, Result<Vec<LoggedAudit>, AuditUnavailable>>;
}

/// The records can't be read now.
#[derive(Debug, Error)]
#[error("the records of changes can't be read from the log: {0}; try again")]
pub struct AuditUnavailable(#[from] pub Box<dyn std::error::Error + Send + Sync>);

impl AuditLog for AuditMemory {
    fn record(&self, record: AuditRecord) {
        self.add(record);
    }

    fn newest(&self, limit: usize) -> BoxFuture<'_, Result<Vec<LoggedAudit>, AuditUnavailable>> {
        let newest = AuditMemory::newest(self, limit);
        Box::pin(async move { Ok(newest) })
    }
}

/// The newest records.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Audit)]
#[schema(example = json!({"records": [{
    "id": "vYzHkQ3mTnX0a9B2c4D6eF", "at": "2026-03-05T09:31:00.120Z",
    "who": {"role": "operator", "name": "session 1f3a9c07", "address": "10.0.0.7"}, "what": "rules_changed", "outcome": "done",
    "user": null, "version": "5e9b1a33928a1318", "previous": "0d1f0ba3c2a9a1a7", "detail": "", "sequence": 1_184_224
}]}))]
pub(super) struct AuditResponse {
    /// Newest first.
    records: Vec<LoggedAudit>,
}

/// What was changed, by whom
///
/// The newest records of changes that were made over the API, or by the daemon itself: rules changed and reloaded, users forgotten,
/// people who signed in.
/// They are messages of the log, on the subject of `[source] audit_subject`, and are there for as long as the log keeps them.
#[utoipa::path(get, path = "/v1/audit", tag = "engine",
    params(("limit" = Option<usize>, Query, minimum = 1, maximum = 1_000, description = "How many; 100 if left out")),
    responses(
        (status = 200, description = "The records", body = AuditResponse),
        (status = 400, description = "The query asks for something else", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "The log can't be read now", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn audit(
    State(services): State<Arc<ApiServices>>,
    AuditPage { limit }: AuditPage,
) -> Result<Json<AuditResponse>, ProblemDocument> {
    let records = services.audit.newest(limit).await;
    records
        .map(|records| Json(AuditResponse { records }))
        .map_err(|error| ProblemDocument::unavailable(error.to_string()))
}

impl Requester {
    /// A record of what this requester changed.
    pub(super) fn record(&self, what: AuditedChange, outcome: AuditOutcome) -> AuditRecord {
        let role = match self.role {
            ApiRole::Operator => "operator",
            ApiRole::Reader => "reader",
        };
        let who = AuditedRequester { role: role.to_owned(), name: self.name.clone(), address: self.address };
        AuditRecord::new(who, what, outcome)
    }

    /// A record of a reload that was answered at once.
    pub(super) fn rules_record(&self, what: AuditedChange, result: &Result<ReloadOutcome, ReloadError>) -> AuditRecord {
        match result {
            Ok(outcome) => self.applied_record(what, outcome),
            Err(error) => self.refused_record(what, error),
        }
    }

    /// A record of a reload from the log.
    pub(super) fn log_reload_record(
        &self,
        what: AuditedChange,
        result: &Result<FromLogReload, ReloadError>,
    ) -> AuditRecord {
        match result {
            Ok(begun) => self.begun_record(what, begun),
            Err(error) => self.refused_record(what, error),
        }
    }

    /// A record of rules that took effect, or are in force already.
    pub(super) fn applied_record(&self, what: AuditedChange, outcome: &ReloadOutcome) -> AuditRecord {
        match outcome {
            ReloadOutcome::Applied { reloaded, .. } => AuditRecord {
                version: Some(reloaded.rules.clone()),
                previous: Some(reloaded.previous.clone()),
                ..self.record(what, AuditOutcome::Done)
            },
            ReloadOutcome::Unchanged { version } => {
                AuditRecord { version: Some(version.clone()), ..self.record(what, AuditOutcome::Unchanged) }
            }
        }
    }

    /// A record of rules under which the log is being read.
    pub(super) fn begun_record(&self, what: AuditedChange, begun: &FromLogReload) -> AuditRecord {
        AuditRecord { version: Some(begun.rules.clone()), ..self.record(what, AuditOutcome::Begun) }
    }

    /// A record of rules that were refused.
    pub(super) fn refused_record(&self, what: AuditedChange, error: &ReloadError) -> AuditRecord {
        let version = match error {
            ReloadError::Mistakes { text, .. } => Some(rules::fingerprint(text)),
            _ => None,
        };
        AuditRecord { version, ..self.record(what, AuditOutcome::Refused).with_detail(error.to_string()) }
    }
}
