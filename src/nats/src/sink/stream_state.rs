//! The stream as the publisher needs to know it. Everything is asked of the stream's leader: other replicas may lag.

use async_nats::jetstream::context::Context;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{ErrorCode, stream};
use base64::Engine as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::publish_error::PublishError;
use rekindle_core::time::Timestamp;

/// The stream at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamState {
    /// The sequence of its last message, also of one that is gone by now; 0: it never had any.
    pub(super) last: u64,
    /// It takes atomic batches.
    pub(super) is_atomic: bool,
    /// When it was made, in nanoseconds since 1970: another stream of the same name was made at another time.
    pub(super) created_ns: i128,
    /// What it takes in.
    pub(super) subjects: Vec<String>,
    /// The largest message it takes; `None`: it has no bound of its own.
    pub(super) max_message_bytes: Option<usize>,
    /// The server's clock then; `None`: it did not say.
    pub(super) now: Option<Timestamp>,
}

#[derive(Deserialize)]
struct StoredMessageResponse {
    message: StoredMessage,
}

#[derive(Deserialize)]
struct StoredMessage {
    seq: u64,
    subject: String,
    /// When the server took it in, by its clock.
    #[serde(default)]
    time: String,
    /// In base64; missing where there are none.
    #[serde(default)]
    hdrs: String,
    /// In base64; missing where it is empty.
    #[serde(default)]
    data: String,
}

/// A message as it lies in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamMessage {
    pub(super) sequence: u64,
    pub(super) subject: String,
    /// When the server took it in, by its clock.
    pub(super) time: Option<Timestamp>,
    /// As they were sent, in lines.
    pub(super) headers: String,
    pub(super) payload: Vec<u8>,
}

/// How the stream stands.
pub(super) async fn standing(context: &Context, name: &str) -> Result<StreamState, PublishError> {
    let subject = format!("STREAM.INFO.{name}");
    match context.request::<_, _, Response<Value>>(subject.clone(), &()).await {
        Ok(Response::Ok(answer)) => {
            let now = answer["ts"].as_str().and_then(Timestamp::parse_rfc3339);
            let info =
                serde_json::from_value(answer).map_err(|error| PublishError::Other { why: error.to_string() })?;
            let stream::Info { config, state, created, .. } = info;
            Ok(StreamState {
                now,
                last: state.last_sequence,
                is_atomic: config.allow_atomic_publish,
                created_ns: created.unix_timestamp_nanos(),
                subjects: config.subjects,
                max_message_bytes: usize::try_from(config.max_message_size).ok().filter(|bytes| *bytes > 0),
            })
        }
        Ok(Response::Err { error }) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            Err(PublishError::NoStream { stream: name.to_owned() })
        }
        Ok(Response::Err { error }) => Err(PublishError::of_server(&error)),
        Err(error) => Err(PublishError::of_request(&error, &format!("$JS.API.{subject}"))),
    }
}

/// The stream's message with this sequence; `None`: it has none with it (any more).
pub(super) async fn at(context: &Context, name: &str, sequence: u64) -> Result<Option<StreamMessage>, PublishError> {
    get(context, name, &json!({ "seq": sequence })).await
}

/// The stream's first message of a subject, which may have wildcards, with this sequence or a higher one; `None`: there is
/// none.
pub(super) async fn next_of(
    context: &Context,
    name: &str,
    subject: &str,
    sequence: u64,
) -> Result<Option<StreamMessage>, PublishError> {
    get(context, name, &json!({ "seq": sequence, "next_by_subj": subject })).await
}

/// The stream's last message of a subject, which may have wildcards; `None`: it has none (any more).
pub(super) async fn last_of(
    context: &Context,
    name: &str,
    subject: &str,
) -> Result<Option<StreamMessage>, PublishError> {
    get(context, name, &json!({ "last_by_subj": subject })).await
}

async fn get(context: &Context, name: &str, which: &Value) -> Result<Option<StreamMessage>, PublishError> {
    let subject = format!("STREAM.MSG.GET.{name}");
    match context.request(subject.clone(), which).await {
        Ok(Response::Ok(StoredMessageResponse { message })) => {
            let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
            let headers = String::from_utf8_lossy(&decode(&message.hdrs)).into_owned();
            let payload = decode(&message.data);
            let StoredMessage { seq: sequence, subject, time, .. } = message;
            Ok(Some(StreamMessage { sequence, subject, time: Timestamp::parse_rfc3339(&time), headers, payload }))
        }
        Ok(Response::Err { error }) if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => Ok(None),
        Ok(Response::Err { error }) => Err(PublishError::of_server(&error)),
        Err(error) => Err(PublishError::of_request(&error, &format!("$JS.API.{subject}"))),
    }
}

/// The value of a header, of headers as they stand in a stream.
pub(super) fn value<'h>(headers: &'h str, name: &str) -> Option<&'h str> {
    headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
}
