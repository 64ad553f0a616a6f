//! Replacing the text of the rules file, as one step: at any moment, also after a loss of power, it has the old text or the new one.
//!
//! Its mode stays, its owner as far as this process may set it, and a link stays a link. A file that nobody may write is not
//! replaced, though its folder would permit it: it was made so on purpose.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a rules file could not be replaced. It is as it was.
#[derive(Debug, Error)]
pub enum RulesFileError {
    /// Nobody may write it.
    #[error("the rules file {} is read-only: let this process write it and its folder, or change it where it comes from", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// A step failed.
    #[error(
        "the rules file {} can't be replaced ({attempt}: {source}): it must be in a folder that this process may write, and be no mount of \
         its own; else change it where it comes from", path.display()
    )]
    Failed {
        /// The file.
        path: PathBuf,
        /// The step.
        attempt: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

/// Replaces the text.
///
/// # Errors
/// The file is missing, read-only, or in a folder that can't be written.
pub fn replace(path: &Path, text: &str) -> Result<(), RulesFileError> {
    let failed = |attempt| move |source| RulesFileError::Failed { path: path.to_owned(), attempt, source };
    let target = fs::canonicalize(path).map_err(failed("find it"))?;
    let metadata = fs::metadata(&target).map_err(failed("look at it"))?;
    if metadata.permissions().readonly() {
        return Err(RulesFileError::ReadOnly { path: path.to_owned() });
    }
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let folder = target.parent().unwrap_or(Path::new("/"));
    let unfinished = folder.join(format!(".{name}.{}.unfinished", std::process::id()));
    let written = write(&unfinished, text, &metadata).map_err(failed("write a file beside it"));
    let replaced = written.and_then(|()| fs::rename(&unfinished, &target).map_err(failed("rename a file beside it")));
    if let Err(error) = replaced {
        // The next attempt overwrites what is left.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    // It has the new text now; that it survives a loss of power as well is not worth an error that says otherwise.
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

fn write(unfinished: &Path, text: &str, like: &fs::Metadata) -> io::Result<()> {
    // A process that died left it; or it is a link, of which the target is none of ours.
    match fs::remove_file(unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(unfinished)?;
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        // Who may not give files away is the owner from now on.
        let _ = fchown(&file, Some(like.uid()), Some(like.gid()));
    }
    file.set_permissions(like.permissions())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("an entry").file_name());
        entries.map(|name| name.into_string().expect("text")).collect()
    }

    #[test]
    fn the_text_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rules.toml");
        fs::write(&path, "old").expect("there is room");
        fs::write(folder.path().join(format!(".rules.toml.{}.unfinished", std::process::id())), "half").expect("room");
        replace(&path, "new").expect("it may be written");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "new");
        assert_eq!(names(folder.path()), ["rules.toml"]);
    }

    #[cfg(unix)]
    #[test]
    fn mode_and_link_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let (target, link) = (folder.path().join("target.toml"), folder.path().join("rules.toml"));
        fs::write(&target, "old").expect("there is room");
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).expect("it is ours");
        std::os::unix::fs::symlink(&target, &link).expect("a link");
        replace(&link, "new").expect("it may be written");
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        assert_eq!(fs::read_to_string(&target).expect("readable"), "new");
        assert_eq!(fs::metadata(&target).expect("it is there").permissions().mode() & 0o7777, 0o640);
    }

    #[test]
    fn a_file_that_is_read_only_or_missing_is_named_and_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rules.toml");
        let missing = replace(&path, "new").expect_err("there is none").to_string();
        assert!(missing.contains("rules.toml can't be replaced (find it"), "{missing}");
        fs::write(&path, "old").expect("there is room");
        let mut permissions = fs::metadata(&path).expect("it is there").permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).expect("it is ours");
        assert!(matches!(replace(&path, "new"), Err(RulesFileError::ReadOnly { .. })));
        assert_eq!((fs::read_to_string(&path).expect("readable"), names(folder.path()).len()), ("old".to_owned(), 1));
    }
}
