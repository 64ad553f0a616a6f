//! Goals: who was exposed to which campaign, what they did then, and what that adds up to (semantics §15). Pure.
//!
//! A user's [`GoalExposures`] are open until their goal's `within` has passed; then each is told, and added to the
//! [`UpliftCounts`]: whole numbers and exact sums, the same for any number of partitions. State and counts refer to campaigns and
//! goals by id, so that both outlive a campaign that the rules do not have any more. An [`UpliftReport`]
//! is what may be concluded from the counts; a [`CampaignCost`] what it took.

mod adaptation;
mod campaign_cost;
mod comparison;
mod exposure;
mod exposures;
mod report;
mod rows;
mod tally;
mod uplift_counts;

pub use adaptation::{VariantResult, adapted_shares};
pub use campaign_cost::CampaignCost;
pub use comparison::{ComparisonKey, Measure, USERS_MIN};
pub use exposure::{ExposureGroup, GoalExposure, GoalKey};
pub use exposures::GoalExposures;
pub(crate) use exposures::{ExposingDecision, GoalMatch};
pub use report::{GoalUplift, UpliftComparison, UpliftReport};
pub use rows::{UpliftDocument, UpliftRow};
pub use tally::GoalTally;
pub use uplift_counts::{TalliesByKey, UpliftConclusion, UpliftCounts, UpliftKey};
