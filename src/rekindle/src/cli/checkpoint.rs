//! `rekindle checkpoint`: inspects stored checkpoints. Read-only; a daemon may be running.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use super::error::CheckpointCommandError;
use super::terminal::{field, lines};
use super::{CliError, load_config};
use rekindle_core::json::JsonText;
use rekindle_core::partition::{FeatureReport, KeyInstanceReport, UserReport};
use rekindle_core::secret::SecretFingerprint;
use rekindle_core::time::Timestamp;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use rekindle_runtime::store::{CheckpointInspection, CheckpointStore, LoadedCheckpoint, Manifest, ManifestEntry};
use rekindle_settings::{CheckpointLocation, CheckpointSettings, masked};

/// Inspect stored checkpoints: list them, show their contents, verify them
///
/// Read-only; the daemon may be running meanwhile.
#[derive(Debug, Args)]
pub struct CheckpointArgs {
    #[command(subcommand)]
    what: CheckpointCommand,
}

#[derive(Debug, Subcommand)]
enum CheckpointCommand {
    /// List the valid checkpoints, oldest first
    Ls {
        #[command(flatten)]
        place: StoreLocation,
        /// One JSON object: the whole manifest
        #[arg(long)]
        json: bool,
    },
    /// Show a checkpoint's header and totals
    Inspect {
        #[command(flatten)]
        place: StoreLocation,
        /// The checkpoint's number; the latest if left out
        number: Option<u64>,
    },
    /// Read every block of every checkpoint; fails and reports damage if there is any
    Verify {
        #[command(flatten)]
        place: StoreLocation,
    },
    /// Write every user of the newest intact checkpoint as a line of JSON, sorted by id
    Export {
        #[command(flatten)]
        place: StoreLocation,
    },
}

/// Where the checkpoints are.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct StoreLocation {
    /// A folder, or s3://bucket/prefix with the AWS_ variables of the environment
    #[arg(long, value_name = "DIR|URL")]
    store: Option<String>,
    /// The settings of the daemon, which name the store
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn run(args: &CheckpointArgs) -> Result<(), CliError> {
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::system("start the runtime"))?;
    let out = &mut std::io::stdout().lock();
    runtime.block_on(async {
        match &args.what {
            CheckpointCommand::Ls { place, json } => list(&manifest(&open(place)?).await?, *json, out),
            CheckpointCommand::Inspect { place, number } => inspect(&open(place)?, *number, out).await,
            CheckpointCommand::Verify { place } => verify(&open(place)?, out).await,
            CheckpointCommand::Export { place } => export(&open(place)?, out).await,
        }
    })
}

fn open(place: &StoreLocation) -> Result<CheckpointStore, CliError> {
    let settings = match (&place.config, &place.store) {
        (Some(path), _) => load_config(path)?.checkpoint,
        (None, store) => {
            let text = store.as_deref().unwrap_or_default();
            let wrong = |why| CheckpointCommandError::Location { location: masked(text).to_string(), why };
            let store = CheckpointLocation::parse(text).map_err(wrong)?;
            // As the AWS clients do: an endpoint in the environment is a choice, and http:// in it one too.
            CheckpointSettings { store, s3_allow_http: true, ..CheckpointSettings::default() }
        }
    };
    if let CheckpointLocation::Folder(path) = &settings.store
        && !path.is_dir()
    {
        return Err(CheckpointCommandError::NoFolder(path.clone()).into());
    }
    Ok(CheckpointStore::open(&settings)?.ok_or(CheckpointCommandError::NoStore)?)
}

async fn manifest(checkpoints: &CheckpointStore) -> Result<Manifest, CliError> {
    let found = checkpoints.manifest().await?;
    Ok(found.ok_or_else(|| CheckpointCommandError::NoCheckpoints(checkpoints.place()))?)
}

fn list(manifest: &Manifest, as_json: bool, out: &mut impl Write) -> Result<(), CliError> {
    if as_json {
        return Ok(writeln!(out, "{}", lines(&json!(manifest).to_string()))?);
    }
    let stream =
        manifest.stream.as_ref().map_or_else(String::new, |stream| format!(", stream {}", field(&stream.name)));
    writeln!(out, "epoch {}, instance {}{stream}", manifest.epoch, field(&manifest.instance))?;
    writeln!(
        out,
        "{:>10}  {:<5}  {:>12}  {:>12}  {:>14}  {:>12}  {:<16}  written",
        "number", "kind", "bytes", "users", "sequence", "ordinal", "rules"
    )?;
    for entry in &manifest.checkpoints {
        let ManifestEntry { number, bytes, users, sequence, ordinal, rules, .. } = entry;
        let (kind, created, rules) = (entry.kind.name(), Timestamp(entry.created_ms), field(rules));
        writeln!(
            out,
            "{number:>10}  {kind:<5}  {bytes:>12}  {users:>12}  {sequence:>14}  {ordinal:>12}  {rules:<16}  {created}"
        )?;
    }
    Ok(())
}

async fn inspect(checkpoints: &CheckpointStore, number: Option<u64>, out: &mut impl Write) -> Result<(), CliError> {
    let manifest = manifest(checkpoints).await?;
    let number = number.or(manifest.checkpoints.last().map(|entry| entry.number));
    let number = number.ok_or_else(|| CheckpointCommandError::NoCheckpoints(checkpoints.place()))?;
    let entry = manifest.checkpoints.iter().find(|entry| entry.number == number);
    let (Some(entry), Some(found)) = (entry, checkpoints.inspect(number).await?) else {
        return Err(CheckpointCommandError::NoCheckpoint { number, place: checkpoints.place() }.into());
    };
    let CheckpointInspection { head, totals, bytes, parts } = found;
    let chain: Vec<u64> = manifest.chain(number).iter().map(|entry| entry.number).collect();
    let said = json!({
        "object": entry.object, "bytes": bytes, "crc32c": format!("{:08x}", entry.crc32c),
        "created": Timestamp(entry.created_ms).to_string(), "program": head.program,
        "kind": head.kind, "number": head.number, "base": head.base, "previous": head.previous, "chain": chain,
        "stream": head.stream, "sequence": head.sequence, "position": head.position,
        "latest_read": head.latest_read.to_string(), "ordinal": entry.ordinal, "output_last": entry.output_last,
        "rules": head.rules, "partitions": head.partitions, "parts": parts,
        "users": totals.users, "removed": totals.removed, "links": totals.links, "unlinked": totals.unlinked,
    });
    Ok(writeln!(out, "{}", lines(&format!("{said:#}")))?)
}

async fn verify(checkpoints: &CheckpointStore, out: &mut impl Write) -> Result<(), CliError> {
    let findings = checkpoints.verify().await?;
    let mut damaged = 0;
    for finding in &findings {
        match &finding.damage {
            None => writeln!(out, "{}: ok", finding.object)?,
            Some(damage) => {
                damaged += 1;
                writeln!(out, "{}: {}", finding.object, field(&damage.to_string()))?;
            }
        }
    }
    match (findings.len(), damaged) {
        (0, _) => Err(CheckpointCommandError::NoCheckpoints(checkpoints.place()).into()),
        (_, 0) => Ok(()),
        (all, damaged) => Err(CheckpointCommandError::Damaged { damaged, all }.into()),
    }
}

async fn export(checkpoints: &CheckpointStore, out: &mut impl Write) -> Result<(), CliError> {
    let LoadedCheckpoint { state, skipped, .. } = checkpoints.load().await?;
    for skipped in skipped {
        let _ = writeln!(std::io::stderr(), "skipped {}", field(&skipped.to_string()));
    }
    let mut state = state.ok_or_else(|| CheckpointCommandError::NoCheckpoints(checkpoints.place()))?;
    // Nothing is drawn here, so the secret is not needed.
    state.restored.head.secret = SecretFingerprint::default();
    // The state as of the snapshot, not as of a watermark: exporting fires no timer.
    let mut ids: Vec<Arc<str>> = state.restored.partitions.iter().flatten().map(|user| user.id().into()).collect();
    ids.sort_unstable();
    let options = PipelineOptions { partitions: state.restored.partitions.len(), ..PipelineOptions::default() };
    let pipeline = Pipeline::restore(state.plan, options, state.restored)?;
    let mut written = std::io::BufWriter::new(out);
    for report in ids.iter().filter_map(|id| pipeline.report(id)) {
        writeln!(written, "{}", lines(&line(&report).to_string()))?;
    }
    Ok(written.flush()?)
}

/// A user as a line of JSON, with the field names of the API.
fn line(report: &UserReport) -> JsonText {
    let keys: Vec<_> = report.keys.iter().map(key).collect();
    let traits: BTreeMap<String, JsonText> = report.traits.iter().cloned().collect();
    let fired =
        report.fired.iter().map(|it| json!({"campaign": it.campaign, "count": it.count, "last": it.last.to_string()}));
    let held = report.held.iter().map(|it| {
        json!({
            "campaign": it.campaign, "on": it.on, "key": it.key, "at": it.at.to_string(), "until": it.until.to_string(),
        })
    });
    JsonText::of(&BTreeMap::from([
        ("user", JsonText::of(&*report.user)),
        ("at", JsonText::of(&report.at.to_string())),
        ("first_event", JsonText::of(&report.first_event.to_string())),
        ("latest_event", JsonText::of(&report.latest_event.to_string())),
        ("segments", JsonText::of(&report.segments)),
        ("features", features(&report.features)),
        ("keys", JsonText::of(&keys)),
        ("keys_left_off", JsonText::of(&report.keys_left_off)),
        ("traits", JsonText::of(&traits)),
        ("timezone", JsonText::of(&report.timezone)),
        ("next_wake_up", JsonText::of(&report.next_wake_up.map(|at| at.to_string()))),
        ("fired", JsonText::of(&fired.collect::<Vec<_>>())),
        ("held", JsonText::of(&held.collect::<Vec<_>>())),
    ]))
}

fn features(reports: &[FeatureReport]) -> JsonText {
    let feature = |it: &FeatureReport| {
        let entry = [("feature", JsonText::of(&it.feature)), ("value", it.value.clone())];
        BTreeMap::from(entry)
    };
    JsonText::of(&reports.iter().map(feature).collect::<Vec<_>>())
}

/// An instance of a key.
fn key(report: &KeyInstanceReport) -> BTreeMap<&'static str, JsonText> {
    let fired = report.fired.iter().map(|it| json!({"campaign": it.campaign, "count": it.count}));
    let [first_match, latest_match, forgotten_at, next_wake_up] =
        [report.first_match, report.latest_match, report.forgotten_at, report.next_wake_up]
            .map(|at| JsonText::of(&at.to_string()));
    BTreeMap::from([
        ("per", JsonText::of(&report.per)),
        ("key", JsonText::of(&*report.key)),
        ("first_match", first_match),
        ("latest_match", latest_match),
        ("forgotten_at", forgotten_at),
        ("segments", JsonText::of(&report.segments)),
        ("features", features(&report.features)),
        ("fired", JsonText::of(&fired.collect::<Vec<_>>())),
        ("next_wake_up", next_wake_up),
    ])
}
