//! The calls of a body: one, a batch envelope's, or an array's. Each is judged for itself later.

use std::collections::BTreeSet;

use rekindle_core::decode::{repaired, split};
use thiserror::Error;

use crate::json_object::JsonObject;

/// The most calls in one request.
pub(crate) const MAX_CALLS: usize = 10_000;

/// The texts of a request's calls, and what stands around them.
#[derive(Debug)]
pub(crate) struct CallTexts<'a> {
    /// Each call as it was written.
    pub(crate) calls: Vec<&'a [u8]>,
    /// The envelope without its calls; empty where there is none.
    pub(crate) envelope: String,
    /// Whether the request is one call, and its answer about that.
    pub(crate) is_single: bool,
    /// The places of those that are no calls, because a mapping made none of them.
    pub(crate) not_mapped: BTreeSet<usize>,
}

/// Why a body holds no calls.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum BatchError {
    /// Not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// JSON, but neither an object nor an array.
    #[error("the body must be one call, an array of calls, or an object with `batch`")]
    NotCalls,
    /// Too many calls.
    #[error("there are {calls} calls in one request; {MAX_CALLS} is the most")]
    TooManyCalls { calls: usize },
}

impl<'a> CallTexts<'a> {
    /// Splits a body.
    pub(crate) fn split(body: &'a [u8]) -> Result<CallTexts<'a>, BatchError> {
        let text = body.strip_prefix(split::BYTE_ORDER_MARK).unwrap_or(body).trim_ascii();
        match text.first() {
            Some(b'[') => Ok(CallTexts {
                calls: calls_of(text)?,
                envelope: "{}".to_owned(),
                is_single: false,
                not_mapped: BTreeSet::new(),
            }),
            Some(b'{') => match split::batch(text) {
                Some(array) => {
                    let around = [&text[..array.start], b"null", &text[array.end..]].concat();
                    let envelope = sound_text(&around).map_err(BatchError::NotJson)?;
                    JsonObject::parse(&envelope).map_err(|error| BatchError::NotJson(error.to_string()))?;
                    Ok(CallTexts {
                        calls: calls_of(&text[array])?,
                        envelope,
                        is_single: false,
                        not_mapped: BTreeSet::new(),
                    })
                }
                None => Ok(CallTexts {
                    calls: vec![text],
                    envelope: "{}".to_owned(),
                    is_single: true,
                    not_mapped: BTreeSet::new(),
                }),
            },
            None => Err(BatchError::NotJson("it is empty".to_owned())),
            Some(_) if serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok() => Err(BatchError::NotCalls),
            Some(_) => Err(BatchError::NotJson("it begins with neither { nor [".to_owned())),
        }
    }
}

fn calls_of(array: &[u8]) -> Result<Vec<&[u8]>, BatchError> {
    match split::elements(array, MAX_CALLS) {
        None => Err(BatchError::NotJson("the array of calls does not end as it should".to_owned())),
        Some(Err(calls)) => Err(BatchError::TooManyCalls { calls }),
        Some(Ok(ranges)) => Ok(ranges.into_iter().map(|range| &array[range]).collect()),
    }
}

/// JSON as text; what browsers and scripts write that is almost JSON is put right.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn sound_text(json: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(json).map_err(|error| error.to_string())?;
    match serde_json::from_str::<&serde_json::value::RawValue>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => {
            let text = repaired(json).and_then(|text| String::from_utf8(text).ok()).ok_or_else(|| error.to_string())?;
            serde_json::from_str::<&serde_json::value::RawValue>(&text).map_err(|_| error.to_string())?;
            Ok(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str) -> Result<(Vec<String>, String, bool), BatchError> {
        let split = CallTexts::split(body.as_bytes())?;
        let calls = split.calls.iter().map(|call| String::from_utf8_lossy(call).into_owned()).collect();
        Ok((calls, split.envelope, split.is_single))
    }

    #[test]
    fn a_body_is_a_call_an_array_or_an_envelope() {
        let calls = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(texts("\u{feff} {\"a\":1}\n"), Ok((calls(&["{\"a\":1}"]), "{}".to_owned(), true)));
        assert_eq!(texts("[{},{x}]"), Ok((calls(&["{}", "{x}"]), "{}".to_owned(), false)));
        let (found, envelope, is_single) = texts(r#"{"batch":[{"a":1}, NaN],"sentAt":"x"}"#).expect("a batch");
        assert_eq!((found, is_single), (calls(&["{\"a\":1}", "NaN"]), false));
        assert_eq!(envelope, r#"{"batch":null,"sentAt":"x"}"#);
        assert_eq!(texts(r#"{"batch":[]}"#).map(|texts| texts.0), Ok(vec![]));
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        for body in ["", " ", "x", "{\"batch\":[1],\"a\":}", "[1", "[1,]", "<html>"] {
            assert!(matches!(texts(body), Err(BatchError::NotJson(_))), "{body}: {:?}", texts(body));
        }
        for body in ["1", "\"x\"", "null", "true"] {
            assert_eq!(texts(body), Err(BatchError::NotCalls), "{body}");
        }
        let many = format!("[{}1]", "1,".repeat(MAX_CALLS));
        assert_eq!(texts(&many), Err(BatchError::TooManyCalls { calls: MAX_CALLS + 1 }));
    }

    #[test]
    fn almost_json_is_put_right() {
        assert_eq!(sound_text(b"{\"a\":NaN}"), Ok("{\"a\":null}".to_owned()));
        assert!(sound_text(b"{\"a\":}").is_err() && sound_text(b"\xff").is_err());
    }
}
