//! The compiled plan: what a rules file comes down to once every name is resolved and every type is checked.
//!
//! This is the output type of the room `rules`; the decoder reads [`Projection`] off it, the engine the rest. It is
//! data only: evaluation lives in `engine`, decisions in `campaigns`.
//!
//! # Invariants
//! - Ids are indexes: `FeatureId(3)` is `features[3]`, and so on. Segments and campaigns stand in file order.
//! - `Condition::InSegment` only ever names a segment above the one it stands in.
//! - No two features are equal: two segments that read the same event, property and window share one.

use std::collections::BTreeMap;

use regex::Regex;

use super::growth::GrowthRules;
use crate::event::{CallType, FieldId, Scalar, TraitId};
use crate::json::JsonText;
use crate::time::Span;

/// An event name of `[events]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub u16);

/// A feature: one thing remembered per user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureId(pub u16);

/// A segment, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u16);

/// A campaign, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignId(pub u16);

/// A rules file, checked and compiled.
#[derive(Clone, Debug)]
pub struct Ruleset {
    /// `xxh3_64` of the file's text, as 16 hex digits: which rules a decision was made by.
    pub version: String,
    /// The zone of users whose own is not known. UTC unless `timezone` says otherwise.
    pub timezone: jiff::tz::TimeZone,
    /// IANA name of `timezone`.
    pub timezone_name: String,
    /// How long a user's messageIds are remembered. 24 hours unless `dedup_window` says otherwise.
    pub dedup_window: Span,
    /// The share of users, 0 to 1, in the global control group.
    pub control: f64,
    /// `[events]`, in file order.
    pub names: Vec<EventName>,
    /// Everything remembered per user.
    pub features: Vec<Feature>,
    /// `[[segments]]`, in file order.
    pub segments: Vec<Segment>,
    /// `[[campaigns]]`, in file order.
    pub campaigns: Vec<Campaign>,
    /// `[[caps]]`, in file order.
    pub caps: Vec<Cap>,
    /// `[growth]` and what belongs to it; `None`: no growth numbers are computed.
    pub growth: Option<GrowthRules>,
    /// What is added up or averaged of which events, by features or the growth numbers; each once.
    pub amounts: Vec<NumericProperty>,
    /// What the decoder has to keep of an event.
    pub projection: Projection,
}

/// A property of an event that should be a number; of other values nothing is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumericProperty {
    /// The event.
    pub name: NameId,
    /// The property.
    pub field: FieldId,
}

/// A name that the rules give to some events.
#[derive(Clone, Debug)]
pub struct EventName {
    /// The name, as conditions write it.
    pub id: String,
    /// The call it selects: track, page or screen.
    pub call: CallType,
    /// Which `event` of a track call; `None` for pages and screens.
    pub event: Option<String>,
    /// `where`: what else must hold. Reads fields and traits, nothing of the user's history.
    pub filter: Option<Condition>,
}

/// What is remembered about an event, or a property of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Feature {
    /// Which events feed it.
    pub name: NameId,
    /// What is kept.
    pub kind: FeatureKind,
}

/// The kinds of memory. A `FieldId` here always is a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeatureKind {
    /// `count(E, W)`: events per pane.
    WindowCount(Window),
    /// `sum(E.p, W)`: the sum per pane, in millionths. With a `WindowNumericCount` it makes up `avg`.
    WindowSum(FieldId, Window),
    /// How many events per pane carry a number in the property.
    WindowNumericCount(FieldId, Window),
    /// `min(E.p, W)`.
    WindowMin(FieldId, Window),
    /// `max(E.p, W)`.
    WindowMax(FieldId, Window),
    /// `distinct(E.p, W)`: each value with the latest pane it was seen in.
    WindowDistinct(FieldId, Window),
    /// `total(E)`.
    TotalCount,
    /// `total(E.p)`.
    TotalSum(FieldId),
    /// `last(E.p)`.
    LastValue(FieldId),
    /// `since(E)`: the time of the latest event.
    LatestTime,
}

/// A paned window (semantics §4): an event at `ts` lies in pane `floor(ts / pane_ms)`; at `now` the window holds the
/// panes `p` with `floor(now / pane_ms) - panes < p <= floor(now / pane_ms)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The window as the rules wrote it.
    pub length: Span,
    /// Width of a pane in milliseconds, `max(1, ceil(length / 60))`.
    pub pane_ms: i64,
    /// How many panes the window holds, `ceil(length / pane_ms)`; 1 to 60.
    pub panes: i64,
}

/// A segment: who belongs to it.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its id.
    pub id: String,
    /// One line for people, from the rules' `description`; empty if there is none.
    pub description: String,
    /// Who is in.
    pub when: Condition,
    /// What can change its value.
    pub reads: ConditionDependencies,
}

/// What a condition reads, and so what can change it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConditionDependencies {
    /// Events that feed a feature it reads.
    pub names: Vec<NameId>,
    /// Traits it reads.
    pub traits: Vec<TraitId>,
    /// Segments it reads through `in_segment`.
    pub segments: Vec<SegmentId>,
    /// It reads `idle()`: any event changes it. (`age()` alone changes with a late first event, so it counts too.)
    pub any_event: bool,
    /// Time alone can change it: it reads a window, or compares `since`, `idle` or `age`.
    pub time: bool,
}

/// A yes-or-no expression. Comparisons with something missing are false.
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
    /// `has(traits.x)`, `has(properties.x)`, `has(context.x)`: there and not null. Always a `Term::Trait` or `Term::Field`.
    Has(Term),
    /// A trait, property or `last(…)` that stands as a condition itself: true when it is the boolean `true`.
    IsTrue(Term),
    /// `subject.startsWith(argument)` and its like; false unless both are strings.
    Text {
        /// Which test.
        test: TextTest,
        /// The string looked at.
        subject: Term,
        /// What is looked for.
        argument: Term,
    },
    /// `subject.matches('pattern')`: true when the pattern matches anywhere in the string.
    Matches {
        /// The string looked at.
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

/// `==`, `!=`, `<`, `<=`, `>`, `>=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
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

/// An expression that has a value: a number, a duration, a string, a boolean, or nothing (missing).
#[derive(Clone, Debug)]
pub enum Term {
    /// A literal string, number or bool.
    Constant(Scalar<'static>),
    /// A literal list.
    List(Vec<Scalar<'static>>),
    /// `duration('45m')`.
    Duration(Span),
    /// The value of a feature of kind `LastValue` (anything), or of another kind but `LatestTime` (a number).
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
    /// `traits.x`.
    Trait(TraitId),
    /// `properties.x` or `context.x`; in `where` only.
    Field(FieldId),
    /// `left op right`: two numbers, or the sum or difference of two durations. Missing when a side is missing or not a
    /// number, on division by zero, and where the result is larger than 10^30 in size.
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

/// `+ - * /`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// Which change of a segment sets a campaign off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransitionKind {
    /// The user entered the segment.
    Enter,
    /// The user left it.
    Exit,
}

/// A campaign: what is sent, to whom, when, and how often.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Its id.
    pub id: String,
    /// One line for people; empty if there is none.
    pub description: String,
    /// The segment whose change sets it off.
    pub segment: SegmentId,
    /// Which change.
    pub change: TransitionKind,
    /// The channel its actions go out on.
    pub channel: String,
    /// Decided before campaigns of lower priority; 0 unless said otherwise.
    pub priority: i64,
    /// `if`: what must hold at the moment of the decision.
    pub condition: Option<Condition>,
    /// Least time between two firings for one user.
    pub cooldown: Option<Span>,
    /// Most firings for one user, ever.
    pub max_per_user: Option<u32>,
    /// Local hours in which it holds its peace.
    pub quiet_hours: Option<QuietHours>,
    /// The share of users, 0 to 1, held out of this campaign.
    pub holdout: f64,
    /// The variants; may be empty.
    pub variants: Vec<Variant>,
    /// Fixed payload fields.
    pub payload: BTreeMap<String, JsonText>,
    /// Payload fields computed at the moment of the decision.
    pub payload_from: Vec<(String, Term)>,
    /// How long after the decision the action is still worth delivering. 24 hours unless `expires` says otherwise.
    pub expires: Span,
}

/// `quiet_hours = "22:00-08:00"`: minutes since local midnight; the end is exclusive and differs from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// First quiet minute of the day, 0 to 1439.
    pub start_minute: u16,
    /// First minute that is not quiet any more, 0 to 1439.
    pub end_minute: u16,
}

/// A variant of a campaign.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its id.
    pub id: String,
    /// Its share, relative to the other variants' weights; above 0, at most 1,000,000.
    pub weight: f64,
    /// Payload fields that replace the campaign's of the same name.
    pub payload: BTreeMap<String, JsonText>,
}

/// `[[caps]]`: at most `max` actions to one user within `per`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Most actions.
    pub max: u32,
    /// The length of time they are counted over.
    pub per: Span,
    /// Counts this channel only; `None`: all.
    pub channel: Option<String>,
}

/// What the decoder keeps of an event; everything else is checked for being JSON, and skipped.
#[derive(Clone, Debug, Default)]
pub struct Projection {
    /// Property and context paths, by `FieldId`. The first key is `properties` or `context`.
    pub fields: Vec<Vec<String>>,
    /// Trait paths below `traits`, by `TraitId`.
    pub traits: Vec<Vec<String>>,
    /// The track events that have names, by `TrackedId`.
    pub tracked: Vec<String>,
    /// The track events of which something reads properties; `None`: of any.
    pub property_events: Option<Vec<String>>,
    /// `context.timezone`, where a campaign has quiet hours.
    pub timezone_field: Option<FieldId>,
    /// `traits.timezone`, where a campaign has quiet hours.
    pub timezone_trait: Option<TraitId>,
}

impl Window {
    /// The panes of a window of this length; at least 1 ms.
    pub fn new(length: Span) -> Window {
        let pane_ms = (length.0 + 59).div_euclid(60).max(1);
        Window { length, pane_ms, panes: (length.0 + pane_ms - 1).div_euclid(pane_ms) }
    }

    /// The pane an event at `ms` lies in.
    pub fn pane_of(&self, ms: i64) -> i64 {
        ms.div_euclid(self.pane_ms)
    }
}

impl FeatureKind {
    /// The property, for the kinds that read one.
    pub fn field(&self) -> Option<FieldId> {
        match self {
            FeatureKind::WindowSum(field, _)
            | FeatureKind::WindowNumericCount(field, _)
            | FeatureKind::WindowMin(field, _)
            | FeatureKind::WindowMax(field, _)
            | FeatureKind::WindowDistinct(field, _)
            | FeatureKind::TotalSum(field)
            | FeatureKind::LastValue(field) => Some(*field),
            FeatureKind::WindowCount(_) | FeatureKind::TotalCount | FeatureKind::LatestTime => None,
        }
    }

    /// The window, for the kinds that have one.
    pub fn window(&self) -> Option<Window> {
        match self {
            FeatureKind::WindowCount(window)
            | FeatureKind::WindowSum(_, window)
            | FeatureKind::WindowNumericCount(_, window)
            | FeatureKind::WindowMin(_, window)
            | FeatureKind::WindowMax(_, window)
            | FeatureKind::WindowDistinct(_, window) => Some(*window),
            FeatureKind::TotalCount
            | FeatureKind::TotalSum(_)
            | FeatureKind::LastValue(_)
            | FeatureKind::LatestTime => None,
        }
    }
}

impl Ruleset {
    /// An amount as the rules write it: `order.total`.
    pub fn amount_name(&self, amount: NumericProperty) -> String {
        let path = &self.projection.fields[usize::from(amount.field.0)];
        format!("{}.{}", self.names[usize::from(amount.name.0)].id, path[1..].join("."))
    }
}

impl TransitionKind {
    /// `enter` or `exit`.
    pub fn name(self) -> &'static str {
        match self {
            TransitionKind::Enter => "enter",
            TransitionKind::Exit => "exit",
        }
    }
}
