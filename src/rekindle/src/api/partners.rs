//! Partners: what they were told, and who is shared with them now.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::cursor;
use super::params::{PageRequest, PathIds};
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use rekindle_core::rules::ruleset::Partner;
use rekindle_runtime::live::EngineBusy;

/// About how many users the engine is asked between two batches: it looks at each.
const USERS_AT_ONCE: usize = 1_000;

/// All partners, as the rules order them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Partners)]
pub(super) struct PartnersResponse {
    /// The partners.
    partners: Vec<PartnerEntry>,
}

/// A partner.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Partner)]
#[schema(example = json!({
    "id": "acme", "needs": ["partner_acme"], "subject": "traits.email", "segments": ["vip"],
    "shared": 4_120, "entered": 5_006, "left": 886
}))]
pub(super) struct PartnerEntry {
    /// Its id.
    id: String,
    /// What users must have consented to, all of it.
    needs: Vec<String>,
    /// The text by which it knows people, as the rules have it; null: the user's id.
    subject: Option<String>,
    /// The segments whose users it is told.
    segments: Vec<String>,
    /// How many subjects it knows now, each as often as it is in a segment.
    shared: u64,
    /// How many `enter` it was told since the engine's state began.
    entered: u64,
    /// How many `exit`.
    left: u64,
}

/// Some of those whom a partner knows in a segment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PartnerSubjects)]
#[schema(example = json!({
    "partner": "acme", "segment": "vip", "subjects": ["9cf925405206db9e3a4210eb265a01b9"], "next": "MTI6dTc"
}))]
pub(super) struct PartnerSubjectsResponse {
    /// The partner.
    partner: String,
    /// The segment.
    segment: String,
    /// Whom it knows, as it knows them; in no order that means anything.
    subjects: Vec<String>,
    /// The `cursor` of the next page; null: this was the last.
    next: Option<String>,
}

/// All partners, and how many people are shared with each
#[utoipa::path(get, path = "/v1/partners", tag = "segments", responses(
    (status = 200, description = "The partners", body = PartnersResponse)
))]
pub(super) async fn partners(State(services): State<Arc<ApiServices>>) -> Json<PartnersResponse> {
    let stats = services.live.stats();
    let (rules, counts) = (&stats.plan.rules, &stats.totals.counts);
    let partners = rules.partners.iter().enumerate().map(|(at, partner)| {
        let [entered, left] = counts.shared.get(at).copied().unwrap_or_default();
        PartnerEntry {
            id: partner.id.clone(),
            needs: partner.needs.iter().map(|need| rules.purposes[usize::from(need.0)].name.clone()).collect(),
            subject: partner.subject_text(rules),
            segments: partner.segments.iter().map(|id| rules.segments[usize::from(id.0)].id.clone()).collect(),
            shared: counts.sharing.get(at).copied().unwrap_or_default(),
            entered,
            left,
        }
    });
    Json(PartnersResponse { partners: partners.collect() })
}

/// Those whom a partner knows in a segment, page by page
///
/// As its messages told it: subjects, and no users. Who stays shared while the list is read is seen exactly once. A page may have
/// fewer subjects than `limit`, or none, and yet not be the last: of the segment's users only those are shared who consent.
#[utoipa::path(get, path = "/v1/partners/{partner}/{segment}", tag = "segments",
    params(
        ("partner" = String, Path, description = "The partner's id", example = "acme"),
        ("segment" = String, Path, description = "One of its segments", example = "vip"),
        ("limit" = Option<u32>, Query, description = "The most users of the segment that are looked at for the page", minimum = 1, maximum = 10_000, example = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the page before", pattern = "^[A-Za-z0-9_-]+$", example = "MDo"),
    ),
    responses(
        (status = 200, description = "A page", body = PartnerSubjectsResponse),
        (status = 400, description = "The path, `limit` or `cursor` can't be read", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There is no such partner, or that segment is none of its", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn partner_subjects(
    State(services): State<Arc<ApiServices>>,
    PathIds(partner, segment): PathIds,
    paging: PageRequest,
) -> Result<Json<PartnerSubjectsResponse>, ProblemDocument> {
    let from = cursor::of_page(&paging)?;
    let unknown = || {
        ProblemDocument::not_found("there is no such partner, or that segment is none of its; /v1/partners lists all")
    };
    let rules = &services.live.stats().plan.rules;
    let is_told_of = |known: &&Partner| known.segments.iter().any(|id| rules.segments[usize::from(id.0)].id == segment);
    if !rules.partners.iter().filter(is_told_of).any(|known| known.id == partner) {
        return Err(unknown());
    }
    let (view, read) = (services.live.view(), segment.clone());
    // A page may read the whole view: on a blocking thread.
    let found = tokio::task::spawn_blocking(move || view.users_in(&read, &from, paging.limit));
    let failed = |_| ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be read");
    let page = found.await.map_err(failed)?.ok_or_else(unknown)?;
    let users: Vec<Arc<str>> = page.users.into_iter().map(|member| member.user).collect();
    let mut subjects = Vec::with_capacity(users.len());
    for users in users.chunks(USERS_AT_ONCE) {
        let asked = services.live.partner_subjects(&partner, &segment, users.to_vec()).await;
        let known = asked.map_err(|busy: EngineBusy| ProblemDocument::unavailable(busy.to_string()))?;
        subjects.extend(known.iter().map(ToString::to_string));
    }
    Ok(Json(PartnerSubjectsResponse { partner, segment, subjects, next: page.next.as_ref().map(cursor::encode) }))
}
