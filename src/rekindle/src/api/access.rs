//! Who may make requests: clients with a token, and people who signed in with it; without a token, programs of this machine.
//!
//! A session's cookie comes with whatever the browser asks for, so what changes something must come from this server's own pages.
//!
//! A web page is no program of this machine, even when the browser runs on it: without a token, a request must name a
//! loopback host (a page of `evil.example`, which a hostile name server points to 127.0.0.1, names its own), and one
//! that changes something must not come from another site.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;

use super::console;
use super::error::ApiError;
use super::problem::ProblemDocument;
use super::roles::{ApiRole, Requester};
use super::session::{self, FailedSignIns};
use super::sessions::SignInSessions;
use rekindle_settings::{HttpSettings, Secret};
use rekindle_web::ClientAddress;

/// The paths that need no token and no loopback address.
pub(super) const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Where the metrics are.
pub(super) const METRICS: &str = "/metrics";

/// `Sec-Fetch-Site`, in which browsers state whether a page of another site makes the request.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Headers that decide about access: if there were two, a proxy might have checked the other one.
const SINGLE: [HeaderName; 5] = [HOST, AUTHORIZATION, COOKIE, ORIGIN, SEC_FETCH_SITE];

/// Who may make requests for paths that are not [`OPEN`].
pub(super) struct ApiAccess {
    /// The token; `None`: the client must be a program of this machine.
    token: Option<String>,
    /// The token that may only read.
    read_token: Option<String>,
    /// Whether the console is served.
    has_console: bool,
    metrics: MetricsAccess,
    pub(super) sessions: SignInSessions,
    pub(super) failed: FailedSignIns,
}

/// Who may read metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MetricsAccess {
    /// Every client that can reach the address.
    Everyone,
    /// Programs of this machine, which alone can reach the address; no web page whose host name was made to resolve to it.
    Local,
    /// Clients with the token.
    Token,
}

impl ApiAccess {
    /// As the settings have it; reads the tokens.
    pub(super) fn new(settings: &HttpSettings) -> Result<ApiAccess, ApiError> {
        let read = |secret: &Option<Secret>| secret.as_ref().map(read_token).transpose();
        let (token, read_token) = (read(&settings.token)?, read(&settings.read_token)?);
        let local = settings.listen.ip().to_canonical().is_loopback();
        if token.is_none() && !local {
            return Err(ApiError::Exposed(settings.listen));
        }
        if read_token.is_some() && (token.is_none() || token == read_token) {
            return Err(ApiError::SameTokens);
        }
        let has_console = settings.console;
        Ok(ApiAccess { read_token, has_console, ..ApiAccess::with(token, settings) })
    }

    /// As the settings have it, for a server that has only metrics and health: without a token, everybody who reaches it may read them.
    pub(super) fn of_figures(settings: &HttpSettings) -> Result<ApiAccess, ApiError> {
        Ok(ApiAccess::with(settings.token.as_ref().map(read_token).transpose()?, settings))
    }

    fn with(token: Option<String>, settings: &HttpSettings) -> ApiAccess {
        let metrics = match (&token, settings.open_metrics) {
            (Some(_), false) => MetricsAccess::Token,
            _ => ApiAccess::of_metrics(settings.listen),
        };
        ApiAccess {
            token,
            read_token: None,
            has_console: false,
            metrics,
            sessions: SignInSessions::default(),
            failed: FailedSignIns::default(),
        }
    }

    /// For a server that has only metrics and health, and no settings.
    pub(super) fn metrics_only(listen: SocketAddr) -> ApiAccess {
        ApiAccess::with(None, &HttpSettings { listen, ..HttpSettings::default() })
    }

    fn of_metrics(listen: SocketAddr) -> MetricsAccess {
        if listen.ip().to_canonical().is_loopback() { MetricsAccess::Local } else { MetricsAccess::Everyone }
    }

    /// Whether there is a token.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether this operation needs it.
    pub(super) fn needs_token(&self, method: &str, path: &str) -> bool {
        let metrics_need_it = path != METRICS || self.metrics == MetricsAccess::Token;
        let is_sign_in = method == "POST" && path == session::PATH;
        self.token.is_some() && metrics_need_it && !is_sign_in && !OPEN.contains(&path)
    }

    /// The role that a token gives. Both are compared, in constant time.
    pub(super) fn role_of(&self, shown: &[u8]) -> Option<ApiRole> {
        let is = |token: &Option<String>| token.as_ref().is_some_and(|token| bool::from(token.as_bytes().ct_eq(shown)));
        let (is_operator, is_reader) = (is(&self.token), is(&self.read_token));
        is_operator.then_some(ApiRole::Operator).or_else(|| is_reader.then_some(ApiRole::Reader))
    }

    /// Who makes the request; `None`: everybody may, and nobody is asked.
    fn check(&self, request: &Request) -> Result<Option<Requester>, ProblemDocument> {
        let path = request.uri().path();
        if OPEN.contains(&path) {
            return Ok(None);
        }
        check_single(request.headers())?;
        let address = request.extensions().get::<ClientAddress>().map(|ClientAddress(address)| *address);
        let requester = |role, name: String| Some(Requester { role, name, address });
        if path == METRICS && self.metrics == MetricsAccess::Everyone {
            return Ok(None);
        }
        if self.token.is_none() {
            return check_local(request).map(|()| requester(ApiRole::Operator, "local".to_owned()));
        }
        if self.has_console && console::has(path) {
            return Ok(None);
        }
        if request.method() == Method::POST && path == session::PATH {
            return check_same_origin(request).map(|()| None);
        }
        let identified = self.identify(request);
        match identified {
            Err(refused) if path == METRICS && self.metrics == MetricsAccess::Local => match check_local(request) {
                Ok(()) => Ok(None),
                // Without a token it is refused as it would be where there is none.
                Err(elsewhere) if !request.headers().contains_key(AUTHORIZATION) => Err(elsewhere),
                Err(_) => Err(refused),
            },
            Err(refused) => Err(refused),
            Ok((role, name)) => Ok(requester(role, name)),
        }
    }

    /// Whose token or session a request shows.
    fn identify(&self, request: &Request) -> Result<(ApiRole, String), ProblemDocument> {
        let headers = request.headers();
        let refused = |detail| Err(ProblemDocument::new(StatusCode::UNAUTHORIZED, detail));
        if let Some(shown) = headers.get(AUTHORIZATION) {
            return match shown.as_bytes().split_at_checked(7) {
                Some((scheme, shown)) if scheme.eq_ignore_ascii_case(b"bearer ") => match self.role_of(shown) {
                    Some(role) => Ok((role, "token".to_owned())),
                    None => refused("this is not the token"),
                },
                _ => refused("the header Authorization must read `Bearer …`"),
            };
        }
        let Some(id) = session::session_id(headers) else {
            return refused("this needs a token: send it as `Authorization: Bearer …`, or sign in");
        };
        let Some(session) = self.sessions.of(id, Instant::now()) else {
            return refused("this session is over: sign in again");
        };
        if !request.method().is_safe() {
            check_same_origin(request)?;
            if !says_its_origin(headers) {
                return Err(ProblemDocument::new(
                    StatusCode::FORBIDDEN,
                    "with a cookie, a request for changes must say where it comes from, as browsers do",
                ));
            }
        }
        Ok((session.role, session.title()))
    }
}

/// Answers the requests that are permitted, and refuses all others.
pub(super) async fn guard(
    State(access): State<Arc<ApiAccess>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ProblemDocument> {
    let requester = access.check(&request)?;
    if let Some(requester) = requester {
        request.extensions_mut().insert(requester);
    }
    Ok(next.run(request).await)
}

/// No page of another site may ask for it.
fn check_same_origin(request: &Request) -> Result<(), ProblemDocument> {
    let detail = "no page of another site may ask for changes, or sign in";
    let refused = || ProblemDocument::new(StatusCode::FORBIDDEN, detail);
    let host = host(request).ok_or_else(refused)?;
    if is_from_other_site(request.headers(), &host) { Err(refused()) } else { Ok(()) }
}

fn says_its_origin(headers: &HeaderMap) -> bool {
    headers.contains_key(SEC_FETCH_SITE) || headers.contains_key(ORIGIN)
}

fn check_single(headers: &HeaderMap) -> Result<(), ProblemDocument> {
    match SINGLE.iter().find(|name| headers.get_all(*name).iter().nth(1).is_some()) {
        Some(name) => {
            Err(ProblemDocument::new(StatusCode::FORBIDDEN, format!("a request must have one header {name} at most")))
        }
        None => Ok(()),
    }
}

fn read_token(secret: &Secret) -> Result<String, ApiError> {
    let token = match secret {
        Secret::File(path) => {
            fs::read_to_string(path).map_err(|source| ApiError::TokenFile { path: path.clone(), source })?
        }
        Secret::Environment(token) => token.clone(),
    };
    match rekindle_settings::check_token(&token) {
        Ok(token) => Ok(token.to_owned()),
        Err(why) => Err(ApiError::Token { secret: format!("{secret:?}"), why }),
    }
}

fn check_local(request: &Request) -> Result<(), ProblemDocument> {
    let refused = |detail| Err(ProblemDocument::new(StatusCode::FORBIDDEN, detail));
    let Some(host) = host(request) else {
        return refused("without a token, a request must name this server in one header Host");
    };
    if !is_loopback(&host) {
        return refused("without a token, only requests to a loopback address or localhost are answered");
    }
    if !request.method().is_safe() && is_from_other_site(request.headers(), &host) {
        return refused("without a token, no page of another site may ask for changes");
    }
    Ok(())
}

/// The server that a request is for, by its target where that says, and by its one header `Host`.
fn host(request: &Request) -> Option<Authority> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, None) = (hosts.next()?, hosts.next()) else { return None };
    let target = request.uri().authority().cloned();
    target.or_else(|| Authority::try_from(host.as_bytes()).ok())
}

fn is_loopback(host: &Authority) -> bool {
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    match name.parse::<std::net::IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

fn is_from_other_site(headers: &HeaderMap, host: &Authority) -> bool {
    let site = headers.get(SEC_FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none");
    let origin = |origin: &[u8]| Uri::try_from(origin).ok().and_then(|uri| uri.authority().cloned());
    site || headers.get(ORIGIN).is_some_and(|value| origin(value.as_bytes()).as_ref() != Some(host))
}
