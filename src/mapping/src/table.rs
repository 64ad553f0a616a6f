//! The tables.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::source::FieldSource;
use super::times::MappingZone;

/// A mapping: how a body becomes calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[schemars(rename = "Mapping", deny_unknown_fields)]
pub struct MappingTable {
    /// Its name: small letters, digits, _ and -.
    #[schemars(regex(pattern = "^[a-z0-9_-]{1,64}$"))]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where the write key is, over HTTP; the first that is there counts.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<FieldSource>,
    /// Where the list of events may be, in the body; without one, the body is the list, or the only event.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<String>,
    /// Successive rows with the same values here are one event: the first row, with all of them in `rows`.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<FieldSource>,
    /// The time zone of times that are written without one: an IANA name.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<MappingZone>,
    /// The first whose conditions hold makes the call of an event.
    pub calls: Vec<CallMapping>,
}

impl MappingTable {
    /// The calls that are rows of tables: the name of their event, and the property that has a row's key.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        let rows = self.calls.iter().filter(|call| call.call_type == "row");
        rows.filter_map(|call| Some((call.event.as_ref()?.as_fixed()?, call.row_key.as_str())))
    }
}

/// The call of an event that meets the conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[schemars(rename = "MappingCall", deny_unknown_fields)]
pub struct CallMapping {
    /// The type of the call: track, identify, alias, page, screen or group; row: a track that is a row of a table, and nobody's; none:
    /// such an event makes no call.
    #[schemars(regex(pattern = "^(track|identify|alias|page|screen|group|row|none)$"))]
    #[serde(rename = "type")]
    #[schemars(rename = "type")]
    pub call_type: String,
    /// What happened, of a track; what a page or screen is called.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<FieldSource>,
    /// The property that has a row's key; of a row only, and it must be there.
    #[schemars(default)]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub row_key: String,
    /// The userId.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<FieldSource>,
    /// The anonymousId.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous_id: Option<FieldSource>,
    /// The previousId, of an alias.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_id: Option<FieldSource>,
    /// The messageId: the same event must have the same one.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<FieldSource>,
    /// When it happened.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<FieldSource>,
    /// When it was sent, by the sender's clock.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<FieldSource>,
    /// All must hold.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<MappingCondition>,
    /// Other names for some of the events.
    #[schemars(default)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// The properties.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<ObjectMapping>,
    /// The traits.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traits: Option<ObjectMapping>,
    /// The context.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<ObjectMapping>,
}

/// A condition of an event.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub struct MappingCondition {
    /// What is looked at.
    pub field: FieldSource,
    /// It is one of these texts; none: it must be there.
    #[schemars(default)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<String>,
}

/// An object: all members of another one, and single ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[schemars(rename = "MappingObject", deny_unknown_fields, default)]
pub struct ObjectMapping {
    /// The object whose members are all taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<FieldSource>,
    /// But these; `$*` is all that begin with `$`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// Single members.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, FieldSource>,
    /// Arrays of objects, each element with its own fields.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub arrays: BTreeMap<String, ArrayMapping>,
}

/// An array of objects.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[schemars(rename = "MappingArray", deny_unknown_fields)]
pub struct ArrayMapping {
    /// The array.
    pub each: FieldSource,
    /// The members of each of its elements.
    pub fields: BTreeMap<String, FieldSource>,
}
