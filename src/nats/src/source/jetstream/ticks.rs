//! What a reader does while nothing comes in: publishes ticks, and measures the lag.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tracing::error;

use super::JetStreamReader;
use crate::source::status::add;

/// How often the stream is asked for its last sequence.
const LAG_INTERVAL: Duration = Duration::from_secs(5);
/// How long publishing a tick may take; longer, and the connection is stuck.
const TICK_TIMEOUT: Duration = Duration::from_secs(1);

impl JetStreamReader {
    /// Publishes a tick, and reports if the last ones did not come back.
    pub(super) async fn tick(&mut self) {
        let subject = self.source.settings.tick_subject.clone();
        let publish = self.source.connection.client.publish(subject, bytes::Bytes::new());
        if matches!(tokio::time::timeout(TICK_TIMEOUT, publish).await, Ok(Ok(()))) {
            add(&self.source.status.ticks_sent, 1);
        }
        let now = Instant::now();
        self.ticker.sent(now);
        // Behind pending messages a tick may well be in flight.
        if self.pending == 0 && self.ticker.is_overdue(now) {
            self.ticks_fail = true;
            let why = self.why_no_ticks();
            if self.source.part.failing(why.clone()) {
                error!("{why}");
            }
        }
    }

    fn why_no_ticks(&self) -> String {
        let (stream, subject) = (self.stream(), &self.source.settings.tick_subject);
        let denial =
            self.source.connection.status.denial_since(self.denials_before, |denial| {
                denial.operation == "publish" && denial.subject == *subject
            });
        let why = denial.map_or_else(
            || format!("does stream {stream} take in {subject}, and is there room in it?"),
            |denial| denial.to_string(),
        );
        format!("ticks do not come back, so no time passes without events: {why}")
    }

    /// Requests the stream's last sequence at intervals, while this consumer lives.
    pub(super) fn watch_lag(&self) -> JoinSet<()> {
        let mut task = JoinSet::new();
        if self.position.is_unfiltered {
            let (connection, stream) = (self.source.connection.clone(), self.stream().to_owned());
            let status = self.source.status();
            task.spawn(async move {
                loop {
                    tokio::time::sleep(LAG_INTERVAL).await;
                    if let Ok(found) = connection.stream_info(&stream).await {
                        let state = found.info.state;
                        let read = status.sequence().max(state.first_sequence.saturating_sub(1));
                        status.set_pending(state.last_sequence.saturating_sub(read));
                    }
                }
            });
        }
        task
    }
}
