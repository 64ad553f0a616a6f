//! The HTTP API, served in this process as in a daemon, and clients that keep their connections.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rekindle::api::{
    ApiServices, ConsentChange, LoggedPosition, MetricsCache, NotLogged, Routes, RulesProvider, UserRequests,
};
use rekindle::audit::AuditMemory;
use rekindle::backtests::Backtests;
use rekindle::reload::{ActiveRules, FromLogReload, ReloadError, ReloadOutcome, RulesUpdate, UpdateOutcome};
use rekindle::versions::{RulesVersion, VersionsUnreadable};
use rekindle_core::time::Timestamp;
use rekindle_runtime::health::Health;
use rekindle_runtime::live::EngineHandle;
use rekindle_settings::HttpSettings;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::LookupRate;
use super::lookups::{LookupClient, LookupResults};
use crate::error::Error;

/// A served API.
pub(super) struct ServedApi {
    pub(super) address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// There is no rules file and no log here: rules can't be reloaded, and no user can be forgotten.
struct UnsupportedServices;

impl RulesProvider for UnsupportedServices {
    fn active(&self) -> ActiveRules {
        ActiveRules {
            version: String::new(),
            path: PathBuf::new(),
            since: Timestamp(0),
            text: String::new(),
            by: String::new(),
        }
    }

    fn read(&self, _: bool) -> BoxFuture<'_, Result<String, ReloadError>> {
        async { Err(ReloadError::NoLog) }.boxed()
    }

    fn reload(&self, _: bool, _: String) -> BoxFuture<'_, Result<ReloadOutcome, ReloadError>> {
        let source = std::io::Error::other("a measurement's rules stay as they are");
        async { Err(ReloadError::Unreadable { path: PathBuf::new(), source }) }.boxed()
    }

    fn reload_from_log(&self, _: bool, _: String) -> BoxFuture<'_, Result<FromLogReload, ReloadError>> {
        async { Err(ReloadError::NoLog) }.boxed()
    }

    fn update(&self, _: RulesUpdate) -> BoxFuture<'_, Result<UpdateOutcome, ReloadError>> {
        async { Err(ReloadError::NoLog) }.boxed()
    }

    fn versions(&self) -> BoxFuture<'_, Result<Vec<RulesVersion>, VersionsUnreadable>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn version_text(&self, _: String) -> BoxFuture<'_, Result<Option<String>, VersionsUnreadable>> {
        async { Ok(None) }.boxed()
    }

    fn latest_from_log(&self) -> Option<FromLogReload> {
        None
    }

    fn cancel_from_log(&self) -> bool {
        false
    }
}

impl UserRequests for UnsupportedServices {
    fn forget(&self, _: &str) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>> {
        async { Err(NotLogged { source: "a measurement has no log".into() }) }.boxed()
    }

    fn consent(&self, _: ConsentChange) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>> {
        async { Err(NotLogged { source: "a measurement has no log".into() }) }.boxed()
    }
}

/// Serves the API of an engine on a port that the system chooses, with the daemon's own limits.
pub(super) async fn serve(live: EngineHandle) -> Result<ServedApi, Error> {
    let failed = |error: rekindle::api::ApiError| Error::Unreadable(error.to_string());
    let server = rekindle_web::HttpServer::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let server = server.map_err(|error| Error::Unreadable(error.to_string()))?;
    let address = server.address();
    let services = ApiServices {
        backtests: Arc::new(Backtests::without_log(live.clone())),
        live,
        health: Health::default(),
        rules: Arc::new(UnsupportedServices),
        requests: Arc::new(UnsupportedServices),
        audit: Arc::new(AuditMemory::default()),
        history: Arc::new(rekindle::api::NoHistory),
        started: Instant::now(),
        clock: None,
    };
    let metrics = MetricsCache::new(|_| Vec::new());
    let routes = Routes::new(services, metrics, &HttpSettings::default()).map_err(failed)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        // How it ends says nothing: answers that fail to come do.
        let _ = routes.serve(server, stopped.map(drop)).await;
    });
    Ok(ServedApi { address, stop, serving })
}

impl ServedApi {
    /// Stops serving.
    pub(super) async fn end(self) {
        let _ = self.stop.send(());
        let _ = self.serving.await;
    }
}

/// Looks up the segments of random users, each client on a connection that it keeps.
pub(super) async fn ask(address: SocketAddr, users: u32, pace: LookupRate) -> Result<LookupResults, Error> {
    let clients: Vec<_> =
        (0..pace.askers).map(|number| tokio::spawn(client(address, LookupClient::new(number, users, pace)))).collect();
    let mut all = LookupResults::new();
    for client in clients {
        all.add(&client.await.map_err(|_| Error::Unreadable("a client has died".to_owned()))??);
    }
    Ok(all)
}

async fn client(address: SocketAddr, mut asker: LookupClient) -> Result<LookupResults, Error> {
    let failed = |why: String| Error::Unreadable(format!("could not ask the API: {why}"));
    let stream = TcpStream::connect(address).await.map_err(|error| failed(error.to_string()))?;
    stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| failed(error.to_string()))?;
    let connection = tokio::spawn(connection);
    let mut asked = LookupResults::new();
    while let Some(at) = asker.next() {
        let user = asker.user();
        tokio::time::sleep_until(at.into()).await;
        let at = asker.since(at);
        let segments = segments_of(&mut sender, address, &user).await.map_err(failed)?;
        asked.note(at.elapsed(), !segments.is_empty());
    }
    connection.abort();
    Ok(asked)
}

/// The answer, as a client reads it.
#[derive(Deserialize)]
struct LookupResponse {
    user: String,
    segments: Vec<String>,
}

async fn segments_of(
    sender: &mut SendRequest<Empty<bytes::Bytes>>,
    address: SocketAddr,
    user: &str,
) -> Result<Vec<String>, String> {
    sender.ready().await.map_err(|error| error.to_string())?;
    let request = Request::get(format!("/v1/users/{user}/segments")).header(HOST, address.to_string());
    let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    let said = || String::from_utf8_lossy(&body).into_owned();
    if status != StatusCode::OK {
        return Err(format!("{status}: {}", said()));
    }
    match serde_json::from_slice::<LookupResponse>(&body) {
        Ok(answer) if answer.user == user => Ok(answer.segments),
        _ => Err(format!("asked for {user}, and it said {}", said())),
    }
}
