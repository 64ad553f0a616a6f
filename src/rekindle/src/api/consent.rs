//! What a user consents to, said by somebody else than a website: customer service, or a page of preferences.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::params::{JsonBody, PathUser};
use super::problem::ProblemDocument;
use super::roles::Requester;
use super::routes::ApiServices;
use super::user_requests::{ConsentChange, affected_users};
use crate::audit::{AuditOutcome, AuditRecord, AuditedChange};

/// The most purposes of a request.
const PURPOSES_MAX: usize = 64;
/// The longest name of a purpose, in bytes, as in the rules.
const PURPOSE_BYTES_MAX: usize = 128;

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
    PathUser(user): PathUser,
    JsonBody(ConsentRequest { purposes }): JsonBody<ConsentRequest>,
) -> Result<(StatusCode, Json<ConsentResponse>), ProblemDocument> {
    let is_named = |name: &String| (1..=PURPOSE_BYTES_MAX).contains(&name.len());
    if !(1..=PURPOSES_MAX).contains(&purposes.len()) || !purposes.keys().all(is_named) {
        let detail =
            format!("`purposes` must name 1 to {PURPOSES_MAX} purposes, each with 1 to {PURPOSE_BYTES_MAX} bytes");
        return Err(ProblemDocument::bad_request(detail));
    }
    let known = affected_users(&services.live, &user).await.filter(|known| !known.is_empty());
    let applies_to = known.unwrap_or_else(|| vec![user.clone()]);
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
