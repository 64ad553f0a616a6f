//! Random budgets, and what campaigns spend of them.

use std::fmt::{self, Write as _};

use super::conditions::choose;
use super::picks::Picks;
use super::rules::{number, optional};

const LIMITS: &[&str] = &["100", "20", "5", "1000", "12.5", "1000"];
const PERIODS: &[&str] = &["", "day", "", "week", "month", "quarter", "year", "day"];
const COSTS: &[&str] =
    &["1", "10", "2.5", "20", "0", "5", "traits.age", "last({name}.total)", "total({name}) / 3", "0.000001"];
const EVENT_COSTS: &[&str] = &["event.price", "event.total * 0.1", "event.quantity"];
const VALIDITIES: &[&str] = &["1d", "7d", "1h", "90s"];
const CODES: &[&str] = &["", ", prefix = \"X-\"", ", length = 26", ", prefix = \"SUMMER-\", length = 6"];
const FITS: &[&str] = &[
    "",
    "",
    "event.coupon == code()",
    "",
    "event.coupon == code()",
    "event.coupon < code()",
    "event.coupon != code()",
    "event.quantity >= 2",
    "code().startsWith('X') && traits.vip != true",
    "event.coupon > code() || event.quantity == 1",
];
const AMOUNTS: &[&str] = &["", "event.total", "event.price * 0.5", "event.quantity", "event.discount"];
const WITHINS: &[&str] = &["", "1d", "1h", "90s", "1s", "7d"];

/// A name of `[events]` that most events match; it is there with budgets.
pub(crate) const SETTLING_NAME: &str = "called";

/// Bytes of choices of what a campaign spends.
pub(crate) const SPENDING_CHOICES: usize = 16;

/// Writes an entry of `[[budgets]]`.
pub(crate) fn write_budget(text: &mut String, id: &str, choices: &[u8]) -> fmt::Result {
    let mut picks = Picks::new(choices);
    writeln!(text, "\n[[budgets]]\nid = \"{id}\"")?;
    number(text, "limit", picks.pick(LIMITS))?;
    optional(text, "per", picks.pick(PERIODS))
}

/// Whether a campaign with these choices spends something.
pub(crate) fn is_spending(choices: &[u8], budgets: &[String]) -> bool {
    !budgets.is_empty() && Picks::new(choices).index(5) > 1
}

/// Writes what a campaign spends, if it spends something.
pub(crate) fn write_spending(
    text: &mut String,
    choices: &[u8],
    budgets: &[String],
    names: &[Option<String>],
    on_event: bool,
) -> fmt::Result {
    if !is_spending(choices, budgets) {
        return Ok(());
    }
    let mut picks = Picks::new(&choices[1..]);
    let both = picks.rarely(3) && budgets.len() > 1;
    let first = picks.index(budgets.len());
    let mut spends = Vec::new();
    for budget in [first, first + 1].into_iter().take(1 + usize::from(both)) {
        let costs = if on_event && picks.rarely(2) { EVENT_COSTS } else { COSTS };
        let cost = picks.pick(costs).replace("{name}", choose(names, &mut picks));
        spends.push(format!("{{ budget = \"{}\", cost = \"{cost}\" }}", budgets[budget % budgets.len()]));
    }
    writeln!(text, "spends = [{}]", spends.join(", "))?;
    let has_coupon = !picks.rarely(3);
    let (valid, code) = (picks.pick(VALIDITIES), picks.pick(CODES));
    if has_coupon {
        writeln!(text, "coupon = {{ kind = \"percent\", value = 10, valid = \"{valid}\"{code} }}")?;
    }
    if picks.rarely(4) {
        return Ok(());
    }
    let (is_any, on) = (picks.rarely(2), choose(names, &mut picks));
    let mut settle = format!("on = \"{}\"", if is_any { SETTLING_NAME } else { on });
    let (when, amount, within) = (picks.pick(FITS), picks.pick(AMOUNTS), picks.pick(WITHINS));
    let within = if within.is_empty() && !has_coupon { "1h" } else { within };
    for (key, value) in [("when", when), ("amount", amount), ("within", within)] {
        if !value.is_empty() && (has_coupon || !value.contains("code()")) {
            write!(settle, ", {key} = \"{value}\"")?;
        }
    }
    writeln!(text, "settle = {{ {settle} }}")
}
