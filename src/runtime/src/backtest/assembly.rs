//! Puts the result together when the log has ended.

use std::collections::BTreeMap;
use std::ops::Range;

use super::differences::{DifferenceCounts, DifferenceExample, DifferenceKind, DifferenceTally};
use super::matching::SubjectKind;
use super::members::{MemberCounts, members};
use super::message_figures::message_figures;
use super::names::{RulesSide, SharedNames};
use super::people::{PeopleSample, PersonTable};
use super::reasons::{change_name, outcome_name, reason};
use super::report::*;
use super::series::{SeriesSteps, StepSeries};
use super::tally::{AmountCount, OutcomeStep, RulesTally, SegmentSeries};
use super::{Backtest, BacktestCounts};
use crate::pipeline::Pipeline;
use rekindle_core::budgets::BudgetChangeKind;
use rekindle_core::campaigns::Outcome;
use rekindle_core::decimal::Decimal;
use rekindle_core::json::JsonText;
use rekindle_core::partition::PointsChange;
use rekindle_core::rules::edits::RuleEdits;
use rekindle_core::time::Timestamp;
use rekindle_core::value::Value;

/// The most periods of a budget that are listed, the last ones.
const BUDGET_PERIODS: usize = 400;

const NOTE: &str = "Exact for each person up to the first difference that the person notices: a message that comes, does not \
                    come or says something else, or other points. After that people might have behaved otherwise: such \
                    differences are counted apart. Where people share a budget, what is left of it for one depends on the others.";

/// The result, with what the pipelines know at the end.
pub(super) fn assemble(backtest: Backtest, to: Option<Timestamp>) -> BacktestReport {
    let Backtest { contenders, names, edits, period, counts, .. } = backtest;
    let pipelines: Vec<&Pipeline> = contenders.iter().map(|contender| &contender.pipeline).collect();
    let BacktestCounts { people, tallies, differences, clock, .. } = counts;
    let (rules, totals) = (&pipelines[0].plan().rules, pipelines[0].totals());
    let steps = clock.into_steps();
    let both =
        ResultAssembly { names: &names, pipelines: &pipelines, steps, numbers: steps.numbers(), people: &people };
    let starts = both.numbers.clone().map(|number| steps.start(&rules.calendar, number).to_string());
    let starts = starts.collect();
    let mut sides = tallies.into_iter();
    let mut tallies = [sides.next(), sides.next()];
    BacktestReport {
        rules: both.each(|side| both.pipelines.get(side as usize).map(|it| it.plan().rules.version.clone())),
        edits: edits.iter().flat_map(|edits| edits.all().iter().map(EditDocument::new)).collect(),
        from: period.from.map(|at| at.to_string()),
        to: to.map(|at| at.to_string()),
        timezone: rules.timezone_name.clone(),
        events: totals.events,
        rejected: totals.rejected.iter().sum(),
        people: totals.users,
        step: steps.name().into(),
        steps: starts,
        segments: both.segments(&mut tallies),
        campaigns: both.campaigns(&mut tallies),
        messages: both.messages(&mut tallies),
        budgets: both.budgets(&tallies),
        ledgers: both.ledgers(&tallies),
        goals: both.goals(&tallies),
        differences: edits.map(|edits| both.differences(differences, &edits)),
    }
}

/// What the parts of the result are put together from.
struct ResultAssembly<'b> {
    names: &'b SharedNames,
    pipelines: &'b [&'b Pipeline],
    steps: SeriesSteps,
    numbers: Range<i64>,
    people: &'b PersonTable,
}

/// What was counted of each rule set; the second is missing where there is only one.
type BothTallies = [Option<RulesTally>; 2];

impl ResultAssembly<'_> {
    fn each<T>(&self, mut of: impl FnMut(RulesSide) -> Option<T>) -> BothRules<T> {
        let new = of(RulesSide::New);
        BothRules { new, old: if self.pipelines.len() > 1 { of(RulesSide::Old) } else { None } }
    }

    fn segments(&self, tallies: &mut BothTallies) -> Vec<SegmentResult> {
        let mut members = members(self.names, self.pipelines);
        let segment = |(number, id): (u16, &String)| {
            let mut series = tallies.each_mut().map(|tally| {
                let tally = tally.as_mut().filter(|tally| self.names.segments.own(tally.side, number).is_some())?;
                Some(self.sizes(std::mem::take(&mut tally.segments[usize::from(number)])))
            });
            let mut of = |take: &dyn Fn(&mut SegmentCurve) -> Vec<u64>| {
                self.each(|side| series[side as usize].as_mut().map(take))
            };
            let (sizes, entered, left) = (
                of(&|curve| std::mem::take(&mut curve.sizes)),
                of(&|curve| std::mem::take(&mut curve.entered)),
                of(&|curve| std::mem::take(&mut curve.left)),
            );
            let figures = self.each(|side| series[side as usize].as_ref().map(|curve| curve.figures));
            let compared = (self.pipelines.len() > 1).then(|| members.remove(&number).unwrap_or_default());
            SegmentResult {
                segment: id.clone(),
                figures,
                sizes,
                entered,
                left,
                members: compared.map(MemberCounts::into_result),
            }
        };
        (0..).zip(&self.names.segments.ids).map(segment).collect()
    }

    /// A segment over all steps.
    fn sizes(&self, series: SegmentSeries) -> SegmentCurve {
        let mut size = u64::try_from(series.before).unwrap_or(0);
        let by_step = series.steps.finish(&self.steps);
        let mut curve = SegmentCurve::default();
        for number in self.numbers.clone() {
            let step = by_step.get(&number).copied().unwrap_or_default();
            size = (size + step.entered).saturating_sub(step.left + step.vanished);
            curve.sizes.push(size);
            curve.entered.push(step.entered);
            curve.left.push(step.left);
        }
        let (entered, left) = (curve.entered.iter().sum(), curve.left.iter().sum());
        curve.figures = SegmentFigures { size, entered, left };
        curve
    }

    fn campaigns(&self, tallies: &mut BothTallies) -> Vec<CampaignResult> {
        let campaign = |(number, id): (u16, &String)| {
            let series = tallies.each_mut().map(|tally| {
                let tally = tally.as_mut().filter(|tally| self.names.campaigns.own(tally.side, number).is_some())?;
                Some(self.by_outcome(std::mem::take(&mut tally.campaigns[usize::from(number)])))
            });
            let total = |by_step: &BTreeMap<ReportWord, Vec<u64>>| {
                by_step.iter().map(|(outcome, counts)| (outcome.clone(), counts.iter().sum())).collect()
            };
            CampaignResult {
                campaign: id.clone(),
                outcomes: self.each(|side| series[side as usize].as_ref().map(total)),
                over_time: self.each(|side| series[side as usize].clone()),
            }
        };
        (0..).zip(&self.names.campaigns.ids).map(campaign).collect()
    }

    fn by_outcome(&self, series: StepSeries<OutcomeStep>) -> BTreeMap<ReportWord, Vec<u64>> {
        let by_step = series.finish(&self.steps);
        let occurs = |outcome: &usize| by_step.values().any(|counts| counts[*outcome] > 0);
        let curve = |outcome: usize| {
            self.numbers.clone().map(|number| by_step.get(&number).map_or(0, |counts| counts[outcome])).collect()
        };
        (0..Outcome::NAMES.len())
            .filter(occurs)
            .map(|outcome| (Outcome::NAMES[outcome].into(), curve(outcome)))
            .collect()
    }

    fn messages(&self, tallies: &mut BothTallies) -> BothRules<MessageFigures> {
        self.each(|side| {
            let tally = tallies[side as usize].as_mut()?;
            let by_step = std::mem::take(&mut tally.messages).finish(&self.steps);
            let over_time = self.numbers.clone().map(|number| by_step.get(&number).copied().unwrap_or(0)).collect();
            Some(message_figures(&self.people.messages(side), over_time))
        })
    }

    fn budgets(&self, tallies: &BothTallies) -> Vec<BudgetResult> {
        let of_period = |side: RulesSide, id: &str| {
            let pipeline = self.pipelines.get(side as usize)?;
            let history = pipeline.budgets()?.history()?;
            let mut periods = history.report(&pipeline.plan().rules, pipeline.watermark());
            periods.retain(|period| period.budget == id);
            let shown = periods.split_off(periods.len().saturating_sub(BUDGET_PERIODS));
            Some(shown.into_iter().map(|period| BudgetPeriodFigures {
                from: period.from.map(|at| at.to_string()),
                limit: number(period.limit),
                spent: number(period.spent),
                reserved: number(period.reserved),
                refused: period.refused,
            }))
        };
        let figures = |counts: &[AmountCount; 4]| {
            let of = |change: BudgetChangeKind| counts[change as usize].amount;
            BudgetFigures {
                spent: millionths(of(BudgetChangeKind::Spent).saturating_add(of(BudgetChangeKind::Settled))),
                reserved: millionths(of(BudgetChangeKind::Reserved)),
                released: millionths(of(BudgetChangeKind::Released)),
            }
        };
        let budget = |(at, id): (u16, &String)| {
            let has = |side| self.names.budgets.own(side, at).is_some();
            BudgetResult {
                budget: id.clone(),
                figures: self.each(|side| {
                    let tally = tallies[side as usize].as_ref().filter(|_| has(side))?;
                    tally.budgets.get(usize::from(at)).map(figures)
                }),
                periods: self.each(|side| of_period(side, id).filter(|_| has(side)).map(Iterator::collect)),
            }
        };
        (0..).zip(&self.names.budgets.ids).map(budget).collect()
    }

    fn ledgers(&self, tallies: &BothTallies) -> Vec<LedgerResult> {
        let balances: Vec<Vec<i128>> = self.pipelines.iter().map(|pipeline| balances(pipeline)).collect();
        let ledger = |(at, id): (u16, &String)| LedgerResult {
            ledger: id.clone(),
            figures: self.each(|side| {
                let own = self.names.ledgers.own(side, at)?;
                let counts = tallies[side as usize].as_ref()?.ledgers.get(usize::from(at))?;
                let points = PointsChange::ALL
                    .map(|change| (change.name().into(), JsonText::of(&counts[change as usize].amount)));
                Some(LedgerFigures {
                    balance: JsonText::of(&balances[side as usize].get(usize::from(own)).copied().unwrap_or(0)),
                    points: points.into_iter().collect(),
                })
            }),
        };
        (0..).zip(&self.names.ledgers.ids).map(ledger).collect()
    }

    fn goals(&self, tallies: &BothTallies) -> Vec<GoalResult> {
        let mut keys: Vec<_> = tallies.iter().flatten().flat_map(|tally| tally.goals.keys().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        let result = |(campaign, goal, group): (u16, u16, &'static str)| GoalResult {
            campaign: self.names.campaigns.id(campaign).to_owned(),
            goal: self.names.goals.id(goal).to_owned(),
            group: group.into(),
            figures: self.each(|side| {
                let count = tallies[side as usize].as_ref()?.goals.get(&(campaign, goal, group))?;
                let (exposures, reached) = (count.exposures, count.reached);
                Some(GoalFigures { exposures, reached, value: millionths(count.value) })
            }),
        };
        keys.into_iter().map(result).collect()
    }

    fn differences(&self, differences: DifferenceCounts, edits: &RuleEdits) -> DifferencesResult {
        let DifferenceCounts { kinds, noticed_before, noticed_within, .. } = differences;
        let (mut exact, mut after) = (0, 0);
        let mut documents: Vec<DifferenceDocument> = Vec::new();
        for (kind, tally) in kinds {
            exact += tally.exact;
            after += tally.after;
            documents.push(self.difference(&kind, tally, edits));
        }
        // What differs only afterwards comes last; messages come first.
        let rank = |it: &DifferenceDocument| {
            (it.exact == 0, ![&it.new, &it.old].into_iter().any(|word| word.as_deref() == Some("sent")))
        };
        documents.sort_by_key(|it| (rank(it), std::cmp::Reverse((it.exact, it.after))));
        DifferencesResult {
            note: NOTE.into(),
            exact,
            after,
            people: self.people.count(|person| person.differs),
            people_noticing: noticed_within,
            people_noticing_before: noticed_before,
            more_messages: self.people.count(|person| person.messages[0] > person.messages[1]),
            fewer_messages: self.people.count(|person| person.messages[0] < person.messages[1]),
            kinds: documents,
        }
    }

    fn difference(&self, kind: &DifferenceKind, tally: DifferenceTally, edits: &RuleEdits) -> DifferenceDocument {
        let names = self.names;
        let (name, id, of) = match kind.subject {
            SubjectKind::Segment => ("segment", names.segments.id(kind.number), None),
            SubjectKind::Campaign => ("campaign", names.campaigns.id(kind.number), None),
            SubjectKind::Points => ("points", names.ledgers.id(kind.number), None),
            SubjectKind::Budget => ("budget", names.budgets.id(kind.number), Some(names.campaigns.id(kind.second))),
            SubjectKind::Goal => ("goal", names.campaigns.id(kind.number), Some(names.goals.id(kind.second))),
            SubjectKind::Share => ("shared", names.segments.id(kind.number), None),
            SubjectKind::Merge => ("merged", "", None),
        };
        let word = |decided: Option<u8>| {
            decided.map(|decided| match kind.subject {
                SubjectKind::Campaign => outcome_name(decided),
                SubjectKind::Goal => "matured",
                SubjectKind::Merge => "merged",
                subject => change_name(subject, kind.change),
            })
        };
        let (reason, because) = reason(kind, names, edits);
        let people_are_after = tally.of_exact.is_empty();
        let people = if people_are_after { tally.of_after } else { tally.of_exact };
        DifferenceDocument {
            kind: name.into(),
            id: id.to_owned(),
            of: of.map(str::to_owned),
            new: word(kind.new).map(ReportWord::from),
            old: word(kind.old).map(ReportWord::from),
            reason,
            because,
            exact: tally.exact,
            after: tally.after,
            people: examples(people),
            people_are_after,
        }
    }
}

/// A segment over all steps.
#[derive(Default)]
struct SegmentCurve {
    figures: SegmentFigures,
    sizes: Vec<u64>,
    entered: Vec<u64>,
    left: Vec<u64>,
}

/// The sum of all balances of each ledger. (The engine's own counter stops at 64 bits.)
fn balances(pipeline: &Pipeline) -> Vec<i128> {
    let mut sums = vec![0; pipeline.plan().rules.ledgers.len()];
    if !sums.is_empty() {
        for user in pipeline.users() {
            for (id, ledger) in user.profile.points.ledgers() {
                sums[usize::from(id.0)] += i128::from(ledger.balance().saturated());
            }
        }
    }
    sums
}

fn examples(sample: PeopleSample<DifferenceExample>) -> Vec<PersonExample> {
    let example = |(user, DifferenceExample { at, key })| PersonExample { user, at: at.to_string(), key };
    sample.into_people().map(example).collect()
}

fn number(amount: Decimal) -> JsonText {
    Value::Number(amount).to_json()
}

fn millionths(amount: i128) -> JsonText {
    number(Decimal::from_millionths(amount))
}
