//! What the log says of one user: asked of the daemon, which provides a [`HistoryRequests`].

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use thiserror::Error;

use super::problem::ProblemDocument;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::Timestamp;
use rekindle_runtime::history::UserStory;

/// What is asked of the log about a user.
#[derive(Clone, Debug)]
pub struct StoryRequest {
    /// The user.
    pub user: String,
    /// As of when; `None`: up to now.
    pub until: Option<Timestamp>,
    /// With all events and outputs, as they follow one another.
    pub with_items: bool,
    /// By which rules; `None`: by those in force now.
    pub rules: Option<Arc<ExecutionPlan>>,
}

/// What the user's own events in the log tell.
pub struct LoggedStory {
    /// The rules that they were replayed under: those in force now, unless others were asked about.
    pub plan: Arc<ExecutionPlan>,
    /// The user's events and outputs, and the state at the end.
    pub story: UserStory,
    /// What the log does not tell, in words.
    pub notes: Vec<String>,
}

/// Why the log does not say.
#[derive(Debug, Error)]
pub enum HistoryUnavailable {
    /// The index of the log is being built.
    #[error("the log is being indexed by user, which is done once: message {read} of {last}; try again")]
    Indexing {
        /// The last message that was indexed.
        read: u64,
        /// The last message to index.
        last: u64,
    },
    /// There is no stream.
    #[error(
        "the past of a user is not known: there is no stream that keeps events (the demo has none, nor has plain NATS)"
    )]
    NoLog,
    /// Something does not work.
    #[error("the user's events could not be read from the log: {0}")]
    Failed(String),
}

impl From<HistoryUnavailable> for ProblemDocument {
    fn from(why: HistoryUnavailable) -> ProblemDocument {
        match why {
            HistoryUnavailable::NoLog => ProblemDocument::not_found(why.to_string()),
            HistoryUnavailable::Indexing { .. } | HistoryUnavailable::Failed(_) => {
                ProblemDocument::unavailable(why.to_string())
            }
        }
    }
}

/// Reads the events of one user from the log.
pub trait HistoryRequests: Send + Sync + 'static {
    /// What the log says of a user.
    fn story(&self, request: StoryRequest) -> BoxFuture<'_, Result<LoggedStory, HistoryUnavailable>>;
}

/// Where no stream keeps events.
#[derive(Clone, Copy, Debug)]
pub struct NoHistory;

impl HistoryRequests for NoHistory {
    fn story(&self, _: StoryRequest) -> BoxFuture<'_, Result<LoggedStory, HistoryUnavailable>> {
        async { Err(HistoryUnavailable::NoLog) }.boxed()
    }
}
