//! `rekindle man`: writes the manual pages, for packages. Not in the list of commands.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::CommandFactory;

use super::Cli;

/// Write the manual pages, one per command, into a folder
#[derive(clap::Args, Clone, Debug)]
pub struct ManArgs {
    /// The folder; it is created if it is missing
    folder: PathBuf,
}

/// Writes `rekindle.1`, and a page for each command that is listed.
///
/// # Errors
/// The folder cannot be written to.
pub fn run(args: &ManArgs) -> io::Result<()> {
    fs::create_dir_all(&args.folder)?;
    // It is no command for a page of its own.
    let commands = Cli::command().disable_help_subcommand(true);
    clap_mangen::generate_to(commands, &args.folder)
}
