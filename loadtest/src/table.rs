//! What a test came to, for people: names and values, one a line; or for a page in Markdown, or for programs.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::error::Error;
use crate::machine::Machine;

/// How what was measured is printed: as a table in columns unless it is said
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ReportFormat {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Print a table in Markdown, with the machine and the date above it
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
}

/// A table: its header, and rows as long as it.
pub(crate) struct Table {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// A report, and on what it was made.
#[derive(Serialize)]
struct ReportEnvelope<'a, R> {
    #[serde(flatten)]
    report: &'a R,
    machine: &'a Machine,
}

impl ReportFormat {
    /// Prints a report, which is `table` for people.
    pub(crate) fn print(self, report: &impl Serialize, table: &Table) -> Result<(), Error> {
        let machine = Machine::this();
        let printed = match (self.json, self.markdown) {
            (true, _) => print_json(&ReportEnvelope { report, machine: &machine }),
            (_, true) => write_out(&format!("{machine}\n\n{}", table.markdown())),
            _ => write_out(&table.text()),
        };
        printed.map_err(|cause| Error::Io { attempt: "write to standard output", cause })
    }
}

impl Table {
    /// Names and values.
    pub(crate) fn of_rows(rows: Vec<(&str, String)>) -> Table {
        let rows = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
        Table { header: vec![String::new(), String::new()], rows }
    }

    /// In columns, the first of which begins at the left.
    fn text(&self) -> String {
        let all =
            || std::iter::once(&self.header).chain(&self.rows).filter(|row| row.iter().any(|cell| !cell.is_empty()));
        let columns = self.header.len();
        let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in all() {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match (column, columns) {
                    (0, _) => line += &format!("{cell:width$}"),
                    (_, 2) => line += &format!("  {cell}"),
                    _ => line += &format!("  {cell:>width$}"),
                }
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = line(&self.header);
        text += &format!("|{}\n", "---|".repeat(self.header.len()));
        self.rows.iter().for_each(|row| text += &line(row));
        text
    }
}

fn write_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes rows to standard output, the values in a column.
pub(crate) fn print(rows: &[(&str, String)]) -> io::Result<()> {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut out = io::stdout().lock();
    for (name, value) in rows {
        writeln!(out, "{name:width$}  {value}")?;
    }
    out.flush()
}

/// Writes one JSON object to standard output.
pub(crate) fn print_json(report: &impl serde::Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, report)?;
    writeln!(out)
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        Table { header: row(["users", "10", "1,000"]), rows: vec![row(["rate", "5", "60"])] }
    }

    #[test]
    fn columns_of_numbers_end_at_the_right() {
        assert_eq!(table().text(), "users  10  1,000\nrate    5     60\n");
        assert_eq!(Table::of_rows(vec![("a", "x".to_owned()), ("bc", "y".to_owned())]).text(), "a   x\nbc  y\n");
    }

    #[test]
    fn markdown_can_be_put_into_a_page() {
        assert_eq!(table().markdown(), "| users | 10 | 1,000 |\n|---|---|---|\n| rate | 5 | 60 |\n");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(grouped), ["0", "999", "1,000", "12,345,678"]);
    }
}
