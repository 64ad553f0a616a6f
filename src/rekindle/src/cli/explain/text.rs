//! An explanation for people.

use std::fmt::Write as _;

use crate::cli::terminal;
use rekindle_core::campaigns::Outcome;
use rekindle_core::explanation::{ConditionExplanation, SegmentExplanation};
use rekindle_core::partition::{Cause, Output, OutputKind};
use rekindle_core::rules::ruleset::{CampaignTrigger, Ruleset, TransitionKind};

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
            OutputKind::Transition { segment: of, .. } => Subject { segment: segment(of.0), campaign: None },
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
            OutputKind::Points(_) | OutputKind::Merged { .. } | OutputKind::GoalOutcome(_) => Subject::default(),
        }
    }
}

pub(super) fn text(rules: &Ruleset, explained: &[SegmentExplanation], story: &[&Output]) -> String {
    let mut out = String::new();
    for segment in explained {
        explain(rules, segment, story, &mut out);
        out.push('\n');
    }
    let decisions: Vec<String> = story.iter().filter_map(|output| decision(rules, output)).collect();
    if decisions.is_empty() {
        out.push_str("no campaign was considered");
    } else {
        out.push_str("campaigns, as they were considered\n");
        decisions.iter().for_each(|line| _ = writeln!(out, "  {line}"));
    }
    out.trim_end().to_owned()
}

fn explain(rules: &Ruleset, explained: &SegmentExplanation, story: &[&Output], out: &mut String) {
    let SegmentExplanation { segment, key, is_in, .. } = explained;
    let of_key = key.as_ref().map(|key| format!(" of key {}", terminal::field(key))).unwrap_or_default();
    let state = if *is_in { "in" } else { "not in" };
    let since = last_change(rules, explained, story).map(|(at, cause)| format!(", since {at} ({cause})"));
    let _ = writeln!(out, "{segment}{of_key}: {state}{}", since.unwrap_or_default());
    part(&explained.condition, 1, out);
    match &explained.next_change {
        Some(next) => {
            let change = if next.change == TransitionKind::Enter { "enters" } else { "leaves" };
            let _ = writeln!(out, "  if nothing happens: {change} at {}", next.at);
        }
        None => out.push_str("  if nothing happens: stays so for the next 400 days\n"),
    }
    for events in &explained.sufficient {
        let change = if *is_in { "end it" } else { "be enough" };
        let _ = writeln!(out, "  {} more `{}` at once would {change}", events.count, events.name);
    }
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
    condition.parts.iter().for_each(|inner| part(inner, depth + 1, out));
}

/// When the user, or the key, entered or left the segment last, and what made it so.
fn last_change(rules: &Ruleset, explained: &SegmentExplanation, story: &[&Output]) -> Option<(String, String)> {
    story.iter().rev().find_map(|output| match &output.decided {
        OutputKind::Transition { segment, key, cause, .. } => {
            let is_same = rules.segments[usize::from(segment.0)].id == explained.segment && *key == explained.key;
            is_same.then(|| (output.at.to_string(), in_words(cause)))
        }
        _ => None,
    })
}

fn decision(rules: &Ruleset, output: &Output) -> Option<String> {
    let OutputKind::Decision(decision) = &output.decided else { return None };
    let campaign = &rules.campaigns[usize::from(decision.campaign.0)].id;
    let until = match decision.outcome {
        Outcome::Deferred { until } => format!(" until {until}"),
        _ => String::new(),
    };
    Some(format!("{} {campaign}: {}{until} ({})", output.at, decision.outcome.name(), in_words(&decision.cause)))
}

fn in_words(cause: &Cause) -> String {
    match cause {
        Cause::Time => "time passed".to_owned(),
        Cause::Event(Some(id)) => format!("event {}", terminal::field(id)),
        Cause::Event(None) => "an event without messageId".to_owned(),
        Cause::Ttl => "the key was forgotten, after its `ttl`".to_owned(),
        Cause::Max => "the key was forgotten, since there were more than `max`".to_owned(),
        Cause::Points { origin, .. } => format!("points were spent; before that: {}", in_words(origin)),
        Cause::Rules { .. } => "other rules took effect".to_owned(),
    }
}
