//! The metrics of the connection to NATS, the source and the sink, read from their statuses.

use super::definitions::*;
use super::page::{MetricsPage, Readings};
use rekindle_core::time::Timestamp;
use rekindle_nats::ConnectionStatus;
use rekindle_nats::sink::{MessageKind, SinkFigures};
use rekindle_nats::source::SourceStatus;

const CONNECTION: &Readings<ConnectionStatus> = &[
    (&CONNECTED, |status| f64::from(u8::from(status.is_up()))),
    (&DISCONNECTS, |status| status.disconnects() as f64),
    (&RECONNECTS, |status| status.reconnects() as f64),
    (&SLOW_CONSUMER, |status| status.slow_consumers() as f64),
];

const SOURCE: &Readings<SourceStatus> = &[
    (&SOURCE_MESSAGES, |status| status.messages() as f64),
    (&SOURCE_BYTES, |status| status.bytes() as f64),
    (&SOURCE_GAPS, |status| status.gaps() as f64),
    (&SOURCE_MISSING, |status| status.missing() as f64),
    (&SOURCE_RECREATIONS, |status| status.recreations() as f64),
    (&TICKS_SENT, |status| status.ticks_sent() as f64),
    (&TICKS_RECEIVED, |status| status.ticks_received() as f64),
];

const SINK: &Readings<SinkFigures> = &[
    (&PUBLISH_BATCHES, |figures| figures.batches as f64),
    (&PUBLISH_ERRORS, |figures| figures.errors as f64),
    (&PUBLISH_RETRIES, |figures| figures.retries as f64),
    (&PUBLISH_OVERSIZED, |figures| figures.oversized as f64),
    (&LETTERS_CUT, |figures| figures.dead_letters_truncated as f64),
    (&LETTERS_COUNTED, |figures| figures.rejections_summarized as f64),
    (&LETTERS_LOST, |figures| figures.dead_letters_lost as f64),
    (&COMMITTED, |figures| figures.committed_sequence as f64),
];

impl MetricsPage {
    /// The connection to NATS; `None`: there has been none yet.
    pub fn connection(&mut self, status: Option<&ConnectionStatus>) {
        match status {
            Some(status) => self.read(CONNECTION, status),
            None => self.read(CONNECTION, &ConnectionStatus::default()),
        }
    }

    /// The source; `None`: there is no connection yet. `now` is the wall clock.
    pub fn source(&mut self, status: Option<&SourceStatus>, now: Timestamp) {
        let Some(status) = status else { return self.read(SOURCE, &SourceStatus::default()) };
        self.read(SOURCE, status);
        self.count(&SOURCE_LAG_MESSAGES, &[], status.pending());
        if let Some(received) = status.received() {
            self.add(&SOURCE_LAG, &[], super::seconds(now.0 - received.0).max(0.0));
        }
    }

    /// The sink.
    pub fn sink(&mut self, figures: &SinkFigures) {
        for (kind, count) in MessageKind::NAMES.iter().zip(figures.published) {
            self.count(&PUBLISHED, &[kind], count);
        }
        self.read(SINK, figures);
    }
}
