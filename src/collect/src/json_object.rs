//! A JSON object whose values stay as they were written: no digit of a number changes on the way.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Of an object with at most this number of members the names are compared with each other; of more a set is made.
const COMPARED_MAX: usize = 32;

/// The members of an object, each name once, in the order in which they were written.
#[derive(Clone, Debug, Default)]
pub(crate) struct JsonObject<'a> {
    /// Borrowed names have nothing that JSON escapes: a parser borrows no others.
    members: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> JsonObject<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// The text is no JSON, or something else than an object.
    pub(crate) fn parse(text: &'a str) -> Result<JsonObject<'a>, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The JSON of a member.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.members.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    /// The JSON of a member, unless it is null.
    pub(crate) fn present(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| *value != "null")
    }

    /// The text that a member is.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(|value| serde_json::from_str(value).ok())
    }

    /// The object that a member is; null and an empty array stand for an empty one. `None`: it is something else.
    pub(crate) fn object(&self, name: &str) -> Option<JsonObject<'_>> {
        match self.get(name) {
            None | Some("null") => Some(JsonObject::default()),
            Some(value) if value.starts_with('[') && value[1..].trim_start() == "]" => Some(JsonObject::default()),
            Some(value) => JsonObject::parse(value).ok(),
        }
    }

    /// Sets a member to some JSON.
    pub(crate) fn set(&mut self, name: &'static str, json: impl Into<Cow<'a, str>>) {
        self.put(Cow::Borrowed(name), json.into());
    }

    fn put(&mut self, name: Cow<'a, str>, json: Cow<'a, str>) {
        match self.members.iter_mut().find(|(key, _)| *key == name) {
            Some((_, value)) => *value = json,
            None => self.members.push((name, json)),
        }
    }

    /// Sets a member to a text.
    pub(crate) fn set_text(&mut self, name: &'static str, text: &str) {
        self.set(name, quoted(text));
    }

    /// Takes a member out.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let at = self.members.iter().position(|(key, _)| key == name)?;
        Some(self.members.remove(at).1)
    }

    /// Adds the members of another object that this one lacks, or has as null.
    pub(crate) fn take_lacking(&mut self, other: &JsonObject<'_>) {
        for (name, value) in &other.members {
            if self.present(name).is_none() {
                self.put(Cow::Owned(name.to_string()), Cow::Owned(value.to_string()));
            }
        }
    }

    /// Whether it has no members.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// As JSON.
    pub(crate) fn json(&self) -> String {
        let bytes: usize = self.members.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let mut json = String::with_capacity(bytes + 2);
        json.push('{');
        for (index, (name, value)) in self.members.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            match name {
                Cow::Borrowed(plain) => {
                    json.push('"');
                    json.push_str(plain);
                    json.push('"');
                }
                Cow::Owned(name) => push_quoted(&mut json, name),
            }
            json.push(':');
            json.push_str(value);
        }
        json.push('}');
        json
    }
}

/// A text as JSON.
pub(crate) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    push_quoted(&mut json, text);
    json
}

fn push_quoted(json: &mut String, text: &str) {
    let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&serde_json::Value::from(text).to_string());
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<JsonObject<'a>, D::Error> {
        struct MemberVisitor;
        impl<'de> Visitor<'de> for MemberVisitor {
            type Value = JsonObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonObject<'de>, A::Error> {
                let mut members: Vec<(Cow<'de, str>, Cow<'de, str>)> = Vec::new();
                while let Some((MemberName(name), value)) = map.next_entry::<MemberName<'de>, &'de RawValue>()? {
                    members.push((name, Cow::Borrowed(value.get())));
                }
                Ok(JsonObject { members: last_of_each(members) })
            }
        }
        deserializer.deserialize_map(MemberVisitor)
    }
}

/// Of members with equal names the last counts.
fn last_of_each<'a>(members: Vec<(Cow<'a, str>, Cow<'a, str>)>) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    if is_each_once(&members) {
        return members;
    }
    let mut seen = HashSet::new();
    let is_last: Vec<bool> = members.iter().rev().map(|(name, _)| seen.insert(name.clone())).collect();
    members
        .into_iter()
        .zip(is_last.into_iter().rev())
        .filter(|(_, is_last)| *is_last)
        .map(|(member, _)| member)
        .collect()
}

/// Whether few members have different names, which calls nearly always do; `false`: it is not known.
fn is_each_once(members: &[(Cow<'_, str>, Cow<'_, str>)]) -> bool {
    members.len() <= COMPARED_MAX
        && members.iter().enumerate().all(|(index, (name, _))| members[..index].iter().all(|(other, _)| other != name))
}

struct MemberName<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for MemberName<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MemberName<'a>, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = MemberName<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<MemberName<'de>, E> {
                Ok(MemberName(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<MemberName<'de>, E> {
                Ok(MemberName(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_as_they_were_written() {
        let text = r#"{"a": 820982911946154508.10, "b":1e400, "\u0063":{"x":[ 1 ]}, "a": 64.070}"#;
        let mut object = JsonObject::parse(text).expect("an object");
        object.set_text("d", "\"é");
        assert_eq!(object.json(), r#"{"b":1e400,"c":{"x":[ 1 ]},"a":64.070,"d":"\"é"}"#);
        assert_eq!(object.remove("b").as_deref(), Some("1e400"));
        assert!(JsonObject::parse("[1]").is_err() && JsonObject::parse("{\"a\":1").is_err());
        let escaped = r#"{"a\"\\\n":1,"é\u0001":"\/"}"#;
        assert_eq!(JsonObject::parse(escaped).expect("an object").json(), escaped);
    }

    #[test]
    fn of_members_with_equal_names_the_last_counts_however_many_there_are() {
        for others in [3, 100] {
            let others: String = (0..others).map(|number| format!("\"m{number}\":0,")).collect();
            let object = format!("{{{others}\"m0\":1,\"m1\":2}}");
            let object = JsonObject::parse(&object).expect("an object");
            assert_eq!([object.get("m0"), object.get("m1"), object.get("m2")], [Some("1"), Some("2"), Some("0")]);
        }
    }

    #[test]
    fn an_object_takes_what_it_lacks_and_keeps_what_it_has() {
        let mut call = JsonObject::parse(r#"{"a":1,"b":null}"#).expect("an object");
        call.take_lacking(&JsonObject::parse(r#"{"a":2,"b":3,"c":4}"#).expect("an object"));
        assert_eq!(call.json(), r#"{"a":1,"b":3,"c":4}"#);
        for (json, expected) in
            [("null", Some(0)), ("[ ]", Some(0)), ("{\"a\":1}", Some(1)), ("[1]", None), ("7", None)]
        {
            let outer = format!("{{\"context\":{json}}}");
            let outer = JsonObject::parse(&outer).expect("an object");
            assert_eq!(outer.object("context").map(|object| object.members.len()), expected, "{json}");
        }
    }
}
