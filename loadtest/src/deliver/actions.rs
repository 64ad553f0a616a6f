//! A backlog of actions, as the engine publishes them.

use std::collections::VecDeque;

use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Config;
use bytes::Bytes;

use super::DeliverLoadArgs;
use crate::error::Error;
use crate::streams::{self, OUTPUTS};

/// How many messages may wait for their acknowledgement.
const WINDOW: usize = 4_000;
/// What stands before the number of an action.
pub(super) const BEFORE_NUMBER: &[u8] = b"\"number\":";

/// An empty output stream.
pub(super) async fn fresh_stream(context: &Context) -> Result<(), Error> {
    let subjects = vec!["rekindle.actions.>".to_owned()];
    streams::replace(context, Config { name: OUTPUTS.to_owned(), subjects, ..Config::default() }).await
}

/// The action of a number: its user is the number modulo the users.
pub(super) fn action(args: &DeliverLoadArgs, number: u32) -> Bytes {
    let (user, text) = (number % args.users, "x".repeat(args.payload as usize));
    let id = rekindle_core::action::event_id(&number.to_string());
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/rekindle","type":"rekindle.action.v1","subject":"u{user:07}","time":"2026-03-01T10:00:00.000Z","datacontenttype":"application/json","data":{{"user":"u{user:07}","campaign":"loadtest","channel":"push","variant":"a","number":{number},"expires":"2100-01-01T00:00:00.000Z","trigger":{{"segment":"cart_abandoned","change":"enter","cause":"time"}},"payload":{{"title":"Still interested?","email":"u{user:07}@shop.example","text":"{text}"}}}}}}"#
    )
    .into()
}

/// Publishes all of them.
pub(super) async fn publish(context: &Context, args: &DeliverLoadArgs) -> Result<(), Error> {
    let failed = |error: async_nats::Error| Error::nats("publish the backlog")(error);
    let mut waiting = VecDeque::new();
    for number in 0..args.messages {
        let message = PublishMessage::build().payload(action(args, number));
        let sent = context.send_publish("rekindle.actions.push.loadtest", message).await;
        waiting.push_back(sent.map_err(|error| failed(error.into()))?);
        if waiting.len() >= WINDOW
            && let Some(oldest) = waiting.pop_front()
        {
            oldest.await.map_err(|error| failed(error.into()))?;
        }
    }
    for acknowledgement in waiting {
        acknowledgement.await.map_err(|error| failed(error.into()))?;
    }
    Ok(())
}
