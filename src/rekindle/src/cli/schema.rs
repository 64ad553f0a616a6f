//! `rekindle schema`: prints the JSON Schema of a kind of file.

use std::io::{self, Write};

use rekindle_core::rules;
use rekindle_settings as settings;

/// Print the JSON Schema of settings or rules, for completion and checks in editors
///
/// For editors with a TOML extension: rekindle schema rules > rules.schema.json, and as the first line of the rules file
/// "#:schema ./rules.schema.json". A schema cannot express every rule; `rekindle check` checks all.
#[derive(clap::Args, Clone, Debug)]
pub struct SchemaArgs {
    /// Of which file
    #[arg(value_enum)]
    of: SchemaKind,
}

/// The kinds of files that have a schema.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum SchemaKind {
    /// The settings: config/rekindle.toml
    Config,
    /// The rules: config/rules.toml
    Rules,
}

/// Writes the schema to standard output.
///
/// # Errors
/// Standard output cannot be written to.
pub fn run(args: &SchemaArgs) -> io::Result<()> {
    let schema = match args.of {
        SchemaKind::Config => settings::schema::schema(),
        SchemaKind::Rules => rules::schema::schema(),
    };
    writeln!(io::stdout().lock(), "{schema:#}")
}
