//! `[[models]]`: who is still a customer (semantics §16).

use super::{FeatureId, NameId};
use crate::models::{PurchaseModel, SpendModel};
use crate::time::Span;

/// A model, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(pub u16);

/// A model of a user's matches of one name, with its parameters.
#[derive(Clone, Debug)]
pub struct CustomerModel {
    /// Its id.
    pub id: String,
    /// The name whose matches it counts.
    pub name: NameId,
    /// The `CountedMatches` of a user.
    pub feature: FeatureId,
    /// The unit of its time.
    pub unit: Span,
    /// When people buy, and leave.
    pub purchases: PurchaseModel,
    /// What they spend; `None`: it is not modelled.
    pub spending: Option<SpendModel>,
}

impl CustomerModel {
    /// The `min_gap` of a model that says nothing else.
    pub const DEFAULT_MIN_GAP: Span = Span(12 * 3_600_000);
    /// The parameters of when people buy.
    pub const PURCHASE_PARAMETERS: [&str; 4] = ["r", "alpha", "a", "b"];
    /// The parameters of what they spend.
    pub const SPEND_PARAMETERS: [&str; 3] = ["p", "q", "gamma"];
}

/// What a condition asks a model about a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelQuestion {
    /// The model.
    pub model: ModelId,
    /// Its feature.
    pub feature: FeatureId,
    /// What is asked.
    pub score: ModelScore,
}

/// A number that a model gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelScore {
    /// `p_alive('buying')`: the probability that the user is still a customer.
    PAlive,
    /// `expected('buying', '90d')`: the purchases to come within a time; in `if` and `payload_from` only.
    Expected(Span),
    /// `clv('buying', '365d')`: what these are worth; in `if` and `payload_from` only.
    Value(Span),
}
