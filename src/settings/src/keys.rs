//! Which settings there are, and which variables of the environment stand for them.

use super::{checkpoint, collect, deliver, engine, http, log, mappings, nats, output, shutdown, source};

/// A key of a section.
pub(super) type SettingKey = (&'static str, SettingKind);

/// What a key's value is, and so how a variable's text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SettingKind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// A whole number, or else a string.
    NumberOrText,
    /// `true` or `false`.
    Truth,
    /// A list of strings; in a variable, with commas between them.
    List,
    /// A section of its own.
    TomlSection,
}

/// Every section, by its name in the file, with its keys.
pub(super) const SECTIONS: [(&str, &[SettingKey]); 10] = [
    ("engine", &engine::KEYS),
    ("nats", &nats::KEYS),
    ("nats.tls", &nats::TLS_KEYS),
    ("source", &source::KEYS),
    ("output", &output::KEYS),
    ("checkpoint", &checkpoint::KEYS),
    ("http", &http::KEYS),
    ("collect", &collect::KEYS),
    ("log", &log::KEYS),
    ("shutdown", &shutdown::KEYS),
];

/// Sections that may be there several times, `[[deliver]]`, and the tables in them. No variables stand for their keys.
pub(super) const REPEATED: [(&str, &[SettingKey]); 5] = [
    ("deliver", &deliver::KEYS),
    ("deliver.signing", &deliver::SIGNING_KEYS),
    ("deliver.batch", &deliver::BATCH_KEYS),
    ("deliver.answer", &deliver::ANSWER_KEYS),
    ("mappings", &mappings::KEYS),
];

/// Secrets that a variable may hold itself; in the file stands only where they are, under the key with `_file` behind.
pub(super) const SECRETS: [(&str, &str); 7] = [
    ("engine", "secret"),
    ("nats", "password"),
    ("nats", "token"),
    ("nats", "nkey"),
    ("checkpoint", "s3_secret_access_key"),
    ("http", "token"),
    ("http", "read_token"),
];

/// Settings that there were: section, key, why it is gone, what to do.
pub(super) const GONE: [(&str, &str, &str, &str); 1] = [(
    "engine",
    "max_future",
    "`max_future` is gone: where there is a broker's time, no event's time is beyond it",
    "take it out; a client's clock that is wrong is set right by the call's `sentAt`",
)];

/// Variables that begin like settings and are none.
pub(super) const OTHER_VARIABLES: [&str; 2] = ["REKINDLE_DATA", "REKINDLE_DATA_REQUIRED"];

/// The keys of a section.
pub(super) fn of(section: &str) -> Vec<&'static str> {
    let found = SECTIONS.iter().chain(&REPEATED).find(|(name, _)| *name == section);
    found.map(|(_, keys)| keys.iter().map(|(key, _)| *key).collect()).unwrap_or_default()
}

/// The sections of the top level.
pub(super) fn top() -> Vec<&'static str> {
    SECTIONS.iter().chain(&REPEATED).map(|(name, _)| *name).filter(|name| !name.contains('.')).collect()
}

/// Every setting that a variable can give: section, key, kind.
pub(super) fn settings() -> impl Iterator<Item = (&'static str, &'static str, SettingKind)> {
    let all = SECTIONS.iter().flat_map(|(section, keys)| keys.iter().map(|(key, kind)| (*section, *key, *kind)));
    all.filter(|(_, _, kind)| *kind != SettingKind::TomlSection)
}

/// `REKINDLE_NATS_TLS_CA_FILE`
pub(super) fn variable(section: &str, key: &str) -> String {
    format!("REKINDLE_{section}_{key}").replace('.', "_").to_uppercase()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_settings_share_a_variable() {
        let mut seen: HashSet<String> = OTHER_VARIABLES.map(str::to_owned).into();
        let all = settings().map(|(section, key, _)| (section, key)).chain(SECRETS);
        for (section, key) in all {
            assert!(seen.insert(variable(section, key)), "{section}.{key}");
        }
        assert!(seen.contains("REKINDLE_NATS_TLS_CA_FILE") && seen.contains("REKINDLE_HTTP_TOKEN"));
    }

    #[test]
    fn a_secret_has_a_key_for_its_file() {
        for (section, key) in SECRETS {
            assert!(of(section).contains(&format!("{key}_file").as_str()) && !of(section).contains(&key));
        }
    }
}
