//! The journal: everything the engine decided, one JSON object per line, in one total order.
//!
//! The order is by due time, then by user (bytes of the id), then as it happened to that user. It is the same for any
//! number of partitions and workers and any batch size, so two journals of one log compare byte for byte.

use std::io;

use crate::action::action_id;
use crate::campaigns::Outcome;
use crate::json::{JsonObjectWriter, key_raw, key_text};
use crate::partition::{
    BudgetOutput, Cause, DecisionOutput, GoalOutcomeOutput, Output, OutputKind, PointsOutput, SharedOutput,
};
use crate::rules::ruleset::Ruleset;
use crate::time::Timestamp;

/// Brings outputs into the journal's order. What is due before the watermark is final; the rest waits.
#[derive(Debug, Default)]
pub struct JournalSorter {
    waiting: Vec<Output>,
}

impl JournalSorter {
    /// Takes outputs in, and gives out in order all that are due before `watermark` ([`Timestamp::NEVER`]
    /// at the end of the log).
    pub fn release(&mut self, outputs: &mut Vec<Output>, watermark: Timestamp) -> Vec<Output> {
        self.waiting.append(outputs);
        let ready = self.waiting.extract_if(.., |output| output.at < watermark).collect();
        in_order(ready)
    }

    /// What waits, in no particular order but that of each user.
    pub fn waiting(&self) -> &[Output] {
        &self.waiting
    }
}

fn in_order(mut outputs: Vec<Output>) -> Vec<Output> {
    outputs.sort_by(|a, b| (a.at, &a.user, a.position).cmp(&(b.at, &b.user, b.position)));
    outputs
}

/// Writes an output's line to `sink`.
///
/// # Errors
/// Those of the sink.
pub fn write_line(rules: &Ruleset, output: &Output, sink: &mut impl io::Write) -> io::Result<()> {
    let mut line = Vec::new();
    append_line(rules, output, &mut line);
    sink.write_all(&line)
}

/// Appends an output's line to others.
pub fn append_line(rules: &Ruleset, output: &Output, lines: &mut Vec<u8>) {
    let kind = match output.decided {
        OutputKind::Transition { .. } | OutputKind::GroupTransition { .. } => "transition",
        OutputKind::Decision(_) => "decision",
        OutputKind::Points(_) => "points",
        OutputKind::Budget(_) => "budget",
        OutputKind::Merged { .. } => "merged",
        OutputKind::GoalOutcome(_) => "outcome",
        OutputKind::Shared(_) => "shared",
        OutputKind::Weights(_) => "weights",
    };
    let mut line = JsonObjectWriter::begin(lines, key_text!("kind"), kind);
    match &output.decided {
        OutputKind::GroupTransition { group, .. } => {
            line.text(key_text!("of"), &rules.groups[usize::from(group.0)].id);
            line.text(key_text!("key"), &output.user);
        }
        OutputKind::Weights(_) => {}
        _ => line.text(key_text!("user"), &output.user),
    }
    match &output.decided {
        OutputKind::Transition { segment, change, key, cause } => {
            line.text(key_text!("segment"), &rules.segments[usize::from(segment.0)].id);
            line.text_if_any(key_text!("key"), key.as_deref());
            line.text(key_text!("change"), change.name());
            output.at.with_text(|at| line.text(key_text!("at"), at));
            line.text_if_any(key_text!("cause"), cause.name());
        }
        OutputKind::GroupTransition { segment, change, cause, .. } => {
            line.text(key_text!("segment"), &rules.segments[usize::from(segment.0)].id);
            line.text(key_text!("change"), change.name());
            output.at.with_text(|at| line.text(key_text!("at"), at));
            line.text(key_text!("cause"), cause.name());
        }
        OutputKind::Decision(decision) => {
            let DecisionOutput { campaign, outcome, trigger, cause, .. } = &**decision;
            let campaign = &rules.campaigns[usize::from(campaign.0)];
            line.text(key_text!("campaign"), &campaign.id);
            line.text(key_text!("outcome"), outcome.name());
            line.text_if_any(key_text!("key"), trigger.key.as_deref());
            output.at.with_text(|at| line.text(key_text!("at"), at));
            match outcome {
                Outcome::Deferred { until } => until.with_text(|until| line.text(key_text!("until"), until)),
                Outcome::Sent { variant, .. } => {
                    line.text(key_text!("channel"), &campaign.channel);
                    let variant = variant.and_then(|index| campaign.variants.get(index));
                    line.text_if_any(key_text!("variant"), variant.map(|variant| variant.id.as_str()));
                }
                _ => {}
            }
            line.text_if_any(key_text!("cause"), cause.name());
            if let Outcome::Sent { ordinal, .. } = outcome {
                line.text(key_text!("action"), &action_id(&campaign.id, &output.user, output.at, *ordinal));
            }
        }
        OutputKind::Points(points) => {
            let PointsOutput { ledger, change, amount, balance, cause, price, .. } = &**points;
            line.text(key_text!("ledger"), &rules.ledgers[usize::from(ledger.0)].id);
            line.text(key_text!("change"), change.name());
            line.raw(key_raw!("amount"), &amount.to_string());
            line.raw(key_raw!("balance"), &balance.to_string());
            output.at.with_text(|at| line.text(key_text!("at"), at));
            line.text_if_any(key_text!("cause"), cause.name());
            let campaign = price.as_ref().map(|price| rules.campaigns[usize::from(price.campaign.0)].id.as_str());
            line.text_if_any(key_text!("paid_for"), campaign);
        }
        OutputKind::Budget(budget) => {
            let BudgetOutput { budget, campaign, change, amount, .. } = &**budget;
            line.text(key_text!("budget"), &rules.budgets[usize::from(budget.0)].id);
            line.text(key_text!("campaign"), &rules.campaigns[usize::from(campaign.0)].id);
            line.text(key_text!("change"), change.name());
            line.raw(key_raw!("amount"), &amount.to_string());
            output.at.with_text(|at| line.text(key_text!("at"), at));
        }
        OutputKind::Weights(told) => {
            let campaign = &rules.campaigns[usize::from(told.campaign.0)];
            line.text(key_text!("campaign"), &campaign.id);
            // Ids of variants have nothing that JSON escapes.
            let weights = told.weights.texts(campaign).map(|(id, weight)| format!("\"{id}\":{weight}"));
            let weights = weights.collect::<Vec<_>>().join(",");
            line.raw(key_raw!("weights"), &format!("{{{weights}}}"));
            output.at.with_text(|at| line.text(key_text!("at"), at));
        }
        OutputKind::Merged { from } => {
            line.text(key_text!("from"), from);
            output.at.with_text(|at| line.text(key_text!("at"), at));
        }
        OutputKind::GoalOutcome(outcome) => {
            let GoalOutcomeOutput { campaign, goal, group, variant, exposed, count, value } = &**outcome;
            line.text(key_text!("campaign"), campaign);
            line.text(key_text!("goal"), goal);
            line.text(key_text!("group"), group.name());
            line.text_if_any(key_text!("variant"), variant.as_deref());
            exposed.with_text(|exposed| line.text(key_text!("exposed"), exposed));
            line.raw(key_raw!("count"), &count.to_string());
            line.raw(key_raw!("value"), &value.map_or_else(|| "null".to_owned(), |value| value.to_string()));
            output.at.with_text(|at| line.text(key_text!("at"), at));
        }
        OutputKind::Shared(shared) => append_shared(output, shared, &mut line),
    }
    line.end();
    lines.push(b'\n');
}

/// Appends what a partner is told: its line without the user.
pub fn append_partner_line(output: &Output, shared: &SharedOutput, lines: &mut Vec<u8>) {
    let mut line = JsonObjectWriter::begin(lines, key_text!("kind"), "shared");
    append_shared(output, shared, &mut line);
    line.end();
    lines.push(b'\n');
}

fn append_shared(output: &Output, shared: &SharedOutput, line: &mut JsonObjectWriter<'_>) {
    let SharedOutput { partner, segment, change, subject, .. } = shared;
    line.text(key_text!("partner"), partner);
    line.text(key_text!("segment"), segment);
    line.text(key_text!("change"), change.name());
    line.text(key_text!("subject"), &subject.to_string());
    output.at.with_text(|at| line.text(key_text!("at"), at));
}

impl Cause {
    /// The messageId, `time`, `delivery`, `ttl`, `max`, `points`, `rules`, or nothing for an event without messageId.
    pub fn name(&self) -> Option<&str> {
        match self {
            Cause::Time => Some("time"),
            Cause::Event(id) => id.as_deref(),
            Cause::Delivery => Some("delivery"),
            Cause::Ttl => Some("ttl"),
            Cause::Max => Some("max"),
            Cause::Points { .. } => Some("points"),
            Cause::Rules { .. } => Some("rules"),
        }
    }
}
