//! Applies a table to a body.

use std::borrow::Cow;
use std::cell::RefCell;

use serde_json::{Map, Value};

use super::rows::RowGroups;
use super::source::UnreadValue;
use super::times::{MappingZone, written_time};
use super::{ArrayMapping, CallMapping, FieldSource, MappingCondition, MappingTable, ObjectMapping};

/// The most elements of an array that are taken, as the engine takes no more.
const ELEMENTS_MAX: usize = 1_000;

/// What paths look into: an event; with `@body.` the body that it stands in, with `@request.` what came beside the body.
#[derive(Clone, Copy, Debug)]
pub(super) struct MappingScope<'v> {
    pub(super) item: &'v Value,
    pub(super) body: &'v Value,
    pub(super) request: &'v Value,
    pub(super) zone: Option<&'v MappingZone>,
    /// Where values are noted that are there and not what they should be.
    pub(super) notes: Option<&'v RefCell<Vec<UnreadValue>>>,
}

/// An event of a body, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedItem<'v> {
    /// The event, as it stands in the body.
    pub item: Cow<'v, Value>,
    /// What became of it.
    pub outcome: ItemOutcome,
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemOutcome {
    /// A call, and each value that is there but not what the table takes it for, with its field.
    Call(Value, Vec<(String, String)>),
    /// Nothing: the table says so.
    Nothing,
    /// The conditions of no call hold.
    NotMapped,
}

impl MappingTable {
    /// The write key that a body or the request's query has.
    pub fn write_key(&self, body: &Value, request: &Value) -> Option<String> {
        let items = self.items(body);
        let item = items.first().map_or(body, |item| item);
        let scope = MappingScope { item, body, request, zone: None, notes: None };
        self.key.as_ref()?.text(&scope)
    }

    /// The calls of a body, in its order; an event that the table does not know makes none.
    pub fn calls(&self, body: &Value, request: &Value) -> Vec<Value> {
        let outcomes = self.mapped(body, request).into_iter().map(|item| item.outcome);
        let calls = outcomes.filter_map(|outcome| match outcome {
            ItemOutcome::Call(call, _) => Some(call),
            ItemOutcome::Nothing | ItemOutcome::NotMapped => None,
        });
        calls.collect()
    }

    /// What becomes of each event of a body, in its order.
    pub fn mapped<'v>(&self, body: &'v Value, request: &Value) -> Vec<MappedItem<'v>> {
        let items = self.items(body).into_iter();
        let mapped = items.map(|item| {
            let outcome = self.outcome(&item, body, request);
            MappedItem { item, outcome }
        });
        mapped.collect()
    }

    /// What becomes of one event.
    pub fn outcome(&self, item: &Value, body: &Value, request: &Value) -> ItemOutcome {
        let notes = RefCell::default();
        let scope = MappingScope { item, body, request, zone: self.time_zone.as_ref(), notes: None };
        let Some(call) = self.calls.iter().find(|call| call.when.iter().all(|condition| condition.holds(&scope)))
        else {
            return ItemOutcome::NotMapped;
        };
        if call.call_type == "none" {
            return ItemOutcome::Nothing;
        }
        let made = call.make(&MappingScope { notes: Some(&notes), ..scope });
        let unread = notes.take().into_iter().map(|UnreadValue { source, found }| (source, found));
        ItemOutcome::Call(made, unread.collect())
    }

    /// The events of a body: those of the first list that is there, grouped if the table says so.
    pub fn items<'v>(&self, body: &'v Value) -> Vec<Cow<'v, Value>> {
        let items = self.ungrouped_items(body);
        if self.group.is_empty() {
            return items;
        }
        let mut groups = RowGroups::new(&self.group);
        let mut grouped = Vec::new();
        for item in items {
            grouped.extend(groups.add(item.into_owned()));
        }
        grouped.extend(groups.end());
        grouped.into_iter().map(|group| Cow::Owned(group.item)).collect()
    }

    /// The events of a body, whatever the table says of grouping.
    pub fn ungrouped_items<'v>(&self, body: &'v Value) -> Vec<Cow<'v, Value>> {
        let lists = self.list.iter().filter_map(|path| body.pointer(&format!("/{}", path.replace('.', "/"))));
        let mut lists = lists.filter_map(Value::as_array);
        match lists.next().or(body.as_array()) {
            Some(list) => list.iter().map(Cow::Borrowed).collect(),
            None => vec![Cow::Borrowed(body)],
        }
    }
}

impl FieldSource {
    /// The text that it finds in one row, or the number or truth as a text.
    pub fn text_in(&self, item: &Value) -> Option<String> {
        self.text(&MappingScope { item, body: item, request: &Value::Null, zone: None, notes: None })
    }
}

impl MappingCondition {
    fn holds(&self, scope: &MappingScope<'_>) -> bool {
        match self.field.text(scope) {
            Some(text) => self.is.is_empty() || self.is.contains(&text),
            None => self.is.is_empty() && self.field.value(scope).is_some(),
        }
    }
}

impl CallMapping {
    fn make(&self, scope: &MappingScope<'_>) -> Value {
        let mut call = Map::new();
        let call_type = if self.call_type == "row" { "track" } else { &self.call_type };
        call.insert("type".to_owned(), call_type.into());
        if let Some(name) = self.event.as_ref().and_then(|event| event.text(scope)) {
            let name = self.names.get(&name).cloned().unwrap_or(name);
            call.insert(if call_type == "track" { "event" } else { "name" }.to_owned(), name.into());
        }
        let ids = [
            ("userId", &self.user_id),
            ("anonymousId", &self.anonymous_id),
            ("previousId", &self.previous_id),
            ("messageId", &self.message_id),
        ];
        for (name, source) in ids {
            let id = source.as_ref().and_then(|source| source.text(scope));
            call.extend(id.map(|id| (name.to_owned(), id.into())));
        }
        for (name, source) in [("timestamp", &self.timestamp), ("sentAt", &self.sent_at)] {
            let time = source.as_ref().and_then(|source| source.value(scope));
            call.extend(time.map(|time| (name.to_owned(), in_zone(time.into_owned(), scope.zone))));
        }
        // The same id on both sides would say nothing.
        if call.get("anonymousId").is_some_and(|id| call.get("userId") == Some(id)) {
            call.remove("anonymousId");
        }
        for (name, object) in [("properties", &self.properties), ("traits", &self.traits), ("context", &self.context)] {
            if let Some(object) = object {
                call.insert(name.to_owned(), object.make(scope));
            }
        }
        Value::Object(call)
    }
}

/// A time that is written without a zone is one by the clock of the table's; what is no time is left as it is.
fn in_zone(time: Value, zone: Option<&MappingZone>) -> Value {
    match (&time, zone) {
        (Value::String(text), Some(zone)) => match written_time(text, zone) {
            Some(time) => Value::String(time.to_string()),
            None => time,
        },
        _ => time,
    }
}

impl ObjectMapping {
    fn make(&self, scope: &MappingScope<'_>) -> Value {
        let mut object = Map::new();
        if let Some(all) = self.all.as_ref().and_then(|all| all.value(scope))
            && let Value::Object(members) = &*all
        {
            let kept = members.iter().filter(|(name, _)| !self.leaves_out(name));
            object.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
        }
        for (name, source) in &self.fields {
            object.extend(source.value(scope).map(|value| (name.clone(), value.into_owned())));
        }
        for (name, array) in &self.arrays {
            object.extend(array.make(scope).map(|elements| (name.clone(), elements)));
        }
        Value::Object(object)
    }

    fn leaves_out(&self, name: &str) -> bool {
        self.except.iter().any(|except| match except.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == except,
        })
    }
}

impl ArrayMapping {
    fn make(&self, scope: &MappingScope<'_>) -> Option<Value> {
        let list = self.each.value(scope)?;
        let element = |item: &Value| {
            let scope = MappingScope { item, ..*scope };
            let fields = self.fields.iter();
            let found = fields.filter_map(|(name, source)| Some((name.clone(), source.value(&scope)?.into_owned())));
            Value::Object(found.collect())
        };
        Some(list.as_array()?.iter().take(ELEMENTS_MAX).map(element).collect())
    }
}
