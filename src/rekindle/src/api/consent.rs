//! What a user consents to, said by somebody else than a website: customer service, or a page of preferences.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::params::{JsonBody, PathId};
use super::problem::ProblemDocument;
use super::roles::Requester;
use super::routes::ApiServices;
use super::user_requests::ConsentChange;
use crate::audit::{AuditOutcome, AuditRecord, AuditedChange};
use rekindle_core::decode::MAX_ID_BYTES;

/// The most purposes of a request.
const PURPOSES_MAX: usize = 64;
/// The longest name of a purpose, in bytes, as in the rules.
const PURPOSE_BYTES_MAX: usize = 128;
/// How long the engine may take to find the users of an id.
const WHOM_TIMEOUT: Duration = Duration::from_secs(1);

/// What a user consents to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Consent)]
#[schema(example = json!({"purposes": {"marketing": false, "partner_acme": true}}))]
pub(super) struct ConsentRequest {
    /// Each purpose, as `consent('…')` and `needs` of the rules name it, and whether the user consents to it; 1 to 64 of them, of at most
    /// 128 bytes each. What is not named stays as it is.
    purposes: BTreeMap<String, bool>,
}

/// It stands in the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConsentLogged)]
#[schema(example = json!({"user": "anon-7", "applies_to": ["u42"], "sequence": 1_184_224}))]
pub(super) struct ConsentResponse {
    /// The id that was named.
    user: String,
    /// The users whom it is about: the one who has the id, and the one whom it is linked to as an anonymous visitor's. Where
    /// nothing is known by the id, the id.
    applies_to: Vec<String>,
    /// Where the last of the calls stands in the log: the sequence number of its message; null where events come from plain NATS.
    sequence: Option<u64>,
}

/// Record what a user consents to
///
/// An `identify` with `context.consent.categoryPreferences` is put into the log, as if a website had sent it now: like any event of the
/// user it counts for `idle()`, and the latest call about a purpose decides. Campaigns that need what was withdrawn send nothing any
/// more, also what is held back already, and partners are told that the user leaves. The id of an anonymous visitor who became a user
/// stands for that user.
#[utoipa::path(post, path = "/v1/users/{id}/consent", tag = "users",
    params(("id" = String, Path, description = "The user's id, percent-encoded", example = "u42")),
    request_body = ConsentRequest,
    responses(
        (status = 202, description = "It stands in the log", body = ConsentResponse),
        (status = 400, description = "The id is no percent-encoded UTF-8, or longer than ids are; or the body names no purposes, or too many", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The body does not say that it is JSON", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "It could not be put into the log", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn consent(
    State(services): State<Arc<ApiServices>>,
    Extension(requester): Extension<Requester>,
    PathId(user): PathId,
    JsonBody(ConsentRequest { purposes }): JsonBody<ConsentRequest>,
) -> Result<(StatusCode, Json<ConsentResponse>), ProblemDocument> {
    if user.is_empty() || user.len() > MAX_ID_BYTES {
        return Err(ProblemDocument::bad_request(format!("an id has 1 to {MAX_ID_BYTES} bytes")));
    }
    let is_named = |name: &String| (1..=PURPOSE_BYTES_MAX).contains(&name.len());
    if !(1..=PURPOSES_MAX).contains(&purposes.len()) || !purposes.keys().all(is_named) {
        let detail =
            format!("`purposes` must name 1 to {PURPOSES_MAX} purposes, each with 1 to {PURPOSE_BYTES_MAX} bytes");
        return Err(ProblemDocument::bad_request(detail));
    }
    let whom = tokio::time::timeout(WHOM_TIMEOUT, services.live.affected_users(&user)).await.ok().and_then(Result::ok);
    let known: Vec<String> = whom.into_iter().flatten().map(|user| user.to_string()).collect();
    let applies_to = if known.is_empty() { vec![user.clone()] } else { known };
    let said: Vec<String> = purposes.iter().map(|(name, is_given)| format!("{name}: {is_given}")).collect();
    let record = |outcome, detail: String| {
        let record = requester.record(AuditedChange::ConsentRecorded, outcome);
        AuditRecord { user: Some(user.clone()), ..record }.with_detail(detail)
    };
    let mut sequence = None;
    for user in &applies_to {
        let message_id = format!("consent-{}", nuid::next());
        let change = ConsentChange { user: user.clone(), purposes: purposes.clone(), message_id };
        match services.requests.consent(change).await {
            Ok(logged) => sequence = logged.sequence,
            Err(error) => {
                services.audit.record(record(AuditOutcome::Refused, error.to_string()));
                return Err(ProblemDocument::unavailable(error.to_string()));
            }
        }
    }
    services.audit.record(record(AuditOutcome::Done, said.join(", ")));
    Ok((StatusCode::ACCEPTED, Json(ConsentResponse { user, applies_to, sequence })))
}
