//! Why a user is in a segment, or is not: its condition as a tree in the rules' own words, with the value of each part and until
//! when it stands; what comes next if nothing happens, and which event would change it. Pure: it reads the state that the engine
//! decides by, and costs nothing until somebody asks.

mod condition;
mod document;
mod outlook;
mod segment;
#[cfg(test)]
mod tests;

pub use condition::{ConditionExplanation, OperandExplanation};
pub use document::SegmentExplanationDocument;
pub use outlook::{SegmentOutlook, SufficientEvents};
pub use segment::SegmentExplanation;
