//! What a store must provide: objects by name, complete or not at all, and the conditional replacement of one of them.
//!
//! There are two implementations: a [`Folder`](super::folder::Folder) and an [`S3Bucket`](super::bucket::S3Bucket). Everything
//! here blocks, and is called from threads that may block.

use std::fmt::Debug;
use std::io;

use thiserror::Error;

use super::bucket::BucketError;

/// Objects by name.
pub(crate) trait ObjectStorage: Send + Sync + Debug {
    /// The folder or bucket, for messages.
    fn place(&self) -> String;

    /// An object's bytes.
    fn read(&self, name: &str) -> Result<Vec<u8>, ObjectError>;

    /// Begins an object. It becomes visible when [`finish`](ObjectWriter::finish) returns, and from then on it survives a
    /// loss of power. Dropped before, it is removed.
    fn create(&self, name: &str) -> Result<Box<dyn ObjectWriter>, ObjectError>;

    /// The names of all objects, and of those that were begun and never finished, in no particular order.
    fn list(&self) -> Result<Vec<String>, ObjectError>;

    /// Removes an object; if there is none of this name, it does nothing.
    fn remove(&self, name: &str) -> Result<(), ObjectError>;

    /// An object's bytes, and its version.
    fn read_version(&self, name: &str) -> Result<(Vec<u8>, ObjectVersion), ObjectError>;

    /// Replaces an object if it still has the version `expected` (`None`: if it does not exist), as one step.
    fn replace(&self, name: &str, bytes: &[u8], expected: Option<&ObjectVersion>)
    -> Result<ObjectVersion, ObjectError>;
}

/// An object that is being written.
pub(crate) trait ObjectWriter: Send {
    /// Adds bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), ObjectError>;

    /// Makes it visible.
    fn finish(self: Box<Self>) -> Result<(), ObjectError>;
}

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectVersion(pub(crate) String);

impl ObjectVersion {
    /// That of an object which exists and can't be read.
    pub(crate) fn unreadable() -> ObjectVersion {
        ObjectVersion("unreadable".to_owned())
    }
}

/// Why an object could not be read or written.
#[derive(Debug, Error)]
pub enum ObjectError {
    /// There is none of this name.
    #[error("it is missing")]
    Missing,
    /// It does not have the version that was expected.
    #[error("somebody else has changed it")]
    Changed,
    /// It can't be read, and a retry would not help.
    #[error("{0}")]
    Unreadable(io::Error),
    /// A step on the disk failed; a retry may succeed.
    #[error("{0}")]
    Disk(io::Error),
    /// The service that has the bucket failed; a retry may succeed.
    #[error("{0}")]
    Bucket(BucketError),
}
