//! Decoding ahead: the next lines are decoded while those before them are taken in.

use std::sync::Arc;

use super::InputEntry;
use super::slices::{self, DecodedSlice};
use crate::log::RecordKind;
use rekindle_core::decode::Decoder;

/// Decodes lines for one pipeline, on its workers.
#[derive(Clone)]
pub struct ParallelDecoder {
    decoder: Arc<Decoder>,
    pool: Arc<rayon::ThreadPool>,
}

/// Whole lines of a log without a broker, decoded before it is their turn.
pub struct ReadAhead<'a> {
    pub(super) entry: InputEntry<'a>,
    pub(super) slices: Vec<DecodedSlice<'a>>,
}

impl ParallelDecoder {
    pub(super) fn new(decoder: Decoder, pool: rayon::ThreadPool) -> ParallelDecoder {
        ParallelDecoder { decoder: Arc::new(decoder), pool: Arc::new(pool) }
    }

    /// Decodes whole lines; where that is a whole document, they may be one.
    pub fn decode<'a>(&self, lines: &'a [u8], is_whole: bool) -> ReadAhead<'a> {
        let entry = InputEntry { kind: RecordKind::Events, lines, received: None, is_whole };
        ReadAhead { slices: self.slices(&[entry]), entry }
    }

    /// Does `there` on the workers and `here` on this thread, at the same time; with one worker, one after the other, for
    /// one worker is one thread.
    pub fn beside<T: Send, R>(&self, there: impl FnOnce() -> T + Send, here: impl FnOnce() -> R) -> (T, R) {
        if self.workers() == 1 {
            let here = here();
            return (there(), here);
        }
        let mut done = None;
        let here = self.pool.in_place_scope(|scope| {
            scope.spawn(|_| done = Some(there()));
            here()
        });
        (done.expect("a scope ends once all in it is done"), here)
    }

    pub(super) fn slices<'a>(&self, entries: &[InputEntry<'a>]) -> Vec<DecodedSlice<'a>> {
        slices::decode(&self.decoder, &self.pool, entries)
    }

    pub(super) fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    pub(super) fn change_decoder(&mut self, decoder: Decoder) {
        self.decoder = Arc::new(decoder);
    }

    pub(super) fn workers(&self) -> usize {
        self.pool.current_num_threads()
    }

    pub(super) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }
}
