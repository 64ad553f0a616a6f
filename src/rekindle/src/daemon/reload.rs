//! Reloads the rules while running: a file with mistakes changes nothing, a correct one takes effect between two events.
//!
//! A file is used only when it has stopped changing (`rules_text`). A file without any events, segments or campaigns,
//! where the rules in force have some, is refused unless the operator confirms it. What starts empty under other rules is
//! reported in the log, in the answer, and in `/readyz` until its warm-up is over.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tracing::{error, info, warn};

use super::from_log::FromLogReloads;
use super::rules_text::read_rules_file;
use super::{AuditTrail, wall_clock};
use crate::api::{AuditLog as _, RulesProvider};
use crate::audit::{AuditOutcome, AuditRecord, AuditedChange, AuditedRequester};
use crate::collecting::check_row_events;
use crate::metrics::{MetricsRegistry, ReloadMetrics};
use crate::reload::{ActiveRules, FromLogReload, ReloadError, ReloadOutcome, RulesUpdate, UpdateOutcome};
use crate::versions::{KeptVersions, RulesVersion, VersionsUnreadable};
use rekindle_core::checkpoint::{ColdStart, RulesComparison, compare};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::Timestamp;
use rekindle_runtime::health::Health;
use rekindle_runtime::live::{EngineHandle, RulesChangeError, RulesChangeRecorder};
use rekindle_runtime::output::batch::RulesActivation;
use rekindle_runtime::store::CheckpointStore;

/// How many cold starts a log line lists; the rest is counted.
const LISTED_MAX: usize = 20;
/// The key of the note in `/readyz`.
const NOTE: &str = "rules";
/// Who puts rules in force that the daemon starts with, or reads again at its start.
pub(super) const BY_START: &str = "start";
/// Who reloads them by SIGHUP.
const BY_SIGNAL: &str = "signal";

/// Reloads the rules from their file.
pub struct RulesReloader {
    pub(super) live: EngineHandle,
    health: Health,
    notices: Mutex<RulesNotices>,
    pub(super) checkpoints: Option<CheckpointStore>,
    active: Mutex<ActiveRules>,
    pub(super) versions: KeptVersions,
    /// One reload at a time.
    pub(super) reloading: tokio::sync::Mutex<()>,
    /// How many rules changes there were.
    changes: AtomicU64,
    pub(super) metrics: ReloadMetrics,
    pub(super) from_log: FromLogReloads,
    pub(super) audit: Arc<AuditTrail>,
}

/// Rules that may take effect.
pub(super) struct CheckedRules {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) ruleset: Ruleset,
}

/// What operators should know about the rules.
#[derive(Debug)]
struct RulesNotices {
    /// Why the last reload was refused.
    refused: Option<String>,
    /// What started empty with the last rules change, and the watermark of that change.
    cold_starts: Vec<ColdStart>,
    changed_at: Timestamp,
}

impl RulesReloader {
    pub(super) fn new(
        live: EngineHandle,
        health: Health,
        checkpoints: Option<CheckpointStore>,
        active: ActiveRules,
        registry: &MetricsRegistry,
        from_log: FromLogReloads,
        audit: Arc<AuditTrail>,
    ) -> RulesReloader {
        let metrics = ReloadMetrics::register(registry);
        metrics.loaded(active.since);
        RulesReloader {
            live,
            health,
            notices: Mutex::new(RulesNotices { refused: None, cold_starts: Vec::new(), changed_at: Timestamp::MIN }),
            versions: KeptVersions::new(checkpoints.clone()),
            checkpoints,
            active: Mutex::new(active),
            reloading: tokio::sync::Mutex::default(),
            changes: AtomicU64::new(0),
            metrics,
            from_log,
            audit,
        }
    }

    /// The daemon starts with these rules instead of those that it read before.
    pub(super) fn start_with(&self, text: String, version: String) {
        let path = self.active().path;
        self.set_active(ActiveRules { path, text, version, since: wall_clock(), by: BY_START.to_owned() });
    }

    /// The rules in force.
    pub fn active(&self) -> ActiveRules {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_active(&self, rules: ActiveRules) {
        self.metrics.loaded(rules.since);
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    /// Reloads when the replay is complete; a signal that arrives earlier is not lost. The result is logged.
    pub async fn reload_when_ready(&self) {
        if !self.live.is_live() {
            info!("the rules will be reloaded when the replay is complete");
        }
        self.live.recovered().await;
        self.reload_recorded(BY_SIGNAL).await;
    }

    /// Reloads for nobody who asked over the API, which records what it did for others. The result is logged.
    pub(super) async fn reload_recorded(&self, by: &str) {
        let reloaded = self.reload(false, by).await;
        let (outcome, version, previous, detail) = match reloaded {
            Ok(ReloadOutcome::Applied { reloaded: RulesActivation { rules, previous, .. }, .. }) => {
                (AuditOutcome::Done, Some(rules), Some(previous), String::new())
            }
            Ok(ReloadOutcome::Unchanged { version }) => (AuditOutcome::Unchanged, Some(version), None, String::new()),
            Err(error) => {
                let version = match &error {
                    ReloadError::Mistakes { text, .. } => Some(rules::fingerprint(text)),
                    _ => None,
                };
                (AuditOutcome::Refused, version, None, error.to_string())
            }
        };
        let record = AuditRecord::new(AuditedRequester::daemon(by), AuditedChange::RulesReloaded, outcome);
        self.audit.record(AuditRecord { version, previous, ..record.with_detail(detail) });
    }

    /// Reads the file and lets its rules take effect, if they differ; with `allow_empty` also if all events, segments or
    /// campaigns are gone. Logs the result.
    ///
    /// # Errors
    /// The rules in force remain, and why.
    pub async fn reload(&self, allow_empty: bool, by: &str) -> Result<ReloadOutcome, ReloadError> {
        let _reloading = self.reloading.lock().await;
        let reloaded = self.try_reload(allow_empty, by).await;
        self.report(&reloaded);
        reloaded
    }

    /// Logs what became of a reload, and counts it.
    pub(super) fn report(&self, reloaded: &Result<ReloadOutcome, ReloadError>) {
        match reloaded {
            Ok(ReloadOutcome::Applied { reloaded: RulesActivation { rules, previous, .. }, compared }) => {
                self.changes.fetch_add(1, Ordering::Relaxed);
                self.from_log.supersede();
                self.metrics.applied.increment(1);
                info!(rules, previous, "the rules were reloaded");
                let RulesComparison { kept, new, dropped } = compared;
                info!(kept, new = new.len(), dropped, "features by whether they keep their state");
                if !new.is_empty() {
                    warn!("these start empty, and do not know the past: {}", listed(new));
                }
            }
            Ok(ReloadOutcome::Unchanged { version }) => {
                self.metrics.unchanged.increment(1);
                info!(rules = version, "the rules file holds the rules in force: nothing changes");
            }
            Err(error) => {
                self.metrics.refused.increment(1);
                error!("{error}{}", first_problem(error));
            }
        }
        self.notices().refused = reloaded.as_ref().err().map(ToString::to_string);
        self.renew_note();
    }

    fn notices(&self) -> MutexGuard<'_, RulesNotices> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Updates the note in `/readyz`: why the last reload was refused, and what is still warming up, by the watermark.
    pub(super) fn renew_note(&self) {
        let (notices, now) = (self.notices(), self.live.stats().watermark);
        let warming_up: Vec<_> =
            notices.cold_starts.iter().filter(|empty| empty.is_blind(notices.changed_at, now)).cloned().collect();
        let warm_up = (!warming_up.is_empty()).then(|| {
            format!(
                "rules changed at {}, and these started empty and do not know the past: {}",
                notices.changed_at,
                listed(&warming_up)
            )
        });
        let note: Vec<String> = notices.refused.iter().cloned().chain(warm_up).collect();
        self.health.note(NOTE, note.join("; "));
    }

    /// Records the text in the checkpoint store, as long as a part of the log may have to be replayed with it.
    fn recorder(&self, version: &str, text: &str) -> RulesChangeRecorder {
        let (version, text) = (version.to_owned(), text.to_owned());
        match self.checkpoints.clone() {
            Some(checkpoints) => Box::new(move |sequence| {
                async move { checkpoints.record_rules(sequence, &version, &text).await }.boxed()
            }),
            None => {
                let generation = self.changes.load(Ordering::Relaxed) + 1;
                Box::new(move |_| async move { Ok(generation) }.boxed())
            }
        }
    }

    /// Reads the file, and checks that its rules may take effect.
    pub(super) async fn read_rules(&self, allow_empty: bool) -> Result<CheckedRules, ReloadError> {
        let path = self.active().path;
        let text = read_rules_file(&path).await?;
        self.check_rules(path, text, allow_empty)
    }

    /// Checks that the rules of a text may take effect.
    pub(super) fn check_rules(
        &self,
        path: PathBuf,
        text: String,
        allow_empty: bool,
    ) -> Result<CheckedRules, ReloadError> {
        let ruleset = match rules::compile(&text) {
            Ok(ruleset) => ruleset,
            Err(problems) => return Err(ReloadError::Mistakes { path, text, problems }),
        };
        check_row_events(&ruleset, self.from_log.collect_settings())?;
        // During recovery the rules in force are former ones.
        if !self.live.is_live() {
            return Err(RulesChangeError::Recovering.into());
        }
        let before = Arc::clone(&self.live.stats().plan);
        let is_other = before.rules.version != ruleset.version;
        if let Some(lost) = missing_kinds(&before.rules, &ruleset).filter(|_| is_other && !allow_empty) {
            return Err(ReloadError::Emptied { path, lost });
        }
        Ok(CheckedRules { path, text, ruleset })
    }

    async fn try_reload(&self, allow_empty: bool, by: &str) -> Result<ReloadOutcome, ReloadError> {
        let checked = self.read_rules(allow_empty).await?;
        self.put_in_force(checked, by).await
    }

    /// Lets rules take effect, if they differ from those in force.
    pub(super) async fn put_in_force(
        &self,
        CheckedRules { path, text, ruleset }: CheckedRules,
        by: &str,
    ) -> Result<ReloadOutcome, ReloadError> {
        let version = ruleset.version.clone();
        let before = Arc::clone(&self.live.stats().plan);
        let active =
            ActiveRules { path, text: text.clone(), version: version.clone(), since: wall_clock(), by: by.to_owned() };
        if before.rules.version == version {
            if self.active().version != version {
                self.set_active(active);
                self.keep_version().await;
            }
            return Ok(ReloadOutcome::Unchanged { version });
        }
        let next = Arc::new(ExecutionPlan::new(ruleset));
        let compared = compare(&before, &next);
        let reloaded = self.live.change_rules(next, self.recorder(&version, &text)).await?;
        // Before the first event there is no past.
        let cold_starts = if reloaded.at > Timestamp::MIN { compared.new.clone() } else { Vec::new() };
        *self.notices() = RulesNotices { refused: None, cold_starts, changed_at: reloaded.at };
        self.set_active(active);
        self.keep_version().await;
        Ok(ReloadOutcome::Applied { reloaded, compared })
    }

    /// Keeps the version in force, so that one can go back to it.
    pub(super) async fn keep_version(&self) {
        self.versions.record(&self.active()).await;
    }

    /// Rules that know the past took effect: nothing began empty.
    pub(super) fn knows_past(&self, active: ActiveRules, at: Timestamp) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        *self.notices() = RulesNotices { refused: None, cold_starts: Vec::new(), changed_at: at };
        self.set_active(active);
        self.renew_note();
    }
}

/// What the rules in force have and the next ones lack completely: `segments and no campaigns`.
fn missing_kinds(before: &Ruleset, next: &Ruleset) -> Option<String> {
    let kinds = [
        ("events", before.names.len(), next.names.len()),
        ("segments", before.segments.len(), next.segments.len()),
        ("campaigns", before.campaigns.len(), next.campaigns.len()),
    ];
    let lost: Vec<&str> =
        kinds.into_iter().filter(|(_, had, has)| *had > 0 && *has == 0).map(|(kind, ..)| kind).collect();
    (!lost.is_empty()).then(|| lost.join(" and no "))
}

/// The first of them, and the number of the others.
fn listed(all: &[ColdStart]) -> String {
    let mut shown: Vec<String> = all.iter().take(LISTED_MAX).map(ToString::to_string).collect();
    if all.len() > LISTED_MAX {
        shown.push(format!("and {} more", all.len() - LISTED_MAX));
    }
    shown.join("; ")
}

impl RulesProvider for RulesReloader {
    fn active(&self) -> ActiveRules {
        RulesReloader::active(self)
    }

    fn read(&self, allow_empty: bool) -> BoxFuture<'_, Result<String, ReloadError>> {
        async move { self.read_rules(allow_empty).await.map(|CheckedRules { text, .. }| text) }.boxed()
    }

    fn reload(&self, allow_empty: bool, by: String) -> BoxFuture<'_, Result<ReloadOutcome, ReloadError>> {
        async move { RulesReloader::reload(self, allow_empty, &by).await }.boxed()
    }

    fn reload_from_log(&self, allow_empty: bool, by: String) -> BoxFuture<'_, Result<FromLogReload, ReloadError>> {
        async move { RulesReloader::reload_from_log(self, allow_empty, &by).await }.boxed()
    }

    fn update(&self, update: RulesUpdate) -> BoxFuture<'_, Result<UpdateOutcome, ReloadError>> {
        RulesReloader::update(self, update).boxed()
    }

    fn versions(&self) -> BoxFuture<'_, Result<Vec<RulesVersion>, VersionsUnreadable>> {
        async { self.versions.all(&self.active()).await }.boxed()
    }

    fn version_text(&self, version: String) -> BoxFuture<'_, Result<Option<String>, VersionsUnreadable>> {
        async move { self.versions.text(&version, &self.active()).await }.boxed()
    }

    fn latest_from_log(&self) -> Option<FromLogReload> {
        self.from_log.latest()
    }

    fn cancel_from_log(&self) -> bool {
        self.from_log.cancel()
    }
}

fn first_problem(error: &ReloadError) -> String {
    let ReloadError::Mistakes { text, problems, .. } = error else { return String::new() };
    problems.first().map_or(String::new(), |problem| {
        let line = 1 + text.get(..problem.span.start).map_or(0, |before| before.matches('\n').count());
        format!(" (the first, in line {line}: {})", problem.message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_that_are_gone_completely_are_named() {
        let compiled = |text: &str| rules::compile(text).unwrap_or_else(|_| unreachable!("the rules have no mistake"));
        let events = "[events]\nview = 'View'\n";
        let segments = format!("{events}[[segments]]\nid = 's'\nwhen = 'total(view) > 1'\n");
        let whole = format!("{segments}[[campaigns]]\nid = 'c'\non = 'enter:s'\nchannel = 'email'\n");
        let lost = |before: &str, next: &str| missing_kinds(&compiled(before), &compiled(next));
        assert_eq!(lost(&whole, "").as_deref(), Some("events and no segments and no campaigns"));
        assert_eq!(lost(&whole, events).as_deref(), Some("segments and no campaigns"));
        assert_eq!(lost(&whole, &segments).as_deref(), Some("campaigns"));
        assert_eq!(lost(&segments, events).as_deref(), Some("segments"));
        assert_eq!((lost(&whole, &whole), lost("", &whole), lost("", "")), (None, None, None));
    }
}
