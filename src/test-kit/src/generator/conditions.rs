//! Random conditions: trees of templates whose blanks are filled from pools.

use proptest::prelude::*;

use super::picks::Picks;

/// `count`, `sum`, … of the rules language, and every way to put them to use. The first are the plainest.
const SEGMENT_TEMPLATES: &[&str] = &[
    "count({name}, {window}) {comparison} {integer}",
    "total({name}) {comparison} {integer}",
    "since({name}) {comparison} duration({duration})",
    "idle() {comparison} duration({duration})",
    "age() {comparison} duration({duration})",
    "in_segment({segment})",
    "sum({name}.{number}, {window}) {comparison} {double}",
    "min({name}.{number}, {window}) {comparison} {double}",
    "max({name}.{number}, {window}) {comparison} {double}",
    "avg({name}.{number}, {window}) {comparison} {double}",
    "distinct({name}.{any}, {window}) {comparison} {integer}",
    "total({name}.{number}) {comparison} {double}",
    "last({name}.{number}) {comparison} {double}",
    "last({name}.{string}) {comparison} {text}",
    "last({name}.gift)",
    "last({name}.{string}) in [{text}, {text}]",
    "last({name}.{string}).startsWith({text})",
    "since({name}) {comparison} since({name})",
    "duration({duration}) {comparison} since({name})",
    "since({name}) + duration({duration}) {comparison} duration({duration}) - duration('1s')",
    "since({name}) - duration({duration}) {comparison} since({name})",
    "since({name}) - since({name}) {comparison} duration({duration})",
    "idle() + duration({duration}) {comparison} age()",
    "in_segment({segment}) == false",
    "(since({name}) < duration({duration})) != in_segment({segment})",
    "traits.{trait} {comparison} {text}",
    "traits.age {comparison} {double}",
    "traits.age {comparison} {integer}",
    "has(traits.{trait})",
    "traits.vip",
    "traits.{trait} in [{text}, {text}, {integer}]",
    "{text} in traits.tags",
    "traits.{trait}.startsWith({text})",
    "traits.{trait}.endsWith({text})",
    "traits.{trait}.contains({text})",
    "traits.{trait}.matches({pattern})",
    "count({name}, {window}) - count({name}, {window}) {comparison} {integer}",
    "total({name}) * 2 / 3 {comparison} {integer}",
    "total({name}) / total({name}) {comparison} {integer}",
    "-total({name}) / 2 {comparison} {integer}",
    "sum({name}.{number}, {window}) / count({name}, {window}) {comparison} {double}",
    "-total({name}.{number}) {comparison} {double}",
    "max({name}.{number}, {window}) - min({name}.{number}, {window}) {comparison} {double}",
    "traits.age + 1 {comparison} {double}",
    "number(last({name}.{number})) {comparison} {double}",
    "number(last({name}.coupon)) + 0.1 {comparison} {double}",
    "number(traits.age) / 3 {comparison} {double}",
    "last({name}.{number}) * last({name}.{number}) {comparison} {double}",
    "total({name}.{number}) - total({name}.{number}) / 7 {comparison} {double}",
    "last({name}.tags) {comparison} {text}",
    "last({name}.price) in [12345678901234567, 12345678901234568, 0.1]",
    "total({name}.{number}) {comparison} traits.age",
    // Those that change most often stand here again, written the way rules mostly are.
    "since({name}) < duration({duration})",
    "since({name}) >= duration({duration})",
    "idle() >= duration({duration})",
    "idle() < duration({duration})",
    "count({name}, {window}) >= {integer}",
    "count({name}, {window}) == {integer}",
    "count({name}, {window}) < {integer}",
    "sum({name}.{number}, {window}) > {double}",
    "distinct({name}.{any}, {window}) >= {integer}",
    "since({name}) < duration({duration})",
    "since({name}) >= duration({duration})",
    "idle() >= duration({duration})",
    "idle() < duration({duration})",
    "count({name}, {window}) >= {integer}",
    "count({name}, {window}) == {integer}",
    "count({name}, {window}) < {integer}",
    "sum({name}.{number}, {window}) > {double}",
    "distinct({name}.{any}, {window}) >= {integer}",
];

/// What a `where` may look at.
const FILTER_TEMPLATES: &[&str] = &[
    "properties.category {comparison} {text}",
    "properties.price {comparison} {double}",
    "has(properties.{any})",
    "properties.gift",
    "properties.category in [{text}, {text}]",
    "properties.quantity in [1, 2.0, {text}]",
    "{text} in properties.tags",
    "properties.category.startsWith({text})",
    "properties.coupon.endsWith({text})",
    "properties.price.contains({text})",
    "properties.path.matches({pattern})",
    "context.device.type {comparison} {text}",
    "has(context.device)",
    "traits.{trait} {comparison} {text}",
    "traits.vip",
    "properties.price * properties.quantity {comparison} {double}",
    "properties.quantity / 2 {comparison} {double}",
    "properties.price {comparison} traits.age",
    "number(properties.price) {comparison} {double}",
    "properties.tags {comparison} {text}",
    "properties.price == 12345678901234568",
];

const COMPARISONS: &[&str] = &[">=", ">", "<", "<=", "==", "!=", ">=", "<"];
const INTEGERS: &[&str] = &["1", "2", "0", "3", "4", "-1"];
const DOUBLES: &[&str] = &["10.0", "19.5", "0.0", "0.3", "55.5", "120.25", "-3.25", "0.000001", "1e13", "50"];
const NUMBER_PROPERTIES: &[&str] = &["price", "total", "quantity", "price", "missing"];
const STRING_PROPERTIES: &[&str] = &["category", "coupon", "path"];
const ANY_PROPERTIES: &[&str] = &["category", "price", "coupon", "quantity", "tags", "details.color"];
const TEXTS: &[&str] = &["'shoes'", "'books'", "'X'", "'gold'", "''", "'s'", "'мода'"];
const PATTERNS: &[&str] = &["'^s'", "'oo'", "'^(gold|shoes)$'", "'[0-9]+'", "'/p/.*'"];
const TRAITS: &[&str] = &["tier", "gender", "age", "vip", "timezone", "nickname"];

/// Lengths of windows, and their milliseconds; the log snaps to the edges of their panes.
pub(crate) const WINDOWS: &[(&str, i64)] = &[
    ("1h", 3_600_000),
    ("1m", 60_000),
    ("5m", 300_000),
    ("30m", 1_800_000),
    ("90m", 5_400_000),
    ("6h", 21_600_000),
    ("1d", 86_400_000),
    ("3d", 259_200_000),
    ("7d", 604_800_000),
    ("90s", 90_000),
    ("59s", 59_000),
    ("61ms", 61),
    ("7777ms", 7_777),
    ("1s", 1_000),
    ("1h30m", 5_400_000),
    ("1ms", 1),
];

/// Constants that times are compared with, and their milliseconds; the log's gaps come from here too.
pub(crate) const DURATIONS: &[(&str, i64)] = &[
    ("1h", 3_600_000),
    ("5m", 300_000),
    ("20m", 1_200_000),
    ("90s", 90_000),
    ("6h", 21_600_000),
    ("1d", 86_400_000),
    ("26h", 93_600_000),
    ("7d", 604_800_000),
    ("61ms", 61),
    ("1s", 1_000),
    ("1ms", 1),
    ("1m30s", 90_000),
];

/// A condition.
#[derive(Clone, Debug)]
pub(crate) enum GeneratedCondition {
    Segment(Vec<u8>),
    Filter(Vec<u8>),
    Not(Box<GeneratedCondition>),
    And(Box<GeneratedCondition>, Box<GeneratedCondition>),
    Or(Box<GeneratedCondition>, Box<GeneratedCondition>),
}

/// The condition of a segment or a campaign.
pub(crate) fn condition() -> impl Strategy<Value = GeneratedCondition> {
    tree(prop::collection::vec(any::<u8>(), 7).prop_map(GeneratedCondition::Segment).boxed())
}

/// The `where` of an event's name.
pub(crate) fn filter() -> impl Strategy<Value = GeneratedCondition> {
    tree(prop::collection::vec(any::<u8>(), 4).prop_map(GeneratedCondition::Filter).boxed())
}

fn tree(leaf: BoxedStrategy<GeneratedCondition>) -> impl Strategy<Value = GeneratedCondition> {
    leaf.prop_recursive(3, 5, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone())
                .prop_map(|(left, right)| GeneratedCondition::And(Box::new(left), Box::new(right))),
            (inner.clone(), inner.clone())
                .prop_map(|(left, right)| GeneratedCondition::Or(Box::new(left), Box::new(right))),
            inner.prop_map(|inner| GeneratedCondition::Not(Box::new(inner))),
        ]
    })
}

impl GeneratedCondition {
    /// The text, given the names of events and the segments it may speak of; see [`choose`] for the gaps in them.
    pub(crate) fn to_cel(&self, names: &[Option<String>], segments: &[Option<String>]) -> String {
        let side = |condition: &GeneratedCondition| match condition {
            GeneratedCondition::Segment(_) | GeneratedCondition::Filter(_) => condition.to_cel(names, segments),
            _ => format!("({})", condition.to_cel(names, segments)),
        };
        match self {
            GeneratedCondition::Segment(choices) => fill(SEGMENT_TEMPLATES, choices, names, segments),
            GeneratedCondition::Filter(choices) => fill(FILTER_TEMPLATES, choices, names, segments),
            GeneratedCondition::Not(inner) => format!("!({})", inner.to_cel(names, segments)),
            GeneratedCondition::And(left, right) => format!("{} && {}", side(left), side(right)),
            GeneratedCondition::Or(left, right) => format!("{} || {}", side(left), side(right)),
        }
    }
}

/// Picks an id; one that is left out is replaced by the first that is not.
///
/// Shrinking leaves ids out without moving the others, so that what refers to those stays as it is.
pub(crate) fn choose<'i>(ids: &'i [Option<String>], picks: &mut Picks<'_>) -> &'i str {
    let chosen = ids[picks.index(ids.len())].as_ref();
    chosen.or_else(|| ids.iter().flatten().next()).expect("at least one id is kept")
}

fn fill(templates: &[&str], choices: &[u8], names: &[Option<String>], segments: &[Option<String>]) -> String {
    let mut picks = Picks::new(choices);
    let template = picks.pick(templates);
    if template.contains("{segment}") && segments.iter().all(Option::is_none) {
        return "true".to_owned();
    }
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (blank, after) = after.split_once('}').expect("blanks are closed");
        text.push_str(before);
        text.push_str(&blank_text(blank, &mut picks, names, segments));
        rest = after;
    }
    text + rest
}

fn blank_text(blank: &str, picks: &mut Picks<'_>, names: &[Option<String>], segments: &[Option<String>]) -> String {
    let pool = match blank {
        "name" => return choose(names, picks).to_owned(),
        "segment" => return format!("'{}'", choose(segments, picks)),
        "window" => return format!("'{}'", picks.pick(WINDOWS).0),
        "duration" => return format!("'{}'", picks.pick(DURATIONS).0),
        "comparison" => COMPARISONS,
        "integer" => INTEGERS,
        "double" => DOUBLES,
        "number" => NUMBER_PROPERTIES,
        "string" => STRING_PROPERTIES,
        "any" => ANY_PROPERTIES,
        "text" => TEXTS,
        "pattern" => PATTERNS,
        "trait" => TRAITS,
        other => unreachable!("no pool fills `{other}`"),
    };
    picks.pick(pool).to_owned()
}
