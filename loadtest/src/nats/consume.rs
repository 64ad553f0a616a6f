//! A consumer of a stream without acknowledgements, in large batches: what the daemon does, too.

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};

use crate::error::Error;

/// The number of messages per request.
const BATCH: usize = 5_000;

/// The messages of a stream: from its beginning or from now on, of one subject or all.
pub(crate) async fn consume(
    context: &Context,
    stream: &str,
    subject: &str,
    from: DeliverPolicy,
) -> Result<pull::Stream, Error> {
    let attempt = || format!("consume stream {stream}");
    let found = context.get_stream(stream).await.map_err(|error| Error::nats(attempt())(error.into()))?;
    let config = pull::Config {
        ack_policy: AckPolicy::None,
        deliver_policy: from,
        filter_subject: subject.to_owned(),
        ..pull::Config::default()
    };
    let consumer = found.create_consumer(config).await.map_err(|error| Error::nats(attempt())(error.into()))?;
    let messages = consumer.stream().max_messages_per_batch(BATCH).messages().await;
    messages.map_err(|error| Error::nats(attempt())(error.into()))
}
