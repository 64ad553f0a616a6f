//! Rules that come over the API: written into the rules file, and put in force as a reload does.
//!
//! The file is the rules' home: what is in force after a restart is what it says. So a text that may not take effect is not written, and
//! if it does not take effect after all, the file is put back.

use std::path::PathBuf;

use tracing::{error, info};

use super::from_log::FromLogOrigin;
use super::reload::{CheckedRules, RulesReloader};
use super::rules_text::read_rules_file;
use crate::reload::{ReloadError, ReloadOutcome, RulesUpdate, UpdateOutcome};
use crate::rules_file::{self, RulesFileError};
use rekindle_core::rules;

impl RulesReloader {
    /// Writes a text into the rules file, and lets its rules take effect, or begins to read the log under them. Logs the result.
    ///
    /// # Errors
    /// The rules in force remain, and why; the file is as it was, unless that says otherwise.
    pub async fn update(&self, update: RulesUpdate) -> Result<UpdateOutcome, ReloadError> {
        let _reloading = self.reloading.lock().await;
        match self.try_update(update).await {
            Ok(UpdateOutcome::Reloaded(outcome)) => {
                let outcome: Result<ReloadOutcome, ReloadError> = Ok(outcome);
                self.report(&outcome);
                outcome.map(UpdateOutcome::Reloaded)
            }
            Ok(begun) => Ok(begun),
            // What somebody types may have mistakes: that is no error of the daemon's.
            Err(refused) => {
                self.metrics.refused.increment(1);
                info!("rules that came over the API were refused: {refused}");
                Err(refused)
            }
        }
    }

    async fn try_update(&self, update: RulesUpdate) -> Result<UpdateOutcome, ReloadError> {
        let RulesUpdate { text, replaces, from_log, allow_empty, by } = update;
        let active = self.active();
        if replaces != active.version {
            return Err(ReloadError::Superseded { replaces, in_force: active.version });
        }
        let found = read_rules_file(&active.path).await?;
        if found != active.text && found != text && !self.from_log.has_written(&found) {
            return Err(ReloadError::Edited { path: active.path });
        }
        let checked = self.check_rules(active.path, text.clone(), allow_empty)?;
        if from_log {
            self.may_read_log()?;
        }
        let (path, is_other) = (checked.path.clone(), found != text);
        if is_other {
            replace_file(path.clone(), text.clone()).await?;
        }
        let outcome = self.take_effect(checked, from_log.then_some(text), by).await;
        match outcome {
            Err(cause) if is_other => match replace_file(path, found).await {
                Ok(()) => Err(cause),
                Err(source) => Err(ReloadError::NotPutBack { cause: Box::new(cause), source }),
            },
            outcome => outcome,
        }
    }

    async fn take_effect(
        &self,
        checked: CheckedRules,
        from_log: Option<String>,
        by: String,
    ) -> Result<UpdateOutcome, ReloadError> {
        match from_log {
            Some(text) => {
                let begun = self.begin_from_log(checked, FromLogOrigin { by, written: Some(text) }).await;
                begun.map(UpdateOutcome::FromLog)
            }
            None => self.put_in_force(checked, &by).await.map(UpdateOutcome::Reloaded),
        }
    }

    /// A reload from the log failed or was cancelled, for which this text was written: the file gets the text in force again, if
    /// nobody has changed it since.
    pub(super) async fn put_file_back(&self, written: String) {
        let _reloading = self.reloading.lock().await;
        let active = self.active();
        let is_untouched = read_rules_file(&active.path).await.is_ok_and(|found| found == written);
        if !is_untouched || active.version == rules::fingerprint(&written) {
            return;
        }
        match replace_file(active.path, active.text).await {
            Ok(()) => info!("the rules file has the text of the rules in force again"),
            Err(failed) => {
                error!("the rules file has rules that are not in force, because it could not be put back: {failed}")
            }
        }
    }
}

/// Writes on a thread of its own, so that a slow disk delays nothing else.
async fn replace_file(path: PathBuf, text: String) -> Result<(), RulesFileError> {
    let file = path.clone();
    let replaced = tokio::task::spawn_blocking(move || rules_file::replace(&path, &text)).await;
    replaced.unwrap_or_else(|failed| {
        let source = std::io::Error::other(failed);
        Err(RulesFileError::Failed { path: file, attempt: "write a file beside it", source })
    })
}
