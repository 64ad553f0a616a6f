//! How a checkpoint is begun, becomes valid, and is removed when it is no longer needed.
//!
//! Its bytes are written in between, on a thread of their own, by `writer`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::warn;

use super::error::StoreError;
use super::folder::finished_name;
use super::manifest::ManifestEntry;
use super::names::{self, MANIFEST, MANIFEST_COPY};
use super::writer::{CheckpointStart, CheckpointWriter, WrittenCheckpoint};
use super::{StoreShared, StoreState};
use crate::pipeline::SnapshotHeader;
use rekindle_core::checkpoint::{CheckpointHeader, CheckpointKind};
use rekindle_core::partition::ExecutionPlan;

/// The number of deltas on a base after which the next checkpoint is a base.
const MAX_DELTAS: usize = 30;

/// Deltas with fewer bytes together do not count as large, however small the base is.
const LARGE_DELTA_BYTES_MIN: u64 = 1 << 20;

/// What is known of a checkpoint only when the outputs up to it are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedOutputs {
    /// The ordinal of the last output.
    pub ordinal: u64,
    /// The output stream's last sequence; `None`: outputs go to no stream.
    pub last: Option<u64>,
}

impl StoreShared {
    pub(super) fn next_is_full(&self) -> bool {
        let state = self.state();
        let sizes = state.manifest.as_ref().map(|(manifest, _)| manifest.sizes()).unwrap_or_default();
        state.last.is_none()
            || state.begun.is_some()
            || sizes.deltas >= MAX_DELTAS
            || sizes.delta_bytes > sizes.base_bytes.max(LARGE_DELTA_BYTES_MIN)
    }

    pub(super) fn begin(
        &self,
        snapshot: SnapshotHeader,
        plan: Arc<ExecutionPlan>,
        sequence: u64,
        generation: u64,
    ) -> Result<CheckpointWriter, StoreError> {
        let mut state = self.state();
        let Some((manifest, epoch)) = state.claimed() else {
            return Err(StoreError::NotClaimed { place: self.objects.place() });
        };
        let number = state.next;
        let (kind, previous, base) = match (snapshot.is_full, state.last, state.begun) {
            (true, ..) => (CheckpointKind::Base, number, number),
            (false, Some((last, base)), None) => (CheckpointKind::Delta, last, base),
            (false, ..) => return Err(StoreError::NothingToContinue),
        };
        let head = CheckpointHeader {
            kind,
            number,
            base,
            previous,
            sequence,
            position: snapshot.position,
            fired: snapshot.fired,
            forgotten: snapshot.forgotten,
            latest_read: snapshot.latest_read,
            rules_changes: snapshot.rules_changes.0,
            rules_changed_at: snapshot.rules_changes.1,
            known: snapshot.known,
            rules: plan.rules.version.clone(),
            secret: snapshot.secret,
            partitions: snapshot.partitions,
            stream: manifest.stream.clone(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let start = CheckpointStart {
            objects: Arc::clone(&self.objects),
            object: names::checkpoint(number, epoch, kind),
            head,
            generation,
            plan,
            links: snapshot.links,
            growth: snapshot.growth,
            uplift: snapshot.uplift,
            shared: snapshot.shared,
        };
        state.begun = Some(number);
        state.next += 1;
        CheckpointWriter::start(start)
    }

    pub(super) fn commit(&self, written: &WrittenCheckpoint, outputs: PublishedOutputs) -> Result<(), StoreError> {
        let mut state = self.state();
        let WrittenCheckpoint { head, generation, object, crc32c, bytes, users } = written;
        let entry = ManifestEntry {
            number: head.number,
            kind: head.kind,
            base: head.base,
            previous: head.previous,
            object: object.clone(),
            bytes: *bytes,
            crc32c: *crc32c,
            sequence: head.sequence,
            position: head.position,
            ordinal: outputs.ordinal,
            output_last: outputs.last,
            rules: head.rules.clone(),
            generation: *generation,
            users: *users,
            created_ms: now_ms(),
        };
        self.update(&mut state, |manifest| manifest.add(entry.clone(), self.keep))?;
        state.last = Some((head.number, head.base));
        if state.begun == Some(head.number) {
            state.begun = None;
        }
        self.clean_up(&state);
        Ok(())
    }

    /// Removes objects that are not valid and never will be. If that fails, the next commit does it.
    fn clean_up(&self, state: &StoreState) {
        let Some((manifest, epoch)) = state.claimed() else { return };
        let names = match self.objects.list() {
            Ok(names) => names,
            Err(error) => return warn!(place = self.objects.place(), %error, "cannot list old checkpoints"),
        };
        let valid: HashSet<&str> = manifest.objects().collect();
        let being_written = state.begun.map(|number| format!("{number:012}-"));
        for name in names {
            let is_ours = names::epoch_of(finished_name(&name)).is_some_and(|of| of <= epoch)
                || [MANIFEST, MANIFEST_COPY].contains(&finished_name(&name))
                    && ![MANIFEST, MANIFEST_COPY].contains(&name.as_str());
            let is_being_written = being_written.as_ref().is_some_and(|start| name.starts_with(start.as_str()));
            let is_past = state.past.as_deref() == Some(finished_name(&name));
            if is_ours
                && !is_being_written
                && !is_past
                && !valid.contains(name.as_str())
                && let Err(error) = self.objects.remove(&name)
            {
                warn!(place = self.objects.place(), object = name, %error, "cannot remove an old checkpoint");
            }
        }
    }
}

/// For information only: nothing depends on it.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(0)
}
