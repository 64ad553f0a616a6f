//! Calls that are changed at random, so that they stay JSON or nearly.

use serde_json::Value;

/// A generator of random numbers; the same seed gives the same ones.
pub(super) struct MutantSource(u64);

/// JSON whose objects have keys in any order, also equal ones. A key is as it is written, with its quotes.
#[derive(Clone)]
enum JsonTree {
    /// Anything else, as it is written.
    Token(String),
    Array(Vec<JsonTree>),
    Object(Vec<(String, JsonTree)>),
}

/// Keys that mean something, or nearly.
const KEYS: [&str; 32] = [
    "type",
    "event",
    "userId",
    "anonymousId",
    "previousId",
    "messageId",
    "timestamp",
    "originalTimestamp",
    "sentAt",
    "receivedAt",
    "properties",
    "context",
    "traits",
    "name",
    "category",
    "batch",
    "total",
    "price",
    "products",
    "a",
    "b",
    "c",
    "timezone",
    "campaign",
    "source",
    "email",
    "address",
    "typ",
    "types",
    "useriD",
    "integrations",
    "",
];

/// What stands in the place of values. Not all of it is JSON.
const TOKENS: [&str; 88] = [
    "null",
    "true",
    "false",
    "nul",
    "True",
    "NaN",
    "-Infinity",
    "undefined",
    "{}",
    "[]",
    "[{}]",
    "[ ]",
    "{ }",
    "[1,2,{\"a\":[]}]",
    "[null,]",
    "{\"a\":{\"b\":1}}",
    "{\"a\":{\"b\":null},\"c\":[1, 2]}",
    "{\"a\":1,\"a\":{\"b\":2}}",
    "{\"traits\":{\"a\":{\"b\":1}}}",
    "{\"a\" :\t{ } }",
    "0",
    "-0",
    "00",
    "01",
    "-",
    "-1",
    "1.",
    ".5",
    "+1",
    "0.5",
    "-0.000001",
    "0.0000005",
    "0.0000015",
    "1.0",
    "12345.678901",
    "1234567.8901234",
    "1e5",
    "1E-7",
    "1e400",
    "0x10",
    "1_0",
    "9007199254740993",
    "123456789012345678",
    "1234567890123456789",
    "18446744073709551615",
    "18446744073709551616",
    "1000000000000000000000000",
    "1000000000000000000000001",
    "12345678901234567890123456789012345678901234567890",
    "1772668800",
    "1772668800.5",
    "1772668800123",
    "99999999999",
    "100000000000",
    "\"\"",
    "\" \"",
    "\"x\"",
    "\"track\"",
    "\"Track\"",
    "\"identify\"",
    "\"alias\"",
    "\"page\"",
    "\"screen\"",
    "\"group\"",
    "\"Order Completed\"",
    "\"Product Viewed\"",
    "\"undefined\"",
    "\"NULL\"",
    "\"0\"",
    "\"\u{e9}\u{fc}\u{7528}\u{6237}\"",
    "\"\\u00e9\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"\\n\\t\\/\\\\\\\"\"",
    "\"\\x\"",
    "\"\t\"",
    "\"2026-03-05T09:00:00.000Z\"",
    "\"2026-03-05T09:00:00.1234567Z\"",
    "\"2026-03-05 09:00\"",
    "\"2026-03-05\"",
    "\"2026-02-29T09:00:00.000Z\"",
    "\"2026-03-05T24:00:00.000Z\"",
    "\"2026-03-05T09:00:60.000Z\"",
    "\"2026-03-05T09:00:00.000+08:00\"",
    "\"1989-12-31T23:59:59.999Z\"",
    "\"2101-01-01T00:00:00.000Z\"",
    "\"1772668800\"",
    "\"yesterday\"",
];

/// Bytes that are put anywhere.
const BYTES: &[u8] = b"\"\\{}[]:,0123456789-+.eEtrufalsn' \t\r\n\x00\x01\x1f\x7f\x80\xc3\xa9\xed\xa0\xf0\x9fuDd/b";

impl MutantSource {
    pub(super) fn new(seed: u64) -> MutantSource {
        MutantSource(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % count.max(1) as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A mutant of a call.
    pub(super) fn mutant(&mut self, seed: &Value) -> Vec<u8> {
        let mut tree = self.tree(seed);
        for _ in 0..self.below(4) {
            self.change(&mut tree, 0);
        }
        let mut text = String::new();
        let spacing = self.below(4);
        self.write(&tree, spacing, &mut text);
        let mut text = text.into_bytes();
        if self.one_in(4) {
            for _ in 0..=self.below(2) {
                self.change_bytes(&mut text);
            }
        }
        text
    }

    /// A value with its keys in another order.
    fn tree(&mut self, value: &Value) -> JsonTree {
        match value {
            Value::Array(items) => JsonTree::Array(items.iter().map(|item| self.tree(item)).collect()),
            Value::Object(members) => {
                let mut members: Vec<_> = members
                    .iter()
                    .map(|(key, value)| (Value::from(key.as_str()).to_string(), self.tree(value)))
                    .collect();
                for at in (1..members.len()).rev() {
                    members.swap(at, self.below(at + 1));
                }
                JsonTree::Object(members)
            }
            other => JsonTree::Token(other.to_string()),
        }
    }

    fn change(&mut self, tree: &mut JsonTree, depth: usize) {
        let goes_in = depth == 0 || (depth < 4 && !self.one_in(3));
        match tree {
            JsonTree::Object(members) if goes_in && !members.is_empty() => {
                let at = self.below(members.len());
                match self.below(9) {
                    0 => members[at].0 = self.key(),
                    1 => drop(members.remove(at)),
                    2 => {
                        let mut twice = members[at].clone();
                        self.change(&mut twice.1, depth + 1);
                        members.insert(self.below(members.len() + 1), twice);
                    }
                    3 => members.insert(at, (self.key(), JsonTree::Token(self.pick(&TOKENS).to_owned()))),
                    4 => members[at].0 = self.escaped(&members[at].0.clone()),
                    _ => self.change(&mut members[at].1, depth + 1),
                }
            }
            JsonTree::Array(items) if goes_in && !items.is_empty() => {
                let at = self.below(items.len());
                self.change(&mut items[at], depth + 1);
            }
            other => *other = self.other(other.clone()),
        }
    }

    fn other(&mut self, tree: JsonTree) -> JsonTree {
        match (self.below(12), tree) {
            (0, tree) => JsonTree::Array(vec![tree]),
            (1, tree) => JsonTree::Object(vec![(self.key(), tree)]),
            (2, JsonTree::Token(token)) => JsonTree::Token(self.escaped(&token)),
            (3, _) => JsonTree::Token(self.deep()),
            (4, _) => JsonTree::Token(self.long_text()),
            (5, _) => JsonTree::Token(format!(
                "{}{}.{}",
                self.pick(&["", "-"]),
                self.below(10_000_000),
                self.below(100_000_000)
            )),
            (6, _) => {
                let (day, hour, ms) = (self.below(32), self.below(25), self.below(1_000));
                JsonTree::Token(format!(
                    "\"2026-0{}-{day:02}T{hour:02}:59:0{}.{ms:03}Z\"",
                    self.below(10),
                    self.below(10)
                ))
            }
            _ => JsonTree::Token(self.pick(&TOKENS).to_owned()),
        }
    }

    fn key(&mut self) -> String {
        format!("\"{}\"", self.pick(&KEYS))
    }

    /// A string with one of its characters as an escape; anything else as it is.
    fn escaped(&mut self, token: &str) -> String {
        let places: Vec<_> = token.char_indices().skip(1).filter(|(_, c)| c.is_ascii_alphanumeric()).collect();
        match token.starts_with('"') && !token.contains('\\') && !places.is_empty() {
            true => {
                let (at, c) = self.pick(&places);
                format!("{}\\u{:04x}{}", &token[..at], c as u32, &token[at + 1..])
            }
            false => token.to_owned(),
        }
    }

    fn deep(&mut self) -> String {
        let levels = self.pick(&[3, 59, 60, 61, 62, 120, 124, 125, 126, 127, 128, 200]);
        match self.below(2) {
            0 => "[".repeat(levels) + &"]".repeat(levels),
            _ => "{\"a\":".repeat(levels) + "1" + &"}".repeat(levels),
        }
    }

    fn long_text(&mut self) -> String {
        let length = self.pick(&[126, 128, 129, 255, 256, 257, 1_000, 8_189, 8_190, 8_191, 8_192, 8_193, 20_000]);
        let text = "x".repeat(length);
        match self.below(3) {
            0 => format!("\"{text}\""),
            1 => format!("[\"{text}\", 1]"),
            _ => "7".repeat(self.pick(&[17, 18, 19, 20, 24, 25, 299, 300, 301, 308, 309, 400])),
        }
    }

    fn write(&mut self, tree: &JsonTree, spacing: usize, out: &mut String) {
        let blank = |source: &mut MutantSource, out: &mut String| match spacing {
            0 | 1 => {}
            2 => out.push(' '),
            _ => out.push_str(source.pick(&["", "", " ", "\t", "\n", "\r\n  "])),
        };
        match tree {
            JsonTree::Token(token) => out.push_str(token),
            JsonTree::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    blank(self, out);
                    self.write(item, spacing, out);
                    blank(self, out);
                }
                out.push(']');
            }
            JsonTree::Object(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    blank(self, out);
                    out.push_str(key);
                    blank(self, out);
                    out.push(':');
                    blank(self, out);
                    self.write(value, spacing, out);
                    blank(self, out);
                }
                out.push('}');
            }
        }
    }

    fn change_bytes(&mut self, text: &mut Vec<u8>) {
        let at = self.below(text.len());
        let to = (at + self.below(40)).min(text.len());
        match self.below(6) {
            _ if text.is_empty() => text.push(b'{'),
            0 => text[at] = self.pick(BYTES),
            1 => text.insert(at, self.pick(BYTES)),
            2 => drop(text.remove(at)),
            3 => drop(text.drain(at..to)),
            4 => text.truncate(at),
            _ => {
                let part = text[at..to].to_vec();
                let place = self.below(text.len());
                drop(text.splice(place..place, part));
            }
        }
    }
}
