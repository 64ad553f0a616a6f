//! The compiled rules of the growth numbers: the calendar, the channels, and the layout of a row.

mod channels;
mod layout;
mod lifecycle;
mod migration;

pub(crate) use layout::{
    COHORT_DAYS, COHORT_WEEKS, FunnelStep, HOUR_COUNTS, HOUR_EVENTS, RowLayout, TIME_BUCKETS, hour_amount, hour_count,
    time_bucket, time_of_bucket,
};
pub use lifecycle::StageMembership;
pub(crate) use lifecycle::{NO_STAGE, OUTSIDE, StageNumber};
pub use migration::GrowthMigration;
pub(crate) use migration::StateBounds;

use super::calendar::{BusinessCalendar, Day};
use crate::rules::growth::{FUNNELS_MAX, GrowthRules};
use crate::rules::ruleset::{EventName, NameId};
use crate::time::Timestamp;
use channels::ChannelClassifier;

/// The rules of the growth numbers, compiled.
#[derive(Clone, Debug)]
pub struct GrowthPlan {
    /// The rules.
    pub rules: GrowthRules,
    pub(crate) calendar: BusinessCalendar,
    pub(crate) channels: ChannelClassifier,
    pub(crate) layout: RowLayout,
    /// By event name: the steps of funnels it is.
    steps_of: Vec<Vec<FunnelStep>>,
    /// The names of the steps of each funnel.
    pub(crate) step_names: Vec<Vec<String>>,
    keys: Vec<String>,
}

impl GrowthPlan {
    /// Compiles the rules; `names` are the event names that they refer to.
    pub fn new(rules: GrowthRules, names: &[EventName]) -> GrowthPlan {
        let named = |name: &NameId| names.get(usize::from(name.0));
        let step_name = |name: &NameId| named(name).map(|name| name.id.clone()).unwrap_or_default();
        let steps = rules.funnels.iter().flat_map(|funnel| &funnel.steps);
        let mut steps_of = vec![Vec::new(); steps.map(|name| usize::from(name.0) + 1).max().unwrap_or(0)];
        for (funnel, rule) in rules.funnels.iter().enumerate() {
            for (step, name) in rule.steps.iter().enumerate() {
                steps_of[usize::from(name.0)].push(FunnelStep { funnel, step });
            }
        }
        let steps = rules.funnels.iter().map(|funnel| funnel.steps.len()).collect();
        GrowthPlan {
            calendar: BusinessCalendar::new(&rules.timezone),
            channels: ChannelClassifier::new(&rules),
            layout: RowLayout::new(rules.channels.len() + 2, rules.stages.len() + 2, steps),
            steps_of,
            step_names: rules.funnels.iter().map(|funnel| funnel.steps.iter().map(step_name).collect()).collect(),
            keys: migration::keys(&rules, names),
            rules,
        }
    }

    /// The definitions of the time zone, channels, stages and funnels: stored state and rollups refer to them by position, so
    /// they are stored beside them, and [`GrowthMigration`] maps from one list to another.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The business day of an instant.
    pub fn today(&self, at: Timestamp) -> Day {
        self.calendar.day(at)
    }

    /// The names of the channels.
    pub fn channel_names(&self) -> Vec<String> {
        let named = self.rules.channels.iter().map(|channel| channel.name.clone());
        named.chain(["direct".to_owned(), "other".to_owned()]).collect()
    }

    /// The stage of a number.
    pub(crate) fn stage_membership(&self, number: StageNumber) -> StageMembership {
        match number {
            OUTSIDE => StageMembership::Outside,
            NO_STAGE => StageMembership::None,
            stage => StageMembership::Stage(self.rules.stages[usize::from(stage - NO_STAGE - 1)].stage),
        }
    }

    /// The numbers of the stages of the rules.
    pub(crate) fn stage_numbers(&self) -> std::ops::Range<StageNumber> {
        NO_STAGE + 1..self.layout.stages as StageNumber
    }

    /// The numbers of all channels.
    pub(crate) fn channel_numbers(&self) -> std::ops::Range<u8> {
        0..self.layout.channels as u8
    }

    /// Of each funnel, the steps that an event with these names is, as bits.
    pub(crate) fn matched_steps(&self, names: &[NameId]) -> [u8; FUNNELS_MAX] {
        let mut matched = [0; FUNNELS_MAX];
        for name in names {
            let steps = self.steps_of.get(usize::from(name.0)).map_or(&[][..], Vec::as_slice);
            steps.iter().for_each(|at| matched[at.funnel] |= 1 << at.step);
        }
        matched
    }
}
