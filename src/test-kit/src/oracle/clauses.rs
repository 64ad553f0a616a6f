//! The parts of conditions that have no parts themselves, each evaluated by scanning everything that happened.

use serde_json::Value as Json;

use super::evaluate::EvaluationScope;
use super::expression::OracleExpression;
use super::rules::OracleRules;
use super::{OracleInput, OracleState};

/// The clauses of a segment, for a user or a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentClauses {
    pub user: String,
    pub segment: String,
    pub key: Option<String>,
    /// Whether each holds, from left to right.
    pub holds: Vec<bool>,
}

/// The clauses of all segments at the end of a log, for all who are there then, sorted.
pub fn clauses_at_the_end(input: &OracleInput<'_>) -> Vec<SegmentClauses> {
    let rules = OracleRules::parse(input.rules_toml, input.secret);
    let state = super::replayed(input, &rules);
    let mut all = Vec::new();
    for (id, user) in &state.users {
        for segment in &rules.segments {
            for scope in user.scopes(segment, &rules) {
                all.push(SegmentClauses {
                    user: id.clone(),
                    segment: segment.id.clone(),
                    key: scope.instance.map(|(key, _)| key.to_owned()),
                    holds: scope.clauses(&segment.when),
                });
            }
        }
    }
    all.sort();
    all
}

/// The journal of a log; each decision that asked its `if` has the clauses of it, from left to right, as `clauses`.
pub fn run_with_clauses(input: &OracleInput<'_>) -> Vec<Json> {
    let rules = OracleRules { tells_clauses: true, ..OracleRules::parse(input.rules_toml, input.secret) };
    let OracleState { journal, .. } = super::replayed(input, &rules);
    journal
}

impl EvaluationScope<'_> {
    /// Whether each clause of a condition holds, from left to right.
    pub(crate) fn clauses(&self, condition: &OracleExpression) -> Vec<bool> {
        match condition {
            OracleExpression::Not(inner) => self.clauses(inner),
            OracleExpression::And(left, right) | OracleExpression::Or(left, right) => {
                [self.clauses(left), self.clauses(right)].concat()
            }
            clause => vec![self.holds(clause)],
        }
    }
}
