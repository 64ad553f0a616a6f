//! Lists measured by what users did next.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::time::{Span, Timestamp};

/// What a list is measured by: an event of a user, with its items.
#[derive(Clone, Debug)]
pub struct PickTarget {
    /// When it happened.
    pub ts: Timestamp,
    /// Its items.
    pub items: BTreeSet<Arc<str>>,
    /// The list that the user would have been offered right before, and how popular it is; `None`: it is not measured.
    pub offered: Option<OfferedItems>,
}

/// A list that would have been offered.
#[derive(Clone, Debug)]
pub struct OfferedItems {
    /// Its items, the best first.
    pub items: Vec<Arc<str>>,
    /// The mean of their users over the most users of any item; 0 without.
    pub popularity: f64,
}

/// Lists of `k` items, measured by what came next.
#[derive(Debug)]
pub struct PickEvaluation {
    k: usize,
    gap: Span,
    /// In an order that is always the same, in which sums are worked out.
    open: BTreeMap<Arc<str>, OpenTargets>,
    sums: PickFigures,
    listed: HashSet<Arc<str>>,
}

/// The targets of a user to which more may come.
#[derive(Debug, Default)]
struct OpenTargets {
    /// The time of the latest event.
    latest: Option<Timestamp>,
    targets: Vec<OpenTarget>,
}

#[derive(Debug)]
struct OpenTarget {
    next: BTreeSet<Arc<str>>,
    rest: BTreeSet<Arc<str>>,
    offered: OfferedItems,
}

/// How good lists were: means over all targets, an empty list being 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PickFigures {
    /// How many events were measured.
    pub targets: u64,
    /// How often an item of the event was in the list.
    pub hr: f64,
    /// One over the place of the first such item.
    pub mrr: f64,
    /// Which part of the items to come was in the list.
    pub recall: f64,
    /// Which part of the list came.
    pub precision: f64,
    /// The discounted gain, over the best that could be.
    pub ndcg: f64,
    /// How popular the items of lists were.
    pub popularity: f64,
    /// Which part of all items was in any list.
    pub coverage: f64,
}

impl PickEvaluation {
    /// Of lists of `k` items; the events of a user belong together while each is at most `gap` after the one before.
    pub fn new(k: usize, gap: Span) -> PickEvaluation {
        let (open, listed) = (BTreeMap::new(), HashSet::new());
        PickEvaluation { k, gap, open, sums: PickFigures::default(), listed }
    }

    /// An event of a user, in the order of the log.
    pub fn add(&mut self, user: &Arc<str>, target: PickTarget) {
        let PickTarget { ts, items, offered } = target;
        let mut open = self.open.remove(user).unwrap_or_default();
        if open.latest.is_some_and(|latest| ts.0 - latest.0 > self.gap.0) {
            self.close(std::mem::take(&mut open));
        }
        open.latest = Some(ts);
        open.targets.iter_mut().for_each(|target| target.rest.extend(items.iter().cloned()));
        open.targets.extend(offered.map(|offered| OpenTarget { rest: items.clone(), next: items, offered }));
        self.open.insert(Arc::clone(user), open);
    }

    /// What a visitor did next is what the user did.
    pub fn merge(&mut self, visitor: &str, user: &Arc<str>) {
        let Some(visitor) = self.open.remove(visitor) else { return };
        let open = self.open.entry(Arc::clone(user)).or_default();
        open.latest = open.latest.max(visitor.latest);
        open.targets.extend(visitor.targets);
    }

    fn close(&mut self, open: OpenTargets) {
        for OpenTarget { next, rest, offered } in open.targets {
            let places = || (1..).zip(&offered.items);
            let gain = |place: u32| 1.0 / f64::from(place + 1).log2();
            let hits: Vec<u32> = places().filter(|(_, item)| rest.contains(*item)).map(|(place, _)| place).collect();
            let first = places().find(|(_, item)| next.contains(*item)).map(|(place, _)| place);
            let best = self.k.min(rest.len());
            let sums = &mut self.sums;
            sums.targets += 1;
            sums.hr += f64::from(u8::from(first.is_some()));
            sums.mrr += first.map_or(0.0, |place: u32| 1.0 / f64::from(place));
            sums.recall += hits.len() as f64 / rest.len() as f64;
            sums.precision += hits.len() as f64 / self.k as f64;
            let ideal: f64 = (1..).take(best).map(gain).sum();
            sums.ndcg += hits.iter().copied().map(gain).sum::<f64>() / ideal;
            sums.popularity += offered.popularity;
            self.listed.extend(offered.items);
        }
    }

    /// The means; `touched` is how many distinct items there were in all touches.
    pub fn finish(mut self, touched: usize) -> PickFigures {
        for open in std::mem::take(&mut self.open).into_values() {
            self.close(open);
        }
        let PickFigures { targets, hr, mrr, recall, precision, ndcg, popularity, .. } = self.sums;
        let mean = |sum: f64| if targets == 0 { 0.0 } else { sum / targets as f64 };
        PickFigures {
            targets,
            hr: mean(hr),
            mrr: mean(mrr),
            recall: mean(recall),
            precision: mean(precision),
            ndcg: mean(ndcg),
            popularity: mean(popularity),
            coverage: if touched == 0 { 0.0 } else { self.listed.len() as f64 / touched as f64 },
        }
    }
}
