//! `rekindle rules`: prints the language reference.

use std::io::{self, Write};

use rekindle_core::rules::reference;

/// Print the rules language reference
#[derive(clap::Args, Clone, Debug)]
pub struct RulesArgs {}

/// Writes the reference to standard output.
///
/// # Errors
/// Standard output cannot be written to (a closed pipe is no error).
pub fn run(_args: &RulesArgs) -> io::Result<()> {
    match io::stdout().lock().write_all(reference::TEXT.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
