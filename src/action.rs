//! Actions on the wire: CloudEvents 1.0 in JSON.

use std::io;

use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_128;

use crate::campaigns::Outcome;
use crate::partition::{Decided, Output};
use crate::rules::program::Ruleset;
use crate::time::Timestamp;

/// The CloudEvents `source` of everything Rekindle emits.
pub const SOURCE: &str = "/rekindle";

/// The CloudEvents `type` of an action.
pub const ACTION_TYPE: &str = "rekindle.action.v1";

/// The action's id: 128-bit xxh3 of campaign, user, instant and how often the campaign had fired for the user before.
/// Every run over the same log gives the same, and no two actions share one.
pub fn action_id(campaign: &str, user: &str, at: Timestamp, ordinal: u32) -> String {
    format!("{:032x}", xxh3_128(format!("{campaign}\0{user}\0{}\0{ordinal}", at.0).as_bytes()))
}

/// The action that an output stands for, where it is one.
pub fn cloud_event(rules: &Ruleset, output: &Output) -> Option<Value> {
    let Decided::Decision { campaign, outcome: Outcome::Sent { variant, ordinal }, trigger, cause, payload } =
        &output.decided
    else {
        return None;
    };
    let campaign = &rules.campaigns[usize::from(campaign.0)];
    let variant = variant.and_then(|index| campaign.variants.get(index)).map(|variant| variant.id.as_str());
    let payload = payload.as_deref().cloned().map_or_else(|| Value::Object(Map::new()), Value::Object);
    Some(json!({
        "specversion": "1.0",
        "id": action_id(&campaign.id, &output.user, output.at, *ordinal),
        "source": SOURCE,
        "type": ACTION_TYPE,
        "subject": &*output.user,
        "time": output.at.to_string(),
        "datacontenttype": "application/json",
        "data": {
            "campaign": campaign.id,
            "variant": variant,
            "channel": campaign.channel,
            "user": &*output.user,
            "trigger": {
                "segment": rules.segments[usize::from(trigger.segment.0)].id,
                "change": trigger.change.name(),
                "cause": cause.name(),
            },
            "payload": payload,
            "expires": (output.at + campaign.expires).to_string(),
            "rules": rules.version,
        },
    }))
}

/// Appends the action's line to `sink`, if the output is one.
///
/// # Errors
/// Those of the sink.
pub fn write_line(rules: &Ruleset, output: &Output, sink: &mut impl io::Write) -> io::Result<()> {
    let Some(event) = cloud_event(rules, output) else { return Ok(()) };
    serde_json::to_writer(&mut *sink, &event)?;
    sink.write_all(b"\n")
}
