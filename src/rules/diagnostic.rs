//! A mistake in a rules or config file: what is wrong, where, and what to do about it.
//!
//! [`Problems`] collects them while a file is read, so that one run shows every mistake there is.

use std::ops::Range;

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

/// The problems found so far in one text.
pub(crate) struct Problems<'t> {
    text: &'t str,
    found: Vec<Diagnostic>,
    /// Lines on which the TOML itself is broken: what is read off them means nothing.
    broken_lines: Vec<Range<usize>>,
}

impl<'t> Problems<'t> {
    pub(crate) fn new(text: &'t str) -> Problems<'t> {
        Problems { text, found: Vec::new(), broken_lines: Vec::new() }
    }

    /// Adds a problem, unless the line it starts on is broken anyway.
    pub(crate) fn add(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        if self.broken_lines.iter().any(|line| line.contains(&span.start)) {
            return;
        }
        let span = self.within_text(span);
        self.found.push(Diagnostic { message: message.into(), help: help.into(), span });
    }

    /// Adds a problem that may only seem to be one, because what it misses may stand on a broken line.
    pub(crate) fn add_missing(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        if self.broken_lines.is_empty() {
            self.add(span, message, help);
        }
    }

    /// Adds a mistake in the TOML itself, and passes over whatever else is on its line.
    pub(crate) fn add_broken(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        let span = self.within_text(span);
        let line_start = self.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[span.end..].find('\n').map_or(self.text.len() + 1, |at| span.end + at + 1);
        self.broken_lines.push(line_start..line_end);
        self.found.push(Diagnostic { message: message.into(), help: help.into(), span });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// Every problem, in the order of its place in the text.
    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|problem| (problem.span.start, problem.span.end));
        self.found
    }

    /// 1-based line of a byte offset.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        let before = self.within_text(&(offset..offset)).start;
        self.text[..before].matches('\n').count() + 1
    }

    /// The span with its ends on characters of the text.
    fn within_text(&self, span: &Range<usize>) -> Range<usize> {
        let start = floor_char_boundary(self.text, span.start);
        let mut end = span.end.clamp(start, self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        start..end
    }
}

/// The largest character boundary of `text` at or before `offset`.
pub(crate) fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Of the known words, the one that was probably meant.
pub(crate) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    // A hostile file has words of megabytes; nobody means a known one by them.
    if word.len() > 128 {
        return None;
    }
    let folded = word.to_lowercase();
    let close = |candidate: &str| {
        let distance = strsim::damerau_levenshtein(&folded, &candidate.to_lowercase());
        (distance <= (word.chars().count().max(candidate.chars().count()).div_ceil(3))).then_some(distance)
    };
    known.into_iter().filter_map(|k| close(k).map(|d| (d, k))).min_by_key(|(d, _)| *d).map(|(_, k)| k)
}

/// Help that names the nearest known word, or lists them all when there are few.
pub(crate) fn suggest<'w>(word: &str, known: impl IntoIterator<Item = &'w str> + Clone, kind: &str) -> String {
    if let Some(name) = nearest(word, known.clone()) {
        return format!("did you mean `{name}`?");
    }
    let all: Vec<&str> = known.into_iter().take(17).collect();
    match all.len() {
        0 => format!("there are no {kind} yet"),
        1..=16 => format!("the {kind} are {}", join_quoted(&all)),
        _ => String::new(),
    }
}

/// `` `a`, `b`, `c` ``
pub(crate) fn join_quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A piece of the file for use inside a message: quoted, cut where it is long.
pub(crate) fn shorten(text: &str) -> String {
    const MOST_CHARS: usize = 60;
    let one_line = text.replace(['\n', '\r', '\t'], " ");
    match one_line.char_indices().nth(MOST_CHARS) {
        Some((cut, _)) => format!("`{}…`", &one_line[..cut]),
        None => format!("`{one_line}`"),
    }
}
