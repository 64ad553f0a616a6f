//! The steps that a folder's objects are written in, one system call each, so that tests can make every one of them fail,
//! and forget what was never synced.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// A file system.
pub(crate) trait Disk: Send + Sync + Debug {
    /// Makes a folder, with those it lies in, unless it is there. What is made only its owner may enter.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes a file to be written, which only its owner may read; what is there by that name is an error
    /// ([`AlreadyExists`](io::ErrorKind::AlreadyExists)), and is not followed.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name, in place of what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a folder outlive a loss of power.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// A file's bytes.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The names of all files in a folder.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Waits until nobody else holds this lock, and holds it until the answer is dropped.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>>;
}

/// A file to be written.
pub(crate) trait DiskFile: Send {
    /// Adds bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes its bytes outlive a loss of power.
    fn sync(&mut self) -> io::Result<()>;
}

/// The machine's own.
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
        Ok(Box::new(owners_alone().write(true).create_new(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // Elsewhere folders can't be opened; there the system keeps names safe by itself.
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name()));
        // A name that is no text is none of ours.
        names.filter_map(|name: io::Result<_>| name.map(|name| name.into_string().ok()).transpose()).collect()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        let file = owners_alone().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(Box::new(file))
    }
}

/// How files are opened that only their owner may read; whoever puts a link in their place gains nothing by it.
fn owners_alone() -> OpenOptions {
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
