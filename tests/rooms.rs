//! Who may import whom. Reads the `use` lines and paths of `src/` and holds them against the table below, which is
//! exact: an edge that nobody needs any more is a mistake too. Tests inside `src/` may import what they like.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// Every room with the rooms it imports. A room stands below all that it imports, so none imports a later one, and
/// there are no circles.
const ROOMS: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("decimal", &[]),
    ("json", &[]),
    ("event", &["time", "decimal"]),
    ("health", &[]),
    ("compact", &["time"]),
    ("rules", &["time", "decimal", "json", "event"]),
    ("decode", &["time", "decimal", "json", "event", "rules"]),
    ("identity", &["time", "event"]),
    ("route", &[]),
    ("engine", &["time", "decimal", "json", "event", "rules"]),
    ("campaigns", &["time", "json", "event", "rules", "engine"]),
    ("growth", &["time", "decimal", "event", "compact", "rules", "decode"]),
    ("insight", &["time", "decimal", "event", "rules", "growth"]),
    ("partition", &["time", "decimal", "json", "event", "compact", "rules", "engine", "campaigns", "growth"]),
    ("action", &["time", "json", "rules", "campaigns", "partition"]),
    ("journal", &["time", "rules", "campaigns", "partition", "action"]),
    // Settings have a schema and mistakes; they know nothing of what is set.
    ("config", &["time", "event", "rules"]),
    ("nats", &["time", "config", "health"]),
    ("source", &["time", "config", "health", "nats"]),
    // A dead letter says where in which file its line stood, so the sink knows the source's word for a place.
    (
        "sink",
        &[
            "time",
            "health",
            "rules",
            "decode",
            "campaigns",
            "partition",
            "action",
            "journal",
            "source",
            "config",
            "nats",
        ],
    ),
    (
        "checkpoint",
        &["time", "decimal", "json", "event", "rules", "identity", "engine", "campaigns", "growth", "partition"],
    ),
    (
        "pipeline",
        &["time", "event", "rules", "decode", "identity", "route", "partition", "checkpoint", "source", "growth"],
    ),
    ("store", &["time", "rules", "identity", "partition", "checkpoint", "pipeline", "config", "growth"]),
    ("live", &["time", "rules", "route", "engine", "partition", "pipeline", "store", "source", "sink", "growth"]),
    (
        "replay",
        &[
            "time",
            "rules",
            "decode",
            "partition",
            "action",
            "journal",
            "source",
            "sink",
            "checkpoint",
            "pipeline",
            "store",
            "growth",
        ],
    ),
    ("logging", &["config"]),
    ("metrics", &["time", "event", "rules", "decode", "campaigns", "pipeline", "live", "sink", "growth"]),
    (
        "api",
        &[
            "time",
            "json",
            "event",
            "health",
            "rules",
            "decode",
            "partition",
            "journal",
            "sink",
            "pipeline",
            "live",
            "config",
            "growth",
            "metrics",
        ],
    ),
    (
        "daemon",
        &[
            "time",
            "rules",
            "partition",
            "pipeline",
            "checkpoint",
            "store",
            "live",
            "source",
            "sink",
            "config",
            "health",
            "nats",
            "metrics",
            "api",
        ],
    ),
    (
        "cli",
        &[
            "time",
            "json",
            "event",
            "rules",
            "decode",
            "campaigns",
            "partition",
            "source",
            "sink",
            "checkpoint",
            "pipeline",
            "replay",
            "insight",
            "config",
            "store",
            "metrics",
            "logging",
            "nats",
            "daemon",
            "health",
            "api",
            "growth",
        ],
    ),
];

/// The rooms whose outcome is a function of their arguments.
const PURE: &[&str] = &[
    "time",
    "decimal",
    "json",
    "event",
    "compact",
    "rules",
    "decode",
    "identity",
    "route",
    "engine",
    "campaigns",
    "growth",
    "insight",
    "partition",
    "checkpoint",
];

/// What no pure room may touch: clocks, IO, threads, randomness, logging, and state that others share.
const IMPURE: &[&str] = &[
    "tokio",
    "dashmap",
    "rayon",
    "metrics",
    "tracing",
    "rand",
    "rand_distr",
    "rand_xoshiro",
    "axum",
    "indicatif",
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
        // Tests stand last in a file.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
        Module { path, code }
    }

    fn room(&self) -> &str {
        &self.path[0]
    }

    /// Every path that the code names, in full: `use` trees spread out, and `super` resolved where it leaves the room.
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

    /// The other rooms it imports.
    fn imports(&self) -> BTreeSet<String> {
        let paths = self.paths();
        let rooms = paths.iter().filter_map(|path| path.strip_prefix("crate::")?.split("::").next());
        rooms.filter(|room| *room != self.room() && is_room(room)).map(str::to_owned).collect()
    }

    fn impurities(&self) -> Vec<String> {
        let touches = |path: &str, what: &str| path == what || path.starts_with(&format!("{what}::"));
        self.paths().into_iter().filter(|path| IMPURE.iter().any(|what| touches(path, what))).collect()
    }
}

fn is_room(name: &str) -> bool {
    ROOMS.iter().any(|(room, _)| *room == name)
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
        found.entry(module.room()).or_default().extend(module.imports());
        if PURE.contains(&module.room()) {
            let name = module.path.join("::");
            mistakes.extend(module.impurities().into_iter().map(|path| format!("{name} is pure, and names {path}")));
        }
    }
    for (room, imports) in found {
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            mistakes.push(format!("{room} is a room that the table does not know"));
            continue;
        };
        let others = imports.iter().filter(|import| !allowed.contains(&import.as_str()));
        mistakes.extend(others.map(|import| format!("{room} may not import {import}")));
        let unused = allowed.iter().filter(|import| !imports.contains(**import));
        mistakes.extend(unused.map(|import| format!("{room} may import {import}, and does not")));
    }
    mistakes
}

#[test]
fn rooms_import_whom_they_may() {
    let mistakes = mistakes(&modules());
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn the_table_names_every_room_and_no_other() {
    let found: BTreeSet<String> = modules().iter().map(|module| module.room().to_owned()).collect();
    let table: BTreeSet<String> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(found, table);
}

#[test]
fn no_room_may_import_a_later_one() {
    for (at, (room, imports)) in ROOMS.iter().enumerate() {
        for import in *imports {
            let earlier = ROOMS[..at].iter().any(|(other, _)| other == import);
            assert!(earlier, "{room} would import {import}, which stands below it");
        }
    }
}

#[test]
fn pure_rooms_import_pure_rooms() {
    for (room, imports) in ROOMS.iter().filter(|(room, _)| PURE.contains(room)) {
        let impure: Vec<_> = imports.iter().filter(|import| !PURE.contains(import)).collect();
        assert!(impure.is_empty(), "{room} is pure, and may import {impure:?}");
    }
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
fn a_clock_in_a_pure_room_is_found_however_it_is_written() {
    for (text, path) in [
        ("use std::time::Instant;", "std::time::Instant"),
        ("use std::{fmt, time::{Duration}};", "std::time::Duration"),
        ("use std::time;", "std::time"),
        ("use tokio::sync::mpsc;", "tokio::sync::mpsc"),
        ("fn f() { std::fs::read(p); }", "std::fs::read"),
        ("use std::sync::{Arc, Mutex};", "std::sync::Mutex"),
        ("fn f() { jiff::Timestamp::now(); }", "jiff::Timestamp::now"),
        ("fn f() { tracing::info!(x); }", "tracing::info"),
    ] {
        let found = mistakes_of("campaigns/groups.rs", text);
        assert_eq!(found, [format!("campaigns::groups is pure, and names {path}")], "{text}");
    }
    assert!(mistakes_of("pipeline/mod.rs", "use rayon::prelude::*;").is_empty(), "pipelines have threads");
}

#[test]
fn what_is_allowed_or_no_code_is_no_mistake() {
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
fn an_edge_nobody_needs_is_found() {
    let found = mistakes(&[Module::new(Path::new("identity.rs"), "use crate::time::Span;\nuse crate::rules::X;")]);
    assert_eq!(found, ["identity may not import rules", "identity may import event, and does not"]);
}

#[test]
fn an_unknown_room_is_found() {
    assert_eq!(mistakes_of("attic/mod.rs", ""), ["attic is a room that the table does not know"]);
}
