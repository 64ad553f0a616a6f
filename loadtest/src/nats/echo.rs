//! An echo: the least work between an event and its consequence, which is to receive it and to publish something.

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use futures_util::StreamExt;

use super::consume::consume;
use super::events::number_of;
use super::names::{ECHO_SUBJECT, EVENTS, EVENTS_SUBJECT};
use crate::error::Error;

/// One in this number of events is echoed: about as many as cause an action.
pub(super) const ONE_IN: u64 = 20;

/// Echoes the events from now on, without end.
pub(super) async fn start(context: Context) -> Result<tokio::task::JoinHandle<()>, Error> {
    let mut events = consume(&context, EVENTS, EVENTS_SUBJECT, DeliverPolicy::New).await?;
    Ok(tokio::spawn(async move {
        while let Some(event) = events.next().await {
            let Ok(event) = event else { continue };
            let Some(number) = number_of(&event.payload).filter(|number| number.is_multiple_of(ONE_IN)) else {
                continue;
            };
            let echo = PublishMessage::build().payload(Bytes::from(number.to_string()));
            // Whether it is stored shows in whether it comes.
            let _ = context.send_publish(ECHO_SUBJECT, echo).await;
        }
    }))
}
