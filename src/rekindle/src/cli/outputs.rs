//! Refuses command lines on which an output shares a file with another output or with an input.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::SharedFileError;

/// A file that the command line names, and the option it is named by.
pub(super) type NamedPath<'a> = (&'static str, &'a Path);

/// Two outputs in one file would write over one another, and an output would replace the input it shares a file with.
///
/// # Errors
/// Two of `outputs`, or one of them and one of `inputs`, are the same regular file, or two are standard output (`-`).
pub(super) fn refuse_shared_files(outputs: &[NamedPath<'_>], inputs: &[NamedPath<'_>]) -> Result<(), SharedFileError> {
    for (at, (option, path)) in outputs.iter().enumerate() {
        let Some(file) = identity(path) else { continue };
        let is_same = |(_, other): &&NamedPath<'_>| identity(other).is_some_and(|other| other == file);
        if let Some((other, _)) = outputs[..at].iter().find(is_same) {
            let place = if file == Path::new("-") { "standard output".to_owned() } else { path.display().to_string() };
            return Err(SharedFileError::TwoOutputs { first: other, second: option, place });
        }
        if let Some((input, _)) = inputs.iter().filter(|(_, path)| *path != Path::new("-")).find(is_same) {
            return Err(SharedFileError::InputAndOutput { output: option, input, path: path.to_path_buf() });
        }
    }
    Ok(())
}

/// The canonical path of a file; `None` for devices and pipes, which may be shared.
fn identity(path: &Path) -> Option<PathBuf> {
    if path == Path::new("-") {
        return Some(path.to_owned());
    }
    if let Ok(whole) = fs::canonicalize(path) {
        return whole.is_file().then_some(whole);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(fs::canonicalize(folder).ok()?.join(path.file_name()?))
}
