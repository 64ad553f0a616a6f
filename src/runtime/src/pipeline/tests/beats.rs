//! The ends of beats: who is answered first, and that it does not matter how timers, batches and partitions lie.

use super::*;
use rekindle_core::rules::ruleset::BudgetId;
use rekindle_core::time::Span;

/// One coupon in all, for who orders or is idle for an hour.
const ONE: &str = r#"
[events]
order = "Order Completed"
[[budgets]]
id = "one"
limit = 1
[[segments]]
id = "idle"
when = "idle() >= duration('1h')"
[[campaigns]]
id = "ordered"
on = "event:order"
channel = "email"
spends = [{ budget = "one", cost = "1" }]
[[campaigns]]
id = "sleeping"
on = "enter:idle"
channel = "email"
spends = [{ budget = "one", cost = "1" }]
"#;

fn order(user: &str, time: &str) -> String {
    format!(r#"{{"type":"track","event":"Order Completed","userId":"{user}","timestamp":"2026-03-02T{time}Z"}}"#)
}

fn page(user: &str, time: &str) -> String {
    format!(r#"{{"type":"page","userId":"{user}","timestamp":"2026-03-02T{time}Z"}}"#)
}

fn fixture(rules: &str, options: PipelineOptions) -> Fixture {
    Fixture {
        pipeline: Pipeline::new(plan(rules), options).expect("threads start"),
        journal: Vec::new(),
        rejected: Vec::new(),
    }
}

fn options(partitions: usize) -> PipelineOptions {
    let clock = Clock::Events;
    PipelineOptions { workers: 1, partitions, clock, max_disorder: Span(0), ..PipelineOptions::default() }
}

fn decisions(fixture: &Fixture) -> Vec<&str> {
    let mut lines: Vec<&str> = fixture.journal.iter().map(String::as_str).collect();
    lines.retain(|line| line.ends_with("ordered") || line.ends_with("sleeping"));
    lines.sort_unstable();
    lines
}

#[test]
fn who_asked_first_is_answered_first_and_of_equals_the_lower_id() {
    for partitions in [1, 3, 64] {
        let mut fixture = fixture(ONE, options(partitions));
        // In the log's order, c comes first; b asked earlier; a and b at the same instant.
        let lines =
            [order("c", "10:00:00.500"), order("b", "10:00:00.900"), order("a", "10:00:00.900"), page("z", "10:00:02")];
        fixture.feed(&[("10:00:03", &lines.join("\n"))]);
        let expected = ["10:00:01 a budget ordered", "10:00:01 b budget ordered", "10:00:01 c sent ordered"];
        assert_eq!(decisions(&fixture), expected, "{partitions} partitions");
    }
}

#[test]
fn an_ask_of_time_competes_with_one_of_an_event_wherever_the_timers_are() {
    // The sleeper is due at 11:00:00.100, the order comes at 11:00:00.200: both ask in one beat.
    let lines = [page("sleeper", "10:00:00.100"), order("buyer", "11:00:00.200"), page("buyer", "11:00:05")];
    for limited in [false, true] {
        let mut fixture = fixture(ONE, options(2));
        if limited {
            fixture.pipeline.limit_timers(TimerMark::MIN);
        }
        for line in &lines {
            fixture.feed(&[("12:00:00", line)]);
        }
        if limited {
            // The buyer's last event had to wait for the answer, the answer for the sleeper's timer, and that for nothing more.
            assert_eq!(fixture.pipeline.fired(), at("11:00:01"));
        }
        let expected = ["11:00:01 buyer budget ordered", "11:00:01 sleeper sent sleeping"];
        assert_eq!(decisions(&fixture), expected, "limited: {limited}");
    }
}

#[test]
fn what_nobody_waits_for_is_answered_when_the_timers_are_there() {
    let mut fixture = fixture(ONE, options(2));
    fixture.pipeline.limit_timers(TimerMark::MIN);
    fixture.feed(&[("12:00:00", &order("buyer", "11:00:00.200")), ("12:00:00", &page("other", "11:00:05"))]);
    assert!(decisions(&fixture).is_empty(), "{:?}", fixture.journal);
    for to in ["11:00:00.999", "11:00:01"] {
        let mut outputs = Vec::new();
        fixture.pipeline.fire_timers(TimerMark::through(at(to)), &mut outputs);
        fixture.note(&outputs);
        assert_eq!(decisions(&fixture).len(), usize::from(to == "11:00:01"), "{to}");
    }
}

#[test]
fn at_the_end_of_the_log_beats_end_until_nothing_is_left_to_answer() {
    let until = at("11:00:00.700");
    let mut fixture = fixture(ONE, PipelineOptions { until: Some(until), ..options(2) });
    fixture.feed(&[("12:00:00", &order("buyer", "11:00:00.200"))]);
    let mut outputs = Vec::new();
    fixture.pipeline.advance_to(until, &mut outputs);
    fixture.note(&outputs);
    assert_eq!(decisions(&fixture), ["11:00:00 buyer sent ordered"]);
    let book = fixture.pipeline.budgets().expect("the rules have a budget");
    assert_eq!(book.period(BudgetId(0), Timestamp::MIN).spent, 1_000_000);
}

#[test]
fn a_limit_that_changes_keeps_what_was_spent() {
    let mut fixture = fixture(ONE, options(2));
    fixture.feed(&[("12:00:00", &order("a", "11:00:00.200")), ("12:00:00", &page("z", "11:00:05"))]);
    fixture.change_rules(&ONE.replace("limit = 1", "limit = 2"));
    fixture.feed(&[("12:00:00", &order("b", "11:00:06")), ("12:00:00", &page("z", "11:00:08"))]);
    fixture.feed(&[("12:00:00", &order("c", "11:00:09")), ("12:00:00", &page("z", "11:00:12"))]);
    let expected = ["11:00:01 a sent ordered", "11:00:07 b sent ordered", "11:00:10 c budget ordered"];
    assert_eq!(decisions(&fixture), expected);
}

#[test]
fn a_visitors_asks_vanish_when_it_is_merged() {
    let mut fixture = fixture(ONE, options(3));
    let visitor = order("v", "11:00:00.200").replace("userId", "anonymousId");
    let lines = [visitor, link("u", "v", "11:00:00.400"), page("z", "11:00:05")];
    fixture.feed(&[("12:00:00", &lines.join("\n"))]);
    assert!(decisions(&fixture).is_empty(), "{:?}", fixture.journal);
}

#[test]
fn who_is_forgotten_is_answered_for_what_came_before_and_frees_what_is_open() {
    let rules = ONE.replace(
        "cost = \"1\" }]\n[[campaigns]]",
        "cost = \"1\" }]\nsettle = { on = \"order\", within = \"1d\" }\n[[campaigns]]",
    );
    let mut fixture = fixture(&rules, options(3));
    let forget = r#"{"user":"a"}"#;
    fixture.feed(&[
        ("12:00:00", &order("a", "11:00:00.200")),
        ("12:00:00", &page("z", "11:00:05")),
        ("12:00:01", forget),
    ]);
    fixture.feed(&[("12:00:00", &order("b", "11:00:06")), ("12:00:00", &page("z", "11:00:08"))]);
    assert_eq!(decisions(&fixture), ["11:00:01 a sent ordered", "11:00:07 b sent ordered"]);
}
