//! The versions of the rules that were in force, and the text of each.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::params::PathId;
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use crate::versions::RulesVersion;

/// The versions that are kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RulesVersions)]
#[schema(example = json!({"versions": [
    {"version": "5e9b1a33928a1318", "since": "2026-03-05T09:31:00.000Z", "by": "session 1f3a9c07", "bytes": 5_120, "current": true},
    {"version": "0d1f0ba3c2a9a1a7", "since": "2026-03-01T08:00:00.000Z", "by": "start", "bytes": 5_044, "current": false}
]}))]
pub(super) struct RulesVersionsResponse {
    /// Newest first.
    versions: Vec<RulesVersionEntry>,
}

/// A version that was in force, or is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RulesVersion)]
pub(super) struct RulesVersionEntry {
    /// The fingerprint of its text.
    version: String,
    /// Since when it was in force.
    #[schema(format = DateTime)]
    since: String,
    /// Who put it in force: `start`, `signal`, or who asked for it over the API; empty: nobody knows.
    by: String,
    /// Bytes of its text.
    bytes: u64,
    /// Whether it is in force.
    current: bool,
}

/// The versions of the rules that were in force
///
/// 50 are kept at most, with 16 MiB of text, in the checkpoint store. Going back to one is to `PUT` its text.
#[utoipa::path(get, path = "/v1/rules/versions", tag = "rules", responses(
    (status = 200, description = "The versions", body = RulesVersionsResponse),
    (status = 503, description = "The checkpoint store can't be read", body = ProblemDocument, content_type = "application/problem+json")
))]
pub(super) async fn versions(
    State(services): State<Arc<ApiServices>>,
) -> Result<Json<RulesVersionsResponse>, ProblemDocument> {
    let unavailable = |error| ProblemDocument::unavailable(format!("{error}"));
    let kept = services.rules.versions().await.map_err(unavailable)?;
    let entries = kept.into_iter().rev().enumerate().map(|(index, kept)| {
        let RulesVersion { version, since, by, bytes } = kept;
        RulesVersionEntry { version, since: since.to_string(), by, bytes, current: index == 0 }
    });
    Ok(Json(RulesVersionsResponse { versions: entries.collect() }))
}

/// The text of a version of the rules
#[utoipa::path(get, path = "/v1/rules/versions/{version}", tag = "rules",
    params(("version" = String, Path, description = "Its fingerprint", example = "5e9b1a33928a1318")),
    responses(
        (status = 200, description = "The text", body = String, content_type = "application/toml"),
        (status = 400, description = "The version is no percent-encoded UTF-8", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "This version is not kept", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "The checkpoint store can't be read, or the text is damaged", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn version_text(
    State(services): State<Arc<ApiServices>>,
    PathId(version): PathId,
) -> Result<Response, ProblemDocument> {
    let unavailable = |error| ProblemDocument::unavailable(format!("{error}"));
    match services.rules.version_text(version).await.map_err(unavailable)? {
        Some(text) => Ok(([(CONTENT_TYPE, "application/toml")], text).into_response()),
        None => Err(ProblemDocument::not_found(
            "this version is not kept, or never was in force; GET /v1/rules/versions lists those that are",
        )),
    }
}
