//! When the growth numbers are told anew: often enough to be live, seldom enough to cost next to nothing; and only when all
//! that is due has fired, as stages would else be of one moment and days of another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::pipeline::Pipeline;
use rekindle_core::growth::GrowthReport;
use rekindle_core::time::Timestamp;

/// They are told anew no sooner than this after the last time.
const AT_LEAST: Duration = Duration::from_secs(1);
/// Nor sooner than so many times what telling them took.
const TIMES_THE_COST: u32 = 100;

/// The growth numbers as they were told last.
#[derive(Debug, Default)]
pub(super) struct GrowthReportSchedule {
    last: Option<Arc<GrowthReport>>,
    /// When they may be told anew, and what the watermark was the last time.
    next: Option<(Instant, Timestamp)>,
}

impl GrowthReportSchedule {
    /// Tells the numbers anew if it is time. While what is out already is gone through, there are none.
    pub(super) fn refresh(&mut self, pipeline: &Pipeline, is_live: bool) {
        if !is_live {
            *self = GrowthReportSchedule::default();
            return;
        }
        let watermark = pipeline.watermark();
        let is_time = self.next.is_none_or(|(next, told)| told < Timestamp::MIN || Instant::now() >= next);
        if is_time && pipeline.plan().growth.is_some() && pipeline.fired() >= watermark {
            let began = Instant::now();
            self.last = pipeline.growth(None).map(Arc::new);
            let pause = AT_LEAST.max(began.elapsed() * TIMES_THE_COST);
            self.next = Some((Instant::now() + pause, watermark));
        }
    }

    /// The numbers as they were told last; `None`: not yet.
    pub(super) fn last(&self) -> Option<Arc<GrowthReport>> {
        self.last.clone()
    }
}
