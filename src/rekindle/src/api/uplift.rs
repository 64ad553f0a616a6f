//! What a campaign brought about.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::params::PathId;
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use rekindle_core::goals::{CampaignCost, UpliftReport};

/// What a campaign brought about
///
/// By each goal, those who got the campaign compared with the control group and its holdout together: users whose exposure is
/// mature, how many reached the goal, sums, the difference with an interval that holds at all times at once (null before 100
/// users a side), a sentence that says what may be concluded and since when, and what all who got it did more than they
/// would have without, in all, per message and per unit of each budget that it spends; and what it spent. As of a moment ago.
#[utoipa::path(get, path = "/v1/campaigns/{id}/uplift", tag = "campaigns",
    params(("id" = String, Path, description = "The campaign's id", example = "winback")),
    responses(
        (status = 200, description = "Every comparison", body = Object),
        (status = 400, description = "The id is no percent-encoded UTF-8", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There is no such campaign", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn uplift(
    State(services): State<Arc<ApiServices>>,
    PathId(campaign): PathId,
) -> Result<Response, ProblemDocument> {
    let stats = services.live.stats();
    let failed = || ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written");
    let written = tokio::task::spawn_blocking(move || {
        let report = UpliftReport::of_campaign(&stats.plan.rules, &stats.uplift, &campaign)?;
        let costs = stats.budgets.as_ref().map(|book| CampaignCost::all(&stats.plan.rules, book)).unwrap_or_default();
        Some(serde_json::to_vec(&report.document(&campaign, &costs)))
    });
    let body = written.await.map_err(|_| failed())?;
    let body = body.ok_or_else(|| ProblemDocument::not_found("there is no such campaign"))?.map_err(|_| failed())?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}
