//! The paths of other vendors' SDKs, of shops' webhooks and of callbacks.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::ORIGIN;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde_json::json;

use crate::adapters::{ADAPTERS, Vendor, VendorAdapter, VendorOutcome, VendorRequest};
use crate::answer::{self, AcceptedRequest, RequestRefusal};
use crate::credentials;
use crate::routes::{facts, read, text_of};
use crate::service::Collector;
use crate::webhooks::WebhookDelivery;

/// Adds them.
pub(crate) fn add(mut router: Router<Arc<Collector>>) -> Router<Arc<Collector>> {
    for adapter in ADAPTERS.iter() {
        for path in adapter.paths {
            router = router.route(path, of_vendor(adapter));
        }
    }
    // PostHog's SDKs ask which features are on before they send: none is.
    for path in ["/flags", "/flags/", "/decide", "/decide/"] {
        router = router.route(path, post(feature_flags));
    }
    router
        .route("/v1/webhooks/{name}", post(webhook))
        // Mandrill looks whether the address is there, before it takes it.
        .route("/v1/callbacks/{destination}", post(callback).head(callback_address))
}

/// Posts, and requests for pixels.
fn of_vendor(adapter: &'static VendorAdapter) -> MethodRouter<Arc<Collector>> {
    let take = move |State(collector): State<Arc<Collector>>, request: Request| async move {
        match vendor(&collector, adapter, request).await {
            Err(refusal) if adapter.vendor == Vendor::Amplitude => refusal.numbered(),
            answered => answered.into_response(),
        }
    };
    get(take).post(take)
}

async fn vendor(collector: &Collector, adapter: &VendorAdapter, request: Request) -> Result<Response, RequestRefusal> {
    let (head, body) = request.into_parts();
    let origin = text_of(&head.headers, ORIGIN.as_str());
    let (body, _room) = read(collector, &head.headers, body).await?;
    let query = head.uri.query().unwrap_or_default();
    let unwrapped = VendorRequest::unwrap(adapter.vendor, &body, query, collector.settings.max_body_bytes)?;
    let key = adapter.table.write_key(&unwrapped.body, &unwrapped.query);
    let key = key.or_else(|| credentials::of_head(&head.headers, &head.uri));
    let grant = collector.grant(key.as_deref(), origin.as_deref())?;
    let calls = adapter.table.calls(&unwrapped.body, &unwrapped.query);
    let AcceptedRequest { rejected, .. } = collector.take_calls(&calls, grant, &facts(collector, &head)).await?;
    let is_pixel = head.method == Method::GET && adapter.vendor.is_pixel(&unwrapped.query);
    let is_verbose = unwrapped.query["verbose"] == json!("1");
    let (accepted, rejected) = (calls.len() - rejected.len(), rejected.len());
    Ok(adapter.vendor.answer(VendorOutcome { accepted, rejected, is_pixel, is_verbose }))
}

async fn webhook(
    State(collector): State<Arc<Collector>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<AcceptedRequest, RequestRefusal> {
    let webhook = collector.webhooks.get(&name).ok_or(RequestRefusal::UnknownPath)?;
    let (head, body) = request.into_parts();
    let (body, _room) = read(&collector, &head.headers, body).await?;
    match webhook.calls(&head.headers, &body) {
        WebhookDelivery::Forged => Err(RequestRefusal::WrongSignature),
        WebhookDelivery::Nothing => Ok(AcceptedRequest { success: true, rejected: Vec::new() }),
        WebhookDelivery::Calls(calls) => collector.take_calls(&calls, &webhook.grant, &facts(&collector, &head)).await,
    }
}

async fn callback(
    State(collector): State<Arc<Collector>>,
    Path(destination): Path<String>,
    request: Request,
) -> Result<AcceptedRequest, RequestRefusal> {
    let callback = collector.callbacks.get(&destination).ok_or(RequestRefusal::UnknownPath)?;
    let (head, body) = request.into_parts();
    let (body, _room) = read(&collector, &head.headers, body).await?;
    let facts = facts(&collector, &head);
    let calls = callback.calls(&head.headers, &head.uri, &body, facts.received)?;
    collector.take_calls(&calls, &callback.grant, &facts).await
}

async fn callback_address(
    State(collector): State<Arc<Collector>>,
    Path(destination): Path<String>,
) -> Result<StatusCode, RequestRefusal> {
    collector.callbacks.get(&destination).map(|_| StatusCode::OK).ok_or(RequestRefusal::UnknownPath)
}

async fn feature_flags() -> Response {
    let none =
        json!({ "featureFlags": {}, "featureFlagPayloads": {}, "flags": {}, "errorsWhileComputingFlags": false });
    answer::json(StatusCode::OK, &none)
}
