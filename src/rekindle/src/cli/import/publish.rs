//! Calls into the stream, acknowledged, at a chosen rate.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Runtime;

use super::error::ImportError;
use crate::cli::CliError;
use crate::cli::simulate::{MessageFeed, connect};
use rekindle_settings::Settings;

/// What the headers of a message take of it, at most.
const HEADERS_BYTES_MAX: usize = 512;

/// Publishes calls.
pub(super) struct ImportFeed {
    runtime: Runtime,
    feed: MessageFeed,
    rate: Option<u32>,
    began: Instant,
    sent: u32,
    max_bytes: usize,
}

impl ImportFeed {
    /// Connects.
    pub(super) fn open(settings: &Settings, subject: String, rate: Option<u32>) -> Result<ImportFeed, CliError> {
        let runtime = Runtime::new().map_err(CliError::system("start the runtime"))?;
        let (feed, max_bytes) = runtime.block_on(async {
            let client = connect(&settings.nats, "import").await?;
            let max_bytes = client.server_info().max_payload.saturating_sub(HEADERS_BYTES_MAX);
            Ok::<_, CliError>((MessageFeed::open(client, subject.clone(), 1).await?, max_bytes))
        })?;
        if !feed.is_acknowledged() {
            return Err(ImportError::NoStream(subject).into());
        }
        Ok(ImportFeed { runtime, feed, rate, began: Instant::now(), sent: 0, max_bytes })
    }

    /// The longest call.
    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Publishes a call; waits for its turn, and for room.
    pub(super) fn send(&mut self, id: &str, json: &str) -> Result<(), CliError> {
        let due = self.rate.map(|rate| Duration::from_secs(1) * self.sent / rate);
        let wait = due.map_or(Duration::ZERO, |due| due.saturating_sub(self.began.elapsed()));
        self.sent = self.sent.wrapping_add(1);
        if self.sent == u32::MAX {
            (self.sent, self.began) = (0, Instant::now());
        }
        let payload = Bytes::copy_from_slice(json.as_bytes());
        self.runtime.block_on(async {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            self.feed.send_as(id.to_owned(), payload).await;
        });
        Ok(())
    }

    /// How many are not acknowledged yet.
    pub(super) fn waiting(&mut self) -> usize {
        self.runtime.block_on(self.feed.settle_ready());
        usize::try_from(self.feed.unacknowledged()).unwrap_or(usize::MAX)
    }

    /// Waits until all are acknowledged.
    pub(super) fn drain(&mut self) {
        self.runtime.block_on(self.feed.drain());
    }
}
