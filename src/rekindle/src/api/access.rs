//! Who may make requests: clients with the token; without a token, programs of this machine.
//!
//! A web page is no program of this machine, even when the browser runs on it: without a token, a request must name a
//! loopback host (a page of `evil.example`, which a hostile name server points to 127.0.0.1, names its own), and one
//! that changes something must not come from another site.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;

use super::error::ApiError;
use super::problem::ProblemDocument;
use rekindle_settings::{HttpSettings, Secret};

/// The paths that need no token and no loopback address.
pub(super) const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Where the metrics are.
pub(super) const METRICS: &str = "/metrics";

/// `Sec-Fetch-Site`, in which browsers state whether a page of another site makes the request.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Headers that decide about access: if there were two, a proxy might have checked the other one.
const SINGLE: [HeaderName; 4] = [HOST, AUTHORIZATION, ORIGIN, SEC_FETCH_SITE];

/// Who may make requests for paths that are not [`OPEN`].
pub(super) struct ApiAccess {
    /// The token; `None`: the client must be a program of this machine.
    token: Option<String>,
    metrics: MetricsAccess,
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
    /// As the settings have it; reads the token.
    pub(super) fn new(settings: &HttpSettings) -> Result<ApiAccess, ApiError> {
        let token = settings.token.as_ref().map(read_token).transpose()?;
        let local = settings.listen.ip().to_canonical().is_loopback();
        if token.is_none() && !local {
            return Err(ApiError::Exposed(settings.listen));
        }
        Ok(ApiAccess::with(token, settings))
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
        ApiAccess { token, metrics }
    }

    /// For a server that has only metrics and health, and no settings.
    pub(super) fn metrics_only(listen: SocketAddr) -> ApiAccess {
        ApiAccess { token: None, metrics: ApiAccess::of_metrics(listen) }
    }

    fn of_metrics(listen: SocketAddr) -> MetricsAccess {
        if listen.ip().to_canonical().is_loopback() { MetricsAccess::Local } else { MetricsAccess::Everyone }
    }

    /// Whether there is a token.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether this path needs it.
    pub(super) fn needs_token(&self, path: &str) -> bool {
        let metrics_need_it = path != METRICS || self.metrics == MetricsAccess::Token;
        self.token.is_some() && metrics_need_it && !OPEN.contains(&path)
    }

    fn check(&self, request: &Request) -> Result<(), ProblemDocument> {
        let path = request.uri().path();
        if OPEN.contains(&path) {
            return Ok(());
        }
        check_single(request.headers())?;
        match &self.token {
            _ if path == METRICS && self.metrics == MetricsAccess::Everyone => Ok(()),
            None => check_local(request),
            Some(token) if path == METRICS && self.metrics == MetricsAccess::Local => {
                check_local(request).or_else(|refused| check_token(token, request.headers()).map_err(|_| refused))
            }
            Some(token) => check_token(token, request.headers()),
        }
    }
}

/// Answers the requests that are permitted, and refuses all others.
pub(super) async fn guard(
    State(access): State<Arc<ApiAccess>>,
    request: Request,
    next: Next,
) -> Result<Response, ProblemDocument> {
    access.check(&request)?;
    Ok(next.run(request).await)
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

fn check_token(token: &str, headers: &HeaderMap) -> Result<(), ProblemDocument> {
    let shown = headers.get(AUTHORIZATION).map(|value| value.as_bytes().split_at_checked(7));
    let refused = |detail| Err(ProblemDocument::new(StatusCode::UNAUTHORIZED, detail));
    match shown {
        None => refused("this needs a token: send it as `Authorization: Bearer …`"),
        Some(Some((scheme, shown))) if scheme.eq_ignore_ascii_case(b"bearer ") => {
            if bool::from(token.as_bytes().ct_eq(shown)) { Ok(()) } else { refused("this is not the token") }
        }
        Some(_) => refused("the header Authorization must read `Bearer …`"),
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
