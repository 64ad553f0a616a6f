//! Which module of the core may import which. Reads the `use` lines and paths of `src/core/src` and compares them with the
//! table in `module_edges`, which is exact: an edge that is no longer needed is a mistake too. Tests inside the core may import
//! everything. Between crates the `Cargo.toml` files hold the walls.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::module_edges::{GROWTH_MODULES, MODULES};

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// What no module of the core may touch: clocks, IO, threads, shared state. Other crates are not in its `Cargo.toml`.
const IMPURE: &[&str] = &[
    "std::time",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::mpsc",
    "std::sync::atomic",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
];

/// A file of `src/`, by its module path (`["engine", "window"]`), without comments and tests.
struct Module {
    path: Vec<String>,
    code: String,
}

impl Module {
    fn new(relative: &Path, text: &str) -> Module {
        let mut path: Vec<String> =
            relative.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
        path.pop_if(|last| last == "mod");
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
        Module { path, code }
    }

    fn name(&self) -> &str {
        &self.path[0]
    }

    /// Every path that the code names, in full: `use` trees spread out, and `super` resolved where it leaves the module.
    fn paths(&self) -> BTreeSet<String> {
        let uses = Regex::new(r"\buse\s+([^;]+);").expect("a pattern");
        let inline = Regex::new(r"\b[A-Za-z_][A-Za-z_0-9]*(?:::[A-Za-z_][A-Za-z_0-9]*)+").expect("a pattern");
        let mut paths: Vec<String> = uses.captures_iter(&self.code).flat_map(|found| spread(&found[1])).collect();
        paths.extend(inline.find_iter(&self.code).map(|found| found.as_str().to_owned()));
        paths.into_iter().map(|path| self.resolved(&path)).collect()
    }

    fn resolved(&self, path: &str) -> String {
        let ups = path.split("::").take_while(|part| *part == "super").count();
        let rest: Vec<&str> = path.split("::").skip(ups).collect();
        if ups > 0 && ups >= self.path.len() { format!("crate::{}", rest.join("::")) } else { path.to_owned() }
    }

    /// The other modules it imports.
    fn imports(&self) -> BTreeSet<String> {
        let paths = self.paths();
        let modules = paths.iter().filter_map(|path| path.strip_prefix("crate::")?.split("::").next());
        modules.filter(|module| *module != self.name() && is_module(module)).map(str::to_owned).collect()
    }

    /// The modules of `growth` that it names, beside its own.
    fn growth_imports(&self) -> BTreeSet<String> {
        let inside = |path: &String| {
            let ups = path.split("::").take_while(|part| *part == "super").count();
            let parents = self.path.get(..self.path.len().checked_sub(ups.max(1))?)?;
            let rest: Vec<&str> = path.split("::").skip(ups).collect();
            match ups {
                0 => Some(path.strip_prefix("crate::growth::")?.split("::").next()?.to_owned()),
                _ if parents == ["growth"] => Some((*rest.first()?).to_owned()),
                _ => None,
            }
        };
        let is_other =
            |name: &String| self.path.get(1) != Some(name) && GROWTH_MODULES.iter().any(|(module, _)| module == name);
        self.paths().iter().filter_map(inside).filter(is_other).collect()
    }

    fn impurities(&self) -> Vec<String> {
        let touches = |path: &str, what: &str| path == what || path.starts_with(&format!("{what}::"));
        self.paths().into_iter().filter(|path| IMPURE.iter().any(|what| touches(path, what))).collect()
    }
}

fn is_module(name: &str) -> bool {
    MODULES.iter().any(|(module, _)| *module == name)
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`; `as x` left out.
fn spread(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return vec![path.trim_end_matches("::self").to_owned()];
    };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in inner.chars() {
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                parts.last_mut().expect("never empty").push(c);
            }
        }
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| spread(&format!("{}{}", head.trim(), part.trim()))).collect()
}

fn modules() -> Vec<Module> {
    let mut modules = Vec::new();
    let mut folders = vec![PathBuf::from(SRC)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src is there") {
            let path = entry.expect("readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_test = ["tests", "tests.rs", "testing.rs"].contains(&name.as_str());
            let relative = path.strip_prefix(SRC).expect("inside src").to_owned();
            match path.is_dir() {
                _ if is_test || ["main.rs", "lib.rs"].contains(&name.as_str()) => {}
                true => folders.push(path),
                false if name.ends_with(".rs") => {
                    modules.push(Module::new(&relative, &fs::read_to_string(&path).expect("readable")));
                }
                false => {}
            }
        }
    }
    modules
}

/// What is wrong with these modules' imports, in sentences.
fn mistakes(modules: &[Module]) -> Vec<String> {
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for module in modules {
        found.entry(module.name()).or_default().extend(module.imports());
        let name = module.path.join("::");
        mistakes.extend(module.impurities().into_iter().map(|path| format!("{name} names {path}")));
    }
    for (module, imports) in found {
        let Some((_, allowed)) = MODULES.iter().find(|(name, _)| *name == module) else {
            mistakes.push(format!("{module} is a module that the table does not name"));
            continue;
        };
        let others = imports.iter().filter(|import| !allowed.contains(&import.as_str()));
        mistakes.extend(others.map(|import| format!("{module} may not import {import}")));
        let unused = allowed.iter().filter(|import| !imports.contains(**import));
        mistakes.extend(unused.map(|import| format!("{module} may import {import}, and does not")));
    }
    mistakes
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let mistakes = mistakes(&modules());
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn the_table_names_every_module_and_no_other() {
    let found: BTreeSet<String> = modules().iter().map(|module| module.name().to_owned()).collect();
    let table: BTreeSet<String> = MODULES.iter().map(|(module, _)| (*module).to_owned()).collect();
    assert_eq!(found, table);
}

#[test]
fn no_module_may_import_a_later_one() {
    for (at, (module, imports)) in MODULES.iter().enumerate() {
        for import in *imports {
            let earlier = MODULES[..at].iter().any(|(other, _)| other == import);
            assert!(earlier, "{module} would import {import}, which stands below it");
        }
    }
}

#[test]
fn growth_has_no_cycles_and_imports_only_what_the_table_allows() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for module in modules().iter().filter(|module| module.name() == "growth" && module.path.len() > 1) {
        found.entry(module.path[1].clone()).or_default().extend(module.growth_imports());
    }
    let table = GROWTH_MODULES.iter().map(|(module, imports)| {
        ((*module).to_owned(), imports.iter().map(|import| (*import).to_owned()).collect::<BTreeSet<_>>())
    });
    assert_eq!(found, table.collect());
    for (at, (module, imports)) in GROWTH_MODULES.iter().enumerate() {
        let is_earlier = |import: &&str| GROWTH_MODULES[..at].iter().any(|(other, _)| other == import);
        assert!(imports.iter().all(is_earlier), "{module} would import a later one");
    }
}

#[test]
fn growth_import_is_found_however_it_is_written() {
    for text in [
        "use crate::growth::state::UserGrowthState;",
        "use super::super::state::UserGrowthState;",
        "use crate::growth::{calendar::Day, state};",
        "fn f() -> crate::growth::state::UserGrowthState {}",
    ] {
        let found = Module::new(Path::new("growth/report/days.rs"), text).growth_imports();
        assert!(found.contains("state"), "{text}");
    }
    let own = Module::new(Path::new("growth/report/days.rs"), "use super::context::X;\nuse super::super::report::Y;");
    assert!(own.growth_imports().is_empty());
    let parent = Module::new(Path::new("growth/counts.rs"), "use super::money::Money;");
    assert_eq!(parent.growth_imports(), BTreeSet::from(["money".to_owned()]));
}

fn mistakes_of(file: &str, text: &str) -> Vec<String> {
    let mut mistakes = mistakes(&[Module::new(Path::new(file), text)]);
    mistakes.retain(|mistake| !mistake.ends_with("and does not"));
    mistakes
}

#[test]
fn a_forbidden_import_is_found_however_it_is_written() {
    let file = "engine/window.rs";
    for text in [
        "use crate::partition::User;",
        "use crate::{time::Span, partition::{User, Plan}};",
        "use crate::{\n    event::Event,\n    partition,\n};",
        "fn f() { let x: crate::partition::User = g(); }",
        "use super::super::partition::User;",
        "pub(crate) use crate::partition as p;",
    ] {
        assert_eq!(mistakes_of(file, text), ["engine may not import partition"], "{text}");
    }
    assert_eq!(mistakes_of("engine/mod.rs", "use super::partition::User;"), ["engine may not import partition"]);
    assert_eq!(mistakes_of("route.rs", "use crate::time::Span;"), ["route may not import time"]);
}

#[test]
fn a_clock_is_found_however_it_is_written() {
    for (text, path) in [
        ("use std::time::Instant;", "std::time::Instant"),
        ("use std::{fmt, time::{Duration}};", "std::time::Duration"),
        ("use std::time;", "std::time"),
        ("fn f() { std::fs::read(p); }", "std::fs::read"),
        ("use std::sync::{Arc, Mutex};", "std::sync::Mutex"),
        ("fn f() { jiff::Timestamp::now(); }", "jiff::Timestamp::now"),
    ] {
        let found = mistakes_of("campaigns/groups.rs", text);
        assert_eq!(found, [format!("campaigns::groups names {path}")], "{text}");
    }
}

#[test]
fn allowed_imports_comments_and_tests_are_not_mistakes() {
    for text in [
        "use crate::time::Span;\nuse super::value::Value;\nuse std::sync::Arc;",
        "// use crate::partition::User;\n//! [`Partition`](crate::partition::Partition)",
        "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::partition::User;\n    use std::time::Instant;\n}",
        "use crate::engine::window::Panes;",
    ] {
        assert_eq!(mistakes_of("engine/window.rs", text), [""; 0], "{text}");
    }
}

#[test]
fn unneeded_edge_is_found() {
    let found = mistakes(&[Module::new(Path::new("identity.rs"), "use crate::time::Span;\nuse crate::rules::X;")]);
    assert_eq!(found, ["identity may not import rules", "identity may import event, and does not"]);
}

#[test]
fn an_unknown_module_is_found() {
    assert_eq!(mistakes_of("attic/mod.rs", ""), ["attic is a module that the table does not name"]);
}
