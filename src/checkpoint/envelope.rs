//! The head of everything stored: what it is, in which version of the format, and a checksum.
//!
//! ```text
//! 0   4  "RKDL"
//! 4   2  format version, little-endian
//! 6   1  what it holds
//! 7   8  xxh3_64 of all that follows, little-endian
//! 15  …  CBOR
//! ```

use xxhash_rust::xxh3::xxh3_64;

use super::error::CodecError;

/// The version of the format written, and the only one read. A change that an earlier reader could not follow raises it.
pub const FORMAT_VERSION: u16 = 1;

const MAGIC: &[u8; 4] = b"RKDL";
const HEAD_BYTES: usize = 15;

/// What the bytes hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A partition's users.
    Partition,
    /// The links of visitors to users.
    Links,
    /// All of a log's state.
    Snapshot,
}

impl Content {
    const ALL: [(Content, u8, &'static str); 3] =
        [(Content::Partition, 1, "a partition"), (Content::Links, 2, "links"), (Content::Snapshot, 3, "a snapshot")];

    fn code_and_name(self) -> (u8, &'static str) {
        let found = Content::ALL.iter().find(|(content, ..)| *content == self);
        found.map_or((0, "nothing"), |(_, code, name)| (*code, *name))
    }
}

/// Puts the head before a body.
pub(super) fn seal(content: Content, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.push(content.code_and_name().0);
    bytes.extend_from_slice(&xxh3_64(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Checks the head, and returns the body.
pub(super) fn open(content: Content, bytes: &[u8]) -> Result<&[u8], CodecError> {
    let (head, body) = bytes.split_first_chunk::<HEAD_BYTES>().ok_or(CodecError::NotACheckpoint)?;
    let [m0, m1, m2, m3, v0, v1, code, checksum @ ..] = *head;
    if [m0, m1, m2, m3] != *MAGIC {
        return Err(CodecError::NotACheckpoint);
    }
    let version = u16::from_le_bytes([v0, v1]);
    if version != FORMAT_VERSION {
        return Err(CodecError::Version { found: version, supported: FORMAT_VERSION });
    }
    let (expected_code, expected) = content.code_and_name();
    if code != expected_code {
        let known = Content::ALL.iter().find(|(_, other, _)| *other == code);
        let found = known.map_or_else(|| format!("content {code}"), |(_, _, name)| (*name).to_owned());
        return Err(CodecError::Content { expected, found });
    }
    if u64::from_le_bytes(checksum) != xxh3_64(body) {
        return Err(CodecError::Damaged);
    }
    Ok(body)
}
