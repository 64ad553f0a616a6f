//! The cost of an event with segments that do not read it.
//!
//! Five segments read the generated events; all others read other events, five segments each. The same events are applied
//! under rules of each size in turn, on one worker, round after round.

use std::fmt::Write as _;
use std::sync::Arc;

use clap::Args;
use rand::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::Span;
use serde::Serialize;

use crate::engine::input::EventBlocks;
use crate::engine::passes;
use crate::error::Error;
use crate::figures::median;
use crate::synthetic_users::{BEGIN, EventLineWriter};
use crate::table::{Table, grouped};
use crate::workload;

/// Segments that read the generated events.
const READING: u32 = 5;
/// Users whose events they are.
const USERS: u64 = 10_000;
/// The time between two events of any user.
const GAP_MS: u64 = 10;

#[derive(Debug, Args)]
pub(super) struct SegmentsArgs {
    /// Instead: the cost of an event under rules with these numbers of segments, of which 5 read it: 5,50,500
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(5..=10_000))]
    pub(super) segments: Vec<u32>,
}

/// Every size.
#[derive(Debug, Serialize)]
pub(super) struct SegmentsReport {
    events: u64,
    users: u64,
    rounds: u32,
    sizes: Vec<RulesSize>,
    /// The largest to the smallest: decode and engine.
    ratio: f64,
    /// The engine alone.
    ratio_of_engine: f64,
}

/// Rules of one size; nanoseconds of processor time per event, medians.
#[derive(Debug, Serialize)]
struct RulesSize {
    segments: u32,
    /// Decode and engine.
    ns_per_event: f64,
    engine_ns_per_event: f64,
}

impl SegmentsReport {
    /// A column for each size.
    pub(super) fn table(&self) -> Table {
        let row = |name: &str, cell: &dyn Fn(&RulesSize) -> String| {
            std::iter::once(name.to_owned()).chain(self.sizes.iter().map(cell)).collect::<Vec<_>>()
        };
        let whole = |name: &str, value: String| {
            let mut row = vec![name.to_owned(), value];
            row.resize(self.sizes.len() + 1, String::new());
            row
        };
        Table {
            header: row("segments", &|size| grouped(u64::from(size.segments))),
            rows: vec![
                row("that read the event", &|_| READING.to_string()),
                row("ns/event, decode and engine", &|size| format!("{:.0}", size.ns_per_event)),
                row("ns/event, engine", &|size| format!("{:.0}", size.engine_ns_per_event)),
                whole("largest / smallest, decode and engine", format!("{:.3}", self.ratio)),
                whole("largest / smallest, engine", format!("{:.3}", self.ratio_of_engine)),
            ],
        }
    }
}

/// Processor time per event, in nanoseconds.
#[derive(Clone, Copy)]
struct SegmentCost {
    all: f64,
    engine: f64,
}

/// Measures, from the smallest to the largest.
pub(super) fn measure(args: &SegmentsArgs, events: u64, rounds: u32) -> Result<SegmentsReport, Error> {
    let mut sizes = args.segments.clone();
    sizes.sort_unstable();
    sizes.dedup();
    let plans = sizes.iter().map(|size| workload::compile(&rules(*size))).collect::<Result<Vec<_>, _>>()?;
    let input = views(events);
    let mut costs: Vec<Vec<SegmentCost>> = vec![Vec::new(); plans.len()];
    for _ in 0..rounds {
        for (plan, costs) in plans.iter().zip(&mut costs) {
            costs.push(cost(&input, plan)?);
        }
    }
    let middle = |costs: &[SegmentCost], of: &dyn Fn(&SegmentCost) -> f64| median(costs.iter().map(of).collect());
    let size = |(segments, costs): (&u32, &Vec<SegmentCost>)| RulesSize {
        segments: *segments,
        ns_per_event: middle(costs, &|cost| cost.all),
        engine_ns_per_event: middle(costs, &|cost| cost.engine),
    };
    // Of what stood side by side in a round.
    let ratio = |of: &dyn Fn(&SegmentCost) -> f64| {
        let (Some(smallest), Some(largest)) = (costs.first(), costs.last()) else { return f64::NAN };
        median(largest.iter().zip(smallest).map(|(largest, smallest)| of(largest) / of(smallest)).collect())
    };
    Ok(SegmentsReport {
        events,
        users: USERS,
        rounds,
        sizes: sizes.iter().zip(&costs).map(size).collect(),
        ratio: ratio(&|cost| cost.all),
        ratio_of_engine: ratio(&|cost| cost.engine),
    })
}

fn cost(input: &EventBlocks, plan: &Arc<ExecutionPlan>) -> Result<SegmentCost, Error> {
    let decode = passes::decode(input, plan).processor.as_secs_f64();
    let run = passes::run_engine(input, plan, None, 1)?;
    let all = run.took.processor.saturating_sub(run.journal).as_secs_f64();
    let per_event = 1e9 / input.events.max(1) as f64;
    Ok(SegmentCost { all: all * per_event, engine: (all - decode) * per_event })
}

/// Rules with this number of segments.
fn rules(segments: u32) -> String {
    let others = (segments - READING).div_ceil(READING);
    let mut text = "[events]\nview = \"Product Viewed\"\n".to_owned();
    for other in 0..others {
        writeln!(text, "other_{other} = \"Other {other}\"").expect("writing to memory cannot fail");
    }
    let names = std::iter::once("view".to_owned()).chain((0..others).map(|other| format!("other_{other}")));
    let conditions = names.flat_map(|name| {
        [
            format!("count({name}, '30m') >= 3"),
            format!("sum({name}.price, '7d') >= 500.0"),
            format!("since({name}) >= duration('30m') && since({name}) < duration('24h')"),
            format!("count({name}, '24h') >= 10 && count({name}, '1h') == 0"),
            format!("total({name}) >= 100"),
        ]
    });
    for (number, condition) in (0..segments).zip(conditions) {
        write!(text, "[[segments]]\nid = \"s{number}\"\nwhen = \"{condition}\"\n")
            .expect("writing to memory cannot fail");
    }
    text
}

fn views(events: u64) -> EventBlocks {
    let (mut lines, mut bytes) = (EventLineWriter::numbered_from(0), Vec::new());
    let mut dice = SplitMix64::seed_from_u64(1);
    for event in 0..events {
        let user = u32::try_from(dice.next_u64() % USERS).unwrap_or(0);
        lines.view(user, BEGIN + Span(i64::try_from(event * GAP_MS).unwrap_or(0)), &mut bytes);
    }
    EventBlocks::new(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_as_many_segments_and_five_read_the_event() {
        for segments in [5, 7, 50] {
            let plan = workload::compile(&rules(segments)).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(plan.rules.segments.len(), segments as usize);
            let text = rules(segments);
            assert_eq!(text.lines().filter(|line| line.starts_with("when") && line.contains("view")).count(), 5);
        }
    }
}
