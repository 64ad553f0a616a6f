//! What each role may ask for: one table of all operations.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::MethodRouter;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::ProblemDocument;
use ApiRole::{Operator, Reader};

/// What somebody may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ApiRole {
    /// To read everything, and to try what changes nothing.
    Reader,
    /// To change something, too.
    Operator,
}

/// Who makes a request: an extension of every request that was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requester {
    pub(super) role: ApiRole,
    /// `token`, `session` and its name, or `local` where there is no token.
    pub(super) name: String,
    /// Where the connection comes from.
    pub(super) address: Option<IpAddr>,
}

/// Which role an operation needs. What is not in it is for operators; `HEAD` is as `GET`.
pub(super) const OPERATIONS: &[(&str, &str, ApiRole)] = &[
    ("GET", "/v1/openapi.json", Reader),
    ("POST", super::session::PATH, Reader),
    ("GET", super::session::PATH, Reader),
    ("DELETE", super::session::PATH, Reader),
    ("GET", "/v1/users", Reader),
    ("GET", "/v1/users/{id}", Reader),
    ("DELETE", "/v1/users/{id}", Operator),
    ("POST", "/v1/users/{id}/consent", Operator),
    ("GET", "/v1/users/{id}/segments", Reader),
    ("GET", "/v1/users/{id}/explain", Reader),
    ("POST", "/v1/users/{id}/explain", Reader),
    ("GET", "/v1/users/{id}/timeline", Reader),
    ("GET", "/v1/segments", Reader),
    ("GET", "/v1/segments/{id}/users", Reader),
    ("GET", "/v1/segments/{id}/groups", Reader),
    ("GET", "/v1/segments/{id}/history", Reader),
    ("GET", "/v1/groups/{kind}/{key}", Reader),
    ("GET", "/v1/partners", Reader),
    ("GET", "/v1/partners/{partner}/{segment}", Reader),
    ("GET", "/v1/campaigns", Reader),
    ("GET", "/v1/campaigns/{id}/uplift", Reader),
    ("GET", "/v1/budgets", Reader),
    ("GET", "/v1/picks", Reader),
    ("POST", "/v1/picks/{id}", Reader),
    ("GET", "/v1/tables/{table}/{key}", Reader),
    ("GET", "/v1/stats", Reader),
    ("GET", "/v1/growth", Reader),
    ("GET", "/v1/growth/{kind}", Reader),
    ("GET", "/v1/rules", Reader),
    ("PUT", "/v1/rules", Operator),
    ("GET", "/v1/rules/versions", Reader),
    ("GET", "/v1/rules/versions/{version}", Reader),
    ("POST", "/v1/rules/reload", Operator),
    ("GET", "/v1/rules/reload", Reader),
    ("DELETE", "/v1/rules/reload", Operator),
    ("POST", "/v1/rules/backtest", Reader),
    ("GET", "/v1/rules/backtest/{id}", Reader),
    ("DELETE", "/v1/rules/backtest/{id}", Reader),
    ("POST", "/v1/rules/check", Reader),
    ("GET", "/v1/rules/reference", Reader),
    ("GET", "/v1/audit", Reader),
    ("GET", "/v1/live", Reader),
];

fn needed(method: &Method, path: &str) -> ApiRole {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    OPERATIONS.iter().find(|(of, at, _)| *of == method && *at == path).map_or(Operator, |(.., role)| *role)
}

/// The methods of a path, each for those who have the role for it.
pub(super) fn guarded<S: Clone + Send + Sync + 'static>(
    path: &'static str,
    methods: MethodRouter<S>,
) -> MethodRouter<S> {
    methods.route_layer(middleware::from_fn_with_state(path, guard))
}

/// Answers the requests whose makers have the role for it, and refuses the others.
async fn guard(State(path): State<&'static str>, request: Request, next: Next) -> Result<Response, ProblemDocument> {
    let role = request.extensions().get::<Requester>().map_or(Reader, |requester| requester.role);
    if role == Reader && needed(request.method(), path) == Operator {
        let detail = "this is for operators, and the token for reading only reads: use the other token";
        return Err(ProblemDocument::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(next.run(request).await)
}
