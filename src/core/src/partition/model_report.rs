//! What models say of one user, for operators.

use crate::engine::model::ModelledUser;
use crate::engine::profile::UserProfile;
use crate::rules::ruleset::Ruleset;
use crate::time::Timestamp;

/// What a model knows of a user, and says.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelReport {
    /// The model.
    pub model: String,
    /// Purchases after the first: x.
    pub repeats: u64,
    /// From the first to the latest, in the model's unit of time: `t_x`.
    pub recency: f64,
    /// Since the first, in that unit: T.
    pub age: f64,
    /// The probability that the user is still a customer.
    pub p_alive: f64,
}

/// What each model says of a user who had a purchase, in file order.
pub(super) fn models(rules: &Ruleset, profile: &UserProfile, at: Timestamp) -> Vec<ModelReport> {
    let report = |model| {
        let user = ModelledUser::of(model, profile)?;
        let history = user.history(at);
        let (repeats, recency, age) = (history.repeats, history.recency, history.age);
        Some(ModelReport { model: model.id.clone(), repeats, recency, age, p_alive: user.p_alive(at) })
    };
    rules.models.iter().filter_map(report).collect()
}
