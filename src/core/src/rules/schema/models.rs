//! The shape of models.

use schemars::JsonSchema;

use super::{DurationText, IdText};

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "a shape: only its schema is used")]
enum ModelKindSchema {
    BgNbd,
    MbgNbd,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct ModelSchema {
    /// Its name in conditions: p_alive('buying').
    #[schemars(with = "IdText")]
    id: (),
    /// When a customer may leave: after any purchase (mbg_nbd), or after any but the first (bg_nbd).
    kind: ModelKindSchema,
    /// The event of [events] that is a purchase.
    on: String,
    /// A match less than this after the latest counted one is not counted. Default: "12h".
    #[schemars(with = "Option<DurationText>")]
    min_gap: Option<()>,
    /// The unit of the model's time.
    #[schemars(with = "DurationText")]
    unit: (),
    /// The shape of the rates at which customers buy.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1_000_000_000_000_u64))]
    r: f64,
    /// The scale of these rates, in units of time.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1_000_000_000_000_u64))]
    alpha: f64,
    /// The weight of leaving after a purchase.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1_000_000_000_000_u64))]
    a: f64,
    /// The weight of staying.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1_000_000_000_000_u64))]
    b: f64,
    /// The property that says what a purchase is worth, for clv(…). Belongs with p, q and gamma.
    #[schemars(length(min = 1))]
    value: Option<String>,
    /// The shape of what one customer spends.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1_000_000_000_000_u64))]
    p: Option<f64>,
    /// The shape of what customers spend.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1_000_000_000_000_u64))]
    q: Option<f64>,
    /// The scale of what customers spend.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1_000_000_000_000_u64))]
    gamma: Option<f64>,
}
