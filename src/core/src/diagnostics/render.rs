//! Diagnostics as text for people: file, line, column, the text underlined, and help.

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Severity};

use super::Diagnostic;
use super::suggestion::floor_char_boundary;

/// Columns that messages are wrapped at.
const WIDTH: usize = 110;
/// Of more problems than this the first are shown, and the rest is counted.
pub const SHOWN_MAX: usize = 100;
/// Longer lines are not drawn.
const DRAWN_LINE_BYTES_MAX: usize = 1_000;

/// Draws the problems found in `text`, which was read from `file`; in colour when asked. Of more than [`SHOWN_MAX`] the rest is
/// counted in a last line.
///
/// Each problem starts with a plain `file:line:column: message` (counted from 1, columns in characters), for editors and
/// scripts.
pub fn render(file: &str, text: &str, problems: &[Diagnostic], colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH).without_cause_chain().with_links(false);
    let source = NamedSource::new(file, text.to_owned());
    let mut out = String::new();
    for problem in &problems[..problems.len().min(SHOWN_MAX)] {
        let (line, column) = position(text, problem.span.start);
        out.push_str(&format!("{file}:{line}:{column}: {}\n", problem.message));
        if !draw(&handler, &source, text, problem, &mut out) && !problem.help.is_empty() {
            out.push_str(&format!("  help: {}\n", problem.help));
        }
        out.push('\n');
    }
    if problems.len() > SHOWN_MAX {
        let rest = problems.len() - SHOWN_MAX;
        out.push_str(&format!("{file}: and {rest} more, some of which may follow from those above\n\n"));
    }
    out
}

/// The 1-based line and column (in characters) of a byte offset.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..floor_char_boundary(text, offset)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Draws the text with the problem underlined; false if it cannot be drawn.
fn draw(
    handler: &GraphicalReportHandler,
    source: &NamedSource<String>,
    text: &str,
    problem: &Diagnostic,
    out: &mut String,
) -> bool {
    let (start, end) = (floor_char_boundary(text, problem.span.start), floor_char_boundary(text, problem.span.end));
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_length = text[line_start..].find('\n').unwrap_or(text.len() - line_start);
    if text.is_empty() || line_length > DRAWN_LINE_BYTES_MAX {
        return false;
    }
    // Of several lines, only the first is underlined.
    let end = end.clamp(start, line_start + line_length);
    let label = LabeledSpan::new(Some("here".to_owned()), start, end - start);
    let mut diagnostic =
        MietteDiagnostic::new(problem.message.clone()).with_severity(Severity::Error).with_label(label);
    if !problem.help.is_empty() {
        diagnostic = diagnostic.with_help(problem.help.clone());
    }
    let report = miette::Report::new(diagnostic).with_source_code(source.clone());
    let mut drawn = String::new();
    if handler.render_report(&mut drawn, report.as_ref()).is_err() {
        return false;
    }
    // The first line has the message, which was written above.
    out.push_str(drawn.split_once('\n').map_or("", |(_, rest)| rest));
    true
}
