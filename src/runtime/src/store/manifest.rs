//! The manifest: which checkpoints count, who may write them, and which rules were in force when.
//!
//! One small JSON object, the only one that is ever changed; each change is conditional on the version it was made from,
//! and that is what fences a second writer. What is not named in it does not count. Beside its contents stands a checksum
//! over their text. A copy of it is written after it, and used where it is damaged or gone.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::names;
use rekindle_core::checkpoint::{CheckpointKind, StreamIdentity};

/// The version of the manifest's form that is written, and the only one read.
const FORMAT: u32 = 1;

/// Which checkpoints count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Counts those who took the checkpoints over; the last one may write.
    pub epoch: u64,
    /// Who that is.
    pub instance: String,
    /// The stream whose state this is; `None`: the log is no stream.
    #[serde(default)]
    pub stream: Option<StreamIdentity>,
    /// The number of the next checkpoint.
    pub next: u64,
    /// The checkpoints, oldest first.
    pub checkpoints: Vec<ManifestEntry>,
    /// The rules in force at the oldest of them, and every change since, oldest first.
    pub rules: Vec<RulesEntry>,
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Counts checkpoints.
    pub number: u64,
    /// All of the state, or what changed.
    pub kind: CheckpointKind,
    /// The base it rests on; of a base, its own number.
    pub base: u64,
    /// The checkpoint it continues; of a base, its own number.
    pub previous: u64,
    /// The object that holds it.
    pub object: String,
    /// How long that is.
    pub bytes: u64,
    /// The crc32c of all its bytes.
    pub crc32c: u32,
    /// Everything up to this sequence of the log is in it.
    pub sequence: u64,
    /// How many events were accepted up to there.
    pub position: u64,
    /// How many outputs had gone out when everything up to there was out.
    pub ordinal: u64,
    /// The output stream's last sequence then; `None`: outputs are in no stream.
    pub output_last: Option<u64>,
    /// The version of the rules it was written under.
    pub rules: String,
    /// The number of the rules it was written under.
    pub generation: u64,
    /// How many users stand in it.
    pub users: u64,
    /// When it was written, in milliseconds since 1970. Nothing depends on it.
    pub created_ms: i64,
}

/// Rules that came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesEntry {
    /// Counts what came into force, from 0: the rules of the first start.
    pub number: u64,
    /// They hold for what comes after this sequence of the log.
    pub sequence: u64,
    /// Their version.
    pub version: String,
    /// The object that holds their text.
    pub object: String,
}

#[derive(Serialize, Deserialize)]
struct ManifestEnvelope<'m> {
    format: u32,
    crc32c: u32,
    #[serde(borrow)]
    manifest: &'m RawValue,
}

/// What is known of any version's manifest.
#[derive(Deserialize)]
struct ManifestVersion {
    format: u32,
}

impl Manifest {
    /// As bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        const PLAIN: &str = "numbers and texts can be written as JSON";
        let manifest = serde_json::value::to_raw_value(self).expect(PLAIN);
        let crc32c = crc32c::crc32c(manifest.get().as_bytes());
        serde_json::to_vec(&ManifestEnvelope { format: FORMAT, crc32c, manifest: &manifest }).expect(PLAIN)
    }

    /// Reads a manifest back.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn decode(bytes: &[u8]) -> Result<Manifest, String> {
        let version: ManifestVersion =
            serde_json::from_slice(bytes).map_err(|error| format!("it is damaged: {error}"))?;
        if version.format != FORMAT {
            return Err(format!("it has version {}, and this program reads version {FORMAT}", version.format));
        }
        let damaged = |error: serde_json::Error| format!("it is damaged: {error}");
        let envelope: ManifestEnvelope<'_> = serde_json::from_slice(bytes).map_err(damaged)?;
        if crc32c::crc32c(envelope.manifest.get().as_bytes()) != envelope.crc32c {
            return Err("it is damaged: its checksum does not agree with its contents".to_owned());
        }
        let manifest: Manifest = serde_json::from_str(envelope.manifest.get()).map_err(damaged)?;
        // Whoever can write it could otherwise have any file of this machine read.
        if let Some(name) = manifest.objects().find(|name| !names::is_plain(name)) {
            return Err(format!("it names {name:?}, which is no name of an object of this place"));
        }
        Ok(manifest)
    }

    /// The checkpoints that the one of this number is made of, oldest first: a base, and deltas up to it. Empty where
    /// one is not there.
    pub fn chain(&self, number: u64) -> Vec<&ManifestEntry> {
        let mut chain = Vec::new();
        let mut wanted = number;
        for entry in self.checkpoints.iter().rev() {
            if entry.number == wanted {
                chain.push(entry);
                if entry.kind == CheckpointKind::Base {
                    chain.reverse();
                    return chain;
                }
                wanted = entry.previous;
            }
        }
        Vec::new()
    }

    /// Adds a checkpoint, and forgets what is kept no longer: bases before the last `keep`, with what rests on them, and
    /// the rules that were replaced before the oldest that is left.
    pub(super) fn add(&mut self, entry: ManifestEntry, keep: usize) {
        self.checkpoints.retain(|other| other.number < entry.number);
        self.next = self.next.max(entry.number + 1);
        self.checkpoints.push(entry);
        let bases = self.checkpoints.iter().rev().filter(|entry| entry.kind == CheckpointKind::Base);
        if let Some(oldest) = bases.map(|base| base.number).nth(keep.max(1) - 1) {
            self.checkpoints.retain(|entry| entry.base >= oldest);
        }
        let Some(oldest) = self.checkpoints.iter().map(|entry| entry.generation).min() else { return };
        self.rules.retain(|rules| rules.number >= oldest);
    }

    /// The names of the objects that count.
    pub(super) fn objects(&self) -> impl Iterator<Item = &str> {
        let checkpoints = self.checkpoints.iter().map(|entry| entry.object.as_str());
        checkpoints.chain(self.rules.iter().map(|rules| rules.object.as_str()))
    }

    /// The bytes of the last base, and the number and bytes of the deltas on it.
    pub(super) fn weights(&self) -> (u64, usize, u64) {
        let Some(last) = self.checkpoints.last() else { return (0, 0, 0) };
        let chain = self.chain(last.number);
        let (base, deltas) = chain.split_first().map_or((0, &[][..]), |(base, deltas)| (base.bytes, deltas));
        (base, deltas.len(), deltas.iter().map(|delta| delta.bytes).sum())
    }
}
