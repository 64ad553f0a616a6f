//! The live feed: outputs as lines of the journal, for those who watch, as they happen.
//!
//! The engine never waits for it: nobody watching costs one read of an atomic, and somebody who does gets a bounded number of lines a
//! second, into a bounded queue. What is left out of that is counted. Only what passes a filter is written as text, once for
//! all who want it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::mpsc;

use rekindle_core::journal;
use rekindle_core::partition::{ExecutionPlan, Output, OutputKind};
use rekindle_core::rules::ruleset::{CampaignId, CampaignTrigger, SegmentId};

/// The most that may watch at a time.
pub const WATCHERS_MAX: usize = 64;

/// How many lines a watcher gets in each [`WINDOW`].
const LINES_PER_WINDOW: u32 = 20;

/// So 200 lines a second at most, spread over it.
const WINDOW: Duration = Duration::from_millis(100);

/// How many lines may wait for a watcher.
const QUEUE_CAPACITY: usize = 400;

/// A kind of output, by its name in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedKind(usize);

impl FeedKind {
    /// The names of all kinds.
    pub const NAMES: [&str; 8] =
        ["transition", "decision", "points", "budget", "merged", "outcome", "shared", "weights"];

    /// The kind of that name.
    pub fn named(name: &str) -> Option<FeedKind> {
        FeedKind::NAMES.iter().position(|known| *known == name).map(FeedKind)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        FeedKind::NAMES[self.0]
    }

    fn of(output: &Output) -> FeedKind {
        FeedKind(match &output.decided {
            OutputKind::Transition { .. } | OutputKind::GroupTransition { .. } => 0,
            OutputKind::Decision(_) => 1,
            OutputKind::Points(_) => 2,
            OutputKind::Budget(_) => 3,
            OutputKind::Merged { .. } => 4,
            OutputKind::GoalOutcome(_) => 5,
            OutputKind::Shared(_) => 6,
            OutputKind::Weights(_) => 7,
        })
    }
}

/// Which outputs somebody wants. All that it says must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedFilter {
    /// Of these kinds; empty: of any.
    pub kinds: Vec<FeedKind>,
    /// Transitions of this segment, and decisions that one of them triggered.
    pub segment: Option<String>,
    /// Decisions, budget changes and outcomes of this campaign.
    pub campaign: Option<String>,
    /// Of this user.
    pub user: Option<String>,
}

/// A line of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedLine {
    /// What it is about.
    pub kind: FeedKind,
    /// The line of the journal, with its end.
    pub line: Bytes,
}

/// Too many watch already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{WATCHERS_MAX} watch already, and more may not; try again later")]
pub struct TooManyWatchers;

/// The outputs as they happen.
#[derive(Debug, Default)]
pub(super) struct LiveFeed {
    is_watched: AtomicBool,
    watchers: Mutex<Vec<FeedWatcher>>,
    /// How many watched so far, which numbers them.
    numbers: AtomicU64,
}

/// Somebody who watches, as the engine sees it.
#[derive(Debug)]
struct FeedWatcher {
    number: u64,
    filter: FeedFilter,
    ids: Option<FilterIds>,
    window: Instant,
    in_window: u32,
    lines: mpsc::Sender<FeedLine>,
    dropped: Arc<AtomicU64>,
}

/// What the filter names, in the rules in use.
#[derive(Debug)]
struct FilterIds {
    plan: Arc<ExecutionPlan>,
    segment: Option<SegmentId>,
    campaign: Option<CampaignId>,
}

/// The lines for somebody who watches; dropped, nobody does.
#[derive(Debug)]
pub struct FeedLines {
    number: u64,
    lines: mpsc::Receiver<FeedLine>,
    dropped: Arc<AtomicU64>,
    feed: Arc<super::EngineShared>,
}

impl FeedLines {
    /// The next line; `None`: never again.
    pub async fn next(&mut self) -> Option<FeedLine> {
        self.lines.recv().await
    }

    /// A line that waits already.
    pub fn try_next(&mut self) -> Option<FeedLine> {
        self.lines.try_recv().ok()
    }

    /// How many outputs passed the filter and were left out since this was last asked.
    pub fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

impl Drop for FeedLines {
    fn drop(&mut self) {
        self.feed.feed.leave(self.number);
    }
}

impl LiveFeed {
    /// Somebody begins to watch.
    pub(super) fn watch(shared: &Arc<super::EngineShared>, filter: FeedFilter) -> Result<FeedLines, TooManyWatchers> {
        let feed = &shared.feed;
        let mut watchers = feed.watchers();
        if watchers.len() >= WATCHERS_MAX {
            return Err(TooManyWatchers);
        }
        let (sender, lines) = mpsc::channel(QUEUE_CAPACITY);
        let (number, dropped) = (feed.numbers.fetch_add(1, Ordering::Relaxed), Arc::<AtomicU64>::default());
        watchers.push(FeedWatcher {
            number,
            filter,
            ids: None,
            window: Instant::now(),
            in_window: 0,
            lines: sender,
            dropped: Arc::clone(&dropped),
        });
        feed.is_watched.store(true, Ordering::Relaxed);
        drop(watchers);
        Ok(FeedLines { number, lines, dropped, feed: Arc::clone(shared) })
    }

    fn leave(&self, number: u64) {
        let mut watchers = self.watchers();
        watchers.retain(|watcher| watcher.number != number);
        self.is_watched.store(!watchers.is_empty(), Ordering::Relaxed);
    }

    fn watchers(&self) -> MutexGuard<'_, Vec<FeedWatcher>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers outputs to those who watch.
    pub(super) fn offer(&self, plan: &Arc<ExecutionPlan>, outputs: &[Output]) {
        if outputs.is_empty() || !self.is_watched.load(Ordering::Relaxed) {
            return;
        }
        let (mut watchers, now) = (self.watchers(), Instant::now());
        watchers.iter_mut().for_each(|watcher| watcher.begin(plan, now));
        for output in outputs {
            let mut line = None;
            for watcher in watchers.iter_mut().filter(|watcher| watcher.wants(output)) {
                watcher.take(|| line.get_or_insert_with(|| line_of(plan, output)).clone());
            }
        }
    }
}

fn line_of(plan: &ExecutionPlan, output: &Output) -> FeedLine {
    let mut line = Vec::new();
    journal::append_line(&plan.rules, output, &mut line);
    FeedLine { kind: FeedKind::of(output), line: line.into() }
}

impl FeedWatcher {
    fn begin(&mut self, plan: &Arc<ExecutionPlan>, now: Instant) {
        if now.duration_since(self.window) >= WINDOW {
            (self.window, self.in_window) = (now, 0);
        }
        if self.ids.as_ref().is_some_and(|ids| Arc::ptr_eq(&ids.plan, plan)) {
            return;
        }
        let rules = &plan.rules;
        let place = |found: Option<usize>| found.and_then(|index| u16::try_from(index).ok());
        let segment = self.filter.segment.as_deref();
        let segment = place(rules.segments.iter().position(|known| Some(known.id.as_str()) == segment)).map(SegmentId);
        let campaign = self.filter.campaign.as_deref();
        let campaign = place(rules.campaigns.iter().position(|known| Some(known.id.as_str()) == campaign));
        self.ids = Some(FilterIds { plan: Arc::clone(plan), segment, campaign: campaign.map(CampaignId) });
    }

    fn wants(&self, output: &Output) -> bool {
        let FeedFilter { kinds, segment, campaign, user } = &self.filter;
        let Some(ids) = &self.ids else { return false };
        let is_of_kind = kinds.is_empty() || kinds.contains(&FeedKind::of(output));
        let is_of_segment = segment.is_none() || ids.segment.is_some() && segment_of(output) == ids.segment;
        is_of_kind
            && is_of_segment
            && user.as_deref().is_none_or(|user| *output.user == *user)
            && campaign.as_deref().is_none_or(|campaign| ids.is_of_campaign(output, campaign))
    }

    fn take(&mut self, line: impl FnOnce() -> FeedLine) {
        let has_room = self.in_window < LINES_PER_WINDOW && self.lines.capacity() > 0;
        if has_room && self.lines.try_send(line()).is_ok() {
            self.in_window += 1;
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl FilterIds {
    fn is_of_campaign(&self, output: &Output, campaign: &str) -> bool {
        match &output.decided {
            OutputKind::Decision(decision) => Some(decision.campaign) == self.campaign,
            OutputKind::Budget(budget) => Some(budget.campaign) == self.campaign,
            OutputKind::Weights(told) => Some(told.campaign) == self.campaign,
            OutputKind::GoalOutcome(outcome) => *outcome.campaign == *campaign,
            _ => false,
        }
    }
}

/// The segment that an output is about.
fn segment_of(output: &Output) -> Option<SegmentId> {
    match &output.decided {
        OutputKind::Transition { segment, .. } | OutputKind::GroupTransition { segment, .. } => Some(*segment),
        OutputKind::Decision(decision) => match decision.trigger.on {
            CampaignTrigger::Transition { segment, .. } => Some(segment),
            CampaignTrigger::Match(_) => None,
        },
        _ => None,
    }
}
