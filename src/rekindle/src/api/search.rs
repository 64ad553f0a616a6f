//! Finding users.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::params::SearchRequest;
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use rekindle_runtime::live::EngineBusy;
use rekindle_runtime::pipeline::{FoundUser, UserMatch};

/// The users that were found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FoundUsers)]
#[schema(example = json!({"users": [{"user": "u42", "matched": "trait", "trait": "email"}], "more": false, "cut_off": false}))]
pub(super) struct FoundUsersResponse {
    /// The one with the id first, then that of a visitor with the id, then by the beginning of the id, then by trait.
    users: Vec<FoundUserEntry>,
    /// There are others.
    more: bool,
    /// There are too many users to compare all of them: only the whole id of a user or visitor finds everybody.
    cut_off: bool,
}

/// A user that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FoundUser)]
pub(super) struct FoundUserEntry {
    /// The user's id.
    user: String,
    /// `id`: the id is the text, or begins with it; `anonymous_id`: that of a visitor who became the user; `trait`: a trait's value.
    matched: &'static str,
    /// The trait; null: it was none.
    #[serde(rename = "trait")]
    of_trait: Option<String>,
}

/// Finds users
///
/// By the id or its beginning, the id of a visitor who became the user, or the exact value of a trait that the rules read (an e-mail
/// address, say). Answered by the engine between two batches, with bounded work: where there are very many users, not all are looked at.
#[utoipa::path(get, path = "/v1/users", tag = "users",
    params(
        ("query" = String, Query, description = "What to look for", example = "u4"),
        ("limit" = Option<u32>, Query, description = "How many users, 1 to 100; 20 unless said", minimum = 1, maximum = 100)
    ),
    responses(
        (status = 200, description = "The users; none where nobody was found", body = FoundUsersResponse),
        (status = 400, description = "There is no `query`, or the query asks for something else", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn search(
    State(services): State<Arc<ApiServices>>,
    SearchRequest { query, limit }: SearchRequest,
) -> Result<Json<FoundUsersResponse>, ProblemDocument> {
    let busy = |busy: EngineBusy| ProblemDocument::unavailable(busy.to_string());
    let found = services.live.search(&query, limit).await.map_err(busy)?;
    let users = found.users.into_iter().map(FoundUserEntry::new).collect();
    Ok(Json(FoundUsersResponse { users, more: found.more, cut_off: found.is_cut_off }))
}

impl FoundUserEntry {
    fn new(FoundUser { user, matched }: FoundUser) -> FoundUserEntry {
        let (matched, of_trait) = match matched {
            UserMatch::Id => ("id", None),
            UserMatch::AnonymousId => ("anonymous_id", None),
            UserMatch::Trait(path) => ("trait", Some(path)),
        };
        FoundUserEntry { user: user.to_string(), matched, of_trait }
    }
}
