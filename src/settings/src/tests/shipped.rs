//! `config/rekindle.toml` is the reference of settings: it holds every one, with its default.

use std::path::Path;

use super::read;
use crate::keys::{self, SECTIONS, SettingKind};
use crate::schema::schema;
use crate::{NamedFile, Settings};

const SHIPPED: &str = include_str!("../../../../config/rekindle.toml");

/// The file's lines of one section that give a key, commented out or not.
fn keys_in(section: &str) -> Vec<&'static str> {
    let head = format!("[{section}]");
    let lines = SHIPPED
        .lines()
        .skip_while(|line| *line != head)
        .skip(1)
        .take_while(|line| !line.trim_start_matches('#').starts_with('['));
    let given = lines.filter_map(|line| line.trim_start_matches('#').split_once(" = "));
    given.map(|(key, _)| key).filter(|key| !key.contains(' ')).collect()
}

#[test]
fn the_shipped_file_says_every_option_with_its_default() {
    let mut config = Settings::load(SHIPPED, Path::new(""), []).unwrap();
    let rules: Vec<NamedFile> = config.files.drain(..).collect();
    assert_eq!(rules.len(), 1);
    assert_eq!(config, Settings::default());
    for (section, keys) in SECTIONS {
        let given = keys.iter().filter(|(_, kind)| *kind != SettingKind::TomlSection);
        let known: Vec<_> = given.map(|(key, _)| *key).collect();
        assert_eq!(keys_in(section), known, "[{section}]");
    }
}

#[test]
fn the_production_example_is_sound_and_safe() {
    let config = Settings::load(include_str!("../../../../config/production.toml"), Path::new(""), []).unwrap();
    assert_eq!((config.source.replicas, config.output.replicas), (3, 3));
    assert!(config.nats.tls.required && config.nats.servers.iter().all(|server| server.starts_with("tls://")));
    assert!(matches!(config.checkpoint.store, crate::CheckpointLocation::S3 { .. }));
}

#[test]
fn every_option_has_a_comment_above_it_or_above_its_group() {
    let mut lines = SHIPPED.lines().collect::<Vec<_>>();
    lines.retain(|line| !line.starts_with('['));
    for group in lines.split(|line| line.is_empty()).filter(|group| !group.is_empty()) {
        assert!(group[0].starts_with("# "), "nothing is said of {}", group[0]);
    }
}

#[test]
fn the_examples_that_are_commented_out_are_sound() {
    let all: String = SHIPPED
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let value: serde_json::Value = toml::from_str(&all).unwrap();
    jsonschema::validate(&schema(), &value).unwrap();
    for key in keys::of("nats.tls") {
        assert!(value["nats"]["tls"].get(key).is_some(), "{key}");
    }
    for (section, example) in
        [("nats", "nkey_file = \"/etc/rekindle/nats.nk\""), ("http", "token_file = \"/etc/rekindle/http-token\"")]
    {
        assert!(SHIPPED.contains(example));
        read(&format!("[{section}]\n{example}"));
    }
}
