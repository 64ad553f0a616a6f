//! Where SDKs put the write key.

use std::collections::HashMap;

use axum::extract::Query;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The names of a write key in queries.
const QUERY_NAMES: [&str; 3] = ["writeKey", "write_key", "write-key"];

/// The write key of a request's head: the user of Basic authentication, `X-Write-Key`, a Bearer token, or the query.
pub(crate) fn of_head(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    of_headers(headers).or_else(|| {
        let mut query = query(uri);
        QUERY_NAMES.into_iter().find_map(|name| query.remove(name))
    })
}

fn of_headers(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let key = text("x-write-key").map(str::to_owned).or_else(|| {
        let (scheme, rest) = text(AUTHORIZATION.as_str())?.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(rest.trim().to_owned());
        }
        let decoded = BASE64.decode(rest.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let decoded = String::from_utf8(decoded).ok()?;
        Some(decoded.split_once(':').map_or(&*decoded, |(user, _)| user).to_owned())
    });
    key.filter(|key| !key.is_empty())
}

/// The parameters of a query.
pub(crate) fn query(uri: &Uri) -> HashMap<String, String> {
    Query::try_from_uri(uri).map(|Query(query)| query).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_key_is_found_where_each_sdk_puts_it() {
        let key = |headers: &[(&'static str, &str)], uri: &str| {
            let pairs =
                headers.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
            of_head(&pairs.collect(), &uri.parse().expect("a path"))
        };
        let found = Some("wk".to_owned());
        assert_eq!(key(&[("authorization", "Basic d2s6")], "/v1/batch"), found);
        assert_eq!(key(&[("authorization", "basic d2s6cGFzcw==")], "/v1/batch"), found);
        assert_eq!(key(&[("authorization", "Basic d2s=")], "/v1/batch"), found);
        assert_eq!(key(&[("authorization", "Bearer wk")], "/v1/batch"), found);
        assert_eq!(key(&[("x-write-key", "wk")], "/api/s/track"), found);
        assert_eq!(key(&[], "/beacon/v1/batch?writeKey=wk"), found);
        for (headers, uri) in [
            (&[][..], "/v1/batch"),
            (&[("authorization", "Basic ???")][..], "/v1/batch"),
            (&[("authorization", "Basic OnBhc3M=")][..], "/v1/batch"),
            (&[("authorization", "x")][..], "/v1/batch?other=wk"),
        ] {
            assert_eq!(key(headers, uri), None, "{headers:?} {uri}");
        }
    }
}
