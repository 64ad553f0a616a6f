//! Small JSON files with a version and a checksum: `{"format": …, "crc32c": …, "NAME": {…}}`.
//!
//! The checksum is over the text of the contents, so that any damage to it is found. Who writes such files decides where
//! they are, and what a version means.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

/// Why a file could not be read.
#[derive(Debug, Error)]
pub enum ChecksummedJsonError {
    /// It is not JSON, or not of this form.
    #[error("it is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// Another version of the program wrote it.
    #[error("it has version {found}, and this program reads version {supported}")]
    Version {
        /// Its version.
        found: u32,
        /// The version that is read.
        supported: u32,
    },
    /// The contents are not those that were written.
    #[error("it is damaged: its checksum does not agree with its contents")]
    Checksum,
}

/// What can be read of a file of any version.
#[derive(Deserialize)]
struct FileVersion {
    format: u32,
}

#[derive(Deserialize)]
struct FileEnvelope<'f> {
    crc32c: u32,
    #[serde(borrow, alias = "manifest", alias = "record")]
    contents: &'f RawValue,
}

/// Encodes contents under this name.
pub(crate) fn encode(name: &str, format: u32, contents: &impl Serialize) -> Vec<u8> {
    let contents = serde_json::to_string(contents).expect("numbers and texts can be written as JSON");
    let crc32c = crc32c::crc32c(contents.as_bytes());
    format!("{{\"format\":{format},\"crc32c\":{crc32c},\"{name}\":{contents}}}").into_bytes()
}

/// Decodes the contents of a file of version `format`.
pub(crate) fn decode<T: DeserializeOwned>(format: u32, bytes: &[u8]) -> Result<T, ChecksummedJsonError> {
    let version: FileVersion = serde_json::from_slice(bytes)?;
    if version.format != format {
        return Err(ChecksummedJsonError::Version { found: version.format, supported: format });
    }
    let envelope: FileEnvelope<'_> = serde_json::from_slice(bytes)?;
    if crc32c::crc32c(envelope.contents.get().as_bytes()) != envelope.crc32c {
        return Err(ChecksummedJsonError::Checksum);
    }
    Ok(serde_json::from_str(envelope.contents.get())?)
}
