//! What is wrong with settings: in the file at its place, in the environment at its variable.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::rules::diagnostic::Diagnostic;

/// Everything that is wrong with the settings; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    /// The file's text with secrets blotted out, byte for byte as long: what `in_file` points into.
    pub text: String,
    /// In the file, in the order of their places.
    pub in_file: Vec<Diagnostic>,
    /// In the environment, by variable.
    pub in_variables: Vec<VariableMistake>,
}

/// What is wrong with a variable of the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableMistake {
    /// Which one.
    pub variable: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
}

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the file: bytes.
    File(Range<usize>),
    /// In this variable of the environment.
    Variable(String),
}

/// Keys that people put secrets behind, up to the value's end; and user and password in an address.
static SECRETS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r#"(?x)
        \b \w* (?: passw(?:d|ord)? | token | nkey | creds | seed | secret (?:_access_key)? ) ["']? [\ \t]* = [\ \t]*
            ( """ (?s:.*?) (?: """ | \z ) | ''' (?s:.*?) (?: ''' | \z ) | [^\n]* )
        | :// ( [^\s"'@]* ) @"#;
    Regex::new(pattern).expect("a pattern")
});

impl Mistakes {
    /// How many they are.
    pub fn count(&self) -> usize {
        self.in_file.len() + self.in_variables.len()
    }

    /// Sorts problems of `file`, followed by the names of variables, by where they are.
    pub(super) fn new(file: &str, with_variables: &str, problems: Vec<Diagnostic>) -> Mistakes {
        let mut mistakes = Mistakes { text: blotted(file), in_file: Vec::new(), in_variables: Vec::new() };
        for problem in problems {
            match Place::of(problem.span.clone(), file, with_variables) {
                Place::File(_) => mistakes.in_file.push(problem),
                Place::Variable(variable) => {
                    let Diagnostic { message, help, .. } = problem;
                    mistakes.in_variables.push(VariableMistake { variable, message, help });
                }
            }
        }
        mistakes
    }
}

impl Place {
    /// The place of a span of the file's text and the names of variables behind it.
    pub(super) fn of(span: Range<usize>, file: &str, with_variables: &str) -> Place {
        match with_variables.get(span.clone()) {
            Some(name) if span.start > file.len() => Place::Variable(name.to_owned()),
            _ => Place::File(span),
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
            ("s3_secret_access_key = 'x'", "s3_secret_access_key = ***"),
            ("password_file = 'p'\ntoken_file = 't'", "password_file = 'p'\ntoken_file = 't'"),
        ] {
            assert_eq!(blotted(text), expected);
            assert_eq!(blotted(text).len(), text.len());
        }
    }
}
