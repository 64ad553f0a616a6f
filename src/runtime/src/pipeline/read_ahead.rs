//! Read-ahead: the next block is decoded while the one before it is applied.
//!
//! Who reads ahead decides what comes next; here it is only decoded, under the rules in force.

use std::sync::Arc;

use super::InputEntry;
use super::decode::{self, DecodedSlice};
use crate::log::RecordKind;
use rekindle_core::decode::Decoder;

/// Decodes lines for one pipeline, on its workers.
#[derive(Clone)]
pub struct ParallelDecoder {
    decoder: Arc<Decoder>,
    pool: Arc<rayon::ThreadPool>,
}

/// Entries of the log, decoded before they are applied. There are no requests to forget users among them.
pub struct ReadAhead<'a> {
    pub(super) entries: Vec<InputEntry<'a>>,
    pub(super) slices: Vec<DecodedSlice<'a>>,
}

impl ParallelDecoder {
    /// Starts the workers; 0: one per core.
    pub(super) fn new(decoder: Decoder, workers: usize) -> Result<ParallelDecoder, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(workers)
            .thread_name(|index| format!("worker-{index}"))
            .build()?;
        Ok(ParallelDecoder { decoder: Arc::new(decoder), pool: Arc::new(pool) })
    }

    /// Decodes complete lines; with `is_whole` they may be one document.
    pub fn decode<'a>(&self, lines: &'a [u8], is_whole: bool) -> ReadAhead<'a> {
        self.decode_ahead(vec![InputEntry { kind: RecordKind::Events, lines, received: None, is_whole }])
    }

    /// Decodes entries, among which there are no requests to forget users.
    pub fn decode_ahead<'a>(&self, entries: Vec<InputEntry<'a>>) -> ReadAhead<'a> {
        ReadAhead { slices: self.decode_entries(&entries), entries }
    }

    /// Runs `background` on the workers and `foreground` on this thread, at the same time; with one worker one after the
    /// other, foreground first, since one worker means one busy thread.
    pub fn join<T: Send, R>(&self, background: impl FnOnce() -> T + Send, foreground: impl FnOnce() -> R) -> (T, R) {
        if self.workers() == 1 {
            let result = foreground();
            return (background(), result);
        }
        let mut done = None;
        let result = self.pool.in_place_scope(|scope| {
            scope.spawn(|_| done = Some(background()));
            foreground()
        });
        (done.expect("a scope ends when everything spawned in it has ended"), result)
    }

    pub(super) fn decode_entries<'a>(&self, entries: &[InputEntry<'a>]) -> Vec<DecodedSlice<'a>> {
        decode::decode(&self.decoder, &self.pool, entries)
    }

    pub(super) fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    pub(super) fn replace_decoder(&mut self, decoder: Decoder) {
        self.decoder = Arc::new(decoder);
    }

    pub(super) fn workers(&self) -> usize {
        self.pool.current_num_threads()
    }

    pub(super) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }
}
