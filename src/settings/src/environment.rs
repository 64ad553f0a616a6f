//! Variables of the environment, laid over the file.
//!
//! `REKINDLE_<SECTION>_<KEY>` replaces what the file says of a key; what the file said is then not looked at. A variable's
//! place is its name, which stands behind the file's text: problems in both are collected alike, and no value of a variable
//! is ever in a text that is shown.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::keys::{self, OTHER_VARIABLES, SECRETS, SettingKind};
use rekindle_core::diagnostics::{Diagnostics, nearest};

/// What settings begin with.
const PREFIX: &str = "REKINDLE_";

/// What Kubernetes puts into every container's environment about each service: one that is named `rekindle`, or begins so,
/// has variables that look like settings.
static SERVICE_LINKS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?x) ^ REKINDLE_ (?: \w+ _ )?
        (?: SERVICE_HOST | SERVICE_PORT (?: _\w+ )? | PORT (?: _\d+_ (?: TCP | UDP | SCTP ) (?: _ (?: PROTO | PORT | ADDR ) )? )? ) $";
    Regex::new(pattern).expect("a pattern")
});

/// The variables that begin like settings, each with its place.
pub(super) struct EnvironmentVariables {
    /// The file's text, a line end, and a line for each variable's name.
    pub(super) text: String,
    /// Those that are Kubernetes' own, and nobody's settings.
    pub(super) ignored: Vec<String>,
    found: BTreeMap<String, (OsString, Range<usize>)>,
}

/// A secret that a variable holds, and the variable's place.
pub(super) type EnvironmentSecret = (String, Range<usize>);

/// The secrets that variables hold, by section and key.
pub(super) type EnvironmentSecrets = BTreeMap<(&'static str, &'static str), EnvironmentSecret>;

impl EnvironmentVariables {
    /// Picks out the variables that are Rekindle's.
    pub(super) fn new(file: &str, all: impl IntoIterator<Item = (OsString, OsString)>) -> EnvironmentVariables {
        let ours = all.into_iter().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            (name.starts_with(PREFIX) && !OTHER_VARIABLES.contains(&name.as_str())).then_some((name, value))
        });
        let (of_services, ours): (BTreeMap<_, _>, BTreeMap<_, _>) = ours.partition(|(name, _)| is_of_service(name));
        let mut text = format!("{file}\n");
        let mut found = BTreeMap::new();
        for (name, value) in ours {
            let start = text.len();
            text.push_str(&name);
            let place = start..text.len();
            text.push('\n');
            found.insert(name, (value, place));
        }
        EnvironmentVariables { text, found, ignored: of_services.into_keys().collect() }
    }

    /// Lays the variables over the file's tables; gives back the secrets among them.
    pub(super) fn overlay<'v>(
        &'v self,
        document: &mut DeTable<'v>,
        problems: &mut Diagnostics<'_>,
    ) -> EnvironmentSecrets {
        for (section, key, kind) in keys::settings() {
            if let Some((text, place)) = self.get(section, key, problems) {
                put(document, section, key, value(text, kind, &place));
            }
        }
        let mut secrets = EnvironmentSecrets::new();
        for (section, key) in SECRETS {
            let Some((secret, place)) = self.get(section, key, problems) else { continue };
            if secret.trim().is_empty() {
                problems.add(&place, "this secret is empty", "give it, or unset the variable");
            }
            table_of(document, section, &place);
            secrets.insert((section, key), (secret.to_owned(), place));
        }
        self.refuse_unknown(problems);
        secrets
    }

    fn get(&self, section: &str, key: &str, problems: &mut Diagnostics<'_>) -> Option<(&str, Range<usize>)> {
        let (value, place) = self.found.get(&keys::variable(section, key))?;
        let text = value.to_str();
        if text.is_none() {
            problems.add(place, "the value of this variable is not UTF-8 text", "");
        }
        Some((text?, place.clone()))
    }

    fn refuse_unknown(&self, problems: &mut Diagnostics<'_>) {
        let settings = keys::settings().map(|(section, key, _)| (section, key)).chain(SECRETS);
        let known: Vec<String> = settings.map(|(section, key)| keys::variable(section, key)).collect();
        for (name, (_, place)) in self.found.iter().filter(|(name, _)| !known.contains(name)) {
            let is_this = |(section, key, ..): &&(&str, &str, &str, &str)| keys::variable(section, key) == *name;
            if let Some((_, _, why, help)) = keys::GONE.iter().find(is_this) {
                problems.add(place, *why, help.replace("take it out", "unset this variable"));
                continue;
            }
            let help = match nearest(name, known.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "settings are named REKINDLE_<SECTION>_<KEY>, like REKINDLE_ENGINE_WORKERS".to_owned(),
            };
            problems.add(place, "no setting has this variable", help);
        }
    }
}

/// Whether Kubernetes put it there, and no setting has that name.
fn is_of_service(name: &str) -> bool {
    let mut settings = keys::settings().map(|(section, key, _)| (section, key)).chain(SECRETS);
    SERVICE_LINKS.is_match(name) && !settings.any(|(section, key)| keys::variable(section, key) == name)
}

/// A variable's text as the value that the file would have.
fn value<'v>(text: &'v str, kind: SettingKind, place: &Range<usize>) -> Spanned<DeValue<'v>> {
    let string = |text: &'v str| DeValue::String(text.into());
    let value = match kind {
        SettingKind::Number | SettingKind::NumberOrText => match DeValue::parse(text.trim()).map(Spanned::into_inner) {
            Ok(number @ DeValue::Integer(_)) => number,
            _ => string(text),
        },
        SettingKind::Truth => match text.trim() {
            "true" => DeValue::Boolean(true),
            "false" => DeValue::Boolean(false),
            _ => string(text),
        },
        SettingKind::List => {
            let mut items = DeArray::new();
            for item in text.split(',').map(str::trim).filter(|_| !text.trim().is_empty()) {
                items.push(Spanned::new(place.clone(), string(item)));
            }
            DeValue::Array(items)
        }
        SettingKind::Text | SettingKind::TomlSection => string(text),
    };
    Spanned::new(place.clone(), value)
}

/// Puts a value into a section, in place of the file's.
fn put<'t>(document: &mut DeTable<'t>, section: &str, key: &'static str, value: Spanned<DeValue<'t>>) {
    let place = value.span();
    if let Some(table) = table_of(document, section, &place) {
        // The old key goes too, with its place.
        table.remove(key);
        table.insert(Spanned::new(place, key.into()), value);
    }
}

/// The table of a section (`nats.tls`), made where it is missing. None where something else stands in its place: that is a
/// problem of the file, found when it is read.
fn table_of<'d, 't>(document: &'d mut DeTable<'t>, section: &str, place: &Range<usize>) -> Option<&'d mut DeTable<'t>> {
    let mut table = document;
    for part in section.split('.') {
        let empty = || Spanned::new(place.clone(), DeValue::Table(DeTable::new()));
        let entry = table.entry(Spanned::new(place.clone(), part.to_owned().into())).or_insert_with(empty);
        let DeValue::Table(inner) = entry.get_mut() else { return None };
        table = inner;
    }
    Some(table)
}
