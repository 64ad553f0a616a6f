//! When the growth numbers are computed: often enough to be current, seldom enough to cost almost nothing; and only when all
//! due timers have fired, since stages and days would otherwise be as of different instants.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::pipeline::Pipeline;
use rekindle_core::growth::GrowthReport;
use rekindle_core::time::Timestamp;

/// The least time between two reports.
const MIN_REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The time between two reports is at least this many times what the last one took.
const INTERVAL_PER_COST: u32 = 100;

/// The latest report of the growth numbers.
#[derive(Debug, Default)]
pub(super) struct GrowthReportSchedule {
    last: Option<Arc<GrowthReport>>,
    /// When the next report may be computed, and the watermark of the latest.
    next: Option<(Instant, Timestamp)>,
}

impl GrowthReportSchedule {
    /// Computes the numbers if it is time. During a recovery there are none.
    pub(super) fn refresh(&mut self, pipeline: &Pipeline, is_live: bool) {
        if !is_live {
            *self = GrowthReportSchedule::default();
            return;
        }
        let watermark = pipeline.watermark();
        let is_time = self.next.is_none_or(|(next, reported)| reported < Timestamp::MIN || Instant::now() >= next);
        if is_time && pipeline.plan().growth.is_some() && pipeline.fired() >= watermark {
            let began = Instant::now();
            self.last = pipeline.growth(None).map(Arc::new);
            let pause = MIN_REPORT_INTERVAL.max(began.elapsed() * INTERVAL_PER_COST);
            self.next = Some((Instant::now() + pause, watermark));
        }
    }

    /// The latest numbers; `None`: not yet.
    pub(super) fn last(&self) -> Option<Arc<GrowthReport>> {
        self.last.clone()
    }
}
