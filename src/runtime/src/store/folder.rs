//! Objects as files of one folder.
//!
//! A file is written under a temporary name, synced, renamed, and then the folder is synced: at every moment, also after
//! a loss of power, each name stands for the whole of an old or the whole of a new object. (`object_store`'s own local
//! end cannot replace a file only if it is unchanged, and gives tests no way between its steps.)
//!
//! Replacing on condition is done under a lock on the file `lock`, which every daemon on this folder takes for as long as
//! that step takes. A folder on a network file system needs locks that work there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::disk::{Disk, DiskFile, RealDisk};
use super::objects::{ObjectError, ObjectStorage, ObjectVersion, ObjectWriter};

/// Between daemons: held while an object is replaced on condition.
const LOCK: &str = "lock";

/// What names of unfinished files end with.
const UNFINISHED: &str = ".unfinished";

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
    /// A folder of the machine's disk, which is made if it is missing.
    pub(crate) fn open(path: &Path) -> io::Result<Folder> {
        Folder::on(Arc::new(RealDisk), path)
    }

    /// A folder of some disk.
    pub(crate) fn on(disk: Arc<dyn Disk>, path: &Path) -> io::Result<Folder> {
        disk.create_folder(path)?;
        Ok(Folder { path: path.to_owned(), disk })
    }

    fn create_file(&self, name: &str) -> io::Result<NewFile> {
        let path = self.path.join(format!("{name}{UNFINISHED}"));
        let file = match self.disk.create(&path) {
            // What somebody left who died over it; or a link that somebody put there, which goes, not what it points to.
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
        file.appear()
    }
}

impl NewFile {
    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.write(bytes))
    }

    fn unfinished(&self) -> PathBuf {
        self.folder.path.join(format!("{}{UNFINISHED}", self.name))
    }

    fn appear(mut self) -> io::Result<()> {
        let Folder { path, disk } = &self.folder;
        if let Some(file) = &mut self.file {
            file.sync()?;
        }
        disk.rename(&self.unfinished(), &path.join(&self.name))?;
        // From here on there is nothing left to clean up.
        self.file = None;
        disk.sync_folder(path)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Where this fails too, the next clean-up finds it.
            let _ = self.folder.disk.remove(&self.unfinished());
        }
    }
}

impl ObjectWriter for NewFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), ObjectError> {
        self.add(bytes).map_err(|error| failed(&error))
    }

    fn finish(self: Box<Self>) -> Result<(), ObjectError> {
        self.appear().map_err(|error| failed(&error))
    }
}

impl ObjectStorage for Folder {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ObjectError> {
        self.disk.read(&self.path.join(name)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ObjectError::Missing,
            // A bad block of a disk does not get well again, and a right that is missing is not given by waiting.
            _ => ObjectError::Unreadable(error.to_string()),
        })
    }

    fn create(&self, name: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        Ok(Box::new(self.create_file(name).map_err(|error| failed(&error))?))
    }

    fn list(&self) -> Result<Vec<String>, ObjectError> {
        let mut names = self.disk.names(&self.path).map_err(|error| failed(&error))?;
        names.retain(|name| name != LOCK);
        Ok(names)
    }

    fn remove(&self, name: &str) -> Result<(), ObjectError> {
        match self.disk.remove(&self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&error)),
            _ => Ok(()),
        }
    }

    fn read_tagged(&self, name: &str) -> Result<(Vec<u8>, ObjectVersion), ObjectError> {
        let bytes = self.read(name)?;
        let tag = tag(&bytes);
        Ok((bytes, tag))
    }

    fn replace(
        &self,
        name: &str,
        bytes: &[u8],
        expected: Option<&ObjectVersion>,
    ) -> Result<ObjectVersion, ObjectError> {
        let _lock = self.disk.lock(&self.path.join(LOCK)).map_err(|error| failed(&error))?;
        let found = match self.read_tagged(name) {
            Ok((_, tag)) => Some(tag),
            Err(ObjectError::Missing) => None,
            Err(ObjectError::Unreadable(_)) => Some(ObjectVersion::unreadable()),
            Err(error) => return Err(error),
        };
        if found.as_ref() != expected {
            return Err(ObjectError::Changed);
        }
        self.write_whole(name, bytes).map_err(|error| failed(&error))?;
        Ok(tag(bytes))
    }
}

/// The name under which an unfinished object would have appeared.
pub(crate) fn finished_name(name: &str) -> &str {
    name.strip_suffix(UNFINISHED).unwrap_or(name)
}

fn tag(bytes: &[u8]) -> ObjectVersion {
    ObjectVersion(format!("{:032x}", xxh3_128(bytes)))
}

fn failed(error: &io::Error) -> ObjectError {
    ObjectError::Failed(error.to_string())
}
