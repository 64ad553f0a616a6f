//! What a request's path and query say.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// How many users a page has unless asked otherwise.
const LIMIT_DEFAULT: usize = 100;
/// The most users a page may have.
const LIMIT_MAX: usize = 10_000;

/// The id in a path, percent-decoded: any text at all.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Id, Problem> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Id(id)).map_err(|_| Problem::bad_request("the id in the path must be percent-encoded UTF-8"))
    }
}

/// How much is asked for of a user.
pub(super) struct Detail {
    /// Everything that is held, as it is held.
    pub(super) export: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetailText {
    export: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Detail {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Detail, Problem> {
        let text: DetailText = query(parts, state).await?;
        match text.export.as_deref() {
            None | Some("false") => Ok(Detail { export: false }),
            Some("" | "true") => Ok(Detail { export: true }),
            Some(_) => Err(Problem::bad_request("`export` must be true or false; alone it says true")),
        }
    }
}

/// What rules may take effect.
pub(super) struct Acceptance {
    /// Also those from which all events, segments or campaigns are gone.
    pub(super) allow_empty: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptanceText {
    allow_empty: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Acceptance {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Acceptance, Problem> {
        let text: AcceptanceText = query(parts, state).await?;
        match text.allow_empty.as_deref() {
            None | Some("false") => Ok(Acceptance { allow_empty: false }),
            Some("" | "true") => Ok(Acceptance { allow_empty: true }),
            Some(_) => Err(Problem::bad_request("`allow_empty` must be true or false; alone it says true")),
        }
    }
}

/// Which part of a list is asked for.
pub(super) struct Paging {
    /// 1 to [`LIMIT_MAX`].
    pub(super) limit: usize,
    /// As the page before gave it.
    pub(super) cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PagingText {
    limit: Option<String>,
    cursor: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Paging, Problem> {
        let text: PagingText = query(parts, state).await?;
        let limit = match &text.limit {
            None => Some(LIMIT_DEFAULT),
            Some(limit) => limit.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)),
        };
        let limit = limit.ok_or_else(|| Problem::bad_request(format!("`limit` must be 1 to {LIMIT_MAX}")))?;
        Ok(Paging { limit, cursor: text.cursor })
    }
}

async fn query<T: DeserializeOwned, S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<T, Problem> {
    let query = Query::<T>::from_request_parts(parts, state).await;
    query.map(|Query(query)| query).map_err(|why| Problem::bad_request(why.body_text()))
}
