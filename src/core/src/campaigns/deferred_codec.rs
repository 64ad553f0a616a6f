//! How deferred decisions are stored: a record whose length tells what is in it.
//!
//! ```text
//! campaign until cause                                               3: the first format
//! campaign until cause zone                                          4: of a segment that is gone
//! campaign until cause zone segment enter                            6
//! campaign until cause zone at                                       5: of a segment or name that is gone
//! campaign until cause zone at is_match [segment enter key at]       7: of a transition
//! campaign until cause zone at is_match [name ordinal ts values]     7: of a match
//! ```
//!
//! The first three are read only. They do not know when the decision was deferred: it counts as if that were the end of the
//! quiet hours, so none of them comes too late.

use super::state::TriggerLookup;
use super::{DeferredDecision, MatchTrigger, TransitionTrigger, Trigger};
use crate::encoding::{KeySpace, ListShape, StateReader, StateWriter};
use crate::event::FieldId;
use crate::rules::ruleset::{CampaignId, CampaignTrigger, NameId, SegmentId, TransitionKind};
use crate::time::Timestamp;

const FIRST_FORMAT: u64 = 3;
const WITHOUT_TIME_AND_TRIGGER: u64 = 4;
const TRANSITION_WITHOUT_TIME: u64 = 6;
const WITHOUT_TRIGGER: u64 = 5;
const WITH_TRIGGER: u64 = 7;
/// The values of a trigger.
const OF_TRIGGER: u64 = 4;

pub(super) fn write<W: StateWriter>(deferred: &DeferredDecision, writer: &mut W) {
    let fields = if deferred.trigger.is_some() { WITH_TRIGGER } else { WITHOUT_TRIGGER };
    writer.variable_record(fields, |writer| {
        writer.id("campaign", KeySpace::Campaigns, deferred.campaign.0);
        writer.time("until", deferred.until);
        writer.optional_text("cause", deferred.cause.as_deref());
        writer.optional_text("timezone", deferred.zone.as_deref());
        writer.time_near("at", deferred.until, deferred.at);
        let Some(trigger) = &deferred.trigger else { return };
        writer.flag(matches!(trigger, Trigger::Match(_)));
        writer.record("", OF_TRIGGER, |writer| match trigger {
            Trigger::Transition(TransitionTrigger { segment, change, key, at }) => {
                writer.hidden_id(KeySpace::Segments, segment.0);
                writer.flag(*change == TransitionKind::Enter);
                writer.optional_text("key", key.as_deref());
                writer.time_near("changed_at", deferred.at, *at);
            }
            Trigger::Match(MatchTrigger { name, ordinal, ts, values }) => {
                writer.id("event", KeySpace::Names, name.0);
                writer.count("ordinal", (*ordinal).into());
                writer.time_near("event_time", deferred.at, *ts);
                writer.list("values", ListShape::Pairs, values.iter(), |writer, (field, value)| {
                    writer.id("property", KeySpace::Fields, field.0);
                    writer.scalar("value", value);
                });
            }
        });
    });
}

/// `None`: of a campaign that the current rules do not have.
pub(super) fn read<R: StateReader + TriggerLookup>(reader: &mut R) -> Result<Option<DeferredDecision>, R::Error> {
    let fields = reader.variable_record("a deferred decision")?;
    let known = [FIRST_FORMAT, WITHOUT_TIME_AND_TRIGGER, TRANSITION_WITHOUT_TIME, WITHOUT_TRIGGER, WITH_TRIGGER];
    reader.verify(|| known.contains(&fields), "an array of another length")?;
    let campaign = reader.id(KeySpace::Campaigns, "a deferred campaign")?.map(CampaignId);
    let until = reader.time("until when it is deferred")?;
    let cause = reader.optional_text("the cause of a deferred decision")?;
    let zone = if fields == FIRST_FORMAT { None } else { reader.optional_text("the zone of a deferred decision")? };
    let has_time = [WITHOUT_TRIGGER, WITH_TRIGGER].contains(&fields);
    let at = if has_time { reader.time_near(until, "when it was deferred")? } else { until };
    let trigger = match fields {
        FIRST_FORMAT => campaign.and_then(|campaign| reader.trigger_of(campaign)).and_then(|on| first_trigger(on, at)),
        TRANSITION_WITHOUT_TIME => {
            kind_of_transition(reader)?.map(|(segment, change)| transition_at(segment, change, at))
        }
        WITH_TRIGGER => trigger(reader, at)?,
        _ => None,
    };
    Ok(campaign.map(|campaign| DeferredDecision { campaign, trigger, at, until, zone, cause }))
}

/// The first format lacks the trigger: it is what triggers the campaign now.
fn first_trigger(on: CampaignTrigger, at: Timestamp) -> Option<Trigger> {
    match on {
        CampaignTrigger::Transition { segment, change } => Some(transition_at(segment, change, at)),
        CampaignTrigger::Match(_) => None,
    }
}

fn transition_at(segment: SegmentId, change: TransitionKind, at: Timestamp) -> Trigger {
    Trigger::Transition(TransitionTrigger { segment, change, key: None, at })
}

fn trigger<R: StateReader>(reader: &mut R, deferred_at: Timestamp) -> Result<Option<Trigger>, R::Error> {
    let is_match = reader.flag("whether a match triggered it")?;
    reader.record(OF_TRIGGER, "what triggered it")?;
    if is_match {
        return Ok(matched(reader, deferred_at)?.map(Trigger::Match));
    }
    let kind = kind_of_transition(reader)?;
    let key = reader.optional_text("the key that changed")?;
    let at = reader.time_near(deferred_at, "when it was triggered")?;
    Ok(kind.map(|(segment, change)| Trigger::Transition(TransitionTrigger { segment, change, key, at })))
}

fn kind_of_transition<R: StateReader>(reader: &mut R) -> Result<Option<(SegmentId, TransitionKind)>, R::Error> {
    let segment = reader.id(KeySpace::Segments, "the segment that triggered it")?.map(SegmentId);
    let is_enter = reader.flag("the change that triggered it")?;
    let change = if is_enter { TransitionKind::Enter } else { TransitionKind::Exit };
    Ok(segment.map(|segment| (segment, change)))
}

fn matched<R: StateReader>(reader: &mut R, deferred_at: Timestamp) -> Result<Option<MatchTrigger>, R::Error> {
    let name = reader.id(KeySpace::Names, "the name that triggered it")?.map(NameId);
    let ordinal = reader.count("the number of a match")?;
    let ordinal = u32::try_from(ordinal).unwrap_or(u32::MAX);
    let ts = reader.time_near(deferred_at, "the time of a match")?;
    let values = reader.list(ListShape::Pairs, "the values of a match", |reader| {
        let field = reader.id(KeySpace::Fields, "a property of a match")?.map(FieldId);
        let value = reader.scalar("a value of a match")?;
        Ok(field.map(|field| (field, value)))
    })?;
    Ok(name.map(|name| MatchTrigger { name, ordinal, ts, values: values.into_iter().flatten().collect() }))
}
