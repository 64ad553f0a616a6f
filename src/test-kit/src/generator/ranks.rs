//! Random ranks, and what is told at their takings.

use std::fmt::Write as _;

use super::conditions::{SegmentName, Vocabulary};
use super::picks::Picks;
use super::rules::{optional, quote};

/// How many choices a rank takes.
pub(super) const RANK_CHOICES: usize = 12;

const INTERVALS: &[&str] = &["day", "day", "hour", "day", "week", "day", "day", "month"];
/// What users are ordered by.
const NUMBERS: &[&str] = &[
    "total({name})",
    "sum({name}.{number}, {window})",
    "count({name}, {window}) * 2 - total({name})",
    "last({name}.{number})",
    "since({name}) / duration('1h')",
    "days({name}, 3)",
    "traits.age",
    "-total({name}.{number})",
    "idle() / duration('7m')",
    "rank({rank}) + quantile({rank})",
    "last({name}.{any})",
    "number(last({name}.coupon))",
    "7",
    "traits.nothing",
];
/// To whom something is told.
const WINNERS: &[&str] = &[
    "",
    "rank({rank}) <= 2",
    "quantile({rank}) >= 0.5",
    "rank({rank}) == 1 && ranked({rank}) > 1",
    "total({name}) > 1",
    "has(traits.age)",
];
const LETS: &[&str] = &[
    "place = \"rank({rank})\", of_all = \"ranked({rank})\"",
    "",
    "price = \"quantile({rank}) * 100\", age = \"traits.age\"",
    "score = \"total({name})\"",
];

/// The id of a rank.
pub(super) fn rank_id(rank: usize) -> String {
    format!("r{rank}")
}

/// The id of the name that is told at the takings of a rank.
pub(super) fn notice_name(rank: usize) -> String {
    format!("won{rank}")
}

/// Writes the name, as an entry of `[events]`.
pub(super) fn write_notice(
    text: &mut String,
    rank: usize,
    choices: &[u8],
    vocabulary: &Vocabulary<'_>,
) -> std::fmt::Result {
    let mut picks = Picks::new(choices);
    let (winners, lets) = (picks.pick(WINNERS), picks.pick(LETS));
    write!(text, "{} = {{ rank = \"{}\"", notice_name(rank), rank_id(rank))?;
    if !winners.is_empty() {
        write!(text, ", where = {}", quote(&vocabulary.filled(winners, &mut picks)))?;
    }
    if !lets.is_empty() {
        write!(text, ", let = {{ {} }}", vocabulary.filled(lets, &mut picks))?;
    }
    writeln!(text, " }}")
}

/// Writes the entry of `[[ranks]]`.
pub(super) fn write_rank(
    text: &mut String,
    rank: usize,
    choices: &[u8],
    (vocabulary, segments): (&Vocabulary<'_>, &[Option<SegmentName>]),
) -> std::fmt::Result {
    let mut picks = Picks::new(&choices[4..]);
    let (every, number) = (picks.pick(INTERVALS), picks.pick(NUMBERS));
    let of_users: Vec<&String> =
        segments.iter().flatten().filter(|segment| segment.per.is_none()).map(|segment| &segment.id).collect();
    let among = if picks.rarely(2) && !of_users.is_empty() { of_users[picks.index(of_users.len())] } else { "" };
    let of = vocabulary.filled(number, &mut picks);
    writeln!(text, "\n[[ranks]]\nid = \"{}\"\nof = {}\nevery = \"{every}\"", rank_id(rank), quote(&of))?;
    optional(text, "among", among)
}
