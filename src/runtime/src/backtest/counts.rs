//! What is counted and compared of the outputs of all rule sets: by one thread, while the rule sets are at their next step.

use std::sync::Arc;

use super::contender::Arrivals;
use super::differences::DifferenceCounts;
use super::names::{RulesSide, SharedNames};
use super::people::PersonTable;
use super::series::StepClock;
use super::tally::RulesTally;
use rekindle_core::partition::{ExecutionPlan, Output, OutputKind};
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::Timestamp;

/// What a step of all rule sets came to.
pub(super) struct StepOutputs {
    /// By rule set.
    pub(super) arrivals: Vec<Arrivals>,
    /// Everything before this instant is there.
    pub(super) until: Timestamp,
}

/// What was counted so far.
pub(super) struct BacktestCounts {
    pub(super) people: PersonTable,
    pub(super) tallies: Vec<RulesTally>,
    pub(super) differences: DifferenceCounts,
    pub(super) clock: StepClock,
    plans: Vec<Arc<ExecutionPlan>>,
    /// By rule set: what may still be preceded by something, in no particular order but that of each user.
    waiting: Vec<Vec<Output>>,
}

impl BacktestCounts {
    /// Counts from an instant on.
    pub(super) fn new(names: &SharedNames, plans: Vec<Arc<ExecutionPlan>>, from: Timestamp) -> BacktestCounts {
        let sides = [RulesSide::New, RulesSide::Old].into_iter().take(plans.len());
        BacktestCounts {
            people: PersonTable::default(),
            tallies: sides.map(|side| RulesTally::new(side, names, from)).collect(),
            differences: DifferenceCounts::new(from),
            clock: StepClock::new(Arc::clone(&plans[0].rules.calendar)),
            waiting: plans.iter().map(|_| Vec::new()).collect(),
            plans,
        }
    }

    /// Counts what a step came to, and compares what is complete by then.
    pub(super) fn take(&mut self, names: &SharedNames, step: StepOutputs) {
        for ((arrivals, tally), waiting) in step.arrivals.into_iter().zip(&mut self.tallies).zip(&mut self.waiting) {
            tally.add(&arrivals, names, &mut self.clock);
            // Of people only: groups are none, though their keys may be people's ids, and weights are of nobody.
            let is_of_person = |output: &Output| {
                !matches!(output.decided, OutputKind::GroupTransition { .. } | OutputKind::Weights(_))
            };
            waiting.extend(arrivals.outputs.into_iter().filter(is_of_person));
        }
        let ready: Vec<Vec<Output>> = self.waiting.iter_mut().map(|waiting| release(waiting, step.until)).collect();
        self.compare(names, ready.iter().map(Vec::as_slice).collect());
    }

    /// Goes through what is final, in the order of time: counts messages, and compares what is there of two rule sets.
    fn compare(&mut self, names: &SharedNames, mut ready: Vec<&[Output]>) {
        let rules: Vec<&Ruleset> = self.plans.iter().map(|plan| &plan.rules).collect();
        while let Some(at) = ready.iter().filter_map(|outputs| Some(outputs.first()?.at)).min() {
            let now: Vec<&[Output]> = ready.iter_mut().map(|rest| take_while(rest, |it| it.at == at)).collect();
            if let (&[mut new, mut old], &[new_rules, old_rules]) = (now.as_slice(), rules.as_slice()) {
                while let Some(user) = new.first().into_iter().chain(old.first()).map(|output| &output.user).min() {
                    let [of_new, of_old] = [&mut new, &mut old].map(|rest| take_while(rest, |it| it.user == *user));
                    self.differences.compare(names, [new_rules, old_rules], [of_new, of_old], &mut self.people);
                }
            }
            for (tally, outputs) in self.tallies.iter().zip(&now) {
                outputs.iter().filter(|output| tally.counts_message(output)).for_each(|output| {
                    let messages = &mut self.people.person(&output.user).messages[tally.side as usize];
                    *messages = messages.saturating_add(1);
                });
            }
            // A visitor may have outputs of the same instant, which are its own.
            for (tally, outputs) in self.tallies.iter().zip(now) {
                for output in outputs {
                    if let OutputKind::Merged { from } = &output.decided {
                        self.people.merge(tally.side, from, &output.user);
                    }
                }
            }
        }
    }
}

/// Takes out what is due before an instant, in the order of the journal.
fn release(waiting: &mut Vec<Output>, until: Timestamp) -> Vec<Output> {
    let mut outputs: Vec<Output> = waiting.extract_if(.., |output| output.at < until).collect();
    outputs.sort_by(|a, b| (a.at, &a.user, a.position).cmp(&(b.at, &b.user, b.position)));
    outputs
}

/// Takes the first ones that meet a condition.
fn take_while<'o, T>(rest: &mut &'o [T], is_meant: impl Fn(&T) -> bool) -> &'o [T] {
    let count = rest.iter().take_while(|item| is_meant(item)).count();
    let (taken, after) = rest.split_at(count);
    *rest = after;
    taken
}
