//! Forgetting a user: a request that is put into the log, and takes effect at its position there.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::params::PathUser;
use super::problem::ProblemDocument;
use super::roles::Requester;
use super::routes::ApiServices;
use super::user_requests::affected_users;
use crate::audit::{AuditOutcome, AuditRecord, AuditedChange};

/// Who will be forgotten.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WillBeForgotten)]
#[schema(example = json!({"user": "anon-7", "forgets": ["u42"], "sequence": 1_184_223}))]
pub(super) struct ForgetResponse {
    /// The id that was asked for.
    user: String,
    /// The users whom that forgets, as things stood when it was asked: the one who has the id, and the one whom it is linked
    /// to as an anonymous visitor's. Empty: nothing is known by it. Null: the engine is too busy to say.
    forgets: Option<Vec<String>>,
    /// Where the request stands in the log: the sequence number of its message; null where events come from plain NATS.
    sequence: Option<u64>,
}

/// Forget a user
///
/// The request is put into the log. Where it stands there, between two events, everything held about the user goes: state,
/// the links of its visitors, the latest decisions about it and them, what is still to come. The id of an anonymous visitor
/// who became a user stands for that user; one that is both a user's and a visitor's, for both. Events with the id that come
/// afterwards make a new user. It works for an id of which nothing is known too. What stands in the event stream, in dead
/// letters and in the output stream stays there for as long as those keep messages, and what was counted stays counted.
#[utoipa::path(delete, path = "/v1/users/{id}", tag = "users",
    params(("id" = String, Path, description = "The user's id, percent-encoded", example = "u42")),
    responses(
        (status = 202, description = "The request stands in the log", body = ForgetResponse),
        (status = 400, description = "The id is no percent-encoded UTF-8, or longer than ids are", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "The request could not be put into the log", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn forget(
    State(services): State<Arc<ApiServices>>,
    Extension(requester): Extension<Requester>,
    PathUser(user): PathUser,
) -> Result<(StatusCode, Json<ForgetResponse>), ProblemDocument> {
    // Before the request is in the log: afterwards the users may be gone.
    let forgets = affected_users(&services.live, &user).await;
    let logged = services.requests.forget(&user).await;
    let record =
        |outcome| AuditRecord { user: Some(user.clone()), ..requester.record(AuditedChange::UserForgotten, outcome) };
    services.audit.record(match &logged {
        Ok(_) => record(AuditOutcome::Done),
        Err(error) => record(AuditOutcome::Refused).with_detail(error.to_string()),
    });
    let logged = logged.map_err(|error| ProblemDocument::unavailable(error.to_string()))?;
    Ok((StatusCode::ACCEPTED, Json(ForgetResponse { user, forgets, sequence: logged.sequence })))
}
