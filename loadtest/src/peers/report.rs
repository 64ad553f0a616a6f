//! The table of all programs.

use serde::Serialize;

use super::{LONG_PASSES, PeerRound, PeerRun};
use crate::figures::Spread;
use crate::table::{Table, grouped};

/// What a program took in one round.
#[derive(Clone, Copy, Debug)]
struct PeerFigures {
    processor_seconds: f64,
    wall_seconds: f64,
    peak_bytes: f64,
}

/// A program, over all rounds.
#[derive(Debug, Serialize)]
struct PeerRow {
    name: &'static str,
    processor_seconds: Spread,
    wall_seconds: Spread,
    peak_bytes: Spread,
    /// Of Rekindle's with two workers, within a round.
    processor_ratio: Spread,
    wall_ratio: Spread,
    memory_ratio: Spread,
    /// Transitions in a run of this number of passes over the events.
    outputs: u64,
    passes: u32,
}

/// A program that was not run.
#[derive(Debug, Serialize)]
struct LeftOutPeer {
    name: &'static str,
    reason: &'static str,
}

/// The complete report.
#[derive(Debug, Serialize)]
pub(super) struct PeersReport {
    events: u64,
    rounds: usize,
    until: String,
    rows: Vec<PeerRow>,
    left_out: Vec<LeftOutPeer>,
    /// Outputs that were not the same.
    pub(super) differences: Vec<String>,
}

impl PeerFigures {
    fn of(run: &PeerRun) -> PeerFigures {
        PeerFigures {
            processor_seconds: run.usage.processor.as_secs_f64(),
            wall_seconds: run.usage.wall.as_secs_f64(),
            peak_bytes: run.usage.peak_bytes as f64,
        }
    }

    /// One of the passes that a long run has more than a short one. Memory is that of the long run.
    fn marginal(long: &PeerRun, short: &PeerRun) -> PeerFigures {
        let (long, short) = (PeerFigures::of(long), PeerFigures::of(short));
        let more = f64::from(LONG_PASSES - 1);
        PeerFigures {
            processor_seconds: (long.processor_seconds - short.processor_seconds) / more,
            wall_seconds: (long.wall_seconds - short.wall_seconds) / more,
            peak_bytes: long.peak_bytes,
        }
    }
}

impl PeersReport {
    /// Of at least one round.
    pub(super) fn new(until: String, rounds: &[PeerRound], differences: Vec<String>) -> PeersReport {
        let mut rows = Vec::new();
        let mut add = |name, passes, outputs, of: &dyn Fn(&PeerRound) -> Option<PeerFigures>| {
            let figures: Option<Vec<PeerFigures>> = rounds.iter().map(of).collect();
            if let Some(figures) = figures {
                rows.push(PeerRow::new(name, passes, outputs, &figures, rounds));
            }
        };
        let first = &rounds[0];
        let same = |run: fn(&PeerRound) -> &PeerRun| move |round: &PeerRound| Some(PeerFigures::of(run(round)));
        add("Rekindle, 1 worker", 1, first.one_worker.outputs.total(), &same(|round| &round.one_worker));
        add("Rekindle, 2 workers", 1, first.two_workers.outputs.total(), &same(|round| &round.two_workers));
        add("timely job, 2 workers", 1, first.timely.outputs.total(), &same(|round| &round.timely));
        let mut left_out = Vec::new();
        match &first.flink {
            None => left_out.push(LeftOutPeer { name: "Flink job", reason: "--without flink" }),
            Some(flink) => {
                add("Flink job, cold: start-up included", 1, flink.cold.outputs.total(), &|round| {
                    round.flink.as_ref().map(|flink| PeerFigures::of(&flink.cold))
                });
                add(
                    "Flink job, marginal: (4 passes - 1 pass) / 3",
                    LONG_PASSES,
                    flink.long.outputs.total(),
                    &|round| round.flink.as_ref().map(|flink| PeerFigures::marginal(&flink.long, &flink.cold)),
                );
            }
        }
        let events = first.one_worker.outputs.events;
        PeersReport { events, rounds: rounds.len(), until, rows, left_out, differences }
    }

    pub(super) fn table(&self) -> Table {
        let title = format!("{} events, {} rounds", grouped(self.events), self.rounds);
        let columns = ["processor s", "wall s", "peak MiB", "processor ÷ Rekindle's", "wall ÷", "memory ÷", "outputs"];
        let columns = columns.map(str::to_owned);
        let mut rows: Vec<Vec<String>> = self.rows.iter().map(PeerRow::cells).collect();
        for LeftOutPeer { name, reason } in &self.left_out {
            let mut cells = vec![format!("{name}: NOT MEASURED ({reason})")];
            cells.resize(columns.len() + 1, "-".to_owned());
            rows.push(cells);
        }
        Table { header: std::iter::once(title).chain(columns).collect(), rows }
    }
}

impl PeerRow {
    fn new(name: &'static str, passes: u32, outputs: u64, figures: &[PeerFigures], rounds: &[PeerRound]) -> PeerRow {
        let of = |figure: fn(&PeerFigures) -> f64| Spread::of(figures.iter().map(figure).collect());
        let ratio = |figure: fn(&PeerFigures) -> f64| {
            let within = figures.iter().zip(rounds);
            Spread::of(within.map(|(own, round)| figure(own) / figure(&PeerFigures::of(&round.two_workers))).collect())
        };
        PeerRow {
            name,
            processor_seconds: of(|figures| figures.processor_seconds),
            wall_seconds: of(|figures| figures.wall_seconds),
            peak_bytes: of(|figures| figures.peak_bytes),
            processor_ratio: ratio(|figures| figures.processor_seconds),
            wall_ratio: ratio(|figures| figures.wall_seconds),
            memory_ratio: ratio(|figures| figures.peak_bytes),
            outputs,
            passes,
        }
    }

    fn cells(&self) -> Vec<String> {
        let decimals = |spread: &Spread| spread.row(&|number| format!("{number:.2}"));
        let outputs = match self.passes {
            1 => grouped(self.outputs),
            passes => format!("{} in {passes} passes", grouped(self.outputs)),
        };
        vec![
            self.name.to_owned(),
            decimals(&self.processor_seconds),
            decimals(&self.wall_seconds),
            self.peak_bytes.row(&|bytes| format!("{:.0}", bytes / f64::from(1 << 20))),
            decimals(&self.processor_ratio),
            decimals(&self.wall_ratio),
            decimals(&self.memory_ratio),
            outputs,
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::FlinkRuns;
    use super::*;
    use crate::peers::outputs::OutputCounts;
    use crate::usage::ProcessUsage;

    fn run(seconds: u64) -> PeerRun {
        let wall = Duration::from_secs(seconds);
        let usage = ProcessUsage { wall, processor: 2 * wall, peak_bytes: seconds << 20 };
        PeerRun { usage, outputs: OutputCounts::default() }
    }

    fn round(seconds: u64, flink: Option<FlinkRuns>) -> PeerRound {
        PeerRound { one_worker: run(1), two_workers: run(seconds), timely: run(12), flink }
    }

    #[test]
    fn ratios_are_those_within_a_round() {
        let report = PeersReport::new(String::new(), &[round(2, None), round(4, None), round(6, None)], Vec::new());
        let timely = &report.rows[2];
        assert_eq!((timely.name, timely.processor_seconds.median), ("timely job, 2 workers", 24.0));
        let ratio = timely.processor_ratio;
        assert_eq!([ratio.min, ratio.median, ratio.max], [2.0, 3.0, 6.0]);
    }

    #[test]
    fn a_marginal_pass_is_what_a_long_run_has_more() {
        let flink = FlinkRuns { cold: run(10), long: run(16) };
        let report = PeersReport::new(String::new(), &[round(1, Some(flink))], Vec::new());
        let marginal = &report.rows[4];
        assert_eq!([marginal.processor_seconds.median, marginal.wall_seconds.median], [4.0, 2.0]);
        assert_eq!(marginal.peak_bytes.median, 16.0 * 1_048_576.0);
        assert!(report.left_out.is_empty());
    }

    #[test]
    fn what_was_left_out_has_a_row_that_says_so() {
        let table = PeersReport::new(String::new(), &[round(1, None)], Vec::new()).table();
        let last = table.rows.last().expect("rows");
        assert_eq!((last[0].as_str(), last.len()), ("Flink job: NOT MEASURED (--without flink)", table.header.len()));
    }
}
