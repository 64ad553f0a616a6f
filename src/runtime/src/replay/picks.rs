//! Picks over a log with an end: what lists would have offered, measured by what users did next (semantics §20).

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::error::ReplayError;
use super::growth::{feed, feed_all};
use crate::files::source::{FileItem, FileSourceError};
use crate::pipeline::PipelineOptions;
use rekindle_core::partition::{ExecutionPlan, TouchRecord, TouchRecordKind, TouchedEvent};
use rekindle_core::picks::{
    OfferedItems, PickBook, PickEvaluation, PickFigures, PickQuery, PickSubject, PickTarget, Touch,
};
use rekindle_core::rules::ruleset::{NameId, PickInterval, PickListId, Ruleset};
use rekindle_core::time::{CalendarUnit, Timestamp};

/// An hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// What is to be measured.
#[derive(Clone, Copy, Debug)]
pub struct PickQuestion {
    /// The list.
    pub list: PickListId,
    /// The name whose matches it is measured by.
    pub of: NameId,
    /// How many items are offered; at least 1.
    pub k: usize,
    /// Events before this are not measured.
    pub from: Timestamp,
    /// Only events that join a session are.
    pub in_session: bool,
}

/// Replays everything that `source` yields, and measures a list by the events of a name: right before each of them the list is
/// asked for, as the engine would be.
///
/// # Errors
/// The source fails, or the workers cannot be started.
pub fn evaluate_picks(
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    until: Option<Timestamp>,
    source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
    question: PickQuestion,
) -> Result<PickFigures, ReplayError> {
    let mut pipeline = crate::pipeline::Pipeline::new(Arc::clone(&plan), PipelineOptions { until, ..options.clone() })?;
    pipeline.record_touches();
    let mut measured = MeasuredPicks::new(&plan.rules, question);
    feed_all(
        &mut pipeline,
        &options,
        until,
        source,
        |pipeline, block, outputs| {
            feed(pipeline, block, outputs);
            pipeline.take_touches().into_iter().for_each(|record| measured.apply(record));
        },
        Vec::clear,
    )?;
    let touched = measured.touched.len();
    Ok(measured.evaluation.finish(touched))
}

/// The lists up to the one that is measured, as they follow the log.
struct MeasuredPicks<'r> {
    rules: &'r Ruleset,
    question: PickQuestion,
    books: Vec<PickBook>,
    evaluation: PickEvaluation,
    /// The items of all touches.
    touched: HashSet<Arc<str>>,
    /// The log's watermark; `None`: nothing was read yet.
    watermark: Option<Timestamp>,
    /// How many touches there were.
    order: u64,
}

impl<'r> MeasuredPicks<'r> {
    fn new(rules: &'r Ruleset, question: PickQuestion) -> MeasuredPicks<'r> {
        let lists = usize::from(question.list.0) + 1;
        let gap = rules.picks[usize::from(question.list.0)].gap;
        MeasuredPicks {
            rules,
            question,
            books: vec![PickBook::default(); lists],
            evaluation: PickEvaluation::new(question.k, gap),
            touched: HashSet::new(),
            watermark: None,
            order: 0,
        }
    }

    fn apply(&mut self, record: TouchRecord) {
        self.take(record.watermark);
        match record.kind {
            TouchRecordKind::Touched(event) => {
                self.measure(&event);
                self.add(&event);
            }
            TouchRecordKind::Merged { visitor, user } => {
                for (book, list) in self.books.iter_mut().zip(&self.rules.picks) {
                    book.merge(list, &visitor, &user);
                }
                self.evaluation.merge(&visitor, &user);
            }
            TouchRecordKind::Gone(user) => self.books.iter_mut().for_each(|book| book.forget(&user)),
        }
    }

    /// Makes the indexes whose instant the watermark has reached. Of several instants the last one's stand.
    fn take(&mut self, watermark: Timestamp) {
        let before = self.watermark.replace(watermark);
        for (book, list) in self.books.iter_mut().zip(&self.rules.picks) {
            let calendar = &self.rules.calendar;
            let begins = match list.every {
                PickInterval::Hour => Timestamp(watermark.0.div_euclid(HOUR_MS) * HOUR_MS),
                PickInterval::Day => {
                    calendar.start_of(CalendarUnit::Day, calendar.unit_of(CalendarUnit::Day, watermark))
                }
            };
            if before.is_some_and(|before| before < begins) {
                book.take(list, begins);
            }
        }
    }

    /// Adds what is measured by an event before it is added to what is known.
    fn measure(&mut self, event: &TouchedEvent) {
        let PickQuestion { list: id, of, k, from, in_session } = self.question;
        let list = &self.rules.picks[usize::from(id.0)];
        let own = event.items.iter().filter(|(name, list, _)| *name == of && *list == id);
        let items: BTreeSet<Arc<str>> = own.map(|(_, _, item)| Arc::clone(item)).collect();
        if items.is_empty() {
            return;
        }
        let book = &self.books[usize::from(id.0)];
        let joins = || book.user(&event.user).is_some_and(|user| user.joins(list, event.ts));
        let is_measured = event.ts >= from && (!in_session || joins());
        let offered = is_measured.then(|| {
            let subjects: Vec<PickSubject<'_>> = self
                .books
                .iter()
                .map(|book| PickSubject { index: book.index(), user: book.user(&event.user) })
                .collect();
            let query = PickQuery { lists: &self.rules.picks, subjects: &subjects, now: event.now, key: None };
            let items: Vec<Arc<str>> = query.list(id, k).into_iter().map(|pick| pick.item).collect();
            let (index, most) = (book.index(), f64::from(book.index().users_max()));
            let users: f64 = items.iter().map(|item| f64::from(index.users_of(item)) / most).sum();
            let popularity = if items.is_empty() || most == 0.0 { 0.0 } else { users / items.len() as f64 };
            OfferedItems { items, popularity }
        });
        self.evaluation.add(&event.user, PickTarget { ts: event.ts, items, offered });
    }

    fn add(&mut self, event: &TouchedEvent) {
        for (name, id, item) in &event.items {
            let place = usize::from(id.0);
            let Some(book) = self.books.get_mut(place) else { continue };
            let list = &self.rules.picks[place];
            let touch = Touch { item, ts: event.ts, order: self.order };
            self.order += 1;
            if list.without.contains(name) {
                book.leave_out(list, &event.user, touch);
            }
            if list.on.contains(name) {
                book.touch(list, &event.user, touch);
                if *id == self.question.list {
                    self.touched.insert(Arc::clone(item));
                }
            }
        }
    }
}
