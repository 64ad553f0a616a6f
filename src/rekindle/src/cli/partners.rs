//! `rekindle partners`: what a partner gets: the key by which it recognises its own customers, and who is shared with it.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::asked_daemon::{AskedDaemon, AskedDaemonError, DaemonAddress};
use super::load::{load_config, load_rules};
use super::secret::LoadedSecret;
use super::{CliError, terminal};
use rekindle_core::diagnostics::suggest;
use rekindle_core::partners::PartnerKey;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_settings::Secret;

/// Gives partners what is theirs
#[derive(Debug, clap::Args)]
pub struct PartnersArgs {
    #[command(subcommand)]
    command: PartnersCommand,
}

#[derive(Debug, Subcommand)]
enum PartnersCommand {
    Key(KeyArgs),
    Export(ExportArgs),
}

/// Print the key of a partner
///
/// Who has it can compute the subject of any text: the first 32 hex digits of the HMAC-SHA256 of the text under the key's 32 bytes. Give it
/// to that partner alone. It depends on the secret and the partner's id; with another secret all subjects are others.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rekindle partners key acme --config rekindle.toml
  rekindle partners key acme --rules rules.toml --secret-file draws.secret

The partner then finds out who is who, for instance in Python:
  hmac.new(bytes.fromhex(KEY), 'ana@shop.example'.encode(), 'sha256').hexdigest()[:32]")]
struct KeyArgs {
    /// The id of the [[partners]]
    #[arg(value_name = "ID")]
    partner: String,

    /// The daemon's settings, which name the rules and the secret's file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rules", "secret_file"], required_unless_present = "rules")]
    config: Option<PathBuf>,

    /// The rules file (TOML)
    #[arg(long, value_name = "FILE", requires = "secret_file")]
    rules: Option<PathBuf>,

    /// The file with the secret
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// Write who is shared with a partner now, as a running daemon knows
///
/// One JSON object a line: {\"partner\",\"segment\",\"subject\"}, for every segment of the partner, or one. A partner that begins to read its
/// messages after it got this file misses nobody, if it then takes `enter` of whom it knows, and `exit` of whom it does not, as nothing new.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rekindle partners export acme > acme.jsonl
  rekindle partners export acme --segment vip --url https://rekindle.shop.example --token-file http-token > vip.jsonl")]
struct ExportArgs {
    /// The id of the [[partners]]
    #[arg(value_name = "ID")]
    partner: String,

    /// Only of this segment
    #[arg(long, value_name = "SEGMENT")]
    segment: Option<String>,

    #[command(flatten)]
    daemon: DaemonAddress,
}

/// Why nothing can be said of a partner.
#[derive(Debug, thiserror::Error)]
pub enum PartnersError {
    /// The rules have no such partner.
    #[error("there is no partner `{id}` in the rules; {help}")]
    NoSuchPartner {
        /// The id.
        id: String,
        /// What may have been meant.
        help: String,
    },
    /// The partner has no such segment.
    #[error("partner `{partner}` has no segment `{segment}`; {help}")]
    NoSuchSegment {
        /// The partner.
        partner: String,
        /// The segment.
        segment: String,
        /// What may have been meant.
        help: String,
    },
    /// Without a secret everybody could compute the key.
    #[error("there is no secret: [engine] secret_file must name its file, or anybody could compute this key")]
    NoSecret,
}

pub(crate) fn run(args: &PartnersArgs) -> Result<(), CliError> {
    match &args.command {
        PartnersCommand::Key(args) => key(args),
        PartnersCommand::Export(args) => export(args),
    }
}

fn key(args: &KeyArgs) -> Result<(), CliError> {
    let (rules, secret) = args.inputs()?;
    let secret = LoadedSecret::of_command(secret.as_ref())?;
    let ids = rules.partners.iter().map(|partner| partner.id.as_str());
    if !ids.clone().any(|id| id == args.partner) {
        let help = suggest(&args.partner, ids, "partners");
        return Err(PartnersError::NoSuchPartner { id: args.partner.clone(), help }.into());
    }
    if secret.is_empty() {
        return Err(PartnersError::NoSecret.into());
    }
    terminal::print(PartnerKey::new(&secret, &args.partner).to_hex())
}

impl KeyArgs {
    fn inputs(&self) -> Result<(Ruleset, Option<Secret>), CliError> {
        match (&self.config, &self.rules) {
            (Some(config), _) => {
                let engine = load_config(config)?.engine;
                Ok((load_rules(&engine.rules)?, engine.secret))
            }
            (None, rules) => {
                let rules = rules.clone().unwrap_or_default();
                Ok((load_rules(&rules)?, self.secret_file.clone().map(Secret::File)))
            }
        }
    }
}

fn export(args: &ExportArgs) -> Result<(), CliError> {
    let daemon = AskedDaemon::new(&args.daemon)?;
    let partners = daemon.ask("GET", "/v1/partners")?;
    let known = || partners["partners"].as_array().into_iter().flatten();
    let Some(partner) = known().find(|partner| partner["id"] == args.partner.as_str()) else {
        let help = suggest(&args.partner, known().filter_map(|partner| partner["id"].as_str()), "partners");
        return Err(PartnersError::NoSuchPartner { id: args.partner.clone(), help }.into());
    };
    let all = || partner["segments"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let asked: Vec<&str> = all().filter(|id| args.segment.as_deref().is_none_or(|asked| asked == *id)).collect();
    if let (Some(segment), []) = (&args.segment, asked.as_slice()) {
        let (partner, help) = (args.partner.clone(), suggest(segment, all(), "segments of this partner"));
        return Err(PartnersError::NoSuchSegment { partner, segment: segment.clone(), help }.into());
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    for segment in asked {
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/partners/{}/{segment}?limit=10000{cursor}", args.partner);
            let page = daemon.ask("GET", &path)?;
            let Some(subjects) = page["subjects"].as_array() else {
                return Err(AskedDaemonError::Answer("a page has no `subjects`".to_owned()).into());
            };
            for subject in subjects {
                writeln!(out, "{}", json!({ "partner": args.partner, "segment": segment, "subject": subject }))?;
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
    }
    out.flush()?;
    Ok(())
}
