//! A file belongs to one module of one crate: what several need is a crate.

use crate::{assert_none, files};

#[test]
fn no_module_is_included_by_path() {
    let files = files(&["src", "loadtest", "tests"], &["rs"]);
    let attribute = concat!("#[", "path");
    let included = files.iter().filter(|file| file.text.lines().any(|line| line.trim_start().starts_with(attribute)));
    assert_none(&included.map(|file| format!("{} includes a file by its path", file.path)).collect::<Vec<_>>());
}
