//! Signing in and out, for people: a token becomes a session, which the browser holds in a cookie that no script reads.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Extension, State};
use axum::http::header::{COOKIE, HeaderValue, ORIGIN, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, http::header::HeaderName as Name};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::ApiAccess;
use super::audit::AuditLog;
use super::params::JsonBody;
use super::problem::ProblemDocument;
use super::roles::{ApiRole, Requester};
use super::sessions::SESSION_TIME_MAX;
use crate::audit::{AuditOutcome, AuditedChange};
use rekindle_web::ClientAddress;

/// Where people sign in.
pub(super) const PATH: &str = "/v1/session";

/// The cookie that holds what opens a session.
const SESSION_COOKIE: &str = "rekindle_session";

/// In which a proxy says how the browser reached it.
const X_FORWARDED_PROTO: HeaderName = Name::from_static("x-forwarded-proto");

/// How many attempts with a wrong token one address has in [`ATTEMPTS_TIME`].
const FAILURES_PER_ADDRESS_MAX: u32 = 10;

/// How many all addresses together have.
const FAILURES_MAX: u32 = 200;

/// After which time failures no longer count.
const ATTEMPTS_TIME: Duration = Duration::from_secs(60);

/// A token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignIn)]
#[schema(example = json!({"token": "the-token-of-the-operators"}))]
pub(super) struct SignInRequest {
    /// That of `[http] token_file` or `read_token_file`.
    token: String,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
#[schema(example = json!({"role": "operator", "sign_in": true}))]
pub(super) struct SessionResponse {
    /// What they may ask for.
    role: ApiRole,
    /// Whether one has to sign in here: there is a token.
    sign_in: bool,
}

/// Attempts with a wrong token, in a minute that began with the first of them.
#[derive(Debug, Default)]
pub(super) struct FailedSignIns {
    counted: Mutex<FailureCounts>,
}

#[derive(Debug, Default)]
struct FailureCounts {
    began: Option<Instant>,
    all: u32,
    /// No more addresses than there may be failures.
    by_address: HashMap<IpAddr, u32>,
}

impl FailedSignIns {
    /// How long clients with this address must wait before the next attempt; `None`: no longer.
    fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let over = counted.began.map(|began| began + ATTEMPTS_TIME)?;
        if over <= now {
            *counted = FailureCounts::default();
            return None;
        }
        let of_address = counted.by_address.get(&address).copied().unwrap_or_default();
        let is_too_often = of_address >= FAILURES_PER_ADDRESS_MAX || counted.all >= FAILURES_MAX;
        is_too_often.then(|| over - now)
    }

    fn count(&self, address: IpAddr, now: Instant) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.began.get_or_insert(now);
        counted.all += 1;
        *counted.by_address.entry(address).or_default() += 1;
    }
}

/// Sign in
///
/// Takes one of the two tokens, and sets a cookie that stands for it for twelve hours, or until nothing was asked for an hour. With a
/// cookie, requests that change something are answered only if they come from pages of this server. Without a token configured,
/// everybody on this machine is an operator, and there is no cookie. Too many attempts with wrong tokens are refused for a minute.
#[utoipa::path(post, path = "/v1/session", tag = "session", request_body = SignInRequest, responses(
    (status = 200, description = "Signed in; the cookie is HttpOnly and SameSite=Strict", body = SessionResponse),
    (status = 400, description = "The body is no such document", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "This is no token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 415, description = "The body is not said to be JSON", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 429, description = "Too many attempts with wrong tokens; `Retry-After` says when to try again", body = ProblemDocument, content_type = "application/problem+json")
))]
pub(super) async fn sign_in(
    State(access): State<Arc<ApiAccess>>,
    Extension(audit): Extension<Arc<dyn AuditLog>>,
    address: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    JsonBody(SignInRequest { token }): JsonBody<SignInRequest>,
) -> Result<Response, Response> {
    if !access.has_token() {
        return Ok(Json(SessionResponse { role: ApiRole::Operator, sign_in: false }).into_response());
    }
    let known = address.map(|Extension(ClientAddress(address))| address);
    let address = known.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    let now = Instant::now();
    if let Some(wait) = access.failed.wait(address, now) {
        return Err(too_often(wait));
    }
    let Some(role) = access.role_of(token.trim().as_bytes()) else {
        access.failed.count(address, now);
        return Err(ProblemDocument::new(StatusCode::UNAUTHORIZED, "this is not the token").into_response());
    };
    let unavailable = || ProblemDocument::unavailable("the system has no random numbers; try again").into_response();
    let id = access.sessions.begin(role, now).ok_or_else(unavailable)?;
    if let Some(session) = access.sessions.of(&id, now) {
        let requester = Requester { role, name: session.title(), address: known };
        audit.record(requester.record(AuditedChange::SignedIn, AuditOutcome::Done));
    }
    let mut answer = Json(SessionResponse { role, sign_in: true }).into_response();
    set_cookie(&mut answer, &id, SESSION_TIME_MAX, is_encrypted(&headers));
    Ok(answer)
}

/// Who is signed in
#[utoipa::path(get, path = "/v1/session", tag = "session", responses(
    (status = 200, description = "The role of this client", body = SessionResponse)
))]
pub(super) async fn session(
    State(access): State<Arc<ApiAccess>>,
    Extension(requester): Extension<Requester>,
) -> Json<SessionResponse> {
    Json(SessionResponse { role: requester.role, sign_in: access.has_token() })
}

/// Sign out
#[utoipa::path(delete, path = "/v1/session", tag = "session", responses(
    (status = 204, description = "The session of the cookie is over")
))]
pub(super) async fn sign_out(
    State(access): State<Arc<ApiAccess>>,
    Extension(audit): Extension<Arc<dyn AuditLog>>,
    Extension(requester): Extension<Requester>,
    headers: HeaderMap,
) -> Response {
    if let Some(id) = session_id(&headers)
        && access.sessions.end(id)
    {
        audit.record(requester.record(AuditedChange::SignedOut, AuditOutcome::Done));
    }
    let mut answer = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut answer, "", Duration::ZERO, is_encrypted(&headers));
    answer
}

/// What opens the session of a request; `None`: it has none, or two, of which one may be another site's.
pub(super) fn session_id(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    let pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut ids = pairs.filter(|(name, _)| *name == SESSION_COOKIE).map(|(_, id)| id);
    let (id, None) = (ids.next()?, ids.next()) else { return None };
    (!id.is_empty()).then_some(id)
}

fn set_cookie(answer: &mut Response, id: &str, time: Duration, is_encrypted: bool) {
    let secure = if is_encrypted { "; Secure" } else { "" };
    let seconds = time.as_secs();
    let cookie = format!("{SESSION_COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
}

/// Whether the browser speaks TLS, with a proxy before this server.
fn is_encrypted(headers: &HeaderMap) -> bool {
    let says =
        |name, text: &[u8]| headers.get(name).is_some_and(|value: &HeaderValue| value.as_bytes().starts_with(text));
    says(X_FORWARDED_PROTO, b"https") || says(ORIGIN, b"https://")
}

fn too_often(wait: Duration) -> Response {
    let detail = "there were too many attempts with wrong tokens: wait a minute";
    let mut answer = ProblemDocument::new(StatusCode::TOO_MANY_REQUESTS, detail).into_response();
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn wrong_tokens_are_counted_by_address_and_in_all_for_a_minute() {
        let (failed, start) = (FailedSignIns::default(), Instant::now());
        for _ in 0..FAILURES_PER_ADDRESS_MAX {
            assert_eq!(failed.wait(address(1), start), None);
            failed.count(address(1), start);
        }
        assert_eq!(failed.wait(address(1), start), Some(ATTEMPTS_TIME));
        assert_eq!(failed.wait(address(2), start), None, "another address");
        let late = start + ATTEMPTS_TIME - Duration::from_millis(1);
        assert!(failed.wait(address(1), late).is_some());
        assert_eq!(failed.wait(address(1), start + ATTEMPTS_TIME), None);
        for _ in 0..FAILURES_MAX / 2 {
            failed.count(address(3), late);
            failed.count(address(4), late);
        }
        assert!(failed.wait(address(5), late).is_some(), "all together");
    }

    #[test]
    fn two_sessions_in_one_request_are_none() {
        let of = |cookie: &str| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookie).expect("a header"))]);
            session_id(&headers).map(str::to_owned)
        };
        assert_eq!(of("a=b; rekindle_session=x; c=d").as_deref(), Some("x"));
        assert_eq!(of("rekindle_session=x;rekindle_session=y"), None);
        assert_eq!([of("rekindle_session="), of("xrekindle_session=x"), of("")], [None, None, None]);
    }
}
