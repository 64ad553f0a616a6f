//! Whether another daemon of this machine has the checkpoints: a lock on a file in their folder, which the system gives back
//! however a process ends. So a daemon that was killed is followed at once, and one that hangs is not.
//!
//! It is a convenience: who may write is decided by the checkpoints and the stream of outputs themselves. A bucket has none,
//! and folders that machines share may have locks that hold on each of them only.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rekindle_settings::{CheckpointLocation, CheckpointSettings};

/// The file in the folder of checkpoints.
const NAME: &str = "owner.lock";
/// How often a lock is tried for that another still has.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// The lock. Clones share it; it is given back with the last.
#[derive(Clone, Debug, Default)]
pub(super) struct StoreLock(Arc<Mutex<LockFile>>);

#[derive(Debug, Default)]
struct LockFile {
    file: Option<File>,
    is_held: bool,
}

impl StoreLock {
    /// The lock of the folder that the settings name; where they name none, or it can't be had, nobody ever holds it.
    pub(super) fn of(settings: &CheckpointSettings) -> StoreLock {
        let CheckpointLocation::Folder(path) = &settings.store else { return StoreLock::default() };
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path.join(NAME)).ok();
        StoreLock(Arc::new(Mutex::new(LockFile { file, is_held: false })))
    }

    /// Takes the lock if no other process has it. Whether this one has it then.
    pub(super) fn is_held(&self) -> bool {
        let mut lock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = !lock.is_held && lock.file.as_ref().is_some_and(|file| file.try_lock().is_ok());
        lock.is_held |= is_free;
        lock.is_held
    }

    /// Takes the lock, however long another process has it.
    pub(super) async fn hold(&self) {
        let has_none = self.0.lock().unwrap_or_else(PoisonError::into_inner).file.is_none();
        while !has_none && !self.is_held() {
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_the_lock_until_it_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = CheckpointSettings {
            store: CheckpointLocation::Folder(folder.path().to_owned()),
            ..CheckpointSettings::default()
        };
        let (first, second) = (StoreLock::of(&settings), StoreLock::of(&settings));
        assert!(first.is_held() && first.is_held() && !second.is_held());
        drop(first);
        assert!(second.is_held());
        assert!(
            !StoreLock::of(&CheckpointSettings { store: CheckpointLocation::Nowhere, ..CheckpointSettings::default() })
                .is_held()
        );
    }
}
