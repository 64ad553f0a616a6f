//! The OpenAPI document: every route, what it takes, and what it may answer.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::{Ready, ready};
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};

use super::access::{self, ApiAccess};
use super::{
    audit, backtest, budgets, campaigns, consent, explain, forget, from_log, groups, growth, live, observe, partners,
    picks, problem, rules, rules_check,
};
use super::{
    rules_update, rules_versions, search, segment_history, segments, session, stats, tables, timeline, uplift, users,
};

/// Where the document is.
pub(super) const PATH: &str = "/v1/openapi.json";

/// The name of the security scheme.
const BEARER: &str = "bearer";

/// The responses that every limited route can give, besides its own.
const ANYWHERE: [(&str, &str); 5] = [
    (
        "403",
        "The request comes from elsewhere than it may, or says twice where it comes from, or its token may only read",
    ),
    ("408", "The request's body took too long to come in"),
    ("413", "The request's body is too large"),
    ("500", "The request ran into a mistake in this program"),
    ("503", "Too many connections or requests, or the answer took too long; try again"),
];

/// Those of them that `/metrics` can give.
const OF_METRICS: [&str; 3] = ["403", "500", "503"];

#[derive(OpenApi)]
#[openapi(
    info(title = "Rekindle", description = "Metrics, health and state of a growth engine for e-commerce."),
    paths(
        observe::metrics,
        observe::healthz,
        observe::readyz,
        search::search,
        users::user,
        forget::forget,
        users::user_segments,
        explain::explain,
        explain::explain_by_rules,
        timeline::timeline,
        segments::segments,
        segments::segment_users,
        groups::segment_groups,
        segment_history::history,
        groups::group,
        partners::partners,
        partners::partner_subjects,
        consent::consent,
        campaigns::campaigns,
        uplift::uplift,
        budgets::budgets,
        picks::lists,
        picks::picks,
        tables::row,
        stats::stats,
        growth::growth,
        growth::one_kind,
        backtest::begin,
        backtest::backtest,
        backtest::cancel,
        rules::rules,
        rules::reload,
        rules_update::update,
        rules_versions::versions,
        rules_versions::version_text,
        from_log::from_log,
        from_log::cancel,
        rules_check::check,
        rules_check::rules_reference,
        audit::audit,
        live::live,
        session::sign_in,
        session::session,
        session::sign_out,
        openapi_document
    ),
    components(schemas(problem::ProblemDocument))
)]
struct OpenApiDocument;

/// This document
#[utoipa::path(get, path = "/v1/openapi.json", tag = "engine", responses(
    (status = 200, description = "The document", body = Object)
))]
#[expect(dead_code, reason = "only its attribute is used; the document that is served is made once")]
fn openapi_document() {}

/// A handler that serves the document.
pub(super) fn served(access: &ApiAccess) -> impl FnOnce() -> Ready<Response> + Clone + Send + Sync + 'static {
    let text = Bytes::from(document(access).to_json().unwrap_or_default());
    move || ready(([(CONTENT_TYPE, "application/json")], text).into_response())
}

/// The document of an API that these may ask.
fn document(access: &ApiAccess) -> utoipa::openapi::OpenApi {
    let mut document = OpenApiDocument::openapi();
    for (path, item) in &mut document.paths.paths {
        if !access::OPEN.contains(&path.as_str()) {
            for (method, operation) in operations(item) {
                complete(operation, path == access::METRICS, access.needs_token(method, path));
            }
        }
    }
    if access.has_token() {
        let scheme = Http::builder().scheme(HttpAuthScheme::Bearer).description(Some("The token of http.token_file"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(BEARER, SecurityScheme::Http(scheme.build()));
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [("GET", &mut item.get), ("POST", &mut item.post), ("PUT", &mut item.put), ("DELETE", &mut item.delete)];
    all.into_iter().filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

/// Adds what holds for every operation, or for that of metrics.
fn complete(operation: &mut Operation, of_metrics: bool, with_token: bool) {
    let unauthorized = ("401", "The token is missing or wrong");
    let anywhere = ANYWHERE.into_iter().filter(|(status, _)| !of_metrics || OF_METRICS.contains(status));
    for (status, description) in anywhere.chain(with_token.then_some(unauthorized)) {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new().description(description).content(problem::MEDIA_TYPE, content).build();
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| response.into());
    }
    if with_token {
        operation.security = Some(vec![SecurityRequirement::new(BEARER, [""; 0])]);
    }
}

#[cfg(test)]
mod tests;
