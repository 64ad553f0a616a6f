//! The metrics of reloads of the rules: handles that the reloader keeps.

use metrics::{Counter, Gauge};

use super::definitions::*;
use super::registry::MetricsRegistry;
use super::seconds;
use rekindle_core::time::Timestamp;

/// The metrics of reloads, by result.
pub struct ReloadMetrics {
    /// Other rules took effect.
    pub applied: Counter,
    /// The file held the rules in force.
    pub unchanged: Counter,
    /// The rules in force remained, for a reason.
    pub refused: Counter,
    loaded: Gauge,
}

impl ReloadMetrics {
    /// Registers them.
    pub fn register(registry: &MetricsRegistry) -> ReloadMetrics {
        let result = |result| registry.counter(&RELOADS, &[result]);
        ReloadMetrics {
            applied: result("applied"),
            unchanged: result("unchanged"),
            refused: result("refused"),
            loaded: registry.gauge(&RELOADED, &[]),
        }
    }

    /// When the rules in force were loaded.
    pub fn loaded(&self, at: Timestamp) {
        self.loaded.set(seconds(at.0));
    }
}
