//! The steps in which a folder's objects are written, one system call each, so that tests can make each step fail, and lose
//! what was not synced.
//!
//! It knows nothing of checkpoints.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// A file system.
pub(crate) trait Disk: Send + Sync + Debug {
    /// Creates a folder and its parents unless they exist. Only their owner may enter them.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Creates a file that only its owner may read. If the name exists, even as a link, that is an error
    /// ([`AlreadyExists`](io::ErrorKind::AlreadyExists)).
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Renames a file, and replaces the one that has the name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a folder survive a loss of power.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// A file's bytes.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The names of all files in a folder.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Waits for this lock, and holds it until the result is dropped.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>>;
}

/// A file to be written.
pub(crate) trait DiskFile: Send {
    /// Adds bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes its bytes survive a loss of power.
    fn sync(&mut self) -> io::Result<()>;
}

/// The machine's disk.
#[derive(Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut folder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.recursive(true).create(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(private_options().write(true).create_new(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // On other systems folders can't be opened, and names are durable without a sync.
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name()));
        // Names that are not text are not ours.
        names.filter_map(|name: io::Result<_>| name.map(|name| name.into_string().ok()).transpose()).collect()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        let file = private_options().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(Box::new(file))
    }
}

/// Options to open files that only their owner may read, without following links.
fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
    }
    options
}

impl DiskFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}
