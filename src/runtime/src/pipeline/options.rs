//! How a pipeline is built: the options, and which of them the outputs depend on.
//!
//! The options are plain values; where they come from (settings, command line) is decided elsewhere.

use rekindle_core::campaigns::StepRecording;
use rekindle_core::decode::{Decoder, PlaceholderIds};
use rekindle_core::partition::EventRecording;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::{Clock, Span, Timestamp};

/// How a pipeline is built.
#[derive(Clone, Debug)]
pub struct PipelineOptions {
    /// The number of partitions; 64 unless there is a reason for another.
    pub partitions: usize,
    /// The number of worker threads; 0: one per core.
    pub workers: usize,
    /// How far an event may lie behind the greatest time seen before it counts as late.
    pub max_disorder: Span,
    /// Calls longer than this number of bytes are rejected.
    pub max_event_bytes: usize,
    /// Ids that identify nobody, such as `null`.
    pub placeholder_ids: PlaceholderIds,
    /// Events after this instant are rejected; `None`: the log has no known end.
    pub until: Option<Timestamp>,
    /// What advances the watermark.
    pub clock: Clock,
    /// How many users of a partition stay unpacked in memory; `None`: the partition's default. It changes memory and speed,
    /// and no output.
    pub resident_users: Option<usize>,
    /// A user without events for this long, and without pending timers, expires; `None`: never.
    pub state_ttl: Option<Span>,
    /// What draws depend on.
    pub secret: DrawSecret,
    /// What outputs say of the steps of decisions. It changes nothing else.
    pub decision_steps: StepRecording,
    /// Whose events are recorded, with what they matched. It changes nothing else.
    pub recorded_events: EventRecording,
    /// A fingerprint of the mappings that make calls of the log's messages; empty: there are none.
    pub mappings: String,
}

impl PipelineOptions {
    /// The options that the outputs depend on, as text: with other values the same log gives other outputs.
    pub fn output_settings(&self) -> String {
        let clock = match self.clock {
            Clock::Log => "log",
            Clock::Events => "events",
        };
        let state_ttl = self.state_ttl.unwrap_or(Span(0));
        // Without a secret as before there were any.
        let secret =
            if self.secret.is_empty() { String::new() } else { format!(", secret {}", self.secret.fingerprint()) };
        let mappings = if self.mappings.is_empty() { String::new() } else { format!(", mappings {}", self.mappings) };
        format!(
            "clock {clock}, max_disorder {}, max_event_bytes {}, state_ttl {state_ttl}, placeholder_ids {}{secret}{mappings}",
            self.max_disorder, self.max_event_bytes, self.placeholder_ids
        )
    }

    /// The greatest message, or line of a file, that is decoded, in bytes. It may be a batch of calls.
    pub fn max_message_bytes(&self) -> usize {
        Decoder::max_message_bytes(self.max_event_bytes)
    }

    /// The decoder of events under these rules.
    pub(crate) fn decoder(&self, rules: &Ruleset) -> Decoder {
        Decoder::new(&rules.projection, self.max_event_bytes).with_placeholder_ids(self.placeholder_ids.clone())
    }
}

impl Default for PipelineOptions {
    fn default() -> PipelineOptions {
        PipelineOptions {
            partitions: 64,
            workers: 0,
            max_disorder: Span(5_000),
            max_event_bytes: 1 << 20,
            placeholder_ids: PlaceholderIds::default(),
            until: None,
            clock: Clock::Log,
            state_ttl: None,
            secret: DrawSecret::default(),
            resident_users: None,
            decision_steps: StepRecording::Off,
            recorded_events: EventRecording::Off,
            mappings: String::new(),
        }
    }
}
