//! Why a user is in a segment, or is not: its condition as a tree in the rules' own words, with the value of each part and until
//! when it stands; what comes next if nothing happens, and which event would change it. Pure: it reads the state that the engine
//! decides by, and costs nothing until somebody asks.

mod decision;
mod decision_document;
#[cfg(test)]
mod decision_tests;
mod document;
mod evidence;
mod nearest;
mod numbers;
mod outlook;
mod segment;
mod step;
#[cfg(test)]
mod tests;

pub use crate::engine::explained_condition::{ConditionExplanation, EventReference, OperandEvents, OperandExplanation};
pub use decision::{ActionCost, DecisionExplanation, GoalStanding, PaidPrice, SentAction};
pub use decision_document::DecisionExplanationDocument;
pub use document::{GroupConditionDocument, SegmentExplanationDocument};
pub use evidence::EventHistory;
pub use nearest::{ClauseDistance, NearestChange};
pub use outlook::{SegmentOutlook, SufficientEvents};
pub use segment::{MembershipOrigin, SegmentExplanation, UserHistory};
pub use step::StepExplanation;
