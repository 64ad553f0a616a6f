//! Applies a table to a body.

use serde_json::{Map, Value};

use super::{ArrayMapping, CallMapping, MappingCondition, MappingTable, ObjectMapping};

/// The most elements of an array that are taken, as the engine takes no more.
const ELEMENTS_MAX: usize = 1_000;

/// What paths look into: an event; with `@body.` the body that it stands in, with `@request.` the query and headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappingScope<'v> {
    pub(crate) item: &'v Value,
    pub(crate) body: &'v Value,
    pub(crate) request: &'v Value,
}

impl<'v> MappingScope<'v> {
    /// The value at a path.
    pub(super) fn find(&self, path: &[String]) -> Option<&'v Value> {
        let (root, path) = match path.first().map(String::as_str) {
            Some("@body") => (self.body, &path[1..]),
            Some("@request") => (self.request, &path[1..]),
            _ => (self.item, path),
        };
        path.iter().try_fold(root, |value, name| match value {
            Value::Object(members) => members.get(name),
            Value::Array(elements) => elements.get(name.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

impl MappingTable {
    /// The write key that a body or the request's query has.
    pub(crate) fn write_key(&self, body: &Value, request: &Value) -> Option<String> {
        let item = self.items(body).into_iter().next().unwrap_or(body);
        self.key.as_ref()?.text(&MappingScope { item, body, request })
    }

    /// The calls of a body, in its order; an event that the table does not know makes none.
    pub(crate) fn calls(&self, body: &Value, request: &Value) -> Vec<Value> {
        let items = self.items(body).into_iter();
        items.filter_map(|item| self.call(&MappingScope { item, body, request })).collect()
    }

    fn items<'v>(&self, body: &'v Value) -> Vec<&'v Value> {
        let lists = self.list.iter().filter_map(|path| body.pointer(&format!("/{}", path.replace('.', "/"))));
        let mut lists = lists.filter_map(Value::as_array);
        match lists.next().or(body.as_array()) {
            Some(list) => list.iter().collect(),
            None => vec![body],
        }
    }

    fn call(&self, scope: &MappingScope<'_>) -> Option<Value> {
        self.calls
            .iter()
            .find(|call| call.when.iter().all(|condition| condition.holds(scope)))
            .map(|call| call.make(scope))
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
        call.insert("type".to_owned(), self.call_type.clone().into());
        if let Some(name) = self.event.as_ref().and_then(|event| event.text(scope)) {
            let name = self.names.get(&name).cloned().unwrap_or(name);
            call.insert(if self.call_type == "track" { "event" } else { "name" }.to_owned(), name.into());
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
            call.extend(time.map(|time| (name.to_owned(), time.into_owned())));
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
