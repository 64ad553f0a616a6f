//! Mistakes in rules and settings files: what is wrong, where, and what to do about it.
//!
//! `suggestion` finds the word that was probably meant, `source_map` the place in the file of a part of a string, `render`
//! formats a diagnostic for people.
//!
//! [`Diagnostics`] collects them while a file is read, so that one run shows every mistake there is.

mod characters;
mod render;
mod source_map;
mod suggestion;

use std::ops::Range;

pub use characters::{ascii_of_full_width, is_invisible_or_blank, percentage_as_share};
pub use render::{SHOWN_MAX, position, render};
pub use source_map::SourceMap;
pub use suggestion::{join_quoted, nearest, shorten, suggest};

pub(crate) use suggestion::floor_char_boundary;

/// The number of words that are compared for suggestions in one file; mistakes beyond that are reported without.
const COMPARED_MAX: usize = 200_000;

/// One problem, at its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
    /// The text it is about: a range of byte offsets into the file.
    pub span: Range<usize>,
}

/// What is wrong and what to do about it, without a place.
pub(crate) struct Advice {
    /// What is wrong, in one sentence.
    pub(crate) message: String,
    /// What to do about it; may be empty.
    pub(crate) help: String,
}

/// The problems found so far in one text.
pub struct Diagnostics<'t> {
    text: &'t str,
    found: Vec<Diagnostic>,
    /// Lines with syntax errors of TOML: what is read from them is not reported. In the order of the text, not overlapping.
    broken_lines: Vec<Range<usize>>,
    /// Where each line begins.
    line_starts: Vec<usize>,
    /// The number of words compared for suggestions.
    compared: usize,
}

impl<'t> Diagnostics<'t> {
    /// Collects problems of this text.
    pub fn new(text: &'t str) -> Diagnostics<'t> {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Diagnostics { text, found: Vec::new(), broken_lines: Vec::new(), line_starts, compared: 0 }
    }

    /// Adds a problem, unless the line on which it starts has a syntax error.
    pub fn add(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        if self.is_broken(span.start) {
            return;
        }
        let span = self.within_text(span);
        self.found.push(Diagnostic { message: message.into(), help: help.into(), span });
    }

    /// Adds a problem about something missing, which may be on a line with a syntax error: then it is not reported.
    pub fn add_missing(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        if self.broken_lines.is_empty() {
            self.add(span, message, help);
        }
    }

    /// Whether the line of a byte offset is broken.
    fn is_broken(&self, offset: usize) -> bool {
        let after = self.broken_lines.partition_point(|line| line.start <= offset);
        after.checked_sub(1).is_some_and(|at| self.broken_lines[at].contains(&offset))
    }

    /// Adds a syntax error of TOML; other problems on its line are not reported.
    pub(crate) fn add_broken(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        let span = self.within_text(span);
        // Further errors on a line follow from the first.
        if self.is_broken(span.start) {
            return;
        }
        let line_start = self.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[span.end..].find('\n').map_or(self.text.len() + 1, |at| span.end + at + 1);
        let at = self.broken_lines.partition_point(|line| line.start < line_start);
        self.broken_lines.insert(at, line_start..line_end);
        self.found.push(Diagnostic { message: message.into(), help: help.into(), span });
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many problems there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Every problem, in the order of its place in the text.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|problem| (problem.span.start, problem.span.end));
        self.found
    }

    /// 1-based line of a byte offset.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// The text of the line of a byte offset.
    pub(crate) fn line(&self, offset: usize) -> &'t str {
        let line = self.line_of(offset);
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        &self.text[start..end]
    }

    /// Of the known words, the one that was probably meant; `None` too once the maximum of comparisons is reached.
    pub(crate) fn nearest<'w>(&mut self, word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
        let known: Vec<&str> = known.into_iter().take(COMPARED_MAX - self.compared).collect();
        self.compared += known.len();
        nearest(word, known)
    }

    /// Help that names the nearest known word, or lists all if they are few; empty once the maximum of comparisons is reached.
    pub(crate) fn suggest<'w>(&mut self, word: &str, known: impl IntoIterator<Item = &'w str>, kind: &str) -> String {
        let left = COMPARED_MAX - self.compared;
        let known: Vec<&str> = known.into_iter().take(left).collect();
        self.compared += known.len();
        if left == 0 { String::new() } else { suggest(word, known, kind) }
    }

    /// The span, with its ends at character boundaries of the text.
    fn within_text(&self, span: &Range<usize>) -> Range<usize> {
        let start = floor_char_boundary(self.text, span.start);
        let mut end = span.end.clamp(start, self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        start..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_of_words_are_limited_whatever_the_number_of_mistakes() {
        let known: Vec<String> = (0..20_000).map(|number| format!("event_{number}")).collect();
        let known = || known.iter().map(String::as_str);
        let mut problems = Diagnostics::new("");
        let advice: Vec<String> = (0..20_000).map(|_| problems.suggest("evnt_77", known(), "events")).collect();
        assert_eq!((advice[0].as_str(), advice[9].as_str()), ("did you mean `event_77`?", "did you mean `event_77`?"));
        assert_eq!((advice[10].as_str(), problems.nearest("evnt_77", known())), ("", None));
        assert_eq!(problems.compared, COMPARED_MAX);
    }

    #[test]
    fn lines_are_found_by_byte_offset() {
        let mut problems = Diagnostics::new("a\nbb\n\nc");
        let lines: Vec<_> = (0..8).map(|at| (problems.line_of(at), problems.line(at))).collect();
        let expected = [(1, "a"), (1, "a"), (2, "bb"), (2, "bb"), (2, "bb"), (3, ""), (4, "c"), (4, "c")];
        assert_eq!(lines, expected);
        problems.add_broken(&(3..4), "late", "");
        problems.add_broken(&(0..1), "early", "");
        problems.add_broken(&(1..2), "an echo", "");
        for at in [0, 2, 5] {
            problems.add(&(at..at + 1), "at", "");
        }
        let found: Vec<_> = problems.into_sorted().into_iter().map(|found| (found.message, found.span.start)).collect();
        assert_eq!(found, [("early".to_owned(), 0), ("late".to_owned(), 3), ("at".to_owned(), 5)]);
    }
}
