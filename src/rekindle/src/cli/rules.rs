//! `rekindle rules`: prints the language reference and the cookbook.

use std::io::{self, Write};

use rekindle_core::rules::reference;

/// Print the rules language reference, with examples to copy
#[derive(clap::Args, Clone, Debug)]
pub struct RulesArgs {}

/// Writes the reference and the cookbook to standard output.
///
/// # Errors
/// Standard output cannot be written to (a closed pipe is no error).
pub fn run(_args: &RulesArgs) -> io::Result<()> {
    match write!(io::stdout().lock(), "{}\n{}", reference::TEXT, reference::COOKBOOK) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
