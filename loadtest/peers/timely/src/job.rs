//! The dataflow: one worker reads and parses; events are exchanged by user; each worker keeps its users' states, and wakes them up as
//! the frontier passes; transitions are counted where they arise.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;
use std::path::PathBuf;
use std::rc::Rc;

use compact_str::CompactString;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use timely::WorkerConfig;
use timely::communication::Config as Communication;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::{Input, Operator, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;

use crate::blocks::{BlockReader, lines};
use crate::event::{EventParser, UserEvent};
use crate::user_state::{NEVER, SEGMENTS, UserState};

const WORKERS: usize = 2;
/// How far out of order events may arrive.
const MAX_DISORDER_MS: i64 = 5_000;
const DAY_MS: i64 = 86_400_000;

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) struct JobOptions {
    /// The events: JSON lines.
    pub(crate) events: PathBuf,
    /// When time ends, in milliseconds since 1970; later events are left out.
    pub(crate) until_ms: i64,
    /// How often the events are gone through, each time as many days later as the next field says, and with that the end of time.
    pub(crate) passes: u32,
    /// See `passes`.
    pub(crate) days: u32,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct JobTotals {
    /// Events that were applied.
    pub(crate) events: u64,
    /// By segment: users that entered, and that left.
    pub(crate) transitions: [[u64; 2]; SEGMENTS.len()],
}

/// A transition on its way to the sink.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SegmentTransition {
    user: CompactString,
    at: i64,
    segment: u8,
    is_enter: bool,
}

/// The users of a worker. Their ids are kept once; the table has their places.
struct Users {
    hasher: FixedState,
    places: HashTable<u32>,
    users: Vec<(CompactString, UserState)>,
    /// Wake-ups, the earliest first. One that a user no longer waits for is passed over.
    wake_ups: BinaryHeap<Reverse<(i64, u32)>>,
}

/// Runs the job.
pub(crate) fn run(options: &JobOptions) -> Result<JobTotals, String> {
    let options = options.clone();
    let config = timely::Config { communication: Communication::Process(WORKERS), worker: WorkerConfig::default() };
    let workers = timely::execute(config, move |worker| run_worker(worker, &options))?;
    let mut totals = JobTotals::default();
    for found in workers.join() {
        let found = found??;
        totals.events += found.events;
        for (sum, counts) in totals.transitions.iter_mut().zip(found.transitions) {
            *sum = [sum[0] + counts[0], sum[1] + counts[1]];
        }
    }
    Ok(totals)
}

fn run_worker(worker: &mut Worker, options: &JobOptions) -> Result<JobTotals, String> {
    let counts = Rc::new(RefCell::new([[0_u64; 2]; SEGMENTS.len()]));
    let sink_counts = Rc::clone(&counts);
    let mut input = InputHandle::new();
    let probe = ProbeHandle::new();
    let end = options.until_ms + i64::from(options.passes - 1) * i64::from(options.days) * DAY_MS;
    worker.dataflow::<u64, _, _>(|scope| {
        let hasher = FixedState::default();
        // The table of users takes the other half of the hash.
        let route = Exchange::new(move |event: &UserEvent| hasher.hash_one(event.user.as_str()) >> 32);
        scope
            .input_from(&mut input)
            .unary_frontier::<CapacityContainerBuilder<Vec<SegmentTransition>>, _, _, _>(
                route,
                "segments",
                move |held, _| {
                    let mut held = Some(held);
                    let mut users = Users::new(FixedState::default());
                    move |(input, frontier), output| {
                        let Some(capability) = &mut held else { return };
                        let passed = frontier.frontier().first().copied();
                        let mut session = output.session(capability);
                        let mut emit = |transition| session.give(transition);
                        input.for_each(|_, events| events.drain(..).for_each(|event| users.apply(event, &mut emit)));
                        users.wake_up(passed.map_or(end, |time| end.min(time as i64 - 1)), &mut emit);
                        drop(session);
                        match passed {
                            Some(time) => capability.downgrade(&time),
                            None => held = None,
                        }
                    }
                },
            )
            .unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "count", move |_, _| {
                move |input, _| {
                    let mut counts = sink_counts.borrow_mut();
                    input.for_each(|_, transitions| {
                        for transition in transitions.drain(..) {
                            counts[usize::from(transition.segment)][usize::from(!transition.is_enter)] += 1;
                        }
                    });
                }
            })
            .probe_with(&probe);
    });

    let mut events = 0;
    if worker.index() == 0 {
        let mut parser = EventParser::new();
        let mut latest = 0;
        for pass in 0..options.passes {
            let later = i64::from(pass) * i64::from(options.days) * DAY_MS;
            let until = options.until_ms + later;
            let mut reader = BlockReader::open(&options.events).map_err(|error| error.to_string())?;
            while let Some(block) = reader.next_block().map_err(|error| error.to_string())? {
                for line in lines(block) {
                    let mut event = parser
                        .parse(line)
                        .map_err(|error| format!("{error}, in {:?}", String::from_utf8_lossy(line)))?;
                    event.at += later;
                    if event.at <= until {
                        latest = latest.max(event.at);
                        events += 1;
                        input.send(event);
                    }
                }
                let watermark = u64::try_from(latest - MAX_DISORDER_MS).unwrap_or(0);
                if watermark > *input.time() {
                    input.advance_to(watermark);
                }
                worker.step();
            }
        }
    }
    input.close();
    while !probe.done() {
        worker.step_or_park(None);
    }
    let transitions = *counts.borrow();
    Ok(JobTotals { events, transitions })
}

impl Users {
    fn new(hasher: FixedState) -> Users {
        Users { hasher, places: HashTable::new(), users: Vec::new(), wake_ups: BinaryHeap::new() }
    }

    fn apply(&mut self, event: UserEvent, emit: &mut impl FnMut(SegmentTransition)) {
        let place = self.place_of(&event);
        let (id, user) = &mut self.users[place as usize];
        user.apply(event.at, event.action, &mut |change| emit(SegmentTransition::of(id, change)));
        self.ask_for_wake_up(place);
    }

    /// Moves every user on who has something due by then.
    fn wake_up(&mut self, until: i64, emit: &mut impl FnMut(SegmentTransition)) {
        while let Some(Reverse((at, place))) = self.wake_ups.peek().copied()
            && at <= until
        {
            self.wake_ups.pop();
            let (id, user) = &mut self.users[place as usize];
            if user.wake_up == at {
                user.wake_up = NEVER;
                user.advance(until, &mut |change| emit(SegmentTransition::of(id, change)));
                self.ask_for_wake_up(place);
            }
        }
    }

    /// A later one than what is asked for is left to when that comes.
    fn ask_for_wake_up(&mut self, place: u32) {
        let (_, user) = &mut self.users[place as usize];
        if user.due < user.wake_up {
            user.wake_up = user.due;
            self.wake_ups.push(Reverse((user.due, place)));
        }
    }

    fn place_of(&mut self, event: &UserEvent) -> u32 {
        let Users { hasher, places, users, .. } = self;
        let hash = hasher.hash_one(event.user.as_str());
        if let Some(place) = places.find(hash, |place| users[*place as usize].0 == event.user) {
            return *place;
        }
        let place = u32::try_from(users.len()).expect("fewer users than 2^32 fit into memory");
        users.push((event.user.clone(), UserState::new(event.at)));
        places.insert_unique(hash, place, |place| hasher.hash_one(users[*place as usize].0.as_str()));
        place
    }
}

impl SegmentTransition {
    fn of(user: &CompactString, change: crate::user_state::SegmentChange) -> SegmentTransition {
        SegmentTransition { user: user.clone(), at: change.at, segment: change.segment, is_enter: change.is_enter }
    }
}
