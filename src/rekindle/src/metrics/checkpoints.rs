//! The metrics of checkpoints: handles that the checkpointer keeps, and the pauses that the engine reports.

use std::time::Duration;

use hdrhistogram::Histogram;
use metrics::{Counter, Gauge};

use super::definitions::*;
use super::latency::LatencyDistribution;
use super::page::MetricsPage;
use super::registry::MetricsRegistry;
use super::seconds;
use rekindle_core::checkpoint::CheckpointKind;
use rekindle_core::time::Timestamp;

/// The metrics of checkpoints.
pub struct CheckpointMetrics {
    bases: Counter,
    deltas: Counter,
    failures: Counter,
    timestamp: Gauge,
    duration: Gauge,
    bytes: Gauge,
    users: Gauge,
}

/// A checkpoint that became valid.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointFigures {
    /// Base or delta.
    pub kind: CheckpointKind,
    /// When it became valid.
    pub at: Timestamp,
    /// How long it took, from the start of its snapshot.
    pub took: Duration,
    /// Its bytes.
    pub bytes: u64,
    /// The users in it.
    pub users: u64,
}

impl CheckpointMetrics {
    /// Registers them. There is no time of the last checkpoint before the first.
    pub fn register(registry: &MetricsRegistry) -> CheckpointMetrics {
        let zero = |metric| {
            let gauge = registry.gauge(metric, &[]);
            gauge.set(0.0);
            gauge
        };
        CheckpointMetrics {
            bases: registry.counter(&CHECKPOINTS, &["base"]),
            deltas: registry.counter(&CHECKPOINTS, &["delta"]),
            failures: registry.counter(&CHECKPOINT_FAILURES, &[]),
            timestamp: registry.gauge(&CHECKPOINT_TIME, &[]),
            duration: zero(&CHECKPOINT_DURATION),
            bytes: zero(&CHECKPOINT_BYTES),
            users: zero(&CHECKPOINT_USERS),
        }
    }

    /// A checkpoint became valid.
    pub fn written(&self, checkpoint: CheckpointFigures) {
        match checkpoint.kind {
            CheckpointKind::Base => self.bases.increment(1),
            CheckpointKind::Delta => self.deltas.increment(1),
        }
        self.timestamp.set(seconds(checkpoint.at.0));
        self.duration.set(checkpoint.took.as_secs_f64());
        self.bytes.set(checkpoint.bytes as f64);
        self.users.set(checkpoint.users as f64);
    }

    /// An attempt failed.
    pub fn failed(&self) {
        self.failures.increment(1);
    }
}

impl MetricsPage {
    /// How long the engine paused for each checkpoint, in microseconds.
    pub fn checkpoint_pauses(&mut self, pauses: &Histogram<u64>) {
        self.distribution(&CHECKPOINT_PAUSE, LatencyDistribution::of(pauses));
    }
}
