//! The stream as the publisher needs to know it. Everything is asked of the stream's leader: other replicas may lag.

use async_nats::jetstream::context::Context;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{ErrorCode, stream};
use base64::Engine as _;
use serde::Deserialize;
use serde_json::json;

use super::refusal::Refusal;

/// The stream at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The sequence of its last message, also of one that is gone by now; 0: it never had any.
    pub(super) last: u64,
    /// It takes atomic batches.
    pub(super) is_atomic: bool,
}

#[derive(Deserialize)]
struct Stored {
    message: StoredMessage,
}

#[derive(Deserialize)]
struct StoredMessage {
    /// In base64; missing where there are none.
    #[serde(default)]
    hdrs: String,
}

/// How the stream stands.
pub(super) async fn standing(context: &Context, name: &str) -> Result<Standing, Refusal> {
    let subject = format!("STREAM.INFO.{name}");
    match context.request(subject.clone(), &()).await {
        Ok(Response::Ok(info)) => {
            let stream::Info { config, state, .. } = info;
            Ok(Standing { last: state.last_sequence, is_atomic: config.allow_atomic_publish })
        }
        Ok(Response::Err { error }) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            Err(Refusal::NoStream { stream: name.to_owned() })
        }
        Ok(Response::Err { error }) => Err(Refusal::of_server(&error)),
        Err(error) => Err(Refusal::of_request(&error, &format!("$JS.API.{subject}"))),
    }
}

/// The headers of the stream's message with this sequence; `None`: it has none with it (any more).
pub(super) async fn headers_at(context: &Context, name: &str, sequence: u64) -> Result<Option<String>, Refusal> {
    let subject = format!("STREAM.MSG.GET.{name}");
    match context.request(subject.clone(), &json!({ "seq": sequence })).await {
        Ok(Response::Ok(Stored { message })) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(&message.hdrs).unwrap_or_default();
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
        Ok(Response::Err { error }) if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => Ok(None),
        Ok(Response::Err { error }) => Err(Refusal::of_server(&error)),
        Err(error) => Err(Refusal::of_request(&error, &format!("$JS.API.{subject}"))),
    }
}

/// The value of a header, of headers as they stand in a stream.
pub(super) fn value<'h>(headers: &'h str, name: &str) -> Option<&'h str> {
    headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
}
