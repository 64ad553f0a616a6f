//! `[checkpoint]`: where the state is kept, how often it is written, how much of it stays.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::keys::{SettingKey, SettingKind};
use super::nats::Secret;
use super::reader::{SettingsReader, set};
use rekindle_core::document::TomlSection;
use rekindle_core::rules::schema::DurationText;
use rekindle_core::time::Span;

/// Where the state is kept, how often it is written, how much of it stays.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Checkpoint")]
#[schemars(deny_unknown_fields, default)]
pub struct CheckpointSettings {
    /// Where checkpoints are kept: a folder, relative to the settings file, or `s3://bucket/prefix`. Empty: nowhere, and
    /// every start reads the log from its beginning.
    #[schemars(with = "String")]
    pub store: CheckpointLocation,
    /// How often the state is written; 1 s to 1 hour.
    #[schemars(with = "DurationText")]
    pub interval: Span,
    /// How many whole checkpoints are kept, each with what changed after it; 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub keep: u32,
    /// Another service than AWS that speaks S3: `https://host:port`.
    #[schemars(regex(pattern = "^https?://[^\\s@]+$"))]
    pub s3_endpoint: Option<String>,
    /// The bucket's region.
    #[schemars(regex(pattern = "^[A-Za-z0-9-]+$"))]
    pub s3_region: String,
    /// Whether `s3_endpoint` may be without encryption.
    pub s3_allow_http: bool,
    /// The id of the access key. Without one, the AWS_ variables of the environment or the machine's own role are used.
    #[schemars(regex(pattern = "^\\S+$"))]
    pub s3_access_key_id: Option<String>,
    /// The file that holds the secret access key. Or REKINDLE_CHECKPOINT_S3_SECRET_ACCESS_KEY in the environment.
    #[schemars(rename = "s3_secret_access_key_file", with = "Option<PathBuf>")]
    pub s3_secret_access_key: Option<Secret>,
}

/// A place for checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointLocation {
    /// Nowhere.
    Nowhere,
    /// A folder.
    Folder(PathBuf),
    /// A bucket of an object store that speaks S3.
    S3 {
        /// The bucket.
        bucket: String,
        /// What the names of all objects begin with, without a slash at its ends; may be empty.
        prefix: String,
    },
}

/// Keys of `[checkpoint]`.
pub(super) const KEYS: [SettingKey; 8] = [
    ("store", SettingKind::Text),
    ("interval", SettingKind::Text),
    ("keep", SettingKind::Number),
    ("s3_endpoint", SettingKind::Text),
    ("s3_region", SettingKind::Text),
    ("s3_allow_http", SettingKind::Truth),
    ("s3_access_key_id", SettingKind::Text),
    ("s3_secret_access_key_file", SettingKind::Text),
];

const HOUR: Span = Span(3_600_000);

impl Default for CheckpointSettings {
    fn default() -> Self {
        CheckpointSettings {
            store: CheckpointLocation::Folder(PathBuf::from("checkpoints")),
            interval: Span(10_000),
            keep: 2,
            s3_endpoint: None,
            s3_region: "us-east-1".to_owned(),
            s3_allow_http: false,
            s3_access_key_id: None,
            s3_secret_access_key: None,
        }
    }
}

impl CheckpointLocation {
    /// Reads a place as it is written in settings and on the command line.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with it.
    pub fn parse(text: &str) -> Result<CheckpointLocation, &'static str> {
        if text.chars().any(char::is_control) {
            return Err("has a character in it that no path has");
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(if text.is_empty() {
                CheckpointLocation::Nowhere
            } else {
                CheckpointLocation::Folder(PathBuf::from(text))
            });
        };
        if scheme != "s3" {
            return Err("is neither a folder nor s3://bucket/prefix");
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if bucket.is_empty() || !bucket.chars().all(is_plain) {
            return Err("names no bucket");
        }
        let prefix = prefix.trim_matches('/');
        let is_part = |part: &str| !part.is_empty() && part.chars().all(is_plain) && part != "." && part != "..";
        if !prefix.is_empty() && !prefix.split('/').all(is_part) {
            return Err("has a prefix with more in it than letters, digits and - . _ /");
        }
        Ok(CheckpointLocation::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// The same place, a relative folder being relative to `folder`.
    pub fn within(self, folder: &Path) -> CheckpointLocation {
        match self {
            CheckpointLocation::Folder(path) => CheckpointLocation::Folder(folder.join(path)),
            other => other,
        }
    }
}

impl std::fmt::Display for CheckpointLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CheckpointLocation::Nowhere => Ok(()),
            CheckpointLocation::Folder(path) => write!(f, "{}", path.display()),
            CheckpointLocation::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            CheckpointLocation::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// As it is written in the settings.
impl Serialize for CheckpointLocation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl CheckpointSettings {
    pub(super) fn read(&mut self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        const STORE: &str = "name a folder, or write s3://bucket/prefix";
        let before = reader.problems.len();
        let store = reader.checked(section, "store", STORE, |text| CheckpointLocation::parse(text).map(drop));
        if let Some(location) = store.and_then(|text| CheckpointLocation::parse(&text).ok()) {
            self.store = location.within(reader.folder());
        }
        set(&mut self.interval, reader.duration(section, "interval", Span(1_000), HOUR));
        set(&mut self.keep, reader.number(section, "keep", 1..=100));
        self.s3_endpoint =
            reader.checked(section, "s3_endpoint", "write it like https://minio.example:9000", check_endpoint);
        set(&mut self.s3_region, reader.checked(section, "s3_region", "write it like eu-central-1", check_region));
        set(&mut self.s3_allow_http, reader.truth(section, "s3_allow_http"));
        self.s3_access_key_id = reader.checked(section, "s3_access_key_id", "", check_key_id);
        const SECRET: &str = "the file with the secret access key";
        let secret = reader.secret(("checkpoint", section), "s3_secret_access_key", SECRET);
        if reader.problems.len() == before {
            self.check_s3(section, secret.as_ref().map(|(_, place)| place.clone()), reader);
        }
        self.s3_secret_access_key = secret.map(|(secret, _)| secret);
    }

    /// What only goes together.
    fn check_s3(
        &self,
        section: &TomlSection<'_>,
        secret: Option<std::ops::Range<usize>>,
        reader: &mut SettingsReader<'_>,
    ) {
        let place = |key: &str| section.get(key).map(toml::Spanned::span);
        if !matches!(self.store, CheckpointLocation::S3 { .. }) {
            let usual = CheckpointSettings::default();
            let given = [
                ("s3_endpoint", self.s3_endpoint.is_some()),
                ("s3_region", self.s3_region != usual.s3_region),
                ("s3_allow_http", self.s3_allow_http),
                ("s3_access_key_id", self.s3_access_key_id.is_some()),
            ];
            for (key, _) in given.iter().filter(|(_, given)| *given) {
                let message = format!("`{key}` is of a store like s3://bucket/prefix, and this one is none");
                reader.problems.add(&place(key).unwrap_or(0..0), message, "take it out, or name such a store");
            }
            return;
        }
        if let (Some(endpoint), false) = (&self.s3_endpoint, self.s3_allow_http)
            && endpoint.starts_with("http://")
        {
            let place = place("s3_endpoint").unwrap_or(0..0);
            let help = "write https://, or say s3_allow_http = true";
            reader.problems.add(&place, "this endpoint is without encryption", help);
        }
        match (place("s3_access_key_id"), secret) {
            (Some(place), None) => {
                let help = "name a file with s3_secret_access_key_file = \"…\", or set \
                            REKINDLE_CHECKPOINT_S3_SECRET_ACCESS_KEY";
                reader.problems.add_missing(&place, "there is an access key's id, and no secret", help);
            }
            (None, Some(place)) => {
                let help = "say whose it is, with s3_access_key_id = \"…\"";
                reader.problems.add_missing(&place, "there is a secret access key, and no id", help);
            }
            _ => {}
        }
    }
}

fn check_endpoint(text: &str) -> Result<(), &'static str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if rest.contains('@') => Err("has credentials in it"),
        Some(rest) if !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c.is_control()) => Ok(()),
        _ => Err("is not the address of a service"),
    }
}

fn check_region(text: &str) -> Result<(), &'static str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !text.is_empty() && text.chars().all(is_plain) { Ok(()) } else { Err("is not the name of a region") }
}

fn check_key_id(text: &str) -> Result<(), &'static str> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    if text.is_empty() || text.contains(is_odd) { Err("is not the id of an access key") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_bucket() {
        let s3 = |bucket: &str, prefix: &str| CheckpointLocation::S3 {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        };
        for (text, expected) in [
            ("", CheckpointLocation::Nowhere),
            ("checkpoints", CheckpointLocation::Folder("checkpoints".into())),
            ("/var/lib/x y", CheckpointLocation::Folder("/var/lib/x y".into())),
            ("s3://b", s3("b", "")),
            ("s3://my-b.x/a/b/", s3("my-b.x", "a/b")),
        ] {
            assert_eq!(CheckpointLocation::parse(text), Ok(expected), "{text}");
        }
        for text in ["s3://", "s3:///a", "gs://b", "http://x", "s3://b/a//b", "s3://b/..", "s3://b/ä", "a\0"] {
            assert!(CheckpointLocation::parse(text).is_err(), "{text:?}");
        }
        for text in ["", "a/b", "s3://b", "s3://b/c"] {
            assert_eq!(CheckpointLocation::parse(text).map(|location| location.to_string()), Ok(text.to_owned()));
        }
    }
}
