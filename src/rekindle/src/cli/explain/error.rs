//! Why nothing can be explained.

use std::sync::Arc;

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The rules have no segment or campaign of this name.
    #[error("the rules have no {kind} `{name}`; {help}")]
    UnknownName {
        /// `segment` or `campaign`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What is there.
        help: String,
    },
    /// No event of the user came by then.
    #[error("{}", unknown_user(user, linked_to.as_deref()))]
    UnknownUser {
        /// What was asked for.
        user: String,
        /// The user whose visitor has this id.
        linked_to: Option<Arc<str>>,
    },
    /// The answer cannot be written as JSON.
    #[error("could not write JSON: {0}")]
    Json(#[source] serde_json::Error),
}

fn unknown_user(user: &str, linked_to: Option<&str>) -> String {
    match linked_to {
        Some(linked_to) => {
            format!("`{user}` is a visitor who became the user `{linked_to}`: ask for --user {linked_to}")
        }
        None => format!("nothing is known of `{user}` by then: no accepted event has this id"),
    }
}
