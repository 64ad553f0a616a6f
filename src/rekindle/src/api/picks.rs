//! What to offer: lists of picks, for a storefront that shows them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::params::{JsonBody, PathId};
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use rekindle_core::diagnostics::shorten;
use rekindle_core::picks::Pick;
use rekindle_core::rules::ruleset::PickList;
use rekindle_runtime::live::EngineBusy;
use rekindle_runtime::pipeline::{AskedPicks, PickTotals};

/// The most items of a list.
const ITEMS_MAX: usize = 100;
/// How many items a list has, unless said.
const ITEMS: usize = 10;
/// The most items that a list is asked about.
const SEEDS_MAX: usize = 9;
/// The most bytes of an item.
const ITEM_BYTES_MAX: usize = 256;

/// For whom, and about what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PicksRequest)]
#[schema(example = json!({"user": "u42", "n": 4}))]
pub(super) struct PicksRequest {
    /// The id of a user or a visitor; left out: nobody who is known.
    user: Option<String>,
    /// Items that it is about, the one seen latest first, each of 1 to 256 bytes; left out: those of the user's current session.
    #[serde(default)]
    #[schema(max_items = 9)]
    seeds: Vec<String>,
    /// How many items; 10 unless said.
    #[schema(minimum = 1, maximum = 100)]
    n: Option<usize>,
}

/// What to offer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Picks)]
#[schema(example = json!({"picks": "for_you", "items": [
    {"item": "A-3", "score": 2.254973, "because": "session:A-1"}, {"item": "B-7", "score": 12.0, "because": "popular"}
]}))]
pub(super) struct PicksResponse {
    /// The id of the list.
    picks: String,
    /// The best first; fewer than asked for where there are no more.
    items: Vec<PickEntry>,
}

/// An item to offer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pick)]
pub(super) struct PickEntry {
    /// The item.
    item: String,
    /// Its score, which compares items of one kind only.
    score: f64,
    /// The kind, and the item that gave most of it: `session:A-1`.
    because: String,
}

/// A list that the rules have.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PickList)]
#[schema(example = json!({"picks": "for_you", "description": "What to show on the start page", "items": 12_440, "sessions": 310_022}))]
pub(super) struct PickListEntry {
    /// The id of the list.
    picks: String,
    /// One line for people; empty if there is none.
    description: String,
    /// How many items its index has.
    items: u64,
    /// How many sessions its index has.
    sessions: u64,
}

/// The lists of picks
///
/// What each was made of at its latest taking.
#[utoipa::path(get, path = "/v1/picks", tag = "picks",
    responses((status = 200, description = "The lists, as the rules order them", body = Vec<PickListEntry>)))]
pub(super) async fn lists(State(services): State<Arc<ApiServices>>) -> Json<Vec<PickListEntry>> {
    let stats = services.live.stats();
    let lists = stats.plan.rules.picks.iter().zip(&stats.totals.picks);
    let entry = |(list, totals): (&PickList, &PickTotals)| PickListEntry {
        picks: list.id.clone(),
        description: list.description.clone(),
        items: totals.items,
        sessions: totals.sessions,
    };
    Json(lists.map(entry).collect())
}

/// What to offer
///
/// The list that an action would bear now, from what the engine has in memory: nothing is recorded.
#[utoipa::path(post, path = "/v1/picks/{id}", tag = "picks", request_body = PicksRequest,
    params(("id" = String, Path, description = "The id of the list", example = "for_you")),
    responses(
        (status = 200, description = "The items; none where nothing is known", body = PicksResponse),
        (status = 400, description = "The id or the body can't be read, or asks for something else", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There are no such picks", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The body is not said to be JSON", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn picks(
    State(services): State<Arc<ApiServices>>,
    PathId(id): PathId,
    JsonBody(PicksRequest { user, seeds, n }): JsonBody<PicksRequest>,
) -> Result<Json<PicksResponse>, ProblemDocument> {
    let items = n.unwrap_or(ITEMS);
    if !(1..=ITEMS_MAX).contains(&items) {
        return Err(ProblemDocument::bad_request(format!("`n` must be 1 to {ITEMS_MAX}")));
    }
    let is_item = |item: &String| (1..=ITEM_BYTES_MAX).contains(&item.len());
    if seeds.len() > SEEDS_MAX || !seeds.iter().all(is_item) {
        let detail = format!("`seeds` must be at most {SEEDS_MAX} items, each of 1 to {ITEM_BYTES_MAX} bytes");
        return Err(ProblemDocument::bad_request(detail));
    }
    let seeds = seeds.into_iter().map(Arc::from).collect();
    let asked = AskedPicks { list: id.clone(), user: user.unwrap_or_default(), seeds, items };
    let busy = |busy: EngineBusy| ProblemDocument::unavailable(busy.to_string());
    match services.live.picks_for(asked).await.map_err(busy)? {
        Some(found) => Ok(Json(PicksResponse { picks: id, items: found.iter().map(PickEntry::new).collect() })),
        None => {
            let detail = format!("the rules have no picks {}", shorten(&id));
            Err(ProblemDocument::new(StatusCode::NOT_FOUND, detail))
        }
    }
}

impl PickEntry {
    fn new(pick: &Pick) -> PickEntry {
        // Millionths of any size that counts become the nearest double.
        PickEntry { item: pick.item.to_string(), score: pick.score as f64 / 1e6, because: pick.because() }
    }
}
