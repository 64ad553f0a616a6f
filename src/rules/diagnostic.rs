//! A mistake in a rules or config file: what is wrong, where, and what to do about it.

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
