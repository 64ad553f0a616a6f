//! The rules that run, and reading their file anew.
//!
//! How that is done is the daemon's business: it hands in a [`RulesProvider`].

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use super::params::ReloadOptions;
use super::problem::{ProblemDocument, document};
use super::routes::ApiServices;
use rekindle_core::rules::diagnostic::Diagnostic;
use rekindle_core::rules::render;
use rekindle_core::time::Timestamp;
use rekindle_runtime::live::RulesChangeError;
use rekindle_runtime::output::batch::RulesActivation;

/// Where the daemon's rules come from.
pub trait RulesProvider: Send + Sync + 'static {
    /// The rules that run.
    fn loaded(&self) -> Arc<RulesContent>;

    /// Reads the file anew, and lets what it says take effect between two events. Where that fails, nothing changes; rules
    /// from which all events, segments or campaigns are gone fail unless they are allowed. Whoever asks twice at a time is
    /// served one after the other.
    fn reload(&self, allow_empty: bool) -> BoxFuture<'_, Result<ReloadReport, ReloadRejection>>;
}

/// What came of reading the rules anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadReport {
    /// Other rules took effect.
    Applied {
        /// Which, and where.
        reloaded: RulesActivation,
        /// What begins empty by them.
        begins_empty: Vec<ColdStartEntry>,
    },
    /// The file holds the rules in use.
    Unchanged {
        /// Their fingerprint.
        version: String,
    },
}

/// Something that knows nothing of what was before the rules took effect
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BeginsEmpty)]
pub struct ColdStartEntry {
    /// What: a feature, a trait, a cap.
    pub what: String,
    /// How long it does not know the past: a length of time, `for good`, `until an event says it`.
    pub blind: String,
    /// Who reads it; may be empty.
    pub read_by: Vec<String>,
}

/// Rules as they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesContent {
    /// Their fingerprint.
    pub version: String,
    /// The file.
    pub path: PathBuf,
    /// When it was read.
    pub at: Timestamp,
    /// What it said.
    pub text: String,
}

/// Rules that could not be read anew; those before go on.
#[derive(Debug, Error)]
pub enum ReloadRejection {
    /// The file has mistakes.
    #[error(
        "the rules were not changed, because the file has {count} mistake{}:\n{rendered}",
        if *count == 1 { "" } else { "s" }
    )]
    Mistakes {
        /// The first of them, as text for people.
        rendered: String,
        /// Each of these by itself.
        problems: Vec<RulesProblem>,
        /// How many there are.
        count: usize,
    },
    /// All events, segments or campaigns are gone from it.
    #[error("{0}")]
    Emptied(String),
    /// It is another each time it is read.
    #[error("{0}")]
    Unsettled(String),
    /// The file can't be read.
    #[error("the rules were not changed, because {} could not be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The engine did not change them.
    #[error("the rules were not changed: {0}")]
    NotChanged(#[from] RulesChangeError),
}

impl ReloadRejection {
    /// The mistakes found in `text`, which was read from `file`.
    pub fn mistakes(file: &str, text: &str, problems: &[Diagnostic]) -> ReloadRejection {
        let rendered = render::render(file, text, problems, false);
        let shown = problems.iter().take(render::SHOWN_MAX).map(|problem| RulesProblem::new(text, problem)).collect();
        ReloadRejection::Mistakes { rendered, problems: shown, count: problems.len() }
    }
}

/// A mistake in the rules file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RulesProblem {
    /// What is wrong.
    message: String,
    /// What to do about it; may be empty.
    help: String,
    /// Its line, from 1.
    line: usize,
    /// Its column, in characters from 1.
    column: usize,
}

impl RulesProblem {
    fn new(text: &str, problem: &Diagnostic) -> RulesProblem {
        let (line, column) = render::position(text, problem.span.start);
        RulesProblem { message: problem.message.clone(), help: problem.help.clone(), line, column }
    }
}

/// The rules that run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadedRules)]
#[schema(example = json!({
    "version": "5e9b1a33928a1318", "path": "/etc/rekindle/rules.toml", "loaded_at": "2026-03-05T09:00:00.000Z",
    "text": "[events]\nview = \"Product Viewed\"\n"
}))]
pub(super) struct RulesResponse {
    /// Their fingerprint.
    version: String,
    /// The file they were read from.
    path: String,
    /// When it was read.
    #[schema(format = DateTime)]
    loaded_at: String,
    /// What it said.
    text: String,
}

/// What became of a request to read the rules anew.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReloadedRules)]
#[schema(example = json!({
    "changed": true, "version": "5e9b1a33928a1318", "previous": "0d1f0ba3c2a9a1a7", "at": "2026-03-05T09:31:00.000Z",
    "begins_empty": [{"what": "since(order)", "blind": "for good", "read_by": ["segment win_back"]}]
}))]
pub(super) struct ReloadResponse {
    /// Whether other rules took effect; false: the file holds the rules in use, and nothing happened.
    changed: bool,
    /// The fingerprint of the rules since.
    version: String,
    /// The fingerprint of those before.
    previous: String,
    /// The watermark at which they took effect; null: no event had come in, or nothing changed.
    #[schema(format = DateTime)]
    at: Option<String>,
    /// What begins empty by the rules since.
    begins_empty: Vec<ColdStartEntry>,
}

/// What is wrong with the rules file (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RulesMistakes)]
#[schema(example = json!({
    "type": "about:blank", "title": "Unprocessable Entity", "status": 422,
    "detail": "the rules were not changed, because the file has mistakes",
    "count": 1, "problems": [{"message": "there is no function `totl`", "help": "did you mean `total`?", "line": 6, "column": 9}],
    "rendered": "rules.toml:6:9: there is no function `totl`\n"
}))]
pub(super) struct RulesErrorsResponse {
    #[serde(flatten)]
    problem: ProblemDocument,
    /// How many mistakes there are.
    count: usize,
    /// Each of the first 100.
    problems: Vec<RulesProblem>,
    /// The same, drawn as text.
    rendered: String,
}

/// The rules that run, with their text
#[utoipa::path(get, path = "/v1/rules", tag = "engine", responses(
    (status = 200, description = "The rules", body = RulesResponse)
))]
pub(super) async fn rules(State(services): State<Arc<ApiServices>>) -> Json<RulesResponse> {
    let loaded = services.rules.loaded();
    Json(RulesResponse {
        version: loaded.version.clone(),
        path: loaded.path.display().to_string(),
        loaded_at: loaded.at.to_string(),
        text: loaded.text.clone(),
    })
}

/// Read the rules file anew
///
/// Good rules take effect between two events; bad ones change nothing. What they change in segments by themselves is told with
/// the cause `rules`, and sets no campaign off. The request has no body.
#[utoipa::path(post, path = "/v1/rules/reload", tag = "engine", params(
    ("allow_empty" = Option<bool>, Query, description = "Also rules from which all events, segments or campaigns are gone: else such a file counts as cut short")
), responses(
    (status = 200, description = "They took effect, or are those in use", body = ReloadResponse),
    (status = 400, description = "The query asks for something else", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The file has mistakes, or was cut short; nothing changed", body = RulesErrorsResponse, content_type = "application/problem+json"),
    (status = 503, description = "The file can't be read, or the engine does not answer; nothing changed", body = ProblemDocument, content_type = "application/problem+json")
))]
pub(super) async fn reload(
    State(services): State<Arc<ApiServices>>,
    ReloadOptions { allow_empty }: ReloadOptions,
) -> Result<Json<ReloadResponse>, Response> {
    // On a task of its own: a client that goes away does not leave a reload half done.
    let reloading = tokio::spawn(async move { services.rules.reload(allow_empty).await });
    match reloading.await {
        Ok(Ok(ReloadReport::Applied { reloaded, begins_empty })) => Ok(Json(ReloadResponse {
            changed: true,
            version: reloaded.rules,
            previous: reloaded.previous,
            at: (reloaded.at > Timestamp::MIN).then(|| reloaded.at.to_string()),
            begins_empty,
        })),
        Ok(Ok(ReloadReport::Unchanged { version })) => Ok(Json(ReloadResponse {
            changed: false,
            previous: version.clone(),
            version,
            at: None,
            begins_empty: Vec::new(),
        })),
        Ok(Err(error)) => Err(refusal(error)),
        Err(_) => {
            Err(ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, "reading the rules anew broke off")
                .into_response())
        }
    }
}

fn refusal(error: ReloadRejection) -> Response {
    match error {
        ReloadRejection::Mistakes { rendered, problems, count } => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let problem = ProblemDocument::new(status, "the rules were not changed, because the file has mistakes");
            document(status, &RulesErrorsResponse { problem, count, problems, rendered })
        }
        ReloadRejection::Emptied(why) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let problem = ProblemDocument::new(status, why);
            document(status, &RulesErrorsResponse { problem, count: 0, problems: Vec::new(), rendered: String::new() })
        }
        other => ProblemDocument::unavailable(other.to_string()).into_response(),
    }
}
