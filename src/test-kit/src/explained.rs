//! What explanations say, in the words of the [oracle](crate::oracle), and logs without an event: so that what is explained can be
//! checked instead of believed.

use std::collections::{BTreeMap, BTreeSet};

use rekindle_core::campaigns::DecisionStep;
use rekindle_core::explanation::{ConditionExplanation, SegmentExplanation};
use rekindle_core::journal;
use rekindle_core::partition::{Cause, ExecutionPlan, Output, OutputKind};
use rekindle_core::rules::ruleset::CampaignTrigger;
use serde_json::Value as Json;

use crate::oracle::{self, OracleInput, SegmentClauses};

/// What a log results in under some rules.
#[derive(Clone, Copy)]
pub struct DecidedLog<'l> {
    pub plan: &'l ExecutionPlan,
    pub outputs: &'l [Output],
}

/// The leaves of the explanations of each user, as the oracle tells its own.
pub fn clauses(explained: &BTreeMap<String, Vec<SegmentExplanation>>) -> Vec<SegmentClauses> {
    let of_segment = |user: &str, segment: &SegmentExplanation| SegmentClauses {
        user: user.to_owned(),
        segment: segment.segment.clone(),
        key: segment.key.as_ref().map(|key| key.to_string()),
        holds: holds(&segment.condition),
    };
    let all = explained.iter().flat_map(|(user, segments)| segments.iter().map(|segment| of_segment(user, segment)));
    let mut all: Vec<SegmentClauses> = all.collect();
    all.sort();
    all
}

fn holds(condition: &ConditionExplanation) -> Vec<bool> {
    condition.leaves().iter().map(|leaf| leaf.holds).collect()
}

/// Every decision with the leaves of the condition that it asked, sorted.
pub fn decisions(plan: &ExecutionPlan, outputs: &[Output]) -> Vec<String> {
    let decision = |output: &Output| {
        let OutputKind::Decision(decision) = &output.decided else { return None };
        let campaign = &plan.rules.campaigns[usize::from(decision.campaign.0)].id;
        let clauses = decision.steps.iter().find_map(|step| match step {
            DecisionStep::Condition { explained, .. } => explained.as_deref().map(holds),
            _ => None,
        });
        Some(format!("{} {campaign} {} {} {clauses:?}", output.user, output.at, decision.outcome.name()))
    };
    let mut decisions: Vec<String> = outputs.iter().filter_map(decision).collect();
    decisions.sort();
    decisions
}

/// The same, as the oracle has them.
pub fn expected_decisions(input: &OracleInput<'_>) -> Vec<String> {
    let journal = oracle::run_with_clauses(input);
    let decision = |line: &Json| {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let clauses: Option<Vec<bool>> = serde_json::from_value(line["clauses"].clone()).unwrap_or_default();
        format!("{} {} {} {} {clauses:?}", text("user"), text("campaign"), text("at"), text("outcome"))
    };
    let mut decisions: Vec<String> = journal.iter().filter(|line| line["kind"] == "decision").map(decision).collect();
    decisions.sort();
    decisions
}

/// Without the calls that bear this messageId; `None` if no call does. Their lines stay, and are rejected: they move nothing.
pub fn without(events: &[u8], message_id: &str) -> Option<Vec<u8>> {
    let (mut out, mut is_found) = (Vec::new(), false);
    for line in events.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let kept = match serde_json::from_slice::<Json>(line) {
            Err(_) => line.to_vec(),
            Ok(mut call) => {
                if call["messageId"] == message_id {
                    is_found = true;
                    out.extend_from_slice(b"{}\n");
                    continue;
                }
                let is_list = call.is_array();
                let calls = if is_list { Some(&mut call) } else { call.get_mut("batch") };
                match calls.and_then(Json::as_array_mut) {
                    None => line.to_vec(),
                    Some(calls) => {
                        let before = calls.len();
                        calls.retain(|call| call["messageId"] != message_id);
                        if calls.len() == before {
                            line.to_vec()
                        } else {
                            is_found = true;
                            serde_json::to_vec(&call).expect("JSON")
                        }
                    }
                }
            }
        };
        out.extend_from_slice(&kept);
        out.push(b'\n');
    }
    is_found.then_some(out)
}

/// An output as its line of the journal, without its cause and what may differ in a log without it.
pub fn effect(plan: &ExecutionPlan, output: &Output) -> String {
    let mut line = Vec::new();
    journal::append_line(&plan.rules, output, &mut line);
    let mut line: Json = serde_json::from_slice(&line).expect("a line is JSON");
    for incidental in ["cause", "action", "variant", "until", "outcome", "channel"] {
        line.as_object_mut().expect("an object").remove(incidental);
    }
    line.to_string()
}

/// The cause of a transition or decision.
pub fn cause(output: &Output) -> Option<&Cause> {
    match &output.decided {
        OutputKind::Transition { cause, .. } => Some(cause),
        OutputKind::Decision(decision) => Some(&decision.cause),
        _ => None,
    }
}

/// Whether the user has a transition that triggers this campaign and that the other log has not. A decision that waited (for the
/// answer of a budget, for the end of quiet hours) may be made at the same instant for that reason.
fn has_another_trigger(decision: &Output, among: DecidedLog<'_>, not_among: DecidedLog<'_>) -> bool {
    let OutputKind::Decision(decided) = &decision.decided else { return false };
    let CampaignTrigger::Transition { segment: triggering, .. } =
        among.plan.rules.campaigns[usize::from(decided.campaign.0)].on
    else {
        return false;
    };
    let of_user = |log: DecidedLog<'_>| -> BTreeSet<String> {
        let triggers = log.outputs.iter().filter(|output| {
            let is_triggering =
                matches!(&output.decided, OutputKind::Transition { segment, .. } if *segment == triggering);
            is_triggering && output.user == decision.user && output.at <= decision.at
        });
        triggers.map(|output| effect(log.plan, output)).collect()
    };
    !of_user(among).is_subset(&of_user(not_among))
}

/// What is caused by an event in one log and happens all the same in another, which lacks that event: as texts, none if all is
/// well. Another event of the same instant may cause it instead; time does not, unless it is a decision that waited.
pub fn happen_without(message_id: &str, whole: DecidedLog<'_>, others: DecidedLog<'_>) -> Vec<String> {
    let is_by_it = |output: &&Output| matches!(cause(output), Some(Cause::Event(Some(of))) if **of == *message_id);
    let mut wrong = Vec::new();
    for caused in whole.outputs.iter().filter(is_by_it) {
        let effect_of_it = effect(whole.plan, caused);
        let again = others.outputs.iter().filter(|output| {
            output.user == caused.user && output.at == caused.at && effect(others.plan, output) == effect_of_it
        });
        let by_another = |output: &&Output| match cause(output) {
            Some(Cause::Event(of)) => of.as_deref() != Some(message_id),
            // An event with a new key took the place of this one.
            Some(Cause::Max) => true,
            _ => false,
        };
        wrong.extend(
            again
                .filter(|output| !by_another(output) && !has_another_trigger(output, others, whole))
                .map(|output| format!("{effect_of_it} happens without {message_id}, too: {:?}", cause(output))),
        );
    }
    wrong
}
