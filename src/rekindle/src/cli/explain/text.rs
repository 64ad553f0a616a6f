//! An explanation for people.

use std::fmt::Write as _;

use crate::cli::terminal;
use rekindle_core::explanation::{ConditionExplanation, DecisionExplanation, OperandEvents, SegmentExplanation};
use rekindle_core::partition::{Cause, Output, OutputKind};
use rekindle_core::rules::ruleset::{CampaignTrigger, Ruleset};

/// The width of a condition, before its values.
const CONDITION_WIDTH: usize = 52;

/// What an output is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Subject<'r> {
    pub(super) segment: Option<&'r str>,
    pub(super) campaign: Option<&'r str>,
}

impl<'r> Subject<'r> {
    pub(super) fn of(rules: &'r Ruleset, output: &Output) -> Subject<'r> {
        let segment = |place: u16| Some(rules.segments[usize::from(place)].id.as_str());
        match &output.decided {
            OutputKind::Transition { segment: of, .. } | OutputKind::GroupTransition { segment: of, .. } => {
                Subject { segment: segment(of.0), campaign: None }
            }
            OutputKind::Decision(decision) => Subject {
                segment: match decision.trigger.on {
                    CampaignTrigger::Transition { segment: of, .. } => segment(of.0),
                    CampaignTrigger::Match(_) => None,
                },
                campaign: Some(&rules.campaigns[usize::from(decision.campaign.0)].id),
            },
            OutputKind::Budget(budget) => {
                Subject { segment: None, campaign: Some(&rules.campaigns[usize::from(budget.campaign.0)].id) }
            }
            OutputKind::Weights(told) => {
                Subject { segment: None, campaign: Some(&rules.campaigns[usize::from(told.campaign.0)].id) }
            }
            OutputKind::Points(_) | OutputKind::Merged { .. } | OutputKind::GoalOutcome(_) | OutputKind::Shared(_) => {
                Subject::default()
            }
        }
    }
}

pub(super) fn text(explained: &[SegmentExplanation], decisions: &[DecisionExplanation]) -> String {
    let mut out = String::new();
    for segment in explained {
        explain(segment, &mut out);
        out.push('\n');
    }
    super::decisions::text(decisions, &mut out);
    out.trim_end().to_owned()
}

fn explain(explained: &SegmentExplanation, out: &mut String) {
    let SegmentExplanation { segment, key, is_in, since, .. } = explained;
    let of_key = key.as_ref().map(|key| format!(" of key {}", terminal::field(key))).unwrap_or_default();
    let state = if *is_in { "in" } else { "not in" };
    let since = since.as_ref().map(|since| format!(", since {} ({})", since.at, in_words(&since.cause)));
    let _ = writeln!(out, "{segment}{of_key}: {state}{}", since.unwrap_or_default());
    part(&explained.condition, 1, out);
    let _ = writeln!(out, "  nearest: {}", terminal::field(&explained.nearest.sentence));
}

fn part(condition: &ConditionExplanation, depth: usize, out: &mut String) {
    let mark = match (condition.holds, condition.is_needed) {
        (true, true) => "yes",
        (false, true) => "no ",
        (true, false) => "(yes)",
        (false, false) => "(no)",
    };
    let values = condition.operands.iter().map(|operand| match condition.operands.len() {
        1 => operand.shown.clone(),
        _ => format!("{} = {}", operand.text, operand.shown),
    });
    let values = values.collect::<Vec<_>>().join(", ");
    let until = condition.until.filter(|_| condition.parts.is_empty());
    let until = until.map(|until| format!("   until {until} at least")).unwrap_or_default();
    let text = format!("{}{mark:<5} {}", "  ".repeat(depth), terminal::field(&condition.text));
    let line = format!("{text:<CONDITION_WIDTH$} {}{until}", terminal::field(&values));
    let _ = writeln!(out, "{}", line.trim_end());
    for behind in condition.operands.iter().filter_map(|operand| events(operand.events.as_ref()?)) {
        let _ = writeln!(out, "{}        {behind}", "  ".repeat(depth));
    }
    condition.parts.iter().for_each(|inner| part(inner, depth + 1, out));
}

/// The events that a value is made of, in a few words.
fn events(events: &OperandEvents) -> Option<String> {
    const NAMED_MAX: usize = 3;
    let named = events.latest.iter().take(NAMED_MAX).map(|event| match &event.message_id {
        Some(id) => format!("{} at {}", terminal::field(id), event.ts),
        None => format!("the event at {}", event.ts),
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let more = events.latest.len().saturating_sub(NAMED_MAX);
    let others = if more > 0 { ", …".to_owned() } else { String::new() };
    let count = if events.is_complete { events.matches.to_string() } else { format!("at least {}", events.matches) };
    (events.matches > 0).then(|| format!("made of {count}: {named}{others}"))
}

pub(super) fn in_words(cause: &Cause) -> String {
    match cause {
        Cause::Time => "time passed".to_owned(),
        Cause::Delivery => "what a group told".to_owned(),
        Cause::Event(Some(id)) => format!("event {}", terminal::field(id)),
        Cause::Event(None) => "an event without messageId".to_owned(),
        Cause::Ttl => "the key was forgotten, after its `ttl`".to_owned(),
        Cause::Max => "the key was forgotten, since there were more than `max`".to_owned(),
        Cause::Points { origin, .. } => format!("points were spent; before that: {}", in_words(origin)),
        Cause::Rules { .. } => "other rules took effect".to_owned(),
    }
}
