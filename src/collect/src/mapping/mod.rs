//! Other vendors' events as calls: a table says where the list is, who, what, when, which id, which properties. Tables are data
//! (`src/adapters/*.toml`); what they cannot say (forms, base64, checksums) is in `adapters`.

mod apply;
mod field;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;

pub(crate) use field::FieldSource;

/// How a vendor's body becomes calls.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MappingTable {
    /// Where the write key is; the first that is there counts.
    #[serde(default)]
    pub(crate) key: Option<FieldSource>,
    /// Where the list of events may be, in the body; without one, the body is the list, or the only event.
    #[serde(default)]
    pub(crate) list: Vec<String>,
    /// The first whose condition holds makes the call of an event; an event that meets none makes none.
    pub(crate) calls: Vec<CallMapping>,
}

/// The call of an event that meets a condition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallMapping {
    /// All must hold.
    #[serde(default)]
    when: Vec<MappingCondition>,
    /// The type of the call.
    #[serde(rename = "type")]
    call_type: String,
    /// What happened, of a `track`; what a page or screen is called.
    #[serde(default)]
    event: Option<FieldSource>,
    /// Other names for some of those.
    #[serde(default)]
    names: BTreeMap<String, String>,
    #[serde(default)]
    user_id: Option<FieldSource>,
    #[serde(default)]
    anonymous_id: Option<FieldSource>,
    #[serde(default)]
    previous_id: Option<FieldSource>,
    #[serde(default)]
    message_id: Option<FieldSource>,
    #[serde(default)]
    timestamp: Option<FieldSource>,
    #[serde(default)]
    sent_at: Option<FieldSource>,
    #[serde(default)]
    properties: Option<ObjectMapping>,
    #[serde(default)]
    traits: Option<ObjectMapping>,
    #[serde(default)]
    context: Option<ObjectMapping>,
}

/// A condition of an event.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingCondition {
    field: FieldSource,
    /// It is one of these texts; none: it must be there.
    #[serde(default)]
    is: Vec<String>,
}

/// An object: all members of another one, and single ones.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectMapping {
    /// The object whose members are all taken.
    #[serde(default)]
    all: Option<FieldSource>,
    /// But these; `$*` is all that begin with `$`.
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    fields: BTreeMap<String, FieldSource>,
    /// Arrays of objects, each element with its own fields.
    #[serde(default)]
    arrays: BTreeMap<String, ArrayMapping>,
}

/// An array of objects.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArrayMapping {
    each: FieldSource,
    fields: BTreeMap<String, FieldSource>,
}

impl MappingTable {
    /// Reads a table that is part of this program.
    pub(crate) fn parse(text: &str) -> Result<MappingTable, toml::de::Error> {
        toml::from_str(text)
    }
}
