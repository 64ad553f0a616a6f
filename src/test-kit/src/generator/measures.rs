//! Random goals and ledgers: what is measured of users, and what they earn and spend.

use std::fmt::{self, Write as _};

use super::conditions::choose;
use super::picks::Picks;
use super::pools::{DURATIONS, NUMBER_PROPERTIES};
use super::rules::{number, optional};

const EXPIRIES: &[&str] = &["1d", "", "6h", "1h", "90s", "7d", "30d", "61ms", "1h"];
const DAILY_MAXIMA: &[&str] = &["", "", "", "100", "5", "1"];
/// What an event earns or spends.
const AMOUNTS: &[&str] = &[
    "5",
    "event.total",
    "event.quantity",
    "20",
    "event.price * 0.5",
    "event.total - 20",
    "event.total / 3",
    "traits.age",
    "event.worth + event.quantity",
    "0.999999",
    "number(event.coupon)",
    "event.category",
];
const PRICES: &[&str] = &["5", "1", "20", "0.9", "traits.age", "balance({ledger}) / 2", "balance({ledger})", "100"];
const EVENT_PRICES: &[&str] = &["5", "event.total", "event.quantity", "event.price * 2"];

/// Bytes of choices of a goal or a ledger.
pub(crate) const CHOICES: usize = 20;

/// Writes an entry of `[[goals]]`.
pub(crate) fn write_goal(text: &mut String, id: &str, choices: &[u8], names: &[Option<String>]) -> fmt::Result {
    let mut picks = Picks::new(choices);
    let on = choose(names, &mut picks);
    writeln!(text, "\n[[goals]]\nid = \"{id}\"\non = \"{on}\"\nwithin = \"{}\"", picks.pick(DURATIONS).0)?;
    optional(text, "value", if picks.rarely(3) { "" } else { picks.pick(NUMBER_PROPERTIES) })
}

/// Writes an entry of `[[ledgers]]`.
pub(crate) fn write_ledger(text: &mut String, id: &str, choices: &[u8], names: &[Option<String>]) -> fmt::Result {
    let mut picks = Picks::new(choices);
    writeln!(text, "\n[[ledgers]]\nid = \"{id}\"")?;
    optional(text, "expires", picks.pick(EXPIRIES))?;
    number(text, "daily_max", picks.pick(DAILY_MAXIMA))?;
    let (earns, spends) = (1 + picks.index(3), picks.index(3));
    let mut entry = |may_lack: bool| {
        let (on, amount) = (choose(names, &mut picks), picks.pick(AMOUNTS));
        let debt = if may_lack && picks.rarely(2) { ", debt = true" } else { "" };
        format!("{{ on = \"{on}\", amount = \"{amount}\"{debt} }}")
    };
    let earn: Vec<String> = (0..earns).map(|_| entry(false)).collect();
    let spend: Vec<String> = (0..spends).map(|_| entry(true)).collect();
    writeln!(text, "earn = [{}]", earn.join(", "))?;
    if !spend.is_empty() {
        writeln!(text, "spend = [{}]", spend.join(", "))?;
    }
    Ok(())
}

/// Writes the `price` of a campaign, if it has one.
pub(crate) fn write_price(
    text: &mut String,
    picks: &mut Picks<'_>,
    ledgers: &[Option<String>],
    on_event: bool,
) -> fmt::Result {
    let (has_price, event_price) = (picks.index(3) == 1, on_event && picks.rarely(2));
    if !has_price || ledgers.is_empty() {
        return Ok(());
    }
    let ledger = choose(ledgers, picks);
    let amount =
        picks.pick(if event_price { EVENT_PRICES } else { PRICES }).replace("{ledger}", &format!("'{ledger}'"));
    writeln!(text, "price = {{ ledger = \"{ledger}\", amount = \"{amount}\" }}")
}
