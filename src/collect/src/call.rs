//! One call: checked by the engine's own decoder, and written as it goes into the log.

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use rekindle_core::decode::{Decoder, PlaceholderIds, RejectionReason};
use rekindle_core::event::{CallType, Event, EventTime};
use rekindle_core::rules::ruleset::Projection;
use rekindle_core::time::Timestamp;
use rekindle_settings::{EngineSettings, KeyTrust};
use sha2::{Digest, Sha256};

use crate::batch::sound_text;
use crate::json_object::{self, JsonObject};
use crate::rejection::CallRejection;
use crate::stamp::{self, RequestFacts};
use crate::write_keys::KeyGrant;

/// How much longer than it came a call may become by what is written into it.
const STAMPS_BYTES_MAX: usize = 4_096;

/// Checks calls, whatever rules the engine has.
#[derive(Clone, Debug)]
pub(crate) struct CallChecker {
    decoder: Decoder,
    max_call_bytes: usize,
}

/// A call as it goes into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckedCall {
    /// The id of its message: the same for the same call of the same user and source.
    pub(crate) id: String,
    /// JSON.
    pub(crate) json: String,
}

/// One request, whose calls are checked one after the other.
pub(crate) struct RequestCalls<'a> {
    grant: &'a KeyGrant,
    facts: &'a RequestFacts,
    /// What the envelope has for calls that lack it.
    envelope: JsonObject<'a>,
    /// The type that the path says, for calls that say none.
    call_type: Option<CallType>,
    /// When the request was received, as JSON.
    received_at: String,
    /// How often the same call without an id has come in this request.
    repeats: HashMap<[u8; 32], u32>,
}

impl CallChecker {
    /// For an engine with these settings, whose rules have tables of these events.
    pub(crate) fn new(engine: &EngineSettings, max_call_bytes: usize, row_events: &[String]) -> CallChecker {
        let bytes_max = engine.max_event_bytes.max(2 * max_call_bytes + STAMPS_BYTES_MAX);
        let decoder = Decoder::new(&Projection::of_rows(row_events.to_vec()), bytes_max);
        let decoder = decoder.with_placeholder_ids(PlaceholderIds::new(&engine.placeholder_ids));
        CallChecker { decoder, max_call_bytes }
    }

    /// The longest text around the calls of a batch, and the longest call.
    pub(crate) fn max_call_bytes(&self) -> usize {
        self.max_call_bytes
    }

    /// Checks a call and writes it as it goes into the log.
    ///
    /// # Errors
    /// Why it is not taken.
    pub(crate) fn check(&self, text: &[u8], request: &mut RequestCalls<'_>) -> Result<CheckedCall, CallRejection> {
        if text.len() > self.max_call_bytes {
            return Err(CallRejection::TooLarge { bytes: text.len(), limit: self.max_call_bytes });
        }
        let mended;
        let sound = std::str::from_utf8(text).ok().and_then(|text| JsonObject::parse(text).ok());
        let mut call = match sound {
            Some(call) => call,
            None => {
                mended = sound_text(text).map_err(|detail| RejectionReason::NotJson { detail })?;
                JsonObject::parse(&mended).map_err(|_| RejectionReason::NotAnObject)?
            }
        };
        if call.get("batch").is_some_and(|batch| batch.starts_with('[')) {
            return Err(RejectionReason::WrongType { field: "batch" }.into());
        }
        let hid_user = prepare(&mut call, request);
        call.set("receivedAt", request.received_at.clone());
        stamp::mark(&mut call, request.grant, request.facts);
        let json = call.json();
        let event = self.decode(&json).map_err(|reason| match reason {
            RejectionReason::NoId { .. } if hid_user => CallRejection::IdentifyNotAllowed,
            reason => reason.into(),
        })?;
        let (grant, facts) = (request.grant, request.facts);
        if !grant.allows(event.call) {
            return Err(CallRejection::CallNotAllowed { call: event.call });
        }
        let is_row = event.tracked.is_some();
        if is_row && grant.trust == KeyTrust::Client {
            return Err(CallRejection::RowNotAllowed { event: event.name.as_deref().unwrap_or_default().to_owned() });
        }
        if event.call == CallType::Alias && !grant.may_identify {
            return Err(CallRejection::IdentifyNotAllowed);
        }
        // Most calls are written once: what was decoded is what goes into the log.
        let mut is_written = true;
        if grant.trust == KeyTrust::Client {
            let time = event.time.resolve(Some(facts.received)).unwrap_or(facts.received).min(facts.received);
            check_age(time, grant, facts)?;
            is_written = !stamp::correct_time(&mut call, &event, time);
        }
        let message_id = match event.message_id.as_deref() {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => {
                let id = request.missing_id(text, &event);
                call.set_text("messageId", &id);
                is_written = false;
                id
            }
        };
        let id = log_id(&grant.source, &event, &message_id);
        drop(event);
        Ok(CheckedCall { id, json: if is_written { json } else { call.json() } })
    }

    fn decode<'e>(&self, json: &'e str) -> Result<Event<'e>, RejectionReason> {
        let mut decoded = Vec::with_capacity(1);
        self.decoder.decode_document(json.as_bytes(), &mut decoded);
        match (decoded.pop(), decoded.is_empty()) {
            (Some(Ok(event)), true) => Ok(event),
            (Some(Err(rejected)), true) => Err(rejected.reason),
            // A batch inside a call.
            _ => Err(RejectionReason::WrongType { field: "batch" }),
        }
    }
}

/// Gives a call what it lacks and takes out what it may not say. Returns whether it said who the user is, and may not.
fn prepare(call: &mut JsonObject<'_>, request: &RequestCalls<'_>) -> bool {
    if let (Some(call_type), None) = (request.call_type, call.present("type")) {
        call.set_text("type", call_type.name());
    }
    if !request.envelope.is_empty() {
        if let (Some(sent_at), None) = (request.envelope.present("sentAt"), call.present("sentAt")) {
            call.set("sentAt", sent_at.to_owned());
        }
        if let (Some(theirs), Some(mut own)) = (request.envelope.object("context"), call.object("context"))
            && !theirs.is_empty()
        {
            own.take_lacking(&theirs);
            let context = own.json();
            call.set("context", context);
        }
    }
    stamp::restrict(call, request.grant)
}

fn check_age(time: Timestamp, grant: &KeyGrant, facts: &RequestFacts) -> Result<(), CallRejection> {
    let age = facts.received - time;
    if age <= grant.history {
        return Ok(());
    }
    Err(CallRejection::TooOld { age_seconds: age.0 / 1_000, limit_seconds: grant.history.0 / 1_000 })
}

impl<'a> RequestCalls<'a> {
    /// Of a request with these rights, facts, and text around its calls; `call_type` is what the path says.
    pub(crate) fn new(
        grant: &'a KeyGrant,
        facts: &'a RequestFacts,
        envelope: JsonObject<'a>,
        call_type: Option<CallType>,
    ) -> RequestCalls<'a> {
        let received_at = json_object::quoted(&facts.received.to_string());
        RequestCalls { grant, facts, envelope, call_type, received_at, repeats: HashMap::new() }
    }

    /// An id for a call without one: the same when the same request comes again, if the call says when it happened. Otherwise
    /// two calls of the same text may be two events.
    fn missing_id(&mut self, text: &[u8], event: &Event<'_>) -> String {
        if matches!(event.time, EventTime::Missing { .. }) {
            return nuid::next().to_string();
        }
        let hash: [u8; 32] = Sha256::digest(text).into();
        let repeats = self.repeats.entry(hash).or_default();
        *repeats += 1;
        format!("{}-{repeats}", HEXLOWER.encode(&hash[..16]))
    }
}

/// The id of a call's message. It has the ids of the user in it, as duplicates are counted by user.
fn log_id(source: &str, event: &Event<'_>, message_id: &str) -> String {
    let mut hash = Sha256::new();
    let parts = [Some(source), event.user_id.as_deref(), event.anonymous_id.as_deref(), Some(message_id)];
    for part in parts {
        // A length cannot be mistaken for a text.
        hash.update(part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
        hash.update(part.unwrap_or_default());
    }
    HEXLOWER.encode(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests;
