//! Outputs on the wire: CloudEvents 1.0.
//!
//! [`action`] is an action as it is serialised in one JSON object, keys in the order of the alphabet; who sends it in headers
//! rather than in one object (binary content mode) takes it apart. All other outputs are CloudEvents too where they travel
//! with headers: their data is a line of the journal, their type is one of [`types`], their id an [`event_id`].

use std::collections::BTreeMap;
use std::io;

use serde::{Serialize, Serializer};
use uuid::Builder;
use xxhash_rust::xxh3::xxh3_128;

use crate::campaigns::Outcome;
use crate::json::JsonText;
use crate::partition::{Cause, DecisionOutput, Output, OutputKind};
use crate::rules::ruleset::{CampaignTrigger, Ruleset};
use crate::time::Timestamp;

/// The CloudEvents `source` of everything Rekindle emits, unless the settings say otherwise.
pub const SOURCE: &str = "/rekindle";

/// What data is written as.
pub const JSON: &str = "application/json";

/// The CloudEvents `type` of each kind of output. The number is that of the data's form: a field more leaves it as it is.
pub mod types {
    /// An action.
    pub const ACTION: &str = "rekindle.action.v1";
    /// A user entered or left a segment.
    pub const TRANSITION: &str = "rekindle.transition.v1";
    /// A campaign was decided.
    pub const DECISION: &str = "rekindle.decision.v1";
    /// The points of a ledger changed, or a redemption was refused.
    pub const POINTS: &str = "rekindle.points.v1";
    /// A budget changed.
    pub const BUDGET: &str = "rekindle.budget.v1";
    /// A visitor's past became a user's.
    pub const MERGED: &str = "rekindle.merged.v1";
    /// What became of an exposure to a goal.
    pub const OUTCOME: &str = "rekindle.outcome.v1";
    /// Other weights of variants stand.
    pub const WEIGHTS: &str = "rekindle.weights.v1";
    /// A user is shared with a partner, or not any more.
    pub const SHARED: &str = "rekindle.shared.v1";
    /// Other rules took effect.
    pub const RULES: &str = "rekindle.rules.v1";
    /// What could not be taken in, or given out.
    pub const DEAD_LETTER: &str = "rekindle.dead_letter.v1";
}

/// The id of an event of which `key` says all that tells it from others: a UUID of version 8 (RFC 9562), whose bits are those
/// of the key's 128-bit xxh3 but for the six that say so.
pub fn event_id(key: &str) -> String {
    coded_event_id(xxh3_128(key.as_bytes()).to_be_bytes())
}

/// The id of an event that a code tells from others.
pub fn coded_event_id(code: [u8; 16]) -> String {
    Builder::from_custom_bytes(code).into_uuid().to_string()
}

/// The action's id, of campaign, user, instant and the number of earlier exposures of the user (with the number of the
/// rules' change, at the instant of one). Every run over the same log gives the same, and no two actions share one.
pub fn action_id(campaign: &str, user: &str, at: Timestamp, ordinal: u64) -> String {
    event_id(&format!("{campaign}\0{user}\0{}\0{ordinal}", at.0))
}

/// An action as a CloudEvent.
#[derive(Debug, Serialize)]
pub struct Action<'a> {
    /// What it says.
    pub data: ActionData<'a>,
    /// How `data` is written.
    pub datacontenttype: &'static str,
    /// Its [id](action_id).
    pub id: String,
    /// Who emits it: [`SOURCE`], or what the settings say.
    pub source: &'a str,
    /// The version of CloudEvents.
    pub specversion: &'static str,
    /// The user's id.
    pub subject: &'a str,
    /// When it was decided: RFC 3339.
    pub time: String,
    /// [`types::ACTION`]
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// What an action says.
#[derive(Debug, Serialize)]
pub struct ActionData<'a> {
    campaign: &'a str,
    channel: &'a str,
    expires: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(serialize_with = "object")]
    payload: Option<&'a BTreeMap<String, JsonText>>,
    rules: &'a str,
    trigger: ActionTrigger<'a>,
    user: &'a str,
    variant: Option<&'a str>,
}

/// The change of a segment, or the event, that triggered it.
#[derive(Debug, Serialize)]
struct ActionTrigger<'a> {
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<&'a str>,
}

impl<'a> ActionTrigger<'a> {
    fn new(rules: &'a Ruleset, on: CampaignTrigger, cause: &'a Cause) -> ActionTrigger<'a> {
        let cause = cause.name();
        match on {
            CampaignTrigger::Transition { segment, change } => {
                let segment = Some(rules.segments[usize::from(segment.0)].id.as_str());
                ActionTrigger { cause, change: Some(change.name()), event: None, segment }
            }
            CampaignTrigger::Match(name) => {
                let event = Some(rules.names[usize::from(name.0)].id.as_str());
                ActionTrigger { cause, change: None, event, segment: None }
            }
        }
    }
}

/// No payload is an empty one.
fn object<S: Serializer>(payload: &Option<&BTreeMap<String, JsonText>>, serializer: S) -> Result<S::Ok, S::Error> {
    match payload {
        Some(payload) => payload.serialize(serializer),
        None => BTreeMap::<String, JsonText>::new().serialize(serializer),
    }
}

/// The action of an output, if it is one. `source` names the emitter.
pub fn action<'a>(rules: &'a Ruleset, output: &'a Output, source: &'a str) -> Option<Action<'a>> {
    let OutputKind::Decision(decision) = &output.decided else { return None };
    let DecisionOutput { campaign, outcome, trigger, cause, payload, .. } = &**decision;
    let Outcome::Sent { variant, ordinal } = outcome else { return None };
    let campaign = &rules.campaigns[usize::from(campaign.0)];
    let data = ActionData {
        campaign: &campaign.id,
        channel: &campaign.channel,
        expires: (output.at + campaign.expires).to_string(),
        key: trigger.key.as_deref(),
        payload: payload.as_deref(),
        rules: &rules.version,
        trigger: ActionTrigger::new(rules, trigger.on, cause),
        user: &output.user,
        variant: variant.and_then(|index| campaign.variants.get(index)).map(|variant| variant.id.as_str()),
    };
    Some(Action {
        data,
        datacontenttype: JSON,
        id: action_id(&campaign.id, &output.user, output.at, *ordinal),
        source,
        specversion: "1.0",
        subject: &output.user,
        time: output.at.to_string(),
        kind: types::ACTION,
    })
}

/// Appends the action's line to `sink`, if the output is one; its source is [`SOURCE`].
///
/// # Errors
/// Those of the sink.
pub fn write_line(rules: &Ruleset, output: &Output, sink: &mut impl io::Write) -> io::Result<()> {
    let Some(action) = action(rules, output, SOURCE) else { return Ok(()) };
    serde_json::to_writer(&mut *sink, &action)?;
    sink.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_of_version_8_and_the_same_for_good() {
        let id = action_id("win_back", "00225", Timestamp(866_376_000_000), 0);
        assert_eq!(id, "394a4f40-f35c-82dd-8098-38945e816c83");
        for key in 0..1_000 {
            let id = uuid::Uuid::parse_str(&event_id(&key.to_string())).expect("a UUID");
            assert_eq!((id.get_version_num(), id.get_variant()), (8, uuid::Variant::RFC4122));
        }
    }
}
