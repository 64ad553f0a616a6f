//! `loadtest engine --growth`: the cost of the growth numbers in time and memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::Timestamp;
use serde::Serialize;

use super::input::EventBlocks;
use super::passes::{EngineRun, run_engine};
use super::state::{self, StateSize};
use crate::error::Error;
use crate::figures::median;
use crate::table::grouped;
use crate::workload;

/// Sections that W1's rules do not have.
const GROWTH: &str = include_str!("../../w1/growth.toml");
/// The sections that define growth numbers.
const SECTIONS: [&str; 4] = ["growth", "funnels", "promotions", "targets"];

/// The same rules without and with growth numbers, side by side, on one worker.
#[derive(Debug, Serialize)]
pub(super) struct GrowthCost {
    events: u64,
    rounds: usize,
    /// Of processor time, decoding and the journal included.
    ns_per_event_without: f64,
    ns_per_event_with: f64,
    /// The rate with them over the rate without, in the median of the rounds.
    ratio_with_to_without: f64,
    state_without: StateSize,
    state_with: StateSize,
    /// Of memory, by the allocator's count.
    bytes_per_user: f64,
}

/// Without and with growth numbers: of rules that ask for none, with those of W1.
fn both(text: &str) -> Result<[Arc<ExecutionPlan>; 2], Error> {
    let mut table: toml::Table = text.parse().map_err(|error| Error::Unreadable(format!("the rules: {error}")))?;
    let asks = table.contains_key("growth");
    SECTIONS.iter().for_each(|section| drop(table.remove(*section)));
    let with = if asks { text.to_owned() } else { text.to_owned() + GROWTH };
    Ok([workload::compile(&table.to_string())?, workload::compile(&with)?])
}

pub(super) fn measure(
    text: &str,
    input: &EventBlocks,
    until: Option<Timestamp>,
    (rounds, most): (u32, Duration),
) -> Result<GrowthCost, Error> {
    let [without, with] = both(text)?;
    let started = Instant::now();
    let mut runs: Vec<[EngineRun; 2]> = Vec::new();
    for round in 0..rounds {
        let run = |plan| run_engine(input, plan, until, 1);
        // Neither is always the one that comes after the other.
        runs.push(if round % 2 == 0 {
            [run(&without)?, run(&with)?]
        } else {
            let with = run(&with)?;
            [run(&without)?, with]
        });
        if started.elapsed() > most {
            break;
        }
    }
    let different = |[without, with]: &[EngineRun; 2]| without.outputs != with.outputs;
    if runs.iter().any(different) {
        return Err(Error::Unreadable("with growth numbers the engine decided something else".to_owned()));
    }
    let ns = |at: usize| {
        let each = runs.iter().map(|run| run[at].took.processor.as_secs_f64());
        median(each.collect()) / input.events.max(1) as f64 * 1e9
    };
    let ratios =
        runs.iter().map(|[without, with]| without.took.processor.as_secs_f64() / with.took.processor.as_secs_f64());
    let [state_without, state_with] =
        [state::of_events(&without, input, until)?, state::of_events(&with, input, until)?];
    Ok(GrowthCost {
        events: input.events,
        rounds: runs.len(),
        ns_per_event_without: ns(0),
        ns_per_event_with: ns(1),
        ratio_with_to_without: median(ratios.collect()),
        state_without,
        state_with,
        bytes_per_user: state_with.bytes_per_user - state_without.bytes_per_user,
    })
}

impl GrowthCost {
    /// As a table or a line of text.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let side = |ns: f64, state: &StateSize| format!("{ns:>8.1} ns/event {:>8.1} bytes/user", state.bytes_per_user);
        vec![
            ("events", grouped(self.events)),
            ("users", grouped(self.state_with.users)),
            ("rounds", self.rounds.to_string()),
            ("without", side(self.ns_per_event_without, &self.state_without)),
            ("with growth", side(self.ns_per_event_with, &self.state_with)),
            (
                "cost",
                format!(
                    "{:.1} % of the throughput, {:.1} bytes per user",
                    (1.0 - self.ratio_with_to_without) * 100.0,
                    self.bytes_per_user
                ),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_taken_apart_and_put_together() {
        for text in [workload::W1.to_owned(), workload::W1.to_owned() + GROWTH] {
            let [without, with] = both(&text).expect("they are rules");
            assert!(without.rules.growth.is_none() && with.rules.growth.is_some());
            assert_eq!(without.rules.segments.len(), with.rules.segments.len());
        }
    }

    #[test]
    fn both_decide_the_same_and_one_counts_more() {
        let input = EventBlocks::generate(20_000, 500);
        let cost = measure(workload::W1, &input, None, (2, Duration::from_secs(60))).expect("it is measured");
        assert_eq!((cost.events, cost.rounds), (20_000, 2));
        // The engine's own count is exact; the resident memory of so few users may go either way.
        assert!(cost.state_with.bytes_by_own_count > cost.state_without.bytes_by_own_count, "{cost:?}");
        assert!(cost.ratio_with_to_without > 0.0, "{cost:?}");
    }
}
