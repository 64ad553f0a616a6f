//! Other rules while running: a file that is wrong changes nothing, a good one takes effect between two events.
//!
//! A file is taken only as it stands still: whoever writes it may be half-way. One from which all events, segments or
//! campaigns are gone is refused unless it is said to be meant. What begins empty by other rules is told, in the log, in the
//! answer, and in `/readyz` for as long as it does not know the past.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use thiserror::Error;
use tracing::{error, info, warn};

use super::scrape::wall_clock;
use crate::api;
use rekindle_core::checkpoint::{ColdStart, RulesComparison, compare};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::rules::diagnostic::Diagnostic;
use rekindle_core::rules::program::Ruleset;
use rekindle_core::time::Timestamp;
use rekindle_runtime::health::Health;
use rekindle_runtime::live::{EngineHandle, RulesChangeError, RulesChangeRecorder};
use rekindle_runtime::output::batch::RulesActivation;
use rekindle_runtime::store::CheckpointStore;

/// How long a file must stand still.
const SETTLED_AFTER: Duration = Duration::from_millis(200);
/// How often it is read before that is given up.
const READS_MAX: u32 = 25;
/// Of what begins empty so much is listed in a line; the rest is counted.
const LISTED_MAX: usize = 20;
/// What the note in `/readyz` is about.
const NOTE: &str = "rules";

/// Why the rules are as they were.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The file can't be read.
    #[error("could not read the rules file {}: {cause}; the rules are as they were", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Somebody goes on writing it.
    #[error(
        "the rules file {} is another each time it is read, {READS_MAX} times by now: reload once it is written; the rules are \
         as they were", path.display()
    )]
    Unsettled {
        /// The file.
        path: PathBuf,
    },
    /// All of something is gone from it.
    #[error(
        "the rules file {} has no {lost} any more, and the rules in use have: it may have been cut short, and what is \
         remembered for them would be lost; the rules are as they were; if that is meant, reload with \
         POST /v1/rules/reload?allow_empty=true", path.display()
    )]
    Emptied {
        /// The file.
        path: PathBuf,
        /// What is gone: `segments and no campaigns`.
        lost: String,
    },
    /// It has mistakes.
    #[error(
        "the rules file {} has {} mistake{}; the rules are as they were", path.display(), problems.len(),
        if problems.len() == 1 { "" } else { "s" }
    )]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Its text.
        text: String,
        /// All of them, at their places in the text.
        problems: Vec<Diagnostic>,
    },
    /// The engine did not change them.
    #[error("{0}; the rules are as they were")]
    NotChanged(#[from] RulesChangeError),
}

/// The rules that are in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveRules {
    /// The file they were read from.
    pub path: PathBuf,
    /// Its text then.
    pub text: String,
    /// Its fingerprint.
    pub version: String,
    /// When they took effect here.
    pub since: Timestamp,
}

/// What came of a reload that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// Other rules took effect.
    Applied {
        /// Which, and where.
        reloaded: RulesActivation,
        /// What begins empty by them.
        compared: RulesComparison,
    },
    /// The file holds the rules in use: nothing happened.
    Unchanged {
        /// Their fingerprint.
        version: String,
    },
}

/// Reloads the rules from their file.
#[derive(Debug)]
pub struct RulesReloader {
    live: EngineHandle,
    health: Health,
    news: Mutex<RulesNotices>,
    checkpoints: Option<CheckpointStore>,
    in_use: Mutex<ActiveRules>,
    /// One reload at a time.
    turn: tokio::sync::Mutex<()>,
    succeeded: AtomicU64,
    unchanged: AtomicU64,
    failed: AtomicU64,
}

/// What operators should know of the rules.
#[derive(Debug)]
struct RulesNotices {
    /// Why the last reload was refused.
    refused: Option<String>,
    /// What began empty when the rules changed last, and when that was by the log's time.
    blind: Vec<ColdStart>,
    began: Timestamp,
}

/// How many reloads came to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReloadCounts {
    /// Other rules took effect.
    pub applied: u64,
    /// The file held the rules in use.
    pub unchanged: u64,
    /// The rules stayed as they were, for a reason.
    pub refused: u64,
}

impl RulesReloader {
    pub(super) fn new(
        live: EngineHandle,
        health: Health,
        checkpoints: Option<CheckpointStore>,
        in_use: ActiveRules,
    ) -> RulesReloader {
        RulesReloader {
            live,
            health,
            news: Mutex::new(RulesNotices { refused: None, blind: Vec::new(), began: Timestamp::MIN }),
            checkpoints,
            in_use: Mutex::new(in_use),
            turn: tokio::sync::Mutex::default(),
            succeeded: AtomicU64::new(0),
            unchanged: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// The daemon starts with these rules, not with those that it had read before.
    pub(super) fn start_with(&self, text: String, version: String) {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        *in_use = ActiveRules { path: in_use.path.clone(), text, version, since: wall_clock() };
    }

    /// The rules in use.
    pub fn in_use(&self) -> ActiveRules {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many reloads came to what.
    pub fn counts(&self) -> ReloadCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ReloadCounts { applied: read(&self.succeeded), unchanged: read(&self.unchanged), refused: read(&self.failed) }
    }

    /// Reads the file again as soon as what is out already was gone through: a signal that comes before is kept. The log tells
    /// what came of it.
    pub async fn reload_when_ready(&self) {
        if !self.live.is_live() {
            info!("the rules are reloaded once what is out already was gone through");
        }
        self.live.recovered().await;
        let _ = self.reload(false).await;
    }

    /// Reads the file again, and lets its rules take effect, where they are others; with `allow_empty` also where all events,
    /// segments or campaigns are gone. Says in the log what came of it.
    ///
    /// # Errors
    /// The rules are as they were, and why.
    pub async fn reload(&self, allow_empty: bool) -> Result<ReloadOutcome, ReloadError> {
        let _turn = self.turn.lock().await;
        let reloaded = self.try_reload(allow_empty).await;
        match &reloaded {
            Ok(ReloadOutcome::Applied { reloaded: RulesActivation { rules, previous, .. }, compared }) => {
                self.succeeded.fetch_add(1, Ordering::Relaxed);
                info!(rules, previous, "the rules were reloaded");
                let RulesComparison { kept, new, dropped } = compared;
                info!(kept, new = new.len(), dropped, "what features remember");
                if !new.is_empty() {
                    warn!("these begin empty, and do not know the past: {}", listed(new));
                }
            }
            Ok(ReloadOutcome::Unchanged { version }) => {
                self.unchanged.fetch_add(1, Ordering::Relaxed);
                info!(rules = version, "the rules file holds the rules in use: nothing changes");
            }
            Err(error) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                error!("{error}{}", first_problem(error));
            }
        }
        self.news().refused = reloaded.as_ref().err().map(ToString::to_string);
        self.renew_note();
        reloaded
    }

    fn news(&self) -> MutexGuard<'_, RulesNotices> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says in `/readyz` why a reload was refused, and what does not know the past yet, by the log's time.
    pub(super) fn renew_note(&self) {
        let (news, now) = (self.news(), self.live.stats().watermark);
        let blind: Vec<_> = news.blind.iter().filter(|empty| empty.is_blind(news.began, now)).cloned().collect();
        let told = (!blind.is_empty()).then(|| {
            format!(
                "rules changed at {}, and these began empty and do not know the past: {}",
                news.began,
                listed(&blind)
            )
        });
        let note: Vec<String> = news.refused.iter().cloned().chain(told).collect();
        self.health.note(NOTE, note.join("; "));
    }

    /// Keeps the text with the checkpoints: for as long as the log may have to be gone through again with it.
    fn note(&self, version: &str, text: &str) -> RulesChangeRecorder {
        let (version, text) = (version.to_owned(), text.to_owned());
        match self.checkpoints.clone() {
            Some(checkpoints) => Box::new(move |sequence| {
                let noted = async move {
                    let number = checkpoints.note_rules(sequence, &version, &text).await;
                    number.map_err(|error| error.to_string())
                };
                noted.boxed()
            }),
            None => {
                let generation = self.succeeded.load(Ordering::Relaxed) + 1;
                Box::new(move |_| async move { Ok(generation) }.boxed())
            }
        }
    }

    async fn try_reload(&self, allow_empty: bool) -> Result<ReloadOutcome, ReloadError> {
        let path = self.in_use().path;
        let text = settled(&path, || read(&path), SETTLED_AFTER).await?;
        let ruleset = match rules::compile(&text) {
            Ok(ruleset) => ruleset,
            Err(problems) => return Err(ReloadError::Wrong { path, text, problems }),
        };
        let version = ruleset.version.clone();
        // While it recovers, these are rules of before.
        if !self.live.is_live() {
            return Err(RulesChangeError::Recovering.into());
        }
        let before = Arc::clone(&self.live.stats().plan);
        let in_use =
            ActiveRules { path: path.clone(), text: text.clone(), version: version.clone(), since: wall_clock() };
        if before.rules.version == version {
            let mut known = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
            if known.version != version {
                *known = in_use;
            }
            return Ok(ReloadOutcome::Unchanged { version });
        }
        if let Some(lost) = lost(&before.rules, &ruleset).filter(|_| !allow_empty) {
            return Err(ReloadError::Emptied { path, lost });
        }
        let next = Arc::new(ExecutionPlan::new(ruleset));
        let compared = compare(&before, &next);
        let reloaded = self.live.change_rules(next, self.note(&version, &text)).await?;
        // Before the first event there is no past to be unknown.
        let blind = if reloaded.at > Timestamp::MIN { compared.new.clone() } else { Vec::new() };
        *self.news() = RulesNotices { refused: None, blind, began: reloaded.at };
        *self.in_use.lock().unwrap_or_else(PoisonError::into_inner) = in_use;
        Ok(ReloadOutcome::Applied { reloaded, compared })
    }
}

/// What the rules had and the next have not at all any more: `segments and no campaigns`.
fn lost(before: &Ruleset, next: &Ruleset) -> Option<String> {
    let kinds = [
        ("events", before.names.len(), next.names.len()),
        ("segments", before.segments.len(), next.segments.len()),
        ("campaigns", before.campaigns.len(), next.campaigns.len()),
    ];
    let lost: Vec<&str> =
        kinds.into_iter().filter(|(_, had, has)| *had > 0 && *has == 0).map(|(kind, ..)| kind).collect();
    (!lost.is_empty()).then(|| lost.join(" and no "))
}

/// The first of them in a line, and how many more there are.
fn listed(all: &[ColdStart]) -> String {
    let mut shown: Vec<String> = all.iter().take(LISTED_MAX).map(ToString::to_string).collect();
    if all.len() > LISTED_MAX {
        shown.push(format!("and {} more", all.len() - LISTED_MAX));
    }
    shown.join("; ")
}

impl api::RulesProvider for RulesReloader {
    fn loaded(&self) -> Arc<api::RulesContent> {
        let ActiveRules { path, text, version, since } = self.in_use();
        Arc::new(api::RulesContent { version, path, at: since, text })
    }

    fn reload(&self, allow_empty: bool) -> BoxFuture<'_, Result<api::ReloadReport, api::ReloadRejection>> {
        Box::pin(async move {
            let reload = RulesReloader::reload(self, allow_empty).await.map_err(|error| match error {
                ReloadError::Unreadable { path, cause } => api::ReloadRejection::Unreadable { path, source: cause },
                ReloadError::Wrong { path, text, problems } => {
                    api::ReloadRejection::mistakes(&path.display().to_string(), &text, &problems)
                }
                ReloadError::NotChanged(error) => api::ReloadRejection::NotChanged(error),
                error @ ReloadError::Emptied { .. } => api::ReloadRejection::Emptied(error.to_string()),
                error @ ReloadError::Unsettled { .. } => api::ReloadRejection::Unsettled(error.to_string()),
            })?;
            Ok(match reload {
                ReloadOutcome::Unchanged { version } => api::ReloadReport::Unchanged { version },
                ReloadOutcome::Applied { reloaded, compared } => {
                    let empty = |ColdStart { what, blind, read_by }| api::ColdStartEntry {
                        what,
                        blind: blind.to_string(),
                        read_by,
                    };
                    let begins_empty = compared.new.into_iter().map(empty).collect();
                    api::ReloadReport::Applied { reloaded, begins_empty }
                }
            })
        })
    }
}

/// Reads until it is the same as some time before: whoever writes the file may be half-way, or be about to put another in its
/// place.
async fn settled<R>(path: &Path, mut read: impl FnMut() -> R, pause: Duration) -> Result<String, ReloadError>
where
    R: Future<Output = io::Result<String>>,
{
    let mut last = read().await;
    for _ in 1..READS_MAX {
        tokio::time::sleep(pause).await;
        let next = read().await;
        let is_settled = match (&last, &next) {
            (Ok(last), Ok(next)) => last == next,
            (Err(last), Err(next)) => last.kind() == next.kind(),
            _ => false,
        };
        if is_settled {
            return next.map_err(|cause| ReloadError::Unreadable { path: path.to_owned(), cause });
        }
        last = next;
    }
    Err(ReloadError::Unsettled { path: path.to_owned() })
}

/// A rules file is small; reading it on a thread of its own keeps a slow disk from stopping anything else.
async fn read(path: &Path) -> io::Result<String> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await.map_err(io::Error::other)?
}

fn first_problem(error: &ReloadError) -> String {
    let ReloadError::Wrong { text, problems, .. } = error else { return String::new() };
    problems.first().map_or(String::new(), |problem| {
        let line = 1 + text.get(..problem.span.start).map_or(0, |before| before.matches('\n').count());
        format!(" (the first, in line {line}: {})", problem.message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a file that is so, one time after the other, and how often it was read.
    async fn read_of(mut reads: impl Iterator<Item = io::Result<String>>) -> (Result<String, ReloadError>, u32) {
        let mut count = 0;
        let read = || {
            count += 1;
            std::future::ready(reads.next().expect("it was given up before"))
        };
        (settled(Path::new("rules.toml"), read, Duration::ZERO).await, count)
    }

    #[tokio::test]
    async fn a_file_is_read_until_it_stands_still() {
        let texts = ["", "[events", "[events]\nview = 'View'\n", "[events]\nview = 'View'\n", "never read"];
        let (text, count) = read_of(texts.map(|text| Ok(text.to_owned())).into_iter()).await;
        assert_eq!((text.expect("it is settled").as_str(), count), (texts[2], 4));
        // An editor takes the file away before it puts another there.
        let gone = || Err(io::Error::from(io::ErrorKind::NotFound));
        let replaced = [Ok("old".to_owned()), gone(), Ok("new".to_owned()), Ok("new".to_owned())];
        assert_eq!(read_of(replaced.into_iter()).await.0.expect("it is settled"), "new");
        let (missing, count) = read_of([gone(), gone()].into_iter()).await;
        assert!(matches!(missing, Err(ReloadError::Unreadable { .. })) && count == 2, "{missing:?}");
    }

    #[tokio::test]
    async fn a_file_that_never_stands_still_is_given_up() {
        let (given_up, count) = read_of((0..).map(|number| Ok(format!("# {number}")))).await;
        assert!(matches!(given_up, Err(ReloadError::Unsettled { .. })), "{given_up:?}");
        assert_eq!(count, READS_MAX);
    }

    #[test]
    fn what_is_gone_whole_is_named() {
        let compiled = |text: &str| rules::compile(text).unwrap_or_else(|_| unreachable!("the rules have no mistake"));
        let events = "[events]\nview = 'View'\n";
        let segments = format!("{events}[[segments]]\nid = 's'\nwhen = 'total(view) > 1'\n");
        let whole = format!("{segments}[[campaigns]]\nid = 'c'\non = 'enter:s'\nchannel = 'email'\n");
        let lost = |before: &str, next: &str| lost(&compiled(before), &compiled(next));
        assert_eq!(lost(&whole, "").as_deref(), Some("events and no segments and no campaigns"));
        assert_eq!(lost(&whole, events).as_deref(), Some("segments and no campaigns"));
        assert_eq!(lost(&whole, &segments).as_deref(), Some("campaigns"));
        assert_eq!(lost(&segments, events).as_deref(), Some("segments"));
        assert_eq!((lost(&whole, &whole), lost("", &whole), lost("", "")), (None, None, None));
    }
}
