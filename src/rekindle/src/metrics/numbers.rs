//! The metrics of the engine, the source, the sink, the connection, the checkpoints and the rules.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hdrhistogram::Histogram;

use super::checkpoints::CheckpointStatus;
use super::latency::{LatencyDistribution, RecentLatencies};
use super::page::MetricsPage;
use super::table::*;
use crate::reload::ReloadCounts;
use rekindle_core::campaigns::Outcome;
use rekindle_core::decode::RejectionReason;
use rekindle_core::event::CallType;
use rekindle_core::rules::ruleset::{Ruleset, TransitionKind};
use rekindle_core::time::Timestamp;
use rekindle_nats::sink::{MessageKind, SinkFigures};
use rekindle_runtime::live::EngineStats;
use rekindle_runtime::pipeline::PipelineTotals;

/// What is published, in the order of [`SinkFigures::published`]; the values of the label `kind`.
pub const PUBLISHED_KINDS: [&str; MessageKind::NAMES.len()] = MessageKind::NAMES;

/// What the source counted since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct SourceNumbers {
    /// Messages read, ticks included.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages that were not read yet; `None`: unknown, or there is no stream.
    pub lag_messages: Option<u64>,
    /// How long the message read last had been in the broker, in seconds; `None`: none was read.
    pub lag_seconds: Option<f64>,
    /// Times that the sequence was not contiguous.
    pub gaps: u64,
    /// Messages that were missing there.
    pub missing: u64,
    /// Times that the consumer was created again.
    pub recreations: u64,
    /// Ticks put into the log.
    pub ticks_sent: u64,
    /// Ticks read from it.
    pub ticks_received: u64,
}

/// What the connection to NATS counted since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionNumbers {
    /// Whether every part of the daemon works.
    pub ready: bool,
    /// Whether there is one now.
    pub connected: bool,
    /// Connections lost.
    pub disconnects: u64,
    /// Connections made again.
    pub reconnects: u64,
    /// Times that the client dropped messages.
    pub slow_consumer_events: u64,
}

impl MetricsPage {
    /// What the pipeline counted under these rules, and which rules they are.
    pub fn totals(&mut self, rules: &Ruleset, totals: &PipelineTotals, watermark: Timestamp) {
        for (call, count) in CallType::ALL.iter().zip(totals.by_call) {
            self.count(&EVENTS, &[call.name()], count);
        }
        for (reason, count) in RejectionReason::CODES.iter().zip(totals.rejected) {
            self.count(&REJECTED, &[reason], count);
        }
        self.count(&LATE, &[], totals.counts.late);
        self.count(&DUPLICATES, &[], totals.counts.duplicates);
        self.count(&FROM_FUTURE, &[], totals.from_future);
        self.count(&PLACEHOLDER_IDS, &[], totals.placeholder_ids);
        for (amount, [_, passed_over]) in rules.amounts.iter().zip(&totals.counts.amounts) {
            let name = rules.amount_name(*amount);
            let (event, property) = name.split_once('.').unwrap_or((&name, ""));
            self.count(&PASSED_OVER, &[event, property], *passed_over);
        }
        self.count(&OVERSIZED_VALUES, &[], totals.oversized_values);
        self.segments(rules, totals);
        for (campaign, counts) in rules.campaigns.iter().zip(&totals.counts.decisions) {
            for (outcome, count) in Outcome::NAMES.iter().zip(counts) {
                self.count(&DECISIONS, &[&campaign.id, outcome], *count);
            }
        }
        self.count(&USERS, &[], totals.users);
        self.count(&LINKS, &[], totals.links);
        self.count(&MERGED, &[], totals.counts.merged);
        self.count(&FORGOTTEN, &[], totals.forgotten);
        self.count(&EXPIRED, &[], totals.counts.expired);
        if has_begun(watermark) {
            self.add(&WATERMARK, &[], seconds(watermark.0));
        }
        self.add(&RULES_INFO, &[&rules.version], 1.0);
    }

    fn segments(&mut self, rules: &Ruleset, totals: &PipelineTotals) {
        let counts = rules.segments.iter().zip(&totals.counts.transitions);
        for (segment, [entered, left]) in counts {
            self.count(&TRANSITIONS, &[&segment.id, TransitionKind::Enter.name()], *entered);
            self.count(&TRANSITIONS, &[&segment.id, TransitionKind::Exit.name()], *left);
        }
        for (segment, size) in rules.segments.iter().zip(&totals.counts.sizes) {
            self.add(&SEGMENT_USERS, &[&segment.id], *size as f64);
        }
    }

    /// What the live engine says of itself; `now` is the wall clock.
    pub fn stats(&mut self, stats: &EngineStats, now: Timestamp) {
        self.totals(&stats.plan.rules, &stats.totals, stats.watermark);
        if has_begun(stats.watermark) {
            self.add(&WATERMARK_LAG, &[], seconds(now.0 - stats.watermark.0));
        }
        self.count(&PENDING_TIMERS, &[], stats.pending_timers);
        self.count(&STATE, &[], stats.state_bytes);
        self.count(&QUEUE, &["batches"], stats.queued_batches as u64);
        self.count(&QUEUE, &["emissions"], stats.queued_outputs as u64);
        stats.growth.iter().for_each(|numbers| self.growth(numbers));
    }

    /// The source.
    pub fn source(&mut self, numbers: &SourceNumbers) {
        self.count(&SOURCE_MESSAGES, &[], numbers.messages);
        self.count(&SOURCE_BYTES, &[], numbers.bytes);
        if let Some(messages) = numbers.lag_messages {
            self.count(&SOURCE_LAG_MESSAGES, &[], messages);
        }
        if let Some(seconds) = numbers.lag_seconds {
            self.add(&SOURCE_LAG, &[], seconds);
        }
        self.count(&SOURCE_GAPS, &[], numbers.gaps);
        self.count(&SOURCE_MISSING, &[], numbers.missing);
        self.count(&SOURCE_RECREATIONS, &[], numbers.recreations);
        self.count(&TICKS_SENT, &[], numbers.ticks_sent);
        self.count(&TICKS_RECEIVED, &[], numbers.ticks_received);
    }

    /// The sink.
    pub fn sink(&mut self, figures: &SinkFigures) {
        for (kind, count) in PUBLISHED_KINDS.iter().zip(figures.published) {
            self.count(&PUBLISHED, &[kind], count);
        }
        self.count(&PUBLISH_BATCHES, &[], figures.batches);
        self.count(&PUBLISH_ERRORS, &[], figures.errors);
        self.count(&PUBLISH_RETRIES, &[], figures.retries);
        self.count(&PUBLISH_OVERSIZED, &[], figures.oversized);
        self.count(&LETTERS_CUT, &[], figures.cut_letters);
        self.count(&LETTERS_COUNTED, &[], figures.counted_rejects);
        self.count(&LETTERS_LOST, &[], figures.lost_letters);
        self.count(&COMMITTED, &[], figures.reached);
    }

    /// Whether the log is being replayed.
    pub fn recovering(&mut self, is_recovering: bool) {
        self.add(&RECOVERING, &[], f64::from(u8::from(is_recovering)));
    }

    /// The checkpoints, and how long the engine paused for each, in microseconds.
    pub fn checkpoints(&mut self, status: &CheckpointStatus, pauses: &Histogram<u64>) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        for (kind, count) in ["base", "delta"].iter().zip(&status.written) {
            self.count(&CHECKPOINTS, &[kind], read(count));
        }
        self.count(&CHECKPOINT_FAILURES, &[], read(&status.failures));
        let last_ms = status.last_ms.load(Ordering::Relaxed);
        if last_ms > 0 {
            self.add(&CHECKPOINT_TIME, &[], seconds(last_ms));
        }
        self.add(&CHECKPOINT_DURATION, &[], read(&status.took_us) as f64 / 1e6);
        self.count(&CHECKPOINT_BYTES, &[], read(&status.bytes));
        self.count(&CHECKPOINT_USERS, &[], read(&status.users));
        self.distribution(&CHECKPOINT_PAUSE, LatencyDistribution::of(pauses));
    }

    /// From receipt to action: every latency in microseconds since the start, and the same of about the last minute, by
    /// [`RecentLatencies`].
    pub fn latency(&mut self, since_start: &Histogram<u64>, recent: &mut RecentLatencies, now: Instant) {
        let all = LatencyDistribution::of(since_start);
        let recent = recent.look(now, since_start);
        self.distribution(&ACTION_LATENCY, all.clone());
        self.distribution(&ACTION_LATENCY_RECENT, all.clone().with_quantiles_of(&recent));
        self.distribution(&ACTION_LATENCY_SINCE_START, all);
    }

    /// The connection to NATS.
    pub fn connection(&mut self, numbers: &ConnectionNumbers) {
        self.add(&READY, &[], f64::from(u8::from(numbers.ready)));
        self.add(&CONNECTED, &[], f64::from(u8::from(numbers.connected)));
        self.count(&DISCONNECTS, &[], numbers.disconnects);
        self.count(&RECONNECTS, &[], numbers.reconnects);
        self.count(&SLOW_CONSUMER, &[], numbers.slow_consumer_events);
    }

    /// The reloads, and when the rules in force were loaded.
    pub fn reloads(&mut self, counts: ReloadCounts, loaded_at: Timestamp) {
        self.count(&RELOADS, &["applied"], counts.applied);
        self.count(&RELOADS, &["unchanged"], counts.unchanged);
        self.count(&RELOADS, &["refused"], counts.refused);
        self.add(&RELOADED, &[], seconds(loaded_at.0));
    }

    /// What the rules wait for in vain, by kind and name.
    pub fn unseen<'n>(&mut self, unseen: impl Iterator<Item = (&'n str, &'n str)>) {
        for (kind, name) in unseen {
            self.add(&RULES_UNSEEN, &[kind, name], 1.0);
        }
    }

    /// Which build this is: its version, and the revision that `REKINDLE_REVISION` named when it was built.
    pub fn build(&mut self) {
        let revision = option_env!("REKINDLE_REVISION").unwrap_or("unknown");
        self.add(&BUILD_INFO, &[env!("CARGO_PKG_VERSION"), revision], 1.0);
    }
}

/// Before the first message the watermark lies before every time; no real one is before the year 1.
fn has_begun(watermark: Timestamp) -> bool {
    watermark.0 > Timestamp::MIN.0 / 2
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1_000.0
}
