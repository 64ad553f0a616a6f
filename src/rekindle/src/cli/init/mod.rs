//! `rekindle init`: the files that a shop begins with.

mod choices;
mod files;
mod questions;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Args;
use rekindle_collect::NewWriteKey;
use rekindle_settings::Settings;

use super::CliError;
use choices::{ShopChoices, WebhookChoice, WebsiteSdk};
use files::{RULES, SETTINGS, SNIPPET, ShopSecrets, WEBHOOK_SECRET};
use questions::{InitQuestion, Questionnaire, TerminalDialogue};

/// How many random bytes sign webhooks.
const WEBHOOK_SECRET_BYTES: usize = 32;

/// Write settings, rules and a script for the website into a folder
///
/// Asks five questions on a terminal; --yes takes the defaults of those that no option answers. `rekindle run` works with what
/// it writes at once, beside `nats-server -js`: it takes the website's events over HTTP, and reminds of carts left behind.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder
    #[arg(long, value_name = "DIR", default_value = "shop")]
    dir: PathBuf,
    /// The shop's name [default: the folder's]
    #[arg(long, value_parser = choices::name)]
    name: Option<String>,
    /// The currency of its prices [default: EUR]
    #[arg(long, value_name = "CODE", value_parser = choices::currency)]
    currency: Option<String>,
    /// The time zone of most customers [default: this machine's]
    #[arg(long, value_name = "ZONE", value_parser = choices::time_zone)]
    time_zone: Option<String>,
    /// After how long a cart is left behind, 1s to 2d [default: 30m]
    #[arg(long, value_name = "DURATION", value_parser = choices::cart_after)]
    cart_after: Option<String>,
    /// What sends the website's events [default: none]
    #[arg(long, value_enum)]
    sdk: Option<WebsiteSdk>,
    /// Where actions are sent: none, or webhook:URL [default: none]
    #[arg(long, value_name = "WHERE", value_parser = choices::deliver)]
    deliver: Option<WebhookChoice>,
    /// Where browsers reach the collector
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9465", value_parser = choices::url)]
    collect_url: String,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

/// Why nothing was written, or not all.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Nobody can be asked.
    #[error(
        "there is no terminal to ask on: add --yes to take the defaults, or answer with {}; nothing is written", .0.join(" ")
    )]
    NoTerminal(Vec<&'static str>),
    /// The terminal is gone.
    #[error("a question could not be asked: {0}; nothing is written")]
    Terminal(#[source] io::Error),
    /// There was no answer that could be read.
    #[error("a question was not answered; nothing is written")]
    NoAnswer,
    /// Files would be overwritten.
    #[error("already there: {}; choose another --dir, or replace them with --force; nothing is written", listed(.0))]
    Exists(Vec<PathBuf>),
    /// A file can't be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The settings would not be sound.
    #[error("the address of --deliver can't be used: {0}; nothing is written")]
    Address(String),
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

pub(crate) fn run(args: &InitArgs) -> Result<(), CliError> {
    let missing = args.missing();
    let mut prompts = io::stderr();
    let mut answers = io::stdin().lock();
    let terminal = match missing.is_empty() || args.yes {
        true => None,
        false if io::stdin().is_terminal() => Some(TerminalDialogue { answers: &mut answers, prompts: &mut prompts }),
        false => return Err(InitError::NoTerminal(missing).into()),
    };
    let choices = choose(args, &mut Questionnaire { terminal })?;
    let secrets = secrets().map_err(CliError::system("make random keys"))?;
    let files = files::render(&choices, &secrets);
    let settings = files.iter().find(|file| file.name == SETTINGS).map_or("", |file| &file.text);
    Settings::load(settings, &args.dir, []).map_err(|mistakes| {
        let said = mistakes.in_file.iter().map(|mistake| mistake.message.clone());
        InitError::Address(said.collect::<Vec<_>>().join("; "))
    })?;
    files::write(&args.dir, &files, args.force)?;
    Ok(io::stdout().write_all(report(&args.dir, &choices, &secrets.key).as_bytes())?)
}

impl InitArgs {
    /// The options that answer questions, and are not there.
    fn missing(&self) -> Vec<&'static str> {
        let options = [
            ("--currency", self.currency.is_none()),
            ("--time-zone", self.time_zone.is_none()),
            ("--cart-after", self.cart_after.is_none()),
            ("--sdk", self.sdk.is_none()),
            ("--deliver", self.deliver.is_none()),
        ];
        options.into_iter().filter_map(|(option, is_missing)| is_missing.then_some(option)).collect()
    }
}

fn choose(args: &InitArgs, ask: &mut Questionnaire<'_>) -> Result<ShopChoices, InitError> {
    let of_folder = || args.dir.file_name().and_then(|name| choices::name(name.to_str()?).ok());
    let zone = choices::own_time_zone();
    let question = |text, default, read| InitQuestion::<'_, String> { text, default, read };
    Ok(ShopChoices {
        name: args.name.clone().or_else(of_folder).unwrap_or_else(|| "shop".to_owned()),
        currency: ask.ask(
            args.currency.clone(),
            &question("In which currency are your prices?", "EUR", choices::currency),
        )?,
        time_zone: ask.ask(
            args.time_zone.clone(),
            &question("In which time zone are most of your customers?", &zone, choices::time_zone),
        )?,
        cart_after: ask.ask(
            args.cart_after.clone(),
            &question("After how long is a cart left behind?", "30m", choices::cart_after),
        )?,
        sdk: ask.ask(
            args.sdk,
            &InitQuestion {
                text: "What sends your website's events: segment, rudderstack, posthog, or none (a small script of Rekindle's)?",
                default: "none",
                read: choices::sdk,
            },
        )?,
        deliver: ask.ask(
            args.deliver.clone(),
            &InitQuestion {
                text: "Where are messages sent: none, or webhook:https://…?",
                default: "none",
                read: choices::deliver,
            },
        )?,
        collect_url: args.collect_url.trim_end_matches('/').to_owned(),
    })
}

fn secrets() -> io::Result<ShopSecrets> {
    let NewWriteKey { key, sha256 } = NewWriteKey::make()?;
    let mut random = [0; WEBHOOK_SECRET_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(ShopSecrets { key, sha256, webhook: format!("whsec_{}", BASE64.encode(random)) })
}

/// What was written, and what comes next.
fn report(folder: &Path, choices: &ShopChoices, key: &str) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut lines = vec![
        (SETTINGS, "settings"),
        (RULES, "who left a cart behind, and what is done about it"),
        (SNIPPET, "for every page of the website, before </head>"),
    ];
    if choices.deliver != WebhookChoice::Nowhere {
        lines.push((WEBHOOK_SECRET, "signs the webhooks: their receiver needs it"));
    }
    let width = lines.iter().map(|(name, _)| file(name).chars().count()).max().unwrap_or_default();
    let lines: String = lines.iter().map(|(name, what)| format!("{:width$}  {what}\n", file(name))).collect();
    format!(
        "{lines}\nThe website's write key, of which the settings have the hash: {key}\n\nNext:\n\n    nats-server -js -sd {}\n    \
         rekindle check --config {settings}\n    rekindle run --config {settings}\n",
        file("nats"),
        settings = file(SETTINGS)
    )
}
