//! What a file says of itself.

use serde::{Deserialize, Serialize};

use super::error::CodecError;
use super::known_past::KnownPast;
use super::wire::{CborReader, CborWriter};
use crate::secret::SecretFingerprint;
use crate::time::Timestamp;

/// What a file is, and of which moment of which log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointHeader {
    /// All of the state, or what changed.
    pub kind: CheckpointKind,
    /// Counts a log's checkpoints, from 1; whole state that is no checkpoint of a store has 0.
    pub number: u64,
    /// The base it rests on; of a base, its own number.
    pub base: u64,
    /// The file it continues; of a base, its own number.
    pub previous: u64,
    /// Everything up to this sequence of the log is in it, and nothing after.
    pub sequence: u64,
    /// How many events were accepted up to there: the position of the next.
    pub position: u64,
    /// The latest time read from the log; the watermark lies `max_disorder` before it.
    pub latest_read: Timestamp,
    /// What was due at or before it had fired, for everyone; [`Timestamp::NEVER`]: all that the watermark had reached.
    pub fired: Timestamp,
    /// How many users and visitors were forgotten up to there.
    pub forgotten: u64,
    /// The version of the rules it was written under.
    pub rules: String,
    /// How often other rules had taken effect by then, since the log's beginning.
    pub rules_changes: u64,
    /// The latest time that had been read when they did last; [`Timestamp::MIN`]: they never did.
    pub rules_changed_at: Timestamp,
    /// How far back the state knows the log.
    pub known: KnownPast,
    /// The fingerprint of the secret that draws depended on.
    pub secret: SecretFingerprint,
    /// How many partitions the users were in.
    pub partitions: u16,
    /// The stream that the log is; `None`: the log is no stream.
    pub stream: Option<StreamIdentity>,
    /// The version of the program that wrote it.
    pub program: String,
}

/// How much of the state a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckpointKind {
    /// All of it.
    Base,
    /// What changed since the file before.
    Delta,
}

/// Which stream a log is: one that was created again under the same name is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamIdentity {
    /// Its name.
    pub name: String,
    /// When it was created, in milliseconds since 1970.
    pub created_ms: i64,
}

impl StreamIdentity {
    /// The stream of that name, created then.
    pub fn of(name: &str, created_ms: i64) -> StreamIdentity {
        StreamIdentity { name: name.to_owned(), created_ms }
    }
}

/// `EVENTS, created 2026-03-02T10:00:00.000Z`
impl std::fmt::Display for StreamIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, created {}", self.name, Timestamp(self.created_ms))
    }
}

/// How much a file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CheckpointTotals {
    /// Users.
    pub users: u64,
    /// Ids of users who are gone.
    pub removed: u64,
    /// Links of visitors.
    pub links: u64,
    /// Visitors whose links are gone.
    pub unlinked: u64,
}

impl CheckpointKind {
    /// `base` or `delta`.
    pub fn name(self) -> &'static str {
        match self {
            CheckpointKind::Base => "base",
            CheckpointKind::Delta => "delta",
        }
    }
}

impl CheckpointHeader {
    pub(super) fn write(&self, writer: &mut CborWriter) {
        let numbers = [
            ("number", self.number),
            ("base", self.base),
            ("previous", self.previous),
            ("sequence", self.sequence),
            ("position", self.position),
            ("forgotten", self.forgotten),
            ("rules_changes", self.rules_changes),
            ("partitions", self.partitions.into()),
            ("secret", self.secret.0),
        ];
        let texts = [("kind", self.kind.name()), ("rules", &self.rules), ("program", &self.program)];
        let times =
            [("latest_read", self.latest_read), ("fired", self.fired), ("rules_changed_at", self.rules_changed_at)];
        let stream = if self.stream.is_some() { 2 } else { 0 };
        writer.map_header(numbers.len() + texts.len() + times.len() + stream + self.known.entries());
        for (key, text) in texts {
            writer.str(key);
            writer.str(text);
        }
        for (key, number) in numbers {
            writer.str(key);
            writer.u64(number);
        }
        for (key, time) in times {
            writer.str(key);
            writer.timestamp(time);
        }
        if let Some(stream) = &self.stream {
            writer.str("stream");
            writer.str(&stream.name);
            writer.str("stream_created");
            writer.i64(stream.created_ms);
        }
        self.known.write(writer);
    }

    pub(super) fn read(reader: &mut CborReader<'_>) -> Result<CheckpointHeader, CodecError> {
        let mut head = CheckpointHeader {
            kind: CheckpointKind::Base,
            number: 0,
            base: 0,
            previous: 0,
            sequence: 0,
            position: 0,
            forgotten: 0,
            latest_read: Timestamp::MIN,
            fired: Timestamp::NEVER,
            rules: String::new(),
            rules_changes: 0,
            rules_changed_at: Timestamp::MIN,
            known: KnownPast::default(),
            // Before there were secrets, draws had none.
            secret: SecretFingerprint::default(),
            partitions: 0,
            stream: None,
            program: String::new(),
        };
        let (mut kind, mut stream, mut created_ms) = (None, None, None);
        for _ in 0..reader.map("the header")? {
            match reader.text("a key of the header")? {
                "kind" => {
                    kind = match reader.text("the kind")? {
                        "base" => Some(CheckpointKind::Base),
                        "delta" => Some(CheckpointKind::Delta),
                        _ => return Err(reader.wrong("a kind of checkpoint that is not known")),
                    }
                }
                "rules" => head.rules = reader.text("the version of the rules")?.to_owned(),
                "program" => head.program = reader.text("the version of the program")?.to_owned(),
                "number" => head.number = reader.u64("the number")?,
                "base" => head.base = reader.u64("the number of the base")?,
                "previous" => head.previous = reader.u64("the number of the checkpoint before")?,
                "sequence" => head.sequence = reader.u64("the sequence")?,
                "position" => head.position = reader.u64("the position")?,
                "forgotten" => head.forgotten = reader.u64("how many were forgotten")?,
                "partitions" => head.partitions = reader.u16("the number of partitions")?,
                "secret" => head.secret = SecretFingerprint(reader.u64("the secret's fingerprint")?),
                "rules_changes" => head.rules_changes = reader.u64("how often the rules changed")?,
                "rules_changed_at" => head.rules_changed_at = reader.time("when the rules changed")?,
                "latest_read" => head.latest_read = reader.time("the latest time read")?,
                "fired" => head.fired = reader.time("up to when time had fired")?,
                "began" => head.known.began = Some(reader.time("when the log began")?),
                "known_since" => head.known.read_since(reader)?,
                "stream" => stream = Some(reader.text("the stream's name")?.to_owned()),
                "stream_created" => created_ms = Some(reader.i64("when the stream was created")?),
                _ => reader.skip("an unknown entry of the header")?,
            }
        }
        reader.end()?;
        let Some(kind) = kind.filter(|_| head.partitions > 0) else {
            return Err(reader.wrong("an incomplete header"));
        };
        let stream = stream.zip(created_ms).map(|(name, created_ms)| StreamIdentity { name, created_ms });
        Ok(CheckpointHeader { kind, stream, ..head })
    }
}

impl CheckpointTotals {
    pub(super) fn write(self, writer: &mut CborWriter) {
        let numbers =
            [("users", self.users), ("removed", self.removed), ("links", self.links), ("unlinked", self.unlinked)];
        writer.map_header(numbers.len());
        for (key, number) in numbers {
            writer.str(key);
            writer.u64(number);
        }
    }

    pub(super) fn read(reader: &mut CborReader<'_>) -> Result<CheckpointTotals, CodecError> {
        let mut totals = CheckpointTotals::default();
        for _ in 0..reader.map("the end")? {
            match reader.text("a key of the end")? {
                "users" => totals.users = reader.u64("how many users there are")?,
                "removed" => totals.removed = reader.u64("how many users are gone")?,
                "links" => totals.links = reader.u64("how many links there are")?,
                "unlinked" => totals.unlinked = reader.u64("how many links are gone")?,
                _ => reader.skip("what the end says besides")?,
            }
        }
        reader.end()?;
        Ok(totals)
    }
}
