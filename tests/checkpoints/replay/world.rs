//! Rules, and random logs with late events, duplicates, merges, deferred decisions and rejections.

use std::fmt::Write as _;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rekindle_core::time::Timestamp;

pub(crate) const RULES: &str = r#"
timezone = "Europe/Berlin"

[events]
view = "Viewed"
order = "Ordered"

[[segments]]
id = "browsing"
when = "count(view, '1h') >= 2"

[[segments]]
id = "quiet"
when = "idle() >= duration('30m')"

[[segments]]
id = "buyer"
when = "total(order) >= 1"

[[campaigns]]
id = "hello"
on = "enter:browsing"
channel = "email"
quiet_hours = "22:00-08:00"
cooldown = "4h"
payload_from = { spent = "sum(order.total, '1d')", product = "last(view.product)" }

[[campaigns]]
id = "come_back"
on = "enter:quiet"
channel = "push"

[[campaigns]]
id = "thanks"
on = "enter:buyer"
channel = "push"
expires = "2h"
"#;

pub(crate) const UNTIL: &str = "2026-03-20T00:00:00Z";
pub(crate) const MAX_DISORDER: &str = "20m";

/// 2026-03-02T00:00:00Z
const START: i64 = 1_772_409_600_000;

pub(crate) fn dice(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

/// Lines over ten days, each with about `padding` bytes that the rules do not read.
pub(crate) fn log(seed: u64, lines: usize, padding: usize) -> String {
    let mut dice = dice(seed);
    let padding = "x".repeat(padding);
    let step = 864_000_000 / lines as i64;
    let mut log = String::new();
    for number in 0..lines {
        let late = if dice.random_range(0..20) == 0 { dice.random_range(0..7_200_000) } else { 0 };
        let disorder: i64 = dice.random_range(0..900_000);
        let ts = Timestamp(START + step * number as i64 - late - disorder);
        let user = dice.random_range(0..60);
        let ids = match dice.random_range(0..4) {
            0 => format!(r#""anonymousId":"a{user}""#),
            1 => format!(r#""userId":"u{user}","anonymousId":"a{user}""#),
            _ => format!(r#""userId":"u{user}""#),
        };
        let message = number - dice.random_range(0..3).min(number) / 2;
        let (name, properties) = match dice.random_range(0..9) {
            0 => ("Ordered", format!(r#""total":{}.{:02}"#, dice.random_range(1..200), dice.random_range(0..100))),
            _ => ("Viewed", format!(r#""product":"p{}""#, dice.random_range(0..50))),
        };
        let broken = if dice.random_range(0..30) == 0 { "}" } else { "" };
        writeln!(
            log,
            r#"{{"type":"track","event":"{name}",{ids},"timestamp":"{ts}","messageId":"m{message}","properties":{{{properties},"padding":"{padding}"}}}}{broken}"#
        )
        .expect("writing to a string cannot fail");
    }
    log
}
