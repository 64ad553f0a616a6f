//! One job over all events, and what it took.

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rekindle_core::decode::Decoder;
use rekindle_core::journal::{self, JournalSorter};
use rekindle_core::partition::{ExecutionPlan, Output};
use rekindle_core::time::{Clock, Timestamp};
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use serde::Deserialize;

use super::input::EventBlocks;
use crate::error::Error;
use crate::process::own_processor_time;

/// Longer events are rejected.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// What a pass took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PassTime {
    pub(crate) wall: Duration,
    pub(crate) processor: Duration,
}

/// What a pass of the engine took and came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineRun {
    pub(crate) took: PassTime,
    /// Of the processor's time: bringing outputs into order and writing them into memory.
    pub(crate) journal: Duration,
    pub(crate) outputs: u64,
    pub(crate) journal_bytes: u64,
}

/// Reads every byte and does next to nothing with it.
pub(crate) fn read_memory(input: &EventBlocks) -> PassTime {
    time(|| {
        let (words, rest) = input.bytes().as_chunks::<8>();
        let sum = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_ne_bytes(*word)));
        black_box(rest.iter().fold(sum, |sum, byte| sum.wrapping_add(u64::from(*byte))));
    })
}

/// Decodes every line, as the engine would.
pub(crate) fn decode(input: &EventBlocks, plan: &ExecutionPlan) -> PassTime {
    let decoder = Decoder::new(&plan.rules.projection, MAX_EVENT_BYTES);
    time(|| {
        for block in input.blocks() {
            let mut calls = Vec::with_capacity(16);
            for line in lines(block) {
                decoder.decode(line, &mut calls);
                black_box(&calls);
                calls.clear();
            }
        }
    })
}

/// What W1's rules read of an event, as a struct that sonic-rs fills.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is parsed, and that is all")]
struct TypedCall<'a> {
    #[serde(borrow, rename = "type")]
    call: Cow<'a, str>,
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    anonymous_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
    properties: Option<TypedProperties>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is parsed, and that is all")]
struct TypedProperties {
    total: Option<f64>,
}

/// Parses every line into a struct of its own with sonic-rs: what somebody would write who knew the fields beforehand.
pub(crate) fn parse_typed(input: &EventBlocks) -> PassTime {
    time(|| {
        for block in input.blocks() {
            for line in lines(block) {
                let _ = black_box(sonic_rs::from_slice::<TypedCall<'_>>(line));
            }
        }
    })
}

/// Runs everything through a fresh engine, and moves time on to `until`.
pub(crate) fn run_engine(
    input: &EventBlocks,
    plan: &Arc<ExecutionPlan>,
    until: Option<Timestamp>,
    workers: usize,
) -> Result<EngineRun, Error> {
    let mut pipeline = pipeline(plan, until, workers)?;
    let mut journal = Journal::new(plan);
    let took = time(|| feed(input, &mut pipeline, until, &mut journal));
    Ok(EngineRun { took, journal: journal.took, outputs: journal.outputs, journal_bytes: journal.bytes })
}

/// An engine that has seen nothing. Time is the events'.
pub(crate) fn pipeline(plan: &Arc<ExecutionPlan>, until: Option<Timestamp>, workers: usize) -> Result<Pipeline, Error> {
    let options = PipelineOptions {
        workers,
        until,
        clock: Clock::Events,
        max_event_bytes: MAX_EVENT_BYTES,
        ..PipelineOptions::default()
    };
    Pipeline::new(Arc::clone(plan), options)
        .map_err(|error| Error::Io { attempt: "start the workers", cause: std::io::Error::other(error) })
}

/// Feeds all blocks.
pub(crate) fn feed(input: &EventBlocks, pipeline: &mut Pipeline, until: Option<Timestamp>, journal: &mut Journal<'_>) {
    let (decoding, mut outputs) = (pipeline.decoder(), Vec::new());
    let mut blocks = input.blocks();
    let mut next = blocks.next().map(|block| decoding.decode(block, false));
    while let Some(ahead) = next {
        let following = blocks.next();
        let decode = || following.map(|block| decoding.decode(block, false));
        let take_in = || {
            journal.write(&mut outputs, pipeline.watermark());
            pipeline.feed_decoded(&ahead, &mut |_| {}, &mut outputs);
        };
        (next, ()) = decoding.join(decode, take_in);
    }
    journal.write(&mut outputs, pipeline.watermark());
    if let Some(until) = until {
        pipeline.advance_to(until, &mut outputs);
    }
    journal.write(&mut outputs, Timestamp::NEVER);
}

/// Outputs in the journal's order, written into memory and forgotten.
pub(crate) struct Journal<'p> {
    plan: &'p ExecutionPlan,
    sorter: JournalSorter,
    buffer: Vec<u8>,
    took: Duration,
    outputs: u64,
    bytes: u64,
}

impl<'p> Journal<'p> {
    pub(crate) fn new(plan: &'p ExecutionPlan) -> Journal<'p> {
        Journal {
            plan,
            sorter: JournalSorter::default(),
            buffer: Vec::new(),
            took: Duration::ZERO,
            outputs: 0,
            bytes: 0,
        }
    }

    fn write(&mut self, outputs: &mut Vec<Output>, final_before: Timestamp) {
        let started = own_processor_time();
        let ready = self.sorter.release(outputs, final_before);
        for output in &ready {
            journal::append_line(&self.plan.rules, output, &mut self.buffer);
        }
        self.outputs += ready.len() as u64;
        self.bytes += self.buffer.len() as u64;
        black_box(&self.buffer);
        self.buffer.clear();
        drop(ready);
        self.took += own_processor_time().saturating_sub(started);
    }
}

fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let at = memchr::memchr(b'\n', rest)?;
        let line = &rest[..at];
        rest = &rest[at + 1..];
        Some(line)
    })
}

fn time(job: impl FnOnce()) -> PassTime {
    let (wall, processor) = (Instant::now(), own_processor_time());
    job();
    PassTime { wall: wall.elapsed(), processor: own_processor_time().saturating_sub(processor) }
}
