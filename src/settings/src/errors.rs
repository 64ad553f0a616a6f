//! What is wrong with settings: in the file at its place, in the environment at its variable.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use rekindle_core::diagnostics::Diagnostic;

/// Everything that is wrong with the settings; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsErrors {
    /// The file's text with secrets blotted out, byte for byte as long: what `in_file` points into.
    pub text: String,
    /// In the file, in the order of their places.
    pub in_file: Vec<Diagnostic>,
    /// In the environment, by variable.
    pub in_variables: Vec<VariableError>,
}

/// What is wrong with a variable of the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableError {
    /// Which one.
    pub variable: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
}

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingPlace {
    /// In the file: bytes.
    File(Range<usize>),
    /// In this variable of the environment.
    Variable(String),
}

/// Keys that people put secrets behind, up to the value's end.
static SECRETS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r#"(?x)
        \b \w* (?: passw(?:d|ord)? | token | nkey | creds | seed | secret (?:_access_key)? ) ["']? [\ \t]* = [\ \t]*
            ( """ (?s:.*?) (?: """ | \z ) | ''' (?s:.*?) (?: ''' | \z ) | [^\n]* )"#;
    Regex::new(pattern).expect("a pattern")
});

/// Where an address may stand: a string, or else a word.
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r#"(?x) " (?: [^"\\\n] | \\. )* " | ' [^'\n]* ' | [^\s"']+"#;
    Regex::new(pattern).expect("a pattern")
});

/// Where the credentials of an address stand in a text that begins with one: before the last `@`, and in its query.
fn credentials(address: &str) -> Vec<Range<usize>> {
    let start = address.find("://").map(|at| at + 3);
    // Without a scheme, a name and what is behind a colon before the `@`.
    let name = address.rfind('@').map(|end| (start.unwrap_or(0), end));
    let name =
        name.filter(|(from, end)| start.is_some_and(|start| start <= *end) || address[*from..*end].contains(':'));
    let query = start.and_then(|start| address[start..].find(['?', '#']).map(|at| start + at + 1));
    let query = query.map(|from| (from.max(name.map_or(0, |(_, end)| end)), address.len()));
    name.into_iter().chain(query).map(|(from, to)| from..to).filter(|range| !range.is_empty()).collect()
}

/// A text that is or may be an address, without the credentials in it.
pub fn masked(address: &str) -> String {
    let mut text = address.to_owned();
    for range in credentials(address).into_iter().rev() {
        text.replace_range(range, "***");
    }
    text
}

/// A text with addresses in it, as errors of libraries have them, without the credentials in those.
pub fn masked_within(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace);
    words
        .map(|word| {
            if word.contains("://") {
                masked(word.trim_end()) + &word[word.trim_end().len()..]
            } else {
                word.to_owned()
            }
        })
        .collect()
}

impl SettingsErrors {
    /// How many they are.
    pub fn count(&self) -> usize {
        self.in_file.len() + self.in_variables.len()
    }

    /// Sorts problems of `file`, followed by the names of variables, by where they are.
    pub(super) fn new(file: &str, with_variables: &str, problems: Vec<Diagnostic>) -> SettingsErrors {
        let mut mistakes = SettingsErrors { text: blotted(file), in_file: Vec::new(), in_variables: Vec::new() };
        for problem in problems {
            match SettingPlace::of(problem.span.clone(), file, with_variables) {
                SettingPlace::File(_) => mistakes.in_file.push(problem),
                SettingPlace::Variable(variable) => {
                    let Diagnostic { message, help, .. } = problem;
                    mistakes.in_variables.push(VariableError { variable, message, help });
                }
            }
        }
        mistakes
    }
}

impl SettingPlace {
    /// The place of a span of the file's text and the names of variables behind it.
    pub(super) fn of(span: Range<usize>, file: &str, with_variables: &str) -> SettingPlace {
        match with_variables.get(span.clone()) {
            Some(name) if span.start > file.len() => SettingPlace::Variable(name.to_owned()),
            _ => SettingPlace::File(span),
        }
    }
}

/// The text with every secret in it overwritten by as many `*`, so that it can be shown and logged.
pub fn blotted(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for found in SECRETS.captures_iter(text) {
        for secret in found.iter().skip(1).flatten() {
            bytes[secret.range()]
                .iter_mut()
                .filter(|byte| !matches!(byte, b'\n' | b'\r'))
                .for_each(|byte| *byte = b'*');
        }
    }
    for word in WORDS.find_iter(text).filter(|word| word.as_str().contains("://")) {
        let inner = word.as_str().trim_end_matches(['"', '\'']);
        for secret in credentials(inner) {
            bytes[word.start() + secret.start..word.start() + secret.end].fill(b'*');
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_out_and_all_else_stays_in_its_place() {
        for (text, expected) in [
            ("password = \"hun\"\nx = 1", "password = *****\nx = 1"),
            ("nats = { token = 'é', name = 'n' }", "nats = { token = ******************"),
            ("passwd=hunter2", "passwd=*******"),
            ("nkey = '''\nSU\n'''\nuser = 'u'", "nkey = ***\n**\n***\nuser = 'u'"),
            ("servers = ['nats://u:p@h:4222']", "servers = ['nats://***@h:4222']"),
            ("servers = ['nats://h:4222', \"tls://tok@h\"]", "servers = ['nats://h:4222', \"tls://***@h\"]"),
            ("servers = ['nats://u:p/a@h']", "servers = ['nats://*****@h']"),
            ("s3_endpoint = 'https://u:p@ss@h:9000'", "s3_endpoint = 'https://******@h:9000'"),
            ("s3_endpoint = \"https://u:p \\\"'q@h\" # x", "s3_endpoint = \"https://********@h\" # x"),
            ("store = 's3://b/p?key=x'", "store = 's3://b/p?*****'"),
            ("# see https://h/x and 'y'", "# see https://h/x and 'y'"),
            ("s3_secret_access_key = 'x'", "s3_secret_access_key = ***"),
            ("password_file = 'p'\ntoken_file = 't'", "password_file = 'p'\ntoken_file = 't'"),
        ] {
            assert_eq!(blotted(text), expected);
            assert_eq!(blotted(text).len(), text.len());
        }
    }

    #[test]
    fn addresses_are_shown_without_their_credentials() {
        for (address, expected) in [
            ("https://u:p@h:9000", "https://***@h:9000"),
            ("https://u:p@ss@h", "https://***@h"),
            ("s3://key:secret@bucket/prefix", "s3://***@bucket/prefix"),
            ("u:p@h:9000", "***@h:9000"),
            ("s3://b/p?X-Amz-Signature=x", "s3://b/p?***"),
            ("https://u:p@h/?a=b@c", "https://******"),
            ("https://h:9000", "https://h:9000"),
            ("/var/lib/me@home", "/var/lib/me@home"),
            ("checkpoints", "checkpoints"),
            ("", ""),
        ] {
            assert_eq!(masked(address), expected);
        }
        assert_eq!(
            masked_within("could not reach\thttp://u:p@h/x (http://t@h): refused, me@h"),
            "could not reach\thttp://***@h/x (http://***@h): refused, me@h"
        );
    }
}
