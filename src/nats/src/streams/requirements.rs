//! The settings that the daemon's streams must have.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use rekindle_core::time::Span;
use rekindle_settings::{OutputSettings, SourceSettings};
use thiserror::Error;

use crate::NatsConnection;
use crate::subjects::covers;

/// How long JetStream remembers the ids of messages, to drop duplicates: its own default.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// The settings that a stream must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRequirements {
    /// Its name.
    pub name: String,
    /// What it must take in.
    pub subjects: Vec<String>,
    /// Whether to create it if it is missing; what follows is only for that, except `takes_batches`.
    pub create: bool,
    /// How long it keeps messages; 0: without limit.
    pub max_age: Span,
    /// How many bytes it keeps; 0: without limit.
    pub max_bytes: u64,
    /// The number of servers that hold a replica.
    pub replicas: u8,
    /// It is published to in atomic batches, with ids (nats-server 2.12 or newer).
    pub takes_batches: bool,
    /// The section of the settings that names it.
    pub(super) section: &'static str,
}

/// A setting of a stream that would lose messages or refuse them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StreamMismatch {
    /// A subject is missing.
    #[error("it does not take in {subject} (it takes in {})", taken.join(", "))]
    SubjectNotTaken {
        /// The subject.
        subject: String,
        /// What it takes in.
        taken: Vec<String>,
    },
    /// Nothing can be published into a copy of other streams.
    #[error("it is a mirror or has sources, so nothing can be published")]
    Copy,
    /// It deletes messages that were read.
    #[error("its retention is {0}, not limits: it deletes what it should keep")]
    Retention(&'static str),
    /// It deletes messages of the same subject.
    #[error("max_msgs_per_subject = {0} makes it drop messages; set it to -1")]
    MaxMessagesPerSubject(i64),
    /// It refuses messages when it is full.
    #[error("discard = new makes it refuse messages when it is full; set it to old")]
    DiscardNew,
    /// It acknowledges nothing.
    #[error("no_ack keeps it from acknowledging what it has stored; turn it off")]
    NoAck,
    /// It accepts nothing.
    #[error("it is sealed: nothing can be added")]
    Sealed,
    /// It refuses atomic batches, which the server supports.
    #[error("allow_atomic is off; turn it on")]
    NoAtomicBatches,
    /// It forgets message ids too early.
    #[error("its duplicate window is {found:?}; make it {required:?} or longer")]
    DuplicateWindow {
        /// As it is.
        found: Duration,
        /// As it should be.
        required: Duration,
    },
}

impl StreamRequirements {
    /// The stream of events, ticks and requests to forget users.
    pub fn events(source: &SourceSettings) -> StreamRequirements {
        let mut subjects = source.subjects.clone();
        for own in [&source.tick_subject, &source.forget_subject] {
            if !subjects.iter().any(|subject| covers(subject, own)) {
                subjects.push(own.clone());
            }
        }
        StreamRequirements {
            name: source.stream.clone(),
            subjects,
            create: source.create,
            max_age: source.max_age,
            max_bytes: 0,
            replicas: source.replicas,
            takes_batches: false,
            section: "source",
        }
    }

    /// The output stream: transitions, actions and the rest of the journal.
    pub fn outputs(output: &OutputSettings) -> StreamRequirements {
        let subjects = OutputSettings::SUBJECTS.iter().map(|name| format!("{}.{name}", output.prefix)).collect();
        StreamRequirements { subjects, takes_batches: true, ..StreamRequirements::of_output(output, &output.stream) }
    }

    /// The stream of dead letters.
    pub fn dead_letters(output: &OutputSettings) -> StreamRequirements {
        let subjects = vec![format!("{}.dead", output.prefix)];
        StreamRequirements { subjects, ..StreamRequirements::of_output(output, &output.dead_stream) }
    }

    fn of_output(output: &OutputSettings, name: &str) -> StreamRequirements {
        StreamRequirements {
            name: name.to_owned(),
            subjects: Vec::new(),
            create: output.create,
            max_age: output.max_age,
            max_bytes: output.max_bytes,
            replicas: output.replicas,
            takes_batches: false,
            section: "output",
        }
    }

    /// The settings with which the stream is created.
    pub(super) fn config(&self, connection: &NatsConnection) -> Config {
        let max_age = Duration::from_millis(u64::try_from(self.max_age.0).unwrap_or(0));
        Config {
            name: self.name.clone(),
            description: Some("created by rekindle".to_owned()),
            subjects: self.subjects.clone(),
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            storage: StorageType::File,
            max_age,
            max_bytes: i64::try_from(self.max_bytes).ok().filter(|bytes| *bytes > 0).unwrap_or(-1),
            max_messages: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            max_message_size: -1,
            num_replicas: usize::from(self.replicas),
            // The server refuses one longer than messages are kept.
            duplicate_window: if max_age.is_zero() { DUPLICATE_WINDOW } else { DUPLICATE_WINDOW.min(max_age) },
            allow_direct: true,
            allow_atomic_publish: self.takes_batches && connection.server_is_at_least(2, 12),
            ..Config::default()
        }
    }

    /// All of a stream's settings that would lose messages or refuse them.
    pub(super) fn mismatches(&self, config: &Config, server_has_batches: bool) -> Vec<StreamMismatch> {
        let mut found = Vec::new();
        let mut check = |is_wrong: bool, mismatch: StreamMismatch| found.extend(is_wrong.then_some(mismatch));
        // A copy of another stream has no subjects of its own.
        let is_copy = config.mirror.is_some() || config.sources.is_some();
        for subject in &self.subjects {
            let is_taken_in = config.subjects.iter().any(|taken| covers(taken, subject));
            let (subject, taken) = (subject.clone(), config.subjects.clone());
            check(!is_taken_in && !is_copy, StreamMismatch::SubjectNotTaken { subject, taken });
        }
        check(is_copy && self.section == "output", StreamMismatch::Copy);
        match config.retention {
            RetentionPolicy::Limits => {}
            RetentionPolicy::Interest => check(true, StreamMismatch::Retention("interest")),
            RetentionPolicy::WorkQueue => check(true, StreamMismatch::Retention("workqueue")),
        }
        let per_subject = config.max_messages_per_subject;
        check(per_subject > 0, StreamMismatch::MaxMessagesPerSubject(per_subject));
        let is_bounded = config.max_bytes > 0 || config.max_messages > 0;
        check(config.discard == DiscardPolicy::New && is_bounded, StreamMismatch::DiscardNew);
        check(config.no_ack, StreamMismatch::NoAck);
        check(config.sealed, StreamMismatch::Sealed);
        if self.takes_batches {
            check(server_has_batches && !config.allow_atomic_publish, StreamMismatch::NoAtomicBatches);
            let longest = if config.max_age.is_zero() { DUPLICATE_WINDOW } else { config.max_age };
            let (found, required) = (config.duplicate_window, DUPLICATE_WINDOW.min(longest));
            check(found < required, StreamMismatch::DuplicateWindow { found, required });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> StreamRequirements {
        StreamRequirements::outputs(&OutputSettings::default())
    }

    fn good() -> Config {
        Config {
            subjects: vec!["rekindle.>".to_owned()],
            allow_atomic_publish: true,
            duplicate_window: DUPLICATE_WINDOW,
            ..Config::default()
        }
    }

    #[test]
    fn a_stream_that_loses_and_refuses_nothing_is_accepted() {
        assert_eq!(wanted().mismatches(&good(), true), []);
        assert_eq!(wanted().mismatches(&Config { allow_atomic_publish: false, ..good() }, false), []);
        let bounded = Config { max_bytes: 1 << 30, max_age: Duration::from_secs(60), ..good() };
        assert_eq!(wanted().mismatches(&Config { duplicate_window: bounded.max_age, ..bounded }, true), []);
    }

    #[test]
    fn every_mismatch_is_named() {
        let bad = Config {
            subjects: vec!["rekindle.actions.>".to_owned(), "rekindle.segments.*".to_owned()],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_messages: 10,
            max_messages_per_subject: 1,
            no_ack: true,
            sealed: true,
            duplicate_window: Duration::from_secs(1),
            ..Config::default()
        };
        let found: Vec<String> = wanted().mismatches(&bad, true).iter().map(ToString::to_string).collect();
        let expected = [
            "segments.>",
            "decisions.>",
            "points.>",
            "outcomes.>",
            "budgets.>",
            "partners.>",
            "merged",
            "rules",
            "progress",
            "workqueue",
            "per_subject",
            "discard",
            "no_ack",
            "sealed",
        ];
        assert_eq!(found.len(), expected.len() + 2, "{found:#?}");
        for (mismatch, part) in found.iter().zip(expected) {
            assert!(mismatch.contains(part), "{part}: {mismatch}");
        }
        let rest = &found[expected.len()..];
        assert!(rest[0].contains("allow_atomic") && rest[1].contains("duplicate window is 1s"), "{found:#?}");
    }

    #[test]
    fn the_subjects_of_ticks_and_forget_requests_are_required_once() {
        let mut source = SourceSettings::default();
        assert_eq!(
            StreamRequirements::events(&source).subjects,
            ["events.>", "rekindle.tick", "rekindle.control.forget"]
        );
        source.tick_subject = "events.tick".to_owned();
        assert_eq!(StreamRequirements::events(&source).subjects, ["events.>", "rekindle.control.forget"]);
        source.forget_subject = "events.forget".to_owned();
        assert_eq!(StreamRequirements::events(&source).subjects, ["events.>"]);
    }
}
