//! Items become calls, which the engine's own decoder checks.

use rekindle_core::decode::{Decoder, PlaceholderIds, RejectionReason};
use rekindle_core::event::{CallType, Event, EventTime, FieldId, Scalar, field_value};
use rekindle_core::rules::ruleset::Projection;
use rekindle_core::time::Timestamp;
use rekindle_mapping::{ItemOutcome, MappingTable, value_hash};
use rekindle_settings::EngineSettings;
use serde_json::{Value, json};

use super::format::{ItemContent, SourceItem};

/// What became of an item.
#[derive(Debug)]
pub(super) struct MadeCalls {
    pub(super) outcome: CallOutcome,
    /// Values that are there but not what the mapping takes them for: the field, and what stands there.
    pub(super) left_out: Vec<(String, String)>,
}

#[derive(Debug)]
pub(super) enum CallOutcome {
    /// A call; or a batch of them, as it stands in an archive.
    Made(MadeCall),
    /// The mapping says that such an event makes none.
    Nothing,
    Rejected {
        code: &'static str,
        detail: String,
        original: String,
    },
}

#[derive(Debug)]
pub(super) struct MadeCall {
    pub(super) json: String,
    /// The id of its message: the same for the same call of the same user.
    pub(super) id: String,
    pub(super) calls: Vec<(CallType, Timestamp)>,
}

/// Makes calls.
pub(super) struct CallMaker<'m> {
    decoder: Decoder,
    table: Option<&'m MappingTable>,
    /// The properties that have keys of rows, by the number that the decoder gives to their events.
    row_keys: Vec<&'m str>,
}

impl CallMaker<'_> {
    pub(super) fn new<'m>(engine: &EngineSettings, table: Option<&'m MappingTable>) -> CallMaker<'m> {
        let rows: Vec<(&str, &str)> = table.into_iter().flat_map(MappingTable::rows).collect();
        let mut projection = Projection::of_rows(rows.iter().map(|(event, _)| (*event).to_owned()).collect());
        projection.property_events = Some(projection.row_events.clone());
        projection.fields = rows.iter().map(|(_, key)| vec!["properties".to_owned(), (*key).to_owned()]).collect();
        let decoder = Decoder::new(&projection, engine.max_event_bytes);
        let decoder = decoder.with_placeholder_ids(PlaceholderIds::new(&engine.placeholder_ids));
        CallMaker { decoder, table, row_keys: rows.into_iter().map(|(_, key)| key).collect() }
    }

    /// As the engine would reject a row without a key.
    fn keyed(&self, event: &Event<'_>) -> Result<(), RejectionReason> {
        // The decoder's field of that number is the row's key.
        let Some(row) = event.tracked.map(|tracked| tracked.0) else { return Ok(()) };
        match field_value(&event.fields, FieldId(row)).and_then(Scalar::as_key) {
            Some(_) => Ok(()),
            None => {
                let key = self.row_keys.get(usize::from(row)).copied().unwrap_or_default();
                Err(RejectionReason::NoKey { key: key.to_owned() })
            }
        }
    }

    pub(super) fn make(&self, item: &SourceItem) -> MadeCalls {
        let (made, left_out) = match &item.content {
            ItemContent::Unreadable { reason, original } => {
                let rejected = (reason.code(), reason.to_string(), original.clone());
                (Err(rejected), Vec::new())
            }
            ItemContent::Call(text) => (self.checked(with_id(text)), Vec::new()),
            ItemContent::Event { event, body, request } => match self.table {
                None => (self.checked(event.to_string()), Vec::new()),
                Some(table) => match table.outcome(event, body.as_deref().unwrap_or(event), request) {
                    ItemOutcome::Nothing => return MadeCalls { outcome: CallOutcome::Nothing, left_out: Vec::new() },
                    ItemOutcome::NotMapped => {
                        let detail = "none of the mapping's `calls` fits it".to_owned();
                        (Err((RejectionReason::NotMapped.code(), detail, event.to_string())), Vec::new())
                    }
                    ItemOutcome::Call(mut call, left_out) => {
                        if let Some(call) = call.as_object_mut() {
                            call.entry("messageId").or_insert_with(|| value_hash(event).into());
                            // In the log the event's time would be moved by it.
                            call.remove("sentAt");
                        }
                        let made = self.checked(call.to_string());
                        (made.map_err(|(code, detail, _)| (code, detail, event.to_string())), left_out)
                    }
                },
            },
        };
        let outcome = match made {
            Ok(made) => CallOutcome::Made(made),
            Err((code, detail, original)) => CallOutcome::Rejected { code, detail, original },
        };
        MadeCalls { outcome, left_out }
    }

    fn checked(&self, json: String) -> Result<MadeCall, (&'static str, String, String)> {
        let mut decoded = Vec::with_capacity(1);
        self.decoder.decode(json.as_bytes(), &mut decoded);
        let (mut calls, mut ids) = (Vec::new(), Vec::new());
        let mut rejected = None;
        for call in decoded {
            let checked = call.map_err(|rejected| rejected.reason).and_then(|event| {
                self.keyed(&event)?;
                timed(&event).map(|time| (event, time))
            });
            match checked {
                Ok((event, time)) => {
                    ids.push(json!([event.user_id, event.anonymous_id, event.message_id]));
                    calls.push((event.call, time));
                }
                Err(reason) => rejected = rejected.or(Some(reason)),
            }
        }
        // Of a batch the good calls count: the engine rejects the others itself.
        match rejected {
            Some(reason) if calls.is_empty() => Err((reason.code(), reason.to_string(), json)),
            _ if calls.is_empty() => Err(("not_json", "it is empty".to_owned(), json)),
            _ => Ok(MadeCall { json, id: value_hash(&Value::Array(ids)), calls }),
        }
    }
}

/// When it happened. A file has no broker's time to fall back on.
fn timed(event: &Event<'_>) -> Result<Timestamp, RejectionReason> {
    let missing = |field, found: &str| RejectionReason::BadTime { field, found: found.to_owned() };
    match &event.time {
        EventTime::Missing { unusable: Some((field, found)) } => Err(missing(field, found)),
        time => time.resolve(None).or(event.received_at).ok_or(RejectionReason::NoTime),
    }
}

/// A call of an archive as it is written, but with an id, and without a `sentAt` that would move its time.
fn with_id(text: &str) -> String {
    let Ok(mut call) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    let hash = value_hash(&call);
    let Some(members) = call.as_object_mut() else { return text.to_owned() };
    if members.contains_key("batch") {
        return text.to_owned();
    }
    let is_there = |name: &str| members.get(name).is_some_and(|value| !value.is_null() && value != "");
    let (has_id, moves) = (is_there("messageId"), is_there("sentAt") && !is_there("originalTimestamp"));
    if has_id && !moves {
        return text.to_owned();
    }
    if moves {
        members.remove("sentAt");
    }
    if !has_id {
        members.insert("messageId".to_owned(), hash.into());
    }
    call.to_string()
}
