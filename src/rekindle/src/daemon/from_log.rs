//! Reloads from the log: a second engine reads the log under the rules of the file, beside the live one, and takes over when it has
//! caught up.
//!
//! There is one at a time. Whatever happens to it, nothing has changed until it takes over. It is recorded in the checkpoint store
//! while it runs: a daemon that ends meanwhile begins it again at its next start, instead of an ordinary reload.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::past_log::log_failure;
use super::reload::{CheckedRules, RulesReloader};
use super::{ConnectedBroker, wall_clock};
use crate::api::AuditLog as _;
use crate::audit::{AuditOutcome, AuditRecord, AuditedChange, AuditedRequester};
use crate::reload::{ActiveRules, FromLogEnd, FromLogReload, ReloadError};
use rekindle_core::partition::ExecutionPlan;
use rekindle_nats::source::NatsSource;
use rekindle_runtime::health::Health;
use rekindle_runtime::live::BATCH_QUEUE_CAPACITY;
use rekindle_runtime::live::recomputation::{
    RecomputationError, RecomputationFigures, RecomputationInputs, RecomputationProgress, recompute,
};
use rekindle_runtime::output::batch::RulesActivation;
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_settings::{CollectSettings, Settings, SourceKind};

/// What reloads from the log need, and the latest one.
pub(super) struct FromLogReloads {
    /// The reloader, for the task that awaits the end.
    reloader: Weak<RulesReloader>,
    settings: Settings,
    options: PipelineOptions,
    connected: watch::Receiver<Option<ConnectedBroker>>,
    latest: Mutex<Option<LatestReload>>,
}

/// The latest reload from the log.
struct LatestReload {
    reload: FromLogReload,
    progress: RecomputationProgress,
    /// Other rules took effect meanwhile.
    is_superseded: bool,
    /// The text that was written into the rules file for it.
    written: Option<String>,
}

/// Why a reload from the log begins.
pub(super) struct FromLogOrigin {
    /// Who wants it.
    pub(super) by: String,
    /// The text that was written into the rules file for it: if it fails, the file is put back.
    pub(super) written: Option<String>,
}

impl FromLogReloads {
    pub(super) fn new(
        reloader: Weak<RulesReloader>,
        settings: Settings,
        options: PipelineOptions,
        connected: watch::Receiver<Option<ConnectedBroker>>,
    ) -> FromLogReloads {
        FromLogReloads { reloader, settings, options, connected, latest: Mutex::new(None) }
    }

    pub(super) fn collect_settings(&self) -> &CollectSettings {
        &self.settings.collect
    }

    fn lock(&self) -> MutexGuard<'_, Option<LatestReload>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that is running, or else the latest.
    pub(super) fn latest(&self) -> Option<FromLogReload> {
        self.lock().as_ref().map(|latest| {
            let figures = latest.progress.figures();
            FromLogReload { figures, ..latest.reload.clone() }
        })
    }

    /// Cancels the one that is running; false: none is.
    pub(super) fn cancel(&self) -> bool {
        let latest = self.lock();
        let running = latest.as_ref().filter(|latest| latest.reload.end.is_none());
        running.inspect(|latest| latest.progress.cancel()).is_some()
    }

    /// Other rules took effect: the one that is running ends.
    pub(super) fn supersede(&self) {
        if let Some(latest) = &mut *self.lock() {
            latest.is_superseded = true;
        }
        self.cancel();
    }

    /// Notes how it ended.
    fn ended(&self, result: &Result<RulesActivation, RecomputationError>) -> Option<FromLogEnd> {
        let mut latest = self.lock();
        let latest = latest.as_mut()?;
        let end = match result {
            Ok(activation) => FromLogEnd::Applied(activation.clone()),
            Err(RecomputationError::Cancelled) if latest.is_superseded => {
                FromLogEnd::Failed { why: "other rules took effect while the log was read".to_owned() }
            }
            Err(RecomputationError::Cancelled) => FromLogEnd::Cancelled,
            Err(error) => FromLogEnd::Failed { why: error.to_string() },
        };
        latest.reload.end = Some(end.clone());
        Some(end)
    }

    /// Whether the one that is running has written this text into the rules file.
    pub(super) fn has_written(&self, text: &str) -> bool {
        let latest = self.lock();
        let running = latest.as_ref().filter(|latest| latest.reload.end.is_none());
        running.is_some_and(|running| running.written.as_deref() == Some(text))
    }

    /// How far the one that is running is, for metrics.
    pub(super) fn running(&self) -> Option<RecomputationFigures> {
        self.latest().filter(|reload| reload.end.is_none()).map(|reload| reload.figures)
    }
}

impl RulesReloader {
    /// Reads the file, and begins to read the log under its rules, also if they are those in force; they take effect when all of it
    /// is read. Returns as soon as it has begun.
    ///
    /// # Errors
    /// The rules in force remain, and why.
    pub async fn reload_from_log(&self, allow_empty: bool, by: &str) -> Result<FromLogReload, ReloadError> {
        let _reloading = self.reloading.lock().await;
        let begun = self.read_and_begin_from_log(allow_empty, by).await;
        if let Err(error) = &begun {
            self.metrics.refused.increment(1);
            error!("{error}");
        }
        begun
    }

    /// How far the reload from the log is, if one is running.
    pub fn running_from_log(&self) -> Option<RecomputationFigures> {
        self.from_log.running()
    }

    /// Whether the daemon that wrote the checkpoints was reading the log under these rules, of the rules file, when it ended.
    pub(super) async fn was_reading_log(&self, configured: &str) -> bool {
        let Some(checkpoints) = &self.checkpoints else { return false };
        match checkpoints.manifest().await {
            Ok(manifest) => manifest.is_some_and(|manifest| manifest.recomputing.as_deref() == Some(configured)),
            Err(error) => {
                warn!("whether the log was being read for a reload is not known: {error}");
                false
            }
        }
    }

    async fn read_and_begin_from_log(&self, allow_empty: bool, by: &str) -> Result<FromLogReload, ReloadError> {
        self.may_read_log()?;
        let checked = self.read_rules(allow_empty).await?;
        self.begin_from_log(checked, FromLogOrigin { by: by.to_owned(), written: None }).await
    }

    /// Whether the log can be read for a reload.
    pub(super) fn may_read_log(&self) -> Result<ConnectedBroker, ReloadError> {
        let reloads = &self.from_log;
        if let Some(running) = reloads.latest().filter(|latest| latest.end.is_none()) {
            return Err(ReloadError::Running { started: running.started });
        }
        if reloads.settings.source.kind != SourceKind::JetStream {
            return Err(ReloadError::NoLog);
        }
        let (needed, max) = (self.live.stats().state_bytes, reloads.settings.engine.reload_memory);
        if needed > max {
            return Err(ReloadError::TooLarge { needed, max });
        }
        reloads.connected.borrow().clone().ok_or(ReloadError::NoBroker)
    }

    pub(super) async fn begin_from_log(
        &self,
        checked: CheckedRules,
        FromLogOrigin { by, written }: FromLogOrigin,
    ) -> Result<FromLogReload, ReloadError> {
        let (reloads, broker) = (&self.from_log, self.may_read_log()?);
        let Some(reloader) = reloads.reloader.upgrade() else { return Err(ReloadError::NoBroker) };
        let rules = checked.ruleset.version.clone();
        if let Some(checkpoints) = &self.checkpoints {
            let recorded = checkpoints.record_recomputing(Some(rules.clone())).await;
            recorded.map_err(rekindle_runtime::live::RulesChangeError::NotRecorded)?;
        }
        let progress = RecomputationProgress::default();
        let reload =
            FromLogReload { rules, started: wall_clock(), figures: RecomputationFigures::default(), end: None };
        let latest = LatestReload { reload: reload.clone(), progress: progress.clone(), is_superseded: false, written };
        *reloads.lock() = Some(latest);
        info!(rules = reload.rules, "reading the log under the rules of the file; they take effect when it is read");
        tokio::spawn(async move { reloader.run_from_log(checked, broker, progress, by).await });
        Ok(reload)
    }

    /// Reads the log, and reports how it ended.
    async fn run_from_log(
        &self,
        CheckedRules { path, text, ruleset }: CheckedRules,
        broker: ConnectedBroker,
        progress: RecomputationProgress,
        by: String,
    ) {
        let (reloads, began, version) = (&self.from_log, Instant::now(), ruleset.version.clone());
        let (batches, received) = mpsc::channel(BATCH_QUEUE_CAPACITY);
        let health = Health::default();
        let source = super::source(&reloads.settings, &broker.connection, batches, health.part("log"));
        let source = source.from_beginning();
        let log_failure = log_failure(source.status(), health);
        let (stop, stopped) = watch::channel(false);
        let reading = tokio::spawn(NatsSource::run(source, stopped));
        let inputs = RecomputationInputs {
            plan: Arc::new(ExecutionPlan::new(ruleset)),
            text: text.clone(),
            options: reloads.options.clone(),
            live: self.live.clone(),
            batches: received,
            log_failure,
            checkpoints: self.checkpoints.clone(),
            share_percent: reloads.settings.engine.reload_share,
            state_bytes_max: reloads.settings.engine.reload_memory,
        };
        let result = recompute(inputs, progress.clone()).await;
        let _ = stop.send(true);
        reading.abort();
        if let Ok(activation) = &result {
            let (version, by) = (activation.rules.clone(), by.clone());
            let active = ActiveRules { path, text, version, since: wall_clock(), by };
            self.knows_past(active, activation.at);
            self.keep_version().await;
        } else if let Some(checkpoints) = &self.checkpoints {
            checkpoints.drop_past();
            if let Err(error) = checkpoints.record_recomputing(None).await {
                warn!("the checkpoint store still says that the log is being read: {error}");
            }
        }
        let (figures, written) =
            (progress.figures(), reloads.lock().as_ref().and_then(|latest| latest.written.clone()));
        let change = match written {
            Some(_) => AuditedChange::RulesChangedFromLog,
            None => AuditedChange::RulesReloadedFromLog,
        };
        if let (Err(_), Some(written)) = (&result, written) {
            self.put_file_back(written).await;
        }
        let ended = reloads.ended(&result);
        if let Some(end) = &ended {
            self.audit.record(end_record(change, &by, version, end));
        }
        match ended {
            Some(FromLogEnd::Applied(RulesActivation { rules, previous, .. })) => {
                self.metrics.applied.increment(1);
                info!(rules, previous, events = figures.events, took = ?began.elapsed(), "the rules were reloaded from the log");
            }
            Some(FromLogEnd::Cancelled) => {
                self.metrics.refused.increment(1);
                info!("the reload from the log was cancelled; the rules in force remain");
            }
            Some(FromLogEnd::Failed { why }) => {
                self.metrics.refused.increment(1);
                error!("the reload from the log failed: {why}; the rules in force remain");
            }
            None => {}
        }
    }
}

/// A record of how a reload from the log ended, which somebody had begun.
fn end_record(change: AuditedChange, by: &str, version: String, end: &FromLogEnd) -> AuditRecord {
    let (outcome, previous, detail) = match end {
        FromLogEnd::Applied(RulesActivation { previous, .. }) => {
            (AuditOutcome::Done, Some(previous.clone()), String::new())
        }
        FromLogEnd::Cancelled => (AuditOutcome::Refused, None, "it was cancelled".to_owned()),
        FromLogEnd::Failed { why } => (AuditOutcome::Refused, None, why.clone()),
    };
    let record = AuditRecord::new(AuditedRequester::daemon(by), change, outcome);
    AuditRecord { version: Some(version), previous, ..record.with_detail(detail) }
}
