//! Whom to forget: `{"user": "u42"}`, one object per line.

use serde_json::Value;

use super::{Decoder, MAX_ID_BYTES, RejectedCall, RejectionReason, first_line};

impl Decoder {
    /// Reads one line, without its newline, of a message that says whom to forget. A blank line names nobody, and gives
    /// `None`.
    pub fn decode_forget<'a>(&self, line: &'a [u8]) -> Option<Result<String, RejectedCall<'a>>> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        Some(self.user_to_forget(line).map_err(|reason| RejectedCall { reason, original: line }))
    }

    fn user_to_forget(&self, line: &[u8]) -> Result<String, RejectionReason> {
        if line.len() > self.max_event_bytes {
            return Err(RejectionReason::TooLarge { bytes: line.len() as u64, limit: self.max_event_bytes as u64 });
        }
        let value: Value = serde_json::from_slice(line)
            .map_err(|error| RejectionReason::NotJson { detail: first_line(&error.to_string()) })?;
        let Value::Object(mut fields) = value else { return Err(RejectionReason::NotAnObject) };
        match fields.remove("user") {
            None | Some(Value::Null) => Err(RejectionReason::NoUser),
            Some(Value::String(user)) if user.is_empty() => Err(RejectionReason::NoUser),
            Some(Value::String(user)) if user.len() > MAX_ID_BYTES => {
                Err(RejectionReason::IdTooLong { field: "user", bytes: user.len() })
            }
            Some(Value::String(user)) => Ok(user),
            Some(Value::Number(user)) if user.is_i64() || user.is_u64() => Ok(user.to_string()),
            Some(_) => Err(RejectionReason::WrongType { field: "user" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;

    fn outcome(line: &str) -> Option<Result<String, &'static str>> {
        let rules = rules::compile("").unwrap_or_else(|_| unreachable!("no rules are no mistake"));
        let decoder = Decoder::new(&rules.projection, 300);
        decoder.decode_forget(line.as_bytes()).map(|user| user.map_err(|rejected| rejected.reason.code()))
    }

    #[test]
    fn who_is_to_be_forgotten_is_named_by_user() {
        assert_eq!(outcome(r#"{"user":"u42"}"#), Some(Ok("u42".to_owned())));
        assert_eq!(outcome(r#" {"user":"\u7528户", "asked_by": ["x"]} "#), Some(Ok("用户".to_owned())));
        assert_eq!(outcome(r#"{"user":42}"#), Some(Ok("42".to_owned())));
        assert_eq!(outcome(" \t\r"), None);
    }

    #[test]
    fn anything_else_says_why_not() {
        let (longest, too_long) = ("x".repeat(256), "x".repeat(257));
        assert_eq!(outcome(&format!(r#"{{"user":"{longest}"}}"#)), Some(Ok(longest)));
        for (line, code) in [
            ("u42", "not_json"),
            ("{\"user\":\"u42\"", "not_json"),
            ("\"u42\"", "not_an_object"),
            ("[{\"user\":\"u42\"}]", "not_an_object"),
            ("{}", "no_user"),
            ("{\"userId\":\"u42\"}", "no_user"),
            ("{\"user\":null}", "no_user"),
            ("{\"user\":\"\"}", "no_user"),
            ("{\"user\":4.2}", "wrong_type"),
            ("{\"user\":[\"u42\"]}", "wrong_type"),
            (&format!(r#"{{"user":"{too_long}"}}"#), "id_too_long"),
            (&format!(r#"{{"user":"{too_long}{too_long}"}}"#), "too_large"),
        ] {
            assert_eq!(outcome(line), Some(Err(code)), "{line}");
        }
    }
}
