//! The name of a type is unique in the workspace, test kit included. Test modules are left out; so is `Error`, of which each
//! crate may have its own.

use std::collections::BTreeMap;

use regex::Regex;

use crate::{assert_none, files};

#[test]
fn type_names_are_unique() {
    let types = Regex::new(
        r"(?m)^ *(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union) (\w+)|^(?:pub(?:\([^)]*\))? )?type (\w+)",
    )
    .expect("a pattern");
    let tests = Regex::new(r"#\[cfg\(test\)\]\s*\n\s*mod \w+ \{").expect("a pattern");
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files(&["src", "loadtest/src"], &["rs"]) {
        let is_test = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
        if is_test {
            continue;
        }
        let code = tests.find(&file.text).map_or(file.text.as_str(), |found| &file.text[..found.start()]);
        for found in types.captures_iter(code) {
            let name = found.get(1).or_else(|| found.get(2)).expect("one of them");
            let line = code[..name.start()].lines().count();
            places.entry(name.as_str().to_owned()).or_default().push(format!("{}:{line}", file.path));
        }
    }
    assert!(places.len() > 500, "only {} types were found", places.len());
    let is_shared = |(name, places): &(&String, &Vec<String>)| places.len() > 1 && *name != "Error";
    let mistakes: Vec<_> = places
        .iter()
        .filter(is_shared)
        .map(|(name, places)| format!("{name} is the name of several types: {}", places.join(", ")))
        .collect();
    assert_none(&mistakes);
}
