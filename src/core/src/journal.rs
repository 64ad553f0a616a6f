//! The journal: everything the engine decided, one JSON object per line, in one total order.
//!
//! The order is by due time, then by user (bytes of the id), then as it happened to that user. It is the same for any
//! number of partitions and workers and any batch size, so two journals of one log compare byte for byte.

use std::io;

use serde::Serialize;

use crate::action::action_id;
use crate::campaigns::Outcome;
use crate::partition::{Cause, Output, OutputKind};
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
        let (ready, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|output| output.at < watermark);
        self.waiting = waiting;
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

/// An instant as the journal writes it.
struct JournalInstant(Timestamp);

impl Serialize for JournalInstant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.with_text(|text| serializer.serialize_str(text))
    }
}

#[derive(Serialize)]
struct JournalLine<'a> {
    kind: &'static str,
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    at: JournalInstant,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<JournalInstant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
}

/// Appends an output's line to `sink`.
///
/// # Errors
/// Those of the sink.
pub fn write_line(rules: &Ruleset, output: &Output, sink: &mut impl io::Write) -> io::Result<()> {
    let mut line = JournalLine {
        kind: "transition",
        user: &output.user,
        campaign: None,
        outcome: None,
        segment: None,
        key: None,
        change: None,
        from: None,
        at: JournalInstant(output.at),
        until: None,
        channel: None,
        variant: None,
        cause: None,
        action: None,
    };
    match &output.decided {
        OutputKind::Transition { segment, change, key, cause } => {
            line.key = key.as_deref();
            line.segment = Some(&rules.segments[usize::from(segment.0)].id);
            line.change = Some(change.name());
            line.cause = cause.name();
        }
        OutputKind::Decision { campaign, outcome, trigger, cause, .. } => {
            let campaign = &rules.campaigns[usize::from(campaign.0)];
            line.kind = "decision";
            line.campaign = Some(&campaign.id);
            line.outcome = Some(outcome.name());
            line.key = trigger.key.as_deref();
            line.cause = cause.name();
            match outcome {
                Outcome::Deferred { until } => line.until = Some(JournalInstant(*until)),
                Outcome::Sent { variant, ordinal } => {
                    line.channel = Some(&campaign.channel);
                    line.variant = variant.and_then(|index| campaign.variants.get(index)).map(|v| v.id.as_str());
                    line.action = Some(action_id(&campaign.id, &output.user, output.at, *ordinal));
                }
                _ => {}
            }
        }
        OutputKind::Merged { from } => {
            line.kind = "merged";
            line.from = Some(from);
        }
    }
    serde_json::to_writer(&mut *sink, &line)?;
    sink.write_all(b"\n")
}

impl Cause {
    /// The messageId, `time`, `ttl`, `max`, `rules`, or nothing for an event without messageId.
    pub fn name(&self) -> Option<&str> {
        match self {
            Cause::Time => Some("time"),
            Cause::Event(id) => id.as_deref(),
            Cause::Ttl => Some("ttl"),
            Cause::Max => Some("max"),
            Cause::Rules { .. } => Some("rules"),
        }
    }
}
