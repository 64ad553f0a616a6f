//! Terms: expressions that have a value.

use super::{
    ColumnId, Condition, FeatureId, LedgerId, ModelQuestion, MovingTerm, PurposeId, RankFigure, RankId, SegmentId,
    TableId,
};
use crate::event::{ArrayId, FieldId, ItemFieldId, Scalar, TraitId};
use crate::time::Span;
use crate::value::Arithmetic;

/// An expression that has a value: a number, a duration, a string, a boolean, or nothing (missing).
#[derive(Clone, Debug)]
pub enum Term {
    /// A literal string, number or bool.
    Constant(Scalar<'static>),
    /// A literal list.
    List(Vec<Scalar<'static>>),
    /// `duration('45m')`.
    Duration(Span),
    /// The value of a feature of any kind but `LatestTime`: anything of `LastValue` and `FirstValue`, a duration of `LatestGap`
    /// and `UsualGap`, a number of the rest.
    Feature(FeatureId),
    /// `avg(E.p, W)`: a `WindowSum` over a `WindowNumericCount`; missing when that is 0.
    Average {
        /// The `WindowSum`.
        sum: FeatureId,
        /// The `WindowNumericCount`.
        count: FeatureId,
    },
    /// `since(E)`: a `LatestTime` feature as a duration; infinite if there was none.
    Since(FeatureId),
    /// `idle()`, a duration.
    Idle,
    /// `age()`, a duration.
    Age,
    /// `until(x)`: the duration from now to the instant, or the beginning of the date, that a text names; missing where it
    /// names none.
    Until(Box<Term>),
    /// `hour()`: the user's local hour, 0 to 23; in `if` and `payload_from` only.
    LocalHour,
    /// `weekday()`: the user's local day, 1 (Monday) to 7; in `if` and `payload_from` only.
    LocalWeekday,
    /// `p_alive('id')`, `expected('id', '90d')`, `clv('id', '90d')`: a double; missing before the user's first match.
    Model(ModelQuestion),
    /// One moving function under arithmetic, as a side of a comparison.
    Moving(Box<MovingTerm>),
    /// `idle()` of an instance of a key.
    InstanceIdle,
    /// `age()` of an instance of a key.
    InstanceAge,
    /// `key()`: the instance's key.
    Key,
    /// `part(total, n, k)`: a part of a total that nobody can foresee; in `let` of a notice only.
    Part {
        /// What is divided.
        total: Box<Term>,
        /// Into how many parts.
        parts: Box<Term>,
        /// Which of them, from 1.
        part: Box<Term>,
    },
    /// `row.x`, and `row('products', KEY).x`: a value of the row with a key.
    Row {
        /// The table.
        table: TableId,
        /// The value.
        column: ColumnId,
        /// The key; of `row.x`, that of the instance.
        key: Box<Term>,
    },
    /// `code()`: the code of a reservation's coupon; in `settle` only.
    CouponCode,
    /// `keys_in('id')`: how many instances are in a segment with `per`.
    KeysIn(SegmentId),
    /// `balance('id')`: the points of a ledger, less the debt.
    Balance(LedgerId),
    /// `expiring('id', '30d')`: what is left of the points of a ledger that expire within that time from now.
    Expiring {
        /// The ledger.
        ledger: LedgerId,
        /// The length of time.
        within: Span,
    },
    /// `consent('marketing')`: what the user said of it last; missing if nothing was said.
    Consent(PurposeId),
    /// `rank('id')`, `quantile('id')`, `ranked('id')`: what came of the user at the latest taking; missing if it was not taken.
    Ranked {
        /// The rank.
        rank: RankId,
        /// What is asked.
        figure: RankFigure,
    },
    /// `traits.x`.
    Trait(TraitId),
    /// `properties.x` or `context.x`; in `where` and `let` only.
    Field(FieldId),
    /// `item.x`: a value of the array's element; in `where` and `let` of a name with `each` only.
    Item {
        /// The array.
        array: ArrayId,
        /// The value.
        field: ItemFieldId,
    },
    /// `left op right`: two numbers; the sum, the difference or the quotient of two durations; a duration times or divided by a
    /// number. Missing when a side is missing or something else, on division by zero, and where a number would be larger than
    /// 10^30 in size.
    Arithmetic {
        /// Which operation.
        op: Arithmetic,
        /// Left side.
        left: Box<Term>,
        /// Right side.
        right: Box<Term>,
    },
    /// `-x` of a number.
    Negate(Box<Term>),
    /// `number(x)`: the number that a text says, or a number itself; missing for all else.
    Number(Box<Term>),
    /// A condition used as a value: `in_segment('a') == true`.
    Condition(Box<Condition>),
}
