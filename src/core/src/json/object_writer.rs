//! Objects of texts written into a buffer, byte by byte as serde_json writes them.

use super::plain_run;

/// Writes an object with a first member and perhaps more.
pub(crate) struct JsonObjectWriter<'b> {
    out: &'b mut Vec<u8>,
}

/// A key between its member's comma and its text value's opening quote. It must need no escapes.
macro_rules! key_text {
    ($key:literal) => {
        concat!(",\"", $key, "\":\"")
    };
}
pub(crate) use key_text;

/// A key between its member's comma and its value that is no text. It must need no escapes.
macro_rules! key_raw {
    ($key:literal) => {
        concat!(",\"", $key, "\":")
    };
}
pub(crate) use key_raw;

impl<'b> JsonObjectWriter<'b> {
    /// Begins an object with a member; its key is that of [`key_text`].
    pub(crate) fn begin(out: &'b mut Vec<u8>, key: &'static str, text: &str) -> JsonObjectWriter<'b> {
        out.push(b'{');
        let mut writer = JsonObjectWriter { out };
        writer.text(&key[1..], text);
        writer
    }

    /// Adds a member; its key is that of [`key_text`].
    #[inline]
    pub(crate) fn text(&mut self, key: &'static str, text: &str) {
        self.out.extend_from_slice(key.as_bytes());
        if plain_run(text.as_bytes(), 0) == text.len() {
            self.out.extend_from_slice(text.as_bytes());
        } else {
            escape(text, self.out);
        }
        self.out.push(b'"');
    }

    /// Adds a member whose value is JSON already; its key is that of [`key_raw`].
    pub(crate) fn raw(&mut self, key: &'static str, json: &str) {
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(json.as_bytes());
    }

    /// Adds a member if it has a value.
    #[inline]
    pub(crate) fn text_if_any(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

/// Writes the inside of a string with its escapes.
#[cold]
fn escape(text: &str, out: &mut Vec<u8>) {
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\0'..' ' => out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(texts: &[&str]) -> String {
        let mut out = b"before ".to_vec();
        let mut object = JsonObjectWriter::begin(&mut out, key_text!("first"), texts[0]);
        object.text_if_any(key_text!("second"), texts.get(1).copied());
        object.end();
        String::from_utf8(out).expect("text")
    }

    fn by_serde_json(texts: &[&str]) -> String {
        let text = |text: &&str| serde_json::to_string(text).expect("a text can be written");
        let second = texts.get(1).map(|second| format!(",\"second\":{}", text(second))).unwrap_or_default();
        format!("before {{\"first\":{}{second}}}", text(&texts[0]))
    }

    #[test]
    fn every_character_is_written_as_serde_json_writes_it() {
        for c in ('\0'..='\u{3000}').chain(['\u{ffff}', '\u{1f600}', '\u{10ffff}']) {
            for text in [format!("{c}"), format!("0123456{c}"), format!("01234567{c}8{c}"), format!("{c}\u{e9}{c}")] {
                assert_eq!(written(&[&text, "x"]), by_serde_json(&[&text, "x"]));
            }
        }
    }

    proptest! {
        #[test]
        fn texts_are_written_as_serde_json_writes_them(first in any::<String>(), second: Option<String>) {
            let texts: Vec<&str> = std::iter::once(first.as_str()).chain(second.as_deref()).collect();
            prop_assert_eq!(written(&texts), by_serde_json(&texts));
        }
    }
}
