//! The rules of the demo, for the API: the starter pack, or a file. They can be reloaded while it runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::api::{ForgetError, ForgetRequests, LoggedPosition, RulesProvider};
use crate::daemon::wall_clock;
use crate::reload::{ActiveRules, FromLogReload, ReloadError, ReloadOutcome};
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
}

impl DemoRules {
    /// The rules that an engine begins with.
    pub(super) fn new(live: EngineHandle, file: Option<PathBuf>, text: String) -> DemoRules {
        let version = live.stats().plan.rules.version.clone();
        let path = file.clone().unwrap_or_else(|| "starter pack".into());
        DemoRules { live, file, active: Mutex::new(ActiveRules { path, text, version, since: wall_clock() }) }
    }

    fn set_active(&self, rules: ActiveRules) {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    async fn reload_text(&self, text: String) -> Result<ReloadOutcome, ReloadError> {
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
        self.set_active(ActiveRules { path, text, version, since: wall_clock() });
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

    fn reload(&self, allow_empty: bool) -> BoxFuture<'_, Result<ReloadOutcome, ReloadError>> {
        async move { self.reload_text(self.read(allow_empty).await?).await }.boxed()
    }

    fn reload_from_log(&self, _: bool) -> BoxFuture<'_, Result<FromLogReload, ReloadError>> {
        async { Err(ReloadError::NoLog) }.boxed()
    }

    fn latest_from_log(&self) -> Option<FromLogReload> {
        None
    }

    fn cancel_from_log(&self) -> bool {
        false
    }
}

/// Requests to forget users, which the next step takes in.
#[derive(Debug, Default)]
pub(super) struct DemoForgetRequests {
    waiting: Mutex<Vec<u8>>,
}

impl DemoForgetRequests {
    /// The lines of those that wait.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ForgetRequests for DemoForgetRequests {
    fn forget(&self, user: &str) -> BoxFuture<'_, Result<LoggedPosition, ForgetError>> {
        let line = format!("{}\n", serde_json::json!({ "user": user }));
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line.as_bytes());
        async { Ok(LoggedPosition { sequence: None }) }.boxed()
    }
}
