//! What is asked for about a user, and put into the log, where it takes effect at its position: to forget the user, and what the user
//! consents to.
//!
//! The daemon publishes it: it provides a [`UserRequests`].

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use thiserror::Error;

use rekindle_core::time::Timestamp;
use rekindle_runtime::live::EngineHandle;

/// How long the engine may take to find the users of an id.
const WHOM_TIMEOUT: Duration = Duration::from_secs(1);

/// Puts requests about users into the log. Putting one there twice does no harm.
pub trait UserRequests: Send + Sync + 'static {
    /// To forget a user.
    fn forget(&self, user: &str) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>>;

    /// What a user consents to.
    fn consent(&self, said: ConsentChange) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>>;
}

/// What a user said of some purposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentChange {
    /// The user.
    pub user: String,
    /// Each purpose, and whether the user consents to it.
    pub purposes: BTreeMap<String, bool>,
    /// Tells it from every other one.
    pub message_id: String,
}

impl ConsentChange {
    /// The call that says it, as one that a website sends.
    pub fn to_call(&self, at: Timestamp) -> Value {
        json!({
            "type": "identify", "messageId": self.message_id, "userId": self.user, "timestamp": at.to_string(),
            "context": {"consent": {"categoryPreferences": self.purposes}}
        })
    }
}

/// The position of a request in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedPosition {
    /// Its sequence number in the stream; `None`: the log is plain NATS, which numbers nothing.
    pub sequence: Option<u64>,
}

/// A request that is not in the log, as far as is known.
#[derive(Debug, Error)]
#[error("the request could not be put into the log, so nothing comes of it: {source}; ask again, twice does no harm")]
pub struct NotLogged {
    /// Why not. Each implementation of [`UserRequests`] has errors of its own.
    #[from]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The users whom a request with an id is about, as things stand now: the one who has it, and the one whom it is linked to as an
/// anonymous visitor's. `None`: the engine is too busy to say.
pub(super) async fn affected_users(live: &EngineHandle, id: &str) -> Option<Vec<String>> {
    let asked = tokio::time::timeout(WHOM_TIMEOUT, live.affected_users(id)).await;
    let users = asked.ok()?.ok()?;
    Some(users.iter().map(|user| user.to_string()).collect())
}
