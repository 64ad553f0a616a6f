//! Names that the rules read and that do not occur in the log: an event that is spelled differently, a property that nobody
//! sends. After `[engine] unseen_after` they are reported in the log, in `/readyz` and as a metric.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::warn;

use rekindle_runtime::health::Health;
use rekindle_runtime::live::EngineHandle;
use rekindle_runtime::pipeline::{MissingName, MissingNameKind, missing_names};

/// Among fewer events a name may be missing by chance.
const EVENTS_MIN: u64 = 1_000;
/// The shortest time between two checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// The key of the note in `/readyz`.
const NOTE: &str = "unseen";
/// How many names the note lists.
const NOTED_MAX: usize = 10;

/// The names that are missing now.
#[derive(Debug, Default)]
pub struct MissingNamesStatus(Mutex<Vec<(MissingNameKind, String)>>);

impl MissingNamesStatus {
    /// The names that have been missing for long enough, with their kinds.
    pub fn unseen(&self) -> Vec<(MissingNameKind, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, unseen: &[MissingName]) {
        let names = unseen.iter().map(|unseen| (unseen.kind, unseen.name.clone())).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }
}

/// Checks for missing names.
pub(super) struct MissingNamesMonitor {
    pub(super) live: EngineHandle,
    pub(super) health: Health,
    pub(super) status: Arc<MissingNamesStatus>,
    /// How long a name may be missing before it is reported.
    pub(super) after: Duration,
}

/// The rules that are checked, and the counts at the start of the check.
struct MonitoredRules {
    version: String,
    since: Instant,
    events: u64,
    by_name: Vec<u64>,
}

impl MissingNamesMonitor {
    /// Checks while the daemon runs; not at all if `[engine] unseen_after` is 0.
    pub(super) async fn run(self) {
        if self.after.is_zero() {
            return;
        }
        self.live.recovered().await;
        let mut watched: Option<MonitoredRules> = None;
        let mut reported: Vec<MissingName> = Vec::new();
        loop {
            let stats = self.live.stats();
            let (rules, totals) = (&stats.plan.rules, &stats.totals);
            match &watched {
                Some(watched) if watched.version == rules.version => {
                    if watched.since.elapsed() >= self.after && totals.events >= watched.events + EVENTS_MIN {
                        let found = missing_names(rules, totals, &watched.by_name, "the log");
                        self.report(&found, &reported);
                        reported = found;
                    }
                }
                _ => {
                    self.report(&[], &[]);
                    reported.clear();
                    let (version, since, events) = (rules.version.clone(), Instant::now(), totals.events);
                    let by_name = totals.counts.by_name.clone();
                    watched = Some(MonitoredRules { version, since, events, by_name });
                }
            }
            sleep(CHECK_INTERVAL.min(self.after / 4)).await;
        }
    }

    fn report(&self, found: &[MissingName], reported: &[MissingName]) {
        let is_reported = |unseen: &MissingName| {
            reported.iter().any(|reported| (reported.kind, &reported.name) == (unseen.kind, &unseen.name))
        };
        for unseen in found.iter().filter(|unseen| !is_reported(unseen)) {
            warn!("a name in the rules does not occur in the log: {unseen}");
        }
        self.status.set(found);
        let mut noted: Vec<String> = found.iter().take(NOTED_MAX).map(ToString::to_string).collect();
        if found.len() > NOTED_MAX {
            noted.push(format!("and {} more", found.len() - NOTED_MAX));
        }
        self.health.note(NOTE, noted.join("; "));
    }
}
