//! A backtest over a log that is read piece by piece, beside an engine that has other work: at bounded speed, in bounded memory,
//! and it can be cancelled.
//!
//! It blocks, so it needs a thread of its own. It does not know where the log is: that is [`BacktestLog`]'s job.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::{Backtest, BacktestReport};
use crate::history::HistoryRecord;
use crate::live::state_size::StateSizeCount;
use rekindle_core::time::Timestamp;

/// Records that are taken in before it pauses.
const RECORDS_PER_STEP: usize = 4_096;
/// The bytes of records after which it pauses, whatever their number.
const BYTES_PER_STEP: usize = 1 << 20;
/// The longest pause at a time, so that a cancellation is noticed.
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// Yields a log from its beginning to where it is to end.
pub trait BacktestLog: Send {
    /// What comes next. It may wait for a moment.
    ///
    /// # Errors
    /// The log can't be read completely, and why.
    fn next(&mut self) -> Result<LogPiece, String>;
}

/// A piece of a log.
#[derive(Debug)]
pub enum LogPiece {
    /// The next records.
    Records {
        /// In the log's order.
        records: Vec<HistoryRecord>,
        /// How much of the log has been read with them, from 0 to 1.
        progress: f64,
    },
    /// Nothing has come yet.
    NothingYet,
    /// There is no more.
    End,
}

/// What a backtest may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacktestLimits {
    /// How much of the time it may compute, from 1 to 100 percent.
    pub share_percent: u8,
    /// The most bytes that its engines' states, and what it keeps of people, may take.
    pub state_bytes_max: u64,
}

/// How far a backtest is, for others to read, and to cancel it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct BacktestProgress(Arc<SharedFigures>);

#[derive(Debug, Default)]
struct SharedFigures {
    figures: Mutex<BacktestFigures>,
    cancelled: AtomicBool,
}

/// How far a backtest is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BacktestFigures {
    /// How much of the log is read, from 0 to 1.
    pub progress: f64,
    /// How many events it has taken in.
    pub events: u64,
    /// The bytes of its state.
    pub state_bytes: u64,
    /// Its watermark; `None`: before the first event.
    pub watermark: Option<Timestamp>,
}

/// Why a backtest over a log has no result.
#[derive(Debug, Error)]
pub enum BesideError {
    /// Somebody cancelled it.
    #[error("it was cancelled")]
    Cancelled,
    /// Its state is too large.
    #[error(
        "the engines of the backtest take {bytes} bytes by now, and may take {max}: raise [engine] backtest_memory"
    )]
    Memory {
        /// How many bytes it took.
        bytes: u64,
        /// How many it may take.
        max: u64,
    },
    /// The log can't be read completely.
    #[error("the log could not be read: {0}")]
    Log(String),
}

impl BacktestProgress {
    /// How far it is.
    pub fn figures(&self) -> BacktestFigures {
        *self.0.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it as soon as possible.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    fn set(&self, figures: BacktestFigures) {
        *self.0.figures.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }
}

impl Backtest {
    /// Reads a log to its end within limits, and says what would have come of it.
    ///
    /// # Errors
    /// It was cancelled, takes more than it may, or the log can't be read.
    pub fn run_beside(
        mut self,
        log: &mut dyn BacktestLog,
        limits: BacktestLimits,
        progress: &BacktestProgress,
    ) -> Result<BacktestReport, BesideError> {
        let mut sizes: Vec<StateSizeCount> = self.contenders.iter().map(|_| StateSizeCount::default()).collect();
        loop {
            if progress.is_cancelled() {
                return Err(BesideError::Cancelled);
            }
            let (records, read) = match log.next().map_err(BesideError::Log)? {
                LogPiece::Records { records, progress } => (records, progress),
                LogPiece::NothingYet => continue,
                LogPiece::End => return Ok(self.finish()),
            };
            let mut rest = records.as_slice();
            while !rest.is_empty() {
                if progress.is_cancelled() {
                    return Err(BesideError::Cancelled);
                }
                let began = Instant::now();
                let (step, after) = rest.split_at(step_length(rest));
                self.feed_history(step);
                rest = after;
                let read = if rest.is_empty() { read } else { progress.figures().progress };
                self.report_figures(&mut sizes, read, limits, progress)?;
                pause(began.elapsed(), limits, progress);
            }
        }
    }

    fn report_figures(
        &self,
        sizes: &mut [StateSizeCount],
        read: f64,
        limits: BacktestLimits,
        progress: &BacktestProgress,
    ) -> Result<(), BesideError> {
        for (contender, size) in self.contenders.iter().zip(sizes.iter_mut()) {
            size.count_on(&contender.pipeline);
        }
        let state_bytes = sizes.iter().map(StateSizeCount::total).sum::<u64>() + self.counts.people.bytes();
        let watermark = Some(self.contenders[0].pipeline.watermark()).filter(|watermark| *watermark > Timestamp::MIN);
        progress.set(BacktestFigures { progress: read, events: self.totals().events, state_bytes, watermark });
        match state_bytes > limits.state_bytes_max {
            true => Err(BesideError::Memory { bytes: state_bytes, max: limits.state_bytes_max }),
            false => Ok(()),
        }
    }
}

/// How many of these records are taken in before a pause: one at least.
fn step_length(records: &[HistoryRecord]) -> usize {
    let mut bytes = 0;
    let fits = |record: &&HistoryRecord| {
        let before = bytes;
        bytes += record.lines.len();
        before < BYTES_PER_STEP
    };
    records.iter().take(RECORDS_PER_STEP).take_while(fits).count().max(1)
}

/// Lets others compute for as long as the share says.
fn pause(computed: Duration, limits: BacktestLimits, progress: &BacktestProgress) {
    let share = u32::from(limits.share_percent.clamp(1, 100));
    let mut left = computed * (100 - share) / share;
    while !left.is_zero() && !progress.is_cancelled() {
        let pause = left.min(PAUSE_MAX);
        std::thread::sleep(pause);
        left -= pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::{BacktestPeriod, BacktestSetup};
    use crate::log::RecordKind;
    use crate::pipeline::PipelineOptions;
    use bytes::Bytes;
    use rekindle_core::time::Clock;

    const RULES: &str = "[events]\nview = 'View'\n[[segments]]\nid = 'seen'\nwhen = 'total(view) >= 1'\n";
    const LIMITS: BacktestLimits = BacktestLimits { share_percent: 100, state_bytes_max: u64::MAX };

    /// Pieces that are there, and then the end or a failure.
    struct GivenPieces {
        pieces: std::vec::IntoIter<LogPiece>,
        failure: Option<&'static str>,
        /// Cancelled when the pieces are used up.
        cancel: Option<BacktestProgress>,
    }

    impl BacktestLog for GivenPieces {
        fn next(&mut self) -> Result<LogPiece, String> {
            match (self.pieces.next(), self.failure, &self.cancel) {
                (Some(piece), ..) => Ok(piece),
                (None, Some(why), _) => Err(why.to_owned()),
                (None, None, Some(progress)) => {
                    progress.cancel();
                    Ok(LogPiece::NothingYet)
                }
                (None, None, None) => Ok(LogPiece::End),
            }
        }
    }

    fn backtest() -> Backtest {
        let options = PipelineOptions { workers: 1, clock: Clock::Events, ..PipelineOptions::default() };
        let setup = BacktestSetup { new: RULES, old: None, options, period: BacktestPeriod::default() };
        Backtest::new(&setup).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A view of each of these users.
    fn views(users: std::ops::Range<u32>) -> Vec<HistoryRecord> {
        let line = |user: u32| {
            let (minute, second) = (user / 60 % 60, user % 60);
            let at = format!("2026-03-02T10:{minute:02}:{second:02}Z");
            format!(r#"{{"type":"track","event":"View","userId":"u{user}","timestamp":"{at}"}}"#)
        };
        let record = |user| HistoryRecord { kind: RecordKind::Events, lines: Bytes::from(line(user)), received: None };
        users.map(record).collect()
    }

    fn log(pieces: Vec<LogPiece>) -> GivenPieces {
        GivenPieces { pieces: pieces.into_iter(), failure: None, cancel: None }
    }

    fn piece(users: std::ops::Range<u32>, progress: f64) -> LogPiece {
        LogPiece::Records { records: views(users), progress }
    }

    #[test]
    fn all_pieces_are_counted_however_the_log_is_cut() {
        let progress = BacktestProgress::default();
        let mut cut = log(vec![piece(0..10, 0.1), LogPiece::NothingYet, piece(10..6_000, 1.0)]);
        let report = backtest().run_beside(&mut cut, LIMITS, &progress).expect("it ends");
        assert_eq!((report.events, report.people), (6_000, 6_000));
        let figures = progress.figures();
        assert_eq!((figures.events, figures.progress), (6_000, 1.0));
        assert!(figures.state_bytes > 0 && figures.watermark.is_some(), "{figures:?}");
        let mut whole = log(vec![piece(0..6_000, 1.0)]);
        let again = backtest().run_beside(&mut whole, LIMITS, &progress).expect("it ends");
        let text = |report| serde_json::to_string(report).expect("JSON");
        assert_eq!(text(&report), text(&again));
    }

    #[test]
    fn it_ends_where_it_is_cancelled_too_large_or_cannot_read() {
        let progress = BacktestProgress::default();
        let small = BacktestLimits { state_bytes_max: 1_000, ..LIMITS };
        let too_large = backtest().run_beside(&mut log(vec![piece(0..1_000, 0.5)]), small, &progress);
        assert!(matches!(too_large, Err(BesideError::Memory { bytes, max: 1_000 }) if bytes > 1_000), "{too_large:?}");
        let mut broken = GivenPieces { failure: Some("gone"), ..log(vec![piece(0..10, 0.5)]) };
        let failed = backtest().run_beside(&mut broken, LIMITS, &progress);
        assert!(matches!(&failed, Err(BesideError::Log(why)) if why == "gone"), "{failed:?}");
        let mut endless = GivenPieces { cancel: Some(progress.clone()), ..log(vec![piece(0..10, 0.5)]) };
        let cancelled = backtest().run_beside(&mut endless, LIMITS, &progress);
        assert!(matches!(cancelled, Err(BesideError::Cancelled)), "{cancelled:?}");
    }

    #[test]
    fn steps_are_bounded_in_records_and_bytes() {
        assert_eq!(step_length(&views(0..5_000)), RECORDS_PER_STEP);
        let large = HistoryRecord { lines: Bytes::from(vec![b' '; BYTES_PER_STEP]), ..views(0..1).remove(0) };
        assert_eq!(step_length(&vec![large; 3]), 1);
    }
}
