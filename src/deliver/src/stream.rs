//! The output stream as a destination reads it: a durable consumer, from which messages come as there is room for them.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy};
use async_nats::jetstream::{self, AckKind};
use futures_util::StreamExt as _;
use rekindle_nats::NatsConnection;
use rekindle_settings::{DestinationSettings, OutputSettings};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tracing::warn;

use crate::window::WINDOW_MESSAGES;

/// A message that is neither acknowledged nor said to be in progress for this long is delivered again.
pub(crate) const ACK_WAIT: Duration = Duration::from_secs(30);
/// How many messages are asked for at a time.
const FETCH_MESSAGES: usize = 64;
/// How long the server may take to give as many.
const FETCH_EXPIRES: Duration = Duration::from_secs(5);
/// How long to wait after a request for messages failed.
const FETCH_PAUSE: Duration = Duration::from_secs(1);
/// Every name of the rules.
const ALL: &str = "*";

/// Why a destination has no messages.
#[derive(Debug, Error)]
pub enum DeliveryStreamError {
    /// The stream is not there.
    #[error("cannot read the output stream {stream}: {reason}")]
    Stream {
        /// Its name.
        stream: String,
        /// Why not.
        reason: String,
    },
    /// The consumer can't be had.
    #[error("cannot create the consumer {consumer} on the stream {stream}: {reason}")]
    Consumer {
        /// The consumer's name.
        consumer: String,
        /// The stream's.
        stream: String,
        /// Why not.
        reason: String,
    },
}

/// The consumer of a destination.
pub(crate) struct DeliveryStream {
    pub(crate) stream: jetstream::stream::Stream,
    consumer: Consumer<Config>,
    /// Messages that an earlier process had and did not settle.
    pub(crate) unsettled: usize,
}

/// Messages as they come.
pub(crate) struct DeliveryMessages {
    messages: mpsc::Receiver<jetstream::Message>,
    reader: AbortHandle,
}

impl DeliveryMessages {
    /// The next message; `None`: there will be no more.
    pub(crate) async fn next(&mut self) -> Option<jetstream::Message> {
        self.messages.recv().await
    }

    /// Asks for no more, and gives back those that nobody took.
    pub(crate) async fn end(mut self) {
        self.reader.abort();
        self.messages.close();
        while let Some(message) = self.messages.recv().await {
            let _ = message.ack_with(AckKind::Nak(None)).await;
        }
    }
}

/// The name of the consumer of a destination.
pub fn consumer_name(destination: &str) -> String {
    format!("rekindle_deliver_{destination}")
}

/// The subjects of what a destination is sent.
pub fn filter_subjects(settings: &DestinationSettings, prefix: &str) -> Vec<String> {
    let DestinationSettings { channels, campaigns, segments, ledgers, goals, .. } = settings;
    let is_of_others = ![segments, ledgers, goals].iter().all(|names| names.is_empty());
    let mut subjects = Vec::new();
    if !is_of_others || !channels.is_empty() || !campaigns.is_empty() {
        for channel in distinct(channels).unwrap_or_else(|| vec![ALL]) {
            let campaigns = distinct(campaigns).unwrap_or_else(|| vec![ALL]);
            subjects.extend(campaigns.iter().map(|campaign| format!("{prefix}.actions.{channel}.{campaign}")));
        }
    }
    let names = |names| distinct(names).unwrap_or_default().into_iter();
    subjects.extend(names(segments).map(|segment| format!("{prefix}.segments.{segment}.*")));
    subjects.extend(names(ledgers).map(|ledger| format!("{prefix}.points.{ledger}.*")));
    subjects.extend(names(goals).map(|goal| format!("{prefix}.outcomes.*.{goal}")));
    subjects
}

/// Names, each once, or only the one that stands for all: the subjects of a consumer must not overlap. `None`: there are none.
fn distinct(names: &[String]) -> Option<Vec<&str>> {
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    match names.contains(ALL) {
        true => Some(vec![ALL]),
        false => Some(names.into_iter().collect()).filter(|names: &Vec<&str>| !names.is_empty()),
    }
}

impl DeliveryStream {
    /// Creates the consumer if it is missing. It begins with what is published from then on.
    pub(crate) async fn open(
        connection: &NatsConnection,
        settings: &DestinationSettings,
        output: &OutputSettings,
    ) -> Result<DeliveryStream, DeliveryStreamError> {
        let stream_name = output.stream.clone();
        let stream = connection.jetstream.get_stream(&stream_name).await;
        let stream = stream
            .map_err(|error| DeliveryStreamError::Stream { stream: stream_name.clone(), reason: error.to_string() })?;
        let name = consumer_name(&settings.name);
        let config = Config {
            durable_name: Some(name.clone()),
            description: Some(format!("Rekindle delivers to {}", settings.name)),
            deliver_policy: DeliverPolicy::New,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: i64::try_from(WINDOW_MESSAGES).unwrap_or(i64::MAX),
            filter_subjects: filter_subjects(settings, &output.prefix),
            ..Config::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| DeliveryStreamError::Consumer {
            consumer: name,
            stream: stream_name,
            reason: error.to_string(),
        })?;
        let unsettled = consumer.cached_info().num_ack_pending;
        Ok(DeliveryStream { stream, consumer, unsettled })
    }

    /// Asks for messages until it is told to end.
    pub(crate) fn messages(&self, destination: String) -> DeliveryMessages {
        let (sender, messages) = mpsc::channel(FETCH_MESSAGES);
        let consumer = self.consumer.clone();
        let reader = tokio::spawn(async move {
            while !sender.is_closed() {
                if let Err(reason) = fetch(&consumer, &sender).await {
                    warn!(destination, "could not read the output stream: {reason}; trying again");
                    tokio::time::sleep(FETCH_PAUSE).await;
                }
            }
        });
        DeliveryMessages { messages, reader: reader.abort_handle() }
    }
}

async fn fetch(consumer: &Consumer<Config>, sender: &mpsc::Sender<jetstream::Message>) -> Result<(), String> {
    let request = consumer.fetch().max_messages(FETCH_MESSAGES).expires(FETCH_EXPIRES).messages();
    let mut messages = request.await.map_err(|error| error.to_string())?;
    while let Some(message) = messages.next().await {
        let message = message.map_err(|error| error.to_string())?;
        if sender.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects(lists: &str) -> Vec<String> {
        let text = format!("[[deliver]]\nname = 'a'\nurl = 'https://h'\n{lists}");
        let settings = rekindle_settings::Settings::load(&text, "".as_ref(), []).unwrap();
        filter_subjects(&settings.deliver[0], "p")
    }

    #[test]
    fn a_destination_reads_what_it_names_and_by_default_all_actions() {
        assert_eq!(subjects(""), ["p.actions.*.*"]);
        assert_eq!(subjects("channels = ['push', 'email', 'push']"), ["p.actions.email.*", "p.actions.push.*"]);
        assert_eq!(subjects("channels = ['push', '*']"), ["p.actions.*.*"]);
        assert_eq!(subjects("campaigns = ['hi']"), ["p.actions.*.hi"]);
        assert_eq!(subjects("segments = ['*']"), ["p.segments.*.*"]);
        assert_eq!(subjects("ledgers = ['stars']\ngoals = ['*']"), ["p.points.stars.*", "p.outcomes.*.*"]);
        assert_eq!(subjects("channels = ['c']\nsegments = ['s']"), ["p.actions.c.*", "p.segments.s.*"]);
    }
}
