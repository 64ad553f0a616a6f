//! A lock on a file in the checkpoint store's folder, which shows whether another daemon of this machine uses the store. The
//! system releases it however a process ends: a daemon that was killed is replaced at once, and one that hangs is not.
//!
//! It only shortens the wait: who may write is decided by the manifest and the output stream. A bucket has no lock, and on a
//! shared file system a lock may be valid on each machine only.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rekindle_settings::{CheckpointLocation, CheckpointSettings};

/// The lock's file in the store's folder.
const NAME: &str = "owner.lock";
/// How often to try to acquire the lock while another process holds it.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// The lock. Clones share it; it is released with the last one.
#[derive(Clone, Debug, Default)]
pub(super) struct StoreLock(Arc<Mutex<LockFile>>);

#[derive(Debug, Default)]
struct LockFile {
    file: Option<File>,
    is_held: bool,
}

impl StoreLock {
    /// The lock of the folder that the settings name. If they name none, or the file can't be opened, it is never acquired.
    pub(super) fn of(settings: &CheckpointSettings) -> StoreLock {
        let CheckpointLocation::Folder(path) = &settings.store else { return StoreLock::default() };
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path.join(NAME)).ok();
        StoreLock(Arc::new(Mutex::new(LockFile { file, is_held: false })))
    }

    /// Acquires the lock if no other process holds it. Returns whether this process holds it.
    pub(super) fn try_acquire(&self) -> bool {
        let mut lock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = !lock.is_held && lock.file.as_ref().is_some_and(|file| file.try_lock().is_ok());
        lock.is_held |= is_free;
        lock.is_held
    }

    /// Acquires the lock, and waits as long as another process holds it.
    pub(super) async fn acquire(&self) {
        let has_none = self.0.lock().unwrap_or_else(PoisonError::into_inner).file.is_none();
        while !has_none && !self.try_acquire() {
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_holds_the_lock_until_it_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = CheckpointSettings {
            store: CheckpointLocation::Folder(folder.path().to_owned()),
            ..CheckpointSettings::default()
        };
        let (first, second) = (StoreLock::of(&settings), StoreLock::of(&settings));
        assert!(first.try_acquire() && first.try_acquire() && !second.try_acquire());
        drop(first);
        assert!(second.try_acquire());
        assert!(
            !StoreLock::of(&CheckpointSettings { store: CheckpointLocation::Nowhere, ..CheckpointSettings::default() })
                .try_acquire()
        );
    }
}
