//! What every section is read with: values of one type, within their range, each problem at its place.

use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeTable;

use super::environment::EnvironmentSecrets;
use super::errors::masked;
use super::keys;
use super::nats::Secret;
use rekindle_core::diagnostics::{Diagnostics, join_quoted, shorten, suggest};
use rekindle_core::document::{DURATION_MAX, TomlSection};
use rekindle_core::time::Span;

/// Settings while they are read.
pub(super) struct SettingsReader<'t> {
    pub(super) problems: Diagnostics<'t>,
    /// The files that settings name, each with the span of its name.
    pub(super) files: Vec<(&'static str, PathBuf, Range<usize>)>,
    secrets: EnvironmentSecrets,
    /// The length of the file's text; variables have their places behind it.
    file_bytes: usize,
    /// What relative paths are relative to.
    folder: &'t Path,
}

impl<'t> SettingsReader<'t> {
    pub(super) fn new(
        problems: Diagnostics<'t>,
        secrets: EnvironmentSecrets,
        file_bytes: usize,
        folder: &'t Path,
    ) -> SettingsReader<'t> {
        SettingsReader { problems, files: Vec::new(), secrets, file_bytes, folder }
    }

    /// What relative paths are relative to.
    pub(super) fn folder(&self) -> &Path {
        self.folder
    }

    /// Opens a section, if it is there.
    pub(super) fn section<'a>(&mut self, parent: &TomlSection<'a>, name: &'static str) -> Option<TomlSection<'a>> {
        let key = name.rsplit('.').next().unwrap_or(name);
        let (table, span) = parent.table(key, &mut self.problems)?;
        let mut known = keys::of(name);
        // A secret is refused here; it is not unknown as well.
        known.extend(self.refuse_secrets(name, table));
        known.extend(self.refuse_gone(name, table));
        Some(TomlSection::open(format!("[{name}]"), span, table, &known, &mut self.problems))
    }

    /// Opens every section of a name that may be there several times.
    pub(super) fn sections<'a>(&mut self, parent: &TomlSection<'a>, name: &'static str) -> Vec<TomlSection<'a>> {
        let tables = parent.tables(name, &mut self.problems);
        let opened = tables.into_iter().map(|(table, span)| {
            TomlSection::open(format!("[[{name}]]"), span, table, &keys::of(name), &mut self.problems)
        });
        opened.collect()
    }

    fn refuse_gone(&mut self, section: &str, table: &DeTable<'_>) -> Vec<&'static str> {
        let mut refused = Vec::new();
        for (_, key, why, help) in keys::GONE.iter().filter(|(of, ..)| *of == section) {
            if let Some((written, _)) = table.get_key_value(*key) {
                self.problems.add(&written.span(), *why, *help);
                refused.push(*key);
            }
        }
        refused
    }

    fn refuse_secrets(&mut self, section: &str, table: &DeTable<'_>) -> Vec<&'static str> {
        let secrets = keys::SECRETS.iter().filter(|(of, _)| *of == section).map(|(_, key)| *key);
        let refused: Vec<_> = secrets.filter_map(|key| Some((key, table.get_key_value(key)?.0.span()))).collect();
        for (key, span) in &refused {
            let variable = keys::variable(section, key);
            let help = format!("name a file that holds it, with {key}_file = \"…\", or set {variable}");
            self.problems.add(span, "secrets don't stand in this file", help);
        }
        refused.into_iter().map(|(key, _)| key).collect()
    }

    /// A string that is not empty.
    pub(super) fn text(&mut self, section: &TomlSection<'_>, key: &str) -> Option<String> {
        let text = section.string(key, &mut self.problems)?;
        if text.get_ref().trim().is_empty() {
            self.problems.add(&text.span(), format!("`{key}` is empty"), "");
            return None;
        }
        Some((*text.get_ref()).to_owned())
    }

    /// A string that a check is content with; the check's error ends a sentence that begins with the string.
    pub(super) fn checked(
        &mut self,
        section: &TomlSection<'_>,
        key: &str,
        help: &str,
        check: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Option<String> {
        let text = section.string(key, &mut self.problems)?;
        self.check(&text, help, check)
    }

    /// An address and a port to listen on. `usual_port` is for the example in the help.
    pub(super) fn address(&mut self, section: &TomlSection<'_>, key: &str, usual_port: u16) -> Option<SocketAddr> {
        let text = section.string(key, &mut self.problems)?;
        let address = text.get_ref().parse().ok();
        if address.is_none() {
            let help = format!(
                "write an IP address and a port: \"127.0.0.1:{usual_port}\", or \"0.0.0.0:{usual_port}\" for every interface"
            );
            self.problems.add(&text.span(), "this is not an address to listen on", help);
        }
        address
    }

    /// Strings that a check is content with, at least one.
    pub(super) fn checked_list(
        &mut self,
        section: &TomlSection<'_>,
        key: &str,
        help: &str,
        check: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Option<Vec<String>> {
        let texts = section.strings(key, &mut self.problems)?;
        if let ([], Some(value)) = (texts.as_slice(), section.get(key)) {
            self.problems.add(&value.span(), format!("`{key}` must have at least one"), help);
            return None;
        }
        let checked: Vec<_> = texts.iter().map(|text| self.check(text, help, &check)).collect();
        checked.into_iter().collect()
    }

    fn check(
        &mut self,
        text: &Spanned<&str>,
        help: &str,
        check: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Option<String> {
        match check(text.get_ref()) {
            Ok(()) => Some((*text.get_ref()).to_owned()),
            Err(why) => {
                self.problems.add(&text.span(), format!("{} {why}", shorten(&masked(text.get_ref()))), help);
                None
            }
        }
    }

    /// A whole number within a range.
    pub(super) fn number<T: TryFrom<i64>>(
        &mut self,
        section: &TomlSection<'_>,
        key: &str,
        range: RangeInclusive<i64>,
    ) -> Option<T> {
        section.integer(key, range, &mut self.problems).and_then(|number| T::try_from(number).ok())
    }

    /// `true` or `false`.
    pub(super) fn truth(&mut self, section: &TomlSection<'_>, key: &str) -> Option<bool> {
        section.boolean(key, &mut self.problems)
    }

    /// A duration within a range.
    pub(super) fn duration(&mut self, section: &TomlSection<'_>, key: &str, least: Span, most: Span) -> Option<Span> {
        let text = section.string(key, &mut self.problems)?;
        match Span::parse(text.get_ref()) {
            Ok(span) if (least..=most).contains(&span) => return Some(span),
            Ok(_) => {
                let message = format!("`{key}` must be between {} and {}", shown(least), shown(most));
                self.problems.add(&text.span(), message, "");
            }
            Err(why) => {
                let help = "write it like \"5s\" or \"1m30s\"";
                self.problems.add(&text.span(), format!("this is not a duration: {why}"), help);
            }
        }
        None
    }

    /// How long a stream keeps messages: at least a second, or zero for good.
    pub(super) fn age(&mut self, section: &TomlSection<'_>, key: &str) -> Option<Span> {
        let span = self.duration(section, key, Span(0), DURATION_MAX)?;
        if (1..1_000).contains(&span.0) {
            let place = section.get(key).map_or(0..0, Spanned::span);
            self.problems.add(&place, format!("`{key}` must be 0s, for good, or at least 1s"), "");
            return None;
        }
        Some(span)
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&mut self, section: &TomlSection<'_>, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = section.string(key, &mut self.problems)?;
        let found = choices.iter().find(|(word, _)| word == text.get_ref());
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let message = format!("`{key}` must be one of {}", join_quoted(&words));
            let help = suggest(text.get_ref(), words.iter().copied(), "choices");
            self.problems.add(&text.span(), message, help);
        }
        found.map(|(_, choice)| *choice)
    }

    /// The path of a file, as it is to be opened.
    pub(super) fn file(&mut self, section: &TomlSection<'_>, key: &str, what: &'static str) -> Option<PathBuf> {
        let text = section.string(key, &mut self.problems)?;
        if text.get_ref().is_empty() {
            self.problems.add(&text.span(), "this path is empty", format!("name {what}: {key} = \"…\""));
            return None;
        }
        Some(self.named_file(what, text.get_ref(), text.span()))
    }

    /// The path of a file that is named at `span`, as it is to be opened.
    pub(super) fn named_file(&mut self, what: &'static str, path: &str, span: Range<usize>) -> PathBuf {
        let path = self.folder.join(path);
        self.files.push((what, path.clone(), span));
        path
    }

    /// A secret, from its variable or else from the file that `<key>_file` names; and where that stands.
    pub(super) fn secret(
        &mut self,
        section: (&'static str, &TomlSection<'_>),
        key: &'static str,
        what: &'static str,
    ) -> Option<(Secret, Range<usize>)> {
        let (name, section) = section;
        let file_key = format!("{key}_file");
        let named = section.get(&file_key).map(Spanned::span);
        let Some((secret, place)) = self.secrets.remove(&(name, key)) else {
            let path = self.file(section, &file_key, what)?;
            return Some((Secret::File(path), named?));
        };
        // A variable goes before the file, but two variables are one too many.
        if named.is_some_and(|span| span.start > self.file_bytes) {
            let other = keys::variable(name, &file_key);
            self.problems.add(&place, "this secret is given twice", format!("unset this variable or {other}"));
        }
        Some((Secret::Environment(secret), place))
    }
}

/// Replaces a default by what was read, if anything was.
pub(super) fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// Zero as people write it.
fn shown(span: Span) -> String {
    if span.0 == 0 { "0s".to_owned() } else { span.to_string() }
}
