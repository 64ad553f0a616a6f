//! Conditions: expressions that are true or false.

use regex::Regex;

use super::{LedgerId, NameId, PurposeId, RankId, SegmentId, Term};
use crate::event::TraitId;
use crate::value::Comparison;

/// An expression that is true or false. Comparisons with a missing value are false.
#[derive(Clone, Debug)]
pub enum Condition {
    /// `true` or `false`, written out.
    Constant(bool),
    /// `!c`.
    Not(Box<Condition>),
    /// `a && b && …`; two or more.
    All(Vec<Condition>),
    /// `a || b || …`; two or more.
    Any(Vec<Condition>),
    /// `left op right`.
    Compare {
        /// Which comparison.
        op: Comparison,
        /// Left side.
        left: Term,
        /// Right side.
        right: Term,
    },
    /// `in_segment('id')`.
    InSegment(SegmentId),
    /// `anniversary(x)`: whether today has the month and day of the instant or the date that a text names.
    Anniversary(Term),
    /// `has(traits.x)`, `has(properties.x)`, `has(context.x)`: there and not null. Always a `Term::Trait` or `Term::Field`.
    Has(Term),
    /// A trait, property or `last(…)` as a condition: true when it is the boolean `true`.
    IsTrue(Term),
    /// `subject.startsWith(argument)` and its like; false unless both are strings.
    Text {
        /// Which test.
        test: TextTest,
        /// The string that is tested.
        subject: Term,
        /// What is looked for.
        argument: Term,
    },
    /// `subject.matches('pattern')`: true when the pattern matches anywhere in the string.
    Matches {
        /// The string that is tested.
        subject: Term,
        /// The pattern, compiled.
        pattern: Regex,
    },
    /// `item in ['a', 'b']` or `item in properties.list`; false when the item is missing or the other side no list.
    In {
        /// What is looked for.
        item: Term,
        /// The list: a `Term::List`, or something dynamic.
        list: Term,
    },
}

/// A test on strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// `startsWith`
    StartsWith,
    /// `endsWith`
    EndsWith,
    /// `contains`
    Contains,
}

/// What a condition reads, and therefore what can change it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConditionDependencies {
    /// Events that feed a feature of the user that it reads.
    pub names: Vec<NameId>,
    /// Traits it reads.
    pub traits: Vec<TraitId>,
    /// What it asks about consent.
    pub purposes: Vec<PurposeId>,
    /// Ranks of the user.
    pub ranks: Vec<RankId>,
    /// Segments it reads through `in_segment` and `keys_in`.
    pub segments: Vec<SegmentId>,
    /// Ledgers whose points it reads.
    pub ledgers: Vec<LedgerId>,
    /// It reads `idle()`: any event changes it. (`age()` alone changes with a late first event, so it counts too.)
    pub any_event: bool,
    /// Time alone can change it: it reads a window, compares `since`, `idle`, `age` or `until`, or asks for an anniversary.
    pub time: bool,
    /// Time alone can change it whatever events there were: it asks `until` or `anniversary` of a trait.
    pub time_of_traits: bool,
    /// Time alone can change it by points that come closer to their expiry: it reads `expiring`.
    pub time_of_points: bool,
}
