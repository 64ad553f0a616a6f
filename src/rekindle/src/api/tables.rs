//! A row of a table, as users see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::params::PathIds;
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use rekindle_runtime::live::EngineBusy;
use rekindle_runtime::pipeline::{RowReport, RowWatcher};

/// A row of a table, at one instant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TableRow)]
#[schema(example = json!({
    "table": "products", "key": "p-17", "at": "2026-03-05T09:31:00.000Z", "latest": "2026-03-05T03:00:00.000Z",
    "values": {"price": 49.9, "in_stock": true, "category": "shoes"}, "watchers": 310,
    "named": [{"user": "u42", "per": "product", "segments": ["cheaper_now"]}]
}))]
pub(super) struct RowResponse {
    /// The `[tables.T]` of the rules.
    table: String,
    /// The row's key.
    key: String,
    /// The instant: the last end of a second of the log.
    #[schema(format = DateTime)]
    at: String,
    /// The time of its latest call.
    #[schema(format = DateTime)]
    latest: String,
    /// What it has of the table's `keep`.
    #[schema(value_type = Object)]
    values: BTreeMap<String, Value>,
    /// How many keys of users (instances of a `per` with this table) have this row; it is counted up to 100,000.
    watchers: u64,
    /// The first 100 of them, by the user's id.
    named: Vec<RowWatcherEntry>,
}

/// A key of a user that has the row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RowWatcher)]
struct RowWatcherEntry {
    /// The user.
    user: String,
    /// The `[per.K]` of the rules.
    per: String,
    /// The segments that the key is in, as the rules order them.
    segments: Vec<String>,
}

impl RowResponse {
    fn new(report: RowReport) -> RowResponse {
        RowResponse {
            table: report.table,
            key: report.key.to_string(),
            at: report.at.to_string(),
            latest: report.latest.to_string(),
            values: report.values.into_iter().map(|(name, value)| (name, value.to_value())).collect(),
            watchers: report.watchers as u64,
            named: report.named.into_iter().map(RowWatcherEntry::new).collect(),
        }
    }
}

impl RowWatcherEntry {
    fn new(RowWatcher { user, per, segments }: RowWatcher) -> RowWatcherEntry {
        RowWatcherEntry { user: user.to_string(), per, segments }
    }
}

/// A row of a table
///
/// What conditions read of it now, and whose keys have it. Answered by the engine between two batches: for looking into one
/// row, not for high rates.
#[utoipa::path(get, path = "/v1/tables/{table}/{key}", tag = "engine",
    params(
        ("table" = String, Path, description = "The `[tables.T]` of the rules", example = "products"),
        ("key" = String, Path, description = "The row's key, percent-encoded", example = "p-17")
    ),
    responses(
        (status = 200, description = "The row", body = RowResponse),
        (status = 400, description = "The path is no percent-encoded UTF-8", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There is no such row", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn row(
    State(services): State<Arc<ApiServices>>,
    PathIds(table, key): PathIds,
) -> Result<Json<RowResponse>, ProblemDocument> {
    let busy = |busy: EngineBusy| ProblemDocument::unavailable(busy.to_string());
    let report = services.live.describe_row(&table, &key).await.map_err(busy)?;
    let unknown =
        "there is no such table, or no row with this key: rows are taken at the end of their second of the log";
    report.map(RowResponse::new).map(Json).ok_or_else(|| ProblemDocument::not_found(unknown))
}
