//! Random tables of rows.

use super::picks::Picks;
use super::rules::{number, optional};
use std::fmt::Write as _;

/// How many choices a table takes.
pub(super) const TABLE_CHOICES: usize = 4;

/// The events whose calls are rows, of one table each; no name selects them.
pub(super) const ROW_EVENTS: &[&str] = &["Product Updated", "Something Else"];

const KEYS: &[&str] = &["product_id", "product_id", "category", "cart_id"];
const KEPT: &[&str] = &["[\"price\", \"category\", \"gift\"]", "[\"gift\", \"category\", \"price\"]"];
const GONE: &[&str] =
    &["", "", "properties.category == 'books'", "properties.price > 50", "has(properties.coupon)", "properties.gift"];
const ROWS_MAX: &[&str] = &["", "", "", "1", "2"];

/// What `let` says of rows; the same with `each`.
pub(super) const ROW_LETS: &[&str] = &[
    "net = \"row('t0', properties.product_id).price\", label = \"row('t0', properties.product_id).category\"",
    "big = \"row('t0', properties.category).price > 20\"",
    "worth = \"row('t0', 'p1').price - properties.price\", big = \"row('t0', 7).gift\"",
];
pub(super) const ROW_ITEM_LETS: &[&str] = &[
    "net = \"row('t0', item.product_id).price\", label = \"row('t0', item.product_id).category\"",
    "worth = \"row('t0', item.category).price * item.quantity\"",
];

/// The key of the table with these choices.
pub(super) fn key_of(choices: &[u8]) -> &'static str {
    Picks::new(choices).pick(KEYS)
}

/// Writes the entry of `[tables]`.
pub(super) fn write_table(text: &mut String, index: usize, choices: &[u8]) -> std::fmt::Result {
    let mut picks = Picks::new(choices);
    let (key, kept, event) = (picks.pick(KEYS), picks.pick(KEPT), ROW_EVENTS[index]);
    writeln!(text, "\n[tables.t{index}]\nevent = \"{event}\"\nkey = \"{key}\"\nkeep = {kept}")?;
    optional(text, "gone", picks.pick(GONE))?;
    number(text, "max", picks.pick(ROWS_MAX))
}
