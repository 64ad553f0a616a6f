//! The counts of all users, per campaign, goal, group and variant.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::exposure::ExposureGroup;
use super::tally::GoalTally;

/// What is counted apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UpliftKey {
    /// The campaign's id.
    pub campaign: Arc<str>,
    /// The goal's id.
    pub goal: Arc<str>,
    /// The group.
    pub group: ExposureGroup,
    /// The variant that was sent, if the campaign has any.
    pub variant: Option<Arc<str>>,
}

/// The tallies of all mature exposures since the log's beginning. They are kept by ids: also of campaigns and goals that the
/// rules do not have any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpliftCounts(BTreeMap<UpliftKey, GoalTally>);

impl UpliftCounts {
    /// Adds a tally.
    pub fn add(&mut self, key: UpliftKey, tally: &GoalTally) {
        self.0.entry(key).or_default().add(tally);
    }

    /// Adds all of another.
    pub fn extend(&mut self, other: UpliftCounts) {
        for (key, tally) in other.0 {
            self.add(key, &tally);
        }
    }

    /// All tallies, in order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&UpliftKey, &GoalTally)> {
        self.0.iter()
    }

    /// Those of a campaign, in order of their keys.
    pub fn of_campaign<'c>(&'c self, campaign: &str) -> impl Iterator<Item = (&'c UpliftKey, &'c GoalTally)> {
        self.0.iter().filter(move |(key, _)| &*key.campaign == campaign)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
