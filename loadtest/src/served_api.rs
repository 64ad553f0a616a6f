//! The HTTP API, served in this process as in a daemon.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
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
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::Error;

/// A served API.
pub(crate) struct ServedApi {
    pub(crate) address: SocketAddr,
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
pub(crate) async fn serve(live: EngineHandle) -> Result<ServedApi, Error> {
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
    pub(crate) async fn end(self) {
        let _ = self.stop.send(());
        let _ = self.serving.await;
    }
}
