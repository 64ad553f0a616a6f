//! One event in a hundred concerns a group, beside the same events under W1's rules alone.

use std::io::Write as _;
use std::time::Duration;

use rekindle_core::time::Span;

use crate::engine::input::EventBlocks;
use crate::engine::passes::run_engine;
use crate::error::Error;
use crate::figures::Spread;
use crate::synthetic_users::{BEGIN, EventLineWriter};
use crate::workload;

/// One event in this many is about a group.
const ONE_IN: u32 = 100;
/// Events of each shopper.
const PER_SHOPPER: u32 = 20;

/// What W1's rules get: teams of three, and who was in one.
const TEAMS: [&str; 2] = [
    r#"
    join = "Team Joined"
    team_done = { of = "team", on = "enter:team_full", to = "join", let = { size = "distinct(join.user, '24h')" } }
"#,
    r#"
    [groups.team]
    key = "group_id"
    ttl = "7d"

    [[segments]]
    id = "team_full"
    of = "team"
    when = "distinct(join.user, '24h') >= 3"

    [[segments]]
    id = "in_a_team"
    when = "count(team_done, '7d') >= 1"
"#,
];

/// The ratio of events per processor second, with groups to without, in turns.
pub(super) fn measure(events: u32, rounds: u32) -> Result<Spread, Error> {
    let input = EventBlocks::new(lines(events));
    let [names, rest] = TEAMS;
    let with = workload::compile(&(workload::W1.replacen("[events]", &format!("[events]{names}"), 1) + rest))?;
    let without = workload::compile(workload::W1)?;
    let mut ratios = Vec::new();
    for round in 0..rounds as usize {
        // Neither is always the one that comes after the other.
        let (first, second) = (round % 2, 1 - round % 2);
        let mut runs = [(Duration::ZERO, 0); 2];
        for at in [first, second] {
            let run = run_engine(&input, [&with, &without][at], None, 1)?;
            runs[at] = (run.took.processor, run.outputs);
        }
        let [(with, outputs), (without, fewer)] = runs;
        if outputs <= fewer {
            return Err(Error::Unreadable("no team was full".to_owned()));
        }
        ratios.push(without.as_secs_f64() / with.as_secs_f64());
    }
    Ok(Spread::of(ratios))
}

/// What shoppers do, a tenth of a second apart; now and then one joins a team of three.
fn lines(events: u32) -> Vec<u8> {
    let shoppers = (events / PER_SHOPPER).max(3);
    let (mut lines, mut out) = (EventLineWriter::numbered_from(0), Vec::new());
    for number in 0..events {
        let (at, user) = (BEGIN + Span(i64::from(number) * 100), number.wrapping_mul(7_919) % shoppers);
        match number % ONE_IN {
            0 => writeln!(
                    out,
                    r#"{{"type":"track","event":"Team Joined","messageId":"j{number}","userId":"u{user:07}","timestamp":"{at}","properties":{{"group_id":"g{}"}}}}"#,
                    number / ONE_IN / 3
                )
                .expect("writing to memory cannot fail"),
            1..=3 => lines.order(user, at, 2_000 + u64::from(number % 9_000), &mut out),
            4..=15 => lines.addition(user, at, &mut out),
            _ => lines.view(user, at, &mut out),
        }
    }
    out
}
