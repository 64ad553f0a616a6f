//! The shape of tables.

use schemars::JsonSchema;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct TableSchema {
    /// The track event whose calls are rows, and no user's events.
    #[schemars(length(min = 1))]
    event: String,
    /// The property that tells rows apart: a text of 1 to 256 bytes, or a whole number.
    #[schemars(length(min = 1))]
    key: String,
    /// The properties that conditions can read.
    #[schemars(length(min = 1, max = 64))]
    keep: Vec<String>,
    /// A condition on the call: where it holds, the row is taken out.
    gone: Option<String>,
    /// How many rows there are at most. Default: 1,000,000.
    #[schemars(range(min = 1, max = 1_000_000))]
    max: Option<u32>,
}
