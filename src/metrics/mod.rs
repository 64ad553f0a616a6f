//! Metrics: the names, what they mean, and how the pipeline's totals become them.
//!
//! Labels take only values that the rules or the code name (segments, campaigns, outcomes, reasons, calls), never a
//! user's or an event's own text, so their number is bounded.

use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

use crate::campaigns::Outcome;
use crate::decode::Reason;
use crate::event::Call;
use crate::pipeline::Totals;
use crate::rules::program::{Change, Ruleset};
use crate::time::Timestamp;

/// Events accepted, duplicates included. Label: `call`.
pub const EVENTS: &str = "rekindle_events_total";
/// Events rejected. Label: `reason`.
pub const REJECTED: &str = "rekindle_events_rejected_total";
/// Events below the watermark; they count all the same.
pub const LATE: &str = "rekindle_events_late_total";
/// Events ignored because their messageId had been seen.
pub const DUPLICATES: &str = "rekindle_events_duplicate_total";
/// Segment changes. Labels: `segment`, `change`.
pub const TRANSITIONS: &str = "rekindle_transitions_total";
/// Users in a segment now. Label: `segment`.
pub const SEGMENT_USERS: &str = "rekindle_segment_users";
/// Campaign decisions. Labels: `campaign`, `outcome`.
pub const DECISIONS: &str = "rekindle_decisions_total";
/// Users with state.
pub const USERS: &str = "rekindle_users";
/// Anonymous visitors merged into users.
pub const MERGED: &str = "rekindle_visitors_merged_total";
/// The log's watermark, in seconds since 1970.
pub const WATERMARK: &str = "rekindle_watermark_timestamp_seconds";
/// Which build this is; always 1. Label: `version`.
pub const BUILD_INFO: &str = "rekindle_build_info";

/// Starts recording, and returns what renders `/metrics`.
///
/// # Errors
/// Metrics are being recorded by something else in this process already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    describe_counter!(EVENTS, "Events accepted, duplicates included, by call.");
    describe_counter!(REJECTED, "Events rejected, by reason.");
    describe_counter!(LATE, "Events whose time was below the watermark; they count all the same.");
    describe_counter!(DUPLICATES, "Events ignored because their messageId had been seen.");
    describe_counter!(TRANSITIONS, "Segment changes, by segment and change.");
    describe_gauge!(SEGMENT_USERS, "Users in a segment now.");
    describe_counter!(DECISIONS, "Campaign decisions, by campaign and outcome.");
    describe_gauge!(USERS, "Users with state.");
    describe_counter!(MERGED, "Anonymous visitors merged into users.");
    describe_gauge!(WATERMARK, Unit::Seconds, "The log's watermark, in seconds since 1970.");
    describe_gauge!(BUILD_INFO, "Which build this is; always 1.");
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// Handles to every metric that the totals feed.
pub struct TotalsRecorder {
    calls: Vec<Counter>,
    rejected: Vec<Counter>,
    late: Counter,
    duplicates: Counter,
    merged: Counter,
    transitions: Vec<[Counter; 2]>,
    segment_users: Vec<Gauge>,
    decisions: Vec<Vec<Counter>>,
    users: Gauge,
    watermark: Gauge,
}

impl TotalsRecorder {
    /// Registers the metrics of these rules.
    pub fn new(rules: &Ruleset) -> TotalsRecorder {
        let transition = |segment: &str, change: Change| counter!(TRANSITIONS, "segment" => segment.to_owned(), "change" => change.name());
        let decisions = |campaign: &str| {
            let outcomes = Outcome::NAMES.iter();
            outcomes.map(|name| counter!(DECISIONS, "campaign" => campaign.to_owned(), "outcome" => *name)).collect()
        };
        let segments = &rules.segments;
        TotalsRecorder {
            calls: Call::ALL.iter().map(|call| counter!(EVENTS, "call" => call.name())).collect(),
            rejected: Reason::CODES.iter().map(|code| counter!(REJECTED, "reason" => *code)).collect(),
            late: counter!(LATE),
            duplicates: counter!(DUPLICATES),
            merged: counter!(MERGED),
            transitions: segments
                .iter()
                .map(|segment| [transition(&segment.id, Change::Enter), transition(&segment.id, Change::Exit)])
                .collect(),
            segment_users: segments.iter().map(|s| gauge!(SEGMENT_USERS, "segment" => s.id.clone())).collect(),
            decisions: rules.campaigns.iter().map(|campaign| decisions(&campaign.id)).collect(),
            users: gauge!(USERS),
            watermark: gauge!(WATERMARK),
        }
    }

    /// Brings the metrics up to date.
    pub fn record(&self, totals: &Totals, watermark: Timestamp) {
        set_all(&self.calls, &totals.by_call);
        set_all(&self.rejected, &totals.rejected);
        self.late.absolute(totals.counts.late);
        self.duplicates.absolute(totals.counts.duplicates);
        self.merged.absolute(totals.counts.merged);
        for (counters, counts) in self.transitions.iter().zip(&totals.counts.transitions) {
            set_all(counters, counts);
        }
        for (gauge, size) in self.segment_users.iter().zip(&totals.counts.sizes) {
            gauge.set(*size as f64);
        }
        for (counters, counts) in self.decisions.iter().zip(&totals.counts.decisions) {
            set_all(counters, counts);
        }
        self.users.set(totals.users as f64);
        self.watermark.set(watermark.0 as f64 / 1_000.0);
    }
}

fn set_all(counters: &[Counter], counts: &[u64]) {
    for (counter, count) in counters.iter().zip(counts) {
        counter.absolute(*count);
    }
}
