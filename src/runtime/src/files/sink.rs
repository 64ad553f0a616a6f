//! Output files that are either complete or do not exist. One that several runs write in turn is written elsewhere, and
//! [delivered](deliver) when it is complete.
//!
//! What is written, and in which order, is decided by the callers.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file or standard output could not be written.
#[derive(Debug, Error)]
#[error("could not write {what} to {target}: {cause}{}", hint(cause))]
pub struct OutputFileError {
    /// What was being written: `the journal`.
    pub what: &'static str,
    /// The file, or standard output.
    pub target: String,
    /// Why not.
    #[source]
    pub cause: io::Error,
}

const STANDARD_OUTPUT: &str = "standard output";

impl OutputFileError {
    /// Whether the reader of standard output has closed it, as `head` does.
    pub fn is_closed_output(&self) -> bool {
        self.target == STANDARD_OUTPUT && self.cause.kind() == io::ErrorKind::BrokenPipe
    }
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull => "; make room on that disk, or choose another place, and run it again",
        io::ErrorKind::PermissionDenied => "; choose a place that this user may write to",
        io::ErrorKind::NotFound => "; its folder does not exist: create it first",
        _ => "",
    }
}

/// A file that is being written, under a temporary name until [`finish`](OutputFile::finish); or a stream.
pub struct OutputFile {
    what: &'static str,
    target: String,
    writer: BufWriter<Box<dyn Write + Send>>,
    /// The file, if it can be [synced](OutputFile::sync).
    resumed: Option<File>,
    /// The temporary name and the final one.
    rename: Option<(PathBuf, PathBuf)>,
}

impl OutputFile {
    /// Opens a file for writing; `None` is standard output. A regular file is written as `NAME.partial` in the same folder, so
    /// that a run that fails leaves no incomplete result (a run that is killed leaves it under that name). A device or pipe is
    /// written directly.
    ///
    /// # Errors
    /// The file can't be created.
    pub fn create(what: &'static str, path: Option<&Path>) -> Result<OutputFile, OutputFileError> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            let writer = BufWriter::with_capacity(1 << 18, Box::new(io::stdout()) as Box<dyn Write + Send>);
            let target = STANDARD_OUTPUT.to_owned();
            return Ok(OutputFile { what, target, writer, resumed: None, rename: None });
        };
        let target = path.display().to_string();
        let is_special = is_special(path);
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let opened = if is_special { File::options().write(true).open(path) } else { File::create(&partial) };
        let file = opened.map_err(|cause| OutputFileError { what, target: target.clone(), cause })?;
        let rename = (!is_special).then(|| (PathBuf::from(partial), path.to_owned()));
        let writer = BufWriter::with_capacity(1 << 18, Box::new(file) as Box<dyn Write + Send>);
        Ok(OutputFile { what, target, writer, resumed: None, rename })
    }

    /// Continues writing `path` after its first `bytes` bytes, and truncates the rest. It is neither removed nor renamed.
    ///
    /// # Errors
    /// The file can't be opened, or is shorter than that.
    pub fn resume(what: &'static str, path: &Path, bytes: u64) -> Result<OutputFile, OutputFileError> {
        let target = path.display().to_string();
        let opened = || {
            let mut file = File::options().write(true).create(true).truncate(false).open(path)?;
            if file.metadata()?.len() < bytes {
                return Err(io::Error::other(format!("it is shorter than the {bytes} bytes that were written")));
            }
            file.set_len(bytes)?;
            file.seek(SeekFrom::End(0))?;
            Ok((file.try_clone()?, file))
        };
        let (resumed, file) = opened().map_err(|cause| OutputFileError { what, target: target.clone(), cause })?;
        let writer = BufWriter::with_capacity(1 << 18, Box::new(file) as Box<dyn Write + Send>);
        Ok(OutputFile { what, target, writer, resumed: Some(resumed), rename: None })
    }

    /// Makes everything written so far survive a loss of power; returns the file's length. Only for a file that was
    /// [resumed](OutputFile::resume).
    ///
    /// # Errors
    /// The disk is full.
    pub fn sync(&mut self) -> Result<u64, OutputFileError> {
        self.flush()?;
        let synced = match &self.resumed {
            Some(file) => file.sync_all().and_then(|()| Ok(file.metadata()?.len())),
            None => Err(io::Error::other("it was not opened to be resumed")),
        };
        synced.map_err(|cause| self.error(cause))
    }

    /// Writes with `write`; an error states what was being written.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn write(
        &mut self,
        write: impl FnOnce(&mut BufWriter<Box<dyn Write + Send>>) -> io::Result<()>,
    ) -> Result<(), OutputFileError> {
        write(&mut self.writer).map_err(|cause| self.error(cause))
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// The disk is full.
    pub fn flush(&mut self) -> Result<(), OutputFileError> {
        self.writer.flush().map_err(|cause| self.error(cause))
    }

    /// Writes out what is buffered and gives the file its name. If several files belong together, all should be
    /// [flushed](OutputFile::flush) first, so that with a full disk none of them gets its name.
    ///
    /// # Errors
    /// The disk is full, or the file can't be renamed.
    pub fn finish(mut self) -> Result<(), OutputFileError> {
        self.flush()?;
        match self.rename.take() {
            Some((partial, path)) => fs::rename(partial, path).map_err(|cause| self.error(cause)),
            None => Ok(()),
        }
    }

    fn error(&self, cause: io::Error) -> OutputFileError {
        OutputFileError { what: self.what, target: self.target.clone(), cause }
    }
}

/// Checks that a file can be created at `path`, so that a long run does not fail at its end.
///
/// # Errors
/// It can't.
pub fn check(what: &'static str, path: &Path) -> Result<(), OutputFileError> {
    // A pipe must not be opened only for a check: its reader would see the end.
    if is_stream(path) { Ok(()) } else { OutputFile::create(what, Some(path)).map(drop) }
}

/// Whether `path` is standard output, a device or a pipe: what is written there can't be read again.
pub fn is_stream(path: &Path) -> bool {
    path == Path::new("-") || is_special(path)
}

fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| !meta.is_file())
}

/// Moves a complete file to `path`: at any moment that name has the former contents or the complete new ones. To a
/// [stream](is_stream) the file is copied, and kept.
///
/// # Errors
/// It can't be written there. The complete file is still where it was.
pub fn deliver(what: &'static str, complete: &Path, path: &Path) -> Result<(), OutputFileError> {
    let failed = |cause| OutputFileError { what, target: path.display().to_string(), cause };
    let is_stream = is_stream(path);
    if !is_stream {
        match fs::rename(complete, path) {
            Err(cause) if cause.kind() == io::ErrorKind::CrossesDevices => {}
            renamed => return renamed.and_then(|()| sync_folder_of(path)).map_err(failed),
        }
    }
    let mut from = File::open(complete).map_err(failed)?;
    let mut to = OutputFile::create(what, Some(path))?;
    to.write(|sink| io::copy(&mut from, sink).map(drop))?;
    to.flush()?;
    if let Some((partial, _)) = &to.rename {
        File::open(partial).and_then(|file| file.sync_all()).map_err(failed)?;
    }
    to.finish()?;
    if is_stream { Ok(()) } else { sync_folder_of(path).and_then(|()| fs::remove_file(complete)).map_err(failed) }
}

/// Makes a file's name survive a loss of power.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // On other systems folders can't be opened, and names are durable without a sync.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// An unfinished file is removed: on a full disk it would only occupy space.
impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some((partial, _)) = self.rename.take() {
            let _ = fs::remove_file(partial);
        }
    }
}
