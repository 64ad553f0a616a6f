//! Why an import ended without success.

use std::io;
use std::path::PathBuf;

/// Why an import ended without success.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Nothing was taken.
    #[error("all events were rejected; the summary has the reasons, --dry-run shows each")]
    NothingAccepted,
    /// A file is not what it should be.
    #[error("{}: {why}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What it is, and what to do.
        why: String,
    },
    /// A file could not be read to its end.
    #[error("could not read {} past line {line}: {source}; what was read before it is imported", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The last line.
        line: u64,
        /// Why not.
        source: io::Error,
    },
    /// There is no such mapping.
    #[error("there is no mapping `{0}`: no file, none in the settings of --config, none that is built in")]
    NoMapping(String),
    /// The format needs one.
    #[error("jsonl needs --mapping, unless each line is a call: for that, say segment-s3")]
    MappingNeeded,
    /// No mapping could be guessed.
    #[error("no mapping can be guessed: {0}")]
    NoGuess(String),
    /// The mapping can't be written.
    #[error("the mapping can't be written as TOML: {0}")]
    Toml(#[from] toml::ser::Error),
    /// There is nothing to continue on.
    #[error("--resume needs --output FILE or --publish: what went to standard output can't be continued")]
    NotResumable,
    /// The progress is of something else.
    #[error("{} is the progress of another import (other files, mapping or options): delete it to start over", .0.display())]
    OtherImport(PathBuf),
    /// The progress can't be read or written.
    #[error("could not use the progress in {}: {source}", path.display())]
    Progress {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No stream takes the events in.
    #[error(
        "no stream takes in {0}: create it (create = true under [source], or `nats stream add`), or name another with --subject"
    )]
    NoStream(String),
}
