//! What is served at which path.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;

use super::access::{self, Access};
use super::error::ApiError;
use super::forget::{self, Forget};
use super::limits::{self, Limits};
use super::observe::{self, Metrics};
use super::rules::{self, Rules};
use super::{growth, openapi, problem, segments, stats, users};
use crate::config::Http;
use crate::health::Health;
use crate::live::Live;

/// What the API tells of.
pub struct Services {
    /// The engine.
    pub live: Live,
    /// Whether it is ready.
    pub health: Health,
    /// Its rules.
    pub rules: Arc<dyn Rules>,
    /// Where requests to forget a user go.
    pub forget: Arc<dyn Forget>,
    /// When it started.
    pub started: Instant,
}

/// What a server serves.
pub struct Routes {
    pub(super) router: Router,
    /// Who can reach the address may ask for all of it.
    pub(super) loopback_only: bool,
    /// How long the head of a request may take to come in.
    pub(super) time: Duration,
}

impl Routes {
    /// `/metrics` and `/healthz`, for everyone.
    pub fn metrics_only(metrics: Metrics) -> Routes {
        let router = Router::new()
            .route("/metrics", get(observe::metrics))
            .route("/healthz", get(observe::healthz))
            .with_state(metrics);
        Routes { router: finished(router), loopback_only: false, time: limits::time(&Http::default()) }
    }

    /// Everything there is. Reads the token, if there is one.
    ///
    /// # Errors
    /// The token can't be read or used, or there is none and the settings name an address that others can reach.
    pub fn new(services: Services, metrics: Metrics, settings: &Http) -> Result<Routes, ApiError> {
        let access = Access::new(settings)?;
        let loopback_only = matches!(access, Access::Loopback);
        let document = openapi::served(!loopback_only);
        let limits = Arc::new(Limits::new(settings));
        let mut api: Router<Arc<Services>> = Router::new().route(openapi::PATH, get(document));
        for (path, methods) in v1() {
            api = api.route(path, methods);
        }
        let router = api
            .route_layer(middleware::from_fn_with_state(limits, limits::within))
            .route("/readyz", get(observe::readyz))
            .with_state(Arc::new(services))
            .merge(Router::new().route("/metrics", get(observe::metrics)).with_state(metrics))
            .route("/healthz", get(observe::healthz))
            .layer(middleware::from_fn_with_state(Arc::new(access), access::guard));
        Ok(Routes { router: finished(router), loopback_only, time: limits::time(settings) })
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("loopback_only", &self.loopback_only).finish_non_exhaustive()
    }
}

/// The API proper: what is answered within limits.
pub(super) fn v1() -> [(&'static str, MethodRouter<Arc<Services>>); 9] {
    [
        ("/v1/users/{id}", get(users::user).delete(forget::forget)),
        ("/v1/users/{id}/segments", get(users::user_segments)),
        ("/v1/segments", get(segments::segments)),
        ("/v1/segments/{id}/users", get(segments::segment_users)),
        ("/v1/stats", get(stats::stats)),
        ("/v1/growth", get(growth::growth)),
        ("/v1/growth/{kind}", get(growth::one_kind)),
        ("/v1/rules", get(rules::rules)),
        ("/v1/rules/reload", post(rules::reload)),
    ]
}

/// The router, whose errors are all problem documents, and panics too.
fn finished(router: Router) -> Router {
    router.layer(CatchPanicLayer::custom(problem::of_panic)).layer(middleware::map_response(problem::as_documents))
}
