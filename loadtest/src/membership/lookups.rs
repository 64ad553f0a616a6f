//! Clients: one lookup after the other, as fast as possible or each at its time.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rekindle_runtime::live::EngineHandle;

use super::LookupRate;
use crate::error::Error;

/// The longest latency that is distinguished: 100 seconds, in nanoseconds.
const MAX_NS: u64 = 100_000_000_000;

/// The results of lookups.
pub(super) struct LookupResults {
    /// How long each answer took, in nanoseconds.
    pub(super) took: Histogram<u64>,
    /// How many of those looked up were in a segment.
    pub(super) found: u64,
}

impl LookupResults {
    /// No results.
    pub(super) fn new() -> LookupResults {
        let took = Histogram::new_with_bounds(1, MAX_NS, 3).expect("these bounds are sound");
        LookupResults { took, found: 0 }
    }

    /// Adds a result.
    pub(super) fn note(&mut self, took: Duration, is_in_a_segment: bool) {
        self.took.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1));
        self.found += u64::from(is_in_a_segment);
    }

    /// Adds the results of other clients.
    pub(super) fn add(&mut self, other: &LookupResults) {
        self.took.add(&other.took).expect("histograms of the same bounds add up");
        self.found += other.found;
    }
}

/// The times and the users of a client's lookups.
pub(super) struct LookupClient {
    dice: Xoshiro256PlusPlus,
    users: u32,
    started: Instant,
    /// The time between two lookups; 0: none.
    gap: Duration,
    asked: u32,
    took: Duration,
}

impl LookupClient {
    /// One of several clients, which look up random users.
    pub(super) fn new(number: u32, users: u32, pace: LookupRate) -> LookupClient {
        let gap =
            pace.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(f64::from(pace.askers) / f64::from(rate)));
        let (dice, started) = (Xoshiro256PlusPlus::seed_from_u64(u64::from(number)), Instant::now());
        LookupClient { dice, users, started, gap, asked: 0, took: pace.took }
    }

    /// The time of the next lookup; `None`: there is none. A lookup that is late is measured from its intended time.
    pub(super) fn next(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let at = if self.gap.is_zero() { now } else { self.started + self.gap * self.asked };
        self.asked += 1;
        (at.max(now) < self.started + self.took).then_some(at)
    }

    /// The start of a lookup's latency: its intended time, or now if it has none.
    pub(super) fn since(&self, at: Instant) -> Instant {
        if self.gap.is_zero() { Instant::now() } else { at }
    }

    /// The user to look up.
    pub(super) fn user(&mut self) -> String {
        format!("u{:07}", self.dice.next_u64() % u64::from(self.users))
    }
}

/// Looks up users in the view directly, on threads of their own.
pub(super) async fn in_process(live: &EngineHandle, users: u32, pace: LookupRate) -> Result<LookupResults, Error> {
    let start = |number| {
        let (live, mut asker) = (live.clone(), LookupClient::new(number, users, pace));
        tokio::task::spawn_blocking(move || {
            let mut asked = LookupResults::new();
            while let Some(at) = asker.next() {
                let user = asker.user();
                if !asker.gap.is_zero() {
                    std::thread::sleep(at.saturating_duration_since(Instant::now()));
                }
                let at = asker.since(at);
                let segments = live.view().segments_of(&user);
                asked.note(at.elapsed(), !segments.is_empty());
            }
            asked
        })
    };
    let threads: Vec<_> = (0..pace.askers).map(start).collect();
    let mut all = LookupResults::new();
    for thread in threads {
        all.add(&thread.await.map_err(|_| Error::Unreadable("a thread that asked has died".to_owned()))?);
    }
    Ok(all)
}
