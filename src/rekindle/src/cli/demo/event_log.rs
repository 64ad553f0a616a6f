//! The events of the demo so far, so that rules can be tried on them: compressed, in memory, and the latest ones where there are
//! too many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::backtests::{PastLog, PastLogError, PastLogs};
use rekindle_core::time::Timestamp;
use rekindle_runtime::backtest::{BacktestLog, LogPiece};
use rekindle_runtime::history::HistoryRecord;
use rekindle_runtime::log::RecordKind;

/// The bytes of events that are compressed together.
const BLOCK_BYTES: usize = 1 << 20;
/// The compressed bytes that are kept.
const KEPT_BYTES_MAX: usize = 64 << 20;
/// Little time for it: the demo must not stand still.
const LEVEL: i32 = 1;

/// The events of the demo.
#[derive(Debug, Default)]
pub(super) struct DemoEventLog(Mutex<KeptBlocks>);

#[derive(Debug, Default)]
struct KeptBlocks {
    blocks: VecDeque<EventBlock>,
    /// The number of the first of them: how many were dropped.
    first: u64,
    bytes: usize,
    /// Events that are not compressed yet.
    open: Vec<u8>,
    open_since: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct EventBlock {
    kind: RecordKind,
    compressed: Bytes,
    /// The demo's time when it began.
    since: Timestamp,
}

impl DemoEventLog {
    /// Keeps lines that came in at a time of the demo.
    pub(super) fn add(&self, kind: RecordKind, lines: &[u8], at: Timestamp) {
        if lines.is_empty() {
            return;
        }
        let mut kept = self.lock();
        if kind != RecordKind::Events {
            kept.seal();
            kept.keep(kind, lines, at);
            return;
        }
        kept.open_since.get_or_insert(at);
        kept.open.extend_from_slice(lines);
        if kept.open.len() >= BLOCK_BYTES {
            kept.seal();
        }
    }

    fn lock(&self) -> MutexGuard<'_, KeptBlocks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptBlocks {
    /// Compresses what is not yet.
    fn seal(&mut self) {
        let lines = std::mem::take(&mut self.open);
        if let Some(since) = self.open_since.take() {
            self.keep(RecordKind::Events, &lines, since);
        }
    }

    fn keep(&mut self, kind: RecordKind, lines: &[u8], since: Timestamp) {
        let compressed = zstd::bulk::compress(lines, LEVEL).expect("memory can be written to");
        self.bytes += compressed.len();
        self.blocks.push_back(EventBlock { kind, compressed: compressed.into(), since });
        while self.bytes > KEPT_BYTES_MAX
            && let Some(dropped) = self.blocks.pop_front()
        {
            self.bytes -= dropped.compressed.len();
            self.first += 1;
        }
    }
}

/// The demo's events up to where it was when this was opened.
struct DemoEventReader {
    log: Arc<DemoEventLog>,
    begin: u64,
    next: u64,
    end: u64,
}

impl BacktestLog for DemoEventReader {
    fn next(&mut self) -> Result<LogPiece, String> {
        if self.next >= self.end {
            return Ok(LogPiece::End);
        }
        let block = {
            let kept = self.log.lock();
            let place = self.next.checked_sub(kept.first).and_then(|place| usize::try_from(place).ok());
            place.and_then(|place| kept.blocks.get(place).cloned())
        };
        let EventBlock { kind, compressed, .. } =
            block.ok_or("the demo dropped events while they were read: it keeps the latest only")?;
        let lines = zstd::decode_all(&*compressed).map_err(|error| error.to_string())?;
        self.next += 1;
        let progress = (self.next - self.begin) as f64 / (self.end - self.begin) as f64;
        Ok(LogPiece::Records { records: vec![HistoryRecord { kind, lines: lines.into(), received: None }], progress })
    }
}

/// The log of a demo, for backtests.
pub(super) struct DemoLogs(pub(super) Arc<DemoEventLog>);

impl PastLogs for DemoLogs {
    fn open(&self) -> BoxFuture<'_, Result<PastLog, PastLogError>> {
        let mut kept = self.0.lock();
        kept.seal();
        let (first, end) = (kept.first, kept.first + kept.blocks.len() as u64);
        let since = kept.blocks.front().map(|block| block.since).filter(|_| first > 0);
        let note = since.map(|since| format!("the demo keeps its latest events only: those before {since} are gone"));
        let records = DemoEventReader { log: Arc::clone(&self.0), begin: first, next: first, end };
        std::future::ready(Ok(PastLog { records: Box::new(records), links: None, note })).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(log: &Arc<DemoEventLog>) -> (Vec<(RecordKind, Vec<u8>)>, Option<String>) {
        let logs = DemoLogs(Arc::clone(log));
        let opened = logs.open().now_or_never().expect("it does not wait").expect("it is there");
        let (mut records, mut all) = (opened.records, Vec::new());
        loop {
            match records.next().expect("nothing is dropped") {
                LogPiece::Records { records, .. } => {
                    all.extend(records.into_iter().map(|record| (record.kind, record.lines.to_vec())));
                }
                LogPiece::NothingYet => {}
                LogPiece::End => return (all, opened.note),
            }
        }
    }

    #[test]
    fn what_was_added_is_read_in_its_order_and_no_further() {
        let log = Arc::new(DemoEventLog::default());
        assert!(read(&log).0.is_empty());
        log.add(RecordKind::Events, b"a\n", Timestamp(1));
        log.add(RecordKind::Events, b"b\n", Timestamp(2));
        log.add(RecordKind::Forget, b"f\n", Timestamp(3));
        log.add(RecordKind::Events, b"c\n", Timestamp(4));
        let expected = [(RecordKind::Events, "a\nb\n"), (RecordKind::Forget, "f\n"), (RecordKind::Events, "c\n")];
        let expected = expected.map(|(kind, lines)| (kind, lines.as_bytes().to_vec())).to_vec();
        assert_eq!(read(&log), (expected, None));
        let logs = DemoLogs(Arc::clone(&log));
        let mut before = logs.open().now_or_never().expect("no wait").expect("it is there").records;
        log.add(RecordKind::Events, b"later\n", Timestamp(5));
        let count = std::iter::from_fn(|| match before.next() {
            Ok(LogPiece::Records { .. }) => Some(()),
            _ => None,
        });
        assert_eq!(count.count(), 3);
    }

    #[test]
    fn the_oldest_are_dropped_where_there_are_too_many_and_it_is_said() {
        let log = Arc::new(DemoEventLog::default());
        // Nothing that could be compressed.
        let mut seed = 1_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as u8
        };
        let block: Vec<u8> = (0..BLOCK_BYTES).map(|_| random()).collect();
        for number in 0..70 {
            log.add(RecordKind::Events, &block, Timestamp(number * 1_000));
        }
        let (records, note) = read(&log);
        let bytes: usize = records.iter().map(|(_, lines)| lines.len()).sum();
        assert!((KEPT_BYTES_MAX - 2 * BLOCK_BYTES..=KEPT_BYTES_MAX).contains(&bytes), "{bytes}");
        assert!(note.is_some_and(|note| note.contains("1970-01-01T00:00:0")), "it says since when");
    }
}
