//! Errors as problem documents (RFC 9457).

use std::any::Any;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of problem documents.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// After how many seconds a client should retry when the server was busy.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What went wrong (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
#[schema(example = json!({
    "type": "about:blank", "title": "Not Found", "status": 404, "detail": "there is no segment of that id"
}))]
pub(super) struct ProblemDocument {
    /// `about:blank`: the status says all there is to say about the kind.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "number")]
    #[schema(value_type = u16, minimum = 400, maximum = 599)]
    status: StatusCode,
    /// What was wrong this time, and what to do about it.
    detail: String,
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl ProblemDocument {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> ProblemDocument {
        let title = status.canonical_reason().unwrap_or("Error");
        ProblemDocument { kind: "about:blank", title, status, detail: detail.into() }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> ProblemDocument {
        ProblemDocument::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> ProblemDocument {
        ProblemDocument::new(StatusCode::NOT_FOUND, detail)
    }

    pub(super) fn unavailable(detail: impl Into<String>) -> ProblemDocument {
        ProblemDocument::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

impl IntoResponse for ProblemDocument {
    fn into_response(self) -> Response {
        document(self.status, &self)
    }
}

/// A problem, or something that begins like one, as a response.
pub(super) fn document(status: StatusCode, problem: &impl Serialize) -> Response {
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut response = (status, [(CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
    match status {
        StatusCode::UNAUTHORIZED => {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        _ => {}
    }
    response
}

/// Turns the router's own errors into problem documents, and sets the headers that keep answers out of caches and browsers from
/// guessing their type.
pub(super) async fn as_documents(mut response: Response) -> Response {
    let status = response.status();
    if (status.is_client_error() || status.is_server_error()) && !is_json(&response) {
        let detail = match status {
            StatusCode::NOT_FOUND => "there is nothing at this path; /v1/openapi.json lists what there is",
            StatusCode::METHOD_NOT_ALLOWED => {
                "this path does not answer to this method; the header Allow says to which"
            }
            _ => "the request could not be answered",
        };
        let allow = response.headers_mut().remove(axum::http::header::ALLOW);
        response = ProblemDocument::new(status, detail).into_response();
        response.headers_mut().extend(allow.map(|allow| (axum::http::header::ALLOW, allow)));
    }
    // The console's files may be kept, if they are asked for again.
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn is_json(response: &Response) -> bool {
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    [MEDIA_TYPE, "application/json"].contains(&media_type)
}

/// The response for a panic in a handler.
pub(super) fn of_panic(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request was not answered because of a mistake in this program; the lines above say where");
    ProblemDocument::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the request ran into a mistake in this program; its log says more",
    )
    .into_response()
}
