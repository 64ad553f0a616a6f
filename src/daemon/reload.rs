//! Other rules while running: a file that is wrong changes nothing, a good one takes effect between two events.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use thiserror::Error;
use tracing::{error, info};

use super::scrape::wall_clock;
use crate::api;
use crate::checkpoint::compare;
use crate::live::{ChangeError, Live, NoteChange};
use crate::partition::Plan;
use crate::rules;
use crate::rules::diagnostic::Diagnostic;
use crate::sink::emission::Reloaded;
use crate::store::Checkpoints;
use crate::time::Timestamp;

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
    /// It has mistakes.
    #[error("the rules file {} has {} mistakes; the rules are as they were", path.display(), problems.len())]
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
    NotChanged(#[from] ChangeError),
}

/// The rules that are in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesInUse {
    /// The file they were read from.
    pub path: PathBuf,
    /// Its text then.
    pub text: String,
    /// Its fingerprint.
    pub version: String,
    /// When they took effect here.
    pub since: Timestamp,
}

/// Reloads the rules from their file.
#[derive(Debug)]
pub struct Reloader {
    live: Live,
    checkpoints: Option<Checkpoints>,
    in_use: Mutex<RulesInUse>,
    /// One reload at a time.
    turn: tokio::sync::Mutex<()>,
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl Reloader {
    pub(super) fn new(
        live: Live,
        checkpoints: Option<Checkpoints>,
        path: PathBuf,
        text: String,
        plan: Arc<Plan>,
    ) -> Reloader {
        let in_use = RulesInUse { path, text, version: plan.rules.version.clone(), since: wall_clock() };
        Reloader {
            live,
            checkpoints,
            in_use: Mutex::new(in_use),
            turn: tokio::sync::Mutex::default(),
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// The rules in use.
    pub fn in_use(&self) -> RulesInUse {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many reloads succeeded, and how many failed.
    pub fn counts(&self) -> (u64, u64) {
        (self.succeeded.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    /// Reads the file again, and lets its rules take effect. Says in the log what came of it.
    ///
    /// # Errors
    /// The rules are as they were, and why.
    pub async fn reload(&self) -> Result<Reloaded, ReloadError> {
        let _turn = self.turn.lock().await;
        let reloaded = self.try_reload().await;
        match &reloaded {
            Ok(Reloaded { rules, previous, .. }) => {
                self.succeeded.fetch_add(1, Ordering::Relaxed);
                info!(rules, previous, "the rules were reloaded");
            }
            Err(error) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                error!("{error}{}", first_problem(error));
            }
        }
        reloaded
    }

    /// Keeps the text with the checkpoints: for as long as the log may have to be gone through again with it.
    fn note(&self, version: &str, text: &str) -> NoteChange {
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

    async fn try_reload(&self) -> Result<Reloaded, ReloadError> {
        let path = self.in_use().path;
        let text = read(&path).await.map_err(|cause| ReloadError::Unreadable { path: path.clone(), cause })?;
        let ruleset = match rules::compile(&text) {
            Ok(ruleset) => ruleset,
            Err(problems) => return Err(ReloadError::Wrong { path, text, problems }),
        };
        let version = ruleset.version.clone();
        let before = Arc::clone(&self.live.stats().plan);
        let kept = compare(&before.rules, &ruleset);
        let reloaded = self.live.change_rules(Arc::new(Plan::new(ruleset)), self.note(&version, &text)).await?;
        info!(kept = kept.kept, new = kept.new, dropped = kept.dropped, "what features remember");
        let in_use = RulesInUse { path, text, version, since: wall_clock() };
        *self.in_use.lock().unwrap_or_else(PoisonError::into_inner) = in_use;
        Ok(reloaded)
    }
}

impl api::Rules for Reloader {
    fn loaded(&self) -> Arc<api::Loaded> {
        let RulesInUse { path, text, version, since } = self.in_use();
        Arc::new(api::Loaded { version, path, at: since, text })
    }

    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, api::ReloadError>> {
        Box::pin(async {
            Reloader::reload(self).await.map_err(|error| match error {
                ReloadError::Unreadable { path, cause } => api::ReloadError::Unreadable { path, source: cause },
                ReloadError::Wrong { path, text, problems } => {
                    api::ReloadError::mistakes(&path.display().to_string(), &text, &problems)
                }
                ReloadError::NotChanged(error) => api::ReloadError::NotChanged(error),
            })
        })
    }
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
