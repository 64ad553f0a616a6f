//! Actions on the wire: CloudEvents 1.0 in JSON.
//!
//! [`action`] is the event as it is serialised, keys in the order of the alphabet; who sends it in headers rather than in
//! one object (binary content mode) takes it apart.

use std::collections::BTreeMap;
use std::io;

use serde::{Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_128;

use crate::campaigns::Outcome;
use crate::json::JsonText;
use crate::partition::{Decided, Output};
use crate::rules::program::Ruleset;
use crate::time::Timestamp;

/// The CloudEvents `source` of everything Rekindle emits.
pub const SOURCE: &str = "/rekindle";

/// The CloudEvents `type` of an action.
pub const ACTION_TYPE: &str = "rekindle.action.v1";

/// The action's id: 128-bit xxh3 of campaign, user, instant and how often the campaign had fired for the user before (with the
/// number of the rules' change, at the instant of one).
/// Every run over the same log gives the same, and no two actions share one.
pub fn action_id(campaign: &str, user: &str, at: Timestamp, ordinal: u64) -> String {
    format!("{:032x}", xxh3_128(format!("{campaign}\0{user}\0{}\0{ordinal}", at.0).as_bytes()))
}

/// An action as a CloudEvent.
#[derive(Debug, Serialize)]
pub struct Action<'a> {
    /// What it says.
    pub data: Data<'a>,
    /// How `data` is written.
    pub datacontenttype: &'static str,
    /// Its [id](action_id).
    pub id: String,
    /// [`SOURCE`]
    pub source: &'static str,
    /// The version of CloudEvents.
    pub specversion: &'static str,
    /// The user's id.
    pub subject: &'a str,
    /// When it was decided: RFC 3339.
    pub time: String,
    /// [`ACTION_TYPE`]
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// What an action says.
#[derive(Debug, Serialize)]
pub struct Data<'a> {
    campaign: &'a str,
    channel: &'a str,
    expires: String,
    #[serde(serialize_with = "object")]
    payload: Option<&'a BTreeMap<String, JsonText>>,
    rules: &'a str,
    trigger: TriggeredBy<'a>,
    user: &'a str,
    variant: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct TriggeredBy<'a> {
    cause: Option<&'a str>,
    change: &'static str,
    segment: &'a str,
}

/// No payload is an empty one.
fn object<S: Serializer>(payload: &Option<&BTreeMap<String, JsonText>>, serializer: S) -> Result<S::Ok, S::Error> {
    match payload {
        Some(payload) => payload.serialize(serializer),
        None => BTreeMap::<String, JsonText>::new().serialize(serializer),
    }
}

/// The action that an output stands for, where it is one.
pub fn action<'a>(rules: &'a Ruleset, output: &'a Output) -> Option<Action<'a>> {
    let Decided::Decision { campaign, outcome: Outcome::Sent { variant, ordinal }, trigger, cause, payload } =
        &output.decided
    else {
        return None;
    };
    let campaign = &rules.campaigns[usize::from(campaign.0)];
    let data = Data {
        campaign: &campaign.id,
        channel: &campaign.channel,
        expires: (output.at + campaign.expires).to_string(),
        payload: payload.as_deref(),
        rules: &rules.version,
        trigger: TriggeredBy {
            cause: cause.name(),
            change: trigger.change.name(),
            segment: &rules.segments[usize::from(trigger.segment.0)].id,
        },
        user: &output.user,
        variant: variant.and_then(|index| campaign.variants.get(index)).map(|variant| variant.id.as_str()),
    };
    Some(Action {
        data,
        datacontenttype: "application/json",
        id: action_id(&campaign.id, &output.user, output.at, *ordinal),
        source: SOURCE,
        specversion: "1.0",
        subject: &output.user,
        time: output.at.to_string(),
        kind: ACTION_TYPE,
    })
}

/// Appends the action's line to `sink`, if the output is one.
///
/// # Errors
/// Those of the sink.
pub fn write_line(rules: &Ruleset, output: &Output, sink: &mut impl io::Write) -> io::Result<()> {
    let Some(action) = action(rules, output) else { return Ok(()) };
    serde_json::to_writer(&mut *sink, &action)?;
    sink.write_all(b"\n")
}
