//! What vendors' bodies are wrapped in: forms, base64, gzip inside of them, queries, checksums.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde_json::{Map, Value};
use thiserror::Error;

use super::Vendor;
use crate::batch::sound_text;
use crate::body;

/// Both alphabets are tried: standard, and that of URLs; padding may be left out.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The parameters whose value is the body itself, the first that is there.
const WRAPPED: [&str; 2] = ["data_list", "data"];

/// A vendor's request, unwrapped.
#[derive(Debug)]
pub(crate) struct VendorRequest {
    /// JSON.
    pub(crate) body: Value,
    /// The parameters of its query, and those of its form that stand beside the data.
    pub(crate) query: Value,
}

/// Why it can't be unwrapped.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum VendorBodyError {
    #[error("the body holds no JSON: {0}")]
    NotJson(String),
    #[error("the checksum `crc` does not fit `data`: a part of the body is lost")]
    WrongChecksum,
}

impl VendorRequest {
    /// Unwraps a body, or where there is none, a query.
    ///
    /// # Errors
    /// There is no JSON in it, or its checksum says that it is damaged.
    pub(crate) fn unwrap(vendor: Vendor, body: &Bytes, query: &str, limit: usize) -> Result<Self, VendorBodyError> {
        let mut request = VendorRequest::of_any(body, query, limit)?;
        match vendor {
            Vendor::Matomo => unfold_requests(&mut request.body),
            Vendor::Snowplow => unfold_events(&mut request.body),
            _ => {}
        }
        Ok(request)
    }

    /// Unwraps what any sender may send.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn of_any(body: &Bytes, query: &str, limit: usize) -> Result<Self, VendorBodyError> {
        let mut parameters = self::parameters(query.as_bytes());
        let text = body.trim_ascii();
        let value = match text.first() {
            Some(b'{' | b'[') => json_of(text)?,
            Some(_) if is_form(text) => {
                let form = self::parameters(text);
                let beside = form.iter().filter(|(name, _)| !WRAPPED.contains(&name.as_str()));
                parameters.extend(beside.map(|(name, value)| (name.clone(), value.clone())));
                of_parameters(&form, limit)?
            }
            Some(_) => wrapped(&String::from_utf8_lossy(text), limit)?,
            None => of_parameters(&parameters, limit)?,
        };
        Ok(VendorRequest { body: value, query: object(parameters) })
    }
}

/// Whether a text is a form: base64 has its `=` at its end.
fn is_form(text: &[u8]) -> bool {
    let end = text.iter().rposition(|byte| *byte != b'=').unwrap_or_default();
    text[..end].contains(&b'=')
}

fn json_of(text: &[u8]) -> Result<Value, VendorBodyError> {
    let text = sound_text(text).map_err(VendorBodyError::NotJson)?;
    serde_json::from_str(&text).map_err(|error| VendorBodyError::NotJson(error.to_string()))
}

/// The JSON that a parameter holds; without such a parameter, the parameters themselves.
fn of_parameters(parameters: &BTreeMap<String, String>, limit: usize) -> Result<Value, VendorBodyError> {
    let Some(data) = WRAPPED.iter().find_map(|name| parameters.get(*name)) else {
        return Ok(object(parameters.clone()));
    };
    if let Some(crc) = parameters.get("crc").and_then(|crc| crc.trim().parse::<i64>().ok())
        && crc != i64::from(checksum(data))
    {
        return Err(VendorBodyError::WrongChecksum);
    }
    wrapped(data, limit)
}

/// JSON, plain or in base64, there perhaps compressed.
fn wrapped(data: &str, limit: usize) -> Result<Value, VendorBodyError> {
    let data = data.trim();
    if data.starts_with(['{', '[']) {
        return json_of(data.as_bytes());
    }
    // A form's `+` is a blank.
    let data = data.replace(' ', "+");
    let decoded = STANDARD.decode(&data).or_else(|_| URL_SAFE.decode(&data));
    let decoded = decoded.map_err(|error| VendorBodyError::NotJson(format!("neither JSON nor base64: {error}")))?;
    let unpacked = body::decompressed(decoded.into(), false, limit);
    json_of(unpacked.map_err(|error| VendorBodyError::NotJson(error.to_string()))?.trim_ascii())
}

/// The checksum of Sensors' SDKs, over the characters of the text.
fn checksum(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |sum, unit| sum.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

fn parameters(query: &[u8]) -> BTreeMap<String, String> {
    serde_urlencoded::from_bytes::<Vec<(String, String)>>(query).unwrap_or_default().into_iter().collect()
}

fn object(parameters: BTreeMap<String, String>) -> Value {
    parameters.into_iter().map(|(name, value)| (name, Value::String(value))).collect::<Map<_, _>>().into()
}

/// Matomo's bulk requests are queries in a list.
fn unfold_requests(body: &mut Value) {
    for request in body.get_mut("requests").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(query) = request.as_str() {
            *request = object(parameters(query.trim_start_matches('?').as_bytes()));
        }
    }
}

/// Snowplow's self-describing events are JSON in a text, or in base64.
fn unfold_events(body: &mut Value) {
    let is_list = body.get("data").is_some_and(Value::is_array);
    let events: Vec<&mut Value> = match is_list {
        true => body.get_mut("data").and_then(Value::as_array_mut).into_iter().flatten().collect(),
        false => vec![body],
    };
    for event in events {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let decoded = text("ue_px").and_then(|px| URL_SAFE.decode(px).or_else(|_| STANDARD.decode(px)).ok());
        let decoded = decoded.or_else(|| text("ue_pr").map(|pr| pr.as_bytes().to_vec()));
        let Some(envelope) = decoded.and_then(|json| serde_json::from_slice::<Value>(&json).ok()) else { continue };
        let described = &envelope["data"];
        // iglu:com.example/add_to_cart/jsonschema/1-0-0
        let name = described["schema"].as_str().and_then(|schema| schema.split('/').nth(1)).map(Value::from);
        if let (Some(name), Some(event)) = (name, event.as_object_mut()) {
            event.insert("ue_name".to_owned(), name);
            event.insert("ue_data".to_owned(), described["data"].clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn unwrapped(body: &[u8], query: &str) -> Result<Value, VendorBodyError> {
        let body = Bytes::copy_from_slice(body);
        VendorRequest::unwrap(Vendor::Sensors, &body, query, 10_000).map(|request| request.body)
    }

    #[test]
    fn bodies_are_unwrapped_from_forms_base64_and_queries() {
        let expected = json!({"a": "é"});
        let text = expected.to_string();
        let packed = STANDARD.encode(&text);
        let escaped = packed.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        for body in [
            text.clone(),
            packed.clone(),
            format!("data={escaped}"),
            format!("data={escaped}&crc={}", checksum(&packed)),
        ] {
            assert_eq!(unwrapped(body.as_bytes(), ""), Ok(expected.clone()), "{body}");
        }
        assert_eq!(unwrapped(b"", &format!("data={escaped}&ext=1")), Ok(expected));
        assert_eq!(unwrapped(b"a=1&b=x%20y", ""), Ok(json!({"a": "1", "b": "x y"})));
        assert_eq!(unwrapped(b"", "a=1"), Ok(json!({"a": "1"})));
        assert_eq!(unwrapped(format!("data={escaped}&crc=7").as_bytes(), ""), Err(VendorBodyError::WrongChecksum));
        assert!(matches!(unwrapped(b"data=%%%", ""), Err(VendorBodyError::NotJson(_))));
    }

    #[test]
    fn the_checksum_is_that_of_the_sdks() {
        assert_eq!((checksum(""), checksum("a"), checksum("hello")), (0, 97, 99_162_322));
        assert_eq!(
            checksum("eyJkaXN0aW5jdF9pZCI6IjEyMyJ9"),
            "eyJkaXN0aW5jdF9pZCI6IjEyMyJ9"
                .bytes()
                .fold(0_i32, |sum, byte| sum.wrapping_mul(31).wrapping_add(i32::from(byte)))
        );
    }
}
