//! Every instant at which time alone could change a condition. Most change nothing; each is evaluated.

use std::collections::BTreeSet;

use super::calendar::later_day;
use super::evaluate::{EvaluationScope, panes};
use super::expression::{OracleExpression, OracleWindow};
use super::moment;

impl EvaluationScope<'_> {
    /// Adds the instants after now and up to `until`, as things are now.
    pub(crate) fn collect_instants(&self, node: &OracleExpression, until: i64, found: &mut BTreeSet<i64>) {
        let mut inside = BTreeSet::new();
        let scope = if let OracleExpression::OfUser(_) = node { self.asking_user() } else { *self };
        for child in node.children() {
            scope.collect_instants(child, until, &mut inside);
        }
        inside.extend(self.own_instants(node, until));
        inside.retain(|instant| self.now < *instant && *instant <= until);
        if let OracleExpression::Compare(_, left, right) = node
            && (left.is_moving() || right.is_moving())
        {
            // Between two of the instants inside it, one side moves away from the other.
            let ends: Vec<i64> = inside.iter().copied().chain([until + 1]).collect();
            let starts: Vec<i64> = std::iter::once(self.now).chain(inside.iter().copied()).collect();
            for (start, end) in starts.into_iter().zip(ends) {
                for operator in [">=", ">"] {
                    inside.extend(self.crossing(operator, (left, right), start, end));
                }
            }
        }
        found.extend(inside);
    }

    /// The first instant after `start` and before `end` at which a comparison is otherwise than at `start`.
    fn crossing(
        &self,
        operator: &str,
        (left, right): (&OracleExpression, &OracleExpression),
        start: i64,
        end: i64,
    ) -> Option<i64> {
        let holds_at = |now: i64| {
            let then = EvaluationScope { now, ..*self };
            then.value(left).compare(operator, &then.value(right))
        };
        let (mut before, mut after) = (start, end - 1);
        let at_start = holds_at(before);
        if holds_at(after) == at_start {
            return None;
        }
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if holds_at(middle) == at_start {
                before = middle;
            } else {
                after = middle;
            }
        }
        Some(after)
    }

    /// When what happened at these times enters or leaves a window.
    fn leaving(&self, window: OracleWindow, times: Vec<i64>) -> Vec<i64> {
        let calendar = &self.rules.calendar;
        match window {
            OracleWindow::Sliding(length) => {
                let (width, count) = panes(length);
                times.into_iter().map(|at| (at.div_euclid(width) + count) * width).collect()
            }
            OracleWindow::Calendar(period, _) => times
                .into_iter()
                .map(|at| calendar.day_of(at))
                .flat_map(|day| [1, 2].map(|later| calendar.period_start(period, day, later)))
                .collect(),
        }
    }

    /// When what this function itself looks at could change.
    fn own_instants(&self, node: &OracleExpression, until: i64) -> Vec<i64> {
        let calendar = &self.rules.calendar;
        let times = |name: usize| self.history().named(name).map(|one| one.at);
        match node {
            OracleExpression::Window(_, name, _, window) => self.leaving(*window, times(*name).collect()),
            OracleExpression::Moved(direction, ledger, window) => {
                self.leaving(*window, self.movement_times(*direction, ledger))
            }
            OracleExpression::Expiring(ledger, within) => {
                self.expiries(ledger).into_iter().map(|at| at - within).collect()
            }
            OracleExpression::Days(name, days) => {
                times(*name).map(|at| calendar.day_start(later_day(calendar.day_of(at), *days))).collect()
            }
            OracleExpression::Streak(name) => {
                times(*name).map(|at| calendar.day_start(later_day(calendar.day_of(at), 2))).collect()
            }
            OracleExpression::Anniversary(text) => {
                let Some(moment) = self.moment(text) else { return Vec::new() };
                let day = moment.day(calendar);
                (calendar.day_of(self.now).year()..=calendar.day_of(until).year())
                    .filter_map(|year| moment::anniversary(day, year))
                    .flat_map(|day| [calendar.day_start(day), calendar.day_start(later_day(day, 1))])
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}
