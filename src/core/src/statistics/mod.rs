//! Statistics that may be looked at whenever one likes: what they say holds for all times at once. Pure.
//!
//! [`probabilities_of_best`] says how probable it is that an arm is the best. [`DifferenceInterval`] is an interval for the difference of two means, [`sample_ratio_evidence`] a test of whether groups have the
//! shares that they should have. Both are of doubles; logarithms are those of `libm`, so that every machine finds the same.

mod best_arm;
mod confidence_sequence;
mod sample_ratio;

pub use best_arm::{NormalMean, probabilities_of_best};
pub use confidence_sequence::{ALPHA, DifferenceInterval, GroupEstimate};
pub use sample_ratio::{MISMATCH_ALPHA, SampleRatioCell, is_mismatch, sample_ratio_evidence};
