//! Which outputs of two rule sets are the same, of one person at one instant.
//!
//! Outputs are matched by what they are about (the segment and the change, the campaign, the ledger …, and the key); of several
//! that are about the same, the first with the first. Two that match are the same if the journal says the same of them, and a
//! message if it has the same content too.

use super::names::{RulesSide, SharedNames};
use rekindle_core::campaigns::Outcome;
use rekindle_core::partition::{Output, OutputKind};
use rekindle_core::rules::ruleset::{Campaign, Ruleset};

/// What an output is about. Outputs of one person and instant with equal subjects match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OutputSubject<'o> {
    pub(super) kind: SubjectKind,
    /// The shared number of the segment, campaign, ledger or budget.
    pub(super) number: u16,
    /// That of the goal, or of the campaign that a budget was spent by.
    pub(super) second: u16,
    /// The change, of what changes.
    pub(super) change: u8,
    /// The key; of a merged visitor, its id.
    pub(super) key: Option<&'o str>,
}

/// The kinds of outputs, in the order in which differences are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum SubjectKind {
    Segment,
    Campaign,
    Points,
    Budget,
    Goal,
    Share,
    Merge,
}

/// Outputs with their subjects.
pub(super) type SubjectList<'o> = Vec<(OutputSubject<'o>, &'o Output)>;

/// A rule set's outputs by what they are about, sorted by that.
pub(super) fn subjects<'o>(names: &SharedNames, side: RulesSide, outputs: &'o [Output], into: &mut SubjectList<'o>) {
    into.clear();
    into.extend(outputs.iter().map(|output| (OutputSubject::of(names, side, output), output)));
    into.sort_by_key(|(subject, _)| *subject);
}

/// Whether all of them are the same, in the same order: in most cases nothing else needs to be looked at.
pub(super) fn are_same(names: &SharedNames, rules: [&Ruleset; 2], [new, old]: [&[Output]; 2]) -> bool {
    let subject = |side, output| OutputSubject::of(names, side, output);
    new.len() == old.len()
        && new.iter().zip(old).all(|(new, old)| {
            subject(RulesSide::New, new) == subject(RulesSide::Old, old)
                && contrast(rules, new, old) == OutputContrast::Same
        })
}

impl<'o> OutputSubject<'o> {
    fn of(names: &SharedNames, side: RulesSide, output: &'o Output) -> OutputSubject<'o> {
        let about = |kind, number| OutputSubject { kind, number, second: 0, change: 0, key: None };
        match &output.decided {
            OutputKind::Transition { segment, change, key, .. } => OutputSubject {
                change: *change as u8,
                key: key.as_deref(),
                ..about(SubjectKind::Segment, names.segments.number(side, segment.0))
            },
            OutputKind::GroupTransition { segment, change, .. } => OutputSubject {
                change: *change as u8,
                ..about(SubjectKind::Segment, names.segments.number(side, segment.0))
            },
            OutputKind::Decision(decision) => OutputSubject {
                key: decision.trigger.key.as_deref(),
                ..about(SubjectKind::Campaign, names.campaigns.number(side, decision.campaign.0))
            },
            OutputKind::Points(points) => OutputSubject {
                change: points.change as u8,
                ..about(SubjectKind::Points, names.ledgers.number(side, points.ledger.0))
            },
            OutputKind::Budget(budget) => OutputSubject {
                second: names.campaigns.number(side, budget.campaign.0),
                change: budget.change as u8,
                ..about(SubjectKind::Budget, names.budgets.number(side, budget.budget.0))
            },
            OutputKind::Merged { from } => OutputSubject { key: Some(from), ..about(SubjectKind::Merge, 0) },
            OutputKind::Shared(shared) => OutputSubject {
                change: shared.change as u8,
                // Both rules may share a segment with a partner that only one of them knows.
                key: Some(&shared.partner),
                ..about(SubjectKind::Share, names.segments.of_id(&shared.segment))
            },
            OutputKind::Weights(told) => about(SubjectKind::Campaign, names.campaigns.number(side, told.campaign.0)),
            OutputKind::GoalOutcome(outcome) => OutputSubject {
                second: names.goals.of_id(&outcome.goal),
                // Of campaigns that no rules have any more.
                key: Some(&outcome.campaign),
                ..about(SubjectKind::Goal, names.campaigns.of_id(&outcome.campaign))
            },
        }
    }
}

/// In what two decisions of the same outcome differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum DecisionDetail {
    /// The quiet hours end at another time.
    Until,
    Channel,
    Variant,
    Content,
}

/// How two matching outputs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputContrast {
    Same,
    /// Decisions, by their outcomes.
    Outcome,
    /// Decisions with the same outcome.
    Detail(DecisionDetail),
    /// Anything else, by its amounts.
    Amount,
}

/// How two matching outputs differ.
pub(super) fn contrast(rules: [&Ruleset; 2], new: &Output, old: &Output) -> OutputContrast {
    let amounts = |are_same: bool| if are_same { OutputContrast::Same } else { OutputContrast::Amount };
    match (&new.decided, &old.decided) {
        (OutputKind::Decision(a), OutputKind::Decision(b)) => {
            let campaigns =
                [&rules[0].campaigns[usize::from(a.campaign.0)], &rules[1].campaigns[usize::from(b.campaign.0)]];
            match (&a.outcome, &b.outcome) {
                (Outcome::Deferred { until: a }, Outcome::Deferred { until: b }) if a != b => {
                    OutputContrast::Detail(DecisionDetail::Until)
                }
                (Outcome::Sent { variant: v, .. }, Outcome::Sent { variant: w, .. }) => {
                    let variant = |campaign: &Campaign, index: Option<usize>| {
                        index.and_then(|index| campaign.variants.get(index)).map(|variant| variant.id.clone())
                    };
                    if campaigns[0].channel != campaigns[1].channel {
                        OutputContrast::Detail(DecisionDetail::Channel)
                    } else if variant(campaigns[0], *v) != variant(campaigns[1], *w) {
                        OutputContrast::Detail(DecisionDetail::Variant)
                    } else if a.payload != b.payload {
                        OutputContrast::Detail(DecisionDetail::Content)
                    } else {
                        OutputContrast::Same
                    }
                }
                (a, b) if a.index() != b.index() => OutputContrast::Outcome,
                _ => OutputContrast::Same,
            }
        }
        (OutputKind::Points(a), OutputKind::Points(b)) => amounts(a.amount == b.amount && a.balance == b.balance),
        (OutputKind::Budget(a), OutputKind::Budget(b)) => amounts(a.amount == b.amount),
        (OutputKind::GoalOutcome(a), OutputKind::GoalOutcome(b)) => amounts(a == b),
        (OutputKind::Shared(a), OutputKind::Shared(b)) => amounts(a.subject == b.subject),
        _ => OutputContrast::Same,
    }
}
