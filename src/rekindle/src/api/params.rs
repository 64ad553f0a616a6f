//! Extractors for the path and query of a request.

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::ProblemDocument;
use crate::audit::RECORDS_MAX;
use crate::timeline::TimelinePlace;
use rekindle_core::decode::MAX_ID_BYTES;
use rekindle_core::time::Timestamp;
use rekindle_runtime::live::feed::{FeedFilter, FeedKind};

/// How many users a page has unless asked otherwise.
const LIMIT_DEFAULT: usize = 100;
/// The most users a page may have.
const LIMIT_MAX: usize = 10_000;

/// The id in a path, percent-decoded: any text at all.
pub(super) struct PathId(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathId, ProblemDocument> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        id.map(|Path(id)| PathId(id))
            .map_err(|_| ProblemDocument::bad_request("the id in the path must be percent-encoded UTF-8"))
    }
}

/// Two ids in a path, percent-decoded: any texts at all.
pub(super) struct PathIds(pub(super) String, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathIds {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathIds, ProblemDocument> {
        let ids = Path::<(String, String)>::from_request_parts(parts, state).await;
        ids.map(|Path((first, second))| PathIds(first, second))
            .map_err(|_| ProblemDocument::bad_request("the ids in the path must be percent-encoded UTF-8"))
    }
}

/// The id of a user or a visitor in a path, of a length that ids have.
pub(super) struct PathUser(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathUser {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathUser, ProblemDocument> {
        let PathId(user) = PathId::from_request_parts(parts, state).await?;
        if !(1..=MAX_ID_BYTES).contains(&user.len()) {
            return Err(ProblemDocument::bad_request(format!("an id has 1 to {MAX_ID_BYTES} bytes")));
        }
        Ok(PathUser(user))
    }
}

/// A body of JSON, which says that it is that: a form of another site can't.
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ProblemDocument;

    async fn from_request(request: Request, state: &S) -> Result<JsonBody<T>, ProblemDocument> {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            let detail = "the body must be JSON, and say so: `Content-Type: application/json`";
            return Err(ProblemDocument::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let failed = |_| ProblemDocument::bad_request("the request's body is broken off or malformed");
        let body = Bytes::from_request(request, state).await.map_err(failed)?;
        let read = serde_json::from_slice(&body);
        // Where the text is not shown: it may hold a token.
        read.map(JsonBody).map_err(|error| {
            let what = match error.classify() {
                serde_json::error::Category::Data => "does not have the fields that it must have",
                _ => "is no JSON",
            };
            let (line, column) = (error.line(), error.column());
            ProblemDocument::bad_request(format!(
                "the body {what} (line {line}, column {column}); /v1/openapi.json shows it"
            ))
        })
    }
}

/// How much of a user is requested.
pub(super) struct UserDetail {
    /// Everything that is stored, as it is stored.
    pub(super) export: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserDetailQuery {
    export: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for UserDetail {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<UserDetail, ProblemDocument> {
        let text: UserDetailQuery = query(parts, state).await?;
        match text.export.as_deref() {
            None | Some("false") => Ok(UserDetail { export: false }),
            Some("" | "true") => Ok(UserDetail { export: true }),
            Some(_) => Err(ProblemDocument::bad_request("`export` must be true or false; alone it says true")),
        }
    }
}

/// What of a user is to be explained: all segments and campaigns unless one is named.
pub(super) struct ExplainedParts {
    /// Only this segment, and what it set off.
    pub(super) segment: Option<String>,
    /// Only this campaign, and no segment but the one that is named.
    pub(super) campaign: Option<String>,
    /// `None`: now.
    pub(super) at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainQuery {
    segment: Option<String>,
    campaign: Option<String>,
    at: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for ExplainedParts {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<ExplainedParts, ProblemDocument> {
        let ExplainQuery { segment, campaign, at } = query(parts, state).await?;
        Ok(ExplainedParts { segment, campaign, at: moment("at", at)? })
    }
}

/// Which outputs somebody wants to watch.
pub(super) struct FeedRequest(pub(super) FeedFilter);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedQuery {
    kinds: Option<String>,
    segment: Option<String>,
    campaign: Option<String>,
    user: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for FeedRequest {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<FeedRequest, ProblemDocument> {
        let FeedQuery { kinds, segment, campaign, user } = query(parts, state).await?;
        let kinds = kinds.filter(|kinds| !kinds.is_empty()).unwrap_or_else(|| "transition,decision".to_owned());
        let kinds: Option<Vec<FeedKind>> = kinds.split(',').map(FeedKind::named).collect();
        let wrong = || {
            let known = FeedKind::NAMES.join(", ");
            ProblemDocument::bad_request(format!("`kinds` must be some of {known}, with commas between"))
        };
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let kinds = kinds.ok_or_else(wrong)?;
        Ok(FeedRequest(FeedFilter { kinds, segment: given(segment), campaign: given(campaign), user: given(user) }))
    }
}

/// A range of time.
pub(super) struct TimeRange {
    /// From this instant on.
    pub(super) from: Timestamp,
    /// Before this one.
    pub(super) to: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeRangeQuery {
    from: Option<String>,
    to: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for TimeRange {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<TimeRange, ProblemDocument> {
        let TimeRangeQuery { from, to } = query(parts, state).await?;
        let (from, to) = (moment("from", from)?, moment("to", to)?);
        Ok(TimeRange { from: from.unwrap_or(Timestamp::MIN), to: to.unwrap_or(Timestamp::NEVER) })
    }
}

/// A moment that somebody wrote, if there is one.
pub(super) fn moment(name: &str, text: Option<String>) -> Result<Option<Timestamp>, ProblemDocument> {
    let wrong = || format!("`{name}` must be a time as RFC 3339 (2026-03-09T10:00:00Z), or a date");
    let read = |text: String| Timestamp::parse_moment(&text).ok_or_else(|| ProblemDocument::bad_request(wrong()));
    text.map(read).transpose()
}

/// Which page of a timeline is requested.
pub(super) struct TimelineRequest {
    /// Where it begins; `None`: with the newest entry.
    pub(super) before: Option<TimelinePlace>,
    /// How many entries it has at most.
    pub(super) limit: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimelineQuery {
    before: Option<String>,
    limit: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for TimelineRequest {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<TimelineRequest, ProblemDocument> {
        let TimelineQuery { before, limit } = query(parts, state).await?;
        let wrong = || ProblemDocument::bad_request("`before` must be a time as RFC 3339, or the `next` of a page");
        let before = before.map(|text| TimelinePlace::parse(&text).ok_or_else(wrong)).transpose()?;
        Ok(TimelineRequest { before, limit: limited(limit.as_deref(), 100, 1_000)? })
    }
}

/// Which users are searched for.
pub(super) struct SearchRequest {
    /// The text.
    pub(super) query: String,
    /// How many are found at most.
    pub(super) limit: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchQuery {
    query: Option<String>,
    limit: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for SearchRequest {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<SearchRequest, ProblemDocument> {
        let SearchQuery { query: text, limit } = query(parts, state).await?;
        let query = text.filter(|text| !text.is_empty());
        let query = query.ok_or_else(|| ProblemDocument::bad_request("`query` must say what to look for"))?;
        Ok(SearchRequest { query, limit: limited(limit.as_deref(), 20, 100)? })
    }
}

/// How many records of changes are requested.
pub(super) struct AuditPage {
    pub(super) limit: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    limit: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for AuditPage {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<AuditPage, ProblemDocument> {
        let AuditQuery { limit } = query(parts, state).await?;
        Ok(AuditPage { limit: limited(limit.as_deref(), 100, RECORDS_MAX)? })
    }
}

/// A limit from 1 to `max`.
fn limited(text: Option<&str>, default: usize, max: usize) -> Result<usize, ProblemDocument> {
    let limit = text.map_or(Some(default), |text| text.parse().ok());
    let limit = limit.filter(|limit| (1..=max).contains(limit));
    limit.ok_or_else(|| ProblemDocument::bad_request(format!("`limit` must be 1 to {max}")))
}

/// Which rules may take effect.
pub(super) struct ReloadOptions {
    /// Also those from which all events, segments or campaigns are gone.
    pub(super) allow_empty: bool,
    /// With the state that they would have had all along.
    pub(super) from_log: bool,
    /// They do not: what they would have done is found out.
    pub(super) dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReloadQuery {
    allow_empty: Option<String>,
    from: Option<String>,
    dry_run: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for ReloadOptions {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<ReloadOptions, ProblemDocument> {
        let text: ReloadQuery = query(parts, state).await?;
        let flag = |name: &str, text: Option<&str>| match text {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(_) => Err(ProblemDocument::bad_request(format!("`{name}` must be true or false; alone it says true"))),
        };
        let allow_empty = flag("allow_empty", text.allow_empty.as_deref())?;
        let dry_run = flag("dry_run", text.dry_run.as_deref())?;
        match text.from.as_deref() {
            None if dry_run => {
                Err(ProblemDocument::bad_request("`dry_run` needs `from=log`: what is to be tried is the log"))
            }
            None => Ok(ReloadOptions { allow_empty, from_log: false, dry_run }),
            Some("log") => Ok(ReloadOptions { allow_empty, from_log: true, dry_run }),
            Some(_) => Err(ProblemDocument::bad_request("`from` can be `log` only")),
        }
    }
}

/// Which page of a list is requested.
pub(super) struct PageRequest {
    /// 1 to [`LIMIT_MAX`].
    pub(super) limit: usize,
    /// The `next` of the page before.
    pub(super) cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageRequest {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PageRequest, ProblemDocument> {
        let text: PageQuery = query(parts, state).await?;
        let limit = match &text.limit {
            None => Some(LIMIT_DEFAULT),
            Some(limit) => limit.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)),
        };
        let limit = limit.ok_or_else(|| ProblemDocument::bad_request(format!("`limit` must be 1 to {LIMIT_MAX}")))?;
        Ok(PageRequest { limit, cursor: text.cursor })
    }
}

async fn query<T: DeserializeOwned, S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<T, ProblemDocument> {
    let query = Query::<T>::from_request_parts(parts, state).await;
    query.map(|Query(query)| query).map_err(|why| ProblemDocument::bad_request(why.body_text()))
}
