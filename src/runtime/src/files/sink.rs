//! Output files that are either whole or not there. One that several runs write, each going on where the one before
//! stopped, grows elsewhere and is [delivered](deliver) once it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file, or standard output, could not be written.
#[derive(Debug, Error)]
#[error("could not write {what} to {target}: {cause}{}", hint(cause))]
pub struct OutputFileError {
    /// What was to be written.
    pub what: &'static str,
    /// Where to.
    pub target: String,
    /// Why not.
    pub cause: io::Error,
}

const STANDARD_OUTPUT: &str = "standard output";

impl OutputFileError {
    /// Whether it only says that whoever read standard output has had enough, as `head` has.
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

/// Something being written: a file under a temporary name until [`finish`](OutputFile::finish), or a stream.
pub struct OutputFile {
    what: &'static str,
    target: String,
    writer: BufWriter<Box<dyn Write + Send>>,
    /// What is written to, where it is to be [settled](OutputFile::settle).
    growing: Option<File>,
    /// The temporary name and the final one.
    rename: Option<(PathBuf, PathBuf)>,
}

impl OutputFile {
    /// Opens a file for writing; `None` is standard output. A regular file is written as `NAME.partial` beside its
    /// place, so that a run that fails leaves no half a result behind (one that is killed leaves it under that name); a
    /// device or pipe is written directly.
    ///
    /// # Errors
    /// The file can't be created.
    pub fn create(what: &'static str, path: Option<&Path>) -> Result<OutputFile, OutputFileError> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            let writer = BufWriter::with_capacity(1 << 18, Box::new(io::stdout()) as Box<dyn Write + Send>);
            let target = STANDARD_OUTPUT.to_owned();
            return Ok(OutputFile { what, target, writer, growing: None, rename: None });
        };
        let target = path.display().to_string();
        let is_special = is_special(path);
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let opened = if is_special { File::options().write(true).open(path) } else { File::create(&partial) };
        let file = opened.map_err(|cause| OutputFileError { what, target: target.clone(), cause })?;
        let rename = (!is_special).then(|| (PathBuf::from(partial), path.to_owned()));
        let writer = BufWriter::with_capacity(1 << 18, Box::new(file) as Box<dyn Write + Send>);
        Ok(OutputFile { what, target, writer, growing: None, rename })
    }

    /// Goes on writing `path` behind its first `bytes` bytes, and cuts off what stands behind them. It is not removed,
    /// nor given another name.
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
        let (growing, file) = opened().map_err(|cause| OutputFileError { what, target: target.clone(), cause })?;
        let writer = BufWriter::with_capacity(1 << 18, Box::new(file) as Box<dyn Write + Send>);
        Ok(OutputFile { what, target, writer, growing: Some(growing), rename: None })
    }

    /// Makes all that was written outlive a loss of power; how many bytes that is. Only of a file that was
    /// [resumed](OutputFile::resume).
    ///
    /// # Errors
    /// The disk is full.
    pub fn settle(&mut self) -> Result<u64, OutputFileError> {
        self.flush()?;
        let settled = match &self.growing {
            Some(file) => file.sync_all().and_then(|()| Ok(file.metadata()?.len())),
            None => Err(io::Error::other("it is no file that grows")),
        };
        settled.map_err(|cause| self.error(cause))
    }

    /// Writes with `write`, and says what it was writing if that fails.
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

    /// Writes out what is buffered and gives the file its name. Of several files that belong together all are to be
    /// [flushed](OutputFile::flush) first, so that a full disk leaves none of them under its name.
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

/// Sees that a file may be made at `path`, so that a long run need not end to find out that it may not.
///
/// # Errors
/// It may not.
pub fn check(what: &'static str, path: &Path) -> Result<(), OutputFileError> {
    // A pipe must not be opened for nothing: whoever reads it would see it end.
    if is_stream(path) { Ok(()) } else { OutputFile::create(what, Some(path)).map(drop) }
}

/// Whether `path` is standard output, a device or a pipe: what goes there stays nowhere.
pub fn is_stream(path: &Path) -> bool {
    path == Path::new("-") || is_special(path)
}

fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| !meta.is_file())
}

/// Brings a whole file to its place: under that name there is at every moment what was there before, or all of it. What
/// goes to a [stream](is_stream) is copied, and stays.
///
/// # Errors
/// It can't be written there. The whole file is still where it was.
pub fn deliver(what: &'static str, whole: &Path, path: &Path) -> Result<(), OutputFileError> {
    let failed = |cause| OutputFileError { what, target: path.display().to_string(), cause };
    let is_stream = is_stream(path);
    if !is_stream {
        match fs::rename(whole, path) {
            Err(cause) if cause.kind() == io::ErrorKind::CrossesDevices => {}
            renamed => return renamed.and_then(|()| sync_folder_of(path)).map_err(failed),
        }
    }
    let mut from = File::open(whole).map_err(failed)?;
    let mut to = OutputFile::create(what, Some(path))?;
    to.write(|sink| io::copy(&mut from, sink).map(drop))?;
    to.flush()?;
    if let Some((partial, _)) = &to.rename {
        File::open(partial).and_then(|file| file.sync_all()).map_err(failed)?;
    }
    to.finish()?;
    if is_stream { Ok(()) } else { sync_folder_of(path).and_then(|()| fs::remove_file(whole)).map_err(failed) }
}

/// Makes a file's name outlive a loss of power.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Elsewhere folders can't be opened; there the system keeps names safe by itself.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// What was not finished is removed: on a full disk it would only stand in the way.
impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some((partial, _)) = self.rename.take() {
            let _ = fs::remove_file(partial);
        }
    }
}
