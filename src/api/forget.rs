//! Forgetting a user: a request that goes into the log, and takes effect where it stands there.
//!
//! How it gets there is the daemon's business: it hands in a [`Forget`].

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures_util::future::BoxFuture;
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use super::params::Id;
use super::problem::Problem;
use super::routes::Services;
use crate::decode::MAX_ID_BYTES;

/// Where requests to forget a user go.
pub trait Forget: Send + Sync + 'static {
    /// Puts a request into the log. To ask twice does no harm.
    fn forget(&self, user: &str) -> BoxFuture<'_, Result<Logged, NotLogged>>;
}

/// Where a request stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its sequence number in the stream; `None`: the log is plain NATS, which numbers nothing.
    pub sequence: Option<u64>,
}

/// A request that is not in the log, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the request could not be put into the log, so nobody is forgotten: {why}; ask again, twice does no harm")]
pub struct NotLogged {
    /// Why not.
    pub why: String,
}

/// A user who will be forgotten.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"user": "u42", "sequence": 1_184_223}))]
pub(super) struct WillBeForgotten {
    /// The user's id.
    user: String,
    /// Where the request stands in the log: the sequence number of its message; null where events come from plain NATS.
    sequence: Option<u64>,
}

/// Forget a user
///
/// The request is put into the log. Where it stands there, between two events, everything held about the user goes: state,
/// links, what is still to come. Whoever has the id afterwards is someone new. It works for the id of an anonymous visitor
/// too, and for one of whom nothing is known.
#[utoipa::path(delete, path = "/v1/users/{id}", tag = "users",
    params(("id" = String, Path, description = "The user's id, percent-encoded", example = "u42")),
    responses(
        (status = 202, description = "The request stands in the log", body = WillBeForgotten),
        (status = 400, description = "The id is no percent-encoded UTF-8, or longer than ids are", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The request could not be put into the log", body = Problem, content_type = "application/problem+json")
    ))]
pub(super) async fn forget(
    State(services): State<Arc<Services>>,
    Id(user): Id,
) -> Result<(StatusCode, Json<WillBeForgotten>), Problem> {
    if user.is_empty() || user.len() > MAX_ID_BYTES {
        return Err(Problem::bad_request(format!("an id has 1 to {MAX_ID_BYTES} bytes")));
    }
    let logged = services.forget.forget(&user).await.map_err(|error| Problem::unavailable(error.to_string()))?;
    Ok((StatusCode::ACCEPTED, Json(WillBeForgotten { user, sequence: logged.sequence })))
}
