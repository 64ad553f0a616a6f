//! The report of the measurements on NATS.

use serde::Serialize;

use super::backlog::Backlog;
use crate::table::grouped;

/// The complete report.
#[derive(Debug, Serialize)]
pub(super) struct NatsReport {
    /// The server's version.
    pub(super) server: String,
    pub(super) backlog: Backlog,
    pub(super) steps: Vec<RateStep>,
    /// The highest rate that met the limit.
    pub(super) max_rate: Option<u32>,
    pub(super) p99_bound_ms: f64,
    pub(super) ended_well: bool,
}

/// One rate.
#[derive(Debug, Serialize)]
pub(super) struct RateStep {
    pub(super) rate_asked: u32,
    pub(super) events: u64,
    /// Handed to the connection per second.
    pub(super) rate: f64,
    /// Events that the server did not acknowledge.
    pub(super) not_stored: u64,
    pub(super) actions_expected: u64,
    pub(super) lost: u64,
    pub(super) duplicated: u64,
    pub(super) action: LatencyQuantiles,
    pub(super) echo: LatencyQuantiles,
    /// From the last event to the last action.
    pub(super) seconds_behind: f64,
    pub(super) kept_up: bool,
    pub(super) daemon_processor_seconds: f64,
    pub(super) daemon_peak_bytes: u64,
}

/// A histogram's quantiles, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct LatencyQuantiles {
    pub(super) count: u64,
    pub(super) p50_ms: f64,
    pub(super) p90_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    pub(super) max_ms: f64,
}

impl NatsReport {
    /// Every action arrived once, and the daemon ended with success.
    pub(super) fn is_exact(&self) -> bool {
        let is_exact =
            |step: &RateStep| step.duplicated == 0 && (step.lost == 0 || !step.kept_up) && step.not_stored == 0;
        self.ended_well && self.steps.iter().all(is_exact)
    }

    /// As a table or a line of text.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let Backlog { events, daemon_events_per_second, no_op_events_per_second, ratio, .. } = self.backlog;
        let mut rows = vec![
            ("nats-server", self.server.clone()),
            (
                "backlog",
                format!(
                    "{} events: the daemon {} events/s, a no-op consumer {} events/s, ratio {ratio:.3}",
                    grouped(events),
                    grouped(daemon_events_per_second as u64),
                    grouped(no_op_events_per_second as u64)
                ),
            ),
            (
                "",
                format!(
                    "the daemon's processor {:.2} s, peak memory {} MiB",
                    self.backlog.daemon_processor_seconds,
                    self.backlog.daemon_peak_bytes >> 20
                ),
            ),
        ];
        for step in &self.steps {
            rows.push((
                "rate",
                format!(
                    "{} events/s asked, {} sent, {} events, {} not stored; {:.2} s behind, {}; processor {:.2} s",
                    grouped(u64::from(step.rate_asked)),
                    grouped(step.rate as u64),
                    grouped(step.events),
                    step.not_stored,
                    step.seconds_behind,
                    if step.kept_up { "kept up" } else { "did NOT keep up" },
                    step.daemon_processor_seconds
                ),
            ));
            rows.push((
                "  actions",
                format!(
                    "{} expected, {} lost, {} duplicated",
                    grouped(step.actions_expected),
                    step.lost,
                    step.duplicated
                ),
            ));
            rows.push(("  action", step.action.row()));
            rows.push(("  echo", step.echo.row()));
            rows.push((
                "  ratios",
                format!(
                    "action / echo: p50 {:.2}, p99 {:.2}",
                    step.action.p50_ms / step.echo.p50_ms,
                    step.action.p99_ms / step.echo.p99_ms
                ),
            ));
        }
        if let Some(rate) = self.max_rate {
            let bound = self.p99_bound_ms;
            rows.push(("max rate", format!("{} events/s with p99 up to {bound} ms", grouped(u64::from(rate)))));
        }
        rows
    }
}

impl LatencyQuantiles {
    fn row(&self) -> String {
        format!(
            "p50 {:.2} ms, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2} (of {})",
            self.p50_ms,
            self.p90_ms,
            self.p99_ms,
            self.p999_ms,
            self.max_ms,
            grouped(self.count)
        )
    }
}
