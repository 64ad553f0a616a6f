//! What stands in the way of publishing: told once, tried again with waits that grow.

use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info};

use super::SinkStatus;
use crate::health::Part;

/// Waits between attempts grow from this …
const WAIT_FIRST: Duration = Duration::from_millis(50);
/// … to this.
const WAIT_LAST: Duration = Duration::from_secs(2);

/// The sink's voice in health and the log.
pub(super) struct Trouble {
    part: Part,
    status: Arc<SinkStatus>,
    wait: Duration,
}

impl Trouble {
    pub(super) fn new(part: Part, status: Arc<SinkStatus>) -> Trouble {
        Trouble { part, status, wait: WAIT_FIRST }
    }

    /// An attempt failed: says so, and waits until the next may be made.
    pub(super) async fn met(&mut self, why: String) {
        self.status.failed();
        let news = format!("{why}; trying again");
        if self.part.failing(why) {
            error!("{news}");
        }
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(WAIT_LAST);
    }

    /// An attempt succeeded.
    pub(super) fn over(&mut self) {
        self.wait = WAIT_FIRST;
        if self.part.works() {
            info!("outputs can be published");
        }
    }
}
