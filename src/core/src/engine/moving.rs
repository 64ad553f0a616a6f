//! Comparisons of one function that moves with time, under arithmetic with what stands still (semantics §10).
//!
//! The function changes by a millisecond each millisecond, or falls (`p_alive`), and every operation on it is monotone, cuts and roundings
//! included. So what comes out only ever grows, or only ever falls, and compared with what stands still it passes through a
//! few stages, each at most once and always in the same order. The first instant of a stage is found by halving, on
//! integers: it is exact to the millisecond. `p_alive` falls in truth; as doubles compute it, it may waver by the last
//! digit, so that the milliseconds just before the one that was found are looked at, too.

use std::cmp::Ordering;

use super::evaluate::EvaluationContext;
use super::model::ModelledUser;
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
        let function = match (&moving.function, function.value) {
            (_, Value::Span(start_ms)) => MovingFunction::Even { start_ms, slope: function.slope },
            (Term::Model(question), _) => match self.modelled(*question) {
                Some(user) => MovingFunction::PAlive { user, now: self.now },
                None => return ConditionResult { holds, until },
            },
            _ => return ConditionResult { holds, until },
        };
        let comparison = MovingComparison { function, steps, op, limit: limit.value };
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
                Value::Double(double) => double < 0.0,
                Value::Span(ms) => ms < 0,
                _ => false,
            },
        }
    }

    /// For a value of which no number comes out: whether that would be too large (`Greater`), or too far below zero
    /// (`Less`). `Equal`: whatever the value, there is none.
    fn overflow(&self, value: &Value<'_>) -> Ordering {
        let (value, operand) = match (value, &self.operand) {
            (Value::Number(value), Value::Number(operand)) => (value.millionths(), operand.millionths()),
            (Value::Double(value), Value::Number(operand)) => {
                return self.overflow_of_double(*value, operand.to_double());
            }
            _ => return Ordering::Equal,
        };
        match self.op {
            Arithmetic::Multiply | Arithmetic::Divide => (value.signum() * operand.signum()).cmp(&0),
            // Neither can overflow: numbers are at most 10^36 millionths.
            Arithmetic::Add => (value + operand).cmp(&0),
            Arithmetic::Subtract if self.is_operand_left => operand.cmp(&value),
            Arithmetic::Subtract => value.cmp(&operand),
        }
    }

    fn overflow_of_double(&self, value: f64, operand: f64) -> Ordering {
        let result = match self.op {
            Arithmetic::Multiply | Arithmetic::Divide => value * operand,
            Arithmetic::Add => value + operand,
            Arithmetic::Subtract if self.is_operand_left => operand - value,
            Arithmetic::Subtract => value - operand,
        };
        result.partial_cmp(&0.0).unwrap_or(Ordering::Equal)
    }
}

/// What comes of the value before the first step.
fn apply_all<'v>(steps: &[ValueStep<'_>], start: Value<'v>) -> Value<'v> {
    steps.iter().fold(start, |value, step| step.apply(&value))
}

/// A function that moves with time.
enum MovingFunction<'a> {
    /// A duration: its value now, and by how much it changes each millisecond, 1 or -1.
    Even { start_ms: i64, slope: i64 },
    /// `p_alive`, which falls.
    PAlive { user: ModelledUser<'a>, now: Timestamp },
}

impl MovingFunction<'_> {
    /// Its value that many milliseconds from now.
    fn value(&self, ms: i64) -> Value<'static> {
        match self {
            MovingFunction::Even { start_ms, slope } => Value::Span(start_ms.saturating_add(slope.saturating_mul(ms))),
            MovingFunction::PAlive { user, now } => Value::Double(user.p_alive(Timestamp(now.0.saturating_add(ms)))),
        }
    }

    fn is_rising(&self) -> bool {
        matches!(self, MovingFunction::Even { slope: 1.., .. })
    }
}

/// A comparison as the function moves and all else stands still.
struct MovingComparison<'a> {
    function: MovingFunction<'a>,
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
        for guess in self.guesses().into_iter().flatten().filter(|guess| (from + 1..last).contains(guess)) {
            if self.stage(guess) > stage {
                after = after.min(guess);
            } else {
                in_stage = in_stage.max(guess);
            }
        }
        while after - in_stage > 1 {
            let middle = in_stage + (after - in_stage) / 2;
            if self.stage(middle) > stage {
                after = middle;
            } else {
                in_stage = middle;
            }
        }
        self.first_of_wavering(stage, from, after)
    }

    /// Milliseconds around the one at which `p_alive` itself, with no steps, should be the limit: they save most of the
    /// search where they enclose it, and cost little where they do not.
    fn guesses(&self) -> Option<[i64; 2]> {
        const MARGIN_MS: i64 = 2;
        let (MovingFunction::PAlive { user, now }, []) = (&self.function, self.steps.as_slice()) else { return None };
        let Value::Number(limit) = self.limit else { return None };
        let at = user.falls_to(limit.to_double())?.0.saturating_sub(now.0);
        Some([at.saturating_sub(MARGIN_MS), at.saturating_add(MARGIN_MS)])
    }

    /// The first millisecond of a later stage than `stage`, of those just before `after` at which `p_alive` is the same but
    /// for its last digits. What comes between is told at its own time, as any change is.
    fn first_of_wavering(&self, stage: CrossingStage, from: i64, after: i64) -> i64 {
        const WAVERING_MS_MAX: usize = 1_000;
        const WAVERING: f64 = 4.0 * f64::EPSILON;
        let MovingFunction::PAlive { user, now } = &self.function else { return after };
        let p_alive = |ms: i64| user.p_alive(Timestamp(now.0.saturating_add(ms)));
        let highest = p_alive(after) * (1.0 + WAVERING);
        let mut first = after;
        for ms in (from + 1..after).rev().take(WAVERING_MS_MAX) {
            if p_alive(ms) > highest {
                break;
            }
            if self.stage(ms) > stage {
                first = ms;
            }
        }
        first
    }

    fn value(&self, ms: i64) -> Value<'_> {
        apply_all(&self.steps, self.function.value(ms))
    }

    fn stage(&self, ms: i64) -> CrossingStage {
        let (mut value, mut is_rising) = (self.function.value(ms), self.function.is_rising());
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
