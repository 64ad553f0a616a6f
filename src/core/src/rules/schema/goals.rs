//! The shape of `[[goals]]`.

use schemars::JsonSchema;

use super::{DurationText, IdText};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct GoalSchema {
    /// Its name in outcomes and metrics.
    #[schemars(with = "IdText")]
    id: (),
    /// The name of [events] whose matches count.
    on: String,
    /// The property of the matches that is added up: a number. Default: nothing is added up.
    #[schemars(length(min = 1))]
    value: Option<String>,
    /// How long after the exposure matches count.
    #[schemars(with = "DurationText")]
    within: (),
}
