//! Backtests of edited rules beside a running engine, over the log that it reads.
//!
//! One runs at a time. The results of the latest ones are kept for an hour, within a number of bytes; what is kept is the result as
//! JSON, so that nothing of a backtest's engines stays. Where the log is, an implementation of [`PastLogs`] knows.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use thiserror::Error;
use tracing::{info, warn};

use crate::daemon::wall_clock;
use rekindle_core::campaigns::StepRecording;
use rekindle_core::diagnostics::Diagnostic;
use rekindle_core::identity::LinksSnapshot;
use rekindle_core::json::JsonText;
use rekindle_core::time::Timestamp;
use rekindle_runtime::backtest::{
    Backtest, BacktestError, BacktestFigures, BacktestLimits, BacktestLog, BacktestPeriod, BacktestProgress,
    BacktestSetup, BesideError,
};
use rekindle_runtime::live::EngineHandle;
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_settings::EngineSettings;

/// How many that have ended are kept.
const KEPT_MAX: usize = 8;
/// For how long.
const KEPT_FOR: Duration = Duration::from_secs(3_600);
/// The bytes of all results that are kept.
const RESULT_BYTES_MAX: usize = 64 << 20;

/// Opens the log that the engine reads, from its beginning to where the engine is.
pub trait PastLogs: Send + Sync + 'static {
    /// Opens it.
    fn open(&self) -> BoxFuture<'_, Result<PastLog, PastLogError>>;
}

/// Where nothing keeps the log.
struct NoPastLog;

impl PastLogs for NoPastLog {
    fn open(&self) -> BoxFuture<'_, Result<PastLog, PastLogError>> {
        std::future::ready(Err(PastLogError::NoLog)).boxed()
    }
}

/// A log that is open.
pub struct PastLog {
    /// Its records.
    pub records: Box<dyn BacktestLog>,
    /// The links of visitors that were made before it begins, where it has lost its beginning.
    pub links: Option<LinksSnapshot>,
    /// What it lacks, in words.
    pub note: Option<String>,
}

/// Why there is no log to read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PastLogError {
    /// Nothing keeps it.
    #[error("events come on plain NATS subjects, which keep nothing: there is no past to try rules on")]
    NoLog,
    /// Something does not work at the moment.
    #[error("the log can't be read: {0}; try again")]
    Unavailable(String),
}

/// The edited rules, and the part of the log that counts.
#[derive(Clone, Debug)]
pub struct BacktestOrder {
    /// The text of the edited rules.
    pub text: String,
    /// That of the rules that they are compared with.
    pub against: String,
    /// Which part of the log counts.
    pub period: BacktestPeriod,
}

/// Why a backtest was refused.
#[derive(Debug, Error)]
pub enum BacktestRefusal {
    /// The edited rules have mistakes.
    #[error("the rules have {} mistakes", problems.len())]
    Mistakes {
        /// Their text.
        text: String,
        /// All of them.
        problems: Vec<Diagnostic>,
    },
    /// Another one is running.
    #[error("a backtest is running ({id}): wait for its end, or cancel it (DELETE /v1/rules/backtest/{id})")]
    Running {
        /// Its id.
        id: String,
    },
    /// The engine has not caught up yet.
    #[error("the engine is still recovering, so the rules in force are not settled; try again")]
    Recovering,
    /// Its engines would be too large.
    #[error(
        "a backtest takes two engines beside the live one, whose state takes {needed} bytes, and they may take {max}: raise \
         [engine] backtest_memory"
    )]
    TooLarge {
        /// The bytes of the live engine's state.
        needed: u64,
        /// How many they may take.
        max: u64,
    },
    /// There is no log.
    #[error(transparent)]
    Log(#[from] PastLogError),
    /// It can't be begun.
    #[error("{0}")]
    NotBegun(String),
}

/// A backtest that was begun.
#[derive(Clone, Debug)]
pub struct BacktestJob {
    /// Its id.
    pub id: String,
    /// The fingerprint of the edited rules.
    pub rules: String,
    /// When it began.
    pub started: Timestamp,
    /// How far it is, or how far it came.
    pub figures: BacktestFigures,
    /// What the log lacks, in words.
    pub note: Option<String>,
    /// How it ended; `None`: it runs.
    pub end: Option<BacktestEnd>,
}

/// How a backtest ended.
#[derive(Clone, Debug)]
pub enum BacktestEnd {
    /// With a result: the JSON of a [`BacktestReport`](rekindle_runtime::backtest::BacktestReport).
    Done(Arc<JsonText>),
    /// Somebody cancelled it.
    Cancelled,
    /// It failed.
    Failed(String),
}

/// The backtests of a running engine.
pub struct Backtests {
    live: EngineHandle,
    options: PipelineOptions,
    limits: BacktestLimits,
    logs: Arc<dyn PastLogs>,
    jobs: Arc<Mutex<JobTable>>,
    /// One is begun at a time.
    beginning: tokio::sync::Mutex<()>,
}

/// The one that is running, last, and those that are kept.
#[derive(Default)]
struct JobTable {
    jobs: VecDeque<KeptJob>,
    begun: u64,
}

struct KeptJob {
    job: BacktestJob,
    progress: BacktestProgress,
    ended: Option<Instant>,
}

impl KeptJob {
    fn shown(&self) -> BacktestJob {
        BacktestJob { figures: self.progress.figures(), ..self.job.clone() }
    }

    fn bytes(&self) -> usize {
        match &self.job.end {
            Some(BacktestEnd::Done(result)) => result.as_str().len(),
            _ => 0,
        }
    }
}

impl JobTable {
    fn running(&self) -> Option<&KeptJob> {
        self.jobs.iter().find(|kept| kept.ended.is_none())
    }

    /// Drops what is too old or too much, the oldest first.
    fn tidy(&mut self, now: Instant) {
        self.tidy_to(now, RESULT_BYTES_MAX);
    }

    fn tidy_to(&mut self, now: Instant, bytes_max: usize) {
        self.jobs.retain(|kept| kept.ended.is_none_or(|ended| now.duration_since(ended) < KEPT_FOR));
        let bytes = |jobs: &VecDeque<KeptJob>| jobs.iter().map(KeptJob::bytes).sum::<usize>();
        while self.jobs.len() > KEPT_MAX || bytes(&self.jobs) > bytes_max && self.jobs.len() > 1 {
            self.jobs.pop_front();
        }
    }
}

impl Backtests {
    /// Those of an engine, over its log.
    pub fn new(
        live: EngineHandle,
        options: PipelineOptions,
        limits: BacktestLimits,
        logs: Arc<dyn PastLogs>,
    ) -> Backtests {
        // Beside the engine, which has the other cores.
        let options = PipelineOptions { workers: 1, until: None, decision_steps: StepRecording::Off, ..options };
        Backtests { live, options, limits, logs, jobs: Arc::default(), beginning: tokio::sync::Mutex::default() }
    }

    /// Those of an engine whose log nothing keeps: each is refused.
    pub fn without_log(live: EngineHandle) -> Backtests {
        let limits = backtest_limits(&EngineSettings::default());
        Backtests::new(live, PipelineOptions::default(), limits, Arc::new(NoPastLog))
    }

    /// Begins one.
    ///
    /// # Errors
    /// The rules have mistakes, another one is running, or there is no log.
    pub async fn begin(&self, order: BacktestOrder) -> Result<BacktestJob, BacktestRefusal> {
        let _beginning = self.beginning.lock().await;
        if let Some(running) = self.lock().running() {
            return Err(BacktestRefusal::Running { id: running.job.id.clone() });
        }
        if !self.live.is_live() {
            return Err(BacktestRefusal::Recovering);
        }
        let (needed, max) = (self.live.stats().state_bytes, self.limits.state_bytes_max);
        if needed > max {
            return Err(BacktestRefusal::TooLarge { needed, max });
        }
        let options = self.options.clone();
        let prepared = tokio::task::spawn_blocking(move || prepared(&order, options));
        let mut backtest = prepared.await.map_err(|error| BacktestRefusal::NotBegun(error.to_string()))??;
        let PastLog { mut records, links, note } = self.logs.open().await?;
        links.iter().for_each(|links| backtest.assume_links(links));
        let progress = BacktestProgress::default();
        let job = self.note_begun(backtest.rules().version.clone(), note, progress.clone());
        let (id, jobs, limits, began) = (job.id.clone(), Arc::clone(&self.jobs), self.limits, Instant::now());
        let run = move || {
            let run = AssertUnwindSafe(|| match backtest.run_beside(&mut *records, limits, &progress) {
                Ok(report) => BacktestEnd::Done(Arc::new(JsonText::of(&report))),
                Err(BesideError::Cancelled) => BacktestEnd::Cancelled,
                Err(error) => BacktestEnd::Failed(error.to_string()),
            });
            // One that never ended would be in the way of all others.
            let panicked =
                |_| BacktestEnd::Failed("it ran into a mistake in this program; its log says more".to_owned());
            note_ended(&jobs, &id, catch_unwind(run).unwrap_or_else(panicked), began.elapsed());
        };
        if let Err(error) = std::thread::Builder::new().name("backtest".to_owned()).spawn(run) {
            self.lock().jobs.retain(|kept| kept.job.id != job.id);
            return Err(BacktestRefusal::NotBegun(format!("could not start its thread: {error}")));
        }
        info!(id = job.id, rules = job.rules, "rules are tried on the log");
        Ok(job)
    }

    /// One that was begun; `None`: there is no such one, or it is kept no longer.
    pub fn find(&self, id: &str) -> Option<BacktestJob> {
        self.lock().jobs.iter().find(|kept| kept.job.id == id).map(KeptJob::shown)
    }

    /// Cancels one that is running, as soon as possible. False: it has ended.
    pub fn cancel(&self, id: &str) -> bool {
        let jobs = self.lock();
        let running = jobs.running().filter(|kept| kept.job.id == id);
        running.inspect(|kept| kept.progress.cancel()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, JobTable> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.tidy(Instant::now());
        jobs
    }

    fn note_begun(&self, rules: String, note: Option<String>, progress: BacktestProgress) -> BacktestJob {
        let (mut jobs, started) = (self.lock(), wall_clock());
        jobs.begun += 1;
        // Another run of the daemon must not have the same ids.
        let id = format!("{:x}-{}", started.0, jobs.begun);
        let job = BacktestJob { id, rules, started, figures: BacktestFigures::default(), note, end: None };
        jobs.jobs.push_back(KeptJob { job: job.clone(), progress, ended: None });
        job
    }
}

/// A daemon that ends does not wait for a backtest.
impl Drop for Backtests {
    fn drop(&mut self) {
        self.lock().running().iter().for_each(|kept| kept.progress.cancel());
    }
}

/// What the settings let a backtest take.
pub fn backtest_limits(settings: &EngineSettings) -> BacktestLimits {
    BacktestLimits { share_percent: settings.backtest_share, state_bytes_max: settings.backtest_memory }
}

fn prepared(order: &BacktestOrder, options: PipelineOptions) -> Result<Backtest, BacktestRefusal> {
    let BacktestOrder { text, against, period } = order;
    let setup = BacktestSetup { new: text, old: Some(against), options, period: *period };
    Backtest::new(&setup).map_err(|error| match error {
        BacktestError::NewRules(problems) => BacktestRefusal::Mistakes { text: text.clone(), problems },
        other => BacktestRefusal::NotBegun(other.to_string()),
    })
}

fn note_ended(jobs: &Mutex<JobTable>, id: &str, end: BacktestEnd, took: Duration) {
    match &end {
        BacktestEnd::Done(_) => info!(id, ?took, "rules were tried on the log"),
        BacktestEnd::Cancelled => info!(id, "trying rules on the log was cancelled"),
        BacktestEnd::Failed(why) => warn!(id, "rules could not be tried on the log: {why}"),
    }
    let mut jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = jobs.jobs.iter_mut().find(|kept| kept.job.id == id) {
        kept.job.end = Some(end);
        kept.ended = Some(Instant::now());
    }
    jobs.tidy(Instant::now());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(number: usize, bytes: usize, ended: Instant) -> KeptJob {
        let result = Arc::new(JsonText::of(&"x".repeat(bytes.saturating_sub(2))));
        let job = BacktestJob {
            id: number.to_string(),
            rules: String::new(),
            started: Timestamp(0),
            figures: BacktestFigures::default(),
            note: None,
            end: Some(BacktestEnd::Done(result)),
        };
        KeptJob { job, progress: BacktestProgress::default(), ended: Some(ended) }
    }

    fn kept(sizes: &[usize], age: Duration) -> Vec<String> {
        let now = Instant::now();
        let jobs = sizes.iter().enumerate().map(|(number, bytes)| ended(number, *bytes, now)).collect();
        let mut table = JobTable { jobs, begun: 0 };
        table.tidy_to(now + age, 100);
        table.jobs.into_iter().map(|kept| kept.job.id).collect()
    }

    #[test]
    fn the_latest_results_are_kept_for_a_while_within_bytes() {
        assert_eq!(kept(&[10; 10], Duration::ZERO), ["2", "3", "4", "5", "6", "7", "8", "9"]);
        assert!(kept(&[10; 3], KEPT_FOR).is_empty());
        assert_eq!(kept(&[50; 3], Duration::ZERO), ["1", "2"]);
        assert_eq!(kept(&[10, 200], Duration::ZERO), ["1"], "the latest is always there");
    }
}
