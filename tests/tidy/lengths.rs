//! Files that are short enough to be read at once.

use crate::{assert_none, files};

/// Most files have 100 to 200 lines; one that needs more than this has two jobs.
const LINES_MAX: usize = 400;

#[test]
fn files_of_code_are_short() {
    let files = files(&["src", "loadtest", "tests"], &["rs"]);
    let long = files.iter().filter(|file| file.text.lines().count() > LINES_MAX);
    let mistakes: Vec<String> =
        long.map(|file| format!("{}: {} lines, {LINES_MAX} at most", file.path, file.text.lines().count())).collect();
    assert_none(&mistakes);
}
