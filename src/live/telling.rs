//! When the growth numbers are told anew: often enough to be live, seldom enough to cost next to nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::growth::Numbers;
use crate::pipeline::Pipeline;
use crate::time::Timestamp;

/// They are told anew no sooner than this after the last time.
const AT_LEAST: Duration = Duration::from_secs(1);
/// Nor sooner than so many times what telling them took.
const TIMES_THE_COST: u32 = 100;

/// The growth numbers as they were told last.
#[derive(Debug, Default)]
pub(super) struct Telling {
    last: Option<Arc<Numbers>>,
    /// When they may be told anew, and what the watermark was the last time.
    next: Option<(Instant, Timestamp)>,
}

impl Telling {
    /// The numbers, told anew if it is time.
    pub(super) fn told(&mut self, pipeline: &Pipeline) -> Option<Arc<Numbers>> {
        let watermark = pipeline.watermark();
        let is_time = self.next.is_none_or(|(next, told)| told < Timestamp::MIN || Instant::now() >= next);
        if is_time && pipeline.plan().growth.is_some() {
            let began = Instant::now();
            self.last = pipeline.growth(None).map(Arc::new);
            let pause = AT_LEAST.max(began.elapsed() * TIMES_THE_COST);
            self.next = Some((Instant::now() + pause, watermark));
        }
        self.last.clone()
    }
}
