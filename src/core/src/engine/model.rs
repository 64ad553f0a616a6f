//! What models say of a user (semantics §16).

use super::evaluate::EvaluationContext;
use super::profile::UserProfile;
use crate::decimal::Decimal;
use crate::features::{FeatureState, MatchCount};
use crate::models::PurchaseHistory;
use crate::rules::ruleset::{CustomerModel, ModelQuestion, ModelScore};
use crate::time::{Span, Timestamp};
use crate::value::Value;

/// What a model knows of a user who had a match.
#[derive(Clone, Copy, Debug)]
pub struct ModelledUser<'a> {
    model: &'a CustomerModel,
    count: &'a MatchCount,
}

impl<'a> ModelledUser<'a> {
    /// What a model knows of a user; `None`: the user had no match yet.
    pub fn of(model: &'a CustomerModel, profile: &'a UserProfile) -> Option<ModelledUser<'a>> {
        match profile.feature(model.feature)? {
            FeatureState::CountedMatches(count) if count.counted > 0 => Some(ModelledUser { model, count }),
            _ => None,
        }
    }

    /// x, `t_x` and `T` at an instant.
    pub fn history(&self, now: Timestamp) -> PurchaseHistory {
        let MatchCount { first, latest, counted, .. } = *self.count;
        PurchaseHistory {
            repeats: counted.saturating_sub(1),
            recency: self.in_units(latest - first),
            age: self.in_units((now - first).max(Span(0))),
        }
    }

    /// What was spent on all counted matches but the first; `None`: it is larger than 10^30.
    pub fn spent(&self) -> Option<Decimal> {
        self.count.sum.to_number()
    }

    /// `p_alive` at an instant.
    pub fn p_alive(&self, now: Timestamp) -> f64 {
        self.model.purchases.p_alive(self.history(now))
    }

    /// About when `p_alive` becomes so small; `None`: it never does.
    pub(super) fn falls_to(&self, p_alive: f64) -> Option<Timestamp> {
        let age = self.model.purchases.age_at(self.history(self.count.latest), p_alive)?;
        let ms = age * self.model.unit.0 as f64;
        // Saturates; what comes of it is checked.
        Some(Timestamp(self.count.first.0.saturating_add(ms as i64)))
    }

    fn score(&self, score: ModelScore, now: Timestamp) -> Option<f64> {
        let history = self.history(now);
        let expected = |within| self.model.purchases.expected(history, self.in_units(within));
        match score {
            ModelScore::PAlive => Some(self.model.purchases.p_alive(history)),
            ModelScore::Expected(within) => expected(within),
            ModelScore::Value(within) => {
                let mean = self.model.spending?.mean(history.repeats, self.spent()?.to_double())?;
                Some(expected(within)? * mean).filter(|value| value.is_finite())
            }
        }
    }

    fn in_units(&self, time: Span) -> f64 {
        time.0 as f64 / self.model.unit.0 as f64
    }
}

impl<'a> EvaluationContext<'a> {
    /// What is asked of a model, about the user.
    pub(super) fn model(&self, question: ModelQuestion) -> Value<'static> {
        Value::from(self.modelled(question).and_then(|user| user.score(question.score, self.now)))
    }

    /// The user as a model knows it.
    pub(super) fn modelled(&self, question: ModelQuestion) -> Option<ModelledUser<'a>> {
        ModelledUser::of(&self.rules.models[usize::from(question.model.0)], self.profile)
    }
}
