//! Every instant at which time alone could change anything: far more than do, and each is tried.

use std::collections::BTreeSet;

use super::evaluate::panes;
use super::expression::Node;
use super::rules::Segment;
use super::user::Entry;
use super::value::Value;

/// How long after an event time could matter, by all the windows and constants of the segments.
pub(crate) struct Clockwork {
    windows: BTreeSet<i64>,
    /// What `since`, `idle` and `age` are compared with, and whatever sums and differences of constants come to.
    offsets: BTreeSet<i64>,
}

impl Clockwork {
    pub(crate) fn of(segments: &[Segment]) -> Clockwork {
        let mut clockwork = Clockwork { windows: BTreeSet::new(), offsets: BTreeSet::new() };
        for segment in segments {
            clockwork.collect(&segment.when);
        }
        clockwork
    }

    /// The instants after `after` and up to `until`, in order.
    pub(crate) fn instants(&self, entries: &[Entry], after: i64, until: i64) -> BTreeSet<i64> {
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

    fn collect(&mut self, node: &Node) {
        match node {
            Node::Window(_, _, _, length) => drop(self.windows.insert(*length)),
            Node::Compare(_, left, right) => {
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

fn durations(node: &Node, found: &mut Vec<i64>) {
    if let Node::Literal(Value::Duration(length)) = node {
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

fn children(node: &Node) -> Vec<&Node> {
    match node {
        Node::Not(inner) | Node::Negate(inner) | Node::ToNumber(inner) | Node::Matches(inner, _) => vec![inner],
        Node::And(left, right)
        | Node::Or(left, right)
        | Node::Compare(_, left, right)
        | Node::Reckon(_, left, right)
        | Node::In(left, right)
        | Node::Text(_, left, right) => vec![left, right],
        Node::List(items) => items.iter().collect(),
        _ => Vec::new(),
    }
}
