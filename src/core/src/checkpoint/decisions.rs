//! The latest decisions, as CBOR: `[user, at, position, campaign, outcome, on, ordinal, key, cause, steps]`.
//!
//! Everything of the rules has its name, so decisions are read under any rules that still have what they name; one of which the
//! rules lack something is left out. They answer who asks why: nothing that is decided depends on them. Payloads and the parts
//! of conditions are not stored.

use std::sync::Arc;

use super::decision_steps;
use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::campaigns::{Outcome, TriggerOrigin};
use crate::partition::{Cause, DecisionOutput, Output, OutputKind};
use crate::rules::ruleset::{Campaign, CampaignId, CampaignTrigger, NameId, Ruleset, SegmentId, TransitionKind};
use crate::time::Timestamp;

const FIELDS: u64 = 10;

/// The decisions about a user before an instant are gone, of those of the files before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgottenDecisions {
    /// The user.
    pub user: Arc<str>,
    /// The instant.
    pub before: Timestamp,
}

pub(super) fn write_forgotten(forgotten: &ForgottenDecisions, writer: &mut CborWriter) {
    writer.str(&forgotten.user);
    writer.timestamp(forgotten.before);
}

pub(super) fn read_forgotten(reader: &mut CborReader<'_>) -> Result<ForgottenDecisions, CodecError> {
    let user = reader.text("a user whose decisions are forgotten")?.into();
    Ok(ForgottenDecisions { user, before: reader.time("before when decisions are forgotten")? })
}

/// Writes an output that is a decision made by these rules; of any other nothing is written. Returns whether it is one.
pub(super) fn write(rules: &Ruleset, output: &Output, writer: &mut CborWriter) -> bool {
    let OutputKind::Decision(decision) = &output.decided else { return false };
    let campaign = &rules.campaigns[usize::from(decision.campaign.0)];
    writer.array(FIELDS);
    writer.str(&output.user);
    writer.timestamp(output.at);
    writer.u64(output.position);
    writer.str(&campaign.id);
    write_outcome(campaign, &decision.outcome, writer);
    match decision.trigger.on {
        CampaignTrigger::Transition { segment, change } => {
            writer.str(change.name());
            writer.str(&rules.segments[usize::from(segment.0)].id);
        }
        CampaignTrigger::Match(name) => {
            writer.str(EVENT);
            writer.str(&rules.names[usize::from(name.0)].id);
        }
    }
    writer.u64(decision.trigger.ordinal.into());
    writer.optional_str(decision.trigger.key.as_deref());
    write_cause(&decision.cause, writer);
    writer.array(decision.steps.len() as u64);
    for step in &decision.steps {
        decision_steps::write(rules, campaign, step, writer);
    }
    true
}

/// `None`: these rules lack something that it names.
pub(super) fn read(rules: &Ruleset, reader: &mut CborReader<'_>) -> Result<Option<Output>, CodecError> {
    reader.array_of(FIELDS, "a decision")?;
    let user = reader.text("the user of a decision")?.into();
    let at = reader.time("the time of a decision")?;
    let position = reader.u64("the position of a decision")?;
    let campaign = id_of(&rules.campaigns, |campaign| &campaign.id, reader.text("the campaign of a decision")?);
    let known = campaign.and_then(|index| rules.campaigns.get(usize::from(index)));
    let outcome = read_outcome(known, reader)?;
    let on = read_on(rules, reader)?;
    let ordinal = u32::try_from(reader.count("the number of a match")?).unwrap_or(u32::MAX);
    let key = reader.optional_text("the key of a decision")?.map(Arc::from);
    let cause = read_cause(reader)?;
    let mut steps = Some(Vec::new());
    for _ in 0..reader.array("the steps of a decision")? {
        let step = decision_steps::read(rules, known, reader)?;
        steps = steps.zip(step).map(|(mut steps, step)| {
            steps.push(step);
            steps
        });
    }
    let (Some(campaign), Some(outcome), Some(on), Some(steps)) = (campaign.map(CampaignId), outcome, on, steps) else {
        return Ok(None);
    };
    let trigger = TriggerOrigin { on, ordinal, key };
    let decision = DecisionOutput { campaign, outcome, trigger, cause, payload: None, steps };
    Ok(Some(Output { at, user, position, decided: OutputKind::Decision(Box::new(decision)) }))
}

/// The index of what has this id.
pub(super) fn id_of<T>(items: &[T], id: impl Fn(&T) -> &String, wanted: &str) -> Option<u16> {
    u16::try_from(items.iter().position(|item| id(item) == wanted)?).ok()
}

/// What triggers a campaign by a match.
const EVENT: &str = "event";

fn read_on(rules: &Ruleset, reader: &mut CborReader<'_>) -> Result<Option<CampaignTrigger>, CodecError> {
    let kind = reader.text("what kind of trigger a decision has")?;
    let id = reader.text("what triggered a decision")?;
    let segment = || id_of(&rules.segments, |segment| &segment.id, id).map(SegmentId);
    match kind {
        EVENT => Ok(id_of(&rules.names, |name| &name.id, id).map(|name| CampaignTrigger::Match(NameId(name)))),
        _ => {
            let change = [TransitionKind::Enter, TransitionKind::Exit].into_iter().find(|change| change.name() == kind);
            let change = change.ok_or_else(|| reader.wrong("a kind of trigger that is not known"))?;
            Ok(segment().map(|segment| CampaignTrigger::Transition { segment, change }))
        }
    }
}

/// `[name]`, of a deferral with its end, of an action with its variant and its ordinal.
fn write_outcome(campaign: &Campaign, outcome: &Outcome, writer: &mut CborWriter) {
    match outcome {
        Outcome::Deferred { until } => {
            writer.array(2);
            writer.str(outcome.name());
            writer.timestamp(*until);
        }
        Outcome::Sent { variant, ordinal } => {
            writer.array(3);
            writer.str(outcome.name());
            let variant = variant.and_then(|index| campaign.variants.get(index));
            writer.optional_str(variant.map(|variant| variant.id.as_str()));
            writer.u64(*ordinal);
        }
        other => {
            writer.array(1);
            writer.str(other.name());
        }
    }
}

fn read_outcome(campaign: Option<&Campaign>, reader: &mut CborReader<'_>) -> Result<Option<Outcome>, CodecError> {
    let fields = reader.array("an outcome")?;
    let outcome = match (reader.text("the name of an outcome")?, fields) {
        ("deferred", 2) => Outcome::Deferred { until: reader.time("until when a decision is deferred")? },
        ("sent", 3) => {
            let variant = reader.optional_text("a variant")?;
            let ordinal = reader.u64("the ordinal of an action")?;
            let variant = match variant {
                None => None,
                Some(id) => {
                    let index = campaign.and_then(|campaign| id_of(&campaign.variants, |variant| &variant.id, id));
                    let Some(index) = index else { return Ok(None) };
                    Some(usize::from(index))
                }
            };
            Outcome::Sent { variant, ordinal }
        }
        (name, 1) => plain_outcome(name).ok_or_else(|| reader.wrong("an outcome that is not known"))?,
        _ => return Err(reader.wrong("an outcome that is not known")),
    };
    Ok(Some(outcome))
}

/// One that has nothing but its name.
fn plain_outcome(name: &str) -> Option<Outcome> {
    let plain = [
        Outcome::TooLate,
        Outcome::NoConsent,
        Outcome::Condition,
        Outcome::MaxPerUser,
        Outcome::MaxPerKey,
        Outcome::Cooldown,
        Outcome::Pending,
        Outcome::Capped,
        Outcome::Insufficient,
        Outcome::Budget,
        Outcome::NoLuck,
        Outcome::Control,
        Outcome::Holdout,
        Outcome::Stale,
    ];
    plain.into_iter().find(|outcome| outcome.name() == name)
}

/// `[name, …]`; of points, the evaluation's number, and then the cause of the first.
fn write_cause(cause: &Cause, writer: &mut CborWriter) {
    match cause {
        Cause::Time => name_alone("time", writer),
        Cause::Delivery => name_alone("delivery", writer),
        Cause::Ttl => name_alone("ttl", writer),
        Cause::Max => name_alone("max", writer),
        Cause::Event(id) => {
            writer.array(2);
            writer.str(EVENT);
            writer.optional_str(id.as_deref());
        }
        Cause::Rules { change } => {
            writer.array(2);
            writer.str("rules");
            writer.u64(*change);
        }
        Cause::Points { round, origin } => {
            writer.array(3);
            writer.str("points");
            writer.u64((*round).into());
            write_cause(origin, writer);
        }
    }
}

fn name_alone(name: &str, writer: &mut CborWriter) {
    writer.array(1);
    writer.str(name);
}

fn read_cause(reader: &mut CborReader<'_>) -> Result<Cause, CodecError> {
    let fields = reader.array("a cause")?;
    match (reader.text("the name of a cause")?, fields) {
        ("points", 3) => {
            let round = u32::try_from(reader.count("the number of an evaluation")?).unwrap_or(u32::MAX);
            let fields = reader.array("the cause of an evaluation")?;
            // The first evaluation is by something else, so there is no more to descend to.
            let origin = match reader.text("the name of a cause")? {
                "points" => return Err(reader.wrong("points that are their own cause")),
                name => first_cause(name, fields, reader)?,
            };
            Ok(Cause::Points { round, origin: Box::new(origin) })
        }
        (name, fields) => first_cause(name, fields, reader),
    }
}

fn first_cause(name: &str, fields: u64, reader: &mut CborReader<'_>) -> Result<Cause, CodecError> {
    match (name, fields) {
        ("time", 1) => Ok(Cause::Time),
        ("delivery", 1) => Ok(Cause::Delivery),
        ("ttl", 1) => Ok(Cause::Ttl),
        ("max", 1) => Ok(Cause::Max),
        (EVENT, 2) => Ok(Cause::Event(reader.optional_text("the messageId of a cause")?.map(Arc::from))),
        ("rules", 2) => Ok(Cause::Rules { change: reader.u64("the number of a change of the rules")? }),
        _ => Err(reader.wrong("a cause that is not known")),
    }
}
