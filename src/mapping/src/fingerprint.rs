//! A hash of a value: the same value has the same, in whatever order it was written.

use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

/// XXH3 (128 bit) of a value, in hexadecimal digits.
pub fn value_hash(value: &Value) -> String {
    let mut hash = Xxh3::new();
    add(value, &mut hash);
    format!("{:032x}", hash.digest128())
}

fn add(value: &Value, hash: &mut Xxh3) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            hash.update(b"{");
            for (name, value) in members {
                add_text(name, hash);
                add(value, hash);
            }
            hash.update(b"}");
        }
        Value::Array(elements) => {
            hash.update(b"[");
            elements.iter().for_each(|element| add(element, hash));
            hash.update(b"]");
        }
        Value::String(text) => add_text(text, hash),
        other => {
            hash.update(other.to_string().as_bytes());
            hash.update(b",");
        }
    }
}

fn add_text(text: &str, hash: &mut Xxh3) {
    hash.update(b"\"");
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}
