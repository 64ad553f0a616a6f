//! Paned windows: one aggregate per pane with events.

use std::collections::BTreeMap;

use crate::decimal::Decimal;
use crate::rules::ruleset::Window;
use crate::time::Timestamp;

/// The greatest number of distinct values per user and window; beyond it, the least recent ones are dropped.
pub const DISTINCT_VALUES_MAX: usize = 1_000;

/// What one pane holds: values can be added to it.
pub trait Aggregate: Copy {
    /// Adds another value.
    fn add(&mut self, other: Self);
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventCount(pub u64);

/// A sum in whole millionths, modulo 2^128 (see [`Decimal::of_sum`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed(8))]
pub struct DecimalSum(pub i128);

/// The smallest number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minimum(pub Decimal);

/// The largest number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maximum(pub Decimal);

impl Aggregate for EventCount {
    fn add(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Aggregate for DecimalSum {
    fn add(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl Aggregate for Minimum {
    fn add(&mut self, other: Self) {
        self.0 = self.0.min(other.0);
    }
}

impl Aggregate for Maximum {
    fn add(&mut self, other: Self) {
        self.0 = self.0.max(other.0);
    }
}

impl DecimalSum {
    /// The sum as a number; `None`: it is larger than 10^30 in size.
    pub fn to_number(self) -> Option<Decimal> {
        Decimal::of_sum(self.0)
    }
}

impl From<Decimal> for DecimalSum {
    fn from(number: Decimal) -> DecimalSum {
        DecimalSum(number.millionths())
    }
}

impl Window {
    /// The oldest pane the window still holds at `now`.
    pub fn oldest_pane(&self, now: Timestamp) -> i64 {
        self.pane_of(now.0) - self.panes + 1
    }

    /// When what lies in `pane` leaves the window.
    pub fn leaves_at(&self, pane: i64) -> Timestamp {
        Timestamp((pane + self.panes) * self.pane_ms)
    }
}

/// One aggregate per pane with events, oldest first. At most 60 of them are in a window; older ones stay until
/// [`expire`](Panes::expire) and are passed over meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct Panes<T> {
    entries: Vec<(i64, T)>,
}

impl<T> Default for Panes<T> {
    fn default() -> Self {
        Panes { entries: Vec::new() }
    }
}

impl<T: Aggregate> Panes<T> {
    /// Adds `value` at `pane`, unless that pane has left the window by `now`.
    pub fn add(&mut self, window: &Window, pane: i64, now: Timestamp, value: T) {
        self.expire(window, now);
        if pane >= window.oldest_pane(now) {
            self.put(pane, value);
        }
    }

    fn put(&mut self, pane: i64, value: T) {
        let after = self.entries.iter().rposition(|(other, _)| *other <= pane).map_or(0, |at| at + 1);
        match after.checked_sub(1).map(|at| &mut self.entries[at]) {
            Some((other, held)) if *other == pane => held.add(value),
            _ => self.entries.insert(after, (pane, value)),
        }
    }

    /// Merges the panes of another user's window at the same instant.
    pub fn merge(&mut self, other: Panes<T>) {
        let mut all = Vec::with_capacity(self.entries.len() + other.entries.len());
        let mut theirs = other.entries.into_iter().peekable();
        for (pane, mut value) in self.entries.drain(..) {
            all.extend(std::iter::from_fn(|| theirs.next_if(|(other, _)| *other < pane)));
            if let Some((_, other)) = theirs.next_if(|(other, _)| *other == pane) {
                value.add(other);
            }
            all.push((pane, value));
        }
        all.extend(theirs);
        self.entries = all;
    }

    /// Drops the panes that have left the window; false when none is left.
    pub fn expire(&mut self, window: &Window, now: Timestamp) -> bool {
        let oldest = window.oldest_pane(now);
        if self.entries.first().is_some_and(|(pane, _)| *pane < oldest) {
            self.entries.retain(|(pane, _)| *pane >= oldest);
        }
        !self.entries.is_empty()
    }

    /// The panes in the window at `now`, oldest first.
    pub fn live(&self, window: &Window, now: Timestamp) -> &[(i64, T)] {
        let oldest = window.oldest_pane(now);
        let from = self.entries.iter().position(|(pane, _)| *pane >= oldest).unwrap_or(self.entries.len());
        &self.entries[from..]
    }

    /// The bytes it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<(i64, T)>()
    }

    /// All panes.
    pub fn entries(&self) -> &[(i64, T)] {
        &self.entries
    }

    /// Restores panes; ascending.
    pub fn from_entries(entries: Vec<(i64, T)>) -> Panes<T> {
        Panes { entries }
    }
}

/// The aggregate over some panes; `None` over none.
pub fn combine<T: Aggregate>(panes: &[(i64, T)]) -> Option<T> {
    let ((_, first), rest) = panes.split_first()?;
    let mut total = *first;
    for (_, value) in rest {
        total.add(*value);
    }
    Some(total)
}

/// Distinct values, each (as a 64-bit hash) with the latest pane it was seen in: a value is in the window exactly as
/// long as that pane is. Of more than [`DISTINCT_VALUES_MAX`] values the most recently seen are kept, so counts up to there
/// are exact, and larger ones read as [`DISTINCT_VALUES_MAX`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DistinctPanes {
    latest: BTreeMap<u64, i64>,
}

impl DistinctPanes {
    /// Adds a value at `pane`, unless that pane has left the window by `now`.
    pub fn add(&mut self, window: &Window, pane: i64, now: Timestamp, value_hash: u64) {
        if pane >= window.oldest_pane(now) {
            self.expire(window, now);
            self.put(pane, value_hash);
        }
    }

    fn put(&mut self, pane: i64, value_hash: u64) {
        let latest = self.latest.entry(value_hash).or_insert(pane);
        *latest = pane.max(*latest);
        if self.latest.len() > DISTINCT_VALUES_MAX {
            let oldest = self.latest.iter().min_by_key(|(hash, pane)| (**pane, **hash)).map(|(hash, _)| *hash);
            oldest.and_then(|hash| self.latest.remove(&hash));
        }
    }

    /// Merges another user's values.
    pub fn merge(&mut self, other: DistinctPanes) {
        for (hash, pane) in other.latest {
            let latest = self.latest.entry(hash).or_insert(pane);
            *latest = pane.max(*latest);
        }
        let surplus = self.latest.len().saturating_sub(DISTINCT_VALUES_MAX);
        if surplus > 0 {
            // The same ones that are dropped when values are added one by one.
            let mut all: Vec<(i64, u64)> = self.latest.iter().map(|(hash, pane)| (*pane, *hash)).collect();
            all.select_nth_unstable(surplus);
            self.latest = all[surplus..].iter().map(|(pane, hash)| (*hash, *pane)).collect();
        }
    }

    /// Drops the values that have left the window; false when none is left.
    pub fn expire(&mut self, window: &Window, now: Timestamp) -> bool {
        let oldest = window.oldest_pane(now);
        self.latest.retain(|_, pane| *pane >= oldest);
        !self.latest.is_empty()
    }

    /// How many values each pane in the window was the last of, oldest pane first.
    pub fn live(&self, window: &Window, now: Timestamp) -> Vec<(i64, EventCount)> {
        let oldest = window.oldest_pane(now);
        let mut panes: Vec<i64> = self.latest.values().copied().filter(|pane| *pane >= oldest).collect();
        panes.sort_unstable();
        panes.chunk_by(|a, b| a == b).map(|same| (same[0], EventCount(same.len() as u64))).collect()
    }

    /// All values with their panes.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (u64, i64)> + '_ {
        self.latest.iter().map(|(hash, pane)| (*hash, *pane))
    }

    /// Restores values.
    pub fn from_entries(entries: impl IntoIterator<Item = (u64, i64)>) -> DistinctPanes {
        DistinctPanes { latest: entries.into_iter().collect() }
    }
}
