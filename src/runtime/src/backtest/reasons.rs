//! Differences in words, each with the edits of the rules that concern it.

use super::differences::{DifferenceCause, DifferenceKind};
use super::matching::{DecisionDetail, SubjectKind};
use super::names::SharedNames;
use super::report::EditDocument;
use rekindle_core::budgets::BudgetChangeKind;
use rekindle_core::campaigns::Outcome;
use rekindle_core::partition::PointsChange;
use rekindle_core::rules::edits::{RuleEdit, RuleEdits};

/// The most edits that are named for one difference.
const EDITS_NAMED: usize = 5;

/// Why there is such a difference, and the edits that concern it.
pub(super) fn reason(kind: &DifferenceKind, names: &SharedNames, edits: &RuleEdits) -> (String, Vec<EditDocument>) {
    let concerning = match kind.subject {
        SubjectKind::Segment => edits.of_segment(names.segments.id(kind.number)),
        SubjectKind::Campaign => edits.of_campaign(names.campaigns.id(kind.number)),
        SubjectKind::Goal => edits.of_campaign(names.campaigns.id(kind.number)),
        SubjectKind::Budget => {
            let mut both = edits.of("budgets", names.budgets.id(kind.number));
            both.extend(edits.of_campaign(names.campaigns.id(kind.second)));
            both.dedup();
            both
        }
        SubjectKind::Points => edits.of("ledgers", names.ledgers.id(kind.number)),
        SubjectKind::Share => edits.of_segment(names.segments.id(kind.number)),
        SubjectKind::Merge => Vec::new(),
    };
    let named = concerning.iter().take(EDITS_NAMED).map(|edit| EditDocument::new(edit)).collect::<Vec<_>>();
    (text(kind, names, &concerning), named)
}

fn text(kind: &DifferenceKind, names: &SharedNames, edits: &[&RuleEdit]) -> String {
    let (there, other) = if kind.new.is_some() { ("new", "old") } else { ("old", "new") };
    let thing = match kind.subject {
        SubjectKind::Segment | SubjectKind::Share => "segment",
        SubjectKind::Campaign | SubjectKind::Goal => "campaign",
        SubjectKind::Points => "ledger",
        SubjectKind::Budget => "budget",
        SubjectKind::Merge => "visitor",
    };
    match kind.why {
        DifferenceCause::Absent => format!("the {other} rules have no such {thing}"),
        DifferenceCause::OtherTrigger => format!("the {other} rules trigger it by something else"),
        DifferenceCause::Transition(segment, change) => {
            let (segment, change) = (names.segments.id(segment), change_name(SubjectKind::Segment, change));
            format!("segment {segment} was {change} by the {there} rules only")
        }
        DifferenceCause::OtherTime => {
            format!("by the {other} rules it was considered at another time, or not at all")
        }
        DifferenceCause::Rules => match (kind.subject, kind.new, kind.old) {
            (SubjectKind::Campaign, Some(new), Some(old)) if new != old => {
                let [old, new] = [old, new].map(outcome_in_words);
                format!("by the old rules {old}; by the new ones {new}")
            }
            (SubjectKind::Campaign, ..) => match kind.detail {
                Some(DecisionDetail::Until) => "the quiet hours end at another time".to_owned(),
                Some(DecisionDetail::Channel) => "it goes out on another channel".to_owned(),
                Some(DecisionDetail::Variant) => "it is another variant".to_owned(),
                Some(DecisionDetail::Content) | None => "it has another content".to_owned(),
            },
            (SubjectKind::Segment, ..) if edits.is_empty() => "it follows from what differed before".to_owned(),
            (SubjectKind::Segment, ..) => "what the segment asks was edited".to_owned(),
            (SubjectKind::Merge, ..) => "the visitor was known by one of the rules only".to_owned(),
            _ => "it follows from other decisions, or from what was edited".to_owned(),
        },
    }
}

/// What an outcome says of a campaign, as the rest of a sentence.
fn outcome_in_words(outcome: u8) -> &'static str {
    match outcome_name(outcome) {
        "too_late" => "it was too late",
        "no_consent" => "the person did not consent to what it needs",
        "condition" => "its `if` was false",
        "max_per_user" => "the person had had it as often as `max_per_user` says",
        "max_per_key" => "the key had had it as often as `max_per_key` says",
        "cooldown" => "it was in cooldown",
        "pending" => "another one waited for the end of quiet hours",
        "deferred" => "it waited for the end of quiet hours",
        "capped" => "a cap was full",
        "insufficient" => "the person had too few points",
        "budget" => "the budget lacked the cost",
        "no_luck" => "the draw was lost",
        "control" => "the person was in the control group",
        "holdout" => "the person was in its holdout",
        "sent" => "it went out",
        _ => "its trigger held no longer",
    }
}

pub(super) fn outcome_name(outcome: u8) -> &'static str {
    Outcome::NAMES.get(usize::from(outcome)).copied().unwrap_or_default()
}

/// What a change is called: `entered`, `earned`, `spent` …
pub(super) fn change_name(kind: SubjectKind, change: u8) -> &'static str {
    let at = usize::from(change);
    match kind {
        SubjectKind::Segment | SubjectKind::Share => ["entered", "left"].get(at).copied().unwrap_or_default(),
        SubjectKind::Points => PointsChange::ALL.get(at).map_or("", |change| change.name()),
        SubjectKind::Budget => BudgetChangeKind::ALL.get(at).map_or("", |change| change.name()),
        _ => "",
    }
}
