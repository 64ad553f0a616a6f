//! Every instant at which time alone could change anything. Most change nothing; each is evaluated.

use std::collections::BTreeSet;

use super::evaluate::panes;
use super::expression::OracleExpression;
use super::rules::OracleSegment;
use super::user::OracleEvent;
use super::value::OracleValue;

/// The distances from an event at which time alone could change a segment, by the windows and constants of the segments.
pub(crate) struct ChangeInstants {
    windows: BTreeSet<i64>,
    /// What `since`, `idle` and `age` are compared with: the constants, and their sums and differences.
    offsets: BTreeSet<i64>,
}

impl ChangeInstants {
    pub(crate) fn of(segments: &[OracleSegment]) -> ChangeInstants {
        let mut change_instants = ChangeInstants { windows: BTreeSet::new(), offsets: BTreeSet::new() };
        for segment in segments {
            change_instants.collect(&segment.when);
        }
        change_instants
    }

    /// The instants after `after` and up to `until`, in order.
    pub(crate) fn instants(&self, entries: &[OracleEvent], after: i64, until: i64) -> BTreeSet<i64> {
        let mut instants = BTreeSet::new();
        for entry in entries {
            instants.extend(self.windows.iter().map(|length| {
                let (width, count) = panes(*length);
                (entry.at.div_euclid(width) + count) * width
            }));
            instants.extend(self.offsets.iter().flat_map(|offset| [entry.at + offset, entry.at + offset + 1]));
        }
        instants.retain(|instant| after < *instant && *instant <= until);
        instants
    }

    fn collect(&mut self, node: &OracleExpression) {
        match node {
            OracleExpression::Window(_, _, _, length) => drop(self.windows.insert(*length)),
            OracleExpression::Compare(_, left, right) => {
                let mut constants = Vec::new();
                durations(left, &mut constants);
                durations(right, &mut constants);
                self.offsets.extend(signed_sums(&constants));
            }
            _ => {}
        }
        for child in children(node) {
            self.collect(child);
        }
    }
}

fn durations(node: &OracleExpression, found: &mut Vec<i64>) {
    if let OracleExpression::Literal(OracleValue::Duration(length)) = node {
        found.push(*length as i64);
    }
    for child in children(node) {
        durations(child, found);
    }
}

/// Everything the constants can add up to, each taken, left or subtracted.
fn signed_sums(constants: &[i64]) -> BTreeSet<i64> {
    constants.iter().fold(BTreeSet::from([0]), |sums, constant| {
        sums.iter().flat_map(|sum| [*sum, sum + constant, sum - constant]).collect()
    })
}

fn children(node: &OracleExpression) -> Vec<&OracleExpression> {
    match node {
        OracleExpression::Not(inner)
        | OracleExpression::Negate(inner)
        | OracleExpression::ToNumber(inner)
        | OracleExpression::Matches(inner, _) => vec![inner],
        OracleExpression::And(left, right)
        | OracleExpression::Or(left, right)
        | OracleExpression::Compare(_, left, right)
        | OracleExpression::Arithmetic(_, left, right)
        | OracleExpression::In(left, right)
        | OracleExpression::Text(_, left, right) => vec![left, right],
        OracleExpression::List(items) => items.iter().collect(),
        _ => Vec::new(),
    }
}
