//! What lists are measured by.

use std::collections::BTreeSet;

use super::*;
use crate::picks::{OfferedItems, PickEvaluation, PickFigures, PickTarget};

fn items(items: &[&str]) -> BTreeSet<Arc<str>> {
    items.iter().map(|item| Arc::from(*item)).collect()
}

fn target(ts: i64, next: &[&str], offered: Option<&[&str]>) -> PickTarget {
    let offered = offered
        .map(|offered| OfferedItems { items: offered.iter().map(|item| Arc::from(*item)).collect(), popularity: 0.5 });
    PickTarget { ts: Timestamp(ts), items: items(next), offered }
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found} {expected}");
}

#[test]
fn what_came_next_and_what_came_after_it_are_measured() {
    let mut evaluation = PickEvaluation::new(4, Span(MINUTE));
    let user: Arc<str> = "u".into();
    evaluation.add(&user, target(0, &["a"], Some(&["x", "a", "b"])));
    // Within the gap after the one before: also what the first is measured by.
    evaluation.add(&user, target(MINUTE, &["b", "c"], None));
    // Beyond it.
    evaluation.add(&user, target(2 * MINUTE + 1, &["x"], Some(&[])));
    let found = evaluation.finish(6);
    // First: X = a, Y = a b c, hits at 2 and 3; second: an empty list.
    let gain = |rank: f64| 1.0 / (rank + 1.0).log2();
    assert_eq!(found.targets, 2);
    close(found.hr, 0.5);
    close(found.mrr, 0.25);
    close(found.recall, (2.0 / 3.0) / 2.0);
    close(found.precision, (2.0 / 4.0) / 2.0);
    close(found.ndcg, (gain(2.0) + gain(3.0)) / (gain(1.0) + gain(2.0) + gain(3.0)) / 2.0);
    close(found.popularity, 0.5);
    close(found.coverage, 3.0 / 6.0);
}

#[test]
fn what_a_user_did_after_it_was_linked_counts_for_the_visitor() {
    let mut evaluation = PickEvaluation::new(1, Span(MINUTE));
    evaluation.add(&"anon".into(), target(0, &["a"], Some(&["b"])));
    evaluation.merge("anon", &"u".into());
    evaluation.add(&"u".into(), target(MINUTE, &["b"], None));
    close(evaluation.finish(2).recall, 0.5);
}

#[test]
fn of_nothing_there_is_nothing() {
    assert_eq!(PickEvaluation::new(10, Span(MINUTE)).finish(0), PickFigures::default());
}
