//! A pipeline's state as bytes, and a pipeline that goes on from them.

use std::sync::Arc;

use thiserror::Error;

use super::{Options, Pipeline};
use crate::checkpoint::{CodecError, Snapshot, decode_links, decode_users, encode_links, encode_partition};
use crate::partition::Plan;
use crate::route::partition_of;

/// A pipeline that cannot go on from where another stopped.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The state can't be read.
    #[error("could not read the saved state: {0}")]
    State(#[from] CodecError),
    /// A user stands in two partitions.
    #[error("could not read the saved state: it holds the same user twice")]
    UserTwice,
    /// The workers can't be started.
    #[error("could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
}

impl Pipeline {
    /// All state of users and links, and where the log stands. Counts are left out. Outputs already handed out are not
    /// in it, though they may still wait for the watermark somewhere.
    pub fn save(&self) -> Vec<u8> {
        let partitions = self.partitions.iter().map(|partition| encode_partition(&self.plan, partition)).collect();
        let links = encode_links(&self.links);
        Snapshot { latest_read: self.latest_read, position: self.position, links, partitions }.encode()
    }

    /// A pipeline that goes on where [`save`](Pipeline::save) was called, with as many partitions and workers as
    /// `options` say. Counts begin at 0. Under other rules than those saved under, every user is evaluated anew at the
    /// watermark, or at the user's clock where that is ahead of it.
    ///
    /// # Errors
    /// The bytes are no saved state, or the system refuses to start the threads.
    pub fn restore(plan: Arc<Plan>, options: Options, saved: &[u8]) -> Result<Pipeline, RestoreError> {
        let snapshot = Snapshot::decode(saved)?;
        let mut pipeline = Pipeline::new(Arc::clone(&plan), options)?;
        pipeline.latest_read = snapshot.latest_read;
        pipeline.position = snapshot.position;
        pipeline.links = decode_links(&snapshot.links)?;
        let (watermark, partitions) = (pipeline.watermark(), pipeline.partitions.len());
        for bytes in &snapshot.partitions {
            for mut user in decode_users(&plan, bytes)? {
                // Nothing fires before the watermark any more; what other rules made due at once is due at it.
                user.segments_due = user.segments_due.max(watermark);
                let partition = &mut pipeline.partitions[partition_of(&user.id, partitions)];
                if partition.user(&user.id).is_some() {
                    return Err(RestoreError::UserTwice);
                }
                partition.attach(user);
            }
        }
        Ok(pipeline)
    }
}
