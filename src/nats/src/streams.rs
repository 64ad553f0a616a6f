//! The streams the daemon needs: created where the settings say so, else checked, never changed.
//!
//! A check names every mismatch at once. A mismatch is only what would lose messages or refuse them; age, size and replicas
//! are the operators' choice.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use thiserror::Error;

use super::NatsConnection;
use super::jetstream_api::JetStreamError;
use super::subjects::{covers, overlap};
use rekindle_core::time::Span;
use rekindle_settings::{OutputSettings, SourceSettings};

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
    section: &'static str,
}

/// A stream that meets its requirements.
#[derive(Debug)]
pub struct VerifiedStream {
    /// Its settings and state, as of now.
    pub info: Info,
    /// Whether it was created just now.
    pub created: bool,
    /// Harmless differences from the settings.
    pub notes: Vec<String>,
}

/// A stream that does not meet its requirements.
#[derive(Debug, Error)]
pub enum StreamError {
    /// It does not exist.
    #[error("{}", missing(.0))]
    Missing(Box<StreamRequirements>),
    /// It exists and can't be used as it is.
    #[error("stream {stream} can't be used as it is: {}; edit it, or configure another", mismatches.join("; "))]
    Mismatch {
        /// Its name.
        stream: String,
        /// All mismatches.
        mismatches: Vec<String>,
    },
    /// Another stream takes in one of its subjects.
    #[error("could not create stream {stream}: {other} takes in some of its subjects ({subjects}) already")]
    Overlap {
        /// Its name.
        stream: String,
        /// The other's.
        other: String,
        /// Its subjects.
        subjects: String,
    },
    /// JetStream did not do as asked.
    #[error("could not {attempt} stream {stream}: {source}")]
    Api {
        /// Its name.
        stream: String,
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed.
        source: JetStreamError,
    },
}

fn missing(wanted: &StreamRequirements) -> String {
    let StreamRequirements { name, subjects, section, .. } = wanted;
    format!(
        "there is no stream {name}: create it (nats stream add {name} --subjects '{}' --defaults), or set create = true \
         in [{section}]",
        subjects.join(",")
    )
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
        let names = ["segments.>", "actions.>", "decisions.>", "merged", "rules", "progress"];
        let subjects = names.iter().map(|name| format!("{}.{name}", output.prefix)).collect();
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

    fn config(&self, connection: &NatsConnection) -> Config {
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
    fn mismatches(&self, config: &Config, server_has_batches: bool) -> Vec<String> {
        let mut found = Vec::new();
        let mut check = |is_wrong: bool, what: String| found.extend(is_wrong.then_some(what));
        // A copy of another stream has no subjects of its own.
        let is_copy = config.mirror.is_some() || config.sources.is_some();
        for subject in &self.subjects {
            let is_taken_in = config.subjects.iter().any(|taken| covers(taken, subject));
            let why = format!("it does not take in {subject} (it takes in {})", config.subjects.join(", "));
            check(!is_taken_in && !is_copy, why);
        }
        check(is_copy && self.section == "output", "it is a mirror or has sources, so nothing can be published".into());
        let retention = match config.retention {
            RetentionPolicy::Limits => "limits",
            RetentionPolicy::Interest => "interest",
            RetentionPolicy::WorkQueue => "workqueue",
        };
        check(
            retention != "limits",
            format!("its retention is {retention}, not limits: it forgets what it should keep"),
        );
        let per_subject = config.max_messages_per_subject;
        check(per_subject > 0, format!("max_msgs_per_subject = {per_subject} makes it drop messages; set it to -1"));
        let is_bounded = config.max_bytes > 0 || config.max_messages > 0;
        let refuses = config.discard == DiscardPolicy::New && is_bounded;
        check(refuses, "discard = new makes it refuse messages when it is full; set it to old".into());
        check(config.no_ack, "no_ack keeps it from saying what it has stored; turn it off".into());
        check(config.sealed, "it is sealed: nothing can be added".into());
        if self.takes_batches {
            let is_missing = server_has_batches && !config.allow_atomic_publish;
            check(is_missing, "allow_atomic is off; turn it on".into());
            let longest = if config.max_age.is_zero() { DUPLICATE_WINDOW } else { config.max_age };
            let window = config.duplicate_window;
            let wanted = DUPLICATE_WINDOW.min(longest);
            let why = format!("its duplicate window is {window:?}; make it {wanted:?} or longer");
            check(window < wanted, why);
        }
        found
    }
}

/// Creates the stream if it is missing and the settings say so; else checks it.
///
/// # Errors
/// It does not meet the requirements: all mismatches, or why it could not be checked or created.
pub async fn ensure_stream(
    connection: &NatsConnection,
    wanted: &StreamRequirements,
) -> Result<VerifiedStream, StreamError> {
    let api = |attempt| move |source| StreamError::Api { stream: wanted.name.clone(), attempt, source };
    let found = match connection.stream_info(&wanted.name).await {
        Ok(found) => Some(found.info),
        Err(error) if error.code() == Some(ErrorCode::STREAM_NOT_FOUND) => None,
        Err(error) => return Err(api("look up")(error)),
    };
    let Some(info) = found else {
        if !wanted.create {
            return Err(StreamError::Missing(Box::new(wanted.clone())));
        }
        return match connection.create_stream(&wanted.config(connection)).await {
            Ok(info) => Ok(VerifiedStream { info, created: true, notes: Vec::new() }),
            Err(error) if error.code() == Some(ErrorCode::STREAM_SUBJECT_OVERLAP) => {
                Err(overlapping(connection, wanted).await)
            }
            Err(error) => Err(api("create")(error)),
        };
    };
    let mismatches = wanted.mismatches(&info.config, connection.server_is_at_least(2, 12));
    if !mismatches.is_empty() {
        return Err(StreamError::Mismatch { stream: wanted.name.clone(), mismatches });
    }
    let mut notes = Vec::new();
    if info.config.num_replicas != usize::from(wanted.replicas) {
        let (has, configured) = (info.config.num_replicas, wanted.replicas);
        notes.push(format!("stream {} has {has} copies; configured are {configured}", wanted.name));
    }
    Ok(VerifiedStream { info, created: false, notes })
}

/// When the stream was created, in milliseconds since 1970.
pub fn created_ms(info: &Info) -> i64 {
    i64::try_from(info.created.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
}

/// The error that names the stream which has the subjects, as far as the permissions of this user allow.
async fn overlapping(connection: &NatsConnection, wanted: &StreamRequirements) -> StreamError {
    let mut other = None;
    for subject in &wanted.subjects {
        let Ok(names) = connection.stream_names(subject).await else { break };
        other = other.or(names.into_iter().next());
    }
    let mut subjects = wanted.subjects.clone();
    if let Some(name) = &other
        && let Ok(found) = connection.stream_info(name).await
    {
        subjects.retain(|subject| found.info.config.subjects.iter().any(|taken| overlap(taken, subject)));
    }
    StreamError::Overlap {
        stream: wanted.name.clone(),
        other: other.map_or_else(|| "another stream".to_owned(), |name| format!("stream {name}")),
        subjects: subjects.join(", "),
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
        assert_eq!(wanted().mismatches(&good(), true), [""; 0]);
        assert_eq!(wanted().mismatches(&Config { allow_atomic_publish: false, ..good() }, false), [""; 0]);
        let bounded = Config { max_bytes: 1 << 30, max_age: Duration::from_secs(60), ..good() };
        assert_eq!(wanted().mismatches(&Config { duplicate_window: bounded.max_age, ..bounded }, true), [""; 0]);
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
        let found = wanted().mismatches(&bad, true);
        let expected = [
            "segments.>",
            "decisions.>",
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
        assert!(found[10].contains("allow_atomic") && found[11].contains("duplicate window is 1s"), "{found:#?}");
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
