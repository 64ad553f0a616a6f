//! What is served at which path.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;

use super::access::{self, ApiAccess};
use super::audit::{self, AuditLog};
use super::error::ApiError;
use super::history::HistoryRequests;
use super::limits::{self, RequestLimits};
use super::observe::{self, MetricsCache};
use super::problem::ProblemDocument;
use super::rules::{self, RulesProvider};
use super::user_requests::UserRequests;
use super::{
    backtest, budgets, campaigns, consent, console, explain, forget, from_log, groups, growth, live, openapi, partners,
    picks, problem, roles, rules_check, search,
};
use super::{rules_update, rules_versions, segment_history, segments, session, stats, tables, timeline, uplift, users};
use crate::backtests::Backtests;
use rekindle_core::time::Timestamp;
use rekindle_runtime::health::Health;
use rekindle_runtime::live::EngineHandle;
use rekindle_settings::HttpSettings;
use rekindle_web::{ConnectionsMax, HttpServer, WebService};

/// What the API serves.
pub struct ApiServices {
    /// The engine.
    pub live: EngineHandle,
    /// Whether it is ready.
    pub health: Health,
    /// Its rules.
    pub rules: Arc<dyn RulesProvider>,
    /// Where requests about users go.
    pub requests: Arc<dyn UserRequests>,
    /// Where records of changes go.
    pub audit: Arc<dyn AuditLog>,
    /// What the log says of one user.
    pub history: Arc<dyn HistoryRequests>,
    /// Rules tried on the log.
    pub backtests: Arc<Backtests>,
    /// When it started.
    pub started: Instant,
    /// The clock that the log's time is that of; `None`: the log's time is its own.
    pub clock: Option<fn() -> Timestamp>,
}

/// What a server serves.
pub struct Routes {
    /// With health on the reserve, and a problem document for everything else.
    pub(super) service: WebService,
    /// There is no token: the routes may be served on a loopback address only.
    loopback_only: bool,
}

impl Routes {
    /// `/metrics` and `/healthz` of a process without an API, within the settings' limits and for those whom they let read metrics.
    ///
    /// # Errors
    /// The token can't be read or used.
    pub fn of_figures(metrics: MetricsCache, settings: &HttpSettings) -> Result<Routes, ApiError> {
        Ok(Routes::figures(metrics, ApiAccess::of_figures(settings)?, settings))
    }

    /// `/metrics` and `/healthz`, for everyone who can reach the address that is listened on.
    pub fn metrics_only(metrics: MetricsCache, listen: SocketAddr) -> Routes {
        Routes::figures(metrics, ApiAccess::metrics_only(listen), &HttpSettings::default())
    }

    fn figures(metrics: MetricsCache, access: ApiAccess, settings: &HttpSettings) -> Routes {
        let health = Router::new().route("/healthz", get(observe::healthz));
        let router = Router::new().route(access::METRICS, get(observe::metrics)).with_state(metrics);
        Routes::of(router.merge(health.clone()), health, Arc::new(access), false, settings)
    }

    /// Everything there is. Reads the token, if there is one.
    ///
    /// # Errors
    /// The token can't be read or used, or there is none and the settings name an address that others can reach.
    pub fn new(services: ApiServices, metrics: MetricsCache, settings: &HttpSettings) -> Result<Routes, ApiError> {
        let access = Arc::new(ApiAccess::new(settings)?);
        let loopback_only = !access.has_token();
        let document = openapi::served(&access);
        let limits = Arc::new(RequestLimits::new(settings));
        let mut api: Router<Arc<ApiServices>> = Router::new().route(openapi::PATH, get(document));
        for (path, methods) in v1() {
            api = api.route(path, roles::guarded(path, methods));
        }
        let audit = Arc::clone(&services.audit);
        let services = Arc::new(services);
        let health = Router::new()
            .route("/readyz", get(observe::readyz))
            .with_state(Arc::clone(&services))
            .route("/healthz", get(observe::healthz));
        let signing =
            get(session::session).post(session::sign_in).delete(session::sign_out).with_state(Arc::clone(&access));
        let signing = signing.layer(Extension(audit));
        let api = api.with_state(services).route(session::PATH, roles::guarded(session::PATH, signing));
        let console = if settings.console { console::routes() } else { Router::new() };
        let router = api
            .route_layer(middleware::from_fn_with_state(limits, limits::within))
            .merge(console)
            .merge(Router::new().route(access::METRICS, get(observe::metrics)).with_state(metrics))
            .merge(health.clone());
        Ok(Routes::of(router, health, access, loopback_only, settings))
    }

    fn of(
        router: Router,
        health: Router,
        access: Arc<ApiAccess>,
        loopback_only: bool,
        settings: &HttpSettings,
    ) -> Routes {
        let router = router.layer(middleware::from_fn_with_state(access, access::guard));
        let service = WebService {
            router: finished(router),
            reserve: finished(health.fallback(too_many)),
            time: limits::time(settings),
            connections: ConnectionsMax {
                total: settings.max_connections,
                per_address: settings.max_connections_per_address,
            },
        };
        Routes { service, loopback_only }
    }

    /// Serves them until `stop` is done and the requests under way are answered, or have taken too long.
    ///
    /// # Errors
    /// They are for this machine only, and other machines can reach the server's address.
    pub async fn serve(self, server: HttpServer, stop: impl Future<Output = ()>) -> Result<(), ApiError> {
        if self.loopback_only && !server.address().ip().to_canonical().is_loopback() {
            return Err(ApiError::Exposed(server.address()));
        }
        server.serve(self.service, stop).await;
        Ok(())
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("loopback_only", &self.loopback_only).finish_non_exhaustive()
    }
}

/// The routes of the API, which are answered within limits.
pub(super) fn v1() -> [(&'static str, MethodRouter<Arc<ApiServices>>); 32] {
    [
        ("/v1/users", get(search::search)),
        ("/v1/users/{id}", get(users::user).delete(forget::forget)),
        ("/v1/users/{id}/consent", post(consent::consent)),
        ("/v1/users/{id}/segments", get(users::user_segments)),
        ("/v1/users/{id}/explain", get(explain::explain).post(explain::explain_by_rules)),
        ("/v1/users/{id}/timeline", get(timeline::timeline)),
        ("/v1/segments", get(segments::segments)),
        ("/v1/segments/{id}/users", get(segments::segment_users)),
        ("/v1/segments/{id}/groups", get(groups::segment_groups)),
        ("/v1/segments/{id}/history", get(segment_history::history)),
        ("/v1/groups/{kind}/{key}", get(groups::group)),
        ("/v1/partners", get(partners::partners)),
        ("/v1/partners/{partner}/{segment}", get(partners::partner_subjects)),
        ("/v1/campaigns", get(campaigns::campaigns)),
        ("/v1/campaigns/{id}/uplift", get(uplift::uplift)),
        ("/v1/budgets", get(budgets::budgets)),
        ("/v1/picks", get(picks::lists)),
        ("/v1/picks/{id}", post(picks::picks)),
        ("/v1/tables/{table}/{key}", get(tables::row)),
        ("/v1/stats", get(stats::stats)),
        ("/v1/growth", get(growth::growth)),
        ("/v1/growth/{kind}", get(growth::one_kind)),
        ("/v1/rules", get(rules::rules).put(rules_update::update)),
        ("/v1/rules/versions", get(rules_versions::versions)),
        ("/v1/rules/versions/{version}", get(rules_versions::version_text)),
        ("/v1/rules/reload", post(rules::reload).get(from_log::from_log).delete(from_log::cancel)),
        ("/v1/rules/backtest", post(backtest::begin)),
        ("/v1/rules/backtest/{id}", get(backtest::backtest).delete(backtest::cancel)),
        ("/v1/rules/check", post(rules_check::check)),
        ("/v1/rules/reference", get(rules_check::rules_reference)),
        ("/v1/audit", get(audit::audit)),
        ("/v1/live", get(live::live)),
    ]
}

/// Answers a request on a connection beyond the limits.
async fn too_many() -> ProblemDocument {
    ProblemDocument::unavailable(
        "there are too many connections, in all or from your address: close some, or try again; only health is answered",
    )
}

/// The router with its errors and panics as problem documents.
fn finished(router: Router) -> Router {
    router.layer(CatchPanicLayer::custom(problem::of_panic)).layer(middleware::map_response(problem::as_documents))
}
