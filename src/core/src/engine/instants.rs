//! The next instant at which anything that a condition looks at may change by time alone, whatever becomes of the condition.
//!
//! An evaluation knows until when its result holds, and passes over what can't change that. Where something else has changed meanwhile
//! without an evaluation, as rows do until the user gets them, the next evaluation is due when the first of these instants comes.

use super::evaluate::EvaluationContext;
use crate::rules::ruleset::{Comparison, Condition};
use crate::time::Timestamp;

impl<'a> EvaluationContext<'a> {
    /// That instant; [`Timestamp::NEVER`]: nothing in the condition changes with time.
    pub fn next_instant(&self, condition: &'a Condition) -> Timestamp {
        match condition {
            Condition::Not(inner) => self.next_instant(inner),
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().map(|part| self.next_instant(part)).min().unwrap_or(Timestamp::NEVER)
            }
            Condition::Compare { op, left, right } => {
                // Of a window that is compared with a constant, the panes that change nothing too; and where one side reaches the other,
                // also if it must pass it.
                let of_sides = self.read(left).until.min(self.read(right).until);
                let crossings = [*op, Comparison::GreaterOrEqual, Comparison::Greater];
                crossings.into_iter().map(|op| self.comparison(op, left, right).until).fold(of_sides, Timestamp::min)
            }
            Condition::Constant(_)
            | Condition::InSegment(_)
            | Condition::Anniversary(_)
            | Condition::Has(_)
            | Condition::IsTrue(_)
            | Condition::Text { .. }
            | Condition::Matches { .. }
            | Condition::In { .. } => self.outlook(condition).until,
        }
    }
}
