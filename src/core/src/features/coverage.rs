//! Which matches a feature's value is made of at an instant.

use super::FeatureKind;
use super::clock::FeatureClock;
use crate::time::Timestamp;

/// Of the matches that a feature holds, those that its value is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoveredMatches {
    /// All of them.
    All,
    /// This number of them, with the latest times.
    Latest(usize),
    /// The one with the earliest time.
    Earliest,
}

impl FeatureKind {
    /// Whether it holds what happened at an instant that is not to come.
    pub(crate) fn holds(&self, ts: Timestamp, clock: FeatureClock<'_>) -> bool {
        match self.window() {
            Some(window) => {
                let place = window.place(ts, clock);
                match window.previous_period() {
                    Some(_) => place.pane == place.oldest,
                    None => place.pane >= place.oldest,
                }
            }
            None => self.looks_back().is_none_or(|span| clock.now - ts < span),
        }
    }

    /// Which of those its value is made of.
    pub(crate) fn covered(&self) -> CoveredMatches {
        match self {
            FeatureKind::LastValue(_) | FeatureKind::LatestTime(_) => CoveredMatches::Latest(1),
            FeatureKind::LatestGap(_) => CoveredMatches::Latest(2),
            FeatureKind::FirstValue(_) => CoveredMatches::Earliest,
            _ => CoveredMatches::All,
        }
    }
}
