//! The pipeline on a log with a broker, without files and streams: a theme per file, and the helpers they share.

mod beats;
mod broker_time;
mod budget_invariants;
mod budgets;
mod expiry;
mod forget;
mod groups;
mod messages;
mod pick_sales;
mod queries;
mod ranks;
mod rules_change;
mod tables;
mod timers;
mod uplift;
mod values;

use std::sync::Arc;

use super::{InputEntry, Pipeline, PipelineOptions};
use crate::log::RecordKind;
use rekindle_core::journal;
use rekindle_core::partition::{ExecutionPlan, Output, TimerMark};
use rekindle_core::rules;
use rekindle_core::time::{Clock, Timestamp};

const RULES: &str = r#"
[events]
cart = "Product Added"
order = "Order Completed"
[[segments]]
id = "abandoned"
when = "count(cart, '2h') >= 1 && since(cart) >= duration('30m')"
[[segments]]
id = "carts"
when = "total(cart) >= 2"
"#;

fn plan(text: &str) -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(text).unwrap_or_else(|_| unreachable!("the rules have no mistake"))))
}

fn at(clock: &str) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("2026-03-02T{clock}Z")).expect("a time")
}

/// Lines that begin with this are requests to forget a user, not events.
const FORGET: &str = "{\"user\":";

fn entry<'a>(received: &str, lines: &'a str) -> InputEntry<'a> {
    let kind = if lines.starts_with(FORGET) { RecordKind::Forget } else { RecordKind::Events };
    InputEntry { kind, lines: lines.as_bytes(), received: Some(at(received)), is_whole: true }
}

/// A pipeline fed from a log with a broker, with the journal and the rejections that result.
struct Fixture {
    pipeline: Pipeline,
    journal: Vec<String>,
    rejected: Vec<(usize, u64, &'static str)>,
}

impl Fixture {
    fn new(clock: Clock) -> Fixture {
        let options = PipelineOptions { workers: 1, partitions: 3, clock, ..PipelineOptions::default() };
        let pipeline = Pipeline::new(plan(RULES), options).expect("threads start");
        Fixture { pipeline, journal: Vec::new(), rejected: Vec::new() }
    }

    fn feed(&mut self, entries: &[(&str, &str)]) -> &mut Fixture {
        let entries: Vec<_> = entries.iter().map(|(received, lines)| entry(received, lines)).collect();
        let (mut outputs, rejected) = (Vec::new(), &mut self.rejected);
        self.pipeline.feed_entries(
            &entries,
            &mut |letter| rejected.push((letter.entry, letter.line, letter.rejected.reason.code())),
            &mut outputs,
        );
        self.note(&outputs);
        self
    }

    fn change_rules(&mut self, text: &str) -> &mut Fixture {
        let mut outputs = Vec::new();
        self.pipeline.change_rules(plan(text), &mut outputs);
        self.note(&outputs);
        self
    }

    fn note(&mut self, outputs: &[Output]) {
        for output in outputs {
            let mut line = Vec::new();
            journal::append_line(&self.pipeline.plan().rules, output, &mut line);
            let line: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            let (what, of_what) = match text("kind").as_str() {
                "decision" => (text("outcome"), text("campaign")),
                _ => (text("change"), text("segment")),
            };
            let by_rules = if text("cause") == "rules" { ", by other rules" } else { "" };
            self.journal.push(format!("{} {} {what} {of_what}{by_rules}", &text("at")[11..19], text("user")));
        }
    }
}

fn cart(user: &str, time: &str) -> String {
    format!(r#"{{"type":"track","event":"Product Added","userId":"{user}","timestamp":"2026-03-02T{time}Z"}}"#)
}

fn link(user: &str, visitor: &str, time: &str) -> String {
    format!(r#"{{"type":"page","userId":"{user}","anonymousId":"{visitor}","timestamp":"2026-03-02T{time}Z"}}"#)
}
