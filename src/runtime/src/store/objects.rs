//! What a store must be able to do: keep objects by name, whole or not at all, and replace one of them only if nobody
//! else has.
//!
//! There are two: a [`Folder`](super::folder::Folder) and a [`Bucket`](super::bucket::Bucket). Everything here blocks,
//! and is called from threads that may.

use std::fmt::Debug;

/// Objects by name.
pub(crate) trait ObjectStorage: Send + Sync + Debug {
    /// Where they are, for people.
    fn place(&self) -> String;

    /// An object's bytes.
    fn read(&self, name: &str) -> Result<Vec<u8>, ObjectError>;

    /// Begins an object. Nobody sees it before [`finish`](ObjectWriter::finish) has returned, and from then on it outlives
    /// a loss of power. Dropped without, it is gone.
    fn create(&self, name: &str) -> Result<Box<dyn ObjectWriter>, ObjectError>;

    /// The names of all objects there are, and of what was begun and never finished, in no particular order.
    fn list(&self) -> Result<Vec<String>, ObjectError>;

    /// Removes an object; one that is not there is no error.
    fn remove(&self, name: &str) -> Result<(), ObjectError>;

    /// An object's bytes, and what tells this version of it from others.
    fn read_tagged(&self, name: &str) -> Result<(Vec<u8>, ObjectVersion), ObjectError>;

    /// Replaces an object if it is still at the version `expected` (`None`: if it is not there), as one step.
    fn replace(&self, name: &str, bytes: &[u8], expected: Option<&ObjectVersion>)
    -> Result<ObjectVersion, ObjectError>;
}

impl ObjectVersion {
    /// That of an object which is there and can't be read.
    pub(crate) fn unreadable() -> ObjectVersion {
        ObjectVersion("unreadable".to_owned())
    }
}

/// An object in the making.
pub(crate) trait ObjectWriter: Send {
    /// Adds bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), ObjectError>;

    /// Makes it appear.
    fn finish(self: Box<Self>) -> Result<(), ObjectError>;
}

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectVersion(pub(crate) String);

/// Why an object could not be read or written.
#[derive(Debug)]
pub(crate) enum ObjectError {
    /// There is none of this name.
    Missing,
    /// It is not at the version that was expected.
    Changed,
    /// It can't be read, and never will be: trying again is of no use.
    Unreadable(String),
    /// Something else, which may pass.
    Failed(String),
}

impl std::fmt::Display for ObjectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ObjectError::Missing => f.write_str("it is missing"),
            ObjectError::Changed => f.write_str("somebody else has changed it"),
            ObjectError::Unreadable(why) | ObjectError::Failed(why) => f.write_str(why),
        }
    }
}
