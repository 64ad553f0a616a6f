//! JSON as clients write it, read by hand, one value at a time: the slow way, on purpose.

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub struct Json {
    pub kind: JsonKind,
    /// As it stands there, without blanks between tokens, and with what JSON does not know put right.
    pub compact: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum JsonKind {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    /// Of equal keys only the last is left.
    Object(Vec<(String, Json)>),
}

impl Json {
    pub fn get(&self, key: &str) -> Option<&Json> {
        let JsonKind::Object(members) = &self.kind else { return None };
        members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub fn text(&self) -> Option<&str> {
        if let JsonKind::Text(text) = &self.kind { Some(text) } else { None }
    }

    pub fn is_array(&self) -> bool {
        matches!(self.kind, JsonKind::Array(_))
    }
}

/// Reads a text; `None`: it is not JSON, leniently taken.
pub fn read(text: &[u8]) -> Option<Json> {
    let mut reader = LenientReader { rest: std::str::from_utf8(text).ok()? };
    let value = reader.value(0)?;
    reader.blanks();
    reader.rest.is_empty().then_some(value)
}

struct LenientReader<'a> {
    rest: &'a str,
}

impl LenientReader<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn eat(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.blanks();
        let words = [
            ("null", JsonKind::Null, "null"),
            ("true", JsonKind::Bool(true), "true"),
            ("false", JsonKind::Bool(false), "false"),
            ("NaN", JsonKind::Null, "null"),
            ("Infinity", JsonKind::Null, "null"),
            ("-Infinity", JsonKind::Null, "null"),
        ];
        for (word, kind, compact) in words {
            if self.eat(word).is_some() {
                return Some(Json { kind, compact: compact.to_owned() });
            }
        }
        match self.rest.chars().next()? {
            '"' => self.string().map(|(text, compact)| Json { kind: JsonKind::Text(text), compact }),
            '[' => self.array(depth + 1),
            '{' => self.object(depth + 1),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: usize) -> Option<Json> {
        self.eat("[").filter(|()| depth <= 127)?;
        let mut items: Vec<Json> = Vec::new();
        self.blanks();
        let mut is_over = self.eat("]").is_some();
        while !is_over {
            items.push(self.value(depth)?);
            self.blanks();
            is_over = self.eat("]").is_some();
            if !is_over {
                self.eat(",")?;
            }
        }
        let compact: Vec<&str> = items.iter().map(|item| item.compact.as_str()).collect();
        let compact = format!("[{}]", compact.join(","));
        Some(Json { kind: JsonKind::Array(items), compact })
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        self.eat("{").filter(|()| depth <= 127)?;
        let (mut members, mut texts) = (Vec::<(String, Json)>::new(), Vec::new());
        self.blanks();
        let mut is_over = self.eat("}").is_some();
        while !is_over {
            self.blanks();
            let (key, raw_key) = self.string()?;
            self.blanks();
            self.eat(":")?;
            let value = self.value(depth)?;
            texts.push(format!("{raw_key}:{}", value.compact));
            members.retain(|(name, _)| *name != key);
            members.push((key, value));
            self.blanks();
            is_over = self.eat("}").is_some();
            if !is_over {
                self.eat(",")?;
            }
        }
        Some(Json { kind: JsonKind::Object(members), compact: format!("{{{}}}", texts.join(",")) })
    }

    /// A string's text, and how JSON has it. Through UTF-16, where half a pair is nothing special until it is read.
    fn string(&mut self) -> Option<(String, String)> {
        self.eat("\"")?;
        // Each with the text it is written as, and whether that is an escape of one unit.
        let mut units: Vec<(u16, String, bool)> = Vec::new();
        loop {
            let mut chars = self.rest.chars();
            let char = chars.next()?;
            self.rest = chars.as_str();
            match char {
                '"' => return Some(joined(&units)),
                '\\' => {
                    let escape = self.rest.chars().next()?;
                    self.rest = &self.rest[escape.len_utf8()..];
                    let plain = match escape {
                        '"' | '\\' | '/' => escape,
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'u' => {
                            let digits = self.rest.get(..4).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
                            units.push((u16::from_str_radix(digits, 16).ok()?, format!("\\u{digits}"), true));
                            self.rest = &self.rest[4..];
                            continue;
                        }
                        _ => return None,
                    };
                    units.push((plain as u16, format!("\\{escape}"), false));
                }
                control @ '\0'..'\u{20}' => units.push((control as u16, format!("\\u{:04x}", control as u32), false)),
                other => {
                    let mut raw = other.to_string();
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        units.push((*unit, std::mem::take(&mut raw), false));
                    }
                }
            }
        }
    }

    /// What is beyond every double is as good as infinite.
    fn number(&mut self) -> Option<Json> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        let digits = number.strip_prefix('-').unwrap_or(number);
        let (mantissa, exponent) = match digits.find(['e', 'E']) {
            Some(at) => (&digits[..at], Some(digits[at + 1..].trim_start_matches('+'))),
            None => (digits, None),
        };
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(a, b)| (a, Some(b)));
        let has_one_sign = !digits.contains("++") && !digits.contains("+-");
        let is_number = is_digits(whole)
            && (whole == "0" || !whole.starts_with('0'))
            && fraction.is_none_or(is_digits)
            && exponent.is_none_or(|exponent| is_digits(exponent.strip_prefix('-').unwrap_or(exponent)))
            && has_one_sign;
        if !is_number {
            return None;
        }
        self.rest = rest;
        match number.parse::<f64>().ok()?.is_infinite() {
            true => Some(Json { kind: JsonKind::Null, compact: "null".to_owned() }),
            false => Some(Json { kind: JsonKind::Number(number.to_owned()), compact: number.to_owned() }),
        }
    }
}

fn joined(units: &[(u16, String, bool)]) -> (String, String) {
    let plain: Vec<u16> = units.iter().map(|(unit, ..)| *unit).collect();
    let is_half = |at: usize, halves: std::ops::Range<u16>| {
        units.get(at).is_some_and(|(unit, _, is_escape)| *is_escape && halves.contains(unit))
    };
    let mut raw = String::from("\"");
    for (at, (_, text, _)) in units.iter().enumerate() {
        let is_paired = (is_half(at, 0xd800..0xdc00) && is_half(at + 1, 0xdc00..0xe000))
            || (is_half(at, 0xdc00..0xe000) && at > 0 && is_half(at - 1, 0xd800..0xdc00));
        raw.push_str(if is_half(at, 0xd800..0xe000) && !is_paired { "\\ufffd" } else { text });
    }
    (String::from_utf16_lossy(&plain), raw + "\"")
}
