//! The rules of the demo, for the API: the starter pack, or a file. They can be changed and reloaded while it runs; what is changed in
//! the console is in force until the demo ends, and written into no file.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::api::RulesProvider;
use crate::daemon::wall_clock;
use crate::reload::{ActiveRules, FromLogReload, ReloadError, ReloadOutcome, RulesUpdate, UpdateOutcome};
use crate::versions::{KeptVersions, RulesVersion, VersionsUnreadable};
use rekindle_core::checkpoint::compare;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_runtime::live::EngineHandle;

/// The rules of the demo.
pub(super) struct DemoRules {
    live: EngineHandle,
    /// The file they are from; `None`: the starter pack.
    file: Option<PathBuf>,
    active: Mutex<ActiveRules>,
    versions: KeptVersions,
    /// One change at a time.
    changing: tokio::sync::Mutex<()>,
}

impl DemoRules {
    /// The rules that an engine begins with.
    pub(super) fn new(live: EngineHandle, file: Option<PathBuf>, text: String) -> DemoRules {
        let version = live.stats().plan.rules.version.clone();
        let path = file.clone().unwrap_or_else(|| "starter pack".into());
        let active = ActiveRules { path, text, version, since: wall_clock(), by: "start".to_owned() };
        let (versions, changing) = (KeptVersions::new(None), tokio::sync::Mutex::default());
        versions.record_in_memory(&active);
        DemoRules { live, file, active: Mutex::new(active), versions, changing }
    }

    fn set_active(&self, rules: ActiveRules) {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    async fn put_in_force(&self, text: String, by: String) -> Result<ReloadOutcome, ReloadError> {
        let path = self.active().path;
        let ruleset = match rules::compile(&text) {
            Ok(ruleset) => ruleset,
            Err(problems) => return Err(ReloadError::Mistakes { path, text, problems }),
        };
        let version = ruleset.version.clone();
        let before = Arc::clone(&self.live.stats().plan);
        if before.rules.version == version {
            return Ok(ReloadOutcome::Unchanged { version });
        }
        let next = Arc::new(ExecutionPlan::new(ruleset));
        let compared = compare(&before, &next);
        // The log of the demo ends with it, so nothing has to be recorded.
        let reloaded = self.live.change_rules(next, Box::new(|_| async { Ok(0) }.boxed())).await?;
        let active = ActiveRules { path, text, version, since: wall_clock(), by };
        self.set_active(active.clone());
        self.versions.record(&active).await;
        Ok(ReloadOutcome::Applied { reloaded, compared })
    }
}

impl RulesProvider for DemoRules {
    fn active(&self) -> ActiveRules {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn read(&self, _: bool) -> BoxFuture<'_, Result<String, ReloadError>> {
        let text = match &self.file {
            None => Ok(self.active().text),
            Some(path) => {
                std::fs::read_to_string(path).map_err(|source| ReloadError::Unreadable { path: path.clone(), source })
            }
        };
        std::future::ready(text).boxed()
    }

    fn reload(&self, allow_empty: bool, by: String) -> BoxFuture<'_, Result<ReloadOutcome, ReloadError>> {
        async move {
            let _changing = self.changing.lock().await;
            self.put_in_force(self.read(allow_empty).await?, by).await
        }
        .boxed()
    }

    fn reload_from_log(&self, _: bool, _: String) -> BoxFuture<'_, Result<FromLogReload, ReloadError>> {
        async { Err(ReloadError::NoLog) }.boxed()
    }

    fn update(&self, update: RulesUpdate) -> BoxFuture<'_, Result<UpdateOutcome, ReloadError>> {
        let RulesUpdate { text, replaces, from_log, by, .. } = update;
        async move {
            let _changing = self.changing.lock().await;
            let in_force = self.active().version;
            if replaces != in_force {
                return Err(ReloadError::Superseded { replaces, in_force });
            }
            if from_log {
                return Err(ReloadError::NoLog);
            }
            self.put_in_force(text, by).await.map(UpdateOutcome::Reloaded)
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
        None
    }

    fn cancel_from_log(&self) -> bool {
        false
    }
}
