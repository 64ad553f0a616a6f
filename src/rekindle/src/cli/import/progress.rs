//! How far an import has come, in a file, so that it can continue.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::ImportError;

/// How far an import has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ImportProgress {
    /// What tells this import from others.
    pub(super) import: String,
    /// Events that are written, or acknowledged, for good.
    pub(super) events: u64,
    /// A digest of them.
    pub(super) digest: String,
    /// The length of the output file with them.
    pub(super) output_bytes: u64,
    /// Rejections that are written, and the length of their file.
    pub(super) rejections: u64,
    pub(super) rejected_bytes: u64,
    pub(super) is_finished: bool,
}

/// The file of an import's progress.
#[derive(Debug)]
pub(super) struct ProgressFile {
    path: PathBuf,
}

impl ProgressFile {
    pub(super) fn new(path: &Path) -> ProgressFile {
        ProgressFile { path: path.to_owned() }
    }

    /// The progress of this import; the beginning if there is none.
    ///
    /// # Errors
    /// The file can't be read, or is that of another import.
    pub(super) fn read(&self, import: &str) -> Result<ImportProgress, ImportError> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(ImportProgress { import: import.to_owned(), ..ImportProgress::default() });
            }
            Err(error) => return Err(self.failed(error)),
        };
        let progress: ImportProgress = serde_json::from_slice(&text).map_err(|error| self.failed(error.into()))?;
        if progress.import == import { Ok(progress) } else { Err(self.is_of_another()) }
    }

    /// Keeps it: at any moment the file holds the progress before or this one.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) fn write(&self, progress: &ImportProgress) -> Result<(), ImportError> {
        let mut partial = self.path.as_os_str().to_owned();
        partial.push(".partial");
        let written = || {
            let mut file = File::create(&partial)?;
            file.write_all(&serde_json::to_vec(progress)?)?;
            file.sync_all()?;
            fs::rename(&partial, &self.path)
        };
        written().map_err(|error| self.failed(error))
    }

    pub(super) fn is_of_another(&self) -> ImportError {
        ImportError::OtherImport(self.path.clone())
    }

    fn failed(&self, source: io::Error) -> ImportError {
        ImportError::Progress { path: self.path.clone(), source }
    }
}
