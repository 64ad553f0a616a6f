//! Secrets of a destination, from files only.
//!
//! They are read again every few seconds while requests are built, so that they can be rotated without a restart.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use minijinja::Value;
use rekindle_settings::DestinationSettings;
use thiserror::Error;

/// Larger files are refused: they are something else.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// How long what was read is used.
const FRESH: Duration = Duration::from_secs(10);

/// A secret that can't be used.
#[derive(Debug, Error)]
#[error("cannot use the secret file {}: {source}", path.display())]
pub struct SecretFileReadError {
    path: PathBuf,
    source: io::Error,
}

/// The secrets at one moment.
#[derive(Clone, Default)]
pub struct SecretValues {
    /// What templates call `secret`.
    pub(crate) by_name: Value,
    /// What requests are signed with.
    pub(crate) signing: Vec<String>,
}

/// The files.
pub struct DestinationSecrets {
    files: BTreeMap<String, PathBuf>,
    signing: Vec<PathBuf>,
    values: SecretValues,
    read_at: Instant,
}

impl DestinationSecrets {
    /// Reads all of them.
    ///
    /// # Errors
    /// One can't be read, or is empty.
    pub fn open(settings: &DestinationSettings) -> Result<DestinationSecrets, SecretFileReadError> {
        let signing = settings.signing.iter().flat_map(|signing| signing.secret_files.clone()).collect();
        let mut secrets = DestinationSecrets {
            files: settings.secrets.clone(),
            signing,
            values: SecretValues::default(),
            read_at: Instant::now(),
        };
        secrets.values = secrets.read()?;
        Ok(secrets)
    }

    /// The secrets now. Where a file can't be read again, the ones read before and why not.
    pub fn now(&mut self) -> (SecretValues, Option<SecretFileReadError>) {
        if self.read_at.elapsed() < FRESH {
            return (self.values.clone(), None);
        }
        self.read_at = Instant::now();
        match self.read() {
            Ok(values) => {
                self.values = values;
                (self.values.clone(), None)
            }
            Err(error) => (self.values.clone(), Some(error)),
        }
    }

    fn read(&self) -> Result<SecretValues, SecretFileReadError> {
        let mut by_name = BTreeMap::new();
        for (name, path) in &self.files {
            by_name.insert(name.clone(), Value::from_safe_string(secret(path)?));
        }
        let signing = self.signing.iter().map(|path| secret(path)).collect::<Result<_, _>>()?;
        Ok(SecretValues { by_name: Value::from(by_name), signing })
    }
}

/// The text of a file, without the blanks around it.
fn secret(path: &Path) -> Result<String, SecretFileReadError> {
    let read = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
        match text.trim() {
            "" => Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty")),
            _ if text.len() as u64 > FILE_BYTES_MAX => {
                Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large"))
            }
            text => Ok(text.to_owned()),
        }
    };
    read().map_err(|source| SecretFileReadError { path: path.to_owned(), source })
}
