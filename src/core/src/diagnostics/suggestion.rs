//! Suggestions: the known word that was probably meant, and texts that are short enough for a message.

/// Longer words are not compared.
const COMPARED_BYTES_MAX: usize = 128;

/// The most characters of the file that a message shows.
const EXCERPT_CHARS_MAX: usize = 60;

/// The largest character boundary of `text` at or before `offset`.
pub(crate) fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Of the known words, the one that was probably meant.
pub fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if word.len() > COMPARED_BYTES_MAX {
        return None;
    }
    let folded = word.to_lowercase();
    let close = |candidate: &str| {
        let distance = strsim::damerau_levenshtein(&folded, &candidate.to_lowercase());
        (distance <= (word.chars().count().max(candidate.chars().count()).div_ceil(3))).then_some(distance)
    };
    let known = known.into_iter().filter(|known| known.len() <= COMPARED_BYTES_MAX);
    known.filter_map(|k| close(k).map(|d| (d, k))).min_by_key(|(d, _)| *d).map(|(_, k)| k)
}

/// Help that names the nearest known word, or lists them all when there are few.
pub fn suggest<'w>(word: &str, known: impl IntoIterator<Item = &'w str> + Clone, kind: &str) -> String {
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
pub fn join_quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A part of the file for use in a message: quoted, and truncated if it is long.
pub fn shorten(text: &str) -> String {
    let one_line = text.replace(['\n', '\r', '\t'], " ");
    match one_line.char_indices().nth(EXCERPT_CHARS_MAX) {
        Some((cut, _)) => format!("`{}…`", &one_line[..cut]),
        None => format!("`{one_line}`"),
    }
}
