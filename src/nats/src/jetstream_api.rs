//! The client of JetStream's API: every request that the crate makes of it, with one error type.
//!
//! Everything is asked of a stream's leader, since replicas may lag; only messages by their number are asked of the nearest server
//! where many are wanted, and what that does not have, of the leader. A request that the server does not permit
//! gets no response, only a permission violation on the connection; whichever of the two comes first ends the request.

use async_nats::jetstream::context::{RequestError, RequestErrorKind};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{Config, Info};
use async_nats::jetstream::{self, ErrorCode};
use base64::Engine as _;
use rekindle_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use super::{NatsConnection, PermissionDenial};

/// Why JetStream did not do as asked.
#[derive(Debug, Error)]
pub enum JetStreamError {
    /// The server does not permit it.
    #[error("{0}")]
    Denied(PermissionDenial),
    /// Nobody answers for JetStream.
    #[error(
        "JetStream does not answer: it is not enabled on this server, or not for this account; write `jetstream {{ }}` \
         into nats-server's configuration, and `jetstream: enabled` into the account's where there are accounts"
    )]
    NotEnabled,
    /// There was no response in time.
    #[error("JetStream does not answer {subject}; is the cluster without a leader, or the connection stuck?")]
    TimedOut {
        /// The subject of the request.
        subject: String,
    },
    /// JetStream refused the request.
    #[error("JetStream says: {0}")]
    Refused(jetstream::Error),
    /// The response has an unexpected form.
    #[error("JetStream's response to {subject} can't be read: {source}")]
    UnexpectedResponse {
        /// The subject of the request.
        subject: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The request could not be sent.
    #[error("could not ask JetStream: {0}")]
    NotSent(#[source] RequestError),
    /// The subscription for what JetStream delivers could not be made.
    #[error("could not subscribe to what JetStream delivers: {0}")]
    NotSubscribed(#[source] async_nats::SubscribeError),
}

impl JetStreamError {
    /// JetStream's own number for the reason.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            JetStreamError::Refused(error) => Some(error.error_code()),
            _ => None,
        }
    }
}

/// A stream's settings and state at one moment.
#[derive(Debug)]
pub(crate) struct StreamInfo {
    pub(crate) info: Info,
    /// The server's clock then; `None`: the server did not report it.
    pub(crate) server_time: Option<Timestamp>,
}

/// A message as a stream stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredMessage {
    pub(crate) sequence: u64,
    pub(crate) subject: String,
    /// When the server stored it, by its clock.
    pub(crate) time: Option<Timestamp>,
    /// The header block as it was sent, in lines.
    pub(crate) headers: String,
    pub(crate) payload: Vec<u8>,
}

#[derive(Deserialize)]
struct StoredMessageResponse {
    message: RawStoredMessage,
}

#[derive(Deserialize)]
struct RawStoredMessage {
    seq: u64,
    subject: String,
    #[serde(default)]
    time: String,
    /// In base64; missing where there are none.
    #[serde(default)]
    hdrs: String,
    /// In base64; missing where it is empty.
    #[serde(default)]
    data: String,
}

impl StoredMessage {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    }
}

impl NatsConnection {
    /// The settings and state of a stream.
    pub(crate) async fn stream_info(&self, stream: &str) -> Result<StreamInfo, JetStreamError> {
        let subject = format!("STREAM.INFO.{stream}");
        let response: Value = self.request(&subject, &()).await?;
        let server_time = response["ts"].as_str().and_then(Timestamp::parse_rfc3339);
        match serde_json::from_value(response) {
            Ok(info) => Ok(StreamInfo { info, server_time }),
            Err(source) => Err(JetStreamError::UnexpectedResponse { subject: full(&subject), source }),
        }
    }

    /// Creates a stream.
    pub(crate) async fn create_stream(&self, config: &Config) -> Result<Info, JetStreamError> {
        self.request(&format!("STREAM.CREATE.{}", config.name), config).await
    }

    /// The names of the streams that take in a subject.
    pub(crate) async fn stream_names(&self, subject: &str) -> Result<Vec<String>, JetStreamError> {
        #[derive(Deserialize)]
        struct StreamNames {
            #[serde(default)]
            streams: Option<Vec<String>>,
        }
        let names: StreamNames = self.request("STREAM.NAMES", &json!({ "subject": subject })).await?;
        Ok(names.streams.unwrap_or_default())
    }

    /// Creates a consumer. Returns how many messages it has to deliver.
    pub(crate) async fn create_consumer(
        &self,
        stream: &str,
        name: &str,
        config: &Value,
    ) -> Result<u64, JetStreamError> {
        #[derive(Deserialize)]
        struct ConsumerInfo {
            #[serde(default)]
            num_pending: u64,
        }
        let request = json!({ "stream_name": stream, "config": config, "action": "create" });
        let info: ConsumerInfo = self.request(&format!("CONSUMER.CREATE.{stream}.{name}"), &request).await?;
        Ok(info.num_pending)
    }

    /// The stream's message with this sequence; `None`: it has none, or none any more.
    pub(crate) async fn message(&self, stream: &str, sequence: u64) -> Result<Option<StoredMessage>, JetStreamError> {
        self.stored_message(stream, &json!({ "seq": sequence })).await
    }

    /// The same from the nearest server that has a copy of the stream, at a fraction of the cost; `None`: that server does not have
    /// it, or does not answer such requests. Then the leader knows.
    pub(crate) async fn nearest_message(&self, stream: &str, sequence: u64) -> Option<StoredMessage> {
        let (denials_before, subject) = (self.status.denials(), full(&format!("DIRECT.GET.{stream}")));
        let stream = self.jetstream.get_stream_no_info(stream).await.ok()?;
        let message = tokio::select! {
            response = stream.direct_get(sequence) => response.ok()?,
            _ = self.status.denied(denials_before, |denial| denial.concerns_request(&subject)) => return None,
        };
        let ms = message.time.unix_timestamp_nanos().div_euclid(1_000_000);
        Some(StoredMessage {
            sequence,
            subject: message.subject.to_string(),
            time: i64::try_from(ms).ok().map(Timestamp),
            headers: String::new(),
            payload: message.payload.to_vec(),
        })
    }

    /// The stream's first message on a subject, which may have wildcards, with this sequence or a higher one.
    pub(crate) async fn first_message(
        &self,
        stream: &str,
        subject: &str,
        from_sequence: u64,
    ) -> Result<Option<StoredMessage>, JetStreamError> {
        self.stored_message(stream, &json!({ "seq": from_sequence, "next_by_subj": subject })).await
    }

    /// The stream's last message on a subject, which may have wildcards.
    pub(crate) async fn last_message(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<StoredMessage>, JetStreamError> {
        self.stored_message(stream, &json!({ "last_by_subj": subject })).await
    }

    async fn stored_message(&self, stream: &str, which: &Value) -> Result<Option<StoredMessage>, JetStreamError> {
        match self.request(&format!("STREAM.MSG.GET.{stream}"), which).await {
            Ok(StoredMessageResponse { message: RawStoredMessage { seq, subject, time, hdrs, data } }) => {
                let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
                Ok(Some(StoredMessage {
                    sequence: seq,
                    subject,
                    time: Timestamp::parse_rfc3339(&time),
                    headers: String::from_utf8_lossy(&decode(&hdrs)).into_owned(),
                    payload: decode(&data),
                }))
            }
            Err(error) if error.code() == Some(ErrorCode::NO_MESSAGE_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the request `$JS.API.<subject>`.
    async fn request<T: DeserializeOwned>(&self, subject: &str, payload: &impl Serialize) -> Result<T, JetStreamError> {
        let denials_before = self.status.denials();
        let full = full(subject);
        let request = self.jetstream.request::<_, _, Response<T>>(subject.to_owned(), payload);
        let response = tokio::select! {
            response = request => response,
            denial = self.status.denied(denials_before, |denial| denial.concerns_request(&full)) => {
                return Err(JetStreamError::Denied(denial));
            }
        };
        match response {
            Ok(Response::Ok(response)) => Ok(response),
            Ok(Response::Err { error }) => Err(match error.error_code() {
                ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
                    JetStreamError::NotEnabled
                }
                _ => JetStreamError::Refused(error),
            }),
            Err(error) => Err(match error.kind() {
                RequestErrorKind::NoResponders => JetStreamError::NotEnabled,
                RequestErrorKind::TimedOut => JetStreamError::TimedOut { subject: full },
                _ => JetStreamError::NotSent(error),
            }),
        }
    }
}

fn full(subject: &str) -> String {
    format!("$JS.API.{subject}")
}
