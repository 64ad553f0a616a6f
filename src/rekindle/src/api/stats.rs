//! What the engine says of itself, in one document.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::routes::ApiServices;
use rekindle_core::decode::RejectionReason;
use rekindle_core::event::CallType;
use rekindle_core::time::Timestamp;

/// What the engine says of itself, as of a moment ago.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Statistics)]
#[schema(example = json!({
    "version": "0.1.0", "uptime_seconds": 86_400, "rules": "5e9b1a33928a1318", "watermark": "2026-03-05T09:31:00.000Z",
    "events": {
        "accepted": 69_659, "by_call": {"track": 60_000, "identify": 9_659}, "rejected": {"not_json": 2}, "late": 4,
        "duplicates": 17, "from_future": 0, "placeholder_ids": 0
    },
    "users": 23_570, "keys": {"cart": 8_112}, "groups": {"team": 340}, "rows": {"products": 24_000}, "links": 310, "pending_timers": 5_275, "state_bytes": 9_428_000,
    "queues": {"batches": 0, "emissions": 1}
}))]
pub(super) struct StatisticsResponse {
    /// The program's version.
    version: &'static str,
    /// How long the process has been running.
    uptime_seconds: u64,
    /// The fingerprint of the rules in force.
    rules: String,
    /// The log's watermark; null before the first event.
    #[schema(format = DateTime)]
    watermark: Option<String>,
    /// Events.
    events: EventStatistics,
    /// Users with state.
    users: u64,
    /// Instances of keys of these users, by `[per.K]`.
    keys: BTreeMap<String, u64>,
    /// Groups, by `[groups.G]`.
    groups: BTreeMap<String, u64>,
    /// Rows, by `[tables.T]`.
    rows: BTreeMap<String, u64>,
    /// Anonymous visitors linked to users.
    links: u64,
    /// Pending timers.
    pending_timers: u64,
    /// Bytes of all users' state.
    state_bytes: u64,
    /// The lengths of the queues.
    queues: QueueStatistics,
}

/// Events since the start.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Events)]
pub(super) struct EventStatistics {
    /// Accepted, duplicates included.
    accepted: u64,
    /// The same by call.
    by_call: BTreeMap<&'static str, u64>,
    /// Rejected, by reason.
    rejected: BTreeMap<&'static str, u64>,
    /// Those whose time was below the watermark; they are still applied where they belong.
    late: u64,
    /// Those ignored because their messageId was already accepted.
    duplicates: u64,
    /// Those whose own time was too far ahead, and was replaced by the broker's.
    from_future: u64,
    /// Placeholder ids, which count as missing.
    placeholder_ids: u64,
}

/// The queues inside the daemon.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queues)]
pub(super) struct QueueStatistics {
    /// Batches of events that wait for the engine.
    batches: usize,
    /// Batches of outputs that wait for the sink.
    emissions: usize,
}

/// Counts since the start, and current figures
#[utoipa::path(get, path = "/v1/stats", tag = "engine", responses(
    (status = 200, description = "The statistics", body = StatisticsResponse)
))]
pub(super) async fn stats(State(services): State<Arc<ApiServices>>) -> Json<StatisticsResponse> {
    let stats = services.live.stats();
    let (totals, counts) = (&stats.totals, &stats.totals.counts);
    let group_ids = stats.plan.rules.groups.iter().map(|group| group.id.clone());
    let table_ids = stats.plan.rules.tables.iter().map(|table| table.id.clone());
    Json(StatisticsResponse {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: services.started.elapsed().as_secs(),
        rules: stats.plan.rules.version.clone(),
        watermark: (stats.watermark > Timestamp::MIN).then(|| stats.watermark.to_string()),
        events: EventStatistics {
            accepted: totals.events,
            by_call: CallType::ALL.iter().map(|call| call.name()).zip(totals.by_call).collect(),
            rejected: RejectionReason::CODES.into_iter().zip(totals.rejected).collect(),
            late: counts.late,
            duplicates: counts.duplicates,
            from_future: totals.from_future,
            placeholder_ids: totals.placeholder_ids,
        },
        users: totals.users,
        keys: stats.plan.rules.pers.iter().map(|per| per.id.clone()).zip(counts.keys.iter().copied()).collect(),
        groups: group_ids.zip(totals.groups.groups.iter().copied()).collect(),
        rows: table_ids.zip(totals.rows.rows.iter().copied()).collect(),
        links: totals.links,
        pending_timers: stats.pending_timers,
        state_bytes: stats.state_bytes,
        queues: QueueStatistics { batches: stats.queued_batches, emissions: stats.queued_outputs },
    })
}
