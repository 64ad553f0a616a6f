//! From earlier rules to current ones: which stored channels, stages and funnels are kept.
//!
//! A channel that no longer exists becomes `other`, a stage that no longer exists becomes no stage, and a funnel whose steps
//! or `within` changed starts empty. With another time zone days mean something else, and everything starts empty.
//!
//! What was stored in form 1 (no key `form`) is migrated too: it has only the latest of a user's funnel starts, which is all
//! that is then known of the users within 30 days, and not when a stage changed.

use super::GrowthPlan;
use super::layout::RowLayout;
use super::lifecycle::{NO_STAGE, OUTSIDE, StageNumber};
use crate::growth::calendar::BusinessCalendar;
use crate::rules::growth::{CHANNELS_MAX, FUNNELS_MAX, Funnel, GrowthRules, STEPS_MAX, Stage};
use crate::rules::ruleset::{EventName, NameId};
use strum::VariantNames;

/// The stored form, as it is written among the keys.
const FORM: &str = "2";

/// The keys of rules, in order: `zone …`, `channel …`, `stage …`, `funnel …`, `form …`.
pub(super) fn keys(rules: &GrowthRules, names: &[EventName]) -> Vec<String> {
    let step = |name: &NameId| {
        let name = names.get(usize::from(name.0));
        name.map(|name| format!("{}={:?}", name.id, name.event)).unwrap_or_default()
    };
    let funnel = |funnel: &Funnel| {
        let steps: Vec<String> = funnel.steps.iter().map(step).collect();
        format!("funnel {} {} {} {}", steps.len(), funnel.id, funnel.within.0, steps.join(" "))
    };
    std::iter::once(format!("zone {}", rules.timezone_name))
        .chain(rules.channels.iter().map(|channel| format!("channel {}", channel.name)))
        .chain(rules.stages.iter().map(|stage| format!("stage {}", stage.stage)))
        .chain(rules.funnels.iter().map(funnel))
        .chain([format!("form {FORM}")])
        .collect()
}

/// Maps what was stored under some rules to the current ones.
#[derive(Clone, Debug)]
pub struct GrowthMigration {
    pub(crate) from: RowLayout,
    pub(crate) to: RowLayout,
    /// The current number of each stored channel.
    pub(crate) channels: Vec<u8>,
    /// The current number of each stored stage.
    pub(crate) stages: Vec<StageNumber>,
    /// The current place of each stored funnel; `None`: it is dropped.
    funnels: Vec<Option<usize>>,
    /// From form 1: the calendar, which gives the days of funnel starts.
    pub(crate) form_1: Option<BusinessCalendar>,
}

/// What the numbers in a stored user's state must be below.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateBounds {
    pub(crate) channels: usize,
    pub(crate) stages: usize,
    pub(crate) slots: usize,
}

impl GrowthMigration {
    /// From the rules with these keys; `None`: nothing can be kept, or no rules have such keys.
    pub fn new(keys: &[String], plan: &GrowthPlan) -> Option<GrowthMigration> {
        let of = |kind: &str| -> Vec<&str> { keys.iter().filter_map(|key| key.strip_prefix(kind)).collect() };
        if of("zone ") != [plan.rules.timezone_name.as_str()] {
            return None;
        }
        let is_form_1 = match of("form ")[..] {
            [] => true,
            [FORM] => false,
            _ => return None,
        };
        let (channels, stages, funnels) = (of("channel "), of("stage "), of("funnel "));
        let steps = funnels.iter().map(|funnel| {
            let steps = funnel.split(' ').next()?.parse().ok()?;
            (2..=STEPS_MAX).contains(&steps).then_some(steps)
        });
        let steps: Vec<usize> = steps.collect::<Option<_>>()?;
        if channels.len() > CHANNELS_MAX || stages.len() > Stage::VARIANTS.len() || steps.len() > FUNNELS_MAX {
            return None;
        }
        let current_channel = |name: &&str| {
            let found = plan.rules.channels.iter().position(|channel| channel.name == *name);
            found.map_or(plan.channels.other(), |at| at as u8)
        };
        let current_stage = |name: &&str| {
            let found = plan.rules.stages.iter().position(|stage| stage.stage.as_ref() == *name);
            found.map_or(NO_STAGE, |at| at as u8 + NO_STAGE + 1)
        };
        let current_funnel = |key: &&str| {
            let key = format!("funnel {key}");
            plan.keys.iter().filter(|other| other.starts_with("funnel ")).position(|other| *other == key)
        };
        let layout = if is_form_1 { RowLayout::form_1 } else { RowLayout::new };
        Some(GrowthMigration {
            from: layout(channels.len() + 2, stages.len() + 2, steps),
            to: plan.layout.clone(),
            channels: channels
                .iter()
                .map(current_channel)
                .chain([plan.channels.direct(), plan.channels.other()])
                .collect(),
            stages: [OUTSIDE, NO_STAGE].into_iter().chain(stages.iter().map(current_stage)).collect(),
            funnels: funnels.iter().map(current_funnel).collect(),
            form_1: is_form_1.then(|| plan.calendar.clone()),
        })
    }

    /// The bounds of a stored user's state, before it is migrated.
    pub(crate) fn bounds(&self) -> StateBounds {
        StateBounds { channels: self.channels.len(), stages: self.stages.len(), slots: self.from.slots() }
    }

    /// Whether stored states and rows are of form 1.
    pub(crate) fn is_form_1(&self) -> bool {
        self.form_1.is_some()
    }

    /// Whether all funnels are kept where they are.
    pub(crate) fn keeps_funnels(&self) -> bool {
        self.from == self.to && self.funnels.iter().enumerate().all(|(at, to)| *to == Some(at))
    }

    /// The funnels that are kept: the stored and the current place of each.
    pub(crate) fn kept_funnels(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.funnels.iter().enumerate().filter_map(|(old, new)| new.map(|new| (old, new)))
    }
}
