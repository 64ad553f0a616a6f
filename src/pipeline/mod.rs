//! The wiring: bytes in, outputs out, on as many threads as there are workers.
//!
//! A batch of lines goes through in three strides: decode (in parallel), sequence (one thread: the watermark and the
//! links are functions of the whole log's order), apply (in parallel, each partition on one thread at a time). Batches
//! are worked off whole, so nothing of this order shows in what comes out: not the batch size, not the number of
//! partitions or workers.

mod lane;
mod saved;

use std::sync::Arc;

use rayon::prelude::*;

use crate::decode::{Decoded, Decoder, Reason, Rejected};
use crate::event::{Call, Event, EventTime};
use crate::identity::Links;
use crate::partition::{Counts, Output, Partition, Plan};
use crate::route::partition_of;
use crate::time::{Span, Timestamp};
use lane::{Handover, Lane, Operation, Sequenced};
pub use saved::RestoreError;

/// Batches smaller than this are applied on the calling thread: handing them out would cost more than it gains.
const PARALLEL_FROM: usize = 512;

/// How a pipeline is built.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many partitions; 64 unless there is a reason.
    pub partitions: usize,
    /// How many worker threads; 0: one per core.
    pub workers: usize,
    /// How late an event may be without counting as late.
    pub max_disorder: Span,
    /// Lines longer than this many bytes are rejected.
    pub max_event_bytes: usize,
    /// Events after this are rejected; `None`: no end is known.
    pub until: Option<Timestamp>,
}

impl Default for Options {
    fn default() -> Options {
        Options { partitions: 64, workers: 0, max_disorder: Span(5_000), max_event_bytes: 1 << 20, until: None }
    }
}

/// Everything counted so far.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Events accepted by the decoder, duplicates included.
    pub events: u64,
    /// The same by call, as in [`Call::ALL`].
    pub by_call: [u64; Call::ALL.len()],
    /// Rejections by reason, as in [`Reason::CODES`].
    pub rejected: [u64; Reason::CODES.len()],
    /// What the partitions counted.
    pub counts: Counts,
    /// Users with state.
    pub users: u64,
    /// Visitors linked to users.
    pub links: u64,
}

/// Decoder, links, partitions and watermark of one log.
pub struct Pipeline {
    plan: Arc<Plan>,
    options: Options,
    decoder: Decoder,
    links: Links,
    partitions: Vec<Partition>,
    pool: rayon::ThreadPool,
    /// The latest event time read; the watermark lies `max_disorder` before it.
    latest_read: Timestamp,
    position: u64,
    events: u64,
    by_call: [u64; Call::ALL.len()],
    rejected: [u64; Reason::CODES.len()],
}

/// A rejected line (or call of a batch envelope), by its number in the block it came in.
#[derive(Debug)]
pub struct DeadLetter<'a> {
    /// Index of the line in its block, from 0.
    pub line: u64,
    /// Why, and what stood there.
    pub rejected: Rejected<'a>,
}

/// One decoded slice of a block.
struct DecodedSlice<'a> {
    calls: Vec<Decoded<'a>>,
    /// How many of the calls stand before the end of each line.
    line_ends: Vec<u32>,
}

impl Pipeline {
    /// Builds the partitions and starts the workers.
    ///
    /// # Errors
    /// The system refuses to start the threads.
    pub fn new(plan: Arc<Plan>, options: Options) -> Result<Pipeline, rayon::ThreadPoolBuildError> {
        let decoder = Decoder::new(&plan.rules.projection, options.max_event_bytes);
        let partitions = (0..options.partitions.max(1)).map(|_| Partition::new(&plan)).collect();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.workers)
            .thread_name(|index| format!("worker-{index}"))
            .build()?;
        Ok(Pipeline {
            plan,
            options,
            decoder,
            links: Links::default(),
            partitions,
            pool,
            latest_read: Timestamp::MIN,
            position: 0,
            events: 0,
            by_call: [0; Call::ALL.len()],
            rejected: [0; Reason::CODES.len()],
        })
    }

    /// The rules it runs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The log's watermark: the latest time read, less `max_disorder`. No output to come is due before it.
    pub fn watermark(&self) -> Timestamp {
        self.latest_read - self.options.max_disorder
    }

    /// Takes in some whole lines, applies what they hold, and fires what has become due. Outputs are appended to `out`
    /// in order per user; rejections are handed to `reject` in the order of the log.
    pub fn feed<'a>(&mut self, lines: &'a [u8], reject: &mut dyn FnMut(DeadLetter<'a>), out: &mut Vec<Output>) {
        let slices = self.decode(lines);
        let plan = Arc::clone(&self.plan);
        let mut queues: Vec<Vec<Operation<'_, 'a>>> = Vec::new();
        queues.resize_with(self.partitions.len(), Vec::new);
        let mut handovers = 0;
        let mut first_line = 0;
        let mut accepted = 0;
        for slice in &slices {
            let mut from = 0;
            for (end, line) in slice.line_ends.iter().zip(first_line..) {
                for call in &slice.calls[from..*end as usize] {
                    match self.accept(call) {
                        Ok((event, ts)) => {
                            accepted += 1;
                            self.sequence(event, ts, &mut queues, &mut handovers);
                        }
                        Err(rejected) => {
                            self.rejected[rejected.reason.index()] += 1;
                            reject(DeadLetter { line, rejected });
                        }
                    }
                }
                from = *end as usize;
            }
            first_line += slice.line_ends.len() as u64;
        }
        self.apply(&plan, queues, handovers, accepted >= PARALLEL_FROM, out);
    }

    /// Counts a line too long to be read whole; it is in no block that is fed.
    pub fn count_oversized(&mut self, reason: &Reason) {
        self.rejected[reason.index()] += 1;
    }

    /// Moves time on to `to` for everyone: what is due at or before it fires.
    pub fn advance_to(&mut self, to: Timestamp, out: &mut Vec<Output>) {
        self.latest_read = self.latest_read.max(to + self.options.max_disorder);
        let plan = Arc::clone(&self.plan);
        let queues = self.partitions.iter().map(|_| Vec::new()).collect();
        self.apply(&plan, queues, 0, true, out);
    }

    /// Everything counted so far.
    pub fn totals(&self) -> Totals {
        let rules = &self.plan.rules;
        let mut counts = Counts::new(rules.names.len(), rules.segments.len(), rules.campaigns.len());
        for partition in &self.partitions {
            counts.add(partition.counts());
        }
        Totals {
            events: self.events,
            by_call: self.by_call,
            rejected: self.rejected,
            counts,
            users: self.partitions.iter().map(|partition| partition.len() as u64).sum(),
            links: self.links.len() as u64,
        }
    }

    fn decode<'a>(&self, lines: &'a [u8]) -> Vec<DecodedSlice<'a>> {
        let workers = self.pool.current_num_threads();
        let decode_slice = |slice: &'a [u8]| {
            let mut calls = Vec::with_capacity(slice.len() / 256);
            let mut line_ends = Vec::with_capacity(slice.len() / 256);
            for line in whole_lines(slice) {
                self.decoder.decode(line, &mut calls);
                line_ends.push(u32::try_from(calls.len()).expect("a block holds fewer than 2^32 calls"));
            }
            DecodedSlice { calls, line_ends }
        };
        if workers == 1 || lines.len() < PARALLEL_FROM * 256 {
            return vec![decode_slice(lines)];
        }
        let slices = split_at_lines(lines, workers * 2);
        self.pool.install(|| slices.into_par_iter().map(decode_slice).collect())
    }

    /// The last checks, which know more than the decoder: the event's time, and the end of the log.
    fn accept<'e, 'a>(&self, call: &'e Decoded<'a>) -> Result<(&'e Event<'a>, Timestamp), Rejected<'a>> {
        let event = call.as_ref().map_err(Rejected::clone)?;
        let reject = |reason| Rejected { reason, original: event.original };
        let EventTime::Stamped(ts) = event.time else { return Err(reject(Reason::NoTime)) };
        match self.options.until {
            Some(until) if ts > until => Err(reject(Reason::AfterUntil { time: ts })),
            _ => Ok((event, ts)),
        }
    }

    fn sequence<'e, 'a>(
        &mut self,
        event: &'e Event<'a>,
        ts: Timestamp,
        queues: &mut [Vec<Operation<'e, 'a>>],
        handovers: &mut usize,
    ) {
        let resolved = self.links.resolve(event);
        let own_id = event.user_id.as_deref().or(event.anonymous_id.as_deref()).unwrap_or_default();
        let user = resolved.linked_user.as_deref().unwrap_or(own_id);
        let to = partition_of(user, queues.len());
        let mut handover = None;
        if resolved.links_visitor
            && let Some(visitor) = event.anonymous_id.as_deref()
        {
            handover = Some(*handovers);
            queues[partition_of(visitor, queues.len())].push(Operation::Detach { visitor, handover: *handovers });
            *handovers += 1;
        }
        let watermark = self.watermark();
        queues[to].push(Operation::Event(Sequenced {
            event,
            linked_user: resolved.linked_user,
            own_id,
            ts,
            watermark,
            position: self.position,
            handover,
        }));
        self.latest_read = self.latest_read.max(ts);
        self.position += 1;
        self.events += 1;
        self.by_call[event.call as usize] += 1;
    }

    /// Runs every partition's queue to its end, then fires what is due. A queue that needs a visitor whom another
    /// partition has not handed over yet pauses until the next round. There always is a next step somewhere: what
    /// stands first in the log waits for nothing.
    fn apply<'e, 'a>(
        &mut self,
        plan: &Plan,
        queues: Vec<Vec<Operation<'e, 'a>>>,
        handovers: usize,
        in_parallel: bool,
        out: &mut Vec<Output>,
    ) {
        let (watermark, position) = (self.watermark(), self.position);
        let handovers: Vec<Handover> = (0..handovers).map(|_| Handover::default()).collect();
        let mut lanes: Vec<Lane<'_, 'e, 'a>> =
            self.partitions.iter_mut().zip(queues).map(|(partition, queue)| Lane::new(partition, queue)).collect();
        let in_parallel = in_parallel && self.pool.current_num_threads() > 1;
        while lanes.iter().any(|lane| !lane.is_done()) {
            let run = |lane: &mut Lane<'_, 'e, 'a>| lane.run(plan, &handovers, watermark, position);
            if in_parallel {
                self.pool.install(|| lanes.par_iter_mut().for_each(run));
            } else {
                lanes.iter_mut().for_each(run);
            }
        }
        for lane in lanes {
            out.extend(lane.into_outputs());
        }
    }
}

/// The lines of a block, without their newlines (and without the `\r` of Windows files, which is white space).
fn whole_lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let body = block.strip_suffix(b"\n").unwrap_or(block);
    let mut rest = Some(body).filter(|_| !block.is_empty());
    std::iter::from_fn(move || {
        let bytes = rest?;
        let (line, after) = match memchr::memchr(b'\n', bytes) {
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
            None => (bytes, None),
        };
        rest = after;
        Some(line)
    })
}

/// Cuts a block into about `parts` slices of whole lines.
fn split_at_lines(block: &[u8], parts: usize) -> Vec<&[u8]> {
    let size = block.len().div_ceil(parts.max(1)).max(1);
    let mut slices = Vec::with_capacity(parts);
    let mut rest = block;
    while rest.len() > size {
        match memchr::memchr(b'\n', &rest[size..]) {
            Some(at) => {
                let (slice, after) = rest.split_at(size + at + 1);
                slices.push(slice);
                rest = after;
            }
            None => break,
        }
    }
    if !rest.is_empty() {
        slices.push(rest);
    }
    slices
}
