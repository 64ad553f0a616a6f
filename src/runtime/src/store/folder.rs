//! Objects as files of one folder.
//!
//! A file is written under a temporary name, synced and renamed, and then the folder is synced: at any moment, also after a
//! loss of power, each name has the complete old object or the complete new one. (The local implementation of `object_store`
//! has no conditional replacement, and tests could not intervene between its steps.)
//!
//! A conditional replacement holds a lock on the file `lock`, which all daemons on this folder take for that step. A folder
//! on a network file system needs file locks that work there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::disk::{Disk, DiskFile, RealDisk};
use super::objects::{ObjectError, ObjectStorage, ObjectVersion, ObjectWriter};

/// The file that is locked during a conditional replacement.
const LOCK_NAME: &str = "lock";

/// How the names of unfinished files end.
const UNFINISHED_SUFFIX: &str = ".unfinished";

/// A folder with objects.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    disk: Arc<dyn Disk>,
}

/// A file that is being written.
struct NewFile {
    folder: Folder,
    name: String,
    file: Option<Box<dyn DiskFile>>,
}

impl Folder {
    /// A folder of the machine's disk, which is created if it is missing.
    pub(crate) fn open(path: &Path) -> io::Result<Folder> {
        Folder::on(Arc::new(RealDisk), path)
    }

    /// A folder of a disk, which may be simulated.
    pub(crate) fn on(disk: Arc<dyn Disk>, path: &Path) -> io::Result<Folder> {
        disk.create_folder(path)?;
        Ok(Folder { path: path.to_owned(), disk })
    }

    fn create_file(&self, name: &str) -> io::Result<NewFile> {
        let path = self.path.join(format!("{name}{UNFINISHED_SUFFIX}"));
        let file = match self.disk.create(&path) {
            // A process that died left it; or it is a link, which is removed, and not its target.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(&path)?;
                self.disk.create(&path)?
            }
            created => created?,
        };
        Ok(NewFile { folder: self.clone(), name: name.to_owned(), file: Some(file) })
    }

    fn write_whole(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.create_file(name)?;
        file.add(bytes)?;
        file.publish()
    }
}

impl NewFile {
    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.write(bytes))
    }

    fn unfinished(&self) -> PathBuf {
        self.folder.path.join(format!("{}{UNFINISHED_SUFFIX}", self.name))
    }

    fn publish(mut self) -> io::Result<()> {
        let Folder { path, disk } = &self.folder;
        if let Some(file) = &mut self.file {
            file.sync()?;
        }
        disk.rename(&self.unfinished(), &path.join(&self.name))?;
        // From here on there is nothing to clean up.
        self.file = None;
        disk.sync_folder(path)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // If this fails too, the next clean-up removes it.
            let _ = self.folder.disk.remove(&self.unfinished());
        }
    }
}

impl ObjectWriter for NewFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), ObjectError> {
        self.add(bytes).map_err(ObjectError::Disk)
    }

    fn finish(self: Box<Self>) -> Result<(), ObjectError> {
        self.publish().map_err(ObjectError::Disk)
    }
}

impl ObjectStorage for Folder {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ObjectError> {
        self.disk.read(&self.path.join(name)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ObjectError::Missing,
            // Neither a bad block nor a missing permission is fixed by a retry.
            _ => ObjectError::Unreadable(error),
        })
    }

    fn create(&self, name: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        Ok(Box::new(self.create_file(name).map_err(ObjectError::Disk)?))
    }

    fn list(&self) -> Result<Vec<String>, ObjectError> {
        let mut names = self.disk.names(&self.path).map_err(ObjectError::Disk)?;
        names.retain(|name| name != LOCK_NAME);
        Ok(names)
    }

    fn remove(&self, name: &str) -> Result<(), ObjectError> {
        match self.disk.remove(&self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ObjectError::Disk(error)),
            _ => Ok(()),
        }
    }

    fn read_version(&self, name: &str) -> Result<(Vec<u8>, ObjectVersion), ObjectError> {
        let bytes = self.read(name)?;
        let version = version(&bytes);
        Ok((bytes, version))
    }

    fn replace(
        &self,
        name: &str,
        bytes: &[u8],
        expected: Option<&ObjectVersion>,
    ) -> Result<ObjectVersion, ObjectError> {
        let _lock = self.disk.lock(&self.path.join(LOCK_NAME)).map_err(ObjectError::Disk)?;
        let found = match self.read_version(name) {
            Ok((_, version)) => Some(version),
            Err(ObjectError::Missing) => None,
            Err(ObjectError::Unreadable(_)) => Some(ObjectVersion::unreadable()),
            Err(error) => return Err(error),
        };
        if found.as_ref() != expected {
            return Err(ObjectError::Changed);
        }
        self.write_whole(name, bytes).map_err(ObjectError::Disk)?;
        Ok(version(bytes))
    }
}

/// The name under which an unfinished object would have appeared.
pub(crate) fn finished_name(name: &str) -> &str {
    name.strip_suffix(UNFINISHED_SUFFIX).unwrap_or(name)
}

fn version(bytes: &[u8]) -> ObjectVersion {
    ObjectVersion(format!("{:032x}", xxh3_128(bytes)))
}
