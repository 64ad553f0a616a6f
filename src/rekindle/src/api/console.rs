//! The console's files, for everybody who may reach this server: without a session they show nothing but the page to sign in.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rekindle_console::{ConsoleFile, FILES};
use xxhash_rust::xxh3::xxh3_128;

/// Scripts, styles and images from this server only, none in the page itself; requests to this server only; in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// Other sites get no handle of the console's window.
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Whether a path is a file's.
pub(super) fn has(path: &str) -> bool {
    FILES.iter().any(|file| file.path == path)
}

/// The routes of all files.
pub(super) fn routes() -> Router {
    FILES.iter().fold(Router::new(), |router, file| {
        let tags = EntityTags::of(file);
        router.route(file.path, get(move |request: Request| std::future::ready(answer(file, &tags, request.headers()))))
    })
}

/// What tells whether a browser has the file already.
#[derive(Clone)]
struct EntityTags {
    plain: HeaderValue,
    gzip: HeaderValue,
}

impl EntityTags {
    fn of(file: &ConsoleFile) -> EntityTags {
        let hash = xxh3_128(file.content);
        let tag = |text: String| HeaderValue::from_str(&text).expect("hexadecimal digits and letters");
        EntityTags { plain: tag(format!("\"{hash:032x}\"")), gzip: tag(format!("\"{hash:032x}-gzip\"")) }
    }
}

fn answer(file: &'static ConsoleFile, tags: &EntityTags, asked: &HeaderMap) -> Response {
    let is_gzip = accepts_gzip(asked);
    let (content, tag) = if is_gzip { (file.gzip, &tags.gzip) } else { (file.content, &tags.plain) };
    let is_known = asked.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok()).is_some_and(|known| {
        let known = known.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        known.into_iter().any(|known| known == "*" || known.as_bytes() == tag.as_bytes())
    });
    let mut answer = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(CONTENT_TYPE, file.media_type)], content).into_response(),
    };
    let headers = answer.headers_mut();
    if is_gzip && !is_known {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(ETAG, tag.clone());
    for (name, value) in [
        (VARY, "accept-encoding"),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Whether gzip is among the encodings that are accepted, and not with the weight of none.
fn accepts_gzip(asked: &HeaderMap) -> bool {
    let accepted = asked.get(ACCEPT_ENCODING).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|encoding| {
        let mut parts = encoding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let is_refused = parts.any(|part| part.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0)));
        is_gzip && !is_refused
    })
}
