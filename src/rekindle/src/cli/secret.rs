//! Reads the secret that draws depend on. It is read once, at the start; a reload of the rules does not read it.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rekindle_core::secret::DrawSecret;
use rekindle_settings::Secret;

/// Larger files are refused: they are something else.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Shorter secrets could be found by trying.
const SECRET_BYTES_MIN: usize = 16;

/// Why the secret could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the secret file {}: {source}; without `secret_file` there is no secret", path.display())]
pub struct SecretFileError {
    path: PathBuf,
    source: io::Error,
}

/// The secret, and what the operator should know about it.
#[derive(Debug, Default)]
pub(super) struct LoadedSecret {
    pub(super) secret: DrawSecret,
    pub(super) warnings: Vec<String>,
}

impl LoadedSecret {
    /// The secret from where the settings say it is; empty if they say nothing.
    ///
    /// # Errors
    /// The file can't be read, or is too large.
    pub(super) fn of(place: Option<&Secret>) -> Result<LoadedSecret, SecretFileError> {
        match place {
            None => Ok(LoadedSecret::default()),
            Some(Secret::File(path)) => read(path).map_err(|source| SecretFileError { path: path.clone(), source }),
            Some(Secret::Environment(text)) => Ok(LoadedSecret {
                secret: DrawSecret::of_file(text.as_bytes()),
                warnings: too_short("the secret in REKINDLE_ENGINE_SECRET", text.len()).into_iter().collect(),
            }),
        }
    }

    /// The same for a command that runs in a terminal: the warnings go to standard error.
    pub(super) fn of_command(place: Option<&Secret>) -> Result<DrawSecret, SecretFileError> {
        let LoadedSecret { secret, warnings } = LoadedSecret::of(place)?;
        for warning in warnings {
            // A closed standard error is no reason to fail.
            let _ = writeln!(io::stderr(), "warning: {warning}");
        }
        Ok(secret)
    }
}

fn read(path: &Path) -> io::Result<LoadedSecret> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    let mut content = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 64 KiB"));
    }
    let (name, secret) = (format!("the secret file {}", path.display()), DrawSecret::of_file(&content));
    let mut warnings = Vec::new();
    if secret.is_empty() {
        warnings.push(format!("{name} is empty: everybody can foresee the draws of campaigns (`chance`)"));
    } else {
        warnings.extend(too_short(&name, content.len()));
    }
    if is_readable_by_everybody(&about) {
        warnings.push(format!("{name} is readable by everybody on this machine: chmod 600"));
    }
    Ok(LoadedSecret { secret, warnings })
}

fn too_short(name: &str, bytes: usize) -> Option<String> {
    let help = "take a long random one, such as `openssl rand -hex 32` gives";
    (bytes < SECRET_BYTES_MIN).then(|| format!("{name} has only {bytes} bytes, and could be found by trying: {help}"))
}

#[cfg(unix)]
fn is_readable_by_everybody(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    about.is_file() && about.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_readable_by_everybody(_about: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reading a file with this content and mode gives.
    fn read_of(content: &[u8], mode: u32) -> (DrawSecret, Vec<String>) {
        use std::os::unix::fs::PermissionsExt as _;
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), content).expect("room");
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).expect("our own file");
        let loaded = LoadedSecret::of(Some(&Secret::File(file.path().to_owned()))).expect("a file that can be read");
        (loaded.secret, loaded.warnings)
    }

    #[test]
    fn a_secret_that_is_long_and_kept_has_no_warnings() {
        let (secret, warnings) = read_of(b"0123456789abcdef0123456789abcdef\n", 0o600);
        assert_eq!(secret.fingerprint(), DrawSecret::of_file(b"0123456789abcdef0123456789abcdef").fingerprint());
        assert!(warnings.is_empty(), "{warnings:?}");
        assert!(LoadedSecret::of(None).expect("there is none").secret.is_empty());
    }

    #[test]
    fn a_secret_that_is_empty_short_or_readable_by_everybody_has_a_warning() {
        let cases: [(&[u8], u32, &str); 3] = [
            (b"\n", 0o600, "is empty: everybody can foresee"),
            (b"short", 0o600, "has only 5 bytes"),
            (b"0123456789abcdef", 0o644, "is readable by everybody"),
        ];
        for (content, mode, warning) in cases {
            let (_, warnings) = read_of(content, mode);
            assert!(matches!(warnings.as_slice(), [only] if only.contains(warning)), "{warnings:?}");
        }
    }

    #[test]
    fn a_secret_file_that_is_missing_or_too_large_is_refused() {
        let refused = |path: &str| {
            let error = LoadedSecret::of(Some(&Secret::File(path.into()))).expect_err("it is refused");
            error.to_string()
        };
        assert!(refused("/no/such/secret").starts_with("cannot read the secret file /no/such/secret: "));
        assert!(refused("/dev/zero").contains("it is larger than 64 KiB"));
    }
}
