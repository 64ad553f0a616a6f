//! A pipeline's complete state encoded as a checkpoint of kind *base*, at once, between two batches.
//!
//! A resumable replay stores its state this way. The daemon takes [snapshots](Pipeline::begin_snapshot) instead, which the
//! checkpoint store encodes while processing goes on. The format is in `rekindle_core::checkpoint`.

use std::borrow::Cow;

use super::Pipeline;
use rekindle_core::checkpoint::{CheckpointEncoder, CheckpointHeader, CheckpointKind, CodecError};
use rekindle_core::identity::IdentityLinks;
use rekindle_core::partition::User;
use rekindle_core::time::Timestamp;

impl Pipeline {
    /// All users and links, and the position in the log, as one base: the same state gives the same bytes. Counts are not
    /// in it, except that of forgotten users, and neither are outputs that were returned already.
    pub fn encode_checkpoint(&self) -> Vec<u8> {
        let mut encoded = Vec::new();
        let written = self.encode_checkpoint_into(|bytes| {
            encoded.extend_from_slice(bytes);
            Ok::<(), CodecError>(())
        });
        written.expect("no user of a test is larger than a block");
        encoded
    }

    /// The same as [`encode_checkpoint`](Pipeline::encode_checkpoint), handed to `sink` in parts.
    ///
    /// # Errors
    /// Those of `sink`, and a user that is larger than a block.
    pub fn encode_checkpoint_into<E: From<CodecError>>(
        &self,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let head = CheckpointHeader {
            kind: CheckpointKind::Base,
            number: 0,
            base: 0,
            previous: 0,
            sequence: 0,
            position: self.position,
            fired: self.fired().max(Timestamp::MIN),
            forgotten: self.forgotten_count,
            latest_read: self.latest_read,
            rules: self.plan.rules.version.clone(),
            rules_changes: self.rules_changes.0,
            rules_changed_at: self.rules_changes.1,
            known: self.known.clone(),
            secret: self.options.secret.fingerprint(),
            partitions: u16::try_from(self.partitions.len()).unwrap_or(u16::MAX),
            stream: None,
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let mut encoder = CheckpointEncoder::new(&self.plan, &head)?;
        for (partition, number) in self.partitions.iter().zip(0..) {
            let mut users: Vec<Cow<'_, User>> = partition.users().collect();
            users.sort_unstable_by(|a, b| a.id.cmp(&b.id));
            encoder.users(number, users)?;
            sink(&encoder.take())?;
        }
        // Sorted: the order in which links were made is not kept over several files.
        let mut pairs: Vec<(&str, &str)> = self.links.iter().collect();
        pairs.sort_unstable();
        let mut links = IdentityLinks::default();
        for (visitor, user) in pairs {
            links.insert(visitor, user);
        }
        encoder.links(&links.snapshot(true))?;
        if let Some((rollup, today)) = self.growth_snapshot() {
            encoder.growth(&rollup.stored(today))?;
        }
        if !self.uplift.is_empty() {
            encoder.uplift(&self.uplift)?;
        }
        if let Some(shared) = &self.shared {
            encoder.shared(&self.plan.rules, &shared.stored(&self.plan.rules))?;
        }
        sink(&encoder.finish()?.0)
    }
}
