//! The test's own view of the broker: makes streams, fills the one of events, and reads what came out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::stream::{Config, Info, Stream};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use rekindle_core::time::Timestamp;

use super::harness::LIMIT;
use super::log::is_output;

/// How many messages may wait for their acknowledgement.
const WINDOW: usize = 2_000;

/// A connection of the test's own.
pub struct Broker {
    pub jetstream: Context,
}

/// A message as it lies in a stream.
pub struct BrokerMessage {
    pub subject: String,
    pub payload: Bytes,
    /// When the server took it in.
    pub time: Timestamp,
}

impl Broker {
    /// Without credentials.
    pub async fn connect(url: &str) -> Broker {
        Broker::connect_with(async_nats::ConnectOptions::new(), url).await
    }

    /// With them.
    pub async fn connect_with(options: async_nats::ConnectOptions, url: &str) -> Broker {
        let options = options.reconnect_delay_callback(|_| Duration::from_millis(50));
        let client = options.connect(url).await.expect("the server lets the test in");
        Broker { jetstream: jetstream::new(client) }
    }

    /// Connects and makes the stream of events.
    pub async fn with_events(url: &str) -> Broker {
        let broker = Broker::connect(url).await;
        broker
            .create("EVENTS", &["events.>", "rekindle.tick", "rekindle.control.forget", "rekindle.control.audit"])
            .await;
        broker
    }

    /// Makes a stream as the daemon would.
    pub async fn create(&self, name: &str, subjects: &[&str]) {
        let subjects = subjects.iter().map(|&subject| subject.to_owned()).collect();
        let config = Config {
            name: name.to_owned(),
            subjects,
            allow_direct: true,
            allow_atomic_publish: true,
            duplicate_window: Duration::from_secs(120),
            ..Config::default()
        };
        self.jetstream.create_stream(config).await.expect("the stream can be made");
    }

    /// Publishes messages in order, at most `per_second` a second, and waits until all are in the stream. The subject has
    /// nothing to do with the order.
    pub async fn publish(&self, messages: &[Bytes], per_second: Option<u32>) {
        let started = Instant::now();
        let mut under_way: VecDeque<PublishAckFuture> = VecDeque::new();
        for (number, message) in (0_u32..).zip(messages) {
            if let Some(per_second) = per_second.filter(|_| number % 100 == 0) {
                let due = started + Duration::from_secs(1) * number / per_second;
                tokio::time::sleep_until(due.into()).await;
            }
            under_way.push_back(self.jetstream.publish("events.shop", message.clone()).await.expect("sent"));
            if under_way.len() == WINDOW {
                acknowledged(&mut under_way, WINDOW / 2).await;
            }
        }
        acknowledged(&mut under_way, 0).await;
    }

    /// Publishes messages in order although the server may go away meanwhile. What is not acknowledged in time is
    /// published again, so the stream may come to hold some messages twice: what it holds is what counts.
    pub async fn publish_stubbornly(&self, messages: &[Bytes]) {
        let mut jetstream = self.jetstream.clone();
        jetstream.set_timeout(Duration::from_millis(500));
        for window in messages.chunks(WINDOW / 4) {
            while !stored(&jetstream, window).await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Publishes one message; returns its number in the stream.
    pub async fn publish_one(&self, message: impl Into<Bytes>) -> u64 {
        let ack = self.jetstream.publish("events.shop", message.into()).await.expect("sent");
        ack.await.expect("acknowledged").sequence
    }

    /// A stream that is there.
    pub async fn stream(&self, name: &str) -> Stream {
        self.jetstream.get_stream(name).await.expect("the stream is there")
    }

    /// A stream's settings and state; none while there is no such stream or no server.
    pub async fn info(&self, name: &str) -> Option<Info> {
        self.jetstream.get_stream(name).await.ok().map(|stream| stream.cached_info().clone())
    }

    /// How many messages a stream holds.
    pub async fn count(&self, name: &str) -> u64 {
        self.info(name).await.map_or(0, |info| info.state.messages)
    }

    /// How many messages the output stream holds on each subject that this filter takes in.
    pub async fn subjects(&self, filter: &str) -> Vec<(String, usize)> {
        let Ok(stream) = self.jetstream.get_stream("REKINDLE").await else { return Vec::new() };
        match stream.info_with_subjects(filter).await {
            Ok(subjects) => subjects.try_collect().await.unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }

    /// How many outputs the output stream holds: changes, actions, decisions and merges, whatever else lies there.
    pub async fn outputs(&self) -> u64 {
        let subjects = self.subjects("rekindle.>").await;
        subjects.iter().filter(|(subject, _)| is_output(subject)).map(|(_, count)| *count as u64).sum()
    }

    /// Waits until the output stream holds this number of outputs.
    pub async fn wait_for_outputs(&self, count: u64) {
        let mut found = 0;
        let done = async {
            while found < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
                found = self.outputs().await;
            }
        };
        assert!(tokio::time::timeout(LIMIT, done).await.is_ok(), "REKINDLE holds {found} outputs of {count}");
    }

    /// Waits until a stream holds that number of messages.
    pub async fn wait_for_messages(&self, name: &str, count: u64) {
        let done = async {
            while self.count(name).await < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(LIMIT, done).await.is_ok(), "{name} holds fewer than {count} messages");
    }

    /// How many messages of a subject the output stream holds.
    pub async fn count_of(&self, subject: &str) -> u64 {
        self.subjects(subject).await.iter().map(|(_, count)| *count as u64).sum()
    }

    /// Waits until something was published to a subject of the output stream.
    pub async fn wait_for_subject(&self, subject: &str) {
        let done = async {
            loop {
                if let Ok(stream) = self.jetstream.get_stream("REKINDLE").await
                    && stream.get_last_raw_message_by_subject(subject).await.is_ok()
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let came = tokio::time::timeout(LIMIT, done).await;
        assert!(came.is_ok(), "nothing came on {subject}; REKINDLE holds {} outputs", self.outputs().await);
    }

    /// Everything that a stream holds, in its order.
    pub async fn read(&self, name: &str) -> Vec<BrokerMessage> {
        let count = usize::try_from(self.count(name).await).expect("it fits");
        if count == 0 {
            return Vec::new();
        }
        let config = pull::Config { ack_policy: AckPolicy::None, ..pull::Config::default() };
        let consumer = self.stream(name).await.create_consumer(config).await.expect("a consumer");
        let messages = consumer.stream().max_messages_per_batch(2_000).messages().await.expect("messages");
        let mut sequence = 0;
        let stored = messages.take(count).map(|message| {
            let message = message.expect("a message");
            let info = message.info().expect("of the stream");
            sequence += 1;
            assert_eq!(info.stream_sequence, sequence, "{name} is read in its order");
            let nanoseconds = info.published.unix_timestamp_nanos();
            let time = Timestamp(i64::try_from(nanoseconds / 1_000_000).expect("now"));
            BrokerMessage { subject: message.subject.to_string(), payload: message.payload.clone(), time }
        });
        tokio::time::timeout(LIMIT, stored.collect()).await.expect("the stream can be read")
    }
}

/// Publishes some messages; whether all of them were acknowledged.
async fn stored(jetstream: &Context, messages: &[Bytes]) -> bool {
    let mut under_way = Vec::new();
    for message in messages {
        let Ok(ack) = jetstream.publish("events.shop", message.clone()).await else { return false };
        under_way.push(ack);
    }
    futures_util::future::try_join_all(under_way.into_iter().map(IntoFuture::into_future)).await.is_ok()
}

async fn acknowledged(under_way: &mut VecDeque<PublishAckFuture>, down_to: usize) {
    while under_way.len() > down_to
        && let Some(ack) = under_way.pop_front()
    {
        ack.await.expect("acknowledged");
    }
}
