//! What models say of a user, as an answer.

use rekindle_core::partition::ModelReport;
use serde::Serialize;
use utoipa::ToSchema;

/// What a model knows of a user, and says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserModel)]
#[schema(example = json!({"model": "buying", "x": 2, "t_x": 30.43, "T": 38.86, "p_alive": 0.7062}))]
pub(super) struct UserModelEntry {
    /// The model.
    model: String,
    /// Purchases after the first.
    x: u64,
    /// From the first purchase to the latest counted, in the model's unit of time.
    t_x: f64,
    /// Since the first purchase, in that unit.
    #[serde(rename = "T")]
    age: f64,
    /// The probability, 0 to 1, that the user is still a customer.
    p_alive: f64,
}

impl UserModelEntry {
    pub(super) fn new(report: ModelReport) -> UserModelEntry {
        let ModelReport { model, repeats: x, recency: t_x, age, p_alive } = report;
        UserModelEntry { model, x, t_x, age, p_alive }
    }
}
