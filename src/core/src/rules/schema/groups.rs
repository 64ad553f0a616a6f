//! The shape of groups.

use schemars::JsonSchema;

use super::DurationText;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct GroupSchema {
    /// The property of matches whose values are the keys: a text of 1 to 256 bytes, or a whole number.
    #[schemars(length(min = 1))]
    key: String,
    /// How long after its latest match a group is forgotten.
    #[schemars(with = "DurationText")]
    ttl: (),
}
