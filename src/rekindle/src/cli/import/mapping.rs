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
use super::format::{FileSyntax, ImportFormat};
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
    syntax: FileSyntax,
    origin: MappingOrigin,
}

/// How a mapping was chosen.
#[derive(Debug)]
enum MappingOrigin {
    /// It was named, or is that of the format.
    Given,
    /// It is the built-in one of files like the first.
    Found(&'static str),
    /// It was guessed: what somebody should look at.
    Guessed(Vec<String>),
}

impl ImportMapping {
    pub(super) fn of(args: &ImportArgs, settings: &Settings) -> Result<ImportMapping, CliError> {
        let syntax = args.format.syntax(first_byte(args)?);
        let mut origin = MappingOrigin::Given;
        let mut table = match &args.mapping {
            Some(name) => Some(named(name, settings)?),
            None => match args.format.mapping(syntax) {
                Some(name) => {
                    if args.format == ImportFormat::Products {
                        origin = MappingOrigin::Found(name);
                    }
                    builtin::table(name)
                }
                None if args.format == ImportFormat::SegmentS3 => None,
                None if syntax != FileSyntax::Csv => return Err(ImportError::MappingNeeded.into()),
                None => {
                    let chosen = match args.format {
                        ImportFormat::Products => products_mapping(args)?,
                        _ => guess(args)?,
                    };
                    origin = chosen.origin;
                    Some(chosen.table)
                }
            },
        };
        if let Some(table) = &mut table {
            let own = table.time_zone.take();
            table.time_zone = Some(args.time_zone.clone().or(own).unwrap_or_else(MappingZone::utc));
        }
        Ok(ImportMapping { table, syntax, origin })
    }

    pub(super) fn table(&self) -> Option<&MappingTable> {
        self.table.as_ref()
    }

    pub(super) fn syntax(&self) -> FileSyntax {
        self.syntax
    }

    /// Fails if a file of products is of another format than the first one.
    pub(super) fn check_columns(&self, path: &Path, columns: &[String]) -> Result<(), ImportError> {
        let known = products::known_mapping(columns);
        let is_same = match &self.origin {
            MappingOrigin::Given => true,
            MappingOrigin::Found(name) => known == Some(*name),
            MappingOrigin::Guessed(_) => known.is_none(),
        };
        let why = || "its columns are of another format than those of the first file: import it alone".to_owned();
        if is_same { Ok(()) } else { Err(ImportError::File { file: path.to_owned(), why: why() }) }
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
        let notes = match &self.origin {
            MappingOrigin::Guessed(notes) => notes.iter().map(|note| format!("# {note}\n")).collect(),
            MappingOrigin::Given | MappingOrigin::Found(_) => String::new(),
        };
        Ok(format!("{notes}{}", toml::to_string(table).map_err(ImportError::Toml)?))
    }

    /// Shows what was guessed, or found.
    pub(super) fn show(&self, args: &ImportArgs) -> Result<(), CliError> {
        if args.quiet {
            return Ok(());
        }
        let how_to = "--print-mapping prints it, to be saved, edited and named with --mapping.";
        let head = match &self.origin {
            MappingOrigin::Given => return Ok(()),
            MappingOrigin::Found(name) => format!("# The file is read with the built-in mapping {name}. {how_to}"),
            MappingOrigin::Guessed(_) => {
                format!("# This mapping is guessed from the names of the columns. {how_to}")
            }
        };
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

/// A mapping that was chosen by what the first file holds.
struct ChosenMapping {
    table: MappingTable,
    origin: MappingOrigin,
}

fn guess(args: &ImportArgs) -> Result<ChosenMapping, CliError> {
    let (path, columns, sample) = sample(args)?;
    let guess = ColumnSample { columns: &columns, rows: &sample }.guess();
    chosen(&path, guess)
}

/// The mapping of products: that of the columns, if they are known.
fn products_mapping(args: &ImportArgs) -> Result<ChosenMapping, CliError> {
    let (path, columns, sample) = sample(args)?;
    let known = products::known_mapping(&columns);
    match known.and_then(|name| Some((name, builtin::table(name)?))) {
        Some((name, table)) => Ok(ChosenMapping { table, origin: MappingOrigin::Found(name) }),
        None => chosen(&path, products::guess(&columns, &sample)),
    }
}

fn chosen(path: &Path, guess: Result<MappingGuess, String>) -> Result<ChosenMapping, CliError> {
    let guess = guess.map_err(|why| ImportError::NoGuess(format!("{}: {why}", path.display())))?;
    Ok(ChosenMapping { table: guess.table, origin: MappingOrigin::Guessed(guess.notes) })
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
    let Some(path) = args.files.first().filter(|_| is_open) else { return Ok(None) };
    let visible = |first: &[u8]| {
        let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
        first.iter().copied().find(|byte| !byte.is_ascii_whitespace())
    };
    if path == Path::new("-") {
        // What is filled stays there for who reads standard input later.
        let first =
            if args.format == ImportFormat::Products { visible(std::io::stdin().lock().fill_buf()?) } else { None };
        return Ok(first);
    }
    let (mut input, _) =
        open_input(path, &Arc::new(AtomicU64::new(0))).map_err(|error| CliError::Replay(error.into()))?;
    let first = visible(input.fill_buf().unwrap_or_default());
    if first.is_none() && args.format == ImportFormat::Products && path.is_file() {
        return Err(ImportError::File { file: path.clone(), why: "it is empty".to_owned() }.into());
    }
    Ok(first)
}
