//! The paths, and a request's way to the collector.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::{Body, HttpBody as _};
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_ENCODING, HOST, ORIGIN, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, extract};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use rekindle_core::event::CallType;
use rekindle_core::time::Timestamp;
use rekindle_web::{ClientAddress, ConnectionsMax, WebService};
use tokio::sync::OwnedSemaphorePermit;
use tower_http::catch_panic::CatchPanicLayer;

use crate::answer::{self, AcceptedRequest, RequestRefusal};
use crate::body::{self, BodyError};
use crate::service::Collector;
use crate::stamp::RequestFacts;
use crate::{cors, credentials, mapped_routes, sdk_settings, vendor_routes};

/// Longer texts of headers are not kept.
const HEADER_TEXT_BYTES_MAX: usize = 512;

/// Of a body whose length is known no more than this is reserved before it comes.
const RESERVED_BYTES_MAX: usize = 64 << 10;

/// How long the head of a request may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Everything that a collector serves.
pub fn service(collector: Collector) -> WebService {
    let collector = Arc::new(collector);
    let health = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .with_state(Arc::clone(&collector));
    let router = mapped_routes::add(vendor_routes::add(Router::new()))
        .route("/v1/{call}", post(calls))
        .route("/v1/{call}/", post(calls))
        .route("/beacon/v1/{call}", post(calls))
        .route("/api/s/{call}", post(calls))
        .route("/api/s/s2s/{call}", post(calls))
        .route("/v1/projects/{key}/settings", get(segment_settings))
        .route("/sourceConfig", get(rudderstack_settings))
        .route("/sourceConfig/", get(rudderstack_settings))
        .with_state(Arc::clone(&collector))
        .merge(health.clone())
        .fallback(async || RequestRefusal::UnknownPath)
        .method_not_allowed_fallback(async || RequestRefusal::WrongMethod)
        .layer(CatchPanicLayer::custom(of_panic))
        .layer(middleware::from_fn_with_state(Arc::clone(&collector), cors::answer))
        .layer(middleware::from_fn_with_state(Arc::clone(&collector), count));
    WebService {
        router,
        reserve: health.fallback(async || RequestRefusal::Busy),
        time: HEAD_TIMEOUT,
        connections: ConnectionsMax {
            total: collector.settings.max_connections,
            per_address: collector.settings.max_connections_per_address,
        },
    }
}

/// The type that a path says its calls are of, where they say none; `Err`: no such path.
fn call_type(name: &str) -> Result<Option<CallType>, RequestRefusal> {
    match name {
        "batch" | "b" | "import" | "event" => Ok(None),
        "t" => Ok(Some(CallType::Track)),
        "i" => Ok(Some(CallType::Identify)),
        "p" => Ok(Some(CallType::Page)),
        "s" => Ok(Some(CallType::Screen)),
        "g" => Ok(Some(CallType::Group)),
        "a" => Ok(Some(CallType::Alias)),
        name => CallType::named(name).map(Some).ok_or(RequestRefusal::UnknownPath),
    }
}

async fn calls(
    State(collector): State<Arc<Collector>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<AcceptedRequest, RequestRefusal> {
    let call_type = call_type(&name)?;
    let (head, body) = request.into_parts();
    let origin = text_of(&head.headers, ORIGIN.as_str());
    // A wrong key is refused before its body is read.
    let key = credentials::of_head(&head.headers, &head.uri);
    let grant = match &key {
        Some(key) => Ok(collector.grant(Some(key), origin.as_deref())?),
        None => Err(origin.as_deref()),
    };
    let (body, _room) = read(&collector, &head.headers, body).await?;
    let facts = facts(&collector, &head);
    collector.take(&body, grant, &facts, call_type).await
}

/// Reads a body within the limits; what it takes of memory is given back with the permit.
pub(crate) async fn read(
    collector: &Collector,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), RequestRefusal> {
    let limit = collector.settings.max_body_bytes;
    let read = tokio::time::timeout(collector.timeout(), read_off(collector, body, limit)).await;
    let (body, mut room) = read.map_err(|_| RequestRefusal::SlowBody)??;
    collector.status.count_bytes(body.len());
    let is_gzip =
        text_of(headers, CONTENT_ENCODING.as_str()).is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"));
    let packed = body.len();
    let body = body::decompressed(body, is_gzip, limit)?;
    if body.len() > packed {
        take_room(collector, &mut room, body.len() - packed)?;
    }
    Ok((body, room))
}

async fn read_off(
    collector: &Collector,
    body: Body,
    limit: usize,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), RequestRefusal> {
    // What is promised is reserved, as far as that costs nobody anything who sends less.
    let promised = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let bytes = BytesMut::with_capacity(promised.min(limit).min(RESERVED_BYTES_MAX));
    let (mut chunks, mut bytes, mut room) = (body.into_data_stream(), bytes, None);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| RequestRefusal::BrokenBody)?;
        if bytes.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge { limit }.into());
        }
        take_room(collector, &mut room, chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes.freeze(), room))
}

/// Takes room for more bytes, if there is some.
fn take_room(
    collector: &Collector,
    room: &mut Option<OwnedSemaphorePermit>,
    bytes: usize,
) -> Result<(), RequestRefusal> {
    let wanted = u32::try_from(bytes).map_err(|_| RequestRefusal::Busy)?;
    let more = Arc::clone(&collector.body_bytes).try_acquire_many_owned(wanted).map_err(|_| RequestRefusal::Busy)?;
    match room {
        Some(room) => room.merge(more),
        None => *room = Some(more),
    }
    Ok(())
}

pub(crate) fn facts(collector: &Collector, head: &Parts) -> RequestFacts {
    let address = head.extensions.get::<ClientAddress>().map(|address| address.0);
    let forwarded = text_of(&head.headers, "x-forwarded-for");
    let forwarded = forwarded.and_then(|list| list.rsplit(',').next()?.trim().parse().ok());
    let language = text_of(&head.headers, ACCEPT_LANGUAGE.as_str());
    let language = language.and_then(|list| Some(list.split([',', ';']).next()?.trim().to_owned()));
    RequestFacts {
        received: now(),
        ip: forwarded.or(address).filter(|_| collector.settings.keep_ip),
        user_agent: text_of(&head.headers, USER_AGENT.as_str()),
        locale: language.filter(|language| !language.is_empty() && language != "*"),
    }
}

/// The wall clock of this machine.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

pub(crate) fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    (text.len() <= HEADER_TEXT_BYTES_MAX).then(|| text.to_owned())
}

async fn segment_settings(
    State(collector): State<Arc<Collector>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Response, RequestRefusal> {
    collector.grant(Some(&key), text_of(&headers, ORIGIN.as_str()).as_deref())?;
    let host = text_of(&headers, "x-forwarded-host").or_else(|| text_of(&headers, HOST.as_str()));
    let host = host.unwrap_or_else(|| collector.settings.listen.to_string());
    let is_https = text_of(&headers, "x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    Ok(answer::json(StatusCode::OK, &sdk_settings::segment(&key, &host, is_https)))
}

async fn rudderstack_settings(
    State(collector): State<Arc<Collector>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, RequestRefusal> {
    let key = credentials::of_head(&headers, &uri).ok_or(RequestRefusal::UnknownKey)?;
    let grant = collector.grant(Some(&key), text_of(&headers, ORIGIN.as_str()).as_deref())?;
    Ok(answer::json(StatusCode::OK, &sdk_settings::rudderstack(&grant.source, &key)))
}

async fn readyz(State(collector): State<Arc<Collector>>) -> Response {
    if collector.is_ready() {
        return (StatusCode::OK, "ready\n").into_response();
    }
    let failing = collector.health.failing();
    let lines: Vec<String> = failing.iter().map(|(part, why)| format!("{part}: {why}\n")).collect();
    let why = if lines.is_empty() { "collect: there is no connection to NATS\n".to_owned() } else { lines.concat() };
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

async fn count(State(collector): State<Arc<Collector>>, request: extract::Request, next: Next) -> Response {
    let response = next.run(request).await;
    collector.status.count_request(response.status().as_u16());
    response
}

fn of_panic(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request was not answered because of a mistake in this program; the lines above say where");
    RequestRefusal::Panicked.into_response()
}
