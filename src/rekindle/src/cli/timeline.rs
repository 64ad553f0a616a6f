//! `rekindle timeline`.

use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::path::PathBuf;
use std::sync::Arc;

use super::CliError;
use super::explain::ExplainError;
use super::index::IndexArgs;
use super::replay_inputs::ReplayInputs;
use super::terminal::{field, print};
use crate::timeline::{TimelineEntry, TimelinePage, TimelinePlace};
use rekindle_core::partition::ExecutionPlan;
use rekindle_runtime::history::{HistoryRequest, IndexUse, IndexedFiles, StoryItem, UserStory};
use rekindle_runtime::pipeline::PipelineOptions;

/// The keys of an entry that are not repeated behind it.
const SHOWN_FIRST: [&str; 3] = ["at", "kind", "user"];

/// Tells what happened to a user, newest first
///
/// That is events, transitions, decisions, points, deliveries, and visitors who became the user. Reads event files up to an instant, and shows a page; the events of visitors who became the user are among them. With an index
/// of the files (--index) only the user's own events are read; without, the files are gone through once more for it.
#[derive(Debug, clap::Args)]
pub struct TimelineArgs {
    #[command(flatten)]
    inputs: ReplayInputs,

    #[command(flatten)]
    index: IndexArgs,

    /// The user's id
    #[arg(long, value_name = "ID")]
    user: String,

    /// How many entries to show
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,

    /// Only what happened before this time; or the `next` of the page before
    #[arg(long, value_name = "TIME", value_parser = place)]
    before: Option<TimelinePlace>,

    /// Print one JSON object: entries, and where the next page begins
    #[arg(long)]
    json: bool,
}

fn place(text: &str) -> Result<TimelinePlace, &'static str> {
    TimelinePlace::parse(text).ok_or("write it as RFC 3339 (2026-03-09T10:00:00Z), or as a date (2026-03-09)")
}

pub(crate) fn run(args: &TimelineArgs) -> Result<(), CliError> {
    let plan = Arc::new(ExecutionPlan::new(args.inputs.load()?));
    let options = args.inputs.options()?;
    let UserStory { items, pipeline, .. } = args.story(&plan, &options)?;
    if items.is_empty() {
        let linked_to = pipeline.linked_user(&args.user).cloned();
        return Err(ExplainError::UnknownUser { user: args.user.clone(), linked_to }.into());
    }
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let page = TimelinePage::of(&plan.rules, items, args.before, limit);
    print(if args.json { json(&page) } else { text(&page) })
}

impl TimelineArgs {
    fn story(&self, plan: &Arc<ExecutionPlan>, options: &PipelineOptions) -> Result<UserStory, CliError> {
        let request =
            HistoryRequest { user: &self.user, until: self.inputs.until, with_items: true, as_if_alone: true };
        let mut story = match self.index.open(&self.inputs, options)? {
            Some(mut files) => files.story(plan, request)?,
            None => {
                let folder = TemporaryFolder::create()?;
                IndexedFiles::open(&self.inputs.events, Some(&folder.0), IndexUse::Build, options)?
                    .story(plan, request)?
            }
        };
        if !plan.rules.budgets.is_empty() {
            // What budgets allowed is known of all events only.
            let all = self.index.story(&self.inputs, plan, options, &self.user)?;
            story.items.retain(|item| matches!(item, StoryItem::Event(_)));
            story.items.extend(all.outputs.into_iter().map(StoryItem::Output));
        }
        Ok(story)
    }
}

/// A folder for an index that nobody asked to keep.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn create() -> Result<TemporaryFolder, CliError> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let names = (0_u32..1_000).map(|number| format!("rekindle-index-{}-{number}", std::process::id()));
        let mut paths = names.map(|name| std::env::temp_dir().join(name));
        let mut created = Err(std::io::ErrorKind::AlreadyExists.into());
        while let Some(path) = paths.next().filter(|_| created.is_err()) {
            created = builder.create(&path).map(|()| TemporaryFolder(path));
        }
        created.map_err(CliError::system("create a folder for the index"))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What is left over takes room, and is harmless.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn json(page: &TimelinePage) -> String {
    serde_json::json!({ "entries": page.entries, "next": page.next.map(|next| next.to_string()) }).to_string()
}

fn text(page: &TimelinePage) -> String {
    let mut out = String::new();
    for entry in &page.entries {
        let at = |key: &str| entry.get(key).and_then(|value| value.as_str()).unwrap_or_default();
        let _ = writeln!(out, "{}  {:<10}  {}", at("at"), at("kind"), field(&rest(entry)));
    }
    if let Some(next) = page.next {
        let _ = writeln!(out, "there is more: --before {next}");
    }
    out.trim_end().to_owned()
}

/// Everything but what the line begins with, in short.
fn rest(entry: &TimelineEntry) -> String {
    let others = entry.iter().filter(|(key, _)| !SHOWN_FIRST.contains(&key.as_str()));
    let texts = others.map(|(key, value)| match value.as_str() {
        Some(text) => format!("{key} {text}"),
        None => format!("{key} {value}"),
    });
    texts.collect::<Vec<_>>().join(", ")
}
