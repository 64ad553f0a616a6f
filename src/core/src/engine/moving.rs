//! Comparisons of one function that moves with time, under arithmetic with what stands still (semantics §10).
//!
//! The function changes by a millisecond each millisecond, and every operation on it is monotone, cuts and roundings
//! included. So what comes out only ever grows, or only ever falls, and compared with what stands still it passes through a
//! few stages, each at most once and always in the same order. The first instant of a stage is found by halving, on
//! integers: it is exact to the millisecond.

use std::cmp::Ordering;

use super::evaluate::EvaluationContext;
use crate::decimal::Decimal;
use crate::rules::ruleset::{Arithmetic, Comparison, MovingTerm, Term};
use crate::time::Timestamp;
use crate::value::{ConditionResult, TermResult, Value, arithmetic, compare, order};

impl<'a> EvaluationContext<'a> {
    /// The value of such a term. That it moves is not told: only [`Self::moving_comparison`] knows how.
    pub(super) fn moving(&self, moving: &'a MovingTerm) -> TermResult<'a> {
        let function = self.read(&moving.function);
        let (steps, until) = self.steps(moving);
        TermResult { value: apply_all(&steps, function.value), slope: 0, until: until.min(function.until) }
    }

    /// Whether `moving op limit` holds, and until when.
    pub(super) fn moving_comparison(&self, op: Comparison, moving: &'a MovingTerm, limit: &'a Term) -> ConditionResult {
        let (function, limit) = (self.read(&moving.function), self.read(limit));
        let (steps, steps_until) = self.steps(moving);
        let holds = compare(op, &apply_all(&steps, function.value), &limit.value);
        let until = function.until.min(limit.until).min(steps_until);
        let Value::Span(start_ms) = function.value else { return ConditionResult { holds, until } };
        let comparison = MovingComparison { start_ms, slope: function.slope, steps, op, limit: limit.value };
        let last = until.0.saturating_sub(self.now.0);
        let change = comparison.next_change(holds, last).map_or(until, |ms| Timestamp(self.now.0.saturating_add(ms)));
        ConditionResult { holds, until: change }
    }

    /// The steps with the values of what stands still, and until when these stand.
    fn steps(&self, moving: &'a MovingTerm) -> (Vec<ValueStep<'a>>, Timestamp) {
        let mut until = Timestamp::NEVER;
        let steps = moving.steps.iter().map(|step| {
            let operand = self.read(&step.operand);
            until = until.min(operand.until);
            ValueStep { op: step.op, operand: operand.value, is_operand_left: step.is_operand_left }
        });
        (steps.collect(), until)
    }
}

/// An operation on the moving value.
struct ValueStep<'a> {
    op: Arithmetic,
    operand: Value<'a>,
    is_operand_left: bool,
}

impl ValueStep<'_> {
    fn apply<'v>(&self, value: &Value<'_>) -> Value<'v> {
        if self.is_operand_left {
            arithmetic(self.op, &self.operand, value)
        } else {
            arithmetic(self.op, value, &self.operand)
        }
    }

    /// Whether the result falls as the value grows.
    fn is_falling(&self) -> bool {
        match self.op {
            Arithmetic::Add => false,
            Arithmetic::Subtract => self.is_operand_left,
            Arithmetic::Multiply | Arithmetic::Divide => match self.operand {
                Value::Number(number) => number < Decimal::ZERO,
                Value::Span(ms) => ms < 0,
                _ => false,
            },
        }
    }

    /// For a value of which no number comes out: whether that would be too large (`Greater`), or too far below zero
    /// (`Less`). `Equal`: whatever the value, there is none.
    fn overflow(&self, value: &Value<'_>) -> Ordering {
        let (Value::Number(value), Value::Number(operand)) = (value, &self.operand) else { return Ordering::Equal };
        let (value, operand) = (value.millionths(), operand.millionths());
        match self.op {
            Arithmetic::Multiply | Arithmetic::Divide => (value.signum() * operand.signum()).cmp(&0),
            // Neither can overflow: numbers are at most 10^36 millionths.
            Arithmetic::Add => (value + operand).cmp(&0),
            Arithmetic::Subtract if self.is_operand_left => operand.cmp(&value),
            Arithmetic::Subtract => value.cmp(&operand),
        }
    }
}

/// What comes of the value before the first step.
fn apply_all<'v>(steps: &[ValueStep<'_>], start: Value<'v>) -> Value<'v> {
    steps.iter().fold(start, |value, step| step.apply(&value))
}

/// A comparison as the function moves and all else stands still.
struct MovingComparison<'a> {
    /// The function's value now.
    start_ms: i64,
    /// By how much it changes each millisecond: 1 or -1.
    slope: i64,
    steps: Vec<ValueStep<'a>>,
    op: Comparison,
    limit: Value<'a>,
}

/// How far a comparison has come. Time only leads from one to a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum CrossingStage {
    /// The value is too large to be one, and comes nearer.
    NotYetAValue,
    /// It is on the side of the limit where it comes from.
    BeforeLimit,
    /// It is the limit; or there is no order between them, ever.
    AtLimit,
    /// It has passed the limit.
    BehindLimit,
    /// It has become too large to be one.
    NoLongerAValue,
}

impl MovingComparison<'_> {
    /// In how many milliseconds, at least 1 and at most `last`, the comparison no longer is what it is now.
    fn next_change(&self, holds: bool, last: i64) -> Option<i64> {
        let (mut from, mut stage) = (0, self.stage(0));
        while self.stage(last) > stage {
            let first = self.first_after(stage, from, last);
            if compare(self.op, &self.value(first), &self.limit) != holds {
                return Some(first);
            }
            (from, stage) = (first, self.stage(first));
        }
        None
    }

    /// The first millisecond of a later stage than the one at `from`; there is one at `last`.
    fn first_after(&self, stage: CrossingStage, from: i64, last: i64) -> i64 {
        let (mut in_stage, mut after) = (from, last);
        while after - in_stage > 1 {
            let middle = in_stage + (after - in_stage) / 2;
            if self.stage(middle) > stage {
                after = middle;
            } else {
                in_stage = middle;
            }
        }
        after
    }

    fn function(&self, ms: i64) -> Value<'static> {
        Value::Span(self.start_ms.saturating_add(self.slope.saturating_mul(ms)))
    }

    fn value(&self, ms: i64) -> Value<'_> {
        apply_all(&self.steps, self.function(ms))
    }

    fn stage(&self, ms: i64) -> CrossingStage {
        let (mut value, mut is_rising) = (self.function(ms), self.slope > 0);
        for step in &self.steps {
            let next = step.apply(&value);
            is_rising ^= step.is_falling();
            if next == Value::Missing {
                return match (step.overflow(&value), is_rising) {
                    (Ordering::Equal, _) => CrossingStage::AtLimit,
                    (Ordering::Greater, true) | (Ordering::Less, false) => CrossingStage::NoLongerAValue,
                    (Ordering::Greater, false) | (Ordering::Less, true) => CrossingStage::NotYetAValue,
                };
            }
            value = next;
        }
        match (order(&value, &self.limit), is_rising) {
            (None | Some(Ordering::Equal), _) => CrossingStage::AtLimit,
            (Some(Ordering::Less), true) | (Some(Ordering::Greater), false) => CrossingStage::BeforeLimit,
            (Some(Ordering::Greater), true) | (Some(Ordering::Less), false) => CrossingStage::BehindLimit,
        }
    }
}
