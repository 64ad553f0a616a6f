//! Settings of the daemon and of replays, read from TOML and the environment.
//!
//! [`Settings::load`] reports every problem at its place, like rules: in the file by line and column, in the environment by
//! variable. Settings that are left out have their defaults; the commented file `config/rekindle.toml` lists all of them, and
//! tests compare it, the JSON Schema and the code. Each section has a file with its fields, its defaults and how it is read;
//! `agreement` checks that sections do not contradict each other.
//!
//! Nothing is opened in here, and the environment is passed in: the same text and variables result in the same settings.

mod agreement;
mod callback;
mod checkpoint;
mod collect;
mod deliver;
mod engine;
mod environment;
mod errors;
mod http;
mod keys;
mod log;
mod mappings;
mod nats;
mod output;
mod reader;
pub mod schema;
mod shutdown;
mod source;
mod subject;
pub mod templates;
#[cfg(test)]
mod tests;
mod webhook;
mod write_key;

pub use callback::{CallbackSettings, CallbackVendor};
pub use checkpoint::{CheckpointLocation, CheckpointSettings};
pub use collect::CollectSettings;
pub use deliver::{
    AnswerSettings, BatchSettings, BodyFormat, BodyTemplate, DestinationSettings, RequestMethod, SigningScheme,
    SigningSettings,
};
pub use engine::{EngineSettings, SECRET_FILE, StateTtlError};
pub use errors::{SettingPlace, SettingsErrors, VariableError, blotted, masked, masked_within};
pub use http::{HttpSettings, READ_TOKEN_FILE, TOKEN_FILE, TOKEN_HELP, check_token};
pub use log::{LogFormat, LogLevels, LogSettings};
pub use nats::{NatsAuth, NatsSettings, Secret, TlsSettings};
pub use output::{ContentMode, OutputSettings, TakeoverPolicy};
pub use shutdown::ShutdownSettings;
pub use source::{SourceKind, SourceSettings, StartPosition};
pub use subject::subject_matches;
pub use webhook::{ShopKind, WebhookSettings};
pub use write_key::{KeyTrust, WriteKeySettings};

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;

use environment::EnvironmentVariables;
use reader::SettingsReader;
use rekindle_core::diagnostics::Diagnostics;
use rekindle_core::document::{self, TomlSection};
use rekindle_mapping::MappingTable;

/// Settings of Rekindle.
#[derive(Clone, Debug, PartialEq, Eq, Default, JsonSchema)]
#[schemars(rename = "Config", deny_unknown_fields, default)]
pub struct Settings {
    /// What is computed, and how.
    pub engine: EngineSettings,
    /// How to reach the NATS servers, and with which credentials.
    pub nats: NatsSettings,
    /// Where events come from.
    pub source: SourceSettings,
    /// Where outputs are published.
    pub output: OutputSettings,
    /// Where checkpoints are kept.
    pub checkpoint: CheckpointSettings,
    /// Metrics, health and the API.
    pub http: HttpSettings,
    /// Events over HTTP: from the SDKs of Segment, RudderStack and Jitsu, and from webhooks.
    pub collect: CollectSettings,
    /// What is logged on standard error, and how.
    pub log: LogSettings,
    /// How long draining may take.
    pub shutdown: ShutdownSettings,
    /// Destinations: the tools that outputs are sent to over HTTP.
    pub deliver: Vec<DestinationSettings>,
    /// Mappings: how requests, messages and files that are not calls become calls.
    pub mappings: Vec<MappingTable>,
    /// The files that the file or the environment names, and where.
    #[schemars(skip)]
    pub files: Vec<NamedFile>,
    /// Variables of the environment that begin like settings and are Kubernetes' own, of a service named like this program.
    #[schemars(skip)]
    pub ignored: Vec<String>,
}

/// A file that settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// What it is: `the rules file`.
    pub what: &'static str,
    /// Its path, as it is to be opened.
    pub path: PathBuf,
    /// Where it is named.
    pub place: SettingPlace,
}

impl Settings {
    /// Reads settings from a file's text and the environment. Relative paths, also those in variables, are relative to
    /// `folder`, the file's own.
    ///
    /// # Errors
    /// Every problem in the text and in variables that begin with `REKINDLE_`; never empty.
    pub fn load(
        text: &str,
        folder: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Settings, SettingsErrors> {
        let variables = EnvironmentVariables::new(text, environment);
        let with_variables = variables.text.as_str();
        let mut problems = Diagnostics::new(with_variables);
        let mut document = document::parse(text, &mut problems);
        let secrets = variables.overlay(document.get_mut(), &mut problems);
        let mut reader = SettingsReader::new(problems, secrets, text.len(), folder);
        let root = TomlSection::open("the settings", 0..0, document.get_ref(), &keys::top(), &mut reader.problems);
        let mut config = Settings::default();
        config.engine.rules = folder.join(&config.engine.rules);
        config.checkpoint.store = config.checkpoint.store.within(folder);
        config.read(&root, &mut reader);
        let SettingsReader { problems, files, .. } = reader;
        if !problems.is_empty() {
            return Err(SettingsErrors::new(text, with_variables, problems.into_sorted()));
        }
        config.ignored.clone_from(&variables.ignored);
        let place = |span| SettingPlace::of(span, text, with_variables);
        config.files =
            files.into_iter().map(|(what, path, span)| NamedFile { what, path, place: place(span) }).collect();
        Ok(config)
    }

    /// What the subjects begin with under which delivery tells the log what became of messages.
    pub fn reports_subject(&self) -> String {
        format!("{}.delivery", self.collect.subject)
    }

    fn read(&mut self, root: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        if let Some(section) = reader.section(root, "engine") {
            self.engine.read(&section, reader);
        }
        if let Some(section) = reader.section(root, "nats") {
            self.nats.read(&section, reader);
        }
        let before = reader.problems.len();
        if let Some(section) = reader.section(root, "source") {
            self.source.read(&section, reader);
        }
        if let Some(section) = reader.section(root, "collect") {
            self.collect.read(&section, reader);
        }
        if let Some(section) = reader.section(root, "output") {
            self.output.read(&section, reader);
        }
        // What could not be read has its default by now, which nobody meant to agree with anything.
        if reader.problems.len() == before {
            agreement::check(self, root, &mut reader.problems);
        }
        if let Some(section) = reader.section(root, "checkpoint") {
            self.checkpoint.read(&section, reader);
        }
        if let Some(section) = reader.section(root, "http") {
            self.http.read(&section, reader);
        }
        if let Some(section) = reader.section(root, "log") {
            self.log.read(&section, reader);
        }
        if let Some(section) = reader.section(root, "shutdown") {
            self.shutdown.read(&section, reader);
        }
        for section in reader.sections(root, "mappings") {
            let mapping = mappings::read(&section, &self.mappings, reader);
            self.mappings.push(mapping);
        }
        mappings::check_names(self, root, reader);
        for section in reader.sections(root, "deliver") {
            if !self.output.jetstream {
                let help = "take out jetstream = false, or this destination";
                reader.problems.add(&section.place(), "delivery reads the output stream, and there is none", help);
            }
            let Some(destination) = DestinationSettings::read(&section, reader) else { continue };
            if self.deliver.iter().any(|other| other.name == destination.name) && !destination.name.is_empty() {
                let message = format!("there are two destinations named `{}`", destination.name);
                reader.problems.add(&section.place(), message, "give each a name of its own");
            }
            let report = format!("{}.{}.delivered", self.reports_subject(), destination.name);
            let is_read = self.source.subjects.iter().any(|subject| subject::overlap(subject, &report));
            if let (true, false, Some(value)) = (destination.report, is_read, section.get("report")) {
                let message = format!("reports go to `{report}`, which is none of the events' subjects");
                reader.problems.add(&value.span(), message, "add it to [source] subjects, or change [collect] subject");
            }
            self.deliver.push(destination);
        }
    }
}
