//! Rules in a file, as the daemon has them, without its log.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rekindle::api::RulesProvider;
use rekindle::reload::{
    ActiveRules, FromLogEnd, FromLogReload, ReloadError, ReloadOutcome, RulesUpdate, UpdateOutcome,
};
use rekindle::rules_file;
use rekindle::versions::{KeptVersions, RulesVersion, VersionsUnreadable};
use rekindle_core::checkpoint::{ColdStart, RulesComparison, WarmUp};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_runtime::live::EngineHandle;
use rekindle_runtime::live::recomputation::RecomputationFigures;

use crate::api_server::{RULES, START};

/// Rules in a file, as the daemon has them.
pub(crate) struct RulesFile {
    pub(crate) path: PathBuf,
    /// Whether asking for them panics.
    pub(crate) broken: AtomicBool,
    /// How long a reload takes beside the engine's part.
    pub(crate) delay_ms: AtomicU64,
    live: EngineHandle,
    loaded: Mutex<ActiveRules>,
    /// The latest reload from the log.
    from_log: Mutex<Option<FromLogReload>>,
    versions: KeptVersions,
}

impl RulesFile {
    /// A file with [`RULES`], which the engine began with.
    pub(crate) fn new(path: PathBuf, live: EngineHandle) -> RulesFile {
        let (version, by) = (rules::fingerprint(RULES), "start".to_owned());
        let loaded = ActiveRules { version, path: path.clone(), since: START, text: RULES.to_owned(), by };
        let versions = KeptVersions::new(None);
        versions.record_in_memory(&loaded);
        let (loaded, from_log) = (Mutex::new(loaded), Mutex::default());
        RulesFile { path, broken: false.into(), delay_ms: 0.into(), live, loaded, from_log, versions }
    }
}

impl RulesProvider for RulesFile {
    fn active(&self) -> ActiveRules {
        assert!(!self.broken.load(Ordering::Relaxed), "broken for a test");
        self.loaded.lock().expect("not poisoned").clone()
    }

    fn read(&self, _: bool) -> BoxFuture<'_, Result<String, ReloadError>> {
        let unreadable = |source| ReloadError::Unreadable { path: self.path.clone(), source };
        std::future::ready(fs::read_to_string(&self.path).map_err(unreadable)).boxed()
    }

    fn reload(&self, allow_empty: bool, by: String) -> BoxFuture<'_, Result<ReloadOutcome, ReloadError>> {
        async move {
            tokio::time::sleep(Duration::from_millis(self.delay_ms.load(Ordering::Relaxed))).await;
            let text = self.read(allow_empty).await?;
            let rules = rules::compile(&text).map_err(|problems| {
                let (path, text) = ("rules.toml".into(), text.clone());
                ReloadError::Mistakes { path, text, problems }
            })?;
            if rules.segments.is_empty() && !allow_empty {
                return Err(ReloadError::Emptied { path: self.path.clone(), lost: "segments".to_owned() });
            }
            if rules.version == self.active().version {
                return Ok(ReloadOutcome::Unchanged { version: rules.version });
            }
            let rules_activation = self
                .live
                .change_rules(Arc::new(ExecutionPlan::new(rules)), Box::new(|_| async { Ok(1) }.boxed()))
                .await?;
            let version = rules_activation.rules.clone();
            let loaded = ActiveRules { version, path: self.path.clone(), since: START, text, by };
            self.versions.record(&loaded).await;
            *self.loaded.lock().expect("not poisoned") = loaded;
            let new = vec![ColdStart {
                what: "total(view)".to_owned(),
                blind: WarmUp::ForGood,
                read_by: vec!["segment seen".to_owned()],
            }];
            let compared = RulesComparison { kept: 0, new, dropped: 0 };
            Ok(ReloadOutcome::Applied { reloaded: rules_activation, compared })
        }
        .boxed()
    }

    /// It never ends by itself.
    fn reload_from_log(&self, _: bool, _: String) -> BoxFuture<'_, Result<FromLogReload, ReloadError>> {
        async {
            let mut latest = self.from_log.lock().expect("not poisoned");
            if let Some(running) = latest.as_ref().filter(|latest| latest.end.is_none()) {
                return Err(ReloadError::Running { started: running.started });
            }
            let figures = RecomputationFigures { first: 11, sequence: 21, live_sequence: 51, ..Default::default() };
            let rules = self.loaded.lock().expect("not poisoned").version.clone();
            Ok(latest.insert(FromLogReload { rules, started: START, figures, end: None }).clone())
        }
        .boxed()
    }

    fn update(&self, update: RulesUpdate) -> BoxFuture<'_, Result<UpdateOutcome, ReloadError>> {
        async move {
            let RulesUpdate { text, replaces, from_log, allow_empty, by } = update;
            let in_force = self.active().version;
            if replaces != in_force {
                return Err(ReloadError::Superseded { replaces, in_force });
            }
            rules::compile(&text).map_err(|problems| {
                let (path, text) = ("rules.toml".into(), text.clone());
                ReloadError::Mistakes { path, text, problems }
            })?;
            rules_file::replace(&self.path, &text)?;
            match from_log {
                true => self.reload_from_log(allow_empty, by).await.map(UpdateOutcome::FromLog),
                false => self.reload(allow_empty, by).await.map(UpdateOutcome::Reloaded),
            }
        }
        .boxed()
    }

    fn versions(&self) -> BoxFuture<'_, Result<Vec<RulesVersion>, VersionsUnreadable>> {
        async { self.versions.all(&self.active()).await }.boxed()
    }

    fn version_text(&self, version: String) -> BoxFuture<'_, Result<Option<String>, VersionsUnreadable>> {
        async move { self.versions.text(&version, &self.active()).await }.boxed()
    }

    fn latest_from_log(&self) -> Option<FromLogReload> {
        self.from_log.lock().expect("not poisoned").clone()
    }

    fn cancel_from_log(&self) -> bool {
        let mut latest = self.from_log.lock().expect("not poisoned");
        let running = latest.as_mut().filter(|latest| latest.end.is_none());
        running.map(|running| running.end = Some(FromLogEnd::Cancelled)).is_some()
    }
}
