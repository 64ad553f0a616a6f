//! Dead letters of calls that came over HTTP: the same form as those of the log, for the collector to publish.

use async_nats::HeaderMap;
use async_nats::subject::Subject;
use bytes::Bytes;
use rekindle_runtime::output::batch::DeadLetterSummary;
use rekindle_settings::OutputSettings;

use super::encoder;

/// A call that came over HTTP and was not put into the log.
#[derive(Clone, Copy, Debug)]
pub struct RequestLetter<'a> {
    /// The name of its source.
    pub source: &'a str,
    /// The reason, as one word.
    pub reason: &'a str,
    /// The reason, in a sentence.
    pub detail: &'a str,
    /// The call as it came.
    pub original: &'a [u8],
    /// Further calls of the same request that it stands for.
    pub rest: Option<&'a DeadLetterSummary>,
}

/// A dead letter that is ready to be published.
#[derive(Clone, Debug)]
pub struct LetterMessage {
    /// What it is published under.
    pub subject: Subject,
    /// The same for the same call of the same source.
    pub id: String,
    /// The attributes of a CloudEvent.
    pub headers: HeaderMap,
    /// JSON.
    pub payload: Bytes,
}

impl RequestLetter<'_> {
    /// The message, which the server takes if it takes messages of `max_payload` bytes.
    pub fn message(&self, output: &OutputSettings, max_payload: usize) -> LetterMessage {
        let subject = Subject::from(format!("{}.dead", output.prefix));
        let message = encoder::rejected_request(self, &subject, &output.cloudevents_source, max_payload);
        LetterMessage { headers: message.headers(), subject, id: message.id, payload: message.payload }
    }
}
