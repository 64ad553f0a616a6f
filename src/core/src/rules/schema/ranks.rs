//! The shape of what is taken as hours, days, weeks or months begin: `[[ranks]]`, and weights of variants.

use schemars::JsonSchema;

use super::IdText;

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) enum TakingIntervalSchema {
    Hour,
    Day,
    Week,
    Month,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct RankSchema {
    /// Its name: rank('spend'), quantile('spend'), ranked('spend').
    #[schemars(with = "IdText")]
    id: (),
    /// The number by which users are ordered, asked of each: "sum(order.total, '90d')".
    of: String,
    /// The segment whose members are ordered; left out: all users are.
    #[schemars(with = "Option<IdText>")]
    among: Option<()>,
    /// When they are: as an hour, a day, a week or a month begins.
    every: TakingIntervalSchema,
    /// A line for people.
    description: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct AdaptSchema {
    /// The goal by which variants are compared, one of the campaign's.
    #[schemars(with = "IdText")]
    goal: (),
    /// When the weights are worked out: as an hour, a day, a week or a month begins.
    every: TakingIntervalSchema,
    /// The share that each variant has at least. Default: 0.
    #[schemars(range(min = 0.0, max = 1.0))]
    floor: Option<f64>,
}
