//! The manifest: which checkpoints are valid, who may write them, and which rules took effect when.
//!
//! It is one small JSON object with a checksum, the only object that is ever replaced; each replacement is conditional on the
//! version that was read, which fences a second writer. An object that it does not name is not valid. A copy is written
//! after it, and read if it is damaged or missing. How it is read and replaced is in `manifest_storage`.

use std::io;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::names;
use super::versions::VersionEntry;
use crate::checksummed_json::{self, ChecksummedJsonError};
use rekindle_core::checkpoint::{CheckpointKind, StreamIdentity};

/// The version of the manifest that is written, and the only one that is read.
const FORMAT: u32 = 1;

/// The valid checkpoints, their writer, and the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The epoch of the claim: the number of claims so far. The latest claimant may write.
    pub epoch: u64,
    /// The instance that claimed.
    pub instance: String,
    /// The stream that the checkpoints belong to; `None`: the log is no stream.
    #[serde(default)]
    pub stream: Option<StreamIdentity>,
    /// The number of the next checkpoint.
    pub next: u64,
    /// The checkpoints, oldest first.
    pub checkpoints: Vec<ManifestEntry>,
    /// The rules in force at the oldest of them, and every change since, oldest first.
    pub rules: Vec<RulesEntry>,
    /// The version of the rules under which the log's past is being read, to take effect then; `None`: there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recomputing: Option<String>,
    /// The versions of the rules that are kept for people, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<VersionEntry>,
}

/// A checkpoint in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// The number of the checkpoint.
    pub number: u64,
    /// Base or delta.
    pub kind: CheckpointKind,
    /// The number of the base that it continues; of a base, its own number.
    pub base: u64,
    /// The number of the checkpoint before it; of a base, its own number.
    pub previous: u64,
    /// The object.
    pub object: String,
    /// Bytes of the object.
    pub bytes: u64,
    /// The CRC-32C of its bytes.
    pub crc32c: u32,
    /// All records of the log up to this sequence are in it.
    pub sequence: u64,
    /// The number of events accepted up to there.
    pub position: u64,
    /// The ordinal of the last output up to there.
    pub ordinal: u64,
    /// The output stream's last sequence at that time; `None`: outputs go to no stream.
    pub output_last: Option<u64>,
    /// The version of the rules in force.
    pub rules: String,
    /// The number of the rules in force.
    pub generation: u64,
    /// The number of users in it.
    pub users: u64,
    /// When it was written, in milliseconds since 1970. For information only.
    pub created_ms: i64,
}

/// Rules that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesEntry {
    /// Their number, from 0 for the rules of the first start.
    pub number: u64,
    /// They apply to the records after this sequence of the log.
    pub sequence: u64,
    /// Their version.
    pub version: String,
    /// The object with their text.
    pub object: String,
    /// What they made of the log's past before they took effect; `None`: they did not know it, or no checkpoint needs it any
    /// more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<PastEntry>,
}

/// What rules made of the log's past, as it was stored a little before they took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastEntry {
    /// The object.
    pub object: String,
    /// Bytes of the object.
    pub bytes: u64,
    /// The CRC-32C of its bytes.
    pub crc32c: u32,
    /// All records of the log up to this sequence are in it.
    pub sequence: u64,
}

/// Why a manifest could not be read.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// Its bytes can't be read.
    #[error("{0}")]
    Unreadable(io::Error),
    /// It does not exist.
    #[error("it is missing")]
    Missing,
    /// It is damaged, or has another version.
    #[error(transparent)]
    Json(#[from] ChecksummedJsonError),
    /// It names an object outside the folder or bucket.
    #[error("it names {0:?}, which is not the name of an object in this place")]
    ForeignName(String),
}

/// The sizes of the last base and its deltas.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ChainSizes {
    pub(super) base_bytes: u64,
    /// The number of deltas.
    pub(super) deltas: usize,
    pub(super) delta_bytes: u64,
}

impl Manifest {
    /// As bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        checksummed_json::encode("manifest", FORMAT, self)
    }

    /// Decodes a manifest.
    pub(super) fn decode(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        let manifest: Manifest = checksummed_json::decode(FORMAT, bytes)?;
        // Otherwise somebody who can write it could make this process read any file of the machine.
        let foreign = manifest.objects().find(|name| !names::is_plain(name)).map(str::to_owned);
        foreign.map_or(Ok(manifest), |name| Err(ManifestError::ForeignName(name)))
    }

    /// The checkpoints needed to restore the one with this number, oldest first: a base and the deltas up to it. Empty if one
    /// of them is not in the manifest.
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

    /// Adds a checkpoint, and removes what need not be kept: bases before the last `keep`, with their deltas, and rules that
    /// were replaced before the oldest remaining checkpoint.
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
        // No checkpoint is left from before they took effect.
        self.rules.iter_mut().filter(|rules| rules.number == oldest).for_each(|rules| rules.past = None);
    }

    /// The names of the valid objects.
    pub(super) fn objects(&self) -> impl Iterator<Item = &str> {
        let checkpoints = self.checkpoints.iter().map(|entry| entry.object.as_str());
        let pasts = self.rules.iter().filter_map(|rules| Some(rules.past.as_ref()?.object.as_str()));
        let versions = self.versions.iter().map(|version| version.object.as_str());
        checkpoints.chain(self.rules.iter().map(|rules| rules.object.as_str())).chain(pasts).chain(versions)
    }

    /// The sizes of the last base and of the deltas that continue it.
    pub(super) fn sizes(&self) -> ChainSizes {
        let Some(last) = self.checkpoints.last() else { return ChainSizes::default() };
        let chain = self.chain(last.number);
        let (base, deltas) = chain.split_first().map_or((0, &[][..]), |(base, deltas)| (base.bytes, deltas));
        ChainSizes { base_bytes: base, deltas: deltas.len(), delta_bytes: deltas.iter().map(|delta| delta.bytes).sum() }
    }
}
