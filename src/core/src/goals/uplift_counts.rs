//! The counts of all users, per campaign, goal, group and variant; and since when they say anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::adaptation::VariantResult;
use super::comparison::{ComparisonKey, Measure, interval};
use super::exposure::ExposureGroup;
use super::tally::GoalTally;
use crate::time::{Span, Timestamp};

/// How often it is looked whether the counts say anything: at the end of each hour of UTC. So the answer depends on nothing but
/// the log.
const LOOKS_EVERY: Span = Span(3_600_000);

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

/// Tallies by what is counted apart.
pub type TalliesByKey = BTreeMap<UpliftKey, GoalTally>;

/// That a difference is known not to be 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpliftConclusion {
    /// The end of the first hour from which on it always was so.
    pub since: Timestamp,
    /// Whether the treated do more than the others, not less.
    pub is_positive: bool,
}

/// The tallies of all mature exposures since the log's beginning. They are kept by ids: also of campaigns and goals that the
/// rules do not have any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpliftCounts {
    /// Of the hours that are over.
    pub(crate) settled: TalliesByKey,
    /// Of each hour since, by its beginning.
    pub(crate) pending: BTreeMap<Timestamp, TalliesByKey>,
    /// What the settled tallies say.
    pub(crate) conclusions: BTreeMap<ComparisonKey, UpliftConclusion>,
}

impl UpliftCounts {
    /// Adds a tally of exposures that were mature at an instant.
    pub fn add(&mut self, at: Timestamp, key: UpliftKey, tally: &GoalTally) {
        let hour = Timestamp(at.0 - at.0.rem_euclid(LOOKS_EVERY.0));
        self.pending.entry(hour).or_default().entry(key).or_default().add(tally);
    }

    /// Adds what another counted that has looked at nothing yet.
    pub fn extend(&mut self, other: UpliftCounts) {
        for (hour, tallies) in other.pending {
            add_all(self.pending.entry(hour).or_default(), &tallies);
        }
    }

    /// Whether an hour with something to look at is over at `now`, by which everything due has fired.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.pending.first_key_value().is_some_and(|(hour, _)| *hour + LOOKS_EVERY <= now)
    }

    /// Looks at what was counted until the end of each hour that is over at `now`, by which everything due has fired.
    pub fn settle(&mut self, now: Timestamp) {
        while let Some(hour) = self.pending.first_entry().filter(|hour| *hour.key() + LOOKS_EVERY <= now) {
            let (hour, tallies) = hour.remove_entry();
            add_all(&mut self.settled, &tallies);
            let changed: BTreeSet<_> = tallies.into_keys().map(|key| (key.campaign, key.goal)).collect();
            for (campaign, goal) in changed {
                self.conclude(&campaign, &goal, hour + LOOKS_EVERY);
            }
        }
    }

    fn conclude(&mut self, campaign: &Arc<str>, goal: &Arc<str>, now: Timestamp) {
        let arms = GoalArms::of(&self.settled, campaign, goal);
        let treated = arms.sent.iter().filter(|(variant, _)| variant.is_some()).map(|(id, tally)| (id.clone(), tally));
        for (variant, treated) in treated.chain([(None, &arms.all_sent)]) {
            for measure in Measure::ALL {
                let (campaign, goal, variant) = (Arc::clone(campaign), Arc::clone(goal), variant.clone());
                let key = ComparisonKey { campaign, goal, variant, measure };
                let sign = interval(measure, treated, &arms.control).map_or(0, |interval| interval.sign());
                let is_positive = sign > 0;
                if sign == 0 {
                    self.conclusions.remove(&key);
                } else if self.conclusions.get(&key).is_none_or(|before| before.is_positive != is_positive) {
                    self.conclusions.insert(key, UpliftConclusion { since: now, is_positive });
                }
            }
        }
    }

    /// All tallies, those of the last hour included.
    pub fn totals(&self) -> TalliesByKey {
        let mut totals = self.settled.clone();
        self.pending.values().for_each(|tallies| add_all(&mut totals, tallies));
        totals
    }

    /// What came of a variant of a campaign, by a goal, those of the last hour included.
    pub fn result_of_variant(&self, campaign: &str, goal: &str, variant: &str) -> VariantResult {
        let key = UpliftKey {
            campaign: campaign.into(),
            goal: goal.into(),
            group: ExposureGroup::Sent,
            variant: Some(variant.into()),
        };
        let tallies = self.pending.values().chain([&self.settled]).filter_map(|tallies| tallies.get(&key));
        tallies.fold(VariantResult::default(), |sum, tally| VariantResult {
            users: sum.users + tally.users,
            reached: sum.reached + tally.reached,
        })
    }

    /// Since when a difference is known not to be 0; `None`: it is not.
    pub fn conclusion(&self, key: &ComparisonKey) -> Option<UpliftConclusion> {
        self.conclusions.get(key).copied()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.pending.is_empty()
    }
}

fn add_all(tallies: &mut TalliesByKey, others: &TalliesByKey) {
    for (key, tally) in others {
        tallies.entry(key.clone()).or_default().add(tally);
    }
}

/// The groups of one goal of one campaign.
#[derive(Clone, Debug, Default)]
pub(crate) struct GoalArms {
    /// Who got nothing: the control group and the holdout together.
    pub(crate) control: GoalTally,
    /// Who got something, whatever the variant.
    pub(crate) all_sent: GoalTally,
    /// The same by variant.
    pub(crate) sent: BTreeMap<Option<Arc<str>>, GoalTally>,
    /// How many users there are in the control group, and in the holdout.
    pub(crate) control_users: [u64; 2],
}

impl GoalArms {
    pub(crate) fn of(tallies: &TalliesByKey, campaign: &str, goal: &str) -> GoalArms {
        let mut arms = GoalArms::default();
        let first =
            UpliftKey { campaign: campaign.into(), goal: goal.into(), group: ExposureGroup::Control, variant: None };
        let of_goal = tallies.range(&first..).take_while(|(key, _)| *key.campaign == *campaign && *key.goal == *goal);
        for (key, tally) in of_goal {
            match key.group {
                ExposureGroup::Control | ExposureGroup::Holdout => {
                    arms.control.add(tally);
                    arms.control_users[usize::from(key.group == ExposureGroup::Holdout)] += tally.users;
                }
                ExposureGroup::Sent => {
                    arms.all_sent.add(tally);
                    arms.sent.entry(key.variant.clone()).or_default().add(tally);
                }
            }
        }
        arms
    }
}
