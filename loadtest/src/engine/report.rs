//! The report of the passes.

use std::time::Duration;

use serde::Serialize;

use super::Rounds;
use super::input::EventBlocks;
use super::passes::PassTime;
use super::state::StateSize;
use crate::figures::median;
use crate::table::grouped;

/// One pass: medians over the rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct PassSummary {
    events_per_second: f64,
    /// On all its threads.
    events_per_processor_second: f64,
    /// Of processor time.
    ns_per_event: f64,
}

/// All passes, and the ratios between them.
#[derive(Debug, Serialize)]
pub(super) struct EngineReport {
    events: u64,
    bytes_per_event: f64,
    rounds: usize,
    outputs: u64,
    memory: PassSummary,
    typed: PassSummary,
    decode: PassSummary,
    engine_1_worker: PassSummary,
    engine_2_workers: PassSummary,
    /// The time of one worker per event, without decoding and without writing the journal.
    engine_ns_per_event: f64,
    journal_ns_per_event: f64,
    ratio_engine_to_decode: f64,
    ratio_engine_to_memory: f64,
    ratio_decode_to_typed: f64,
    ratio_2_workers_to_1: f64,
    state: StateSize,
}

impl EngineReport {
    pub(super) fn new(input: &EventBlocks, rounds: &Rounds, state: StateSize) -> EngineReport {
        let pass = |took: &mut dyn Iterator<Item = PassTime>| pass(input.events, &took.collect::<Vec<_>>());
        let memory = pass(&mut rounds.memory.iter().copied());
        let typed = pass(&mut rounds.typed.iter().copied());
        let decode = pass(&mut rounds.decode.iter().copied());
        let one = pass(&mut rounds.one.iter().map(|run| run.took));
        let two = pass(&mut rounds.two.iter().map(|run| run.took));
        let journal: Vec<_> = rounds.one.iter().map(|run| run.journal.as_secs_f64()).collect();
        let journal = median(journal) / input.events.max(1) as f64 * 1e9;
        // Ratios of what stood side by side in a round; then their median. Passes on one thread are compared by the
        // processor's time, which other programs don't lengthen; that of two workers is about the wall's.
        let ratio = |a: &dyn Fn(usize) -> Duration, b: &dyn Fn(usize) -> Duration| {
            median((0..rounds.one.len()).map(|round| b(round).as_secs_f64() / a(round).as_secs_f64()).collect())
        };
        let one_processor = |round: usize| rounds.one[round].took.processor;
        let decode_processor = |round: usize| rounds.decode[round].processor;
        EngineReport {
            events: input.events,
            bytes_per_event: input.bytes().len() as f64 / input.events.max(1) as f64,
            rounds: rounds.one.len(),
            outputs: rounds.one[0].outputs,
            memory,
            typed,
            decode,
            engine_1_worker: one,
            engine_2_workers: two,
            engine_ns_per_event: one.ns_per_event - decode.ns_per_event - journal,
            journal_ns_per_event: journal,
            ratio_engine_to_decode: ratio(&one_processor, &decode_processor),
            ratio_engine_to_memory: ratio(&one_processor, &|round| rounds.memory[round].processor),
            ratio_decode_to_typed: ratio(&decode_processor, &|round| rounds.typed[round].processor),
            ratio_2_workers_to_1: ratio(&|round| rounds.two[round].took.wall, &|round| rounds.one[round].took.wall),
            state,
        }
    }

    /// As a table or a line of text.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let pass = |pass: &PassSummary| {
            format!(
                "{:>12} events/s {:>12} events per processor second {:>8.1} ns/event",
                grouped(pass.events_per_second as u64),
                grouped(pass.events_per_processor_second as u64),
                pass.ns_per_event
            )
        };
        let mut rows = vec![
            ("events", format!("{} of {:.0} bytes", grouped(self.events), self.bytes_per_event)),
            ("rounds", self.rounds.to_string()),
            ("outputs", grouped(self.outputs)),
            ("memory read", pass(&self.memory)),
            ("typed parse", pass(&self.typed)),
            ("decode", pass(&self.decode)),
            ("1 worker", pass(&self.engine_1_worker)),
            ("2 workers", pass(&self.engine_2_workers)),
            (
                "of 1 worker",
                format!(
                    "decode {:.1} ns, engine {:.1} ns, journal {:.1} ns per event",
                    self.decode.ns_per_event, self.engine_ns_per_event, self.journal_ns_per_event
                ),
            ),
            (
                "ratios",
                format!(
                    "1 worker / decode {:.3}, decode / typed parse {:.3}, 2 workers / 1 worker {:.3}, 1 worker / memory \
                     read {:.4}",
                    self.ratio_engine_to_decode,
                    self.ratio_decode_to_typed,
                    self.ratio_2_workers_to_1,
                    self.ratio_engine_to_memory
                ),
            ),
        ];
        rows.extend(self.state.rows());
        rows
    }
}

fn pass(events: u64, took: &[PassTime]) -> PassSummary {
    let seconds = median(took.iter().map(|took| took.wall.as_secs_f64()).collect());
    let processor = median(took.iter().map(|took| took.processor.as_secs_f64()).collect());
    let events = events as f64;
    PassSummary {
        events_per_second: events / seconds,
        events_per_processor_second: events / processor,
        ns_per_event: processor / events * 1e9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_as_fast_as_its_middle_round() {
        let took = |ms| PassTime { wall: Duration::from_millis(ms), processor: Duration::from_millis(2 * ms) };
        let pass = pass(1_000, &[took(10), took(1_000), took(20)]);
        assert_eq!((pass.events_per_second, pass.events_per_processor_second), (50_000.0, 25_000.0));
        assert!((pass.ns_per_event - 40_000.0).abs() < 1e-6);
    }
}
