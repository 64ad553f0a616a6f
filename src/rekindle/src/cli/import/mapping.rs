//! Which mapping an import uses: named, that of the format, or a guess.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rekindle_core::diagnostics;
use rekindle_mapping::guess::{ColumnSample, MappingGuess};
use rekindle_mapping::{MappingTable, MappingZone, builtin};
use rekindle_runtime::files::source::open_input;
use rekindle_settings::Settings;
use serde_json::Value;

use super::super::load::{FileLoadError, read_text};
use super::error::ImportError;
use super::format::ImportFormat;
use super::rows::CsvRows;
use super::{ImportArgs, products};
use crate::cli::CliError;

/// How many rows a guess looks at.
const SAMPLE_ROWS: usize = 100;

/// The mapping of an import.
#[derive(Debug)]
pub(super) struct ImportMapping {
    /// `None`: the files hold calls.
    table: Option<MappingTable>,
    is_csv: bool,
    /// It was guessed: what somebody should look at.
    notes: Option<Vec<String>>,
}

impl ImportMapping {
    pub(super) fn of(args: &ImportArgs, settings: &Settings) -> Result<ImportMapping, CliError> {
        let is_csv = args.format.is_csv(first_byte(args)?);
        let mut notes = None;
        let mut table = match &args.mapping {
            Some(name) => Some(named(name, settings)?),
            None => match args.format.mapping(is_csv) {
                Some(name) => builtin::table(name),
                None if args.format == ImportFormat::SegmentS3 => None,
                None if !is_csv => return Err(ImportError::MappingNeeded.into()),
                None => {
                    let guess = match args.format {
                        ImportFormat::Products => products_guess(args)?,
                        _ => guess(args)?,
                    };
                    notes = guess.notes;
                    Some(guess.table)
                }
            },
        };
        if let Some(table) = &mut table {
            let own = table.time_zone.take();
            table.time_zone = Some(args.time_zone.clone().or(own).unwrap_or_else(MappingZone::utc));
        }
        Ok(ImportMapping { table, is_csv, notes })
    }

    pub(super) fn table(&self) -> Option<&MappingTable> {
        self.table.as_ref()
    }

    pub(super) fn is_csv(&self) -> bool {
        self.is_csv
    }

    /// The name of the zone of times without one.
    pub(super) fn zone(&self) -> Option<String> {
        Some(self.table.as_ref()?.time_zone.as_ref()?.name().to_owned())
    }

    /// As a file.
    pub(super) fn text(&self) -> Result<String, CliError> {
        let Some(table) = &self.table else {
            return Ok("# The files hold calls: there is nothing to map.\n".to_owned());
        };
        let notes: String = self.notes.iter().flatten().map(|note| format!("# {note}\n")).collect();
        Ok(format!("{notes}{}", toml::to_string(table).map_err(ImportError::Toml)?))
    }

    /// Shows a guess.
    pub(super) fn show(&self, args: &ImportArgs) -> Result<(), CliError> {
        if self.notes.is_none() || args.quiet {
            return Ok(());
        }
        let head = "# This mapping is guessed from the names of the columns. --print-mapping prints it, to be saved, edited and named with --mapping.";
        let text = format!("{head}\n{}\n", self.text()?);
        if args.dry_run {
            std::io::stdout().write_all(text.as_bytes())?;
        } else {
            // A closed standard error is no reason to fail.
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        Ok(())
    }
}

fn named(name: &str, settings: &Settings) -> Result<MappingTable, CliError> {
    if Path::new(name).is_file() {
        let text = read_text(Path::new(name))?;
        return MappingTable::parse(&text).map_err(|problems| {
            FileLoadError::Wrong(diagnostics::render(name, &text, &problems, false).trim_end().to_owned()).into()
        });
    }
    let own = settings.mappings.iter().find(|mapping| mapping.name == name).cloned();
    own.or_else(|| builtin::table(name)).ok_or_else(|| ImportError::NoMapping(name.to_owned()).into())
}

/// A mapping that was chosen; with notes if it was guessed.
struct ChosenMapping {
    table: MappingTable,
    notes: Option<Vec<String>>,
}

fn guess(args: &ImportArgs) -> Result<ChosenMapping, CliError> {
    let (path, columns, sample) = sample(args)?;
    let guess = ColumnSample { columns: &columns, rows: &sample }.guess();
    chosen(&path, guess)
}

/// The mapping of products: that of the columns, if they are known.
fn products_guess(args: &ImportArgs) -> Result<ChosenMapping, CliError> {
    let (path, columns, sample) = sample(args)?;
    match products::known_mapping(&columns).and_then(builtin::table) {
        Some(table) => Ok(ChosenMapping { table, notes: None }),
        None => chosen(&path, products::guess(&columns, &sample)),
    }
}

fn chosen(path: &Path, guess: Result<MappingGuess, String>) -> Result<ChosenMapping, CliError> {
    let guess = guess.map_err(|why| ImportError::NoGuess(format!("{}: {why}", path.display())))?;
    Ok(ChosenMapping { table: guess.table, notes: Some(guess.notes) })
}

/// The first file that is to be read, its columns and its first rows.
fn sample(args: &ImportArgs) -> Result<(PathBuf, Vec<String>, Vec<Value>), CliError> {
    let Some(path) = args.files.first().filter(|path| *path != Path::new("-")) else {
        let why = "standard input can't be read twice: name a mapping with --mapping".to_owned();
        return Err(ImportError::NoGuess(why).into());
    };
    let mut rows = CsvRows::open(path, args, &Arc::new(AtomicU64::new(0)))?;
    let mut sample = Vec::new();
    while sample.len() < SAMPLE_ROWS
        && let Some((_, row)) = rows.next(&args.nulls)?
    {
        sample.extend(row.ok());
    }
    Ok((path.clone(), rows.columns, sample))
}

/// The first byte of the first file that is not blank; `None`: it can't be known, or does not matter.
fn first_byte(args: &ImportArgs) -> Result<Option<u8>, CliError> {
    let is_open = matches!(args.format, ImportFormat::Shopify | ImportFormat::PostHog | ImportFormat::Products);
    let Some(path) = args.files.first().filter(|path| is_open && *path != Path::new("-")) else { return Ok(None) };
    let (mut input, _) =
        open_input(path, &Arc::new(AtomicU64::new(0))).map_err(|error| CliError::Replay(error.into()))?;
    let first = input.fill_buf().unwrap_or_default();
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    Ok(first.iter().copied().find(|byte| !byte.is_ascii_whitespace()))
}
