//! The answers to requests, as SDKs understand them.

use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use thiserror::Error;

use crate::adapters::VendorBodyError;
use crate::batch::{BatchError, MAX_CALLS};
use crate::body::BodyError;
use crate::callbacks::{CallbackForgery, CallbackProblem};
use crate::publisher::PublishFailure;
use crate::rejection::CallRejection;

/// Why a request is not answered with 200. What asks for the same again has a `Retry-After`.
#[derive(Debug, Error)]
pub(crate) enum RequestRefusal {
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("{0}")]
    Batch(#[from] BatchError),
    /// The only call of a request.
    #[error("{0}")]
    Call(CallRejection),
    #[error("the request's body is broken off or malformed")]
    BrokenBody,
    #[error("the request's body took too long to come in")]
    SlowBody,
    #[error("the text around the calls has {bytes} bytes; it may have {limit}")]
    EnvelopeTooLarge { bytes: usize, limit: usize },
    #[error(
        "there is no write key, or nobody's: send it as the user of Basic authentication, as `writeKey`, or in X-Write-Key"
    )]
    UnknownKey,
    #[error("the signature does not fit the body and the webhook's secret")]
    WrongSignature,
    #[error(transparent)]
    Callback(#[from] CallbackProblem),
    #[error("{0}")]
    VendorBody(#[from] VendorBodyError),
    #[error("pages of this origin may not send with this write key")]
    OriginNotAllowed,
    #[error("there is nothing at this path; /v1/batch takes calls")]
    UnknownPath,
    #[error("this path does not answer to this method")]
    WrongMethod,
    #[error("this write key has sent more calls than it may; send the same again later")]
    Throttled { wait: Duration },
    #[error("too many requests are being worked on; send the same again")]
    Busy,
    #[error("{0}")]
    NotPublished(#[from] PublishFailure),
    #[error("the request ran into a mistake in this program; send the same again")]
    Panicked,
}

/// What was taken of a request.
#[derive(Debug, Serialize)]
pub(crate) struct AcceptedRequest {
    pub(crate) success: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rejected: Vec<RejectedIndex>,
}

/// A call that was not taken.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RejectedIndex {
    /// Its place in the request, from 0.
    pub(crate) index: usize,
    /// The reason, as one word.
    pub(crate) reason: &'static str,
    /// The reason, in a sentence.
    pub(crate) detail: String,
}

#[derive(Serialize)]
struct RefusalDocument {
    code: &'static str,
    message: String,
}

impl RequestRefusal {
    fn status(&self) -> StatusCode {
        match self {
            RequestRefusal::Body(BodyError::TooLarge { .. })
            | RequestRefusal::Batch(BatchError::TooManyCalls { .. })
            | RequestRefusal::EnvelopeTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            RequestRefusal::Call(rejection) if rejection.is_too_large() => StatusCode::PAYLOAD_TOO_LARGE,
            RequestRefusal::Body(_)
            | RequestRefusal::Batch(_)
            | RequestRefusal::Call(_)
            | RequestRefusal::VendorBody(_)
            | RequestRefusal::Callback(CallbackProblem::NotJson(_))
            | RequestRefusal::BrokenBody => StatusCode::BAD_REQUEST,
            RequestRefusal::SlowBody => StatusCode::REQUEST_TIMEOUT,
            RequestRefusal::UnknownKey
            | RequestRefusal::WrongSignature
            | RequestRefusal::Callback(CallbackProblem::Forged(_)) => StatusCode::UNAUTHORIZED,
            RequestRefusal::OriginNotAllowed => StatusCode::FORBIDDEN,
            RequestRefusal::UnknownPath => StatusCode::NOT_FOUND,
            RequestRefusal::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            RequestRefusal::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            RequestRefusal::Busy | RequestRefusal::NotPublished(_) | RequestRefusal::Panicked => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The reason as one word.
    fn code(&self) -> &'static str {
        match self {
            RequestRefusal::Body(BodyError::TooLarge { .. }) | RequestRefusal::EnvelopeTooLarge { .. } => "too_large",
            RequestRefusal::Body(BodyError::NotGzip) => "not_gzip",
            RequestRefusal::Batch(BatchError::NotJson(_)) => "not_json",
            RequestRefusal::Batch(BatchError::NotCalls) => "not_an_object",
            RequestRefusal::Batch(BatchError::TooManyCalls { .. }) => "too_many_calls",
            RequestRefusal::Call(rejection) => rejection.code(),
            RequestRefusal::BrokenBody => "broken_body",
            RequestRefusal::SlowBody => "slow_body",
            RequestRefusal::UnknownKey => "unknown_key",
            RequestRefusal::WrongSignature
            | RequestRefusal::Callback(CallbackProblem::Forged(CallbackForgery::WrongSignature)) => "wrong_signature",
            RequestRefusal::Callback(CallbackProblem::Forged(CallbackForgery::Stale)) => "stale_signature",
            RequestRefusal::Callback(CallbackProblem::NotJson(_)) => "not_json",
            RequestRefusal::VendorBody(VendorBodyError::NotJson(_)) => "not_json",
            RequestRefusal::VendorBody(VendorBodyError::WrongChecksum) => "wrong_checksum",
            RequestRefusal::OriginNotAllowed => "origin_not_allowed",
            RequestRefusal::UnknownPath => "unknown_path",
            RequestRefusal::WrongMethod => "wrong_method",
            RequestRefusal::Throttled { .. } => "too_many_requests",
            RequestRefusal::Busy | RequestRefusal::NotPublished(_) | RequestRefusal::Panicked => "unavailable",
        }
    }

    /// After how long the same may be sent again; `None`: never.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            RequestRefusal::Throttled { wait } => Some(*wait),
            RequestRefusal::NotPublished(PublishFailure::NotConnected) => Some(Duration::from_secs(5)),
            RequestRefusal::NotPublished(_) | RequestRefusal::Panicked => Some(Duration::from_secs(2)),
            RequestRefusal::Busy | RequestRefusal::SlowBody => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl RequestRefusal {
    /// The answer to Amplitude's SDKs: what they do next depends on the number in the body, not on the status.
    pub(crate) fn numbered(self) -> Response {
        let document = serde_json::json!({ "code": self.status().as_u16(), "error": self.to_string() });
        self.response(&document)
    }

    fn response(&self, document: &impl Serialize) -> Response {
        let mut response = json(self.status(), document);
        if let Some(wait) = self.retry_after() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if matches!(self, RequestRefusal::UnknownKey) {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        }
        response
    }
}

impl IntoResponse for RequestRefusal {
    fn into_response(self) -> Response {
        self.response(&RefusalDocument { code: self.code(), message: self.to_string() })
    }
}

impl IntoResponse for AcceptedRequest {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self)
    }
}

/// JSON that no cache keeps.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, serde_json::to_vec(document).unwrap_or_default()).into_response()
}

const _: () = assert!(MAX_CALLS < u32::MAX as usize, "the room of a request is counted in 32 bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amplitude_is_told_the_status_as_a_number() {
        let refusals = [
            RequestRefusal::Throttled { wait: Duration::from_secs(3) },
            RequestRefusal::Busy,
            RequestRefusal::UnknownKey,
        ];
        for (refusal, status) in refusals.into_iter().zip([429, 503, 401]) {
            let response = refusal.numbered();
            assert_eq!(
                (response.status().as_u16(), response.headers().contains_key(RETRY_AFTER)),
                (status, status != 401)
            );
            let body = axum::body::to_bytes(response.into_body(), 10_000);
            let body = futures_util::FutureExt::now_or_never(body).and_then(Result::ok).expect("it is there");
            let document: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!((&document["code"], document["error"].is_string()), (&status.into(), true));
        }
    }
}
