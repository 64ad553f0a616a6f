//! What the rules wait for and what does not come: an event whose name is written otherwise, a property that nobody sends. It is
//! looked for all the time, and told once it has not come for long enough: in the log, in `/readyz`, as a metric.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::warn;

use rekindle_runtime::health::Health;
use rekindle_runtime::live::EngineHandle;
use rekindle_runtime::pipeline::{MissingName, MissingNameKind, unseen};

/// Among fewer events it is no wonder that something did not come.
const EVENTS_MIN: u64 = 1_000;
/// How often it is looked, at most.
const LOOKED_EVERY: Duration = Duration::from_secs(10);
/// What the note in `/readyz` is about.
const NOTE: &str = "unseen";
/// So many are named there.
const NOTED_MAX: usize = 10;

/// What has not come, for whoever asks.
#[derive(Debug, Default)]
pub struct MissingNamesStatus(Mutex<Vec<(MissingNameKind, String)>>);

impl MissingNamesStatus {
    /// What the rules wait for and has not come for long enough.
    pub fn unseen(&self) -> Vec<(MissingNameKind, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, unseen: &[MissingName]) {
        let names = unseen.iter().map(|unseen| (unseen.kind, unseen.name.clone())).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }
}

/// Looks for what does not come.
pub(super) struct MissingNamesMonitor {
    pub(super) live: EngineHandle,
    pub(super) health: Health,
    pub(super) status: Arc<MissingNamesStatus>,
    /// How long something may not come.
    pub(super) after: Duration,
}

/// The rules that are looked at, and since when.
struct MonitoredRules {
    version: String,
    since: Instant,
    events: u64,
    by_name: Vec<u64>,
}

impl MissingNamesMonitor {
    /// Looks for as long as the daemon runs, or not at all where nothing may be told.
    pub(super) async fn run(self) {
        if self.after.is_zero() {
            return;
        }
        self.live.recovered().await;
        let mut watched: Option<MonitoredRules> = None;
        let mut told: Vec<MissingName> = Vec::new();
        loop {
            let stats = self.live.stats();
            let (rules, totals) = (&stats.plan.rules, &stats.totals);
            match &watched {
                Some(watched) if watched.version == rules.version => {
                    if watched.since.elapsed() >= self.after && totals.events >= watched.events + EVENTS_MIN {
                        let found = unseen(rules, totals, &watched.by_name, "the log");
                        self.tell(&found, &told);
                        told = found;
                    }
                }
                _ => {
                    self.tell(&[], &[]);
                    told.clear();
                    let (version, since, events) = (rules.version.clone(), Instant::now(), totals.events);
                    let by_name = totals.counts.by_name.clone();
                    watched = Some(MonitoredRules { version, since, events, by_name });
                }
            }
            sleep(LOOKED_EVERY.min(self.after / 4)).await;
        }
    }

    fn tell(&self, found: &[MissingName], told: &[MissingName]) {
        let is_told =
            |unseen: &MissingName| told.iter().any(|told| (told.kind, &told.name) == (unseen.kind, &unseen.name));
        for unseen in found.iter().filter(|unseen| !is_told(unseen)) {
            warn!("the rules wait for what does not come: {unseen}");
        }
        self.status.set(found);
        let mut noted: Vec<String> = found.iter().take(NOTED_MAX).map(ToString::to_string).collect();
        if found.len() > NOTED_MAX {
            noted.push(format!("and {} more", found.len() - NOTED_MAX));
        }
        self.health.note(NOTE, noted.join("; "));
    }
}
