//! Output files that are either whole or not there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file, or standard output, could not be written.
#[derive(Debug, Error)]
#[error("could not write {what} to {target}: {cause}{}", hint(cause))]
pub struct SinkError {
    /// What was to be written.
    pub what: &'static str,
    /// Where to.
    pub target: String,
    /// Why not.
    pub cause: io::Error,
}

const STANDARD_OUTPUT: &str = "standard output";

impl SinkError {
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
    pub fn create(what: &'static str, path: Option<&Path>) -> Result<OutputFile, SinkError> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            let writer = BufWriter::with_capacity(1 << 18, Box::new(io::stdout()) as Box<dyn Write + Send>);
            return Ok(OutputFile { what, target: STANDARD_OUTPUT.to_owned(), writer, rename: None });
        };
        let target = path.display().to_string();
        let is_special = fs::metadata(path).is_ok_and(|meta| !meta.is_file());
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let opened = if is_special { File::options().write(true).open(path) } else { File::create(&partial) };
        let file = opened.map_err(|cause| SinkError { what, target: target.clone(), cause })?;
        let rename = (!is_special).then(|| (PathBuf::from(partial), path.to_owned()));
        Ok(OutputFile { what, target, writer: BufWriter::with_capacity(1 << 18, Box::new(file)), rename })
    }

    /// Writes with `write`, and says what it was writing if that fails.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn write(
        &mut self,
        write: impl FnOnce(&mut BufWriter<Box<dyn Write + Send>>) -> io::Result<()>,
    ) -> Result<(), SinkError> {
        write(&mut self.writer).map_err(|cause| self.error(cause))
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// The disk is full.
    pub fn flush(&mut self) -> Result<(), SinkError> {
        self.writer.flush().map_err(|cause| self.error(cause))
    }

    /// Writes out what is buffered and gives the file its name. Of several files that belong together all are to be
    /// [flushed](OutputFile::flush) first, so that a full disk leaves none of them under its name.
    ///
    /// # Errors
    /// The disk is full, or the file can't be renamed.
    pub fn finish(mut self) -> Result<(), SinkError> {
        self.flush()?;
        match self.rename.take() {
            Some((partial, path)) => fs::rename(partial, path).map_err(|cause| self.error(cause)),
            None => Ok(()),
        }
    }

    fn error(&self, cause: io::Error) -> SinkError {
        SinkError { what: self.what, target: self.target.clone(), cause }
    }
}

/// What was not finished is removed: on a full disk it would only stand in the way.
impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some((partial, _)) = self.rename.take() {
            let _ = fs::remove_file(partial);
        }
    }
}
