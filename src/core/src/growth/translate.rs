//! From one version of the rules to another: what channels, stages and funnels of both are is kept, the rest begins anew.
//!
//! A channel that is no more is `other` from then on; a stage that is no more is none; a funnel whose steps or `within`
//! change begins empty. With another time zone days mean something else, and everything begins anew.
//!
//! What was stored in the first form (there is no key `form`) is translated too: of a user's starts it has only the latest,
//! which is all that says how many people a funnel's step has had within 30 days of now; and of a stage not when it changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use thin_vec::ThinVec;

use super::book::{Book, Row};
use super::calendar::Calendar;
use super::funnels::Step;
use super::plan::{Count, Layout, NONE, Plan, StageNumber, TIME_COLUMNS};
use super::record::{NEVER_BEFORE, Record};
use crate::rules::growth::Growth;
use crate::rules::program::{EventName, NameId};
use crate::time::Timestamp;

/// The form of what is stored, as it stands among the keys.
const FORM: &str = "2";

/// `zone …`, `channel …`, `stage …`, `funnel …`, `form …`: what the numbers of these rules are, in order.
pub(super) fn keys(rules: &Growth, names: &[EventName]) -> Vec<String> {
    let step = |name: &NameId| {
        let name = names.get(usize::from(name.0));
        name.map(|name| format!("{}={:?}", name.id, name.event)).unwrap_or_default()
    };
    let funnel = |funnel: &crate::rules::growth::Funnel| {
        let steps: Vec<String> = funnel.steps.iter().map(step).collect();
        format!("funnel {} {} {} {}", steps.len(), funnel.id, funnel.within.0, steps.join(" "))
    };
    std::iter::once(format!("zone {}", rules.timezone_name))
        .chain(rules.channels.iter().map(|channel| format!("channel {}", channel.name)))
        .chain(rules.stages.iter().map(|stage| format!("stage {}", stage.name)))
        .chain(rules.funnels.iter().map(funnel))
        .chain([format!("form {FORM}")])
        .collect()
}

/// How to go from what was kept under some rules to others.
#[derive(Clone, Debug)]
pub struct Translation {
    from: Layout,
    to: Layout,
    channels: Vec<u8>,
    stages: Vec<StageNumber>,
    funnels: Vec<Option<usize>>,
    /// From the first form: the calendar, by which the days of starts are told.
    first_form: Option<Calendar>,
}

impl Translation {
    /// From the rules whose keys these are; `None`: nothing can be kept. Keys that no rules have are of no rules.
    pub fn new(keys: &[String], plan: &Plan) -> Option<Translation> {
        let of = |kind: &str| -> Vec<&str> { keys.iter().filter_map(|key| key.strip_prefix(kind)).collect() };
        if of("zone ") != [plan.rules.timezone_name.as_str()] {
            return None;
        }
        let is_first_form = match of("form ")[..] {
            [] => true,
            [FORM] => false,
            _ => return None,
        };
        let (channels, stages, funnels) = (of("channel "), of("stage "), of("funnel "));
        let steps = funnels.iter().map(|funnel| {
            let steps = funnel.split(' ').next()?.parse().ok()?;
            (2..=crate::rules::growth::STEPS_MAX).contains(&steps).then_some(steps)
        });
        let steps: Vec<usize> = steps.collect::<Option<_>>()?;
        let fits = channels.len() <= crate::rules::growth::CHANNELS_MAX
            && stages.len() <= crate::rules::growth::STAGES.len()
            && steps.len() <= crate::rules::growth::FUNNELS_MAX;
        if !fits {
            return None;
        }
        let to_channel = |name: &&str| {
            let found = plan.rules.channels.iter().position(|channel| channel.name == *name);
            found.map_or(plan.other(), |at| at as u8)
        };
        let to_stage = |name: &&str| {
            let found = plan.rules.stages.iter().position(|stage| stage.name == *name);
            found.map_or(NONE, |at| at as u8 + NONE + 1)
        };
        let to_funnel = |key: &&str| {
            let key = format!("funnel {key}");
            plan.keys.iter().filter(|other| other.starts_with("funnel ")).position(|other| *other == key)
        };
        Some(Translation {
            from: if is_first_form {
                Layout::first_form(channels.len() + 2, stages.len() + 2, steps)
            } else {
                Layout::new(channels.len() + 2, stages.len() + 2, steps)
            },
            to: plan.layout.clone(),
            channels: channels.iter().map(to_channel).chain([plan.direct(), plan.other()]).collect(),
            stages: [0, NONE].into_iter().chain(stages.iter().map(to_stage)).collect(),
            funnels: funnels.iter().map(to_funnel).collect(),
            first_form: is_first_form.then(|| plan.calendar.clone()),
        })
    }

    /// How many channels, stages and steps of funnels a record may speak of, before it is translated.
    pub(super) fn bounds(&self) -> (usize, usize, usize) {
        (self.channels.len(), self.stages.len(), *self.from.step_places.last().unwrap_or(&0))
    }

    pub(super) fn rows(&self) -> (usize, usize) {
        (self.from.counts(), self.from.amounts())
    }

    /// Whether a record's numbers are of the first form.
    pub(super) fn is_first_form(&self) -> bool {
        self.first_form.is_some()
    }

    /// The steps of a record in the first form: of each funnel the time of the latest first step; then of each step after the
    /// first the latest start it was reached from, and when it was.
    pub(super) fn first_form_steps(&self, chains: &[i64]) -> ThinVec<Step> {
        let Some(calendar) = &self.first_form else { return ThinVec::new() };
        let firsts = self.from.steps.len();
        let first = chains.iter().take(firsts).map(|start| (*start, *start));
        let later =
            chains.get(firsts..).unwrap_or_default().chunks(2).map(|pair| (pair[0], *pair.last().unwrap_or(&pair[0])));
        let step = |(start, time): (i64, i64)| match start {
            NEVER_BEFORE => Step::NEVER,
            _ => Step { start, time: time.max(start), latest: calendar.day(Timestamp(start)), days: 1 },
        };
        first.chain(later).map(step).collect()
    }

    /// A record under the rules of now. What it says must be within the [bounds](Translation::bounds).
    pub(super) fn record(&self, mut record: Record) -> Record {
        record.channel = self.channels[usize::from(record.channel)];
        record.stage = self.stages[usize::from(record.stage)];
        record.stage_before = self.stages[usize::from(record.stage_before)];
        let is_same = self.from == self.to && self.funnels.iter().enumerate().all(|(at, to)| *to == Some(at));
        if is_same {
            return record;
        }
        let (steps, depths) = (std::mem::take(&mut record.steps), std::mem::take(&mut record.depths));
        let mut next: ThinVec<Step> = ThinVec::new();
        for (old, new) in self.funnels.iter().enumerate().filter_map(|(old, new)| new.map(|new| (old, new))) {
            record.depths |= (depths >> (old * 4) & 0xf) << (new * 4);
            let later = (0..self.from.steps[old] - 1)
                .map(|step| (self.from.step_places[old] + step, self.to.step_places[new] + step));
            for (from, to) in std::iter::once((old, new)).chain(later) {
                let Some(step) = steps.get(from).filter(|step| step.is_reached()) else { continue };
                if next.len() <= to {
                    next.resize(to + 1, Step::NEVER);
                }
                next[to] = *step;
            }
        }
        record.steps = next;
        record
    }

    fn row(&self, row: &Row) -> Row {
        let mut next = Row { counts: vec![0; self.to.counts()], amounts: vec![0; self.to.amounts()] };
        let (from, to) = (&self.from, &self.to);
        let mut add = |old: usize, new: usize| next.counts[new] += row.counts[old];
        for (old, new) in self.channels.iter().enumerate() {
            for count in 0..Count::End as usize {
                add(old * Count::End as usize + count, usize::from(*new) * Count::End as usize + count);
            }
        }
        for (old_from, new_from) in self.stages.iter().enumerate() {
            let stay = |layout: &Layout, stage: usize| usize::from(layout.stay_column(stage as u8));
            add(stay(from, old_from), stay(to, usize::from(*new_from)));
            for (old_to, new_to) in self.stages.iter().enumerate().filter(|(_, new_to)| *new_to != new_from) {
                let flow = |layout: &Layout, a: usize, b: usize| usize::from(layout.flow_column(a as u8, b as u8));
                add(flow(from, old_from, old_to), flow(to, usize::from(*new_from), usize::from(*new_to)));
            }
        }
        for (old, new) in self.funnels.iter().enumerate().filter_map(|(old, new)| new.map(|new| (old, new))) {
            for step in 0..from.steps[old] {
                for (channel, to_channel) in self.channels.iter().enumerate() {
                    let columns =
                        |layout: &Layout, funnel, channel| usize::from(layout.funnel_users(funnel, step, channel));
                    let (old_at, new_at) = (columns(from, old, channel as u8), columns(to, new, *to_channel));
                    (0..from.step_columns.min(to.step_columns))
                        .for_each(|column| add(old_at + column, new_at + column));
                }
                if step > 0 {
                    let times = |layout: &Layout, funnel| usize::from(layout.funnel_times(funnel, step));
                    (0..TIME_COLUMNS).for_each(|column| add(times(from, old) + column, times(to, new) + column));
                }
            }
        }
        let width = self.to.amounts() / self.to.channels;
        for (old, new) in self.channels.iter().enumerate() {
            for amount in 0..width {
                next.amounts[usize::from(*new) * width + amount] += row.amounts[old * width + amount];
            }
        }
        next
    }

    /// A book under the rules of now.
    pub fn book(&self, book: &Book) -> Book {
        let days: BTreeMap<_, _> = book.days.iter().map(|(day, row)| (*day, Arc::new(self.row(row)))).collect();
        Book {
            first: book.first,
            carried: Arc::new(self.row(&book.carried)),
            days,
            hours: book.hours.clone(),
            categories: book.categories.clone(),
            lacks_people: book.lacks_people || self.is_first_form(),
        }
    }
}
