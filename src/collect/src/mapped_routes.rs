//! The paths of own mappings: `/v1/map/NAME` takes what the mapping of that name in the settings maps.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use axum::routing::post;
use serde_json::{Map, Value};

use crate::adapters::VendorRequest;
use crate::answer::{AcceptedRequest, RequestRefusal};
use crate::credentials;
use crate::routes::{facts, read, text_of};
use crate::service::Collector;

/// Adds them.
pub(crate) fn add(router: Router<Arc<Collector>>) -> Router<Arc<Collector>> {
    router.route("/v1/map/{name}", post(mapped))
}

async fn mapped(
    State(collector): State<Arc<Collector>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<AcceptedRequest, RequestRefusal> {
    let mapping = collector.mapping(&name).ok_or(RequestRefusal::UnknownPath)?;
    let (head, body) = request.into_parts();
    let origin = text_of(&head.headers, ORIGIN.as_str());
    // A wrong key is refused before its body is read.
    let key = credentials::of_head(&head.headers, &head.uri);
    let grant = key.as_deref().map(|key| collector.grant(Some(key), origin.as_deref())).transpose()?;
    let (body, _room) = read(&collector, &head.headers, body).await?;
    let query = head.uri.query().unwrap_or_default();
    let VendorRequest { body, mut query } = VendorRequest::of_any(&body, query, collector.settings.max_body_bytes)?;
    if let Value::Object(query) = &mut query {
        query.insert("headers".to_owned(), headers(&head.headers));
    }
    let grant = match grant {
        Some(grant) => grant,
        None => collector.grant(mapping.write_key(&body, &query).as_deref(), origin.as_deref())?,
    };
    let mapped = mapping.mapped(&body, &query);
    collector.take_mapped(&mapped, grant, &facts(&collector, &head)).await
}

/// The headers that say something of the events.
fn headers(headers: &HeaderMap) -> Value {
    let said = headers.iter().filter(|(name, _)| ![AUTHORIZATION, COOKIE].contains(name) && *name != "x-write-key");
    let texts = said.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned().into())));
    Value::Object(texts.collect::<Map<_, _>>())
}
