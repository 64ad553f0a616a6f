//! The test's own access to the broker: it waits for streams, and reads their contents.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, Info};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures_util::StreamExt;

use crate::error::Error;

/// The stream of events.
pub(crate) const EVENTS: &str = "EVENTS";
/// The subject that events are published on.
pub(crate) const EVENTS_SUBJECT: &str = "events.shop";
/// The stream of outputs.
pub(crate) const OUTPUTS: &str = "REKINDLE";
/// The stream of dead letters.
pub(crate) const DEAD: &str = "REKINDLE_DEAD";

/// How many messages may wait for their acknowledgement.
const UNACKNOWLEDGED_MAX: usize = 4_000;
/// How long the next message of a stream may take.
const NEXT: Duration = Duration::from_secs(30);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(2);
/// The time between two attempts.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// A message in a stream.
pub(crate) struct StreamEntry {
    pub(crate) sequence: u64,
    pub(crate) subject: String,
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) payload: Bytes,
}

/// Connects, and connects again whenever the connection is lost, for as long as it takes.
pub(crate) async fn connect(urls: &[String], name: &str) -> Result<Context, Error> {
    let options = async_nats::ConnectOptions::new()
        .name(name)
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(|_| RETRY_INTERVAL);
    let client = options.connect(urls).await.map_err(|error| Error::nats("connect")(error.into()))?;
    let mut context = jetstream::new(client);
    context.set_timeout(ANSWER);
    Ok(context)
}

/// A stream's settings and state; none while there is no such stream, or no server that answers.
pub(crate) async fn info(context: &Context, stream: &str) -> Option<Info> {
    context.get_stream(stream).await.ok().map(|stream| stream.cached_info().clone())
}

/// Waits until JetStream answers.
pub(crate) async fn wait_for_answers(context: &Context, patience: Duration) -> Result<(), Error> {
    let started = Instant::now();
    while let Err(error) = context.query_account().await {
        if started.elapsed() > patience {
            return Err(Error::nats("reach JetStream")(error.into()));
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
    Ok(())
}

/// Creates a stream in place of one that there may be.
pub(crate) async fn replace(context: &Context, config: Config) -> Result<(), Error> {
    if info(context, &config.name).await.is_some() {
        let gone = context.delete_stream(&config.name).await;
        gone.map_err(|error| Error::nats(format!("delete stream {}", config.name))(error.into()))?;
    }
    let attempt = format!("make stream {}", config.name);
    context.create_stream(config).await.map_err(|error| Error::nats(attempt)(error.into()))?;
    Ok(())
}

/// Waits for a stream that answers.
pub(crate) async fn wait_for(context: &Context, stream: &str, patience: Duration) -> Result<Info, Error> {
    let started = Instant::now();
    loop {
        if let Some(info) = info(context, stream).await {
            return Ok(info);
        }
        if started.elapsed() > patience {
            let cause = format!("it did not answer in {patience:?}");
            return Err(Error::Nats { attempt: format!("look at stream {stream}"), cause });
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

/// Whether something was ever published on a subject of a stream.
pub(crate) async fn has(context: &Context, stream: &str, subject: &str) -> bool {
    match context.get_stream_no_info(stream).await {
        Ok(stream) => stream.get_last_raw_message_by_subject(subject).await.is_ok(),
        Err(_) => false,
    }
}

/// Publishes messages, in their order.
pub(crate) async fn publish_all(context: &Context, subject: &'static str, messages: &[Bytes]) -> Result<(), Error> {
    let failed = |error: async_nats::Error| Error::nats("publish the backlog")(error);
    let mut under_way = VecDeque::new();
    for message in messages {
        let message = PublishMessage::build().payload(message.clone());
        let ack = context.send_publish(subject, message).await.map_err(|error| failed(error.into()))?;
        under_way.push_back(ack);
        if under_way.len() >= UNACKNOWLEDGED_MAX
            && let Some(ack) = under_way.pop_front()
        {
            ack.await.map_err(|error| failed(error.into()))?;
        }
    }
    for ack in under_way {
        ack.await.map_err(|error| failed(error.into()))?;
    }
    Ok(())
}

/// All messages of a stream, in its order. Retried: a cluster may just be electing a leader.
pub(crate) async fn read(context: &Context, name: &str) -> Result<Vec<StreamEntry>, Error> {
    let started = Instant::now();
    loop {
        match read_once(context, name).await {
            Err(Error::Nats { .. }) if started.elapsed() < NEXT => tokio::time::sleep(RETRY_INTERVAL).await,
            done => return done,
        }
    }
}

async fn read_once(context: &Context, name: &str) -> Result<Vec<StreamEntry>, Error> {
    let attempt = || format!("read stream {name}");
    let info = wait_for(context, name, NEXT).await?;
    let count = usize::try_from(info.state.messages).unwrap_or(usize::MAX);
    let mut stored = Vec::with_capacity(count);
    if count == 0 {
        return Ok(stored);
    }
    let stream = context.get_stream(name).await.map_err(|error| Error::nats(attempt())(error.into()))?;
    let config = pull::Config { ack_policy: AckPolicy::None, ..pull::Config::default() };
    let consumer = stream.create_consumer(config).await.map_err(|error| Error::nats(attempt())(error.into()))?;
    let messages = consumer.stream().max_messages_per_batch(2_000).messages().await;
    let mut messages = messages.map_err(|error| Error::nats(attempt())(error.into()))?;
    while stored.len() < count {
        let next = tokio::time::timeout(NEXT, messages.next()).await;
        let Ok(Some(message)) = next else {
            let cause = format!("after {} of {count} messages none came", stored.len());
            return Err(Error::Nats { attempt: attempt(), cause });
        };
        let message = message.map_err(|error| Error::nats(attempt())(error.into()))?;
        let sequence = message.info().map_err(Error::nats(attempt()))?.stream_sequence;
        let message = message.message;
        let (subject, headers, payload) = (message.subject.to_string(), message.headers, message.payload);
        stored.push(StreamEntry { sequence, subject, headers, payload });
    }
    if stored.windows(2).any(|pair| pair[0].sequence >= pair[1].sequence) {
        return Err(Error::Unreadable(format!("stream {name} did not come in its order")));
    }
    Ok(stored)
}
