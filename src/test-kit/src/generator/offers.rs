//! Random picks, and actions that bear them.

use std::fmt::Write as _;

use super::picks::Picks;
use super::rules::{number, optional};

/// How many choices a list takes.
pub(super) const PICK_LIST_CHOICES: usize = 14;

const ITEMS: &[&str] = &["category", "product_id", "category", "category", "details.color", "label"];
/// `A` is a list above.
const KINDS: &[&str] = &[
    "kind = \"session\"",
    "kinds = [\"session\", \"popular\"]",
    "kind = \"again\"",
    "kinds = [\"together\", \"again\"]",
    "kinds = [\"together\", \"popular\"]",
    "kinds = [\"together\", \"session\", \"again\", \"popular\"]",
    "kinds = [\"session\", \"together\"]",
];
const WINDOWS: &[&str] = &["", "7d", "90d", "1d", "90d", ""];
const GAPS: &[&str] = &["1d", "", "7d", "1h", "0s", "1d", "61ms"];

/// The id of a list.
pub(super) fn list_id(list: usize) -> String {
    format!("offers{list}")
}

const ALIKE_KINDS: &[&str] =
    &["\"similar\"", "\"similar\", \"session\"", "\"together\", \"similar\"", "\"similar\", \"popular\""];
const COLUMNS: &[&str] = &["[\"category\"]", "[\"gift\", \"category\"]", "[\"category\", \"price\"]", "[\"category\"]"];
const FILTERS: &[&str] = &["", "", "!(row.price > 20)", "!has(row.gift)", "", ""];

/// Writes an entry of `[[picks]]`. Some ask the rows of tables, of which these are the keys.
pub(super) fn write_list(
    text: &mut String,
    list: usize,
    choices: &[u8],
    (names, keys): (&[Option<String>], &[&str]),
) -> std::fmt::Result {
    // What groups tell at the end of a beat has no order among users.
    let known: Vec<&String> = names.iter().flatten().filter(|name| !name.starts_with("told")).collect();
    let mut picks = Picks::new(choices);
    let on = known[picks.index(known.len())];
    let others = (!picks.rarely(3)).then(|| known[picks.index(known.len())]).filter(|other| *other != on);
    let on: Vec<String> = [Some(on), others].into_iter().flatten().map(|name| format!("\"{name}\"")).collect();
    writeln!(text, "\n[[picks]]\nid = \"{}\"\non = [{}]", list_id(list), on.join(", "))?;
    let (item, every, kinds) = (picks.pick(ITEMS), picks.pick(&["hour", "hour", "day"]), picks.pick(KINDS));
    let above = list.checked_sub(1).filter(|_| picks.rarely(3));
    // The same choices the other way round: a list that asks rows is else as it would be.
    let reversed: Vec<u8> = choices.iter().rev().copied().collect();
    let mut of_rows = Picks::new(&reversed);
    let table = (!keys.is_empty() && of_rows.rarely(2)).then(|| of_rows.index(keys.len()));
    // Only rows of the items themselves say what they are like.
    let alike = table.filter(|_| above.is_none() && !of_rows.rarely(4)).map(|table| keys[table]);
    writeln!(text, "item = \"{}\"\nevery = \"{every}\"", alike.unwrap_or(item))?;
    if let Some(table) = table {
        writeln!(text, "table = \"t{table}\"")?;
        optional(text, "where", of_rows.pick(FILTERS))?;
    }
    match above {
        Some(above) => writeln!(text, "kinds = [\"{}\", \"popular\"]", list_id(above))?,
        None if alike.is_some() => {
            writeln!(text, "kinds = [{}]\nby = {}", of_rows.pick(ALIKE_KINDS), of_rows.pick(COLUMNS))?;
        }
        None => writeln!(text, "{kinds}")?,
    }
    optional(text, "window", picks.pick(WINDOWS))?;
    optional(text, "gap", picks.pick(GAPS))?;
    if picks.rarely(3) {
        writeln!(text, "without = [\"{}\"]", known[picks.index(known.len())])?;
    }
    number(text, "last", picks.pick(&["", "1", "2", "9"]))?;
    number(text, "near", picks.pick(&["", "1", "3"]))?;
    number(text, "sessions", picks.pick(&["", "2", "5"]))?;
    number(text, "own", picks.pick(&["", "", "2", "5"]))
}

/// What an action bears of lists: each a field and a term.
pub(super) fn fields(choices: &[u8], lists: usize) -> Vec<String> {
    let mut picks = Picks::new(choices);
    let count = if lists == 0 { 0 } else { picks.pick(&[1, 2, 1, 0]) };
    let field = |index: usize| {
        let (list, items) = (list_id(picks.index(lists)), picks.pick(&["3", "1", "10", "100"]));
        format!("p{index} = \"picks('{list}', {items})\"")
    };
    (0..count).map(field).collect()
}
