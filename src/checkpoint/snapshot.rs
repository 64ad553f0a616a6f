//! All of a log's state: where the log stands, links, partitions.

use super::envelope::{Content, open, seal};
use super::error::CodecError;
use super::wire::{Reader, Writer};
use crate::time::Timestamp;

/// A log's whole state, its parts already bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The latest time read from the log; the watermark lies `max_disorder` before it.
    pub latest_read: Timestamp,
    /// How many events were accepted so far: the position of the next.
    pub position: u64,
    /// The links, as [`encode_links`](super::encode_links) wrote them.
    pub links: Vec<u8>,
    /// Every partition, as [`encode_partition`](super::encode_partition) wrote it.
    pub partitions: Vec<Vec<u8>>,
}

impl Snapshot {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(4);
        writer.time(self.latest_read);
        writer.u64(self.position);
        writer.bytes(&self.links);
        writer.array(self.partitions.len());
        for partition in &self.partitions {
            writer.bytes(partition);
        }
        seal(Content::Snapshot, &writer.into_bytes())
    }

    /// Reads a snapshot back; its parts are not read yet.
    ///
    /// # Errors
    /// The bytes are not a snapshot, are damaged, or of another version.
    pub fn decode(bytes: &[u8]) -> Result<Snapshot, CodecError> {
        let mut reader = Reader::new(open(Content::Snapshot, bytes)?);
        reader.array_of(4, "a snapshot")?;
        let (latest_read, position) = (reader.time("the latest time read")?, reader.u64("the log's position")?);
        let links = reader.bytes("the links")?.to_vec();
        let mut partitions = Vec::new();
        for _ in 0..reader.array("the partitions")? {
            partitions.push(reader.bytes("a partition")?.to_vec());
        }
        reader.end()?;
        Ok(Snapshot { latest_read, position, links, partitions })
    }
}
