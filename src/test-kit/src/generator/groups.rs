//! Random groups, their segments, and what they tell.

use std::fmt::Write as _;

use super::picks::Picks;
use super::rules::quote;

/// How many choices a group takes.
pub(super) const GROUP_CHOICES: usize = 8;

const KEYS: &[&str] = &["product_id", "category", "cart_id", "label"];
const TTLS: &[&str] = &["1d", "6h", "1h", "7d", "90s", "5m"];
const WINDOWS: &[&str] = &["1h", "2h", "1d", "yesterday", "today"];
/// `N` is a name, `W` a window.
const CONDITIONS: &[&str] = &[
    "distinct(N.user, 'W') >= 2",
    "count(N, 'W') >= 2",
    "total(N) >= 3",
    "distinct(N.user, 'W') >= 2 && since(N) < duration('1h')",
    "idle() >= duration('20m')",
    "age() >= duration('1h')",
    "key() == 'p1' || total(N) >= 2",
    "sum(N.price, 'W') > 50",
];
const LETS: &[&str] = &[
    "size = \"distinct(N.user, '1d')\"",
    "mine = \"part(100.5, 3, total(N))\", size = \"total(N)\"",
    "",
    "last_price = \"last(N.price)\"",
];

/// The id of the name by which a group tells something.
pub(super) fn notice_name(group: usize) -> String {
    format!("told{group}")
}

/// Writes the name, as an entry of `[events]`.
pub(super) fn write_notice(
    text: &mut String,
    group: usize,
    choices: &[u8],
    names: &[Option<String>],
) -> std::fmt::Result {
    let mut picks = Picks::new(choices);
    let name = one_of(&mut picks, names);
    let (change, segment) = (picks.pick(&["enter", "enter", "exit"]), picks.pick(&["first", "second"]));
    let lets = picks.pick(LETS).replace('N', &name);
    let (id, on) = (notice_name(group), format!("{change}:{}", segment_id(group, segment)));
    write!(text, "{id} = {{ of = \"gr{group}\", on = \"{on}\", to = \"{name}\"")?;
    if !lets.is_empty() {
        write!(text, ", let = {{ {lets} }}")?;
    }
    writeln!(text, " }}")
}

/// Writes the entry of `[groups]`.
pub(super) fn write_group(text: &mut String, group: usize, choices: &[u8]) -> std::fmt::Result {
    let mut picks = Picks::new(&choices[4..]);
    let (key, ttl) = (picks.pick(KEYS), picks.pick(TTLS));
    writeln!(text, "\n[groups.gr{group}]\nkey = \"{key}\"\nttl = \"{ttl}\"")
}

/// Writes the segments.
pub(super) fn write_segments(
    text: &mut String,
    group: usize,
    choices: &[u8],
    names: &[Option<String>],
) -> std::fmt::Result {
    let mut picks = Picks::new(choices);
    let name = one_of(&mut picks, names);
    let mut picks = Picks::new(&choices[5..]);
    for place in ["first", "second"] {
        let when = picks.pick(CONDITIONS).replace('N', &name).replace('W', picks.pick(WINDOWS));
        let when = match place {
            "second" if when.len().is_multiple_of(2) => {
                format!("!in_segment('{}') && {when}", segment_id(group, "first"))
            }
            _ => when,
        };
        let id = segment_id(group, place);
        writeln!(text, "\n[[segments]]\nid = \"{id}\"\nof = \"gr{group}\"\nwhen = {}", quote(&when))?;
    }
    Ok(())
}

fn segment_id(group: usize, place: &str) -> String {
    format!("gr{group}_{place}")
}

/// A name that is not told to users.
fn one_of(picks: &mut Picks<'_>, names: &[Option<String>]) -> String {
    let known: Vec<&String> =
        names.iter().flatten().filter(|name| !name.starts_with("told") && !name.starts_with("won")).collect();
    known[picks.index(known.len())].clone()
}
